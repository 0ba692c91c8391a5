//! GPU: partial sums by workgroups of 16 channels x 16 rows, then one invocation an element.

use super::{BatchNormShape, BatchNormSpec, CHUNK_ROWS, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Channels of a workgroup.
const CHANNELS: usize = 16;

pub(super) fn forward(shape: &BatchNormShape) -> Vec<Dispatch> {
    let blocks = shape.spec.fleet * shape.spec.c.div_ceil(CHANNELS);
    let chunks = blocks * shape.chunks();
    let finish = vec![reads(9), reads(3), writes(5), writes(6), writes(7), writes(8)];
    let apply = vec![reads(0), reads(1), reads(2), reads(5), reads(6), writes(4)];
    vec![
        dispatch(shape, "sum_rows", vec![reads(0), reads(3), writes(9)], chunks),
        dispatch(shape, "sum_squares", vec![reads(0), reads(3), writes(9)], chunks),
        dispatch(shape, "finish_statistics", finish, blocks),
        dispatch(shape, "normalise", apply, elements(shape).div_ceil(256)),
    ]
}

pub(super) fn evaluate(shape: &BatchNormShape) -> Vec<Dispatch> {
    let binds = vec![reads(0), reads(1), reads(2), reads(3), reads(4), writes(5)];
    vec![dispatch(shape, "evaluate", binds, elements(shape).div_ceil(256))]
}

pub(super) fn backward(shape: &BatchNormShape) -> Vec<Dispatch> {
    let blocks = shape.spec.fleet * shape.spec.c.div_ceil(CHANNELS);
    let sum = vec![reads(0), reads(1), reads(3), reads(5), writes(9)];
    let finish = vec![reads(2), reads(3), reads(4), reads(5), writes(7), writes(8), writes(9)];
    let apply = vec![reads(0), reads(1), reads(9), reads(5), writes(6)];
    vec![
        dispatch(shape, "sum_gradients", sum, blocks * shape.chunks()),
        dispatch(shape, "finish_gradients", finish, blocks),
        dispatch(shape, "apply_gradients", apply, elements(shape).div_ceil(256)),
    ]
}

const fn elements(shape: &BatchNormShape) -> usize {
    shape.spec.fleet * shape.len()
}

fn dispatch(shape: &BatchNormShape, entry: &'static str, binds: Vec<Bind>, groups: usize) -> Dispatch {
    let BatchNormSpec { n, positions, c, epsilon, momentum, .. } = shape.spec;
    let words =
        [elements(shape), n, positions, c, shape.chunks(), CHUNK_ROWS, shape.scratch_len(), shape.schedule_len()];
    let mut params: Vec<u32> = words.iter().map(|&word| word as u32).collect();
    params.extend([epsilon.to_bits(), momentum.to_bits()]);
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups }
}
