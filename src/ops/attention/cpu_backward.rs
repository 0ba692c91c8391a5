//! CPU, backward: samples are tasks; blocks of queries compute their scores again and add to the head's gradients of
//! keys and values.

use rayon::prelude::*;

use super::AttentionSpec;
use super::head::{Head, Sizes};
use super::product::{Left, Right, padded, product};
use super::short;
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, SimdLevel, Vector};
use crate::ops::fold;
use crate::ops::kernel::Args;

/// Words of working memory of a task.
pub(super) const fn scratch_len(spec: &AttentionSpec) -> usize {
    let sizes = Sizes::new(spec);
    4 * sizes.across() + 5 * sizes.along(spec) + 2 * sizes.scores() + sizes.rows()
}

/// The first `rows` samples, all that the arguments hold.
pub(super) fn backward(spec: &AttentionSpec, ctx: &CpuContext, args: &mut Args<'_>, rows: usize) {
    let lengths = if spec.lengths { args.u32(6) } else { &[] };
    let inputs = Inputs { qkv: args.f32(0), y: args.f32(1), lse: args.f32(2), dy: args.f32(3), lengths };
    let (dqkv, scratch) = (args.f32_mut(4), args.f32_mut(5));
    let (own, scratch_len) = (3 * spec.l * spec.d, scratch_len(spec));
    let tasks = spec.tasks();
    if tasks == 1 || !ctx.worth_splitting(spec.backward_flops()) {
        batch(spec, ctx.simd, rows, inputs, dqkv, &mut scratch[..scratch_len]);
        return;
    }
    let samples = rows.div_ceil(tasks);
    let outputs = dqkv.par_chunks_mut(samples * own).zip(scratch.par_chunks_mut(scratch_len));
    outputs.enumerate().for_each(|(task, (dqkv, scratch))| {
        let (inputs, rows) = (inputs.from(spec, task * samples), dqkv.len() / own);
        batch(spec, ctx.simd, rows, inputs, dqkv, scratch);
    });
}

/// A task.
fn batch(
    spec: &AttentionSpec,
    simd: SimdLevel,
    rows: usize,
    inputs: Inputs<'_>,
    dqkv: &mut [f32],
    scratch: &mut [f32],
) {
    if short::fits(spec) {
        let simd = short::level(spec, simd);
        simd.run(short::Backward { simd, spec, rows, inputs, dqkv });
    } else {
        simd.run(Backward { simd, spec, rows, inputs, dqkv, scratch });
    }
}

/// What is read.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) qkv: &'a [f32],
    pub(super) y: &'a [f32],
    pub(super) lse: &'a [f32],
    pub(super) dy: &'a [f32],
    /// Empty if samples have none.
    pub(super) lengths: &'a [u32],
}

impl Inputs<'_> {
    /// Without the first samples.
    fn from(self, spec: &AttentionSpec, first: usize) -> Self {
        let own = spec.l * spec.d;
        Self {
            qkv: &self.qkv[first * 3 * own..],
            y: &self.y[first * own..],
            lse: &self.lse[first * spec.heads * spec.l..],
            dy: &self.dy[first * own..],
            lengths: if spec.lengths { &self.lengths[first..] } else { &[] },
        }
    }
}

struct Backward<'a> {
    simd: SimdLevel,
    spec: &'a AttentionSpec,
    rows: usize,
    inputs: Inputs<'a>,
    dqkv: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { simd, spec, rows, inputs, dqkv, scratch } = self;
        let across = Sizes::new(spec).across();
        let (now, rest) = scratch.split_at_mut(2 * across);
        let (next, rest) = rest.split_at_mut(2 * across);
        let (mut now, mut next) = (now.split_at_mut(across), next.split_at_mut(across));
        let head = |number| Head::new(simd, spec, inputs.lengths, number);
        let count = rows * spec.heads;
        head(0).keys_across(inputs.qkv, now.0);
        head(0).values_across(inputs.qkv, now.1);
        // No closure: it would be compiled without the level's instructions.
        for number in 0..count {
            // A head ahead, as in the forward kernel.
            if number + 1 < count {
                head(number + 1).keys_across(inputs.qkv, next.0);
                head(number + 1).values_across(inputs.qkv, next.1);
            }
            one_head::<V>(&head(number), &inputs, dqkv, (&*now.0, &*now.1), rest);
            std::mem::swap(&mut now, &mut next);
        }
    }
}

/// Working memory of a head, cut up.
struct Parts<'a> {
    /// Keys, scaled, and values, transposed.
    keys_across: &'a [f32],
    values_across: &'a [f32],
    queries: &'a mut [f32],
    keys: &'a mut [f32],
    dy: &'a mut [f32],
    dkeys: &'a mut [f32],
    dvalues: &'a mut [f32],
    /// A block's shares, the scores' gradients, and the queries' gradients.
    shares: &'a mut [f32],
    slopes: &'a mut [f32],
    dqueries: &'a mut [f32],
}

impl<'a> Parts<'a> {
    #[inline(always)]
    fn new(head: &Head<'_>, (keys_across, values_across): (&'a [f32], &'a [f32]), scratch: &'a mut [f32]) -> Self {
        let (along, scores) = (head.sizes.along(head.spec), head.sizes.scores());
        let (queries, rest) = scratch.split_at_mut(along);
        let (keys, rest) = rest.split_at_mut(along);
        let (dy, rest) = rest.split_at_mut(along);
        let (dkeys, rest) = rest.split_at_mut(along);
        let (dvalues, rest) = rest.split_at_mut(along);
        let (shares, rest) = rest.split_at_mut(scores);
        let (slopes, dqueries) = rest.split_at_mut(scores);
        Self { keys_across, values_across, queries, keys, dy, dkeys, dvalues, shares, slopes, dqueries }
    }

    #[inline(always)]
    fn fill(&mut self, head: &Head<'_>, inputs: &Inputs<'_>) {
        let (spec, stride, length) = (head.spec, head.stride(), head.length);
        let place = |part| (head.at(part, 0), stride);
        head.along(inputs.qkv, place(0), spec.l, spec.scale(), self.queries);
        head.along(inputs.qkv, place(1), length, spec.scale(), self.keys);
        head.along(inputs.dy, (head.out(0), spec.d), spec.l, 1.0, self.dy);
        self.dkeys.fill(0.0);
        self.dvalues.fill(0.0);
    }
}

#[inline(always)]
fn one_head<V: Vector>(
    head: &Head<'_>,
    inputs: &Inputs<'_>,
    dqkv: &mut [f32],
    across: (&[f32], &[f32]),
    scratch: &mut [f32],
) {
    let (spec, sizes, stride) = (head.spec, head.sizes, head.stride());
    let mut parts = Parts::new(head, across, scratch);
    parts.fill(head, inputs);
    for first in (0..spec.l).step_by(sizes.block) {
        let queries = sizes.block.min(spec.l - first);
        block::<V>(head, inputs, &mut parts, first, queries);
        head.back(parts.dqueries, 1.0, dqkv, (head.at(0, first), stride), queries);
    }
    head.back(parts.dkeys, 1.0, dqkv, (head.at(1, 0), stride), spec.l);
    head.back(parts.dvalues, 1.0, dqkv, (head.at(2, 0), stride), spec.l);
}

/// The gradients of the queries from `first` on, and what they add to those of keys and values.
#[inline(always)]
fn block<V: Vector>(head: &Head<'_>, inputs: &Inputs<'_>, parts: &mut Parts<'_>, first: usize, queries: usize) {
    let (spec, sizes) = (head.spec, head.sizes);
    let Sizes { head: values, head_padded, keys_padded, .. } = sizes;
    let keys = head.keys(first + queries - 1);
    let width = padded(keys);
    let right = |values, row| Right { values, row };

    let q = Left { values: &inputs.qkv[head.at(0, first)..], row: head.stride(), step: 1 };
    let size = (queries, values, width);
    product(head.simd, size, q, right(parts.keys_across, keys_padded), (parts.shares, keys_padded), false);
    let dy = Left { values: &inputs.dy[head.out(first)..], row: spec.d, step: 1 };
    product(head.simd, size, dy, right(parts.values_across, keys_padded), (parts.slopes, keys_padded), false);

    let rows = parts.shares.chunks_exact_mut(keys_padded).zip(parts.slopes.chunks_exact_mut(keys_padded));
    for (i, (shares, slopes)) in (first..first + queries).zip(rows) {
        let at = head.out(i)..head.out(i) + values;
        let delta = fold::dot::<V>(&inputs.dy[at.clone()], &inputs.y[at]);
        let lse = inputs.lse[head.lse() + i];
        fold::exponentials::<V>(&mut shares[..width], lse);
        for (share, slope) in shares[..width].iter().zip(&mut slopes[..width]) {
            *slope = *share * (*slope - delta);
        }
        let own = head.keys(i);
        shares[own..width].fill(0.0);
        slopes[own..width].fill(0.0);
    }

    let slopes = Left { values: parts.slopes, row: keys_padded, step: 1 };
    let size = (queries, keys, head_padded);
    product(head.simd, size, slopes, right(parts.keys, head_padded), (parts.dqueries, head_padded), false);
    let size = (keys, queries, head_padded);
    let slopes = Left { values: parts.slopes, row: 1, step: keys_padded };
    let q = right(&parts.queries[first * head_padded..], head_padded);
    product(head.simd, size, slopes, q, (parts.dkeys, head_padded), true);
    let shares = Left { values: parts.shares, row: 1, step: keys_padded };
    let dy = right(&parts.dy[first * head_padded..], head_padded);
    product(head.simd, size, shares, dy, (parts.dvalues, head_padded), true);
}
