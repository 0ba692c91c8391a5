//! Softmax over the last axis.
//!
//! `y[i, j] = exp(x[i, j] - m_i) / sum_k exp(x[i, k] - m_i)` with `m_i` the row's maximum, x of [rows, c] a member.
//! Backward: `dx[i, j] = y[i, j] * (dy[i, j] - sum_k dy[i, k] * y[i, k])`.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "softmax",
    preludes: &[prelude::GRID, prelude::ACTIVATION, prelude::REDUCE],
    source: include_str!("../../../shaders/ops/softmax.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct SoftmaxOp;

impl Op for SoftmaxOp {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn summary(&self) -> &'static str {
        "y[f,i,j] = exp(x[f,i,j]) / sum_k exp(x[f,i,k])"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is normalised; [`Softmax::new`] and [`SoftmaxBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoftmaxSpec {
    /// Members.
    pub fleet: usize,
    /// Rows a member.
    pub rows: usize,
    /// Values a row.
    pub c: usize,
}

impl SoftmaxSpec {
    fn check(&self) -> Result<(), ShapeError> {
        let Self { fleet, rows, c } = *self;
        ShapeError::positive("softmax", &[("fleet", fleet), ("rows", rows), ("c", c)])?;
        ShapeError::countable("softmax", &[("x", &[fleet, rows, c])])
    }

    fn work(&self, flops: f64, tensors: f64) -> Work {
        let elements = (self.fleet * self.rows) as f64 * self.c as f64;
        Work { flops: flops * elements, bytes: 4.0 * tensors * elements }
    }
}

/// The forward kernel. Arguments: `x`, `y`, both [rows, c].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    spec: SoftmaxSpec,
}

impl Softmax {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: SoftmaxSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let len = self.spec.rows * self.spec.c;
        vec![ArgSpec::read("x", len), ArgSpec::write("y", len)]
    }
    fn work(&self) -> Work {
        self.spec.work(20.0, 2.0)
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
}

/// The backward kernel. Arguments: `dy`, `y`, `dx`, all [rows, c].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxBackward {
    spec: SoftmaxSpec,
}

impl SoftmaxBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: SoftmaxSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for SoftmaxBackward {
    fn name(&self) -> &'static str {
        "softmax.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let len = self.spec.rows * self.spec.c;
        vec![ArgSpec::read("dy", len), ArgSpec::read("y", len), ArgSpec::write("dx", len)]
    }
    fn work(&self) -> Work {
        self.spec.work(4.0, 3.0)
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
}
