//! CPU: the three kernels by way of [`winograd`], and the shapes that gain by it.
//!
//! Each of them works through its samples strip by strip in one thread: a plan hands out the batch in tiles, and calls
//! the whole form for a batch of one sample alone.

use super::sweep::Direction;
use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvShape, ConvSpec};
use crate::backend::{CpuContext, SimdLevel};
use crate::ops::activation::Activation;
use crate::ops::kernel::{Args, Tile};
use crate::ops::winograd::{self, Finish, Sizes};

/// The sizes if the transforms are possible.
fn sizes(shape: &ConvShape) -> Option<Sizes> {
    let ConvSpec { n, size: [h, w], c_in, c_out, kernel: [kh, kw], padding: [pad_h, pad_w], .. } = shape.spec;
    let plain = shape.spec.stride == [1, 1] && shape.spec.dilation == [1, 1];
    let sizes = Sizes { n, h, w, c_in, c_out, kh, kw, pad_h, pad_w };
    (plain && sizes.fits()).then_some(sizes)
}

/// The convolution that a sweep takes, if it gains at some level.
pub(super) fn sweep_sizes(shape: &ConvShape, direction: Direction) -> Option<Sizes> {
    let forward = sizes(shape)?;
    let sizes = if direction == Direction::Forward { forward } else { forward.turned() };
    sizes.pays().then_some(sizes)
}

/// The same for this level. With eight lanes and half of the registers the direct sweep is as fast.
pub(super) fn sweep_sizes_at(level: SimdLevel, shape: &ConvShape, direction: Direction) -> Option<Sizes> {
    if level == SimdLevel::Avx512 { sweep_sizes(shape, direction) } else { None }
}

/// The sizes if the gradient of w gains at some level.
fn gradient_sizes(shape: &ConvShape) -> Option<Sizes> {
    sizes(shape).filter(Sizes::pays)
}

/// The same for this level.
pub(super) fn gradient_sizes_at(level: SimdLevel, shape: &ConvShape) -> Option<Sizes> {
    if level == SimdLevel::Portable { None } else { gradient_sizes(shape) }
}

/// Words of working memory that a sweep over `n` samples needs.
pub(super) fn strip_len(shape: &ConvShape, direction: Direction, n: usize) -> usize {
    sweep_sizes(shape, direction).map_or(0, |sizes| Sizes { n, ..sizes }.strip_len())
}

/// Words of working memory that the gradient of w over `n` samples needs.
pub(super) fn gradient_len(shape: &ConvShape, n: usize) -> usize {
    gradient_sizes(shape).map_or(0, |sizes| sizes.sums_len() + Sizes { n, ..sizes }.gradient_strip_len())
}

/// Transforms the weights.
pub(super) fn pack(ctx: &CpuContext, sizes: &Sizes, direction: Direction, w: &[f32], packed: &mut [f32]) {
    match direction {
        Direction::Forward => winograd::pack(ctx.simd, sizes, w, packed),
        Direction::Backward => winograd::pack_turned(ctx.simd, &sizes.turned(), w, packed),
    }
}

/// y of the samples that `args` holds.
pub(super) fn forward(
    kernel: &Conv,
    sizes: &Sizes,
    ctx: &CpuContext,
    args: &mut Args<'_>,
    (packed, strip): (&[f32], &mut [f32]),
) {
    let bias = if kernel.bias { args.f32(4) } else { &[] };
    let (x, y) = (args.f32(0), args.f32_mut(2));
    let sizes = Sizes { n: x.len() / kernel.shape.x_sample(), ..*sizes };
    winograd::sweep(ctx.simd, &sizes, x, packed, Finish::Activate(bias, kernel.activation), y, strip);
}

/// dx of the samples that `args` holds.
pub(super) fn backward_data(
    kernel: &ConvBackwardData,
    sizes: &Sizes,
    ctx: &CpuContext,
    args: &mut Args<'_>,
    (packed, strip): (&[f32], &mut [f32]),
) {
    let finish = match kernel.mask {
        Activation::None => Finish::Activate(&[], Activation::None),
        mask => Finish::Slope(args.f32(4), mask),
    };
    let (dy, dx) = (args.f32(0), args.f32_mut(2));
    let sizes = Sizes { n: dy.len() / kernel.shape.y_sample(), ..*sizes };
    winograd::sweep(ctx.simd, &sizes, dy, packed, finish, dx, strip);
}

/// dw and db of a tile: its products are summed at the points, and transformed back at its end.
pub(super) fn backward_weight(
    kernel: &ConvBackwardWeight,
    sizes: &Sizes,
    ctx: &CpuContext,
    args: &mut Args<'_>,
    tile: Tile,
) {
    let (x, dy) = (args.f32(0), args.f32(1));
    let sizes = Sizes { n: tile.rows, ..*sizes };
    let (sums, strip) = args.f32_mut(3).split_at_mut(sizes.sums_len());
    sums.fill(0.0);
    winograd::add_gradient(ctx.simd, &sizes, x, dy, sums, strip);
    let dw = args.f32_mut(2);
    let db = if kernel.bias { args.f32_mut(4) } else { &mut [] };
    winograd::finish_gradient(ctx.simd, &sizes, sums, dw, db, tile.adds);
}
