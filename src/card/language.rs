//! The language of a card, and which way it is written.

use super::CardError;
use super::text::excerpt;

const EXPECTED: &str = "a language tag such as zh-CN, en or ar";

/// Languages that are written from right to left unless their tag names another script.
const RIGHT_TO_LEFT: [&str; 14] =
    ["ar", "arc", "ckb", "dv", "fa", "he", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"];
const RIGHT_TO_LEFT_SCRIPTS: [&str; 8] = ["adlm", "arab", "aran", "hebr", "nkoo", "rohg", "syrc", "thaa"];

/// A language tag by BCP 47, for example `zh-CN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(String);

impl Language {
    /// Checks the form of `raw` (not whether the language exists) and puts its letters into the usual case.
    ///
    /// # Errors
    /// [`CardError::Form`].
    pub fn check(field: &str, raw: &str) -> Result<Self, CardError> {
        let raw = raw.trim();
        let fault = || CardError::Form { field: field.to_owned(), expected: EXPECTED, found: excerpt(raw) };
        let mut out = String::with_capacity(raw.len());
        for (at, part) in raw.split(['-', '_']).enumerate() {
            let fits = match at {
                0 => (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()),
                _ => (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()),
            };
            if !fits || at > 7 {
                return Err(fault());
            }
            push_part(&mut out, at, part);
        }
        Ok(Self(out))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag's first part: the language without script or region.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// `rtl` or `ltr`, as HTML says it.
    pub fn direction(&self) -> &'static str {
        let script =
            self.0.split('-').skip(1).find(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic()));
        let right_to_left = match script {
            Some(script) => RIGHT_TO_LEFT_SCRIPTS.contains(&script.to_ascii_lowercase().as_str()),
            None => RIGHT_TO_LEFT.contains(&self.primary()),
        };
        if right_to_left { "rtl" } else { "ltr" }
    }
}

fn push_part(out: &mut String, at: usize, part: &str) {
    if at == 0 {
        out.push_str(&part.to_ascii_lowercase());
        return;
    }
    out.push('-');
    match part.len() {
        2 => out.push_str(&part.to_ascii_uppercase()),
        4 if part.as_bytes()[0].is_ascii_alphabetic() => {
            out.push_str(&part[..1].to_ascii_uppercase());
            out.push_str(&part[1..].to_ascii_lowercase());
        }
        _ => out.push_str(&part.to_ascii_lowercase()),
    }
}
