//! CPU: blocks of rows against one panel of centres after the other.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::forms::{Form, Magnitude, Product, Square, inverse_length, of_pair};
use super::keepers::{Best, Keeper, Lists, Outputs};
use super::panels::{Centres, Panels, scratch_len, width};
use super::{DIRECT_MAX, DistanceSpec, Metric, amx, screen};
use crate::backend::CpuContext;
use crate::backend::amx::Amx;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Rows of the register tile: with four AVX-512 registers of centres, 20 sums, 4 columns and a row's value.
pub(super) const TILE_ROWS: usize = 5;

/// Rows that one panel serves while it lies in the nearest cache.
pub(super) const BLOCK_ROWS: usize = 12 * TILE_ROWS;

/// Rows of a task. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 4 * BLOCK_ROWS;

/// Dimensions whose moved values a row keeps at a time.
const DEPTH: usize = 64;

pub(super) fn distance(spec: &DistanceSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let by_bytes = ctx.vnni && !ctx.amx.is_some_and(Amx::is_forced) && screen::fits(spec);
    if by_bytes && screen::search(spec, ctx, args) {
        return;
    }
    if let Some(unit) = ctx.amx.filter(|_| amx::fits(spec)) {
        amx::search(spec, ctx, unit, args);
        return;
    }
    match spec.metric {
        Metric::Manhattan => search::<Magnitude>(spec, ctx, args),
        Metric::Euclidean | Metric::Cosine if spec.d <= DIRECT_MAX => search::<Square>(spec, ctx, args),
        Metric::Euclidean | Metric::Cosine => search::<Product>(spec, ctx, args),
    }
}

fn search<F: Form>(spec: &DistanceSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let DistanceSpec { n, k, d, nearest, .. } = *spec;
    let (x, c) = (args.f32(0), args.f32(1));
    let (labels, distances) = (args.u32_mut(2), args.f32_mut(3));
    let scratch = &mut args.f32_mut(4)[..scratch_len(k, d)];
    let panels = Panels::pack::<F>(spec, ctx, c, scratch);
    let task = |(t, (labels, distances)): (usize, (&mut [u32], &mut [f32]))| {
        let outputs = Outputs { labels, distances, nearest };
        let x = &x[t * TASK_ROWS * d..][..outputs.rows() * d];
        ctx.simd.run(Task { form: PhantomData::<F>, spec, x, panels, outputs });
    };
    let len = TASK_ROWS * nearest;
    if ctx.worth_splitting(2.0 * n as f64 * (k * d) as f64) {
        labels.par_chunks_mut(len).zip(distances.par_chunks_mut(len)).enumerate().for_each(task);
    } else {
        labels.chunks_mut(len).zip(distances.chunks_mut(len)).enumerate().for_each(task);
    }
}

/// Labels some rows.
pub(super) struct Task<'a, F> {
    pub form: PhantomData<F>,
    pub spec: &'a DistanceSpec,
    pub x: &'a [f32],
    pub panels: Panels<'a>,
    pub outputs: Outputs<'a>,
}

impl<F: Form> Simd for Task<'_, F> {
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

impl<F: Form> Task<'_, F> {
    #[inline(always)]
    fn each_block<V: Vector, K: Keeper>(self, mut keeper: K) {
        let Self { spec, x, panels, outputs, .. } = self;
        let (d, nearest, cosine) = (spec.d, spec.nearest, spec.metric == Metric::Cosine);
        let mut moved = [[0.0; DEPTH]; BLOCK_ROWS];
        let mut scales = [1.0; BLOCK_ROWS];
        let len = BLOCK_ROWS * nearest;
        let outputs = outputs.labels.chunks_mut(len).zip(outputs.distances.chunks_mut(len));
        for (x, (labels, distances)) in x.chunks(BLOCK_ROWS * d).zip(outputs) {
            let mut outputs = Outputs { labels, distances, nearest };
            if cosine {
                for (scale, row) in scales.iter_mut().zip(x.chunks_exact(d)) {
                    *scale = inverse_length::<V>(row);
                }
            }
            if d <= DEPTH {
                shift(x, d, 0, &scales, panels.centres.origin, &mut moved);
            }
            keeper.start(&mut outputs);
            let mut block = Block { form: PhantomData::<F>, x, scales: &scales, panels, moved: &mut moved };
            block.meet::<V, K>(spec.k, &mut keeper, &mut outputs);
            conclude::<V, F, K>(&keeper, x, &scales, &panels.centres, cosine, &mut outputs);
        }
    }
}

/// Scaled and moved values of rows, up to [`DEPTH`] dimensions from `first` on.
#[inline(always)]
fn shift(x: &[f32], d: usize, first: usize, scales: &[f32], origin: &[f32], moved: &mut [[f32; DEPTH]]) {
    let depth = DEPTH.min(d - first);
    for ((row, scale), to) in x.chunks_exact(d).zip(scales).zip(moved) {
        let values = row[first..][..depth].iter().zip(&origin[first..][..depth]);
        for ((value, from), to) in values.zip(&mut to[..depth]) {
            *to = value * scale - from;
        }
    }
}

/// A block of rows.
struct Block<'a, F> {
    form: PhantomData<F>,
    x: &'a [f32],
    scales: &'a [f32],
    panels: Panels<'a>,
    moved: &'a mut [[f32; DEPTH]; BLOCK_ROWS],
}

impl<F: Form> Block<'_, F> {
    /// Shows the keeper the scores of all `k` centres.
    #[inline(always)]
    fn meet<V: Vector, K: Keeper>(&mut self, k: usize, keeper: &mut K, outputs: &mut Outputs<'_>) {
        let d = self.panels.centres.origin.len();
        let words = self.panels.words;
        for (p, panel) in words.chunks_exact(width::<V>() * (d + 1)).enumerate() {
            let first = p * width::<V>();
            // The last panel may be narrow: what lies beyond the centres is left out by whole registers.
            match (k - first).div_ceil(V::LANES) {
                1 if V::LANES == 16 => self.sweep::<V, K, 64, 1>(panel, first, keeper, outputs),
                2 if V::LANES == 16 => self.sweep::<V, K, 64, 2>(panel, first, keeper, outputs),
                _ if V::LANES == 16 => self.sweep::<V, K, 64, 4>(panel, first, keeper, outputs),
                1 => self.sweep::<V, K, 16, 1>(panel, first, keeper, outputs),
                _ => self.sweep::<V, K, 16, 2>(panel, first, keeper, outputs),
            }
        }
    }

    /// All rows against the first `W` registers of a panel that is `P` centres wide.
    #[inline(always)]
    fn sweep<V: Vector, K: Keeper, const P: usize, const W: usize>(
        &mut self,
        panel: &[f32],
        first: usize,
        keeper: &mut K,
        outputs: &mut Outputs<'_>,
    ) {
        let d = self.panels.centres.origin.len();
        let (starts, values) = panel.split_at(P);
        let start: [V; W] = std::array::from_fn(|w| V::load(&starts[w * V::LANES..]));
        for row in (0..outputs.rows()).step_by(TILE_ROWS) {
            let mut scores = [start; TILE_ROWS];
            if d <= DEPTH {
                scores = accumulate::<V, F, P, W>(&self.moved[row..], values, scores);
            } else {
                let rows = TILE_ROWS.min(outputs.rows() - row);
                let (x, scales) = (&self.x[row * d..(row + rows) * d], &self.scales[row..]);
                for done in (0..d).step_by(DEPTH) {
                    shift(x, d, done, scales, self.panels.centres.origin, &mut self.moved[..]);
                    let values = &values[done * P..(done + DEPTH).min(d) * P];
                    scores = accumulate::<V, F, P, W>(&self.moved[..], values, scores);
                }
            }
            keeper.look::<V, W>(outputs, row, first, scores);
        }
    }
}

/// Adds a stretch of dimensions to the scores of a tile, in order. They come and go by value: behind a reference they
/// would live in memory.
#[inline(always)]
fn accumulate<V: Vector, F: Form, const P: usize, const W: usize>(
    moved: &[[f32; DEPTH]],
    values: &[f32],
    mut scores: [[V; W]; TILE_ROWS],
) -> [[V; W]; TILE_ROWS] {
    let Some(moved) = moved.first_chunk::<TILE_ROWS>() else { return scores };
    for (q, value) in values.as_chunks::<P>().0.iter().enumerate().take(DEPTH) {
        let columns: [V; W] = std::array::from_fn(|w| V::load(&value[w * V::LANES..]));
        for (scores, moved) in scores.iter_mut().zip(moved) {
            let own = V::splat(moved[q]);
            for (score, column) in scores.iter_mut().zip(&columns) {
                *score = F::add(own, *column, *score);
            }
        }
    }
    scores
}

/// The winners of a block of rows, with their distances.
#[inline(always)]
pub(super) fn conclude<V: Vector, F: Form, K: Keeper>(
    keeper: &K,
    x: &[f32],
    scales: &[f32],
    centres: &Centres<'_>,
    cosine: bool,
    outputs: &mut Outputs<'_>,
) {
    for (i, row) in x.chunks_exact(centres.origin.len()).enumerate() {
        keeper.finish::<V>(outputs, i);
        let (labels, distances) = outputs.of(i);
        measure::<V, F>(row, scales[i], centres, cosine, labels, distances);
    }
}

/// The distances of a row's winners, computed directly, and the winners in their order.
#[inline(always)]
fn measure<V: Vector, F: Form>(
    row: &[f32],
    scale: f32,
    centres: &Centres<'_>,
    cosine: bool,
    labels: &mut [u32],
    distances: &mut [f32],
) {
    if cosine && scale == 0.0 {
        // A zero vector is as far from one centre as from any other.
        distances.fill(1.0);
        labels.iter_mut().zip(0..).for_each(|(label, j)| *label = j);
        return;
    }
    for (label, distance) in labels.iter().zip(distances.iter_mut()) {
        let j = *label as usize;
        let centre = &centres.c[j * row.len()..][..row.len()];
        let plain = of_pair::<V, F>(row, scale, centre, centres.scales[j]);
        *distance = match (cosine, centres.scales[j] == 0.0) {
            (false, _) => plain,
            (true, false) => 0.5 * plain,
            (true, true) => 1.0,
        };
    }
    for sorted in 1..labels.len() {
        let mut place = sorted;
        let before = |i: usize, l: &[u32], d: &[f32]| d[i] < d[i - 1] || (d[i] == d[i - 1] && l[i] < l[i - 1]);
        while place > 0 && before(place, labels, distances) {
            labels.swap(place, place - 1);
            distances.swap(place, place - 1);
            place -= 1;
        }
    }
}
