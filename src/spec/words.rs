//! Words for people: suggestions for typos, and serde's type names in plain English.

use super::tree::{Node, Value};
use crate::words::nearest;

/// The words that were possible.
pub(super) fn one_of(candidates: &[&str]) -> String {
    let list = candidates.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    if candidates.len() == 1 { list } else { format!("one of {list}") }
}

/// A suggestion to put behind a message, or nothing.
pub(super) fn hint(word: &str, candidates: &[&str]) -> String {
    nearest(word, candidates.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// serde's name of an expected type, as a person who writes TOML would say it.
pub(super) fn plain_type(expected: &str) -> String {
    let plain = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string or map" => "a text in quotes",
        "path string" => "a path in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        other if other.starts_with("struct ") || other.starts_with("map ") => "a table",
        other => other,
    };
    plain.to_owned()
}

/// What stands in the file, shortened, for `got ...`.
pub(super) fn describe(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => format!("the text {:?}", shortened(text)),
        Value::Int(n) => format!("the number {n}"),
        Value::Float(x) => format!("the number {x:?}"),
        Value::Bool(b) => format!("{b}"),
        Value::Date(date) => format!("the date {date}"),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Table(_) => "a table".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_suggests_the_nearest_word_only_when_it_is_near() {
        assert_eq!(nearest("epocs", ["epochs", "rate"]), Some("epochs"));
        assert_eq!(nearest("Growht", ["growth", "push"]), Some("growth"));
        assert_eq!(nearest("cvs", ["csv", "parquet"]), Some("csv"));
        assert_eq!(nearest("zzz", ["epochs", "rate"]), None);
        assert_eq!(hint("zzz", &["epochs"]), "");
    }

    #[test]
    fn e16_long_texts_are_shortened_at_a_character() {
        let text = "\u{4ea7}".repeat(100);
        assert_eq!(shortened(&text).chars().count(), 63);
    }
}
