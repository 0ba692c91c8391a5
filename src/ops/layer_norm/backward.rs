//! The backward kernel.

use super::{LayerNormSpec, ShapeError, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Backward. Arguments: `x`, `dy`, `gamma`, `mean`, `rstd`, `dx`, `dgamma`, `dbeta`, scratch.
/// The residual form: `s`, `dy`, `gamma`, `mean`, `rstd`, `da` (which is the gradient of b too), `dgamma`, `dbeta`,
/// scratch, `ds`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormBackward {
    spec: LayerNormSpec,
}

impl LayerNormBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or epsilon is not above 0.
    pub fn new(spec: LayerNormSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for LayerNormBackward {
    fn name(&self) -> &'static str {
        if self.spec.residual { "layer_norm.residual_backward" } else { "layer_norm.backward" }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let spec = &self.spec;
        let (input, gradient) = if spec.residual { ("s", "da") } else { ("x", "dx") };
        let mut args = vec![
            spec.values(input),
            spec.values("dy"),
            ArgSpec::read("gamma", spec.c),
            ArgSpec::read("mean", spec.rows()).rows(),
            ArgSpec::read("rstd", spec.rows()).rows(),
            spec.results(gradient),
            ArgSpec::write("dgamma", spec.c).sum(),
            ArgSpec::write("dbeta", spec.c).sum(),
            ArgSpec::scratch("scratch", spec.scratch_len()),
        ];
        if spec.residual {
            args.push(spec.values("ds"));
        }
        args
    }
    fn work(&self) -> Work {
        if self.spec.residual { self.spec.work(15.0, 4) } else { self.spec.work(14.0, 3) }
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
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, tile: Tile) {
        cpu::backward_tile(&self.spec, ctx, args, tile);
    }
    fn tile_scratch(&self, _rows: usize) -> usize {
        0
    }
}
