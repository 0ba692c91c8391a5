//! CPU with AMX: the scores of 32 rows and 32 centres at a time from the tile unit (see [`crate::backend::amx`]).
//!
//! As without it, rows and centres are moved to the mean of the centres, a score starts at `|c|^2`, and the centres are
//! scaled by -2. The winners' distances are computed directly, in f32: only which centres win hangs on the unit. A row or
//! centre that is not finite has no finite score, and never wins.

use rayon::prelude::*;

use super::cpu::{TILE_ROWS, conclude};
use super::forms::{Product, inverse_length};
use super::keepers::{Best, Keeper, Lists, Outputs};
use super::panels::Centres;
use super::{DIRECT_MAX, DistanceSpec, Metric};
use crate::backend::CpuContext;
use crate::backend::amx::pack::{Lines, Side, Square, pack};
use crate::backend::amx::{Amx, AmxMode, BLOCK, Block, STEP, TILE};
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// The mode that searches run in unless `NIGHTLOOM_AMX` says otherwise. Rows that bf16x3 labels otherwise than f32 are
/// few, but their distances are then other numbers; bf16x6 tells centres apart as f32 does.
pub const DEFAULT: AmxMode = AmxMode::Bf16x6;

/// The most dimensions: a block of rows is packed in a task's own memory.
const DIMENSIONS_MAX: usize = 16 * STEP;

/// Rows of a task. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 8 * BLOCK;

/// Whether a search is one that the unit is for: packed rows and centres must be used often enough, see the same rule of
/// matrix products.
pub(super) const fn fits(spec: &DistanceSpec) -> bool {
    let DistanceSpec { n, k, d, metric, .. } = *spec;
    let squares = !matches!(metric, Metric::Manhattan) && d > DIRECT_MAX;
    squares && d <= DIMENSIONS_MAX && n >= 4 * BLOCK && k >= 2 * BLOCK && n * k * d >= 1 << 19
}

/// Words of working memory: the centres in three parts, where their scores start, a scale for each, and the origin. The
/// same whether AMX is there or not, since a kernel's arguments follow from its shape.
pub(super) const fn scratch_len(spec: &DistanceSpec) -> usize {
    let DistanceSpec { k, d, .. } = *spec;
    if fits(spec) {
        k.div_ceil(BLOCK) * (block_len(AmxMode::Bf16x6, d) + BLOCK) + Centres::scratch_len(k, d)
    } else {
        0
    }
}

/// Words of 32 rows or centres, packed.
const fn block_len(mode: AmxMode, d: usize) -> usize {
    d.div_ceil(STEP) * mode.step_words()
}

/// Centres, packed.
#[derive(Clone, Copy)]
struct Panels<'a> {
    centres: Centres<'a>,
    /// Where the scores start, 32 a panel.
    starts: &'a [f32],
    /// Their values.
    words: &'a [u32],
}

pub(super) fn search(spec: &DistanceSpec, ctx: &CpuContext, unit: Amx, args: &mut Args<'_>) {
    let DistanceSpec { n, k, d, nearest, .. } = *spec;
    let mode = unit.mode(DEFAULT);
    let (x, c) = (args.f32(0), args.f32(1));
    let (labels, distances) = (args.u32_mut(2), args.f32_mut(3));
    let split = ctx.worth_splitting(2.0 * n as f64 * (k * d) as f64);
    // Blocks first: their rows then begin at cache lines.
    let count = k.div_ceil(BLOCK);
    let (words, rest) = args.f32_mut(4).split_at_mut(count * block_len(mode, d));
    let (starts, rest) = rest.split_at_mut(count * BLOCK);
    let centres = Centres::place::<Product>(spec, ctx, c, rest);
    let words: &mut [u32] = bytemuck::cast_slice_mut(words);
    let panel = |(p, (words, starts)): (usize, (&mut [u32], &mut [f32]))| {
        ctx.simd.run(PackCentres { mode, centres, first: p * BLOCK, words, starts });
    };
    if split {
        words.par_chunks_mut(block_len(mode, d)).zip(starts.par_chunks_mut(BLOCK)).enumerate().for_each(panel);
    } else {
        words.chunks_mut(block_len(mode, d)).zip(starts.chunks_mut(BLOCK)).enumerate().for_each(panel);
    }
    let panels = Panels { centres, starts, words };
    let task = |(t, (labels, distances)): (usize, (&mut [u32], &mut [f32]))| {
        let outputs = Outputs { labels, distances, nearest };
        let x = &x[t * TASK_ROWS * d..][..outputs.rows() * d];
        ctx.simd.run(Task { spec, unit, mode, x, panels, outputs });
    };
    let len = TASK_ROWS * nearest;
    if split {
        labels.par_chunks_mut(len).zip(distances.par_chunks_mut(len)).enumerate().for_each(task);
    } else {
        labels.chunks_mut(len).zip(distances.chunks_mut(len)).enumerate().for_each(task);
    }
}

/// Packs a panel of centres.
struct PackCentres<'a> {
    mode: AmxMode,
    centres: Centres<'a>,
    first: usize,
    words: &'a mut [u32],
    starts: &'a mut [f32],
}

impl Simd for PackCentres<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { mode, centres, first, words, starts } = self;
        let Centres { c, scales, origin } = centres;
        let (c, scales) = (&c[first * origin.len()..], &scales[first..]);
        // Places without a centre start so high that they never win.
        starts.fill(f32::MAX);
        for (start, scale) in starts.iter_mut().zip(scales) {
            *start = Centres::start_of(*scale);
        }
        for (step, target) in words.chunks_exact_mut(mode.step_words()).enumerate() {
            let mut square = shifted(c, scales, origin, step * STEP);
            for ((line, start), _) in square.iter_mut().zip(&mut *starts).zip(scales) {
                for value in line {
                    *start += *value * *value;
                    *value *= -2.0;
                }
            }
            pack(mode, Side::B, Lines::Lanes, &square, target);
        }
    }
}

/// Scaled and moved values of at most 32 rows, 32 dimensions from `first` on; zeros where there are none.
#[inline(always)]
fn shifted(x: &[f32], scales: &[f32], origin: &[f32], first: usize) -> Square {
    let d = origin.len();
    let depth = STEP.min(d - first);
    let mut square = [[0.0; BLOCK]; STEP];
    for ((row, scale), line) in x.chunks_exact(d).zip(scales).zip(&mut square) {
        let values = row[first..][..depth].iter().zip(&origin[first..][..depth]);
        for ((value, from), to) in values.zip(line) {
            *to = value * scale - from;
        }
    }
    square
}

/// Labels some rows.
struct Task<'a> {
    spec: &'a DistanceSpec,
    unit: Amx,
    mode: AmxMode,
    x: &'a [f32],
    panels: Panels<'a>,
    outputs: Outputs<'a>,
}

/// Tiles whose rows begin at cache lines.
#[repr(align(64))]
struct Aligned<T>(T);

/// A block of rows, packed.
type PackedRows = [u32; block_len(AmxMode::Bf16x6, DIMENSIONS_MAX)];

impl Simd for Task<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        if self.spec.nearest == 1 {
            self.each_block::<V, Best>(Best::new());
        } else {
            self.each_block::<V, Lists>(Lists);
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    #[expect(clippy::large_stack_arrays, reason = "96 KiB of a thread's megabytes; a search allocates nothing")]
    fn each_block<V: Vector, K: Keeper>(self, mut keeper: K) {
        let Self { spec, unit, mode, x, panels, outputs } = self;
        let DistanceSpec { d, nearest, metric, .. } = *spec;
        let mut packed = Aligned::<PackedRows>([0; _]);
        let packed = &mut packed.0[..block_len(mode, d)];
        let mut sums = Aligned::<Block>([0.0; _]);
        let mut scales = [1.0; BLOCK];
        let len = BLOCK * nearest;
        let outputs = outputs.labels.chunks_mut(len).zip(outputs.distances.chunks_mut(len));
        for (x, (labels, distances)) in x.chunks(BLOCK * d).zip(outputs) {
            let mut outputs = Outputs { labels, distances, nearest };
            if metric == Metric::Cosine {
                for (scale, row) in scales.iter_mut().zip(x.chunks_exact(d)) {
                    *scale = inverse_length::<V>(row);
                }
            }
            for (step, target) in packed.chunks_exact_mut(mode.step_words()).enumerate() {
                let square = shifted(x, &scales, panels.centres.origin, step * STEP);
                pack(mode, Side::A, Lines::Lanes, &square, target);
            }
            keeper.start(&mut outputs);
            let blocks = panels.words.chunks_exact(packed.len()).zip(panels.starts.chunks_exact(BLOCK));
            for (p, (centres, starts)) in blocks.enumerate() {
                unit.block(mode, packed, centres, &mut sums.0);
                if const { V::LANES == 16 } {
                    show::<V, K, 2>(&sums.0, starts, p * BLOCK, &mut keeper, &mut outputs);
                } else {
                    show::<V, K, 4>(&sums.0, starts, p * BLOCK, &mut keeper, &mut outputs);
                }
            }
            conclude::<V, Product, K>(&keeper, x, &scales, &panels.centres, metric == Metric::Cosine, &mut outputs);
        }
    }
}

/// Shows the keeper the scores of a panel's centres, which are `W` vectors a row.
#[inline(always)]
fn show<V: Vector, K: Keeper, const W: usize>(
    sums: &Block,
    starts: &[f32],
    first: usize,
    keeper: &mut K,
    outputs: &mut Outputs<'_>,
) {
    for row in (0..outputs.rows()).step_by(TILE_ROWS) {
        let mut scores = [[V::splat(0.0); W]; TILE_ROWS];
        for (r, scores) in scores.iter_mut().enumerate() {
            // The keeper looks at rows by the tile; those beyond the last one belong to nobody.
            let at = (row + r).min(BLOCK - 1);
            for (w, score) in scores.iter_mut().enumerate() {
                let column = w * V::LANES;
                let place = (at / 16 * 2 + column / 16) * TILE + at % 16 * 16 + column % 16;
                *score = V::load(&starts[column..]).add(V::load(&sums[place..]));
            }
        }
        keeper.look::<V, W>(outputs, row, first, scores);
    }
}

#[cfg(test)]
mod tests;
