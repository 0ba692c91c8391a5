//! The forward kernel.

use super::{AttentionSpec, ShapeError, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Forward. Arguments: `qkv` [n, l, 3 d], `y` [n, l, d], `lse` [n, heads, l], scratch, and `lengths` `[n]` (u32) if samples
/// have lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    spec: AttentionSpec,
}

impl Attention {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the heads do not fit.
    pub fn new(spec: AttentionSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for Attention {
    fn name(&self) -> &'static str {
        "attention"
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
            ArgSpec::write("y", n * l * d).rows(),
            ArgSpec::write("lse", n * heads * l).rows(),
            ArgSpec::scratch("scratch", self.spec.tasks() * cpu::scratch_len(&self.spec)),
        ];
        if lengths {
            args.push(self.spec.lengths_arg());
        }
        args
    }
    fn work(&self) -> Work {
        let AttentionSpec { fleet, n, l, d, heads, .. } = self.spec;
        let words = fleet as f64 * (n * l) as f64 * (4 * d + heads) as f64;
        Work { flops: fleet as f64 * 2.0 * self.spec.product_flops(), bytes: 4.0 * words }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(&self.spec, ctx, args, self.spec.n);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.spec, on)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, tile: Tile) {
        cpu::forward(&self.spec, ctx, args, tile.rows);
    }
    fn tile_scratch(&self, _rows: usize) -> usize {
        cpu::scratch_len(&self.spec)
    }
}
