//! The backward kernel.

use super::{AssociationSpec, ShapeError, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Backward. Arguments: `qkv`, `a`, `dy`, `dx`, `dqkv`, and scratch of a's length; all as forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationBackward {
    spec: AssociationSpec,
}

impl AssociationBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// As [`super::Association::new`].
    pub fn new(spec: AssociationSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for AssociationBackward {
    fn name(&self) -> &'static str {
        "association.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let x = self.spec.x_len();
        vec![
            self.spec.qkv(),
            ArgSpec::read("a", self.spec.weights_len()).rows(),
            ArgSpec::read("dy", self.spec.y_len()).rows(),
            ArgSpec::write("dx", x).rows(),
            ArgSpec::write("dqkv", 3 * x).rows(),
            ArgSpec::scratch("scratch", self.spec.weights_len()),
        ]
    }
    fn work(&self) -> Work {
        let words = 7 * self.spec.x_len() + self.spec.y_len() + self.spec.weights_len();
        let samples = (self.spec.fleet * self.spec.n) as f64;
        Work { flops: samples * self.spec.flops(4.0), bytes: 4.0 * self.spec.fleet as f64 * words as f64 }
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
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
    fn tile_scratch(&self, _rows: usize) -> usize {
        0
    }
}
