//! Preparation that cannot be done.

/// Why values cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepError {
    /// There is nothing to learn from.
    #[error("{what}: expected at least one row to learn from, found none")]
    NoRows {
        /// What was to be learned.
        what: &'static str,
    },
    /// Rows of another width.
    #[error("expected {expected} values, found {found}")]
    Width {
        /// The width that was learned.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// Two features, or a feature and a layout, do not go together.
    #[error("features: {0}")]
    Features(String),
}
