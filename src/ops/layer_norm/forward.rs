//! The forward kernel.

use super::{LayerNormSpec, ShapeError, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// Forward. Arguments: `x` [n, positions, c], `gamma` and `beta` `[c]`, `y` like x, `mean` and `rstd` [n, positions].
/// The residual form: `a`, `gamma`, `beta`, `y`, `mean`, `rstd`, `b`, `s` with a, b and s like x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    spec: LayerNormSpec,
}

impl LayerNorm {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or epsilon is not above 0.
    pub fn new(spec: LayerNormSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for LayerNorm {
    fn name(&self) -> &'static str {
        if self.spec.residual { "layer_norm.residual" } else { "layer_norm" }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let spec = &self.spec;
        let mut args = vec![
            spec.values(if spec.residual { "a" } else { "x" }),
            ArgSpec::read("gamma", spec.c),
            ArgSpec::read("beta", spec.c),
            spec.results("y"),
            ArgSpec::write("mean", spec.rows()).rows(),
            ArgSpec::write("rstd", spec.rows()).rows(),
        ];
        if spec.residual {
            args.extend([spec.values("b"), spec.results("s")]);
        }
        args
    }
    fn work(&self) -> Work {
        if self.spec.residual { self.spec.work(9.0, 4) } else { self.spec.work(8.0, 2) }
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
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, _tile: Tile) {
        cpu::forward(&self.spec, ctx, args);
    }
}
