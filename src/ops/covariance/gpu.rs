//! GPU: parameters, bindings, grid.

use super::{Covariance, CovarianceSpec, SHADER};
use crate::ops::kernel::{Bind, Dispatch, reads, writes};

/// Columns of a tile.
const TILE: usize = 64;

/// Invocations of a workgroup of the passes that have one for each cell.
const CELLS: usize = 64;

pub(super) fn dispatches(kernel: &Covariance) -> Vec<Dispatch> {
    let CovarianceSpec { fleet, n, d } = *kernel.spec();
    let (pieces, rows) = kernel.pieces();
    let tiles = d.div_ceil(TILE);
    let dispatch = |entry, binds: Vec<Bind>, cells: usize, stride: usize, groups| Dispatch {
        shader: SHADER,
        entry,
        constants: vec![],
        binds,
        params: [n, d, pieces, rows, tiles, cells, stride].map(|word| word as u32).to_vec(),
        groups,
    };
    let by_cell = |entry, binds, cells: usize, stride| dispatch(entry, binds, cells, stride, cells.div_ceil(CELLS));
    // Scratch holds every piece's column sums, then every piece's products.
    // Sums are counted from the first row, then from the mean that this gives; `stride` parts the members' values.
    vec![
        by_cell("sums", vec![reads(0), writes(3), reads(0)], fleet * pieces * d, n * d),
        by_cell("means", vec![reads(0), writes(1), reads(3)], fleet * d, 0),
        by_cell("sums", vec![reads(0), writes(3), reads(1)], fleet * pieces * d, d),
        by_cell("refine", vec![writes(1), reads(3)], fleet * d, 0),
        dispatch("products", vec![reads(0), reads(1), writes(3)], 0, 0, fleet * pieces * tiles * tiles),
        by_cell("finish", vec![writes(2), reads(3)], fleet * d * d, 0),
    ]
}
