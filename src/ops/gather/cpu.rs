//! CPU: a copy of memory a row.

use super::GatherSpec;
use crate::backend::{CpuContext, half};
use crate::ops::kernel::{Args, DType, Floats, Tile};

pub(super) fn gather(spec: &GatherSpec, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
    let GatherSpec { rows, width, n, dtype, .. } = *spec;
    let y = args.u32_mut(2);
    let idx = &args.u32(1)[step as usize * n + tile.first..][..tile.rows];
    let places = idx.iter().map(|row| (*row as usize).min(rows - 1) * width);
    let each = y.chunks_exact_mut(width).zip(places);
    if dtype == DType::F32
        && let Floats::Half(data) = args.floats(0)
    {
        return each.for_each(|(y, at)| half::widen(ctx.simd, &data[at..][..width], bytemuck::cast_slice_mut(y)));
    }
    let data = args.u32(0);
    each.for_each(|(y, at)| y.copy_from_slice(&data[at..][..width]));
}
