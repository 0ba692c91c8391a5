//! What clustering refuses.

use crate::ops::ShapeError;
use crate::plan::PlanError;

/// Data or a wish that makes no sense, or a device that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// Nothing to work on.
    #[error("no rows, expected at least {at_least}")]
    NoRows {
        /// How many are needed.
        at_least: usize,
    },
    /// Rows without values.
    #[error("rows of width 0, expected at least 1 value a row")]
    NoColumns,
    /// The values do not fill whole rows.
    #[error("{what}: {values} values do not make whole rows of {width}")]
    Ragged {
        /// Whose values.
        what: &'static str,
        /// How many came.
        values: usize,
        /// The width of a row.
        width: usize,
    },
    /// A value that cannot be clustered.
    #[error("{what}: row {row}, column {column}: expected a number of magnitude at most 1e15, found {value}")]
    Value {
        /// Whose value.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What came.
        value: f32,
    },
    /// Two widths that should be the same.
    #[error("{what} of width {found}, expected the rows' width {expected}")]
    Width {
        /// Whose width.
        what: &'static str,
        /// The rows'.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// More is asked for than there are rows.
    #[error("{what}: at least {wanted} rows are needed, found {rows}")]
    TooFewRows {
        /// What is asked for.
        what: &'static str,
        /// How many it needs.
        wanted: usize,
        /// What there is.
        rows: usize,
    },
    /// A setting outside its range.
    #[error("`{name}`: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A row of zeros has no cosine to anything.
    #[error("row {row}: expected a value other than 0 for the cosine, found zeros only")]
    NoDirection {
        /// The row, from 0.
        row: usize,
    },
    /// A given centre of zeros has no cosine to anything.
    #[error("centres: expected a value other than 0 in each for the cosine, found one of zeros only")]
    NoCentreDirection,
    /// Rows that do not lie in memory could not be read.
    #[error("{reason}")]
    Source {
        /// What the source says.
        reason: String,
    },
    /// Whoever watched the work said so.
    #[error("stopped")]
    Stopped,
    /// The eigenvalues were not found.
    #[error("the covariance of {width} columns has no eigenvalues after {iterations} iterations")]
    NoEigenvalues {
        /// Columns.
        width: usize,
        /// Iterations tried.
        iterations: usize,
    },
    /// The device failed.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<ShapeError> for ClusterError {
    fn from(error: ShapeError) -> Self {
        Self::Plan(error.into())
    }
}
