//! Kernels that a GPU runs as one dispatch.

use std::ops::Range;
use std::sync::Arc;

use super::TensorId;
use crate::ops::Program;

/// A program with its tensors.
#[derive(Debug, Clone)]
pub(super) struct Fused {
    /// The kernels that it stands for.
    pub kernels: Range<usize>,
    pub program: Arc<dyn Program>,
    /// For each binding the tensors in it, which are of one group if there are several, and whether they are written.
    pub binds: Vec<(Vec<TensorId>, bool)>,
}

impl Fused {
    pub(super) fn tensors(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.binds.iter().flat_map(|(ids, _)| ids.iter().copied())
    }
}
