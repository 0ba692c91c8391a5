//! GPU: parameters, bindings, grid.

use super::{Conv1d, Conv1dShape, Conv1dSpec, SHADER};
use crate::ops::activation::Activation;
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows and columns of the product that a workgroup computes.
const TILE_ROWS: usize = 64;
const TILE_COLUMNS: usize = 32;

/// Positions of dy whose products one workgroup sums for the gradient of w, and the most chunks.
const CHUNK_POSITIONS_MIN: usize = 512;
const CHUNKS_MAX: usize = 64;

/// Which of the three products; the shader's `FORWARD`, `DATA` and `WEIGHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward = 0,
    Data = 1,
    Weight = 2,
}

/// How many chunks the sum over positions is cut into, and the positions of each.
pub(super) fn weight_chunks(shape: &Conv1dShape) -> (usize, usize) {
    let positions = shape.spec.n * shape.l_out;
    let len = positions.div_ceil(CHUNKS_MAX).max(CHUNK_POSITIONS_MIN);
    (positions.div_ceil(len), len)
}

pub(super) fn forward(kernel: &Conv1d) -> Vec<Dispatch> {
    // Without a bias its binding repeats `w`: read and never used.
    let bias = if kernel.bias { 4 } else { 1 };
    let binds = vec![reads(0), reads(1), reads(bias), writes(2)];
    vec![product(&kernel.shape, Mode::Forward, kernel.bias, kernel.activation, binds)]
}

pub(super) fn backward_data(shape: &Conv1dShape) -> Vec<Dispatch> {
    let binds = vec![reads(0), reads(1), reads(1), writes(2)];
    vec![product(shape, Mode::Data, false, Activation::None, binds)]
}

pub(super) fn backward_weight(shape: &Conv1dShape) -> Vec<Dispatch> {
    let target = if weight_chunks(shape).0 > 1 { 3 } else { 2 };
    let product =
        product(shape, Mode::Weight, false, Activation::None, vec![reads(0), reads(1), reads(1), writes(target)]);
    if target == 2 {
        return vec![product];
    }
    let sum = Dispatch {
        entry: "sum_chunks",
        binds: vec![reads(3), writes(2)],
        groups: (shape.spec.fleet * shape.w_len()).div_ceil(256),
        ..product.clone()
    };
    vec![product, sum]
}

fn product(shape: &Conv1dShape, mode: Mode, bias: bool, activation: Activation, binds: Vec<Bind>) -> Dispatch {
    let Conv1dSpec { fleet, n, l, c_in, c_out, kernel, stride, padding, dilation } = shape.spec;
    let l_out = shape.l_out;
    let (rows, columns, depth) = match mode {
        Mode::Forward => (n * l_out, c_out, kernel * c_in),
        Mode::Data => (n * l, c_in, kernel * c_out),
        Mode::Weight => (kernel * c_in, c_out, n * l_out),
    };
    let (chunks, chunk_len) = if mode == Mode::Weight { weight_chunks(shape) } else { (1, depth) };
    let (tiles_rows, tiles_columns) = (rows.div_ceil(TILE_ROWS), columns.div_ceil(TILE_COLUMNS));
    let scratch = if mode == Mode::Weight { shape.weight_scratch_len() } else { 0 };
    let words = [
        mode as usize,
        fleet,
        n,
        l,
        c_in,
        c_out,
        kernel,
        stride,
        padding,
        dilation,
        l_out,
        rows,
        columns,
        depth,
        tiles_rows,
        tiles_columns,
        chunks,
        chunk_len,
        scratch,
        usize::from(bias),
    ];
    let mut params: Vec<u32> = words.iter().map(|&word| word as u32).collect();
    params.push(activation.code());
    Dispatch {
        shader: SHADER,
        entry: "product",
        constants: vec![],
        binds,
        params,
        groups: fleet * chunks * tiles_rows * tiles_columns,
    }
}
