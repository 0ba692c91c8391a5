//! The forward kernel.

use super::{AssociationSpec, ShapeError, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Forward. Arguments: `qkv` [n, l, 3 d], `x` [n, l, d], `y` [n, l + l (l - 1) / 2, d], `a` [n, heads, l, l].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Association {
    spec: AssociationSpec,
}

impl Association {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, less than 2 or more than 64 positions, or the heads do not fit.
    pub fn new(spec: AssociationSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for Association {
    fn name(&self) -> &'static str {
        "association"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            self.spec.qkv(),
            ArgSpec::read("x", self.spec.x_len()).rows(),
            ArgSpec::write("y", self.spec.y_len()).rows(),
            ArgSpec::write("a", self.spec.weights_len()).rows(),
        ]
    }
    fn work(&self) -> Work {
        let words = 4 * self.spec.x_len() + self.spec.y_len() + self.spec.weights_len();
        let samples = (self.spec.fleet * self.spec.n) as f64;
        Work { flops: samples * self.spec.flops(2.0), bytes: 4.0 * self.spec.fleet as f64 * words as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}
