//! Maximum and average over windows in one and two dimensions, channels last, without padding.
//!
//! `y[f, n, i, j, c] = max_{a, b} x[f, n, i*stride + a, j*stride + b, c]`, or the mean, for a and b within the window, with
//! a window and a stride for each direction. One dimension is the case of height 1; a window as large as x pools
//! globally.
//!
//! The maximum also writes `argmax`, the position in x (row by row) that it came from, the first of equals. Backward
//! gathers: each position of dx sums over the windows that hold it, in order; for the maximum those whose `argmax` it
//! is. `dx` may be multiplied by the slope of the activation that made x: then it is the gradient of the sum in the
//! layer before.

mod cases;
mod cpu;
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "pool",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/pool.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct PoolOp;

impl Op for PoolOp {
    fn name(&self) -> &'static str {
        "pool"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,i,j,c] = max or mean over a, b of x[f,n,i*stride+a,j*stride+b,c]"
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
    /// Height and width of a sample.
    pub size: [usize; 2],
    /// Channels.
    pub c: usize,
    /// Height and width of a window.
    pub window: [usize; 2],
    /// Positions from one window to the next, down and across.
    pub stride: [usize; 2],
}

/// Checked sizes, shared by both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    spec: PoolSpec,
    out: [usize; 2],
}

impl PoolShape {
    /// Checks that no dimension is 0, that a window fits, and that everything can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension or the tensor.
    pub fn new(spec: PoolSpec) -> Result<Self, ShapeError> {
        let PoolSpec { fleet, n, size, c, window, stride, .. } = spec;
        ShapeError::positive("pool", &[("fleet", fleet), ("n", n), ("c", c)])?;
        for (d, name) in ["h", "w"].into_iter().enumerate() {
            ShapeError::positive("pool", &[(name, size[d]), ("window", window[d]), ("stride", stride[d])])?;
            if window[d] > size[d] {
                let reason = format!("a window of {} positions, x has {} along {name}", window[d], size[d]);
                return Err(ShapeError::mismatch("pool", reason));
            }
        }
        let out = [0, 1].map(|d| (size[d] - window[d]) / stride[d] + 1);
        ShapeError::countable(
            "pool",
            &[
                ("x", &[fleet, n, size[0], size[1], c]),
                ("y", &[fleet, n, out[0], out[1], c]),
                ("x and a stride", &[size[0], size[1], 2]),
                ("stride", &[stride[0]]),
                ("stride", &[stride[1]]),
            ],
        )?;
        Ok(Self { spec, out })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// Height and width of a sample of y.
    pub const fn out(&self) -> [usize; 2] {
        self.out
    }

    /// Words of a sample of x.
    const fn x_sample(&self) -> usize {
        self.spec.size[0] * self.spec.size[1] * self.spec.c
    }

    /// Words of a sample of y.
    const fn y_sample(&self) -> usize {
        self.out[0] * self.out[1] * self.spec.c
    }

    const fn x_len(&self) -> usize {
        self.spec.n * self.x_sample()
    }

    const fn y_len(&self) -> usize {
        self.spec.n * self.y_sample()
    }

    /// Whether no position belongs to two windows.
    fn apart(&self) -> bool {
        (0..2).all(|d| self.out[d] == 1 || self.spec.stride[d] >= self.spec.window[d])
    }

    /// Positions of a window.
    const fn window_len(&self) -> usize {
        self.spec.window[0] * self.spec.window[1]
    }

    fn work(&self) -> Work {
        let outputs = if self.spec.kind == PoolKind::Max { 2 } else { 1 };
        Work {
            flops: (self.spec.fleet * self.y_len()) as f64 * self.window_len() as f64,
            bytes: 4.0 * self.spec.fleet as f64 * (self.x_len() + outputs * self.y_len()) as f64,
        }
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
        let (x, y) = (self.shape.x_len(), self.shape.y_len());
        let mut args = vec![ArgSpec::read("x", x).rows(), ArgSpec::write("y", y).rows()];
        if self.shape.spec.kind == PoolKind::Max {
            args.push(ArgSpec::write("argmax", y).u32().rows());
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
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.shape)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}

/// The gradient of x. Arguments: `dy`, `dx`, for the maximum `argmax`, and with a mask `saved`: what the activation in
/// front left behind, see [`Activation::saves_output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolBackward {
    /// Sizes of the forward kernel.
    pub shape: PoolShape,
    /// The activation in front, by whose slope the result is multiplied.
    pub mask: Activation,
}

impl PoolBackward {
    /// Which argument `saved` is.
    const fn saved(&self) -> usize {
        match self.shape.spec.kind {
            PoolKind::Max => 3,
            PoolKind::Average => 2,
        }
    }
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
        let (x, y) = (self.shape.x_len(), self.shape.y_len());
        let mut args = vec![ArgSpec::read("dy", y).rows(), ArgSpec::write("dx", x).rows()];
        if self.shape.spec.kind == PoolKind::Max {
            args.push(ArgSpec::read("argmax", y).u32().rows());
        }
        if self.mask != Activation::None {
            args.push(ArgSpec::read("saved", x).rows());
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward(self, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward(self)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, _tile: Tile) {
        self.cpu(ctx, args, step);
    }
}
