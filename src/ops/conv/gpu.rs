//! GPU: parameters, bindings, grid.

use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvShape, ConvSpec, SHADER};
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

/// What a product has besides its operands.
#[derive(Debug, Clone, Copy, Default)]
struct Extra {
    /// A bias is added, a mask is applied, or the row of ones is there whose product is the gradient of the bias.
    given: bool,
    /// Applied to the sum, or the one whose slope masks it.
    activation: Activation,
    /// Sums go to working memory, chunk after chunk.
    partial: bool,
}

/// How many chunks the sum over positions is cut into, and the positions of each.
pub(super) fn weight_chunks(shape: &ConvShape) -> (usize, usize) {
    let positions = shape.spec.n * shape.out[0] * shape.out[1];
    let len = positions.div_ceil(CHUNKS_MAX).max(CHUNK_POSITIONS_MIN);
    (positions.div_ceil(len), len)
}

pub(super) fn forward(kernel: &Conv) -> Vec<Dispatch> {
    // Without a bias its binding repeats `w`: read and never used.
    let bias = if kernel.bias { 4 } else { 1 };
    let extra = Extra { given: kernel.bias, activation: kernel.activation, partial: false };
    vec![product(&kernel.shape, Mode::Forward, extra, vec![reads(0), reads(1), reads(bias), writes(2)])]
}

pub(super) fn backward_data(kernel: &ConvBackwardData) -> Vec<Dispatch> {
    let masked = kernel.mask != Activation::None;
    let saved = if masked { 4 } else { 1 };
    let extra = Extra { given: masked, activation: kernel.mask, partial: false };
    vec![product(&kernel.shape, Mode::Data, extra, vec![reads(0), reads(1), reads(saved), writes(2)])]
}

pub(super) fn backward_weight(kernel: &ConvBackwardWeight) -> Vec<Dispatch> {
    let shape = &kernel.shape;
    let partial = kernel.bias || weight_chunks(shape).0 > 1;
    let extra = Extra { given: kernel.bias, activation: Activation::None, partial };
    let target = if partial { 3 } else { 2 };
    let product = product(shape, Mode::Weight, extra, vec![reads(0), reads(1), reads(1), writes(target)]);
    if !partial {
        return vec![product];
    }
    let (entry, binds, words) = if kernel.bias {
        ("sum_chunks_with_bias", vec![reads(3), writes(2), writes(4)], shape.w_len() + shape.spec.c_out)
    } else {
        ("sum_chunks", vec![reads(3), writes(2)], shape.w_len())
    };
    let sum = Dispatch { entry, binds, groups: (shape.spec.fleet * words).div_ceil(256), ..product.clone() };
    vec![product, sum]
}

fn product(shape: &ConvShape, mode: Mode, extra: Extra, binds: Vec<Bind>) -> Dispatch {
    let ConvSpec { fleet, n, size: [h, w], c_in, c_out, kernel, stride, padding, dilation } = shape.spec;
    let [h_out, w_out] = shape.out;
    let taps = shape.taps();
    let (rows, columns, depth) = match mode {
        Mode::Forward => (n * h_out * w_out, c_out, taps * c_in),
        Mode::Data => (n * h * w, c_in, taps * c_out),
        Mode::Weight => (taps * c_in + usize::from(extra.given), c_out, n * h_out * w_out),
    };
    let (chunks, chunk_len) = if mode == Mode::Weight { weight_chunks(shape) } else { (1, depth) };
    let (tiles_rows, tiles_columns) = (rows.div_ceil(TILE_ROWS), columns.div_ceil(TILE_COLUMNS));
    let scratch = if extra.partial { shape.weight_scratch_len() } else { 0 };
    let sizes = [mode as usize, fleet, h, w, c_in, c_out];
    let pairs = [kernel, stride, padding, dilation, shape.out];
    let grid = [rows, columns, depth, tiles_rows, tiles_columns, chunks, chunk_len, scratch, usize::from(extra.given)];
    let words = sizes.iter().chain(pairs.as_flattened()).chain(&grid);
    let mut params: Vec<u32> = words.map(|&word| word as u32).collect();
    params.push(extra.activation.code());
    Dispatch {
        shader: SHADER,
        entry: "product",
        constants: vec![],
        binds,
        params,
        groups: fleet * chunks * tiles_rows * tiles_columns,
    }
}
