//! Totals that live on from call to call.

use super::{Chunks, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::ShapeError;
use crate::ops::kernel::{Access, ArgSpec, Args, Dispatch, Kernel, Target, Work};
use crate::ops::schedule;

/// Whose squares are added up; [`SumSquares::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SumSquaresSpec {
    /// Members.
    pub fleet: usize,
    /// Values a member.
    pub len: usize,
    /// Whether the total starts here, whatever it held before.
    pub first: bool,
}

/// `total = (first ? 0 : total) + sum_i x[i]^2`. Arguments: `x` `[len]`, `total` `[1]`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SumSquares {
    spec: SumSquaresSpec,
}

impl SumSquares {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: SumSquaresSpec) -> Result<Self, ShapeError> {
        ShapeError::positive("reduce", &[("fleet", spec.fleet), ("len", spec.len)])?;
        ShapeError::countable("reduce", &[("x", &[spec.fleet, spec.len])])?;
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &SumSquaresSpec {
        &self.spec
    }

    pub(super) fn chunks(&self) -> Chunks {
        Chunks::of_values(self.spec.len)
    }
}

impl Kernel for SumSquares {
    fn name(&self) -> &'static str {
        "reduce.sum_squares"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let access = if self.spec.first { Access::Write } else { Access::ReadWrite };
        vec![
            ArgSpec::read("x", self.spec.len),
            ArgSpec { access, ..ArgSpec::update("total", 1) },
            ArgSpec::scratch("scratch", self.chunks().scratch_len(1)),
        ]
    }
    fn work(&self) -> Work {
        let elements = (self.spec.fleet * self.spec.len) as f64;
        Work { flops: 2.0 * elements, bytes: 4.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::sum_squares(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::sum_squares(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::sum_squares(self)
    }
}

/// Which losses are added up; [`AccumulateLoss::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccumulateLossSpec {
    /// Members.
    pub fleet: usize,
    /// Losses of one step.
    pub n: usize,
    /// Steps that the schedule has rows for.
    pub steps: usize,
}

/// `total = (step == 0 ? 0 : total) + share(step) * sum_i loss[i]`. Arguments: `loss` `[n]`, `schedule`, `total` `[1]`,
/// scratch. A step whose share is 0 adds nothing, even if its losses are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccumulateLoss {
    spec: AccumulateLossSpec,
}

impl AccumulateLoss {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: AccumulateLossSpec) -> Result<Self, ShapeError> {
        let AccumulateLossSpec { fleet, n, steps } = spec;
        ShapeError::positive("reduce", &[("fleet", fleet), ("n", n), ("steps", steps)])?;
        ShapeError::countable("reduce", &[("loss", &[fleet, n]), ("schedule", &[fleet, steps, schedule::WIDTH])])?;
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &AccumulateLossSpec {
        &self.spec
    }

    pub(super) fn chunks(&self) -> Chunks {
        Chunks::of_values(self.spec.n)
    }
}

impl Kernel for AccumulateLoss {
    fn name(&self) -> &'static str {
        "reduce.accumulate_loss"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            ArgSpec::read("loss", self.spec.n),
            ArgSpec::read("schedule", self.spec.steps * schedule::WIDTH),
            ArgSpec::update("total", 1),
            ArgSpec::scratch("scratch", self.chunks().scratch_len(1)),
        ]
    }
    fn work(&self) -> Work {
        let elements = (self.spec.fleet * self.spec.n) as f64;
        Work { flops: elements, bytes: 4.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::accumulate_loss(args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::accumulate_loss(self, ctx, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::accumulate_loss(self)
    }
}
