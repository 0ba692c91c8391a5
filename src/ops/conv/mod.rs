//! Convolution in one and two dimensions with fused bias and activation, and its gradients.
//!
//! `y[f, n, i, j, o] = act(sum_{a, b, c} w[f, a, b, c, o] * x[f, n, i*stride + a*dilation - padding, j*stride +
//! b*dilation - padding, c] + bias[f, o])`, channels last, with a stride, dilation and padding for each direction;
//! positions of x outside of its height and width count as 0. One dimension is the case of height 1 and kernel
//! [1, taps]: its weights [taps, c_in, c_out] are the same memory.
//!
//! The backward kernels take the gradient `dy` of the sum, before the activation:
//! `dw[a, b, c, o] = sum_{n, i, j} x[n, i*stride + a*dilation - padding, ..., c] * dy[n, i, j, o]`,
//! `dbias[o] = sum_{n, i, j} dy[n, i, j, o]`, and `dx` at a position of x is the sum of `w[a, b, c, o] * dy[n, i, j, o]`
//! over the taps and positions of y that meet there. `dx` may be multiplied by the slope of the activation that made
//! x: then it is the gradient of the sum in the layer before.
//!
//! CPU: in this layout the taps of one kernel row read one stretch of x (for dilation 1), so nothing is copied. Forward
//! is a sweep over x, the gradient of x one over dy with turned weights for each pair of remainders modulo the
//! strides. `cpu` chooses how a sweep is computed: `tiles` holds the same position of several samples in registers,
//! which therefore share their clipping at the edges, times some channels; `dots` takes dot products where there are
//! few channels to write. The gradient of w (`weight`) holds a tile of it in registers over lines of dy. `transformed` is
//! the way of all three with fewer multiplications, for kernels of three to seven taps and many channels.
//! GPU: with stride and dilation 1 by strips in shared memory (`strip`), else one tiled product in three modes that gathers
//! its left operand from x or dy.

mod cases;
mod columns;
mod cpu;
mod dots;
mod gpu;
mod pack;
mod reference;
mod shape;
mod strip;
mod sweep;
#[cfg(test)]
mod tests;
mod tiles;
mod transformed;
mod weight;

pub use shape::{ConvShape, ConvSpec};

use super::activation::Activation;
use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::tuning::TuningGroup;
use super::{Case, Op, prelude};
use crate::backend::CpuContext;
use sweep::Direction;

const SHADER: Shader = Shader {
    name: "conv",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/conv.wgsl"),
};

const FROM_WORDS: &str = include_str!("../../../shaders/ops/conv_from_words.wgsl");
const FROM_QUADS: &str = include_str!("../../../shaders/ops/conv_from_quads.wgsl");
const TO_WORDS: &str = include_str!("../../../shaders/ops/conv_to_words.wgsl");
const TO_QUADS: &str = include_str!("../../../shaders/ops/conv_to_quads.wgsl");
const STRIP: &str = include_str!("../../../shaders/ops/conv_strip.wgsl");
const SWEEP: &str = include_str!("../../../shaders/ops/conv_sweep.wgsl");
const WEIGHT: &str = include_str!("../../../shaders/ops/conv_gradient.wgsl");

/// What the kernels by strips read and write: by words or by quads, on either side.
const SIDES: [&[&str]; 4] = [
    &[prelude::GRID, prelude::ACTIVATION, FROM_WORDS, TO_WORDS, STRIP],
    &[prelude::GRID, prelude::ACTIVATION, FROM_QUADS, TO_WORDS, STRIP],
    &[prelude::GRID, prelude::ACTIVATION, FROM_WORDS, TO_QUADS, STRIP],
    &[prelude::GRID, prelude::ACTIVATION, FROM_QUADS, TO_QUADS, STRIP],
];

const SWEEPS: [Shader; 4] = [
    Shader { name: "conv_sweep_words", preludes: SIDES[0], source: SWEEP },
    Shader { name: "conv_sweep_from_quads", preludes: SIDES[1], source: SWEEP },
    Shader { name: "conv_sweep_to_quads", preludes: SIDES[2], source: SWEEP },
    Shader { name: "conv_sweep_quads", preludes: SIDES[3], source: SWEEP },
];

const GRADIENT: [Shader; 4] = [
    Shader { name: "conv_gradient_words", preludes: SIDES[0], source: WEIGHT },
    Shader { name: "conv_gradient_from_quads", preludes: SIDES[1], source: WEIGHT },
    Shader { name: "conv_gradient_to_quads", preludes: SIDES[2], source: WEIGHT },
    Shader { name: "conv_gradient_quads", preludes: SIDES[3], source: WEIGHT },
];

/// The registry's entry.
#[derive(Debug)]
pub struct ConvOp;

impl Op for ConvOp {
    fn name(&self) -> &'static str {
        "conv"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,i,j,o] = act(sum_{a,b,c} w[f,a,b,c,o] * x[f,n,i*stride+a*dilation-padding,j*...,c] + bias[f,o])"
    }
    fn shaders(&self) -> Vec<Shader> {
        [&[SHADER], SWEEPS.as_slice(), &GRADIENT].concat()
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
    fn tuning(&self) -> Vec<TuningGroup> {
        gpu::groups()
    }
}

/// The forward kernel. Arguments: `x`, `w`, `y`, scratch, and `bias` if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv {
    /// Sizes.
    pub shape: ConvShape,
    /// Whether a bias is added.
    pub bias: bool,
    /// What is applied at the end.
    pub activation: Activation,
}

impl Kernel for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![
            ArgSpec::read("x", self.shape.x_len()).rows(),
            ArgSpec::read("w", self.shape.w_len()),
            ArgSpec::write("y", self.shape.y_len()).rows(),
            ArgSpec::scratch("scratch", cpu::scratch_len(&self.shape, Direction::Forward)),
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
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(self, on)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, _tile: Tile) {
        let memory = (args.prepared(), args.f32_mut(3));
        cpu::forward_packed(self, ctx, args, memory);
    }
    fn tile_scratch(&self, rows: usize) -> usize {
        transformed::strip_len(&self.shape, Direction::Forward, rows)
    }
    fn prepared_len(&self) -> usize {
        cpu::packed_len(&self.shape, Direction::Forward)
    }
    fn cpu_prepare(&self, ctx: &CpuContext, args: &Args<'_>, prepared: &mut [f32]) {
        cpu::prepare_forward(self, ctx, args, prepared);
    }
}

/// The gradient of x. Arguments: `dy`, `w`, `dx`, scratch, and with a mask `saved`: what the activation in front left
/// behind, see [`Activation::saves_output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvBackwardData {
    /// Sizes of the forward kernel.
    pub shape: ConvShape,
    /// The activation in front, by whose slope the result is multiplied.
    pub mask: Activation,
}

impl Kernel for ConvBackwardData {
    fn name(&self) -> &'static str {
        "conv.backward_data"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![
            ArgSpec::read("dy", self.shape.y_len()).rows(),
            ArgSpec::read("w", self.shape.w_len()),
            ArgSpec::write("dx", self.shape.x_len()).rows(),
            ArgSpec::scratch("scratch", cpu::scratch_len(&self.shape, Direction::Backward)),
        ];
        if self.mask != Activation::None {
            args.push(ArgSpec::read("saved", self.shape.x_len()).rows());
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward_data(self, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward_data(self, ctx, args);
    }
    fn gpu(&self, on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward_data(self, on)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, _tile: Tile) {
        let memory = (args.prepared(), args.f32_mut(3));
        cpu::data_packed(self, ctx, args, memory);
    }
    fn tile_scratch(&self, rows: usize) -> usize {
        transformed::strip_len(&self.shape, Direction::Backward, rows)
    }
    fn prepared_len(&self) -> usize {
        cpu::packed_len(&self.shape, Direction::Backward)
    }
    fn cpu_prepare(&self, ctx: &CpuContext, args: &Args<'_>, prepared: &mut [f32]) {
        cpu::prepare_data(self, ctx, args, prepared);
    }
}

/// The gradient of w, and of the bias if there is one. Arguments: `x`, `dy`, `dw`, scratch, and with a bias `dbias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvBackwardWeight {
    /// Sizes of the forward kernel.
    pub shape: ConvShape,
    /// Whether the gradient of a bias is wanted too.
    pub bias: bool,
}

impl Kernel for ConvBackwardWeight {
    fn name(&self) -> &'static str {
        "conv.backward_weight"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.shape.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let mut args = vec![
            ArgSpec::read("x", self.shape.x_len()).rows(),
            ArgSpec::read("dy", self.shape.y_len()).rows(),
            ArgSpec::write("dw", self.shape.w_len()).sum(),
            ArgSpec::scratch("scratch", self.shape.weight_scratch_len()),
        ];
        if self.bias {
            args.push(ArgSpec::write("dbias", self.shape.spec.c_out).sum());
        }
        args
    }
    fn work(&self) -> Work {
        self.shape.work()
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward_weight(self, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        weight::whole(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward_weight(self)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.shape.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32, tile: Tile) {
        weight::tile(self, ctx, args, tile);
    }
    fn tile_scratch(&self, rows: usize) -> usize {
        transformed::gradient_len(&self.shape, rows)
    }
}
