//! CPU: row by row, in order. Bound by memory, so not split over threads.

use super::EmbeddingSpec;
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

pub(super) fn forward(spec: &EmbeddingSpec, args: &mut Args<'_>) {
    let EmbeddingSpec { vocab, d, .. } = *spec;
    let (table, idx, y) = (args.f32(0), args.u32(1), args.f32_mut(2));
    for (y, row) in y.chunks_exact_mut(d).zip(idx) {
        let row = (*row as usize).min(vocab - 1);
        y.copy_from_slice(&table[row * d..][..d]);
    }
}

pub(super) fn backward(spec: &EmbeddingSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let (dy, idx, dtable) = (args.f32(0), args.u32(1), args.f32_mut(2));
    ctx.simd.run(Scatter { spec, dy, idx, dtable });
}

struct Scatter<'a> {
    spec: &'a EmbeddingSpec,
    dy: &'a [f32],
    idx: &'a [u32],
    dtable: &'a mut [f32],
}

impl Simd for Scatter<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let EmbeddingSpec { vocab, d, .. } = *self.spec;
        self.dtable.fill(0.0);
        for (dy, row) in self.dy.chunks_exact(d).zip(self.idx) {
            let row = (*row as usize).min(vocab - 1);
            for (sum, dy) in self.dtable[row * d..][..d].iter_mut().zip(dy) {
                *sum += dy;
            }
        }
    }
}
