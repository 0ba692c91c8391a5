//! Batch normalisation over rows, channel by channel.
//!
//! Training: `y[f, r, c] = (x[f, r, c] - mean[f, c]) * rstd[f, c] * gamma[f, c] + beta[f, c]` with the mean and the
//! variance of the batch's live rows, `rstd = 1 / sqrt(var + epsilon)`. Rows are `n` samples of `positions` each; the
//! first `LIVE` samples (schedule) are live. The running mean and variance move by `momentum` towards the batch's (the
//! variance unbiased, as PyTorch does), unless no sample is live.
//!
//! Evaluation: the same with the running mean and variance.
//!
//! Backward, over live rows, with `xhat = (x - mean) * rstd` and `m` of them: `dbeta = sum dy`, `dgamma = sum dy * xhat`,
//! `dx = gamma * rstd * (dy - dbeta / m - xhat * dgamma / m)`; dead rows have `dx = 0`.
//!
//! The mean comes first and then the squared distances from it (two passes), in fixed chunks of rows whose partial sums
//! are added in order.

mod cases;
mod cpu;
mod gpu;
mod pieces;
mod reference;
#[cfg(test)]
mod tests;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude, schedule};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "batch_norm",
    preludes: &[prelude::GRID, prelude::SCHEDULE],
    source: include_str!("../../../shaders/ops/batch_norm.wgsl"),
};

/// Rows whose sums are kept together: a rule of the shape alone.
const CHUNK_ROWS: usize = 512;

/// The registry's entry.
#[derive(Debug)]
pub struct BatchNormOp;

impl Op for BatchNormOp {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn summary(&self) -> &'static str {
        "y[f,r,c] = (x[f,r,c] - mean[f,c]) * rstd[f,c] * gamma[f,c] + beta[f,c]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// A normalisation's sizes; [`BatchNormShape::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member.
    pub n: usize,
    /// Rows of a sample.
    pub positions: usize,
    /// Channels.
    pub c: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// The batch's share in the running mean and variance.
    pub momentum: f32,
    /// Rows of the schedule.
    pub steps: usize,
}

impl Default for BatchNormSpec {
    /// One value, PyTorch's epsilon and momentum.
    fn default() -> Self {
        Self { fleet: 1, n: 1, positions: 1, c: 1, epsilon: 1e-5, momentum: 0.1, steps: 1 }
    }
}

/// Checked sizes, shared by the three kernels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormShape {
    spec: BatchNormSpec,
}

impl BatchNormShape {
    /// Checks dimensions, epsilon (above 0) and momentum (0 to 1).
    ///
    /// # Errors
    /// Says what was expected.
    pub fn new(spec: BatchNormSpec) -> Result<Self, ShapeError> {
        const OP: &str = "batch_norm";
        let BatchNormSpec { fleet, n, positions, c, epsilon, momentum, steps } = spec;
        let positive = [("fleet", fleet), ("n", n), ("positions", positions), ("c", c), ("steps", steps)];
        ShapeError::positive(OP, &positive)?;
        let schedule: &[usize] = &[fleet, steps, schedule::WIDTH];
        ShapeError::countable(OP, &[("x", &[fleet, n, positions, c]), ("schedule", schedule)])?;
        let shape = Self { spec };
        ShapeError::countable(OP, &[("partial sums", &[fleet, shape.scratch_len()])])?;
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(ShapeError::mismatch(OP, format!("epsilon {epsilon}, expected a number above 0")));
        }
        if !(0.0..=1.0).contains(&momentum) {
            return Err(ShapeError::mismatch(OP, format!("momentum {momentum}, expected 0 to 1")));
        }
        Ok(shape)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &BatchNormSpec {
        &self.spec
    }

    const fn rows(&self) -> usize {
        self.spec.n * self.spec.positions
    }

    const fn len(&self) -> usize {
        self.rows() * self.spec.c
    }

    const fn chunks(&self) -> usize {
        self.rows().div_ceil(CHUNK_ROWS)
    }

    const fn scratch_len(&self) -> usize {
        // The GPU needs as many sums and factors, each of one row of channels where the CPU has a block.
        cpu::scratch_len(self)
    }

    const fn schedule_len(&self) -> usize {
        self.spec.steps * schedule::WIDTH
    }

    /// Live rows, from the schedule's live samples.
    fn live_rows(&self, live: f64) -> usize {
        (live as usize).min(self.spec.n) * self.spec.positions
    }

    fn work(&self, flops_each: f64, tensors: f64) -> Work {
        let elements = self.spec.fleet as f64 * self.len() as f64;
        Work { flops: flops_each * elements, bytes: 4.0 * tensors * elements }
    }
}

/// Forward in training. Arguments: `x`, `gamma`, `beta`, `schedule`, `y`, `mean`, `rstd`, `running_mean`,
/// `running_var`, scratch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Sizes.
    pub shape: BatchNormShape,
}

impl Kernel for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let c = self.shape.spec.c;
        vec![
            ArgSpec::read("x", self.shape.len()).or_half(),
            ArgSpec::read("gamma", c),
            ArgSpec::read("beta", c),
            ArgSpec::read("schedule", self.shape.schedule_len()),
            ArgSpec::write("y", self.shape.len()).or_half(),
            ArgSpec::write("mean", c),
            ArgSpec::write("rstd", c),
            ArgSpec::update("running_mean", c),
            ArgSpec::update("running_var", c),
            ArgSpec::scratch("scratch", self.shape.scratch_len()),
        ]
    }
    fn work(&self) -> Work {
        self.shape.work(7.0, 2.0)
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::forward(&self.shape, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::forward(&self.shape, ctx, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.shape)
    }
}

/// Forward in evaluation. Arguments: `x`, `gamma`, `beta`, `running_mean`, `running_var`, `y`, scratch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormEvaluate {
    /// Sizes; momentum and steps are not used.
    pub shape: BatchNormShape,
}

impl Kernel for BatchNormEvaluate {
    fn name(&self) -> &'static str {
        "batch_norm.evaluate"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let c = self.shape.spec.c;
        vec![
            ArgSpec::read("x", self.shape.len()).rows(),
            ArgSpec::read("gamma", c),
            ArgSpec::read("beta", c),
            ArgSpec::read("running_mean", c),
            ArgSpec::read("running_var", c),
            ArgSpec::write("y", self.shape.len()).rows(),
            ArgSpec::scratch("scratch", self.shape.scratch_len()),
        ]
    }
    fn work(&self) -> Work {
        self.shape.work(3.0, 2.0)
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::evaluate(&self.shape, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::evaluate(&self.shape, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::evaluate(&self.shape)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
}

/// The gradients. Arguments: `x`, `dy`, `gamma`, `mean`, `rstd`, `schedule`, `dx`, `dgamma`, `dbeta`, scratch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormBackward {
    /// Sizes of the forward kernel.
    pub shape: BatchNormShape,
}

impl Kernel for BatchNormBackward {
    fn name(&self) -> &'static str {
        "batch_norm.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let c = self.shape.spec.c;
        vec![
            ArgSpec::read("x", self.shape.len()).or_half(),
            ArgSpec::read("dy", self.shape.len()).or_half(),
            ArgSpec::read("gamma", c),
            ArgSpec::read("mean", c),
            ArgSpec::read("rstd", c),
            ArgSpec::read("schedule", self.shape.schedule_len()),
            ArgSpec::write("dx", self.shape.len()).or_half(),
            ArgSpec::write("dgamma", c),
            ArgSpec::write("dbeta", c),
            ArgSpec::scratch("scratch", self.shape.scratch_len()),
        ]
    }
    fn work(&self) -> Work {
        self.shape.work(9.0, 3.0)
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::backward(&self.shape, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::backward(&self.shape, ctx, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward(&self.shape)
    }
}
