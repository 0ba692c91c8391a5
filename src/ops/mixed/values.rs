//! Kernels that go value by value.

use super::{STATE, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::ShapeError;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Tile, Work};

/// What is copied; [`Round::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundSpec {
    /// Members.
    pub fleet: usize,
    /// Values a member.
    pub len: usize,
}

/// `y = x`, rounded where `y` is held as f16. Arguments: `x` and `y`, `[len]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    pub(super) spec: RoundSpec,
}

impl Round {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: RoundSpec) -> Result<Self, ShapeError> {
        ShapeError::positive("mixed", &[("fleet", spec.fleet), ("len", spec.len)])?;
        ShapeError::countable("mixed", &[("x", &[spec.fleet, spec.len])])?;
        Ok(Self { spec })
    }
}

impl Kernel for Round {
    fn name(&self) -> &'static str {
        "mixed.round"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![ArgSpec::read("x", self.spec.len), ArgSpec::write("y", self.spec.len).or_half()]
    }
    fn work(&self) -> Work {
        Work { flops: 0.0, bytes: 8.0 * (self.spec.fleet * self.spec.len) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::round(args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::round(ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::round(&self.spec)
    }
}

/// What is scaled; [`Scale::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the batch.
    pub rows: usize,
    /// Values a row.
    pub width: usize,
}

/// `y = x * scale`. Arguments: `x` `[rows, width]`, `state` [`STATE`], `y` as `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    pub(super) spec: ScaleSpec,
}

impl Scale {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: ScaleSpec) -> Result<Self, ShapeError> {
        let ScaleSpec { fleet, rows, width } = spec;
        ShapeError::positive("mixed", &[("fleet", fleet), ("rows", rows), ("width", width)])?;
        ShapeError::countable("mixed", &[("x", &[fleet, rows, width]), ("state", &[fleet, STATE])])?;
        Ok(Self { spec })
    }
}

impl Kernel for Scale {
    fn name(&self) -> &'static str {
        "mixed.scale"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let len = self.spec.rows * self.spec.width;
        vec![ArgSpec::read("x", len).rows(), ArgSpec::read("state", STATE), ArgSpec::write("y", len).rows()]
    }
    fn work(&self) -> Work {
        let elements = (self.spec.fleet * self.spec.rows * self.spec.width) as f64;
        Work { flops: elements, bytes: 8.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::scale(args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.cpu_tile(ctx, args, step, Tile::whole(self.spec.rows));
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::scale(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.rows)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, _tile: Tile) {
        cpu::scale(ctx, args);
    }
}
