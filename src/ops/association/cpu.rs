//! CPU: sample by sample, many samples a task.

use rayon::prelude::*;

use super::{AssociationSpec, POSITIONS_MAX};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::fold;
use crate::ops::kernel::Args;

/// Samples of a task.
const TASK_SAMPLES: usize = 64;

pub(super) fn forward(spec: &AssociationSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let lens = Lens::new(spec);
    let (qkv, x, y, a) = (args.f32(0), args.f32(1), args.f32_mut(2), args.f32_mut(3));
    if ctx.worth_splitting(spec.flops(2.0) * spec.n as f64) {
        let tasks = qkv.par_chunks(TASK_SAMPLES * lens.qkv).zip(x.par_chunks(TASK_SAMPLES * lens.x));
        let outs = y.par_chunks_mut(TASK_SAMPLES * lens.y).zip(a.par_chunks_mut(TASK_SAMPLES * lens.a));
        tasks.zip(outs).for_each(|((qkv, x), (y, a))| ctx.simd.run(Forward { spec, qkv, x, y, a }));
    } else {
        ctx.simd.run(Forward { spec, qkv, x, y, a });
    }
}

pub(super) fn backward(spec: &AssociationSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let lens = Lens::new(spec);
    let (qkv, a, dy, dx, dqkv) = (args.f32(0), args.f32(1), args.f32(2), args.f32_mut(3), args.f32_mut(4));
    if ctx.worth_splitting(spec.flops(4.0) * spec.n as f64) {
        let tasks = qkv.par_chunks(TASK_SAMPLES * lens.qkv).zip(a.par_chunks(TASK_SAMPLES * lens.a));
        let tasks = tasks.zip(dy.par_chunks(TASK_SAMPLES * lens.y));
        let outs = dx.par_chunks_mut(TASK_SAMPLES * lens.x).zip(dqkv.par_chunks_mut(TASK_SAMPLES * lens.qkv));
        tasks.zip(outs).for_each(|(((qkv, a), dy), (dx, dqkv))| {
            ctx.simd.run(Backward { spec, qkv, a, dy, dx, dqkv });
        });
    } else {
        ctx.simd.run(Backward { spec, qkv, a, dy, dx, dqkv });
    }
}

/// Words of a sample.
#[derive(Clone, Copy)]
struct Lens {
    qkv: usize,
    x: usize,
    y: usize,
    a: usize,
}

impl Lens {
    const fn new(spec: &AssociationSpec) -> Self {
        let x = spec.l * spec.d;
        Self { qkv: 3 * x, x, y: spec.places() * spec.d, a: spec.heads * spec.l * spec.l }
    }
}

struct Forward<'a> {
    spec: &'a AssociationSpec,
    qkv: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    a: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let AssociationSpec { l, .. } = *self.spec;
        let lens = Lens::new(self.spec);
        let ins = self.qkv.chunks_exact(lens.qkv).zip(self.x.chunks_exact(lens.x));
        let outs = self.y.chunks_exact_mut(lens.y).zip(self.a.chunks_exact_mut(lens.a));
        for ((qkv, x), (y, a)) in ins.zip(outs) {
            y[..lens.x].copy_from_slice(x);
            for (number, a) in a.chunks_exact_mut(l * l).enumerate() {
                let head = Head { spec: self.spec, number };
                for (i, row) in a.chunks_exact_mut(l).enumerate() {
                    head.weights::<V>(qkv, i, row);
                }
                head.contexts(qkv, a, y);
            }
        }
    }
}

struct Backward<'a> {
    spec: &'a AssociationSpec,
    qkv: &'a [f32],
    a: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    dqkv: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let AssociationSpec { l, .. } = *self.spec;
        let lens = Lens::new(self.spec);
        let ins = self.qkv.chunks_exact(lens.qkv).zip(self.a.chunks_exact(lens.a)).zip(self.dy.chunks_exact(lens.y));
        let outs = self.dx.chunks_exact_mut(lens.x).zip(self.dqkv.chunks_exact_mut(lens.qkv));
        for (((qkv, a), dy), (dx, dqkv)) in ins.zip(outs) {
            dx.copy_from_slice(&dy[..lens.x]);
            dqkv.fill(0.0);
            for (number, a) in a.chunks_exact(l * l).enumerate() {
                let head = Head { spec: self.spec, number };
                for (i, row) in a.chunks_exact(l).enumerate() {
                    head.gradients::<V>(qkv, i, row, dy, dqkv);
                }
            }
        }
    }
}

/// One head of a sample.
#[derive(Clone, Copy)]
struct Head<'a> {
    spec: &'a AssociationSpec,
    number: usize,
}

impl Head<'_> {
    /// Where the head's query (part 0), key (1) or value (2) at position `i` begins.
    #[inline(always)]
    const fn at(&self, part: usize, i: usize) -> usize {
        (i * 3 + part) * self.spec.d + self.number * self.spec.head()
    }

    #[inline(always)]
    fn part<'a>(&self, qkv: &'a [f32], part: usize, i: usize) -> &'a [f32] {
        &qkv[self.at(part, i)..][..self.spec.head()]
    }

    /// Where the context of i and j, in either order, begins.
    #[inline(always)]
    const fn context(&self, i: usize, j: usize) -> usize {
        let place = if i < j { self.spec.place(i, j) } else { self.spec.place(j, i) };
        place * self.spec.d + self.number * self.spec.head()
    }

    /// The softmax of position `i`'s scores.
    #[inline(always)]
    fn weights<V: Vector>(&self, qkv: &[f32], i: usize, row: &mut [f32]) {
        let (query, scale) = (self.part(qkv, 0, i), self.spec.scale());
        for (j, score) in row.iter_mut().enumerate() {
            *score = fold::dot::<V>(query, self.part(qkv, 1, j)) * scale;
        }
        let largest = fold::max::<V>(row);
        let factor = 1.0 / fold::exponentials::<V>(row, largest);
        for weight in row.iter_mut() {
            *weight *= factor;
        }
    }

    #[inline(always)]
    fn contexts(&self, qkv: &[f32], a: &[f32], y: &mut [f32]) {
        let l = self.spec.l;
        for i in 0..l {
            for j in i + 1..l {
                let (of_j, of_i) = (a[i * l + j], a[j * l + i]);
                let pairs = self.part(qkv, 2, i).iter().zip(self.part(qkv, 2, j));
                let context = &mut y[self.context(i, j)..][..self.spec.head()];
                for (y, (vi, vj)) in context.iter_mut().zip(pairs) {
                    *y = of_j * vj + of_i * vi;
                }
            }
        }
    }

    /// What position `i`'s weights `row` and its share of the contexts bring to the gradients.
    #[inline(always)]
    fn gradients<V: Vector>(&self, qkv: &[f32], i: usize, row: &[f32], dy: &[f32], dqkv: &mut [f32]) {
        let head = self.spec.head();
        let mut slopes = [0.0_f32; POSITIONS_MAX];
        let slopes = &mut slopes[..row.len()];
        for (j, slope) in slopes.iter_mut().enumerate() {
            if i != j {
                let dc = &dy[self.context(i, j)..][..head];
                *slope = fold::dot::<V>(dc, self.part(qkv, 2, j));
                add_scaled(&mut dqkv[self.at(2, j)..][..head], dc, row[j]);
            }
        }
        let mean = fold::dot::<V>(row, slopes);
        for (j, (weight, slope)) in row.iter().zip(slopes).enumerate() {
            let ds = weight * (*slope - mean) * self.spec.scale();
            add_scaled(&mut dqkv[self.at(0, i)..][..head], self.part(qkv, 1, j), ds);
            add_scaled(&mut dqkv[self.at(1, j)..][..head], self.part(qkv, 0, i), ds);
        }
    }
}

#[inline(always)]
fn add_scaled(to: &mut [f32], from: &[f32], factor: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
