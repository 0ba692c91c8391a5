//! CPU: a task a block of rows, then the blocks in order.

use rayon::prelude::*;

use super::{Centroid, CentroidSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

pub(super) fn centroid(kernel: &Centroid, ctx: &CpuContext, args: &mut Args<'_>) {
    let CentroidSpec { n, k, d, weighted, .. } = *kernel.spec();
    let (blocks, rows) = kernel.blocks();
    let cells = k * (d + 1);
    let (x, labels) = (args.f32(0), args.u32(1));
    let (c, counts) = (args.f32_mut(2), args.f32_mut(3));
    let partials = &mut args.f32_mut(4)[..blocks * cells];
    let weights = if weighted { args.f32(5) } else { &[] };
    let task = |(b, partial): (usize, &mut [f32])| {
        let (from, to) = (b * rows, n.min((b + 1) * rows));
        let weights = if weighted { &weights[from..to] } else { weights };
        ctx.simd.run(Block { d, k, x: &x[from * d..to * d], labels: &labels[from..to], weights, partial });
    };
    if ctx.worth_splitting((n * (d + 1) + blocks * cells) as f64) {
        partials.par_chunks_mut(cells).enumerate().for_each(task);
    } else {
        partials.chunks_mut(cells).enumerate().for_each(task);
    }
    ctx.simd.run(Merge { d, partials, c, counts });
}

/// One block's sums: for each centre its dimensions, then its count.
struct Block<'a> {
    d: usize,
    k: usize,
    x: &'a [f32],
    labels: &'a [u32],
    weights: &'a [f32],
    partial: &'a mut [f32],
}

impl Simd for Block<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { d, k, x, labels, weights, partial } = self;
        partial.fill(0.0);
        for (i, (row, &label)) in x.chunks_exact(d).zip(labels).enumerate() {
            if label as usize >= k {
                continue;
            }
            let cells = &mut partial[label as usize * (d + 1)..][..=d];
            let weight = if weights.is_empty() { 1.0 } else { weights[i] };
            for (sum, value) in cells.iter_mut().zip(row) {
                *sum += weight * value;
            }
            cells[d] += weight;
        }
    }
}

/// Adds the blocks in order into the first and divides.
struct Merge<'a> {
    d: usize,
    partials: &'a mut [f32],
    c: &'a mut [f32],
    counts: &'a mut [f32],
}

impl Simd for Merge<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { d, partials, c, counts } = self;
        let (total, rest) = partials.split_at_mut(counts.len() * (d + 1));
        for partial in rest.chunks_exact(total.len()) {
            for (sum, value) in total.iter_mut().zip(partial) {
                *sum += value;
            }
        }
        for ((sums, centre), count) in total.chunks_exact(d + 1).zip(c.chunks_exact_mut(d)).zip(counts) {
            *count = sums[d];
            if *count > 0.0 {
                for (value, sum) in centre.iter_mut().zip(sums) {
                    *value = sum / *count;
                }
            }
        }
    }
}
