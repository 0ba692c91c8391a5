//! CPU: one position after the other, some channels at a time in registers.

use rayon::prelude::*;

use super::{PoolBackward, PoolKind, PoolShape, PoolSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::activation::{Activation, MaskInPlace};
use crate::ops::kernel::Args;

/// Samples that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_SAMPLES: usize = 64;

pub(super) fn forward(shape: &PoolShape, ctx: &CpuContext, args: &mut Args<'_>) {
    let (x, y) = (args.f32(0), args.f32_mut(1));
    let (x_len, y_len) = (TASK_SAMPLES * shape.x_sample(), TASK_SAMPLES * shape.y_sample());
    let split = ctx.worth_splitting(shape.work().flops / shape.spec.fleet as f64);
    if shape.spec.kind == PoolKind::Average {
        let task = |(x, y): (&[f32], &mut [f32])| ctx.simd.run(Average { shape, x, y });
        if split {
            x.par_chunks(x_len).zip(y.par_chunks_mut(y_len)).for_each(task);
        } else {
            task((x, y));
        }
        return;
    }
    let argmax = args.f32_mut(2);
    let task = |((x, y), argmax): ((&[f32], &mut [f32]), &mut [f32])| ctx.simd.run(Max { shape, x, y, argmax });
    if split {
        x.par_chunks(x_len).zip(y.par_chunks_mut(y_len)).zip(argmax.par_chunks_mut(y_len)).for_each(task);
    } else {
        task(((x, y), argmax));
    }
}

pub(super) fn backward(kernel: &PoolBackward, ctx: &CpuContext, args: &mut Args<'_>) {
    let shape = &kernel.shape;
    let (dy, dx) = (args.f32(0), args.f32_mut(1));
    let argmax = if shape.spec.kind == PoolKind::Max { args.f32(2) } else { &[] };
    let saved = if kernel.mask == Activation::None { &[][..] } else { args.f32(kernel.saved()) };
    let (x_len, y_len) = (TASK_SAMPLES * shape.x_sample(), TASK_SAMPLES * shape.y_sample());
    let task = |(t, dx): (usize, &mut [f32])| {
        let argmax = argmax.get(t * y_len..).unwrap_or_default();
        let saved = saved.get(t * x_len..).unwrap_or_default();
        ctx.simd.run(Backward { kernel, dy: &dy[t * y_len..], argmax, saved, dx: &mut *dx });
        if !matches!(kernel.mask, Activation::None | Activation::Relu) {
            ctx.simd.run(MaskInPlace { values: dx, saved, activation: kernel.mask });
        }
    };
    if ctx.worth_splitting(shape.work().flops / shape.spec.fleet as f64) {
        dx.par_chunks_mut(x_len).enumerate().for_each(task);
    } else {
        task((0, dx));
    }
}

/// As many values as a register holds, or fewer.
#[inline(always)]
fn load<V: Vector>(values: &[f32]) -> V {
    if values.len() == V::LANES { V::load(values) } else { V::load_part(values) }
}

#[inline(always)]
fn store<V: Vector>(value: V, to: &mut [f32]) {
    if to.len() == V::LANES { value.store(to) } else { value.store_part(to) }
}

/// The first words of y and of x's window, and the window's first position within the sample.
#[derive(Clone, Copy)]
struct Window {
    to: usize,
    from: usize,
    position: usize,
}

/// Some samples' windows in order.
///
/// Plain loops, no closures around them: a closure would not be compiled for the SIMD level.
macro_rules! every_window {
    ($shape:expr, $samples:expr, |$window:ident| $body:block) => {
        let shape = $shape;
        let PoolSpec { size: [_, w], c, stride, .. } = shape.spec;
        let mut to = 0;
        for sample in 0..$samples {
            for i in 0..shape.out[0] {
                for j in 0..shape.out[1] {
                    let position = i * stride[0] * w + j * stride[1];
                    let $window = Window { to, from: sample * shape.x_sample() + position * c, position };
                    $body
                    to += c;
                }
            }
        }
    };
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
    fn run<V: Vector>(mut self) {
        every_window!(self.shape, self.y.len() / self.shape.y_sample(), |window| {
            self.means::<V>(window);
        });
    }
}

impl Average<'_> {
    #[inline(always)]
    fn means<V: Vector>(&mut self, Window { to, from, .. }: Window) {
        let PoolSpec { size: [_, w], c, window, .. } = self.shape.spec;
        let scale = V::splat(1.0 / self.shape.window_len() as f32);
        for at in (0..c).step_by(V::LANES) {
            let len = V::LANES.min(c - at);
            let mut sum = V::splat(0.0);
            for a in 0..window[0] {
                let line = &self.x[from + a * w * c..][..window[1] * c];
                for b in 0..window[1] {
                    sum = sum.add(load(&line[b * c + at..][..len]));
                }
            }
            store(sum.mul(scale), &mut self.y[to + at..][..len]);
        }
    }
}

/// Some samples' maxima and where they stand.
struct Max<'a> {
    shape: &'a PoolShape,
    x: &'a [f32],
    y: &'a mut [f32],
    /// Bits of words that are no floats.
    argmax: &'a mut [f32],
}

impl Simd for Max<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        every_window!(self.shape, self.y.len() / self.shape.y_sample(), |window| {
            self.largest::<V>(window);
        });
    }
}

impl Max<'_> {
    #[inline(always)]
    fn largest<V: Vector>(&mut self, Window { to, from, position }: Window) {
        let PoolSpec { size: [_, w], c, window, .. } = self.shape.spec;
        for at in (0..c).step_by(V::LANES) {
            let len = V::LANES.min(c - at);
            let mut best: V = load(&self.x[from + at..][..len]);
            let mut places = V::splat(f32::from_bits(position as u32));
            for a in 0..window[0] {
                let line = &self.x[from + a * w * c..][..window[1] * c];
                for b in 0..window[1] {
                    let value: V = load(&line[b * c + at..][..len]);
                    let place = V::splat(f32::from_bits((position + a * w + b) as u32));
                    places = best.if_less(value, place, places);
                    best = best.if_less(value, value, best);
                }
            }
            store(best, &mut self.y[to + at..][..len]);
            store(places, &mut self.argmax[to + at..][..len]);
        }
    }
}

/// Some samples' gradients; `argmax` is empty for means, `saved` without a mask.
struct Backward<'a> {
    kernel: &'a PoolBackward,
    dy: &'a [f32],
    argmax: &'a [f32],
    saved: &'a [f32],
    dx: &'a mut [f32],
}

/// The windows that hold a position, as it goes from 0 to the end: from `first` to before `end`.
#[derive(Clone, Copy, Default)]
struct Cover {
    first: usize,
    end: usize,
}

impl Cover {
    /// The next position is `i`.
    #[inline(always)]
    fn advance(&mut self, shape: &PoolShape, d: usize, i: usize) {
        let PoolSpec { window, stride, .. } = shape.spec;
        if self.end < shape.out[d] && self.end * stride[d] <= i {
            self.end += 1;
        }
        if self.first < self.end && self.first * stride[d] + window[d] <= i {
            self.first += 1;
        }
    }
}

impl Simd for Backward<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let shape = &self.kernel.shape;
        if shape.apart() {
            self.apart::<V>();
            return;
        }
        let PoolSpec { size: [h, w], c, .. } = shape.spec;
        let mut to = 0;
        for sample in 0..self.dx.len() / shape.x_sample() {
            let mut down = Cover::default();
            for i in 0..h {
                down.advance(shape, 0, i);
                let mut across = Cover::default();
                for j in 0..w {
                    across.advance(shape, 1, j);
                    let place = Place { to, from: sample * shape.y_sample(), position: i * w + j, down, across };
                    self.gather::<V>(&place);
                    to += c;
                }
            }
        }
    }
}

/// A position of dx: its first word, the first word of its sample of dy, its number within the sample, its windows.
struct Place {
    to: usize,
    from: usize,
    position: usize,
    down: Cover,
    across: Cover,
}

impl Backward<'_> {
    /// No position belongs to two windows: each window writes its own positions, and those in no window are 0.
    #[inline(always)]
    fn apart<V: Vector>(&mut self) {
        let PoolSpec { size, window, stride, .. } = self.kernel.shape.spec;
        if (0..2).any(|d| stride[d] > window[d] || size[d] > (self.kernel.shape.out[d] - 1) * stride[d] + window[d]) {
            self.dx.fill(0.0);
        }
        every_window!(&self.kernel.shape, self.dx.len() / self.kernel.shape.x_sample(), |window| {
            self.spread::<V>(window);
        });
    }

    #[inline(always)]
    fn spread<V: Vector>(&mut self, Window { to, from, position }: Window) {
        let shape = &self.kernel.shape;
        let PoolSpec { size: [_, w], c, window, kind, .. } = shape.spec;
        let relu = self.kernel.mask == Activation::Relu;
        let scale = V::splat(1.0 / shape.window_len() as f32);
        let zero = V::splat(0.0);
        for at in (0..c).step_by(V::LANES) {
            let len = V::LANES.min(c - at);
            let dy: V = load(&self.dy[to + at..][..len]);
            let (share, place) = match kind {
                PoolKind::Average => (dy.mul(scale), zero),
                PoolKind::Max => (dy, load(&self.argmax[to + at..][..len])),
            };
            for a in 0..window[0] {
                for b in 0..window[1] {
                    let target = from + (a * w + b) * c + at;
                    let mut value = share;
                    if kind == PoolKind::Max {
                        let own = V::splat(f32::from_bits((position + a * w + b) as u32));
                        value = place.if_same(own, share, zero);
                    }
                    if relu {
                        value = zero.if_less(load(&self.saved[target..][..len]), value, zero);
                    }
                    store(value, &mut self.dx[target..][..len]);
                }
            }
        }
    }

    #[inline(always)]
    fn gather<V: Vector>(&mut self, place: &Place) {
        let shape = &self.kernel.shape;
        let c = shape.spec.c;
        let scale = V::splat(1.0 / shape.window_len() as f32);
        let (zero, own) = (V::splat(0.0), V::splat(f32::from_bits(place.position as u32)));
        for at in (0..c).step_by(V::LANES) {
            let len = V::LANES.min(c - at);
            let mut sum = zero;
            for i in place.down.first..place.down.end {
                for j in place.across.first..place.across.end {
                    let from = place.from + (i * shape.out[1] + j) * c + at;
                    let dy: V = load(&self.dy[from..][..len]);
                    sum = if shape.spec.kind == PoolKind::Average {
                        dy.mul_add(scale, sum)
                    } else {
                        sum.add(load::<V>(&self.argmax[from..][..len]).if_same(own, dy, zero))
                    };
                }
            }
            let to = place.to + at;
            if self.kernel.mask == Activation::Relu {
                sum = zero.if_less(load(&self.saved[to..][..len]), sum, zero);
            }
            store(sum, &mut self.dx[to..][..len]);
        }
    }
}
