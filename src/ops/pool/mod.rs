//! Maximum and average over windows of positions, channels last, without padding.
//!
//! `y[f, n, o, c] = max_w x[f, n, o*stride + w, c]`, or the mean over w, for w in 0..window. A window as long as x pools
//! globally.
//!
//! The maximum also writes `argmax`, the position in x that it came from (the first of equals). Backward gathers: each
//! `dx[f, n, i, c]` sums over the windows that hold position i, in order; for the maximum those whose `argmax` is i.

mod cases;
mod cpu;
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader =
    Shader { name: "pool", preludes: &[prelude::GRID], source: include_str!("../../../shaders/ops/pool.wgsl") };

/// The registry's entry.
#[derive(Debug)]
pub struct PoolOp;

impl Op for PoolOp {
    fn name(&self) -> &'static str {
        "pool"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,o,c] = max or mean over w of x[f,n,o*stride+w,c]"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What a window is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PoolKind {
    /// Its largest value.
    #[default]
    Max,
    /// Its mean.
    Average,
}

/// A pooling's sizes; [`PoolShape::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolSpec {
    /// What a window is reduced to.
    pub kind: PoolKind,
    /// Members.
    pub fleet: usize,
    /// Samples of a member.
    pub n: usize,
    /// Positions of a sample.
    pub l: usize,
    /// Channels.
    pub c: usize,
    /// Positions of a window.
    pub window: usize,
    /// Positions from one window to the next.
    pub stride: usize,
}

/// Checked sizes, shared by both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    spec: PoolSpec,
    l_out: usize,
}

impl PoolShape {
    /// Checks that no dimension is 0, that a window fits, and that everything can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension or the tensor.
    pub fn new(spec: PoolSpec) -> Result<Self, ShapeError> {
        let PoolSpec { fleet, n, l, c, window, stride, .. } = spec;
        let positive = [("fleet", fleet), ("n", n), ("l", l), ("c", c), ("window", window), ("stride", stride)];
        ShapeError::positive("pool", &positive)?;
        if window > l {
            let reason = format!("a window of {window} positions, x has {l}");
            return Err(ShapeError::mismatch("pool", reason));
        }
        let l_out = (l - window) / stride + 1;
        ShapeError::countable(
            "pool",
            &[
                ("x", &[fleet, n, l, c]),
                ("y", &[fleet, n, l_out, c]),
                ("x and a stride", &[l, 2]),
                ("stride", &[stride]),
            ],
        )?;
        Ok(Self { spec, l_out })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// Positions of a sample of y.
    pub const fn l_out(&self) -> usize {
        self.l_out
    }

    const fn x_len(&self) -> usize {
        self.spec.n * self.spec.l * self.spec.c
    }

    const fn y_len(&self) -> usize {
        self.spec.n * self.l_out * self.spec.c
    }

    fn work(&self) -> Work {
        let outputs = if self.spec.kind == PoolKind::Max { 2 } else { 1 };
        Work {
            flops: (self.spec.fleet * self.y_len()) as f64 * self.spec.window as f64,
            bytes: 4.0 * self.spec.fleet as f64 * (self.x_len() + outputs * self.y_len()) as f64,
        }
    }

    /// The windows that hold position `i`.
    #[inline(always)]
    fn windows(&self, i: usize) -> std::ops::Range<usize> {
        let PoolSpec { window, stride, .. } = self.spec;
        let end = (i / stride + 1).min(self.l_out);
        ((i + 1).saturating_sub(window).div_ceil(stride)).min(end)..end
    }
}

/// Forward. Arguments: `x`, `y`, and for the maximum `argmax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Sizes.
    pub shape: PoolShape,
}

impl Kernel for Pool {
    fn name(&self) -> &'static str {
        match self.shape.spec.kind {
            PoolKind::Max => "pool.max",
            PoolKind::Average => "pool.average",
        }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![ArgSpec::read("x", self.shape.x_len()), ArgSpec::write("y", self.shape.y_len())];
        if self.shape.spec.kind == PoolKind::Max {
            args.push(ArgSpec::write("argmax", self.shape.y_len()).u32());
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(&self.shape, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(&self.shape, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::forward(&self.shape)
    }
}

/// The gradient of x. Arguments: `dy`, `dx`, and for the maximum `argmax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolBackward {
    /// Sizes of the forward kernel.
    pub shape: PoolShape,
}

impl Kernel for PoolBackward {
    fn name(&self) -> &'static str {
        match self.shape.spec.kind {
            PoolKind::Max => "pool.max.backward",
            PoolKind::Average => "pool.average.backward",
        }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![ArgSpec::read("dy", self.shape.y_len()), ArgSpec::write("dx", self.shape.x_len())];
        if self.shape.spec.kind == PoolKind::Max {
            args.push(ArgSpec::read("argmax", self.shape.y_len()).u32());
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward(&self.shape, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward(&self.shape, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::backward(&self.shape)
    }
}
