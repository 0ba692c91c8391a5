//! CPU: flat loops over rows that are a multiple of the channels long.
//!
//! A block is whole rows, at least 128 words: factors by channel are repeated over it, so that a loop over a block has
//! no seams, whatever the number of channels.

use rayon::prelude::*;

use super::pieces::{BUFFER, any_half, pieces, read, write};
use super::{BatchNormShape, BatchNormSpec, CHUNK_ROWS, schedule};
use crate::backend::CpuContext;
use crate::backend::half::f16;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::{Args, Floats, FloatsMut};

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
    let (x, gamma, beta) = (args.floats(0), args.f32(1), args.f32(2));
    let live = shape.live_rows(f64::from(schedule::row(args.f32(3), step)[schedule::LIVE]));
    let (y, mean, rstd) = (args.floats_mut(4), args.f32_mut(5), args.f32_mut(6));
    let (running_mean, running_var) = (args.f32_mut(7), args.f32_mut(8));
    let (sums, factors) = split_scratch(shape, args.f32_mut(9));
    let count = live.max(1) as f32;
    let over = Over { shape, ctx, live };

    let halves = any_half(&[x], Some(&y));
    over.sums(sums, |at, out, _| {
        let mut buffer = BUFFER;
        for (at, within) in pieces(halves, block(c), at) {
            ctx.simd.run(Sum { x: read(ctx, x, at, &mut buffer), out: &mut out[within..] });
        }
    });
    for (channel, mean) in mean.iter_mut().enumerate() {
        *mean = over.total(sums, 0, channel) / count;
    }
    let (means, rest) = factors.split_at_mut(block(c));
    repeat(mean, means);
    over.sums(sums, |at, out, _| {
        let mut buffer = BUFFER;
        for (at, within) in pieces(halves, block(c), at) {
            let x = read(ctx, x, at, &mut buffer);
            ctx.simd.run(Squares { x, mean: &means[within..], out: &mut out[within..] });
        }
    });
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
    over.normalise(x, y, [means, scales, shifts]);
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
    let over = Over { shape, ctx, live: 0 };
    over.normalise(Floats::Full(x), FloatsMut::Full(y), [means, scales, shifts]);
}

pub(super) fn backward(shape: &BatchNormShape, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let c = shape.spec.c;
    let (x, dy, gamma) = (args.floats(0), args.floats(1), args.f32(2));
    let (mean, rstd) = (args.f32(3), args.f32(4));
    let live = shape.live_rows(f64::from(schedule::row(args.f32(5), step)[schedule::LIVE]));
    let (mut dx, dgamma, dbeta) = (args.floats_mut(6), args.f32_mut(7), args.f32_mut(8));
    let (sums, factors) = split_scratch(shape, args.f32_mut(9));
    let count = live.max(1) as f32;
    let over = Over { shape, ctx, live };

    let (means, rest) = factors.split_at_mut(block(c));
    repeat(mean, means);
    let halves = any_half(&[x, dy], Some(&dx));
    over.sums(sums, |at, sum, product| {
        let mut buffers = [BUFFER; 2];
        let [for_x, for_dy] = &mut buffers;
        for (at, within) in pieces(halves, block(c), at) {
            let (x, dy) = (read(ctx, x, at.clone(), for_x), read(ctx, dy, at, for_dy));
            let (sum, product) = (&mut sum[within..], &mut product[within..]);
            ctx.simd.run(Gradients { x, dy, mean: &means[within..], sum, product });
        }
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
    let alive = match &mut dx {
        FloatsMut::Full(dx) => {
            dx[live * c..].fill(0.0);
            FloatsMut::Full(&mut dx[..live * c])
        }
        FloatsMut::Half(dx) => {
            dx[live * c..].fill(f16::ZERO);
            FloatsMut::Half(&mut dx[..live * c])
        }
    };
    over.rows(alive, |at, mut dx| {
        let mut buffers = [BUFFER; 3];
        let [for_x, for_dy, for_dx] = &mut buffers;
        for (piece, within) in pieces(halves, block(c), 0..at.len()) {
            let place = at.start + piece.start..at.start + piece.end;
            let (x, dy) = (read(ctx, x, place.clone(), for_x), read(ctx, dy, place, for_dy));
            let [mean, scales, shifts, slopes] = [means, scales, shifts, slopes].map(|factors| &factors[within..]);
            write(ctx, &mut dx, piece, for_dx, |dx| {
                ctx.simd.run(InputGradient { x, dy, mean, scales, shifts, slopes, dx });
            });
        }
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

    /// `y` from `x`, the means, the scales and the shifts.
    fn normalise(&self, x: Floats<'_>, y: FloatsMut<'_>, factors: [&mut [f32]; 3]) {
        let halves = any_half(&[x], Some(&y));
        let factors = factors.map(|factors| &*factors);
        self.rows(y, |at, mut y| {
            let mut buffers = [BUFFER; 2];
            let [for_x, for_y] = &mut buffers;
            for (piece, within) in pieces(halves, block(self.shape.spec.c), 0..at.len()) {
                let x = read(self.ctx, x, at.start + piece.start..at.start + piece.end, for_x);
                let [mean, scales, shifts] = factors.map(|factors| &factors[within..]);
                write(self.ctx, &mut y, piece, for_y, |y| {
                    self.ctx.simd.run(Normalise { x, mean, scales, shifts, y });
                });
            }
        });
    }

    /// Calls `each` with the places of a chunk of rows and with its values of `out`.
    fn rows(&self, out: FloatsMut<'_>, each: impl Fn(std::ops::Range<usize>, FloatsMut<'_>) + Sync) {
        match out {
            FloatsMut::Full(out) => self.cut(out, |at, out| each(at, FloatsMut::Full(out))),
            FloatsMut::Half(out) => self.cut(out, |at, out| each(at, FloatsMut::Half(out))),
        }
    }

    fn cut<T: Send>(&self, out: &mut [T], each: impl Fn(std::ops::Range<usize>, &mut [T]) + Sync) {
        let len = CHUNK_ROWS * self.shape.spec.c;
        let task = |(s, out): (usize, &mut [T])| each(s * len..s * len + out.len(), out);
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
