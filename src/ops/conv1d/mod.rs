//! One-dimensional convolution with fused bias and activation, and its gradients.
//!
//! `y[f, n, l_out, c_out] = act(sum_{k, c_in} w[f, k, c_in, c_out] * x[f, n, l_out*stride + k*dilation - padding, c_in]
//! + b[f, c_out])`, channels last; positions of x outside of 0..l count as 0.
//!
//! The backward kernels take the gradient `dy` of the sum, before the activation:
//! `dw[k, c_in, c_out] = sum_{n, l_out} x[n, l_out*stride + k*dilation - padding, c_in] * dy[n, l_out, c_out]` and
//! `dx[n, i, c_in] = sum_{k, c_out} w[k, c_in, c_out] * dy[n, (i + padding - k*dilation) / stride, c_out]` over the k for
//! which that position is whole and lies in 0..l_out.
//!
//! CPU: in this layout a window is one stretch of x (for dilation 1), so nothing is copied; a register tile holds the
//! same position of 12 samples, which therefore share their clipping at the edges. The gradient of x is the same sweep
//! over dy with turned weights, one sweep for each remainder modulo the stride. The gradient of w splits the batch into
//! fixed chunks whose partial sums are added in order.
//! GPU: one tiled product in three modes that gathers its left operand from x or dy.

mod cases;
mod cpu;
mod cpu_weight;
mod gpu;
mod reference;
mod sweep;
#[cfg(test)]
mod tests;

use super::activation::Activation;
use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "conv1d",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/conv1d.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct Conv1dOp;

impl Op for Conv1dOp {
    fn name(&self) -> &'static str {
        "conv1d"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,l,o] = act(sum_{k,c} w[f,k,c,o] * x[f,n,l*stride+k*dilation-padding,c] + b[f,o])"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// A convolution's sizes; [`Conv1dShape::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member.
    pub n: usize,
    /// Positions of a sample.
    pub l: usize,
    /// Channels of x.
    pub c_in: usize,
    /// Channels of y.
    pub c_out: usize,
    /// Taps.
    pub kernel: usize,
    /// Positions of x from one window to the next.
    pub stride: usize,
    /// Zeros in front of x and behind it.
    pub padding: usize,
    /// Positions of x from one tap to the next.
    pub dilation: usize,
}

impl Default for Conv1dSpec {
    /// One tap over one position, no padding.
    fn default() -> Self {
        Self { fleet: 1, n: 1, l: 1, c_in: 1, c_out: 1, kernel: 1, stride: 1, padding: 0, dilation: 1 }
    }
}

/// Checked sizes, shared by the three kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dShape {
    spec: Conv1dSpec,
    l_out: usize,
}

/// Paddings, strides and dilations up to this keep every position countable in 31 bits.
const STEP_MAX: usize = 1 << 14;

impl Conv1dShape {
    /// Checks that no dimension is 0, that at least one window fits, and that all can be counted in 32 bits.
    ///
    /// # Errors
    /// Names the dimension or the tensor.
    pub fn new(spec: Conv1dSpec) -> Result<Self, ShapeError> {
        let Conv1dSpec { fleet, n, l, c_in, c_out, kernel, stride, padding, dilation } = spec;
        let positive = [
            ("fleet", fleet),
            ("n", n),
            ("l", l),
            ("c_in", c_in),
            ("c_out", c_out),
            ("kernel", kernel),
            ("stride", stride),
            ("dilation", dilation),
        ];
        ShapeError::positive("conv1d", &positive)?;
        for (name, value) in [("kernel", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation)] {
            if value > STEP_MAX {
                let reason = format!("{name} {value}, expected at most {STEP_MAX}");
                return Err(ShapeError::mismatch("conv1d", reason));
            }
        }
        let reach = dilation * (kernel - 1) + 1;
        let padded = l.saturating_add(2 * padding);
        if padded < reach {
            let reason = format!("a window reaches over {reach} positions, x has {padded} with its padding");
            return Err(ShapeError::mismatch("conv1d", reason));
        }
        let l_out = (padded - reach) / stride + 1;
        ShapeError::countable(
            "conv1d",
            &[
                ("x", &[fleet, n, l, c_in]),
                ("w", &[fleet, kernel, c_in, c_out]),
                ("y", &[fleet, n, l_out, c_out]),
                ("positions of x with padding", &[n, padded, 2]),
            ],
        )?;
        let shape = Self { spec, l_out };
        let partials = [fleet, shape.weight_scratch_len()];
        ShapeError::countable("conv1d", &[("partial sums of dw", &partials)])?;
        Ok(shape)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &Conv1dSpec {
        &self.spec
    }

    /// Positions of a sample of y.
    pub const fn l_out(&self) -> usize {
        self.l_out
    }

    const fn x_len(&self) -> usize {
        self.spec.n * self.spec.l * self.spec.c_in
    }

    const fn w_len(&self) -> usize {
        self.spec.kernel * self.spec.c_in * self.spec.c_out
    }

    const fn y_len(&self) -> usize {
        self.spec.n * self.l_out * self.spec.c_out
    }

    fn weight_scratch_len(&self) -> usize {
        let chunks = cpu_weight::chunks(self).0.max(gpu::weight_chunks(self).0);
        if chunks == 1 { 1 } else { chunks.saturating_mul(self.w_len()) }
    }

    fn work(&self) -> Work {
        let Conv1dSpec { fleet, n, c_in, c_out, kernel, .. } = self.spec;
        Work {
            flops: 2.0 * (fleet * n * self.l_out) as f64 * (kernel * c_in * c_out) as f64,
            bytes: 4.0 * fleet as f64 * (self.x_len() + self.w_len() + self.y_len()) as f64,
        }
    }

    /// Operations of one member.
    fn member_flops(&self) -> f64 {
        self.work().flops / self.spec.fleet as f64
    }
}

/// The forward kernel. Arguments: `x`, `w`, `y`, scratch, and `bias` if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1d {
    /// Sizes.
    pub shape: Conv1dShape,
    /// Whether a bias is added.
    pub bias: bool,
    /// What is applied at the end.
    pub activation: Activation,
}

impl Kernel for Conv1d {
    fn name(&self) -> &'static str {
        "conv1d"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![
            ArgSpec::read("x", self.shape.x_len()),
            ArgSpec::read("w", self.shape.w_len()),
            ArgSpec::write("y", self.shape.y_len()),
            ArgSpec::scratch("scratch", cpu::forward_scratch_len(&self.shape)),
        ];
        if self.bias {
            args.push(ArgSpec::read("bias", self.shape.spec.c_out));
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(self, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(self, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::forward(self)
    }
}

/// The gradient of x. Arguments: `dy`, `w`, `dx`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dBackwardData {
    /// Sizes of the forward kernel.
    pub shape: Conv1dShape,
}

impl Kernel for Conv1dBackwardData {
    fn name(&self) -> &'static str {
        "conv1d.backward_data"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            ArgSpec::read("dy", self.shape.y_len()),
            ArgSpec::read("w", self.shape.w_len()),
            ArgSpec::write("dx", self.shape.x_len()),
            ArgSpec::scratch("scratch", cpu::data_scratch_len(&self.shape)),
        ]
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward_data(&self.shape, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward_data(&self.shape, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::backward_data(&self.shape)
    }
}

/// The gradient of w. Arguments: `x`, `dy`, `dw`, scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dBackwardWeight {
    /// Sizes of the forward kernel.
    pub shape: Conv1dShape,
}

impl Kernel for Conv1dBackwardWeight {
    fn name(&self) -> &'static str {
        "conv1d.backward_weight"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            ArgSpec::read("x", self.shape.x_len()),
            ArgSpec::read("dy", self.shape.y_len()),
            ArgSpec::write("dw", self.shape.w_len()),
            ArgSpec::scratch("scratch", self.shape.weight_scratch_len()),
        ]
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward_weight(&self.shape, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu_weight::backward_weight(&self.shape, ctx, args);
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::backward_weight(&self.shape)
    }
}
