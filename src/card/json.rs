//! Data for the card's script, inside a `<script>` element.

use std::fmt::{self, Display};

use askama::filters::HtmlSafe;
use serde::Serialize;

/// JSON in which nothing is left that HTML would read: `<`, `>` and `&` are `\u003c` and so on, and so are the line
/// separators U+2028 and U+2029, which older scripts take for line ends.
///
/// All of them can occur inside strings only, where an escape means the same character.
pub(super) struct ScriptJson<'a, T>(pub &'a T);

impl<T: Serialize> Display for ScriptJson<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        let mut done = 0;
        for (at, c) in json.char_indices() {
            if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
                f.write_str(&json[done..at])?;
                write!(f, "\\u{:04x}", u32::from(c))?;
                done = at + c.len_utf8();
            }
        }
        f.write_str(&json[done..])
    }
}

impl<T: Serialize> HtmlSafe for ScriptJson<'_, T> {}
