//! Addresses: web, phone, e-mail. A card links to nothing else.

use std::fmt::{self, Display, Write};

use super::CardError;
use super::text::excerpt;

const URL_CHARS_MAX: usize = 600;
const WEB: &str = "an address that begins with https://, http://, mailto: or tel:, without spaces";
const EMAIL: &str = "an e-mail address such as li@example.com";
const PHONE: &str = "a phone number of 3 to 20 digits with spaces and + - ( ) . /";

/// An address that a browser may follow from a card: `https`, `http`, `mailto` or `tel`, never `javascript:` or
/// `data:`.
///
/// It is shown with everything percent-encoded that could end an attribute or a `url(...)`; other letters stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl(String);

impl WebUrl {
    /// Checks `raw`, which stands at `field`.
    ///
    /// # Errors
    /// [`CardError::Form`] for another scheme, for white space or control characters (browsers drop some of them, and
    /// what is left may be another scheme), for a missing host or for a name and password before it.
    pub fn check(field: &str, raw: &str) -> Result<Self, CardError> {
        let raw = raw.trim();
        let fault = || CardError::Form { field: field.to_owned(), expected: WEB, found: excerpt(raw) };
        let found = raw.chars().count();
        if found > URL_CHARS_MAX {
            return Err(CardError::Long { field: field.to_owned(), limit: URL_CHARS_MAX, found });
        }
        if raw.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(fault());
        }
        let (scheme, rest) = raw.split_once(':').ok_or_else(fault)?;
        let scheme = scheme.to_ascii_lowercase();
        let fits = match scheme.as_str() {
            "https" | "http" => rest.strip_prefix("//").is_some_and(has_plain_host),
            "mailto" | "tel" => !rest.is_empty() && !rest.starts_with('/'),
            _ => false,
        };
        if !fits {
            return Err(fault());
        }
        Ok(Self(encode(&scheme, rest)))
    }

    /// As [`WebUrl::check`], but an address that is missing or blank is `None`.
    ///
    /// # Errors
    /// As [`WebUrl::check`].
    pub fn check_option(field: &str, raw: Option<&str>) -> Result<Option<Self>, CardError> {
        raw.filter(|raw| !raw.trim().is_empty()).map(|raw| Self::check(field, raw)).transpose()
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as a reader wants to see it: without its scheme and without a last slash.
    pub fn shown(&self) -> &str {
        let rest = self.0.split_once(':').map_or("", |(_, rest)| rest);
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        rest.strip_suffix('/').unwrap_or(rest)
    }
}

impl Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Checks `raw`, which stands at `field`.
    ///
    /// # Errors
    /// [`CardError::Form`].
    pub fn check(field: &str, raw: &str) -> Result<Self, CardError> {
        let raw = raw.trim();
        let part = |s: &str| !s.is_empty() && !s.starts_with('.') && !s.ends_with('.') && !s.contains("..");
        let host = |s: &str| part(s) && s.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
        let plain = raw.len() <= 254
            && raw.chars().all(|c| c.is_alphanumeric() || (c.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(c)));
        match raw.split_once('@') {
            Some((name, domain)) if plain && part(name) && host(domain) => Ok(Self(raw.to_owned())),
            _ => Err(CardError::Form { field: field.to_owned(), expected: EMAIL, found: excerpt(raw) }),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as a link: every byte that a mail address in a link must not hold is percent-encoded.
    pub fn link(&self) -> String {
        let mut out = String::from("mailto:");
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'@' | b'.' | b'-' | b'_' | b'~' | b'+' => {
                    out.push(byte as char);
                }
                _ => percent(&mut out, byte),
            }
        }
        out
    }
}

/// A phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Checks `raw`, which stands at `field`.
    ///
    /// # Errors
    /// [`CardError::Form`].
    pub fn check(field: &str, raw: &str) -> Result<Self, CardError> {
        let raw = raw.trim();
        let digits = raw.bytes().filter(u8::is_ascii_digit).count();
        let plain =
            raw.char_indices().all(|(at, c)| c.is_ascii_digit() || " -()./".contains(c) || (at == 0 && c == '+'));
        if !plain || !(3..=20).contains(&digits) || raw.len() > 40 {
            return Err(CardError::Form { field: field.to_owned(), expected: PHONE, found: excerpt(raw) });
        }
        Ok(Self(raw.to_owned()))
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as a link.
    pub fn link(&self) -> String {
        let dialled = self.0.chars().filter(|c| c.is_ascii_digit() || *c == '+');
        "tel:".chars().chain(dialled).collect()
    }
}

/// Whether `rest`, what follows the two slashes, begins with a host and nothing before it.
fn has_plain_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@')
}

fn encode(scheme: &str, rest: &str) -> String {
    let mut out = format!("{scheme}:");
    for c in rest.chars() {
        match c {
            '"' | '\'' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => percent(&mut out, c as u8),
            c => out.push(c),
        }
    }
    out
}

fn percent(out: &mut String, byte: u8) {
    write!(out, "%{byte:02X}").unwrap_or_default();
}
