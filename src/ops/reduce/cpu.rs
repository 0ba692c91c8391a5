//! CPU: vectors of partial sums within a chunk, then the chunks in order.

use rayon::prelude::*;

use super::{AccumulateLoss, Chunks, Fold, ReduceColumns, ReduceRows, SumSquares};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::fold;
use crate::ops::kernel::Args;
use crate::ops::schedule::{self, SHARE};

/// Values that one task folds at the least.
const TASK_VALUES: usize = 32_768;

pub(super) fn columns(kernel: &ReduceColumns, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, y) = (args.f32(0), args.f32_mut(1));
    let cols = kernel.spec.cols;
    let chunks = kernel.chunks();
    if chunks.count == 1 {
        ctx.simd.run(Columns { x, y });
        return;
    }
    let partials = &mut args.f32_mut(2)[..chunks.count * cols];
    let task = |(y, x): (&mut [f32], &[f32])| ctx.simd.run(Columns { x, y });
    if ctx.worth_splitting(x.len() as f64) {
        partials.par_chunks_mut(cols).zip(x.par_chunks(chunks.len * cols)).for_each(task);
    } else {
        partials.chunks_mut(cols).zip(x.chunks(chunks.len * cols)).for_each(task);
    }
    ctx.simd.run(Columns { x: partials, y });
}

pub(super) fn rows(kernel: &ReduceRows, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, y, scratch) = (args.f32(0), args.f32_mut(1), args.f32_mut(2));
    let term = if kernel.spec.fold == Fold::Max { Term::Max } else { Term::Sum };
    fold_rows(ctx, x, kernel.spec.cols, kernel.chunks(), term, y, scratch);
    if kernel.spec.fold == Fold::Mean {
        for v in y.iter_mut() {
            *v *= kernel.scale();
        }
    }
}

pub(super) fn sum_squares(kernel: &SumSquares, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, total, scratch) = (args.f32(0), args.f32_mut(1), args.f32_mut(2));
    let mut sum = [0.0];
    fold_rows(ctx, x, x.len(), kernel.chunks(), Term::Square, &mut sum, scratch);
    total[0] = if kernel.spec().first { sum[0] } else { total[0] + sum[0] };
}

pub(super) fn accumulate_loss(kernel: &AccumulateLoss, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
    let (loss, schedule) = (args.f32(0), args.f32(1));
    let (total, scratch) = (args.f32_mut(2), args.f32_mut(3));
    let share = schedule::row(schedule, step)[SHARE];
    let before = if step == 0 { 0.0 } else { total[0] };
    let mut sum = [0.0];
    if share != 0.0 {
        fold_rows(ctx, loss, loss.len(), kernel.chunks(), Term::Sum, &mut sum, scratch);
    }
    total[0] = before + share * sum[0];
}

/// Folds each row of `x` into a value of `y`.
fn fold_rows(ctx: &CpuContext, x: &[f32], cols: usize, chunks: Chunks, term: Term, y: &mut [f32], scratch: &mut [f32]) {
    if chunks.count == 1 {
        fold_chunks(ctx, x, cols, chunks, term, y);
        return;
    }
    let partials = &mut scratch[..y.len() * chunks.count];
    fold_chunks(ctx, x, cols, chunks, term, partials);
    let last = if term == Term::Square { Term::Sum } else { term };
    let whole = Chunks { count: 1, len: chunks.count };
    ctx.simd.run(Rows { x: partials, cols: chunks.count, chunks: whole, term: last, first: 0, y });
}

fn fold_chunks(ctx: &CpuContext, x: &[f32], cols: usize, chunks: Chunks, term: Term, y: &mut [f32]) {
    let tile = (TASK_VALUES / chunks.len).max(1);
    let task = |(t, y): (usize, &mut [f32])| ctx.simd.run(Rows { x, cols, chunks, term, first: t * tile, y });
    if ctx.worth_splitting(x.len() as f64) {
        y.par_chunks_mut(tile).enumerate().for_each(task);
    } else {
        task((0, y));
    }
}

/// The sums of all columns of `x`, which has as many as `y`.
struct Columns<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Columns<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        const WIDE: usize = 128;
        let cols = self.y.len();
        if cols > WIDE / 2 {
            self.y.fill(0.0);
            self.x.chunks_exact(cols).for_each(|row| add(self.y, row));
            return;
        }
        // Narrow rows: as many as fit are taken for one wide row, whose parts are added at the end.
        let mut wide = [0.0; WIDE];
        let width = WIDE / cols * cols;
        let blocks = self.x.chunks_exact(width);
        let rest = blocks.remainder();
        blocks.for_each(|block| add(&mut wide[..width], block));
        add(&mut wide[..rest.len()], rest);
        self.y.fill(0.0);
        wide[..width].chunks_exact(cols).for_each(|row| add(self.y, row));
    }
}

#[inline(always)]
fn add(sums: &mut [f32], row: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}

/// What a value contributes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Term {
    Sum,
    Square,
    Max,
}

/// Results `first ..` of the rows' chunks: result `i` folds chunk `i % chunks.count` of row `i / chunks.count`.
struct Rows<'a> {
    x: &'a [f32],
    cols: usize,
    chunks: Chunks,
    term: Term,
    first: usize,
    y: &'a mut [f32],
}

impl Simd for Rows<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (i, y) in self.y.iter_mut().enumerate() {
            let (row, chunk) = ((self.first + i) / self.chunks.count, (self.first + i) % self.chunks.count);
            let row = &self.x[row * self.cols..][..self.cols];
            let from = chunk * self.chunks.len;
            let values = &row[from..self.cols.min(from + self.chunks.len)];
            *y = match self.term {
                Term::Sum => fold::sum::<V>(values),
                Term::Square => fold::sum_squares::<V>(values),
                Term::Max => fold::max::<V>(values),
            };
        }
    }
}
