//! CPU: row by row, whole rows a task.

use rayon::prelude::*;

use super::{AddColumnsSpec, CopyColumnsSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Values that one task writes, rounded to whole rows.
const TASK_VALUES: usize = 65_536;

/// Bound by memory: a value costs as much as several operations.
const VALUE_FLOPS: f64 = 5.0;

pub(super) fn copy(spec: &CopyColumnsSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, y) = (args.f32(0), args.f32_mut(1));
    let rows = (TASK_VALUES / spec.to_width).max(1);
    if ctx.worth_splitting(VALUE_FLOPS * y.len() as f64) {
        let tasks = x.par_chunks(rows * spec.from_width).zip(y.par_chunks_mut(rows * spec.to_width));
        tasks.for_each(|(x, y)| copy_rows(spec, x, y));
    } else {
        copy_rows(spec, x, y);
    }
}

fn copy_rows(spec: &CopyColumnsSpec, x: &[f32], y: &mut [f32]) {
    let CopyColumnsSpec { from_width, from, to_width, to, len, clears, .. } = *spec;
    for (x, y) in x.chunks_exact(from_width).zip(y.chunks_exact_mut(to_width)) {
        if clears {
            y[..to].fill(0.0);
            y[to + len..].fill(0.0);
        }
        y[to..to + len].copy_from_slice(&x[from..from + len]);
    }
}

pub(super) fn add(spec: &AddColumnsSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, s, y) = (args.f32(0), args.f32(1), args.f32_mut(2));
    let row = spec.positions * spec.c;
    let rows = (TASK_VALUES / row).max(1);
    let task = |((x, s), y): ((&[f32], &[f32]), &mut [f32])| ctx.simd.run(Sums { spec, x, s, y });
    if ctx.worth_splitting(VALUE_FLOPS * y.len() as f64) {
        let tasks = x.par_chunks(rows * row).zip(s.par_chunks(rows * spec.width));
        tasks.zip(y.par_chunks_mut(rows * row)).for_each(task);
    } else {
        task(((x, s), y));
    }
}

struct Sums<'a> {
    spec: &'a AddColumnsSpec,
    x: &'a [f32],
    s: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Sums<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let AddColumnsSpec { positions, c, width, from, .. } = *self.spec;
        let row = positions * c;
        for ((x, s), y) in self.x.chunks_exact(row).zip(self.s.chunks_exact(width)).zip(self.y.chunks_exact_mut(row)) {
            let s = &s[from..from + c];
            for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
                for ((x, s), y) in x.iter().zip(s).zip(y) {
                    *y = x + s;
                }
            }
        }
    }
}
