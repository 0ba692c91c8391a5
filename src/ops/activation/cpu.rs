//! CPU: blocks small enough to stay in the cache, copied and then changed in place.

use rayon::prelude::*;

use super::{ActivateSpec, InPlace, MaskInPlace};
use crate::backend::CpuContext;
use crate::ops::kernel::Args;

/// Values that one task computes: 16 KiB, copied and then changed while they are in the nearest cache.
const TILE: usize = 4096;

pub(super) fn forward(spec: &ActivateSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let x = args.f32(0);
    let y = args.f32_mut(1);
    let tile = |(x, y): (&[f32], &mut [f32])| {
        y.copy_from_slice(x);
        ctx.simd.run(InPlace { values: y, activation: spec.activation });
    };
    if ctx.worth_splitting(spec.flops()) {
        x.par_chunks(TILE).zip(y.par_chunks_mut(TILE)).for_each(tile);
    } else {
        x.chunks(TILE).zip(y.chunks_mut(TILE)).for_each(tile);
    }
}

pub(super) fn backward(spec: &ActivateSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let dy = args.f32(0);
    let saved = args.f32(1);
    let dx = args.f32_mut(2);
    let tile = |((dy, saved), dx): ((&[f32], &[f32]), &mut [f32])| {
        dx.copy_from_slice(dy);
        ctx.simd.run(MaskInPlace { values: dx, saved, activation: spec.activation });
    };
    if ctx.worth_splitting(spec.flops()) {
        dy.par_chunks(TILE).zip(saved.par_chunks(TILE)).zip(dx.par_chunks_mut(TILE)).for_each(tile);
    } else {
        dy.chunks(TILE).zip(saved.chunks(TILE)).zip(dx.chunks_mut(TILE)).for_each(tile);
    }
}
