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
        if c == 1 && matches!(rows.spec.kind, LossKind::BinaryCrossEntropy { .. }) {
            binary_rows::<V>(rows, self.first, self.loss, self.dz);
            return;
        }
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
                LossKind::CrossEntropy | LossKind::ReadOuts { .. } => {
                    read_outs::<V>(rows.spec.read_outs(), z, rows.t[i] as usize, factor, dz)
                }
                LossKind::BinaryCrossEntropy { .. } => binary::<V>(z, values(), rows.positive, factor / c as f32, dz),
                LossKind::MeanSquare | LossKind::Pearson => square::<V>(z, values(), factor / c as f32, dz),
            };
        }
    }
}

/// The cross entropy of the first read-out, and what the others count.
#[inline(always)]
fn read_outs<V: Vector>((count, share): (usize, f32), z: &[f32], label: usize, factor: f32, dz: &mut [f32]) -> f32 {
    let classes = z.len() / count;
    let mut sum = cross_entropy::<V>(&z[..classes], label, factor, &mut dz[..classes]);
    for (z, dz) in z[classes..].chunks_exact(classes).zip(dz[classes..].chunks_exact_mut(classes)) {
        if share == 0.0 {
            dz.fill(0.0);
        } else {
            sum += cross_entropy::<V>(z, label, factor * share, dz);
        }
    }
    sum
}

#[inline(always)]
fn cross_entropy<V: Vector>(z: &[f32], label: usize, factor: f32, dz: &mut [f32]) -> f32 {
    let label = label.min(z.len() - 1);
    let largest = fold::max::<V>(z);
    dz.copy_from_slice(z);
    let sum = fold::exponentials::<V>(dz, largest);
    let part = factor / sum;
    let of_label = dz[label];
    for d in dz.iter_mut() {
        *d *= part;
    }
    dz[label] = (of_label - sum) * part;
    factor * (sum.ln() + (largest - z[label]))
}

#[inline(always)]
fn binary<V: Vector>(z: &[f32], t: &[f32], positive: &[f32], factor: f32, dz: &mut [f32]) -> f32 {
    let (mut sums, factors) = (V::splat(0.0), V::splat(factor));
    for at in (0..z.len()).step_by(V::LANES) {
        let lanes = at..z.len().min(at + V::LANES);
        let t = V::load_part(&t[lanes.clone()]);
        let weights = if positive.is_empty() { V::splat(1.0) } else { V::load_part(&positive[lanes.clone()]) };
        let (mut loss, d) = binary_lanes(V::load_part(&z[lanes.clone()]), t, weights);
        if lanes.len() < V::LANES {
            let mut all = [0.0; 16];
            loss.store_part(&mut all[..lanes.len()]);
            loss = V::load(&all);
        }
        sums = sums.add(loss);
        factors.mul(d).store_part(&mut dz[lanes]);
    }
    factor * sums.sum()
}

/// Of as many values as there are lanes: the losses, and their slopes by z.
#[inline(always)]
fn binary_lanes<V: Vector>(z: V, t: V, weight: V) -> (V, V) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let u = math::exp(zero.sub(z.abs()));
    let near = one.div(one.add(u));
    let far = u.mul(near);
    // The logistic function of z and of -z.
    let (above, below) = (z.if_less(zero, far, near), z.if_less(zero, near, far));
    let log = math::ln_1p_unit(u);
    let (yes, no) = (weight.mul(t), one.sub(t));
    let (of_yes, of_no) = (log.add(z.if_less(zero, zero.sub(z), zero)), log.add(z.if_less(zero, zero, z)));
    (yes.mul_add(of_yes, no.mul(of_no)), no.mul(above).sub(yes.mul(below)))
}

/// Rows of one value each, as lanes of a register.
#[inline(always)]
fn binary_rows<V: Vector>(rows: &Rows<'_>, first: usize, loss: &mut [f32], dz: &mut [f32]) {
    let (zero, scale) = (V::splat(0.0), V::splat(rows.scale));
    let weight = rows.positive.first().map_or(V::splat(1.0), |&weight| V::splat(weight));
    let targets: &[f32] = bytemuck::cast_slice(rows.t);
    for at in (0..loss.len()).step_by(V::LANES) {
        let lanes = at..loss.len().min(at + V::LANES);
        let of = first + lanes.start..first + lanes.end;
        let factor = V::load_part(&rows.w[of.clone()]).mul(scale);
        let (value, slope) = binary_lanes(V::load_part(&rows.z[of.clone()]), V::load_part(&targets[of]), weight);
        // A row that does not count may hold anything, NaN too.
        factor.if_same(zero, zero, factor.mul(value)).store_part(&mut loss[lanes.clone()]);
        factor.if_same(zero, zero, factor.mul(slope)).store_part(&mut dz[lanes]);
    }
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
