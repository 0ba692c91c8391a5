//! CPU: row by row, whole rows a task.

use rayon::prelude::*;

use super::{LossKind, LossSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::{Args, Tile};
use crate::ops::schedule::{self, LOSS_SCALE};
use crate::ops::{fold, math};

/// Values that one task computes, rounded to whole rows.
const TASK_VALUES: usize = 16_384;

/// The rows of `tile`; losses whose rows are independent.
pub(super) fn loss(spec: &LossSpec, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
    let LossSpec { n, c, .. } = *spec;
    let rows = Rows {
        spec,
        z: args.f32(0),
        t: args.u32(1),
        w: &args.f32(2)[step as usize * n + tile.first..][..tile.rows],
        scale: schedule::row(args.f32(3), step)[LOSS_SCALE],
        positive: if spec.positive_weights() { args.f32(6) } else { &[] },
    };
    let (loss, dz) = (args.f32_mut(4), args.f32_mut(5));
    let task_rows = (TASK_VALUES / c).max(1);
    let task = |(k, (loss, dz)): (usize, (&mut [f32], &mut [f32]))| {
        ctx.simd.run(Task { rows: &rows, first: k * task_rows, loss, dz });
    };
    if ctx.worth_splitting(spec.flops()) {
        loss.par_chunks_mut(task_rows).zip(dz.par_chunks_mut(task_rows * c)).enumerate().for_each(task);
    } else {
        task((0, (loss, dz)));
    }
}

/// What all tasks read.
struct Rows<'a> {
    spec: &'a LossSpec,
    z: &'a [f32],
    t: &'a [u32],
    w: &'a [f32],
    scale: f32,
    positive: &'a [f32],
}

/// Rows `first ..`.
struct Task<'a> {
    rows: &'a Rows<'a>,
    first: usize,
    loss: &'a mut [f32],
    dz: &'a mut [f32],
}

impl Simd for Task<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let rows = self.rows;
        let c = rows.spec.c;
        for (k, (loss, dz)) in self.loss.iter_mut().zip(self.dz.chunks_exact_mut(c)).enumerate() {
            let i = self.first + k;
            let factor = rows.w[i] * rows.scale;
            if factor == 0.0 {
                *loss = 0.0;
                dz.fill(0.0);
                continue;
            }
            let z = &rows.z[i * c..][..c];
            let values = || bytemuck::cast_slice(&rows.t[i * c..][..c]);
            *loss = match rows.spec.kind {
                LossKind::CrossEntropy => cross_entropy::<V>(z, rows.t[i] as usize, factor, dz),
                LossKind::BinaryCrossEntropy { .. } => binary(z, values(), rows.positive, factor / c as f32, dz),
                LossKind::MeanSquare | LossKind::Pearson => square::<V>(z, values(), factor / c as f32, dz),
            };
        }
    }
}

#[inline(always)]
fn cross_entropy<V: Vector>(z: &[f32], label: usize, factor: f32, dz: &mut [f32]) -> f32 {
    let label = label.min(z.len() - 1);
    let largest = fold::max::<V>(z);
    for (d, z) in dz.iter_mut().zip(z) {
        *d = math::exp(z - largest);
    }
    let sum = fold::sum::<V>(dz);
    let part = factor / sum;
    let of_label = dz[label];
    for d in dz.iter_mut() {
        *d *= part;
    }
    dz[label] = (of_label - sum) * part;
    factor * (sum.ln() + (largest - z[label]))
}

#[inline(always)]
fn binary(z: &[f32], t: &[f32], positive: &[f32], factor: f32, dz: &mut [f32]) -> f32 {
    let mut sum = 0.0;
    for (j, ((d, &z), &t)) in dz.iter_mut().zip(z).zip(t).enumerate() {
        let weighted = if positive.is_empty() { t } else { t * positive[j] };
        let u = math::exp(-z.abs());
        let near = 1.0 / (1.0 + u);
        let (above, below) = if z >= 0.0 { (near, u * near) } else { (u * near, near) };
        let log = math::ln_1p_unit(u);
        sum += weighted * (log + (-z).max(0.0)) + (1.0 - t) * (log + z.max(0.0));
        *d = factor * ((1.0 - t) * above - weighted * below);
    }
    factor * sum
}

#[inline(always)]
fn square<V: Vector>(z: &[f32], t: &[f32], factor: f32, dz: &mut [f32]) -> f32 {
    for ((d, z), t) in dz.iter_mut().zip(z).zip(t) {
        *d = z - t;
    }
    let sum = fold::sum_squares::<V>(dz);
    for d in dz.iter_mut() {
        *d *= 2.0 * factor;
    }
    factor * sum
}
