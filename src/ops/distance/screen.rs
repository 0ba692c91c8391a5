//! CPU with VNNI: the nearest centre of every row by products of bytes, then directly among the few that may be it.
//!
//! Rows and centres are moved to the mean of the centres and rounded to bytes: centres by one step for all, rows by one
//! step for a block. A byte product costs a quarter of a multiplication in f32. What rounding can do to a score
//! `|c|^2 / 2 - x.c` is bounded by Cauchy and Schwarz, with `x` and `c` rounded to `x'` and `c'`:
//!
//! `|x.c - x'.c'| <= |x - x'| |c| + |x'| |c - c'|`
//!
//! so the nearest centre of a row is among those whose score is at most twice that bound above the row's lowest. These,
//! one or two a row on most data, are measured in f32 directly, and where two such distances agree to f32's rounding, in
//! f64. The label is therefore the nearest centre itself (of equally near ones the lowest), closer to the truth than f32
//! scores are.
//!
//! Where bytes tell too little apart (a row far outside its block, a centre far outside the others) a block has more
//! candidates than are worth measuring; it is then searched in f32, as are the blocks after it in the same task. So is a
//! block with values that are not finite. Which blocks these are depends on the rows and centres alone.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::cpu::{BLOCK_ROWS, Task as PlainTask};
use super::forms::Product;
use super::keepers::Outputs;
use super::panels::{self, Centres, Panels};
use super::{DIRECT_MAX, DistanceSpec, Metric};
use crate::backend::CpuContext;
use crate::backend::vnni;
use crate::ops::kernel::Args;

#[cfg(target_arch = "x86_64")]
mod block;

/// Centres of a panel: four registers of 16 sums.
const PANEL: usize = 64;

/// The most dimensions: a block of rows is rounded in a task's own memory.
const DIMENSIONS_MAX: usize = 2048;

/// Rows of a task. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 16 * BLOCK_ROWS;

/// Values above this go to the search in f32, whose distances may overflow as the definition's do.
const MAGNITUDE_MAX: f32 = 1e15;

/// Scores start at most here, in steps of a row times steps of a centre; products add less than 2^27.
const START_MAX: f32 = (1_u32 << 29) as f32;

/// Where places without a centre start: they never come near a lowest score.
const NEVER: i32 = 1 << 30;

/// Whether a search is one that bytes are for: one nearest centre, and enough products to pay for the rounding.
pub(super) const fn fits(spec: &DistanceSpec) -> bool {
    let DistanceSpec { n, k, d, metric, nearest, .. } = *spec;
    let wanted = matches!(metric, Metric::Euclidean) && nearest == 1;
    wanted && d > DIRECT_MAX && d <= DIMENSIONS_MAX && n >= BLOCK_ROWS && k >= PANEL / 2 && n * k * d >= 1 << 19
}

/// Words of working memory: the panels in f32, then bytes by four and half squares. The same whether VNNI is there or not,
/// since a kernel's arguments follow from its shape.
pub(super) const fn scratch_len(spec: &DistanceSpec) -> usize {
    let DistanceSpec { k, d, .. } = *spec;
    if fits(spec) { panels::scratch_len(k, d) + k.div_ceil(PANEL) * PANEL * (d.div_ceil(4) + 1) } else { 0 }
}

/// Centres as bytes.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    /// Panels of 64 centres: for each four dimensions a word a centre, whose bytes are 128 less the rounded value.
    words: &'a [i32],
    /// Half the squared length of each moved centre.
    halves: &'a [f32],
    /// What a byte stands for.
    step: f32,
    /// The longest moved centre, the largest half square, and the longest rounding error.
    norm_max: f32,
    half_max: f32,
    error_max: f32,
}

/// Searches by bytes; where the machine cannot, says so by `false` and has touched nothing.
pub(super) fn search(spec: &DistanceSpec, ctx: &CpuContext, args: &mut Args<'_>) -> bool {
    if !vnni::present() {
        return false;
    }
    let DistanceSpec { n, k, d, .. } = *spec;
    let (x, c) = (args.f32(0), args.f32(1));
    let (labels, distances) = (args.u32_mut(2), args.f32_mut(3));
    let (plain, rest) = args.f32_mut(4).split_at_mut(panels::scratch_len(k, d));
    let panels = Panels::pack::<Product>(spec, ctx, c, plain);
    let places = k.div_ceil(PANEL) * PANEL;
    let (halves, words) = rest[..places * (d.div_ceil(4) + 1)].split_at_mut(places);
    let bytes = round(&panels.centres, halves, bytemuck::cast_slice_mut(words));
    let task = |(t, (labels, distances)): (usize, (&mut [u32], &mut [f32]))| {
        let x = &x[t * TASK_ROWS * d..][..labels.len() * d];
        let task = Task { spec, ctx, panels, x };
        let done = bytes.map_or(0, |bytes| label(&task, &bytes, labels, distances));
        if done < labels.len() {
            task.plain(done, &mut labels[done..], &mut distances[done..]);
        }
    };
    if ctx.worth_splitting(2.0 * n as f64 * (k * d) as f64) {
        labels.par_chunks_mut(TASK_ROWS).zip(distances.par_chunks_mut(TASK_ROWS)).enumerate().for_each(task);
    } else {
        labels.chunks_mut(TASK_ROWS).zip(distances.chunks_mut(TASK_ROWS)).enumerate().for_each(task);
    }
    true
}

/// Rounds the moved centres; `None` if they are not finite, too large or all in one place: bytes then tell nothing apart.
fn round<'a>(centres: &Centres<'_>, halves: &'a mut [f32], words: &'a mut [i32]) -> Option<Bytes<'a>> {
    let Centres { c, origin, .. } = *centres;
    let (d, groups) = (origin.len(), origin.len().div_ceil(4));
    let (mut largest, mut sound) = (0.0_f32, true);
    for row in c.chunks_exact(d) {
        for (value, from) in row.iter().zip(origin) {
            let moved = (value - from).abs();
            sound &= moved < MAGNITUDE_MAX;
            largest = largest.max(moved);
        }
    }
    let step = largest / 127.0;
    if !sound || step <= f32::MIN_POSITIVE {
        return None;
    }
    // Bytes of dimensions and places that there are not stand for 0.
    words.fill(i32::from_ne_bytes([128; 4]));
    halves.fill(f32::MAX);
    let (mut norm_max, mut error_max) = (0.0_f64, 0.0_f64);
    for ((j, row), half) in c.chunks_exact(d).enumerate().zip(&mut *halves) {
        let first = j / PANEL * groups * PANEL + j % PANEL;
        let (mut norm, mut error) = (0.0, 0.0);
        for (q, (value, from)) in row.iter().zip(origin).enumerate() {
            let moved = value - from;
            let steps = (moved / step).round().clamp(-127.0, 127.0);
            norm += f64::from(moved) * f64::from(moved);
            error += (f64::from(moved) - f64::from(steps) * f64::from(step)).powi(2);
            let word = &mut words[first + q / 4 * PANEL];
            let mut bytes = word.to_ne_bytes();
            bytes[q % 4] = (128 - steps as i32) as u8;
            *word = i32::from_ne_bytes(bytes);
        }
        *half = (0.5 * norm) as f32;
        norm_max = norm_max.max(norm.sqrt());
        error_max = error_max.max(error.sqrt());
    }
    let (norm_max, error_max) = (norm_max as f32, error_max as f32);
    Some(Bytes { words, halves, step, norm_max, half_max: 0.5 * norm_max * norm_max, error_max })
}

/// What a task's rows are searched with.
struct Task<'a> {
    spec: &'a DistanceSpec,
    ctx: &'a CpuContext,
    panels: Panels<'a>,
    x: &'a [f32],
}

impl Task<'_> {
    /// Labels rows from row `first` of the task on in f32.
    fn plain(&self, first: usize, labels: &mut [u32], distances: &mut [f32]) {
        let Self { spec, ctx, panels, x, .. } = *self;
        let x = &x[first * spec.d..][..labels.len() * spec.d];
        let outputs = Outputs { labels, distances, nearest: 1 };
        ctx.simd.run(PlainTask { form: PhantomData::<Product>, spec, x, panels, outputs });
    }
}

#[cfg(target_arch = "x86_64")]
use block::label;

/// There are no products of bytes here, and [`search`] does not come so far.
#[cfg(not(target_arch = "x86_64"))]
fn label(_: &Task<'_>, _: &Bytes<'_>, _: &mut [u32], _: &mut [f32]) -> usize {
    0
}

#[cfg(test)]
mod tests;
