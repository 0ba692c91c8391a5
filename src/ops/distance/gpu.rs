//! GPU: parameters, bindings, grid.

use super::{DistanceSpec, SHADER};
use crate::ops::kernel::{Dispatch, reads, writes};

/// Rows of a workgroup.
const TILE: usize = 64;

pub(super) fn dispatches(spec: &DistanceSpec) -> Vec<Dispatch> {
    let DistanceSpec { fleet, n, k, d } = *spec;
    let tiles = n.div_ceil(TILE);
    vec![Dispatch {
        shader: SHADER,
        entry: "nearest",
        constants: vec![],
        binds: vec![reads(0), reads(1), writes(2), writes(3)],
        params: [n, k, d, tiles].map(|word| word as u32).to_vec(),
        groups: fleet * tiles,
    }]
}
