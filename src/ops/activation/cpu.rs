//! CPU: one pass, split into tiles.

use rayon::prelude::*;

use super::{ActivateSpec, Activation};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::kernel::Args;

/// Values that one task computes.
const TILE: usize = 16_384;

pub(super) fn forward(spec: &ActivateSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let x = args.f32(0);
    let y = args.f32_mut(1);
    let tile = |(x, y): (&[f32], &mut [f32])| ctx.simd.run(Forward { activation: spec.activation, x, y });
    if ctx.worth_splitting(spec.flops()) {
        x.par_chunks(TILE).zip(y.par_chunks_mut(TILE)).for_each(tile);
    } else {
        tile((x, y));
    }
}

pub(super) fn backward(spec: &ActivateSpec, ctx: &CpuContext, args: &mut Args<'_>) {
    let dy = args.f32(0);
    let saved = args.f32(1);
    let dx = args.f32_mut(2);
    let tile = |((dy, saved), dx): ((&[f32], &[f32]), &mut [f32])| {
        ctx.simd.run(Backward { activation: spec.activation, dy, saved, dx });
    };
    if ctx.worth_splitting(spec.flops()) {
        dy.par_chunks(TILE).zip(saved.par_chunks(TILE)).zip(dx.par_chunks_mut(TILE)).for_each(tile);
    } else {
        tile(((dy, saved), dx));
    }
}

struct Forward<'a> {
    activation: Activation,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Simd for Forward<'_> {
    type Out = ();

    /// The choice stands outside of the loops, so that each of them vectorises.
    #[inline(always)]
    fn run<V: Vector>(self) {
        match self.activation {
            Activation::None => self.y.copy_from_slice(self.x),
            Activation::Relu => each(self.x, self.y, |x| Activation::Relu.apply(x)),
            Activation::Gelu => each(self.x, self.y, |x| Activation::Gelu.apply(x)),
            Activation::Tanh => each(self.x, self.y, |x| Activation::Tanh.apply(x)),
            Activation::Sigmoid => each(self.x, self.y, |x| Activation::Sigmoid.apply(x)),
        }
    }
}

#[inline(always)]
fn each(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = f(*x);
    }
}

struct Backward<'a> {
    activation: Activation,
    dy: &'a [f32],
    saved: &'a [f32],
    dx: &'a mut [f32],
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let (dy, saved, dx) = (self.dy, self.saved, self.dx);
        match self.activation {
            Activation::None => dx.copy_from_slice(dy),
            Activation::Relu => each_pair(dy, saved, dx, |s| Activation::Relu.slope(s)),
            Activation::Gelu => each_pair(dy, saved, dx, |s| Activation::Gelu.slope(s)),
            Activation::Tanh => each_pair(dy, saved, dx, |s| Activation::Tanh.slope(s)),
            Activation::Sigmoid => each_pair(dy, saved, dx, |s| Activation::Sigmoid.slope(s)),
        }
    }
}

#[inline(always)]
fn each_pair(dy: &[f32], saved: &[f32], dx: &mut [f32], slope: impl Fn(f32) -> f32) {
    for ((dx, dy), saved) in dx.iter_mut().zip(dy).zip(saved) {
        *dx = dy * slope(*saved);
    }
}
