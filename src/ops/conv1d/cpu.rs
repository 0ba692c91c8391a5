//! CPU: the forward kernel and the gradient of x, both as sweeps.

use rayon::prelude::*;

use super::sweep::{Batch, Sweep, pack, packed_columns};
use super::{Conv1d, Conv1dShape, Conv1dSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::activation::Activation;
use crate::ops::kernel::Args;

/// Samples that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_SAMPLES: usize = 24;

/// Words of working memory: packed weights, then the padded bias.
pub(super) fn forward_scratch_len(shape: &Conv1dShape) -> usize {
    let Conv1dSpec { kernel, c_in, c_out, .. } = shape.spec;
    (kernel * c_in + 1) * packed_columns(c_out)
}

/// Words of working memory: packed weights, then the zeros that the sums start at.
pub(super) fn data_scratch_len(shape: &Conv1dShape) -> usize {
    let Conv1dSpec { kernel, c_in, c_out, .. } = shape.spec;
    (kernel * c_out + 1) * packed_columns(c_in)
}

pub(super) fn forward(kernel: &Conv1d, ctx: &CpuContext, args: &mut Args<'_>) {
    let shape = &kernel.shape;
    let Conv1dSpec { l, c_in, c_out, kernel: taps, stride, padding, dilation, .. } = shape.spec;
    let (x, w) = (args.f32(0), args.f32(1));
    let y = args.f32_mut(2);
    let (weights, start) = args.f32_mut(3).split_at_mut(taps * c_in * packed_columns(c_out));
    pack(taps * c_in, c_out, weights, |row, o| w[row * c_out + o]);
    start.fill(0.0);
    if kernel.bias {
        start[..c_out].copy_from_slice(args.f32(4));
    }
    let sweep = Sweep {
        rows: shape.l_out,
        dst_first: 0,
        dst_step: 1,
        src_first: -(padding as isize),
        src_step: stride,
        taps,
        tap_step: dilation,
    };
    let (weights, start) = (&*weights, &*start);
    let activation = kernel.activation;
    let task = |x: &[f32], y: &mut [f32]| {
        let relu = activation == Activation::Relu;
        let (l_dst, c_dst) = (shape.l_out, c_out);
        let dst = &mut *y;
        ctx.simd.run(Batch { sweep, src: x, l_src: l, c_src: c_in, dst, l_dst, c_dst, weights, bias: start, relu });
        if !matches!(activation, Activation::None | Activation::Relu) {
            ctx.simd.run(Activate { values: y, activation });
        }
    };
    by_samples(shape, ctx, (x, l * c_in), (y, shape.l_out * c_out), task);
}

pub(super) fn backward_data(shape: &Conv1dShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let Conv1dSpec { l, c_in, c_out, kernel, stride, .. } = shape.spec;
    let (dy, w) = (args.f32(0), args.f32(1));
    let dx = args.f32_mut(2);
    let (weights, zeros) = args.f32_mut(3).split_at_mut(kernel * c_out * packed_columns(c_in));
    zeros.fill(0.0);
    for phase in Phase::all(shape) {
        let rows = phase.sweep.taps * c_out;
        let packed = &mut weights[phase.rows_before * c_out * packed_columns(c_in)..];
        pack(rows, c_in, packed, |row, i| w[(phase.tap(row / c_out) * c_in + i) * c_out + row % c_out]);
    }
    let (weights, zeros) = (&*weights, &*zeros);
    let task = |dy: &[f32], dx: &mut [f32]| {
        for phase in Phase::all(shape) {
            let weights = &weights[phase.rows_before * c_out * packed_columns(c_in)..];
            ctx.simd.run(Batch {
                sweep: phase.sweep,
                src: dy,
                l_src: shape.l_out,
                c_src: c_out,
                dst: &mut *dx,
                l_dst: l,
                c_dst: c_in,
                weights,
                bias: zeros,
                relu: false,
            });
        }
    };
    debug_assert!(Phase::all(shape).map(|phase| phase.sweep.rows).sum::<usize>() == l, "stride {stride}");
    by_samples(shape, ctx, (dy, shape.l_out * c_out), (dx, l * c_in), task);
}

/// Runs `task` on stretches of whole samples of a source and a destination.
fn by_samples(
    shape: &Conv1dShape,
    ctx: &CpuContext,
    (src, src_sample): (&[f32], usize),
    (dst, dst_sample): (&mut [f32], usize),
    task: impl Fn(&[f32], &mut [f32]) + Sync,
) {
    let (src_len, dst_len) = (TASK_SAMPLES * src_sample, TASK_SAMPLES * dst_sample);
    if ctx.worth_splitting(shape.member_flops()) {
        dst.par_chunks_mut(dst_len).zip(src.par_chunks(src_len)).for_each(|(dst, src)| task(src, dst));
    } else {
        dst.chunks_mut(dst_len).zip(src.chunks(src_len)).for_each(|(dst, src)| task(src, dst));
    }
}

/// The positions i of x with the same `(i + padding) % stride`: the same taps reach them, in steps of `tap_stride`.
#[derive(Debug, Clone, Copy)]
struct Phase {
    sweep: Sweep,
    /// The largest tap; it reads the earliest position of dy.
    last_tap: usize,
    /// From one of its taps to the next.
    tap_stride: usize,
    /// Taps of the phases before.
    rows_before: usize,
}

impl Phase {
    fn all(shape: &Conv1dShape) -> impl Iterator<Item = Self> {
        let shape = *shape;
        (0..shape.spec.stride).scan(0, move |rows_before, remainder| {
            let phase = Self::new(&shape, remainder, *rows_before);
            *rows_before += phase.sweep.taps;
            Some(phase)
        })
    }

    fn new(shape: &Conv1dShape, remainder: usize, rows_before: usize) -> Self {
        let Conv1dSpec { l, kernel, stride, padding, dilation, .. } = shape.spec;
        let tap_stride = stride / gcd(stride, dilation);
        let last_tap = (0..kernel).rev().find(|k| k * dilation % stride == remainder);
        let taps = last_tap.map_or(0, |last| last / tap_stride + 1);
        let last_tap = last_tap.unwrap_or(0);
        let first = (remainder + stride - padding % stride) % stride;
        // Exact when there are taps; else nothing is read.
        let src_first = ((first + padding) as isize - (last_tap * dilation) as isize) / stride as isize;
        let sweep = Sweep {
            rows: l.saturating_sub(first).div_ceil(stride),
            dst_first: first,
            dst_step: stride,
            src_first,
            src_step: 1,
            taps,
            tap_step: tap_stride * dilation / stride,
        };
        Self { sweep, last_tap, tap_stride, rows_before }
    }

    /// The kernel's tap at place `t` of the sweep.
    const fn tap(&self, t: usize) -> usize {
        self.last_tap - t * self.tap_stride
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The activations that cost more than a maximum.
struct Activate<'a> {
    values: &'a mut [f32],
    activation: Activation,
}

impl Simd for Activate<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        // The kind is a constant in each loop, or none of them would vectorise.
        match self.activation {
            Activation::None => {}
            Activation::Relu => self.values.iter_mut().for_each(|v| *v = Activation::Relu.apply(*v)),
            Activation::Gelu => self.values.iter_mut().for_each(|v| *v = Activation::Gelu.apply(*v)),
            Activation::Tanh => self.values.iter_mut().for_each(|v| *v = Activation::Tanh.apply(*v)),
            Activation::Sigmoid => self.values.iter_mut().for_each(|v| *v = Activation::Sigmoid.apply(*v)),
        }
    }
}
