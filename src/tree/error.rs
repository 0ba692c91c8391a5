//! What trees refuse.

/// Data or a setting that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// Nothing to learn from.
    #[error("no rows, expected at least {at_least}")]
    NoRows {
        /// How many are needed.
        at_least: usize,
    },
    /// Rows without values.
    #[error("rows of width 0, expected at least 1 feature")]
    NoFeatures,
    /// The values do not fill whole rows.
    #[error("features: {values} values do not make whole rows of {width}")]
    Ragged {
        /// How many came.
        values: usize,
        /// The width of a row.
        width: usize,
    },
    /// A value that no tree can place.
    #[error("row {row}, feature {feature}: expected {expected}, found {found}")]
    Value {
        /// The row, from 0.
        row: usize,
        /// The feature, from 0.
        feature: usize,
        /// What would do.
        expected: &'static str,
        /// What came.
        found: f32,
    },
    /// A setting outside its range, or targets and weights that do not fit the rows.
    #[error("`{name}`: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A saved tree that is none.
    #[error("a saved tree: {0}")]
    Saved(String),
    /// Whoever watched the work said so.
    #[error("stopped")]
    Stopped,
}

impl TreeError {
    /// A setting outside its range.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have made or copied")]
    pub(super) fn setting(name: &'static str, expected: &'static str, found: impl ToString) -> Self {
        Self::Setting { name, expected, found: found.to_string() }
    }
}
