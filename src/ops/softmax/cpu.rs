//! CPU: row by row, whole rows a task.

use rayon::prelude::*;

use super::SoftmaxSpec;
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::fold;
use crate::ops::kernel::Args;

/// Values that one task computes, rounded to whole rows.
const TASK_VALUES: usize = 16_384;

fn task_len(c: usize) -> usize {
    (TASK_VALUES / c).max(1) * c
}

pub(super) fn forward(spec: &SoftmaxSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, y, c) = (args.f32(0), args.f32_mut(1), spec.c);
    let task = |(x, y): (&[f32], &mut [f32])| ctx.simd.run(Forward { c, x, y });
    if ctx.worth_splitting(20.0 * x.len() as f64) {
        x.par_chunks(task_len(c)).zip(y.par_chunks_mut(task_len(c))).for_each(task);
    } else {
        task((x, y));
    }
}

pub(super) fn backward(spec: &SoftmaxSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let (dy, y, dx, c) = (args.f32(0), args.f32(1), args.f32_mut(2), spec.c);
    let task = |((dy, y), dx): ((&[f32], &[f32]), &mut [f32])| ctx.simd.run(Backward { c, dy, y, dx });
    if ctx.worth_splitting(4.0 * y.len() as f64) {
        let len = task_len(c);
        dy.par_chunks(len).zip(y.par_chunks(len)).zip(dx.par_chunks_mut(len)).for_each(task);
    } else {
        task(((dy, y), dx));
    }
}

struct Forward<'a> {
    c: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (x, y) in self.x.chunks_exact(self.c).zip(self.y.chunks_exact_mut(self.c)) {
            let largest = fold::max::<V>(x);
            y.copy_from_slice(x);
            let factor = 1.0 / fold::exponentials::<V>(y, largest);
            for y in y.iter_mut() {
                *y *= factor;
            }
        }
    }
}

struct Backward<'a> {
    c: usize,
    dy: &'a [f32],
    y: &'a [f32],
    dx: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let c = self.c;
        let rows = self.dy.chunks_exact(c).zip(self.y.chunks_exact(c)).zip(self.dx.chunks_exact_mut(c));
        for ((dy, y), dx) in rows {
            let dot = fold::dot::<V>(dy, y);
            for ((dx, dy), y) in dx.iter_mut().zip(dy).zip(y) {
                *dx = y * (dy - dot);
            }
        }
    }
}
