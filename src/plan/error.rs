//! What a plan refuses.

use crate::backend::BackendError;
use crate::ops::ShapeError;

/// A plan that cannot be built or run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PlanError {
    /// A kernel's shape makes no sense.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A kernel is bound to something else than it asks for.
    #[error("{kernel}, argument `{argument}`: expected {expected}, found {found}")]
    Binding {
        /// The kernel.
        kernel: &'static str,
        /// Its argument.
        argument: String,
        /// What it asks for.
        expected: String,
        /// What it got.
        found: String,
    },
    /// Data of another length than the tensor's.
    #[error("tensor `{tensor}` holds {expected} words, found {found}")]
    Length {
        /// The tensor.
        tensor: String,
        /// Its words.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The tensor's words exist only while a list runs.
    #[error("tensor `{tensor}` holds nothing between runs")]
    Local {
        /// The tensor.
        tensor: String,
    },
}
