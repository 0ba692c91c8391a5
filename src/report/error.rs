//! What can go wrong when a report is built.

use crate::artifact::ArtifactError;

/// Why a report, a table or a chart was refused.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A value is NaN or infinite, or too large for a picture.
    #[error("{what}: expected a finite number at index {index}, got {value}")]
    NonFinite {
        /// The chart or table, and the part of it.
        what: String,
        /// Where in that part, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Two lengths that must agree do not.
    #[error("{what}: expected {expected} values, got {got}")]
    Length {
        /// The chart or table, and the part of it.
        what: String,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// A value is finite but outside what the chart can mean.
    #[error("{what}: expected {expected}, got {got}")]
    Range {
        /// The chart or table, and the part of it.
        what: String,
        /// The allowed range, in words.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// A section id is not usable as an anchor.
    #[error("section id {id:?}: expected a lower-case letter, then lower-case letters, digits or '-'")]
    BadId {
        /// The id.
        id: String,
    },
    /// Two sections share an id.
    #[error("section id {id:?} is used twice")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Magnitudes above this would overflow when two are subtracted and scaled.
const MAGNITUDE_MAX: f64 = 1e300;

/// Refuses values that no axis can hold.
pub(super) fn check_finite(what: &str, values: impl IntoIterator<Item = f64>) -> Result<(), ReportError> {
    match values.into_iter().enumerate().find(|(_, v)| !v.is_finite() || v.abs() > MAGNITUDE_MAX) {
        Some((index, value)) => Err(ReportError::NonFinite { what: what.to_owned(), index, value }),
        None => Ok(()),
    }
}

/// Refuses values outside [0, 1].
pub(super) fn check_share(what: &str, values: impl IntoIterator<Item = f64>) -> Result<(), ReportError> {
    for (index, value) in values.into_iter().enumerate() {
        check_finite(what, [value]).map_err(|_| ReportError::NonFinite { what: what.to_owned(), index, value })?;
        if !(0.0..=1.0).contains(&value) {
            let got = format!("{value} at index {index}");
            return Err(ReportError::Range { what: what.to_owned(), expected: "values from 0 to 1", got });
        }
    }
    Ok(())
}

/// Refuses a part whose length is not the expected one.
pub(super) fn check_length(what: &str, expected: usize, got: usize) -> Result<(), ReportError> {
    if expected == got { Ok(()) } else { Err(ReportError::Length { what: what.to_owned(), expected, got }) }
}
