//! CPU: a copy of memory a row.

use super::GatherSpec;
use crate::ops::kernel::{Args, Tile};

pub(super) fn gather(spec: &GatherSpec, args: &mut Args<'_>, step: u32, tile: Tile) {
    let GatherSpec { rows, width, n, .. } = *spec;
    let (data, y) = (args.u32(0), args.u32_mut(2));
    let idx = &args.u32(1)[step as usize * n + tile.first..][..tile.rows];
    for (y, row) in y.chunks_exact_mut(width).zip(idx) {
        let row = (*row as usize).min(rows - 1);
        y.copy_from_slice(&data[row * width..][..width]);
    }
}
