//! GPU: an invocation a short row, a workgroup a long one. The fleet's rows stand one after the other.

use super::{LossKind, LossSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

/// Rows of at most so many outputs are short.
const NARROW: usize = 32;

pub(super) fn loss(spec: &LossSpec) -> Vec<Dispatch> {
    if spec.kind == LossKind::Pearson {
        return pearson(spec);
    }
    let LossSpec { fleet, n, c, steps, kind } = *spec;
    let rows = fleet * n;
    let number = match kind {
        LossKind::CrossEntropy | LossKind::ReadOuts { .. } => 0,
        LossKind::BinaryCrossEntropy { .. } => 1,
        LossKind::MeanSquare | LossKind::Pearson => 2,
    };
    let (positions, share) = spec.read_outs();
    let words = [rows, n, c, steps, number, usize::from(spec.positive_weights()), positions];
    // Without weights of positive targets their binding repeats `w`: read and never used.
    let positive = if spec.positive_weights() { 6 } else { 2 };
    vec![Dispatch {
        shader: SHADER,
        entry: if c <= NARROW { "narrow" } else { "wide" },
        constants: vec![],
        binds: vec![reads(0), reads(1).bare(), reads(2), reads(3), writes(4), writes(5), reads(positive)],
        params: words.map(|word| word as u32).into_iter().chain([share.to_bits()]).collect(),
        groups: if c <= NARROW { rows.div_ceil(256) } else { rows },
    }]
}

/// A workgroup a column, then an invocation a row.
fn pearson(spec: &LossSpec) -> Vec<Dispatch> {
    let LossSpec { fleet, n, c, steps, .. } = *spec;
    let params = [fleet * n, n, c, steps].map(|word| word as u32).to_vec();
    let dispatch = |entry, binds, groups| Dispatch {
        shader: SHADER,
        entry,
        constants: vec![],
        binds,
        params: params.clone(),
        groups,
    };
    let columns = vec![reads(0), reads(1).bare(), reads(2), reads(3), writes(6), writes(5)];
    let rows = vec![reads(0), reads(6), reads(2), reads(3), writes(4)];
    vec![dispatch("pearson_columns", columns, fleet * c), dispatch("pearson_rows", rows, (fleet * n).div_ceil(256))]
}
