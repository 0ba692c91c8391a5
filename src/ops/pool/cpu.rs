//! CPU: a row of channels at a time.

use rayon::prelude::*;

use super::{PoolKind, PoolShape, PoolSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Samples that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_SAMPLES: usize = 64;

pub(super) fn forward(shape: &PoolShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let PoolSpec { kind, l, c, .. } = shape.spec;
    let x = args.f32(0).chunks(TASK_SAMPLES * l * c);
    let y = args.f32_mut(1);
    let y_len = TASK_SAMPLES * shape.l_out * c;
    let split = ctx.worth_splitting(shape.work().flops / shape.spec.fleet as f64);
    if kind == PoolKind::Average {
        let task = |(x, y): (&[f32], &mut [f32])| ctx.simd.run(Average { shape, x, y });
        if split {
            args.f32(0).par_chunks(TASK_SAMPLES * l * c).zip(y.par_chunks_mut(y_len)).for_each(task);
        } else {
            x.zip(y.chunks_mut(y_len)).for_each(task);
        }
        return;
    }
    let argmax = args.u32_mut(2);
    let task = |((x, y), argmax): ((&[f32], &mut [f32]), &mut [u32])| ctx.simd.run(Max { shape, x, y, argmax });
    if split {
        let x = args.f32(0).par_chunks(TASK_SAMPLES * l * c);
        x.zip(y.par_chunks_mut(y_len)).zip(argmax.par_chunks_mut(y_len)).for_each(task);
    } else {
        x.zip(y.chunks_mut(y_len)).zip(argmax.chunks_mut(y_len)).for_each(task);
    }
}

pub(super) fn backward(shape: &PoolShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let PoolSpec { kind, l, c, .. } = shape.spec;
    let dy = args.f32(0);
    let dx = args.f32_mut(1);
    let argmax = if kind == PoolKind::Max { args.u32(2) } else { &[] };
    let (x_len, y_len) = (TASK_SAMPLES * l * c, TASK_SAMPLES * shape.l_out * c);
    let task = |(t, dx): (usize, &mut [f32])| {
        let dy = &dy[t * y_len..];
        let argmax = argmax.get(t * y_len..).unwrap_or(&[]);
        ctx.simd.run(Backward { shape, dy, argmax, dx });
    };
    if ctx.worth_splitting(shape.work().flops / shape.spec.fleet as f64) {
        dx.par_chunks_mut(x_len).enumerate().for_each(task);
    } else {
        dx.chunks_mut(x_len).enumerate().for_each(task);
    }
}

/// Some samples' means.
struct Average<'a> {
    shape: &'a PoolShape,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Average<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let PoolSpec { l, c, window, stride, .. } = self.shape.spec;
        let scale = 1.0 / window as f32;
        for (r, y) in self.y.chunks_exact_mut(c).enumerate() {
            let first = r / self.shape.l_out * l + r % self.shape.l_out * stride;
            y.fill(0.0);
            for x in self.x[first * c..(first + window) * c].chunks_exact(c) {
                y.iter_mut().zip(x).for_each(|(sum, value)| *sum += value);
            }
            for sum in y {
                *sum *= scale;
            }
        }
    }
}

/// Some samples' maxima and where they stand.
struct Max<'a> {
    shape: &'a PoolShape,
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: &'a mut [u32],
}

impl Simd for Max<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let PoolSpec { l, c, window, stride, .. } = self.shape.spec;
        for (r, (y, argmax)) in self.y.chunks_exact_mut(c).zip(self.argmax.chunks_exact_mut(c)).enumerate() {
            let out = r % self.shape.l_out;
            let first = r / self.shape.l_out * l + out * stride;
            y.copy_from_slice(&self.x[first * c..(first + 1) * c]);
            argmax.fill((out * stride) as u32);
            for w in 1..window {
                let x = &self.x[(first + w) * c..(first + w + 1) * c];
                let position = (out * stride + w) as u32;
                for ((best, at), value) in y.iter_mut().zip(&mut *argmax).zip(x) {
                    let larger = *value > *best;
                    *best = if larger { *value } else { *best };
                    *at = if larger { position } else { *at };
                }
            }
        }
    }
}

/// Some samples' gradients; `argmax` is empty for means.
struct Backward<'a> {
    shape: &'a PoolShape,
    dy: &'a [f32],
    argmax: &'a [u32],
    dx: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let PoolSpec { kind, l, c, window, .. } = self.shape.spec;
        let scale = 1.0 / window as f32;
        for (r, dx) in self.dx.chunks_exact_mut(c).enumerate() {
            let (sample, i) = (r / l, r % l);
            dx.fill(0.0);
            for out in self.shape.windows(i) {
                let from = (sample * self.shape.l_out + out) * c;
                let dy = &self.dy[from..from + c];
                if kind == PoolKind::Average {
                    dx.iter_mut().zip(dy).for_each(|(sum, value)| *sum += value * scale);
                    continue;
                }
                for ((sum, value), at) in dx.iter_mut().zip(dy).zip(&self.argmax[from..from + c]) {
                    *sum += if *at == i as u32 { *value } else { 0.0 };
                }
            }
        }
    }
}
