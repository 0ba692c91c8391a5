//! What claims refuse.

use crate::ledger::LedgerError;

/// An offer or a claim that makes no sense, or a ledger that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClaimError {
    /// A name that is none.
    #[error("{what}: expected a name, found an empty one")]
    Name {
        /// Whose name.
        what: &'static str,
    },
    /// An offer whose managers do not fit the mode.
    #[error(
        "list of task `{task}` in grid `{grid}`, customer `{customer}`: expected {expected} for mode `{mode}`, found {found}"
    )]
    Managers {
        /// The list's grid.
        grid: String,
        /// The list's task.
        task: String,
        /// The customer.
        customer: String,
        /// The list's mode.
        mode: &'static str,
        /// How many managers would do.
        expected: &'static str,
        /// How many came.
        found: usize,
    },
    /// A weight by which nothing can be sorted.
    #[error("list of task `{task}` in grid `{grid}`, customer `{customer}`: expected a finite weight, found {found}")]
    Weight {
        /// The list's grid.
        grid: String,
        /// The list's task.
        task: String,
        /// The customer.
        customer: String,
        /// What came.
        found: f64,
    },
    /// A customer who stands in a list twice.
    #[error("list of task `{task}` in grid `{grid}`: customer `{customer}` stands in it twice")]
    Twice {
        /// The list's grid.
        grid: String,
        /// The list's task.
        task: String,
        /// The customer.
        customer: String,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
