//! CPU: packed panels of centres, register tiles, running minimum and index.

use rayon::prelude::*;

use super::{DIRECT_MAX, DistanceSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Centres of a panel: two AVX-512 registers, four of AVX2.
const PANEL: usize = 32;

/// Rows that one task labels. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 192;

/// Dimensions whose moved values a tile keeps at a time.
const DEPTH: usize = 64;

/// Words of a panel: where each centre's score starts, then its values, dimension by dimension.
const fn panel_len(d: usize) -> usize {
    PANEL * (d + 1)
}

/// Words of working memory: the origin, then the panels.
pub(super) const fn scratch_len(k: usize, d: usize) -> usize {
    d + k.div_ceil(PANEL) * panel_len(d)
}

pub(super) fn distance(spec: &DistanceSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let DistanceSpec { n, k, d, .. } = *spec;
    let (x, c) = (args.f32(0), args.f32(1));
    let (labels, distances) = (args.u32_mut(2), args.f32_mut(3));
    let scratch = &mut args.f32_mut(4)[..scratch_len(k, d)];
    let (origin, panels) = scratch.split_at_mut(d);
    let direct = d <= DIRECT_MAX;
    set_origin(c, direct, origin);
    for (p, panel) in panels.chunks_exact_mut(panel_len(d)).enumerate() {
        pack(&c[p * PANEL * d..], origin, direct, panel);
    }
    let (origin, panels) = (&*origin, &*panels);
    let task = |(t, (labels, distances)): (usize, (&mut [u32], &mut [f32]))| {
        let x = &x[t * TASK_ROWS * d..][..labels.len() * d];
        if direct {
            ctx.simd.run(Task::<true> { d, x, c, origin, panels, labels, distances });
        } else {
            ctx.simd.run(Task::<false> { d, x, c, origin, panels, labels, distances });
        }
    };
    if ctx.worth_splitting(2.0 * n as f64 * (k * d) as f64) {
        let outputs = labels.par_chunks_mut(TASK_ROWS).zip(distances.par_chunks_mut(TASK_ROWS));
        outputs.enumerate().for_each(task);
    } else {
        labels.chunks_mut(TASK_ROWS).zip(distances.chunks_mut(TASK_ROWS)).enumerate().for_each(task);
    }
}

/// The mean of the centres, or 0 for the direct form, which needs no move.
fn set_origin(c: &[f32], direct: bool, origin: &mut [f32]) {
    origin.fill(0.0);
    if direct {
        return;
    }
    let share = origin.len() as f32 / c.len() as f32;
    for centre in c.chunks_exact(origin.len()) {
        for (mean, value) in origin.iter_mut().zip(centre) {
            *mean += value * share;
        }
    }
}

/// Packs the next up to [`PANEL`] centres of `c`. The score of the direct form starts at 0, that of the other at
/// `|c|^2`, with the centres scaled by -2. Places without a centre start so high that they never win.
fn pack(c: &[f32], origin: &[f32], direct: bool, panel: &mut [f32]) {
    let d = origin.len();
    panel.fill(0.0);
    let (starts, values) = panel.split_at_mut(PANEL);
    starts.fill(f32::MAX);
    for (j, centre) in c.chunks_exact(d).take(PANEL).enumerate() {
        let mut square = 0.0;
        for ((row, value), from) in values.chunks_exact_mut(PANEL).zip(centre).zip(origin) {
            let moved = value - from;
            square += moved * moved;
            row[j] = if direct { *value } else { -2.0 * moved };
        }
        starts[j] = if direct { 0.0 } else { square };
    }
}

/// Labels some rows.
struct Task<'a, const DIRECT: bool> {
    d: usize,
    x: &'a [f32],
    c: &'a [f32],
    origin: &'a [f32],
    panels: &'a [f32],
    labels: &'a mut [u32],
    distances: &'a mut [f32],
}

impl<const DIRECT: bool> Simd for Task<'_, DIRECT> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { d, x, c, origin, panels, labels, distances } = self;
        let mut first = 0;
        while first < labels.len() {
            let left = labels.len() - first;
            let (x, labels) = (&x[first * d..], &mut labels[first..]);
            first += if V::LANES == 16 && left >= 12 {
                tile::<V, DIRECT, 2, 12>(x, origin, panels, labels)
            } else if V::LANES == 16 && left >= 4 {
                tile::<V, DIRECT, 2, 4>(x, origin, panels, labels)
            } else if V::LANES == 16 {
                tile::<V, DIRECT, 2, 1>(x, origin, panels, labels)
            } else if left >= 3 {
                tile::<V, DIRECT, 4, 3>(x, origin, panels, labels)
            } else {
                tile::<V, DIRECT, 4, 1>(x, origin, panels, labels)
            };
        }
        for ((row, label), distance) in x.chunks_exact(d).zip(&*labels).zip(distances) {
            *distance = squared_distance::<V>(row, &c[*label as usize * d..][..d]);
        }
    }
}

/// Labels `R` rows against all panels of `W` vectors. Each score is summed over the dimensions in order, whatever `R`
/// is. Returns `R`.
#[inline(always)]
fn tile<V: Vector, const DIRECT: bool, const W: usize, const R: usize>(
    x: &[f32],
    origin: &[f32],
    panels: &[f32],
    labels: &mut [u32],
) -> usize {
    let d = origin.len();
    let mut best = [[V::splat(f32::MAX); W]; R];
    let mut best_panel = [[V::splat(0.0); W]; R];
    let mut moved = [[0.0_f32; DEPTH]; R];
    for (p, panel) in panels.chunks_exact(panel_len(d)).enumerate() {
        let (starts, values) = panel.split_at(PANEL);
        let start: [V; W] = std::array::from_fn(|w| V::load(&starts[w * V::LANES..]));
        let mut scores = [start; R];
        let mut done = 0;
        while done < d {
            let depth = DEPTH.min(d - done);
            // With one stretch of dimensions the moved rows serve every panel.
            if p == 0 || d > DEPTH {
                for (r, row) in moved.iter_mut().enumerate() {
                    let source = &x[r * d + done..][..depth];
                    for ((value, from), to) in source.iter().zip(&origin[done..]).zip(row.iter_mut()) {
                        *to = value - from;
                    }
                }
            }
            let values = &values[done * PANEL..(done + depth) * PANEL];
            scores = accumulate::<V, DIRECT, W, R>(&moved, values, scores);
            done += depth;
        }
        let number = V::splat(p as f32);
        for ((scores, best), best_panel) in scores.iter().zip(&mut best).zip(&mut best_panel) {
            for ((score, known), panel) in scores.iter().zip(best).zip(best_panel) {
                *panel = score.if_less(*known, number, *panel);
                *known = score.if_less(*known, *score, *known);
            }
        }
    }
    for r in 0..R {
        labels[r] = lowest(&best[r], &best_panel[r]);
    }
    R
}

/// Adds a stretch of dimensions to the scores. They come and go by value: behind a reference they would live in memory.
#[inline(always)]
fn accumulate<V: Vector, const DIRECT: bool, const W: usize, const R: usize>(
    moved: &[[f32; DEPTH]; R],
    values: &[f32],
    mut scores: [[V; W]; R],
) -> [[V; W]; R] {
    for (q, value) in values.chunks_exact(PANEL).enumerate().take(DEPTH) {
        let columns: [V; W] = std::array::from_fn(|w| V::load(&value[w * V::LANES..]));
        for (scores, moved) in scores.iter_mut().zip(moved) {
            let own = V::splat(moved[q]);
            for (score, column) in scores.iter_mut().zip(&columns) {
                *score = if DIRECT {
                    let difference = own.sub(*column);
                    difference.mul_add(difference, *score)
                } else {
                    own.mul_add(*column, *score)
                };
            }
        }
    }
    scores
}

/// The centre with the smallest score; of equal ones the first. If no score was ever below the largest number, the
/// first lane of the first panel: centre 0.
#[inline(always)]
fn lowest<V: Vector, const W: usize>(best: &[V; W], panel: &[V; W]) -> u32 {
    let mut scores = [0.0; PANEL];
    let mut centres = [0.0; PANEL];
    for w in 0..W {
        best[w].store(&mut scores[w * V::LANES..]);
        panel[w].store(&mut centres[w * V::LANES..]);
    }
    for (lane, centre) in centres.iter_mut().enumerate() {
        *centre = *centre * PANEL as f32 + lane as f32;
    }
    let mut half = PANEL / 2;
    while half > 0 {
        for i in 0..half {
            let (score, centre) = (scores[i + half], centres[i + half]);
            let wins = score < scores[i] || (score == scores[i] && centre < centres[i]);
            scores[i] = if wins { score } else { scores[i] };
            centres[i] = if wins { centre } else { centres[i] };
        }
        half /= 2;
    }
    centres[0] as u32
}

#[inline(always)]
fn squared_distance<V: Vector>(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = V::splat(0.0);
    let (wholes_a, wholes_b) = (a.chunks_exact(V::LANES), b.chunks_exact(V::LANES));
    let (rest_a, rest_b) = (wholes_a.remainder(), wholes_b.remainder());
    for (a, b) in wholes_a.zip(wholes_b) {
        let difference = V::load(a).sub(V::load(b));
        sum = difference.mul_add(difference, sum);
    }
    if !rest_a.is_empty() {
        let difference = V::load_part(rest_a).sub(V::load_part(rest_b));
        sum = difference.mul_add(difference, sum);
    }
    sum.sum()
}
