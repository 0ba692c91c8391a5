//! Texts with named slots.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OutboxError;

/// A task's message as it stands in a job file. `{name}` is a slot; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTemplate {
    /// The task.
    pub task: String,
    /// The message's text.
    pub text: String,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The campaign's slogan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slogan: Option<String>,
    /// A file name or address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

/// A part of a template: its name and its pieces.
type Part = (&'static str, Vec<Piece>);

/// A checked template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    task: String,
    text: Part,
    others: [Option<Part>; 3],
}

/// A message whose slots are filled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Where it leads.
    pub link: Option<String>,
    /// The slogan.
    pub slogan: Option<String>,
    /// A picture's file name or address.
    pub picture: Option<String>,
}

impl RawTemplate {
    /// Reads the slots.
    ///
    /// # Errors
    /// [`OutboxError::Template`] for a task or text that is empty, a brace without its partner, a slot without a name.
    pub fn check(&self) -> Result<Template, OutboxError> {
        for (part, value) in [("task", &self.task), ("text", &self.text)] {
            if value.trim().is_empty() {
                return Err(self.refuse(part, "expected a text, found none".to_owned()));
            }
        }
        let part = |name: &'static str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => self.pieces(name, text).map(|pieces| Some((name, pieces))),
        };
        let others = [part("link", &self.link)?, part("slogan", &self.slogan)?, part("picture", &self.picture)?];
        Ok(Template { task: self.task.clone(), text: ("text", self.pieces("text", &self.text)?), others })
    }

    fn refuse(&self, part: &'static str, reason: String) -> OutboxError {
        OutboxError::Template { task: self.task.clone(), part, reason }
    }

    fn pieces(&self, part: &'static str, text: &str) -> Result<Vec<Piece>, OutboxError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let brace = &rest[at..=at];
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{");
            let Some(end) = end else {
                return Err(self.refuse(part, format!("expected `{{slot}}` or a doubled brace, found `{brace}` alone")));
            };
            let slot = &rest[..end];
            if slot.is_empty() || !slot.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(
                    self.refuse(part, format!("expected a slot's name of letters, digits and `_`, found `{slot}`"))
                );
            }
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Slot(slot.to_owned()));
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(pieces)
    }
}

impl Template {
    /// The task.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The slots' names.
    pub fn slots(&self) -> BTreeSet<&str> {
        let parts = self.others.iter().flatten().chain([&self.text]);
        parts
            .flat_map(|(_, pieces)| pieces)
            .filter_map(|piece| if let Piece::Slot(name) = piece { Some(name.as_str()) } else { None })
            .collect()
    }

    /// Fills the slots.
    ///
    /// # Errors
    /// [`OutboxError::MissingSlot`].
    pub fn render(&self, values: &BTreeMap<String, String>) -> Result<Rendered, OutboxError> {
        let fill = |(part, pieces): &Part| {
            let mut text = String::new();
            for piece in pieces {
                text.push_str(match piece {
                    Piece::Text(plain) => plain,
                    Piece::Slot(slot) => values.get(slot).ok_or_else(|| OutboxError::MissingSlot {
                        task: self.task.clone(),
                        part,
                        slot: slot.clone(),
                    })?,
                });
            }
            Ok::<_, OutboxError>(text)
        };
        let [link, slogan, picture] = &self.others;
        let other = |part: &Option<Part>| part.as_ref().map(fill).transpose();
        Ok(Rendered { text: fill(&self.text)?, link: other(link)?, slogan: other(slogan)?, picture: other(picture)? })
    }
}
