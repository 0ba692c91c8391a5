//! CPU: the forward kernel and the gradient of x, both as sweeps.

use rayon::prelude::*;

use super::dots::{self, Dots};
use super::pack::{Panels, Rows, Weights, packed_columns};
use super::sweep::{Direction, Sweep};
use super::tiles::{Batch, Epilogue, Size, Tiles};
use super::transformed;
use super::{Conv, ConvBackwardData, ConvShape, ConvSpec};
use crate::backend::{CpuContext, SimdLevel};
use crate::ops::activation::{Activation, InPlace, MaskInPlace};
use crate::ops::kernel::Args;
use crate::ops::winograd::Sizes;

/// Samples that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_SAMPLES: usize = 24;

/// How a sweep is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// [`Tiles`].
    Tiles,
    /// [`Dots`].
    Dots,
    /// [`transformed`].
    Transformed(Sizes),
}

impl Path {
    /// The fastest one: a rule of the shape and the level alone, so that equal shapes give equal bits on a device.
    fn of(level: SimdLevel, shape: &ConvShape, direction: Direction) -> Self {
        if let Some(sizes) = transformed::sweep_sizes_at(level, shape, direction) {
            return Self::Transformed(sizes);
        }
        let ConvSpec { c_in, c_out, kernel, stride, dilation, .. } = shape.spec;
        let (c_src, c_dst, side_by_side) = match direction {
            Direction::Forward => (c_in, c_out, dilation[1] == 1),
            Direction::Backward => (c_out, c_in, dilation[1] == 1 && stride[1] == 1),
        };
        if dots::are_faster(c_src, c_dst, if side_by_side { kernel[1] } else { 1 }) { Self::Dots } else { Self::Tiles }
    }
}

/// Words of packed weights and of what the sums start at (the bias or zeros), or of transformed weights.
pub(super) fn packed_len(shape: &ConvShape, direction: Direction) -> usize {
    let ConvSpec { c_in, c_out, .. } = shape.spec;
    let direct = packed_words(shape, direction)(shape.taps())
        + packed_columns(if direction == Direction::Forward { c_out } else { c_in });
    transformed::sweep_sizes(shape, direction).map_or(direct, |sizes| sizes.packed_len().max(direct))
}

/// Words of working memory for all samples: packed weights, then a strip.
pub(super) fn scratch_len(shape: &ConvShape, direction: Direction) -> usize {
    packed_len(shape, direction) + transformed::strip_len(shape, direction, shape.spec.n)
}

/// Packs the weights of all sweeps, and the bias if there is one, into `packed`.
fn pack(
    shape: &ConvShape,
    direction: Direction,
    ctx: &CpuContext,
    w: &[f32],
    bias: Option<&[f32]>,
    packed: &mut [f32],
) {
    let ConvSpec { c_in, c_out, kernel: [_, kernel_width], .. } = shape.spec;
    let turned = direction == Direction::Backward;
    let path = Path::of(ctx.simd, shape, direction);
    if let Path::Transformed(sizes) = &path {
        transformed::pack(ctx, sizes, direction, w, packed);
        return;
    }
    let at = packed_words(shape, direction);
    let (packed, start) = packed.split_at_mut(at(shape.taps()));
    for sweep in Sweep::all(shape, direction) {
        let weights = Weights { sweep: &sweep, w, kernel_width, c_in, c_out, turned };
        let packed = &mut packed[at(sweep.taps_before)..];
        if path == Path::Dots {
            Rows { weights, packed }.run();
        } else {
            ctx.simd.run(Panels { weights, packed });
        }
    }
    let bias = bias.unwrap_or_default();
    let (values, zeros) = start.split_at_mut(bias.len());
    values.copy_from_slice(bias);
    zeros.fill(0.0);
}

/// How many words the packed weights of some taps take.
fn packed_words(shape: &ConvShape, direction: Direction) -> impl Fn(usize) -> usize {
    let ConvSpec { c_in, c_out, .. } = shape.spec;
    let (c_src, c_dst) = if direction == Direction::Forward { (c_in, c_out) } else { (c_out, c_in) };
    move |taps| taps * c_src * packed_columns(c_dst)
}

/// The forward kernel's packed weights, for all tiles of a batch.
pub(super) fn prepare_forward(kernel: &Conv, ctx: &CpuContext, args: &Args<'_>, packed: &mut [f32]) {
    pack(&kernel.shape, Direction::Forward, ctx, args.f32(1), kernel.bias.then(|| args.f32(4)), packed);
}

/// The packed weights for the gradient of x.
pub(super) fn prepare_data(kernel: &ConvBackwardData, ctx: &CpuContext, args: &Args<'_>, packed: &mut [f32]) {
    pack(&kernel.shape, Direction::Backward, ctx, args.f32(1), None, packed);
}

/// All samples.
pub(super) fn forward(kernel: &Conv, ctx: &CpuContext, args: &mut Args<'_>) {
    let (packed, strip) = args.f32_mut(3).split_at_mut(packed_len(&kernel.shape, Direction::Forward));
    prepare_forward(kernel, ctx, args, packed);
    forward_packed(kernel, ctx, args, (packed, strip));
}

/// The samples that `args` holds, with weights that [`prepare_forward`] packed.
pub(super) fn forward_packed(
    kernel: &Conv,
    ctx: &CpuContext,
    args: &mut Args<'_>,
    (packed, strip): (&[f32], &mut [f32]),
) {
    let shape = &kernel.shape;
    if let Path::Transformed(sizes) = Path::of(ctx.simd, shape, Direction::Forward) {
        transformed::forward(kernel, &sizes, ctx, args, (packed, strip));
        return;
    }
    let activation = kernel.activation;
    let (x, y) = (args.f32(0), args.f32_mut(2));
    by_samples(shape, ctx, (x, shape.x_sample()), (y, shape.y_sample()), |_, src, dst| {
        let epilogue = if activation == Activation::Relu { Epilogue::Relu } else { Epilogue::None };
        sweeps(shape, Direction::Forward, ctx, packed, (src, &mut *dst), epilogue);
        if !matches!(activation, Activation::None | Activation::Relu) {
            ctx.simd.run(InPlace { values: dst, activation });
        }
    });
}

/// All samples.
pub(super) fn backward_data(kernel: &ConvBackwardData, ctx: &CpuContext, args: &mut Args<'_>) {
    let (packed, strip) = args.f32_mut(3).split_at_mut(packed_len(&kernel.shape, Direction::Backward));
    prepare_data(kernel, ctx, args, packed);
    data_packed(kernel, ctx, args, (packed, strip));
}

/// The samples that `args` holds, with weights that [`prepare_data`] packed.
pub(super) fn data_packed(
    kernel: &ConvBackwardData,
    ctx: &CpuContext,
    args: &mut Args<'_>,
    (packed, strip): (&[f32], &mut [f32]),
) {
    let shape = &kernel.shape;
    if let Path::Transformed(sizes) = Path::of(ctx.simd, shape, Direction::Backward) {
        transformed::backward_data(kernel, &sizes, ctx, args, (packed, strip));
        return;
    }
    let activation = kernel.mask;
    let (dy, dx) = (args.f32(0), args.f32_mut(2));
    let saved = if activation == Activation::None { &[][..] } else { args.f32(4) };
    by_samples(shape, ctx, (dy, shape.y_sample()), (dx, shape.x_sample()), |first, src, dst| {
        let saved = if saved.is_empty() { saved } else { &saved[first..first + dst.len()] };
        let relu = activation == Activation::Relu;
        let epilogue = if relu { Epilogue::WherePositive(saved) } else { Epilogue::None };
        sweeps(shape, Direction::Backward, ctx, packed, (src, &mut *dst), epilogue);
        if !matches!(activation, Activation::None | Activation::Relu) {
            ctx.simd.run(MaskInPlace { values: dst, saved, activation });
        }
    });
}

/// All sweeps of a direction over some samples.
fn sweeps(
    shape: &ConvShape,
    direction: Direction,
    ctx: &CpuContext,
    packed: &[f32],
    (src, dst): (&[f32], &mut [f32]),
    epilogue: Epilogue<'_>,
) {
    let dots = Path::of(ctx.simd, shape, direction) == Path::Dots;
    let ConvSpec { size: [h, w], c_in, c_out, .. } = shape.spec;
    let (x, y) = (Size { h, w, c: c_in }, Size { h: shape.out[0], w: shape.out[1], c: c_out });
    let (src_size, dst_size) = if direction == Direction::Forward { (x, y) } else { (y, x) };
    let at = packed_words(shape, direction);
    let start = &packed[at(shape.taps())..];
    for sweep in Sweep::all(shape, direction) {
        let (dst, weights) = (&mut *dst, &packed[at(sweep.taps_before)..]);
        let batch = Batch { sweep: &sweep, src, src_size, dst, dst_size, weights, start, epilogue };
        if dots {
            ctx.simd.run(Dots(batch));
        } else {
            ctx.simd.run(Tiles(batch));
        }
    }
}

/// Runs `task` on stretches of whole samples of a source and a destination; it is told the destination's first word.
fn by_samples(
    shape: &ConvShape,
    ctx: &CpuContext,
    (src, src_sample): (&[f32], usize),
    (dst, dst_sample): (&mut [f32], usize),
    task: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) {
    let (src_len, dst_len) = (TASK_SAMPLES * src_sample, TASK_SAMPLES * dst_sample);
    let each = |(t, (dst, src)): (usize, (&mut [f32], &[f32]))| task(t * dst_len, src, dst);
    if ctx.worth_splitting(shape.member_flops()) {
        dst.par_chunks_mut(dst_len).zip(src.par_chunks(src_len)).enumerate().for_each(each);
    } else {
        dst.chunks_mut(dst_len).zip(src.chunks(src_len)).enumerate().for_each(each);
    }
}
