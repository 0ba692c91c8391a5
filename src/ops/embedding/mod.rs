//! Rows of a table that is learnt: `y[f, i, :] = table[f, idx[f, i], :]`.
//!
//! Backward: `dtable[f, v, :] = sum over i with idx[f, i] == v of dy[f, i, :]`, i in order. The host checks the numbers
//! before it uploads them; one of `vocab` or more counts as the last row, forward and backward.
//!
//! GPU, backward: an invocation a word of the table looks through all n numbers, so that no two add to the same word.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "embedding",
    preludes: &[prelude::GRID],
    source: include_str!("../../../shaders/ops/embedding.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct EmbeddingOp;

impl Op for EmbeddingOp {
    fn name(&self) -> &'static str {
        "embedding"
    }
    fn summary(&self) -> &'static str {
        "y[f,i,:] = table[f,idx[f,i],:]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is looked up; [`Embedding::new`] and [`EmbeddingBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmbeddingSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the table.
    pub vocab: usize,
    /// Values a row.
    pub d: usize,
    /// Numbers that are looked up.
    pub n: usize,
}

impl EmbeddingSpec {
    fn check(&self) -> Result<(), ShapeError> {
        let Self { fleet, vocab, d, n } = *self;
        ShapeError::positive("embedding", &[("fleet", fleet), ("vocab", vocab), ("d", d), ("n", n)])?;
        ShapeError::countable("embedding", &[("table", &[fleet, vocab, d]), ("y", &[fleet, n, d])])
    }
}

/// The forward kernel. Arguments: `table` [vocab, d], `idx` `[n]` (u32), `y` [n, d].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedding {
    spec: EmbeddingSpec,
}

impl Embedding {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: EmbeddingSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let EmbeddingSpec { vocab, d, n, .. } = self.spec;
        vec![ArgSpec::read("table", vocab * d), ArgSpec::read("idx", n).u32(), ArgSpec::write("y", n * d)]
    }
    fn work(&self) -> Work {
        let EmbeddingSpec { fleet, d, n, .. } = self.spec;
        Work { flops: 0.0, bytes: 4.0 * (fleet * n) as f64 * (2 * d + 1) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(&self.spec, args);
    }
    fn cpu(&self, _ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(&self.spec, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.spec)
    }
}

/// The backward kernel. Arguments: `dy` [n, d], `idx` `[n]` (u32), `dtable` [vocab, d].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddingBackward {
    spec: EmbeddingSpec,
}

impl EmbeddingBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: EmbeddingSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for EmbeddingBackward {
    fn name(&self) -> &'static str {
        "embedding.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let EmbeddingSpec { vocab, d, n, .. } = self.spec;
        vec![ArgSpec::read("dy", n * d), ArgSpec::read("idx", n).u32(), ArgSpec::write("dtable", vocab * d)]
    }
    fn work(&self) -> Work {
        let EmbeddingSpec { fleet, vocab, d, n } = self.spec;
        Work { flops: (fleet * n * d) as f64, bytes: 4.0 * fleet as f64 * (n * d + vocab * d + n) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward(&self.spec)
    }
}
