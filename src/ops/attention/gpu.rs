//! GPU: heads of up to 16 values with rows in registers, others by a workgroup a tile of rows of one head of one sample.
//!
//! A row of 16 values in registers needs 4 reads of 16 bytes for the 16 multiply-adds of a score, 4 more for its share of the
//! result. With four rows an invocation that is 16 multiply-adds a read, what shared memory can feed; the backward kernels
//! hold two to four matrices a row and take two rows. Nothing of the size l x l exists anywhere.

use super::{Attention, AttentionBackward, AttentionSpec, ROWS, SHADER};
use crate::ops::kernel::{Bind, Dispatch, Kernel, Target, reads, writes};
use crate::ops::tuning::{Candidate, TuningGroup, taken};

/// Rows of a workgroup of the general kernels.
const TILE: usize = 8;

/// Invocations of a workgroup whose invocations hold rows.
const INVOCATIONS: usize = 64;

/// The longest head whose rows fit into registers.
const HELD_MAX: usize = 16;

/// Shared memory of the kernels that hold rows.
const SHARED_BYTES: usize = 2 * 272 * 16 + 2 * 64 * 4;

const fn candidate(name: &'static str) -> Candidate {
    Candidate { name, invocations: INVOCATIONS, workgroup_bytes: SHARED_BYTES }
}

/// Rows that an invocation holds forward, and backward; the first of each is the doubled one.
const FORWARD: [Candidate; 2] = [candidate("4 rows"), candidate("2 rows")];
const BACKWARD: [Candidate; 2] = [candidate("2 rows"), candidate("1 row")];

const FORWARD_GROUP: &str = "attention.forward";
const BACKWARD_GROUP: &str = "attention.backward";

pub(super) fn forward(spec: &AttentionSpec, on: &Target<'_>) -> Vec<Dispatch> {
    // Without lengths their binding repeats `qkv`: read and never used.
    let lengths = if spec.lengths { 4 } else { 0 };
    let binds = vec![reads(0), reads(lengths), writes(1), writes(2)];
    if !by_rows(spec) {
        return vec![general(spec, "forward", binds)];
    }
    let double = taken(FORWARD_GROUP, &FORWARD, on.device) == 0;
    vec![rows(spec, "forward", binds, double, if double { 4 } else { 2 })]
}

pub(super) fn backward(spec: &AttentionSpec, on: &Target<'_>) -> Vec<Dispatch> {
    let lengths = if spec.lengths { 6 } else { 0 };
    let inputs = [reads(0), reads(lengths), reads(2), reads(3), writes(4)];
    let kernels = [
        ("backward_queries", [inputs.as_slice(), &[reads(1), writes(5)]].concat()),
        ("backward_keys", [inputs.as_slice(), &[reads(5)]].concat()),
    ];
    let double = taken(BACKWARD_GROUP, &BACKWARD, on.device) == 0;
    let held = if double { 2 } else { 1 };
    let dispatch = |(entry, binds)| {
        if by_rows(spec) { rows(spec, entry, binds, double, held) } else { general(spec, entry, binds) }
    };
    kernels.map(dispatch).to_vec()
}

/// Whether a head's rows are read four values at a time and fit into registers.
const fn by_rows(spec: &AttentionSpec) -> bool {
    spec.head().is_multiple_of(4) && spec.head() <= HELD_MAX
}

fn params(spec: &AttentionSpec) -> Vec<u32> {
    let AttentionSpec { n, l, d, heads, causal, lengths, .. } = *spec;
    let words = [l, d, heads, spec.backward_scratch(), n, usize::from(causal), usize::from(lengths)];
    let mut params: Vec<u32> = words.iter().map(|&word| word as u32).collect();
    params.push(spec.scale().to_bits());
    params
}

fn general(spec: &AttentionSpec, entry: &'static str, binds: Vec<Bind>) -> Dispatch {
    let groups = spec.fleet * spec.n * spec.heads * spec.l.div_ceil(TILE);
    Dispatch { shader: SHADER, entry, constants: vec![], binds, params: params(spec), groups }
}

/// Invocations that hold `held` rows each, the fewer to a head the shorter the samples are.
fn rows(spec: &AttentionSpec, entry: &'static str, binds: Vec<Bind>, double: bool, held: usize) -> Dispatch {
    let AttentionSpec { fleet, n, l, heads, .. } = *spec;
    let lanes = l.div_ceil(held).next_power_of_two().clamp(4, 16);
    let (all_heads, tiles) = (fleet * n * heads, l.div_ceil(lanes * held));
    let values = [("LANES", lanes), ("DOUBLE", usize::from(double)), ("QUADS", spec.head() / 4)];
    let mut params = params(spec);
    params.extend([all_heads as u32, tiles as u32]);
    Dispatch {
        shader: ROWS,
        entry,
        constants: values.map(|(name, value)| (name, value as f64)).to_vec(),
        binds,
        params,
        groups: all_heads.div_ceil(INVOCATIONS / lanes) * tiles,
    }
}

/// Groups of forms, with the shapes by which they are judged.
pub(super) fn groups() -> Vec<TuningGroup> {
    let spec = |n, l, d, heads| AttentionSpec { n, l, d, heads, ..AttentionSpec::default() };
    let judged = [spec(4096, 64, 64, 4), spec(16_384, 12, 32, 4)];
    let small = [spec(3, 37, 32, 2), AttentionSpec { causal: true, ..spec(2, 19, 24, 3) }];
    let forward = |specs: &[AttentionSpec]| -> Vec<Box<dyn Kernel>> {
        let kernels = specs.iter().filter_map(|&spec| Attention::new(spec).ok());
        kernels.map(|kernel| Box::new(kernel) as Box<dyn Kernel>).collect()
    };
    let backward = |specs: &[AttentionSpec]| -> Vec<Box<dyn Kernel>> {
        let kernels = specs.iter().filter_map(|&spec| AttentionBackward::new(spec).ok());
        kernels.map(|kernel| Box::new(kernel) as Box<dyn Kernel>).collect()
    };
    vec![
        TuningGroup {
            name: FORWARD_GROUP,
            candidates: FORWARD.to_vec(),
            units: false,
            judged: forward(&judged),
            small: forward(&small),
        },
        TuningGroup {
            name: BACKWARD_GROUP,
            candidates: BACKWARD.to_vec(),
            units: false,
            judged: backward(&judged),
            small: backward(&small),
        },
    ]
}
