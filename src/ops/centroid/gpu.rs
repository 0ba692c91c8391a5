//! GPU: parameters, bindings, grid.

use super::{Centroid, CentroidSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

/// Invocations of a workgroup.
const GROUP: usize = 64;

pub(super) fn dispatches(kernel: &Centroid) -> Vec<Dispatch> {
    let CentroidSpec { fleet, n, k, d, weighted } = *kernel.spec();
    let (blocks, rows) = kernel.blocks();
    let params = |invocations: usize| {
        [n, k, d, blocks, rows, usize::from(weighted), invocations].map(|word| word as u32).to_vec()
    };
    let walkers = fleet * blocks * (d + 1);
    let cells = fleet * k * (d + 1);
    // Without weights their binding repeats `x`: read and never used.
    let weights = if weighted { 5 } else { 0 };
    vec![
        Dispatch {
            shader: SHADER,
            entry: "sum_blocks",
            constants: vec![],
            binds: vec![reads(0), reads(1), reads(weights), writes(4)],
            params: params(walkers),
            groups: walkers.div_ceil(GROUP),
        },
        Dispatch {
            shader: SHADER,
            entry: "merge",
            constants: vec![],
            binds: vec![reads(4), writes(2), writes(3)],
            params: params(cells),
            groups: cells.div_ceil(GROUP),
        },
    ]
}
