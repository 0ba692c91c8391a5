//! Texts that a card shows as they are.

use std::fmt::{self, Display};

use super::CardError;

/// A text that is not blank and not too long; anything else it may be, markup and emoji included.
///
/// Line ends are `\n`, tabs are spaces, and other control characters are gone: neither HTML nor a vCard can carry them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Checks `raw`, which stands at `field`.
    ///
    /// # Errors
    /// [`CardError::Blank`] where nothing is left, [`CardError::Long`] beyond `limit` characters.
    pub fn check(field: impl Display, raw: &str, limit: usize) -> Result<Self, CardError> {
        let text = tidy(raw);
        if text.is_empty() {
            return Err(CardError::Blank { field: field.to_string() });
        }
        let found = text.chars().count();
        if found > limit {
            return Err(CardError::Long { field: field.to_string(), limit, found });
        }
        Ok(Self(text))
    }

    /// As [`Text::check`], but a text that is missing or blank is `None`.
    ///
    /// # Errors
    /// [`CardError::Long`].
    pub fn check_option(field: impl Display, raw: Option<&str>, limit: usize) -> Result<Option<Self>, CardError> {
        match raw {
            Some(raw) if !tidy(raw).is_empty() => Self::check(field, raw, limit).map(Some),
            _ => Ok(None),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of `raw`, short enough for a message.
pub(super) fn excerpt(raw: &str) -> String {
    const SHOWN: usize = 60;
    let mut out: String = raw.chars().take(SHOWN).filter(|c| !c.is_control()).collect();
    if raw.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

fn tidy(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push('\n'),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}
