//! GPU: a workgroup a chunk, then a workgroup over the chunks.

use super::{AccumulateLoss, Chunks, Fold, ReduceColumns, ReduceRows, SHADER, SumSquares};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows of at most so many values are folded by one invocation each.
const NARROW: usize = 32;

fn dispatch(entry: &'static str, binds: Vec<Bind>, params: Vec<u32>, groups: usize) -> Dispatch {
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups }
}

pub(super) fn columns(kernel: &ReduceColumns) -> Vec<Dispatch> {
    let spec = kernel.spec;
    let chunks = kernel.chunks();
    let pass = |binds, rows: usize, chunks: Chunks| {
        // Few columns: the invocations of a row are a power of two, the others take further rows.
        let width = spec.cols.next_power_of_two().min(32);
        let tiles = spec.cols.div_ceil(width);
        let words = [rows, spec.cols, chunks.count, chunks.len, width, tiles].map(|w| w as u32);
        dispatch("columns", binds, words.to_vec(), spec.fleet * chunks.count * tiles)
    };
    if chunks.count == 1 {
        return vec![pass(vec![reads(0), writes(1)], spec.rows, chunks)];
    }
    let whole = Chunks { count: 1, len: chunks.count };
    vec![pass(vec![reads(0), writes(2)], spec.rows, chunks), pass(vec![reads(2), writes(1)], chunks.count, whole)]
}

/// Words of the entries `rows_wide` and `rows_narrow`.
#[derive(Clone, Copy)]
struct Rows {
    count: usize,
    cols: usize,
    chunks: Chunks,
    max: bool,
    square: bool,
    /// Whether the result is added to what the output holds.
    keep: bool,
    scale: f32,
}

impl Rows {
    fn dispatch(self, from: usize, to: usize) -> Dispatch {
        let mut params =
            [self.count, self.cols, self.chunks.count, self.chunks.len, 1, 1].map(|word| word as u32).to_vec();
        params.push(u32::from(self.max) | u32::from(self.square) << 1 | u32::from(self.keep) << 2);
        params.push(self.scale.to_bits());
        let binds = vec![reads(from), writes(to)];
        if self.cols <= NARROW {
            return dispatch("rows_narrow", binds, params, self.count.div_ceil(256));
        }
        dispatch("rows_wide", binds, params, self.count * self.chunks.count)
    }

    /// From argument `from` to argument `to`, by way of argument `scratch` if there are several chunks.
    fn dispatches(self, from: usize, to: usize, scratch: usize) -> Vec<Dispatch> {
        if self.chunks.count == 1 {
            return vec![self.dispatch(from, to)];
        }
        vec![self.partials().dispatch(from, scratch), self.over_partials().dispatch(scratch, to)]
    }

    fn partials(self) -> Self {
        Self { keep: false, scale: 1.0, ..self }
    }

    fn over_partials(self) -> Self {
        let chunks = Chunks { count: 1, len: self.chunks.count };
        Self { cols: self.chunks.count, chunks, square: false, ..self }
    }
}

pub(super) fn rows(kernel: &ReduceRows) -> Vec<Dispatch> {
    let spec = kernel.spec;
    let rows = Rows {
        count: spec.fleet * spec.rows,
        cols: spec.cols,
        chunks: kernel.chunks(),
        max: spec.fold == Fold::Max,
        square: false,
        keep: false,
        scale: kernel.scale(),
    };
    rows.dispatches(0, 1, 2)
}

pub(super) fn sum_squares(kernel: &SumSquares) -> Vec<Dispatch> {
    let spec = kernel.spec();
    let rows = Rows {
        count: spec.fleet,
        cols: spec.len,
        chunks: kernel.chunks(),
        max: false,
        square: true,
        keep: !spec.first,
        scale: 1.0,
    };
    rows.dispatches(0, 1, 2)
}

pub(super) fn accumulate_loss(kernel: &AccumulateLoss) -> Vec<Dispatch> {
    let spec = kernel.spec();
    let chunks = kernel.chunks();
    let rows = Rows { count: spec.fleet, cols: spec.n, chunks, max: false, square: false, keep: false, scale: 1.0 };
    let total = |from, cols: usize| {
        let words = [spec.fleet, cols, 1, cols, 1, spec.steps].map(|w| w as u32);
        dispatch("loss_total", vec![reads(from), writes(2), reads(1)], words.to_vec(), spec.fleet)
    };
    if chunks.count == 1 {
        return vec![total(0, spec.n)];
    }
    vec![rows.partials().dispatch(0, 3), total(3, chunks.count)]
}
