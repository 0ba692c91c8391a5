//! The backward kernel.

use super::{AttentionSpec, ShapeError, cpu_backward, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Backward. Arguments: `qkv`, `y`, `lse`, `dy` (like y), `dqkv` (like qkv), scratch, and `lengths` if samples have
/// lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionBackward {
    spec: AttentionSpec,
}

impl AttentionBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the heads do not fit.
    pub fn new(spec: AttentionSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for AttentionBackward {
    fn name(&self) -> &'static str {
        "attention.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let AttentionSpec { n, l, d, heads, lengths, .. } = self.spec;
        let mut args = vec![
            self.spec.qkv(),
            ArgSpec::read("y", n * l * d).rows(),
            ArgSpec::read("lse", n * heads * l).rows(),
            ArgSpec::read("dy", n * l * d).rows(),
            ArgSpec::write("dqkv", n * l * 3 * d).rows(),
            ArgSpec::scratch("scratch", self.spec.backward_scratch()),
        ];
        if lengths {
            args.push(self.spec.lengths_arg());
        }
        args
    }
    fn work(&self) -> Work {
        let AttentionSpec { fleet, n, l, d, heads, .. } = self.spec;
        let words = fleet as f64 * (n * l) as f64 * (8 * d + heads) as f64;
        Work { flops: fleet as f64 * 5.0 * self.spec.product_flops(), bytes: 4.0 * words }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu_backward::backward(&self.spec, ctx, args, self.spec.n);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward(&self.spec, on)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, tile: Tile) {
        cpu_backward::backward(&self.spec, ctx, args, tile.rows);
    }
    fn tile_scratch(&self, _rows: usize) -> usize {
        cpu_backward::scratch_len(&self.spec)
    }
}
