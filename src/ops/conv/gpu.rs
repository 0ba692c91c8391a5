//! GPU: parameters, bindings, grid.

use super::strip::{Form, GROUPS, Gradient, Sweep, candidates};
use super::{Conv, ConvBackwardData, ConvBackwardWeight, ConvShape, ConvSpec, SHADER};
use crate::ops::activation::Activation;
use crate::ops::kernel::{Bind, Dispatch, Kernel, Target, reads, writes};
use crate::ops::tuning::TuningGroup;

/// Rows and columns of the product that a workgroup computes.
const TILE_ROWS: usize = 64;
const TILE_COLUMNS: usize = 32;

/// Positions of dy whose products one workgroup sums for the gradient of w at the least, and the most chunks of the general
/// kernel.
const CHUNK_POSITIONS_MIN: usize = 512;
const CHUNKS_MAX: usize = 64;

/// Workgroups that the gradient of w by strips should have.
const WORKGROUPS: usize = 512;

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

/// How many chunks the sum over positions is cut into, and the positions of each: a rule of the shape alone.
pub(super) fn weight_chunks(shape: &ConvShape) -> (usize, usize) {
    let positions = shape.spec.n * shape.out[0] * shape.out[1];
    let most = Gradient::of(shape).map_or(CHUNKS_MAX, |way| WORKGROUPS.div_ceil(way.workgroups(shape)));
    let len = positions.div_ceil(most).max(CHUNK_POSITIONS_MIN);
    (positions.div_ceil(len), len)
}

pub(super) fn forward(kernel: &Conv, on: &Target<'_>) -> Vec<Dispatch> {
    // Without a bias its binding repeats `w`: read and never used.
    let bias = if kernel.bias { 4 } else { 1 };
    let binds = vec![reads(0), reads(1), reads(bias), writes(2)];
    let extra = Extra { given: kernel.bias, activation: kernel.activation, partial: false };
    vec![
        swept(Sweep::forward(&kernel.shape), on, &binds, extra)
            .unwrap_or_else(|| product(&kernel.shape, Mode::Forward, extra, binds)),
    ]
}

pub(super) fn backward_data(kernel: &ConvBackwardData, on: &Target<'_>) -> Vec<Dispatch> {
    let masked = kernel.mask != Activation::None;
    let saved = if masked { 4 } else { 1 };
    let binds = vec![reads(0), reads(1), reads(saved), writes(2)];
    let extra = Extra { given: masked, activation: kernel.mask, partial: false };
    vec![
        swept(Sweep::data(&kernel.shape), on, &binds, extra)
            .unwrap_or_else(|| product(&kernel.shape, Mode::Data, extra, binds)),
    ]
}

/// The sweep by strips, if there is one that fits.
fn swept(sweep: Option<Sweep>, on: &Target<'_>, binds: &[Bind], extra: Extra) -> Option<Dispatch> {
    sweep?.dispatch(on.device, binds.to_vec(), extra.given, extra.activation.code())
}

pub(super) fn backward_weight(kernel: &ConvBackwardWeight) -> Vec<Dispatch> {
    let shape = &kernel.shape;
    let chunks = weight_chunks(shape);
    let partial = kernel.bias || chunks.0 > 1;
    let extra = Extra { given: kernel.bias, activation: Activation::None, partial };
    let target = if partial { (3, shape.weight_scratch_len()) } else { (2, shape.w_len()) };
    let general = product(shape, Mode::Weight, extra, vec![reads(0), reads(1), reads(1), writes(target.0)]);
    let by_strips = Gradient::of(shape).and_then(|way| way.dispatch(shape, chunks, target, kernel.bias));
    if !partial {
        return vec![by_strips.unwrap_or(general)];
    }
    let (entry, binds, words) = if kernel.bias {
        ("sum_chunks_with_bias", vec![reads(3), writes(2), writes(4)], shape.w_len() + shape.spec.c_out)
    } else {
        ("sum_chunks", vec![reads(3), writes(2)], shape.w_len())
    };
    let sum = Dispatch { entry, binds, groups: (shape.spec.fleet * words).div_ceil(256), ..general.clone() };
    vec![by_strips.unwrap_or(general), sum]
}

/// Groups of forms, with the shapes by which they are judged.
pub(super) fn groups() -> Vec<TuningGroup> {
    let line = |n, l, c_in, c_out, taps| ConvSpec {
        n,
        size: [1, l],
        c_in,
        c_out,
        kernel: [1, taps],
        padding: [0, taps / 2],
        ..ConvSpec::default()
    };
    let plane = |n, size, c_in, c_out| ConvSpec {
        size: [size, size],
        kernel: [3, 3],
        padding: [1, 1],
        ..line(n, size, c_in, c_out, 3)
    };
    let kernel = |spec: ConvSpec| {
        let shape = ConvShape::new(spec).ok()?;
        Some(Box::new(Conv { shape, bias: true, activation: Activation::Relu }) as Box<dyn Kernel>)
    };
    let kernels = |specs: Vec<ConvSpec>| specs.into_iter().filter_map(kernel).collect();
    let shapes = [
        (vec![line(16_384, 90, 16, 32, 5), plane(256, 28, 24, 32)], vec![line(5, 13, 6, 33, 5), plane(2, 9, 8, 24)]),
        (vec![line(16_384, 90, 1, 16, 5), line(16_384, 28, 32, 16, 5)], vec![line(9, 28, 1, 16, 5), plane(3, 7, 5, 7)]),
    ];
    let group = |((name, forms), (judged, small)): (&(&'static str, &[Form]), _)| TuningGroup {
        name,
        candidates: candidates(forms),
        units: false,
        judged: kernels(judged),
        small: kernels(small),
    };
    GROUPS.iter().zip(shapes).map(group).collect()
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
