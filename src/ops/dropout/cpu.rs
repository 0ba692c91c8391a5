//! CPU: integer hashing that the compiler vectorises.

use rayon::prelude::*;

use super::{Dropout, counter_bits, schedule};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::{Args, Tile};

/// Elements that one task computes.
const TASK: usize = 16_384;

/// What hashing an element costs, in floating-point operations' time.
const HASH_COST: f64 = 12.0;

pub(super) fn dropout(kernel: &Dropout, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
    let seed = args.u32(1)[0];
    let count = schedule::row(args.f32(2), step)[schedule::COUNT] as u32;
    let (x, y) = (args.f32(0), args.f32_mut(3));
    let before = tile.first * (kernel.spec.len / kernel.spec.rows);
    let task = |(t, (x, y)): (usize, (&[f32], &mut [f32]))| {
        ctx.simd.run(Stretch { kernel, seed, count, first: (before + t * TASK) as u32, x, y });
    };
    if ctx.worth_splitting(HASH_COST * x.len() as f64) {
        x.par_chunks(TASK).zip(y.par_chunks_mut(TASK)).enumerate().for_each(task);
    } else {
        x.chunks(TASK).zip(y.chunks_mut(TASK)).enumerate().for_each(task);
    }
}

/// Elements from `first` on.
struct Stretch<'a> {
    kernel: &'a Dropout,
    seed: u32,
    count: u32,
    first: u32,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Stretch<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let (threshold, scale) = (self.kernel.threshold(), self.kernel.scale());
        let (stream, first) = (self.kernel.spec.stream, self.first);
        for (i, (x, y)) in (0_u32..).zip(self.x.iter().zip(self.y)) {
            let bits = counter_bits(self.seed, stream, self.count, first + i);
            *y = if bits < threshold { 0.0 } else { x * scale };
        }
    }
}
