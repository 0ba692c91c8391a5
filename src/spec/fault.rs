//! What can be wrong with a value, in a form that keeps what serde knows about it.

use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use super::tree::{Node, Value};
use super::words::{describe, hint, one_of, plain_type};

/// A finding: where it stands, the key's path, and what was expected and came.
pub(super) type Finding = (usize, String, String);

/// An error on its way up; the innermost value that it passes gives it its place.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) what: What,
    pub(super) at: Option<Box<At>>,
}

/// The value at fault.
#[derive(Debug)]
pub(super) struct At {
    pub(super) start: usize,
    pub(super) path: String,
    got: String,
    /// The keys of a table and where they stand.
    keys: Vec<(String, usize)>,
}

#[derive(Debug)]
pub(super) enum What {
    /// What was expected.
    Type(String),
    /// A key, and those that were possible.
    Key(String, &'static [&'static str]),
    /// A word, and those that were possible.
    Word(String, &'static [&'static str]),
    Missing(&'static str),
    Other(String),
}

impl What {
    /// Without what came: only the value's place tells that.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Type(expected) => format!("expected {expected}"),
            Self::Key(key, candidates) => unknown_key(key, candidates),
            Self::Word(word, candidates) => {
                format!("expected {}, got {word:?}{}", one_of(candidates), hint(word, candidates))
            }
            Self::Missing(_) => "missing; it has no default".to_owned(),
            Self::Other(message) => message.clone(),
        }
    }

    pub(super) fn finding(&self, at: &At) -> Finding {
        let message = self.message();
        match self {
            Self::Type(_) | Self::Other(_) => (at.start, at.path.clone(), format!("{message}, got {}", at.got)),
            Self::Word(..) => (at.start, at.path.clone(), message),
            Self::Missing(key) => (at.start, join(&at.path, key), message),
            Self::Key(key, _) => {
                let start = at.keys.iter().find(|(k, _)| k == key).map_or(at.start, |(_, start)| *start);
                (start, join(&at.path, key), message)
            }
        }
    }
}

impl Fault {
    pub(super) fn new(what: What) -> Self {
        Self { what, at: None }
    }

    /// Gives the error its place, unless a value inside has done so.
    pub(super) fn located(mut self, node: &Node, path: &str) -> Self {
        if self.at.is_none() {
            let keys = match &node.value {
                Value::Table(entries) => entries.iter().map(|e| (e.key.clone(), e.key_start)).collect(),
                _ => Vec::new(),
            };
            self.at = Some(Box::new(At { start: node.start, path: path.to_owned(), got: describe(node), keys }));
        }
        self
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what.message())
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<M: Display>(message: M) -> Self {
        Self::new(What::Other(message.to_string()))
    }
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Type(plain_type(&expected.to_string())))
    }
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Type(plain_type(&expected.to_string())))
    }
    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(What::Type(plain_type(&expected.to_string())))
    }
    fn unknown_variant(word: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Word(word.to_owned(), expected))
    }
    fn unknown_field(key: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Key(key.to_owned(), expected))
    }
    fn missing_field(key: &'static str) -> Self {
        Self::new(What::Missing(key))
    }
}

/// The message about a key that no field takes.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "unknown key, nothing can stand here".to_owned();
    }
    format!("unknown key, expected {}{}", one_of(known), hint(key, known))
}

/// A key path one step longer.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
