//! CPU: the gradient of w, as register tiles of [kernel * c_in, c_out] summed over samples and positions.

use std::ops::Range;

use rayon::prelude::*;

use super::{Conv1dShape, Conv1dSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// The fewest samples of a chunk with partial sums of its own, and the most chunks.
const CHUNK_SAMPLES_MIN: usize = 64;
const CHUNKS_MAX: usize = 32;

/// Words of x and dy that all tiles pass over before the next samples: they stay in the nearest cache.
const BLOCK_WORDS: usize = 6144;

/// The most rows and columns of a tile.
const ROWS_MAX: usize = 8;
const COLUMNS_MAX: usize = 32;

/// How many chunks the batch is cut into, and the samples of each: a rule of the shape alone.
pub(super) fn chunks(shape: &Conv1dShape) -> (usize, usize) {
    let n = shape.spec.n;
    let len = n.div_ceil(CHUNKS_MAX).max(CHUNK_SAMPLES_MIN);
    (n.div_ceil(len), len)
}

pub(super) fn backward_weight(shape: &Conv1dShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let (chunks, chunk_len) = chunks(shape);
    let (x, dy) = (args.f32(0), args.f32(1));
    let dw = args.f32_mut(2);
    let sum = |s: usize, out: &mut [f32]| {
        let samples = s * chunk_len..shape.spec.n.min((s + 1) * chunk_len);
        out.fill(0.0);
        ctx.simd.run(Chunk { shape, x, dy, samples, out });
    };
    if chunks == 1 {
        sum(0, dw);
        return;
    }
    let len = dw.len();
    let partials = &mut args.f32_mut(3)[..chunks * len];
    if ctx.worth_splitting(shape.member_flops()) {
        partials.par_chunks_mut(len).enumerate().for_each(|(s, out)| sum(s, out));
    } else {
        partials.chunks_mut(len).enumerate().for_each(|(s, out)| sum(s, out));
    }
    dw.copy_from_slice(&partials[..len]);
    for partial in partials[len..].chunks_exact(len) {
        for (total, value) in dw.iter_mut().zip(partial) {
            *total += value;
        }
    }
}

/// Adds the products of some samples to `out`.
struct Chunk<'a> {
    shape: &'a Conv1dShape,
    x: &'a [f32],
    dy: &'a [f32],
    samples: Range<usize>,
    out: &'a mut [f32],
}

impl Simd for Chunk<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let Conv1dSpec { l, c_in, c_out, kernel, dilation, .. } = self.shape.spec;
        // With dilation 1 the rows (k, c_in) of a window lie side by side in x; else only those of one tap do.
        let group = if dilation == 1 { kernel * c_in } else { c_in };
        let block = (BLOCK_WORDS / (l * c_in + self.shape.l_out * c_out)).max(1);
        let all = self.samples.clone();
        for first in all.clone().step_by(block) {
            self.samples = first..all.end.min(first + block);
            for group_first in (0..kernel * c_in).step_by(group) {
                let mut row = group_first;
                while row < group_first + group {
                    row += self.panels::<V>(row, group_first + group - row);
                }
            }
        }
    }
}

impl Chunk<'_> {
    /// All columns of the next rows, of which there are `left`. Returns how many rows that were.
    #[inline(always)]
    fn panels<V: Vector>(&mut self, row: usize, left: usize) -> usize {
        let c_out = self.shape.spec.c_out;
        let mut done = 1;
        let mut column = 0;
        while column < c_out {
            let two = c_out - column > V::LANES;
            // Two vectors of 8 rows need 19 registers, which only AVX-512 has.
            done = match (V::LANES == 16, two) {
                (true, true) if left >= 8 => self.tile::<V, 2, 8>(row, column),
                (true, false) if left >= 8 => self.tile::<V, 1, 8>(row, column),
                (_, true) if left >= 5 => self.tile::<V, 2, 5>(row, column),
                (_, false) if left >= 5 => self.tile::<V, 1, 5>(row, column),
                (_, true) if left >= 2 => self.tile::<V, 2, 2>(row, column),
                (_, false) if left >= 2 => self.tile::<V, 1, 2>(row, column),
                (_, true) => self.tile::<V, 2, 1>(row, column),
                (_, false) => self.tile::<V, 1, 1>(row, column),
            };
            column += if two { 2 * V::LANES } else { V::LANES };
        }
        done
    }

    /// `R` rows (k, c_in) from `row` on by `W` vectors of columns. Returns `R`.
    #[inline(always)]
    fn tile<V: Vector, const W: usize, const R: usize>(&mut self, row: usize, column: usize) -> usize {
        let Conv1dSpec { l, c_in, c_out, stride, .. } = self.shape.spec;
        let l_out = self.shape.l_out;
        let whole = self.reading(row / c_in).start..self.reading((row + R - 1) / c_in).end;
        let any = self.reading((row + R - 1) / c_in).start..self.reading(row / c_in).end;
        let mut sums: [[V; W]; R] =
            std::array::from_fn(|r| load(&self.out[(row + r) * c_out + column..(row + r + 1) * c_out]));
        let left = any.start..whole.start.min(any.end);
        let right = whole.end.max(whole.start).max(any.start)..any.end;
        let (origin, advance) = (self.first_word(row), stride * c_in);
        for sample in self.samples.clone() {
            let x = &self.x[sample * l * c_in..][..l * c_in];
            let dy = &self.dy[sample * l_out * c_out + column..];
            for out in left.clone() {
                let factors = clipped::<R>(x, origin + (out * advance) as isize);
                sums = products::<V, W, R>(&factors, 0, &dy[out * c_out..], c_out, 1, sums);
            }
            if !whole.is_empty() {
                let factors = &x[(origin + (whole.start * advance) as isize) as usize..];
                sums = products::<V, W, R>(factors, advance, &dy[whole.start * c_out..], c_out, whole.len(), sums);
            }
            for out in right.clone() {
                let factors = clipped::<R>(x, origin + (out * advance) as isize);
                sums = products::<V, W, R>(&factors, 0, &dy[out * c_out..], c_out, 1, sums);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            save(sums, &mut self.out[(row + r) * c_out + column..(row + r + 1) * c_out]);
        }
        R
    }

    /// The positions of dy for which tap `k` reads within x.
    #[inline(always)]
    fn reading(&self, k: usize) -> Range<usize> {
        let Conv1dSpec { l, stride, padding, dilation, .. } = self.shape.spec;
        let offset = k * dilation;
        let first = padding.saturating_sub(offset).div_ceil(stride);
        let end = (l + padding).saturating_sub(offset).div_ceil(stride).min(self.shape.l_out);
        first.min(end)..end
    }

    /// The word of x that row `row` of the first window reads, negative where that lies in the padding. The rows of a
    /// tile follow one another in x: dilation is 1, or they belong to one tap.
    #[inline(always)]
    fn first_word(&self, row: usize) -> isize {
        let Conv1dSpec { c_in, padding, dilation, .. } = self.shape.spec;
        let position = (row / c_in * dilation) as isize - padding as isize;
        position * c_in as isize + (row % c_in) as isize
    }
}

/// `R` words of a sample from `at` on, zeros where it has none.
#[inline(always)]
fn clipped<const R: usize>(x: &[f32], at: isize) -> [f32; ROWS_MAX] {
    let mut factors = [0.0; ROWS_MAX];
    for (r, factor) in factors.iter_mut().take(R).enumerate() {
        *factor = usize::try_from(at + r as isize).ok().and_then(|at| x.get(at)).copied().unwrap_or(0.0);
    }
    factors
}

/// Adds the products of `R` factors with a row of dy, for `count` positions: their factors are `advance` words apart,
/// their rows `c_out`. The sums come and go by value: behind a reference they would live in memory.
#[inline(always)]
fn products<V: Vector, const W: usize, const R: usize>(
    factors: &[f32],
    advance: usize,
    rows: &[f32],
    c_out: usize,
    count: usize,
    mut sums: [[V; W]; R],
) -> [[V; W]; R] {
    for q in 0..count {
        let factors = &factors[q * advance..][..R];
        // Lanes beyond the row read the next one: their sums are never stored.
        let columns: [V; W] = load(&rows[q * c_out..]);
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum = V::splat(*factor).mul_add(*column, *sum);
            }
        }
    }
    sums
}

/// Loads `W` vectors, zeros beyond the end.
#[inline(always)]
fn load<V: Vector, const W: usize>(from: &[f32]) -> [V; W] {
    let mut spare = [0.0; COLUMNS_MAX];
    // Choosing between places, not between vectors, keeps the vectors in registers.
    let from = if from.len() >= W * V::LANES {
        from
    } else {
        spare[..from.len()].copy_from_slice(from);
        &spare
    };
    std::array::from_fn(|w| V::load(&from[w * V::LANES..]))
}

/// Stores `W` vectors, as far as `to` goes.
#[inline(always)]
fn save<V: Vector, const W: usize>(vectors: &[V; W], to: &mut [f32]) {
    for (vector, part) in vectors.iter().zip(to.chunks_mut(V::LANES)) {
        if part.len() == V::LANES {
            vector.store(part);
        } else {
            vector.store_part(part);
        }
    }
}
