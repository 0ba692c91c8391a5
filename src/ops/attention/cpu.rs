//! CPU, forward: samples are tasks; a head's keys are transposed once, then blocks of queries follow.

use rayon::prelude::*;

use super::AttentionSpec;
use super::head::{Head, Sizes};
use super::product::{Left, Right, padded, product};
use super::short;
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, SimdLevel, Vector};
use crate::ops::fold;
use crate::ops::kernel::Args;

/// Words of working memory of a task: keys across, twice, values along, a block's scores and its output.
pub(super) const fn scratch_len(spec: &AttentionSpec) -> usize {
    let sizes = Sizes::new(spec);
    2 * sizes.across() + sizes.along(spec) + sizes.scores() + sizes.rows()
}

/// The first `rows` samples, all that the arguments hold.
pub(super) fn forward(spec: &AttentionSpec, ctx: &CpuContext, args: &mut Args<'_>, rows: usize) {
    let (qkv, y, lse, scratch) = (args.f32(0), args.f32_mut(1), args.f32_mut(2), args.f32_mut(3));
    let lengths = if spec.lengths { args.u32(4) } else { &[] };
    let (own, scratch_len) = (spec.l * spec.d, scratch_len(spec));
    let tasks = spec.tasks();
    if tasks == 1 || !ctx.worth_splitting(spec.forward_flops()) {
        batch(Forward { simd: ctx.simd, spec, rows, qkv, lengths, y, lse, scratch: &mut scratch[..scratch_len] });
        return;
    }
    let samples = rows.div_ceil(tasks);
    let outputs = y.par_chunks_mut(samples * own).zip(lse.par_chunks_mut(samples * spec.heads * spec.l));
    outputs.zip(scratch.par_chunks_mut(scratch_len)).enumerate().for_each(|(task, ((y, lse), scratch))| {
        let (first, rows) = (task * samples, y.len() / own);
        let lengths = if spec.lengths { &lengths[first..] } else { lengths };
        let qkv = &qkv[first * 3 * own..];
        batch(Forward { simd: ctx.simd, spec, rows, qkv, lengths, y, lse, scratch });
    });
}

/// A task.
fn batch(task: Forward<'_>) {
    if short::fits(task.spec) {
        let Forward { simd, spec, rows, qkv, lengths, y, lse, .. } = task;
        let simd = short::level(spec, simd);
        simd.run(short::Forward { simd, spec, rows, qkv, lengths, y, lse });
    } else {
        task.simd.run(task);
    }
}

struct Forward<'a> {
    simd: SimdLevel,
    spec: &'a AttentionSpec,
    rows: usize,
    qkv: &'a [f32],
    lengths: &'a [u32],
    y: &'a mut [f32],
    lse: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { simd, spec, rows, qkv, lengths, y, lse, scratch } = self;
        let across = Sizes::new(spec).across();
        let (mut keys, rest) = scratch.split_at_mut(across);
        let (mut next_keys, rest) = rest.split_at_mut(across);
        let head = |number| Head::new(simd, spec, lengths, number);
        let count = rows * spec.heads;
        head(0).keys_across(qkv, keys);
        // No closure: it would be compiled without the level's instructions.
        for number in 0..count {
            // The next head's keys are transposed a head ahead: a register loaded from words that have just been stored
            // one by one would wait for them to reach the cache.
            if number + 1 < count {
                head(number + 1).keys_across(qkv, next_keys);
            }
            one_head::<V>(&head(number), qkv, keys, (y, lse), rest);
            std::mem::swap(&mut keys, &mut next_keys);
        }
    }
}

#[inline(always)]
fn one_head<V: Vector>(
    head: &Head<'_>,
    qkv: &[f32],
    keys_across: &[f32],
    (y, lse): (&mut [f32], &mut [f32]),
    scratch: &mut [f32],
) {
    let (spec, sizes, stride) = (head.spec, head.sizes, head.stride());
    let (values, rest) = scratch.split_at_mut(sizes.along(spec));
    let (scores, out) = rest.split_at_mut(sizes.scores());
    head.along(qkv, (head.at(2, 0), stride), head.length, 1.0, values);
    let right = |values, row| Right { values, row };
    for first in (0..spec.l).step_by(sizes.block) {
        let queries = sizes.block.min(spec.l - first);
        let keys = head.keys(first + queries - 1);
        let width = padded(keys);
        let left = Left { values: &qkv[head.at(0, first)..], row: stride, step: 1 };
        let keys_across = right(keys_across, sizes.keys_padded);
        product(head.simd, (queries, sizes.head, width), left, keys_across, (scores, sizes.keys_padded), false);
        let lse = &mut lse[head.lse() + first..][..queries];
        for ((i, row), lse) in scores.chunks_exact_mut(sizes.keys_padded).enumerate().zip(lse.iter_mut()) {
            let (largest, sum) = exponentials::<V>(&mut row[..width], head.keys(first + i));
            *lse = largest + sum.ln();
        }
        let left = Left { values: scores, row: sizes.keys_padded, step: 1 };
        let size = (queries, keys, sizes.head_padded);
        product(head.simd, size, left, right(values, sizes.head_padded), (out, sizes.head_padded), false);
        head.back(out, 1.0, y, (head.out(first), spec.d), queries);
    }
}

/// Turns a row of scores into probabilities; those from `keys` on become 0. Returns the largest score and the sum of the
/// exponentials.
#[inline(always)]
fn exponentials<V: Vector>(row: &mut [f32], keys: usize) -> (f32, f32) {
    row[keys..].fill(-1e9);
    let largest = largest::<V>(row);
    let sum = fold::exponentials::<V>(row, largest);
    row[keys..].fill(0.0);
    let factor = 1.0 / sum;
    for share in row.iter_mut() {
        *share *= factor;
    }
    (largest, sum)
}

/// The largest of a row's values, which fill whole registers.
#[inline(always)]
fn largest<V: Vector>(row: &[f32]) -> f32 {
    let mut best = V::load(row);
    for block in row.chunks_exact(V::LANES) {
        best = best.max(V::load(block));
    }
    let mut lanes = [0.0; 16];
    best.store(&mut lanes);
    let mut width = V::LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = if lanes[i] > lanes[i + width] { lanes[i] } else { lanes[i + width] };
        }
        width /= 2;
    }
    lanes[0]
}
