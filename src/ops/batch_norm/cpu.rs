//! CPU: flat loops over rows that are a multiple of the channels long.
//!
//! A block is whole rows, at least 128 words: factors by channel are repeated over it, so that a loop over a block has
//! no seams, whatever the number of channels.

use rayon::prelude::*;

use super::{BatchNormShape, BatchNormSpec, CHUNK_ROWS, schedule};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// The fewest words of a block.
const BLOCK_MIN: usize = 128;

/// Chunks that one task takes at the least.
const TASK_CHUNKS: usize = 8;

/// Words of a block.
const fn block(c: usize) -> usize {
    c * BLOCK_MIN.div_ceil(c)
}

/// Two blocks of sums a chunk, then four blocks of factors.
pub(super) const fn scratch_len(shape: &BatchNormShape) -> usize {
    (2 * shape.chunks() + 4) * block(shape.spec.c)
}

pub(super) fn forward(shape: &BatchNormShape, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let BatchNormSpec { c, epsilon, momentum, .. } = shape.spec;
    let (x, gamma, beta) = (args.f32(0), args.f32(1), args.f32(2));
    let live = shape.live_rows(f64::from(schedule::row(args.f32(3), step)[schedule::LIVE]));
    let (y, mean, rstd) = (args.f32_mut(4), args.f32_mut(5), args.f32_mut(6));
    let (running_mean, running_var) = (args.f32_mut(7), args.f32_mut(8));
    let (sums, factors) = split_scratch(shape, args.f32_mut(9));
    let count = live.max(1) as f32;
    let over = Over { shape, ctx, live };

    over.sums(sums, |at, out, _| ctx.simd.run(Sum { x: &x[at], out }));
    for (channel, mean) in mean.iter_mut().enumerate() {
        *mean = over.total(sums, 0, channel) / count;
    }
    let (means, rest) = factors.split_at_mut(block(c));
    repeat(mean, means);
    over.sums(sums, |at, out, _| ctx.simd.run(Squares { x: &x[at], mean: means, out }));
    for channel in 0..c {
        let squares = over.total(sums, 0, channel);
        rstd[channel] = 1.0 / (squares / count + epsilon).sqrt();
        if live > 0 {
            let unbiased = squares / (count - 1.0).max(1.0);
            running_mean[channel] = (1.0 - momentum) * running_mean[channel] + momentum * mean[channel];
            running_var[channel] = (1.0 - momentum) * running_var[channel] + momentum * unbiased;
        }
    }
    let (scales, rest) = rest.split_at_mut(block(c));
    let shifts = &mut rest[..block(c)];
    repeat(gamma, scales);
    scales.iter_mut().zip(rstd.iter().cycle()).for_each(|(scale, rstd)| *scale *= rstd);
    repeat(beta, shifts);
    let (scales, shifts) = (&*scales, &*shifts);
    over.rows(y, |at, y| ctx.simd.run(Normalise { x: &x[at], mean: means, scales, shifts, y }));
}

pub(super) fn evaluate(shape: &BatchNormShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let BatchNormSpec { c, epsilon, .. } = shape.spec;
    let (x, gamma, beta) = (args.f32(0), args.f32(1), args.f32(2));
    let (mean, var) = (args.f32(3), args.f32(4));
    let (y, factors) = (args.f32_mut(5), args.f32_mut(6));
    let (means, rest) = factors.split_at_mut(block(c));
    let (scales, rest) = rest.split_at_mut(block(c));
    let shifts = &mut rest[..block(c)];
    repeat(mean, means);
    repeat(gamma, scales);
    scales.iter_mut().zip(var.iter().cycle()).for_each(|(scale, var)| *scale *= 1.0 / (var + epsilon).sqrt());
    repeat(beta, shifts);
    let (means, scales, shifts) = (&*means, &*scales, &*shifts);
    let over = Over { shape, ctx, live: 0 };
    over.rows(y, |at, y| ctx.simd.run(Normalise { x: &x[at], mean: means, scales, shifts, y }));
}

pub(super) fn backward(shape: &BatchNormShape, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let c = shape.spec.c;
    let (x, dy, gamma) = (args.f32(0), args.f32(1), args.f32(2));
    let (mean, rstd) = (args.f32(3), args.f32(4));
    let live = shape.live_rows(f64::from(schedule::row(args.f32(5), step)[schedule::LIVE]));
    let (dx, dgamma, dbeta) = (args.f32_mut(6), args.f32_mut(7), args.f32_mut(8));
    let (sums, factors) = split_scratch(shape, args.f32_mut(9));
    let count = live.max(1) as f32;
    let over = Over { shape, ctx, live };

    let (means, rest) = factors.split_at_mut(block(c));
    repeat(mean, means);
    over.sums(sums, |at, sum, product| {
        ctx.simd.run(Gradients { x: &x[at.clone()], dy: &dy[at], mean: means, sum, product });
    });
    let (scales, rest) = rest.split_at_mut(block(c));
    let (shifts, rest) = rest.split_at_mut(block(c));
    let slopes = &mut rest[..block(c)];
    for channel in 0..c {
        dbeta[channel] = over.total(sums, 0, channel);
        dgamma[channel] = over.total(sums, 1, channel) * rstd[channel];
        for at in (channel..block(c)).step_by(c) {
            scales[at] = gamma[channel] * rstd[channel];
            shifts[at] = dbeta[channel] / count;
            slopes[at] = dgamma[channel] * rstd[channel] / count;
        }
    }
    let (means, scales, shifts, slopes) = (&*means, &*scales, &*shifts, &*slopes);
    let (alive, dead) = dx.split_at_mut(live * c);
    dead.fill(0.0);
    over.rows(alive, |at, dx| {
        ctx.simd.run(InputGradient { x: &x[at.clone()], dy: &dy[at], mean: means, scales, shifts, slopes, dx });
    });
}

/// The blocks of sums, then those of factors.
fn split_scratch<'a>(shape: &BatchNormShape, scratch: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
    scratch.split_at_mut(2 * shape.chunks() * block(shape.spec.c))
}

/// Fills a block with one value a channel, over and over.
fn repeat(values: &[f32], block: &mut [f32]) {
    block.iter_mut().zip(values.iter().cycle()).for_each(|(place, value)| *place = *value);
}

/// Chunks of rows.
struct Over<'a> {
    shape: &'a BatchNormShape,
    ctx: &'a CpuContext,
    live: usize,
}

impl Over<'_> {
    fn split(&self) -> bool {
        self.ctx.worth_splitting(4.0 * self.shape.len() as f64)
    }

    /// Calls `each` with the words of every chunk of live rows and with its two blocks of sums, which are 0.
    fn sums(&self, sums: &mut [f32], each: impl Fn(std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync) {
        let c = self.shape.spec.c;
        let task = |(s, sums): (usize, &mut [f32])| {
            sums.fill(0.0);
            let (first, second) = sums.split_at_mut(block(c));
            let end = self.live.min((s + 1) * CHUNK_ROWS);
            each(end.min(s * CHUNK_ROWS) * c..end * c, first, second);
        };
        if self.split() {
            sums.par_chunks_mut(2 * block(c)).enumerate().with_min_len(TASK_CHUNKS).for_each(task);
        } else {
            sums.chunks_mut(2 * block(c)).enumerate().for_each(task);
        }
    }

    /// A channel's sum over all chunks, in order.
    fn total(&self, sums: &[f32], which: usize, channel: usize) -> f32 {
        let c = self.shape.spec.c;
        let blocks = sums.chunks_exact(block(c)).skip(which).step_by(2);
        blocks.map(|sums| sums.iter().skip(channel).step_by(c).sum::<f32>()).sum()
    }

    /// Calls `each` with the places of a chunk of rows and with its words of `out`.
    fn rows(&self, out: &mut [f32], each: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync) {
        let len = CHUNK_ROWS * self.shape.spec.c;
        let task = |(s, out): (usize, &mut [f32])| each(s * len..s * len + out.len(), out);
        if self.split() {
            out.par_chunks_mut(len).enumerate().with_min_len(TASK_CHUNKS).for_each(task);
        } else {
            out.chunks_mut(len).enumerate().for_each(task);
        }
    }
}

/// `out += x`, block by block.
struct Sum<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Simd for Sum<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        for x in self.x.chunks(self.out.len()) {
            self.out.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
        }
    }
}

/// `out += (x - mean)^2`, block by block.
struct Squares<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    out: &'a mut [f32],
}

impl Simd for Squares<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        for x in self.x.chunks(self.out.len()) {
            for ((sum, x), mean) in self.out.iter_mut().zip(x).zip(self.mean) {
                let distance = x - mean;
                *sum += distance * distance;
            }
        }
    }
}

/// `sum += dy` and `product += dy * (x - mean)`, block by block.
struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    sum: &'a mut [f32],
    product: &'a mut [f32],
}

impl Simd for Gradients<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        let len = self.sum.len();
        for (x, dy) in self.x.chunks(len).zip(self.dy.chunks(len)) {
            let sums = self.sum.iter_mut().zip(self.product.iter_mut());
            for (((sum, product), (x, dy)), mean) in sums.zip(x.iter().zip(dy)).zip(self.mean) {
                *sum += dy;
                *product += dy * (x - mean);
            }
        }
    }
}

/// `y = (x - mean) * scale + shift`, block by block.
struct Normalise<'a> {
    x: &'a [f32],
    mean: &'a [f32],
    scales: &'a [f32],
    shifts: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Normalise<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        let len = self.mean.len();
        for (x, y) in self.x.chunks(len).zip(self.y.chunks_mut(len)) {
            let factors = self.mean.iter().zip(self.scales).zip(self.shifts);
            for ((x, y), ((mean, scale), shift)) in x.iter().zip(y).zip(factors) {
                *y = (x - mean) * scale + shift;
            }
        }
    }
}

/// `dx = scale * (dy - shift - (x - mean) * slope)`, block by block.
struct InputGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    scales: &'a [f32],
    shifts: &'a [f32],
    slopes: &'a [f32],
    dx: &'a mut [f32],
}

impl Simd for InputGradient<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector>(self) {
        let len = self.mean.len();
        for ((x, dy), dx) in self.x.chunks(len).zip(self.dy.chunks(len)).zip(self.dx.chunks_mut(len)) {
            let factors = self.mean.iter().zip(self.scales).zip(self.shifts.iter().zip(self.slopes));
            for (((x, dy), dx), ((mean, scale), (shift, slope))) in x.iter().zip(dy).zip(dx).zip(factors) {
                *dx = scale * (dy - shift - (x - mean) * slope);
            }
        }
    }
}
