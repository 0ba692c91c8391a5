//! GPU: a workgroup a tile of rows of one head of one sample.

use super::{AttentionSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Rows of a workgroup.
const ROWS: usize = 8;

pub(super) fn forward(spec: &AttentionSpec) -> Vec<Dispatch> {
    // Without lengths their binding repeats `qkv`: read and never used.
    let lengths = if spec.lengths { 4 } else { 0 };
    vec![dispatch(spec, "forward", vec![reads(0), reads(lengths), writes(1), writes(2)])]
}

pub(super) fn backward(spec: &AttentionSpec) -> Vec<Dispatch> {
    let lengths = if spec.lengths { 6 } else { 0 };
    let inputs = [reads(0), reads(lengths), reads(2), reads(3), writes(4)];
    vec![
        dispatch(spec, "backward_queries", [inputs.as_slice(), &[reads(1), writes(5)]].concat()),
        dispatch(spec, "backward_keys", [inputs.as_slice(), &[reads(5)]].concat()),
    ]
}

fn dispatch(spec: &AttentionSpec, entry: &'static str, binds: Vec<Bind>) -> Dispatch {
    let AttentionSpec { fleet, n, l, d, heads, causal, lengths } = *spec;
    let words = [l, d, heads, spec.backward_scratch(), n, usize::from(causal), usize::from(lengths)];
    let mut params: Vec<u32> = words.iter().map(|&word| word as u32).collect();
    params.push(spec.scale().to_bits());
    let groups = fleet * n * heads * l.div_ceil(ROWS);
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params, groups }
}
