//! GPU: eight rows a workgroup; sums over rows by chunks, then over the chunks in order.

use super::{CHUNK_ROWS, LayerNormSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows of a workgroup.
const ROWS: usize = 8;
/// Channels of a workgroup that adds up a chunk.
const CHANNELS: usize = 16;

pub(super) fn forward(spec: &LayerNormSpec) -> Vec<Dispatch> {
    let rows = (spec.fleet * spec.rows()).div_ceil(ROWS);
    let normalise = |input| {
        dispatch(spec, "forward", vec![reads(input), reads(1), reads(2), writes(3), writes(4), writes(5)], rows)
    };
    if !spec.residual {
        return vec![normalise(0)];
    }
    let values = (spec.fleet * spec.len()).div_ceil(256);
    vec![dispatch(spec, "residual", vec![reads(0), reads(6), writes(7)], values), normalise(7)]
}

pub(super) fn backward(spec: &LayerNormSpec) -> Vec<Dispatch> {
    let rows = (spec.fleet * spec.rows()).div_ceil(ROWS);
    let mut binds = vec![reads(0), reads(1), reads(2), reads(3), reads(4), writes(5)];
    let mut entry = "backward";
    if spec.residual {
        binds.push(reads(9));
        entry = "backward_residual";
    }
    let chunks = spec.fleet * spec.chunks() * spec.c.div_ceil(CHANNELS);
    let sums = vec![reads(0), reads(1), reads(3), reads(4), writes(8)];
    let total = vec![reads(8), writes(6), writes(7)];
    vec![
        dispatch(spec, entry, binds, rows),
        dispatch(spec, "sum_chunks", sums, chunks),
        dispatch(spec, "total", total, (spec.fleet * spec.c).div_ceil(256)),
    ]
}

fn dispatch(spec: &LayerNormSpec, entry: &'static str, binds: Vec<Bind>, groups: usize) -> Dispatch {
    let words = [spec.fleet * spec.rows(), spec.rows(), spec.c, spec.chunks(), CHUNK_ROWS];
    let mut params: Vec<u32> = words.iter().map(|&word| word as u32).collect();
    params.push(spec.epsilon.to_bits());
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups }
}
