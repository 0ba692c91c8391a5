//! Raw values that still know which lines they came from.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use serde::de::DeserializeOwned;

use super::de;
use super::error::{JobError, JobErrors};
use super::fault::Finding;
use super::head::{Head, RawHead};
use super::text::JobText;

/// A job file read into its kind's raw type, and the head, which is checked already.
#[derive(Debug)]
pub struct Located<T> {
    /// What all kinds share.
    pub head: Head,
    /// The kind's own tables, not yet checked.
    pub raw: T,
    text: JobText,
}

impl<T> Located<T> {
    /// Starts a list of what `check` finds wrong.
    pub fn issues(&self) -> Issues {
        Issues::new(&self.text)
    }

    /// The job file.
    pub fn text(&self) -> &JobText {
        &self.text
    }
}

/// Reads the head and the kind's raw type. `T` holds the kind's own top-level keys only, not the head's.
///
/// # Errors
/// Everything that is unknown, missing, or of the wrong type, in the head and in the kind's tables.
pub fn parse<T: DeserializeOwned>(text: &JobText) -> Result<Located<T>, JobErrors> {
    let mut errors = Vec::new();
    let mut keep = |findings: Vec<Finding>| {
        errors.extend(findings.into_iter().map(|(at, key, message)| text.error_at(at, &key, message)));
    };
    let head = de::read::<RawHead>(&text.head_tree()).map_err(&mut keep).ok();
    let raw = de::read::<T>(&text.kind_tree()).map_err(&mut keep).ok();
    let head = head.and_then(|h| h.check(text).map_err(|e| errors.extend(e.iter().cloned())).ok());
    match (head, raw) {
        (Some(head), Some(raw)) => Ok(Located { head, raw, text: text.clone() }),
        _ => Err(JobErrors::from_vec(errors).unwrap_or_else(|| text.error("", "cannot be read").into())),
    }
}

/// A list of what `check` finds wrong: each with a key path (`cnn.layers[1].width`) that gives it its line.
#[derive(Debug)]
pub struct Issues {
    text: JobText,
    errors: Vec<JobError>,
}

impl Issues {
    pub(super) fn new(text: &JobText) -> Self {
        Self { text: text.clone(), errors: Vec::new() }
    }

    /// Adds a finding; say what was expected and what came.
    pub fn push(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push(self.text.error(key, message));
    }

    /// Adds a finding unless `ok`.
    pub fn require(&mut self, ok: bool, key: &str, message: impl FnOnce() -> String) {
        if !ok {
            self.push(key, message());
        }
    }

    /// Adds a finding unless the range holds the value.
    pub fn in_range<T: PartialOrd + Display + Copy>(&mut self, key: &str, value: T, range: impl RangeBounds<T>) {
        if !range.contains(&value) {
            self.push(key, format!("expected {}, got {value}", in_words(&range)));
        }
    }

    /// Whether nothing has been found yet.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Ends the list.
    ///
    /// # Errors
    /// All that was found.
    pub fn finish(self) -> Result<(), JobErrors> {
        JobErrors::from_vec(self.errors).map_or(Ok(()), Err)
    }
}

fn in_words<T: Display>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Included(high)) => format!("{low} to {high}"),
        (Bound::Included(low), Bound::Excluded(high)) => format!("at least {low} and below {high}"),
        (Bound::Excluded(low), Bound::Included(high)) => format!("above {low} and at most {high}"),
        (Bound::Excluded(low), Bound::Excluded(high)) => format!("above {low} and below {high}"),
        (Bound::Included(low), Bound::Unbounded) => format!("at least {low}"),
        (Bound::Excluded(low), Bound::Unbounded) => format!("above {low}"),
        (Bound::Unbounded, Bound::Included(high)) => format!("at most {high}"),
        (Bound::Unbounded, Bound::Excluded(high)) => format!("below {high}"),
        (Bound::Unbounded, Bound::Unbounded) => "any value".to_owned(),
    }
}

#[cfg(test)]
#[path = "located_tests.rs"]
mod tests;
