//! CPU: one position after the other, some channels at a time in registers.

#![expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the SIMD level")]

use rayon::prelude::*;

use super::{PoolBackward, PoolKind, PoolShape, PoolSpec};
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};
use crate::ops::activation::Activation;
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
    let argmax = args.u32_mut(2);
    let task = |((x, y), argmax): ((&[f32], &mut [f32]), &mut [u32])| ctx.simd.run(Max { shape, x, y, argmax });
    if split {
        x.par_chunks(x_len).zip(y.par_chunks_mut(y_len)).zip(argmax.par_chunks_mut(y_len)).for_each(task);
    } else {
        task(((x, y), argmax));
    }
}

pub(super) fn backward(kernel: &PoolBackward, ctx: &CpuContext, args: &mut Args<'_>) {
    let shape = &kernel.shape;
    let (dy, dx) = (args.f32(0), args.f32_mut(1));
    let argmax = if shape.spec.kind == PoolKind::Max { args.u32(2) } else { &[] };
    let saved = if kernel.mask == Activation::None { &[][..] } else { args.f32(kernel.saved()) };
    let (x_len, y_len) = (TASK_SAMPLES * shape.x_sample(), TASK_SAMPLES * shape.y_sample());
    let task = |(t, dx): (usize, &mut [f32])| {
        let argmax = argmax.get(t * y_len..).unwrap_or_default();
        let saved = saved.get(t * x_len..).unwrap_or_default();
        ctx.simd.run(Backward { kernel, dy: &dy[t * y_len..], argmax, saved, dx });
    };
    if ctx.worth_splitting(shape.work().flops / shape.spec.fleet as f64) {
        dx.par_chunks_mut(x_len).enumerate().for_each(task);
    } else {
        task((0, dx));
    }
}

/// Calls `$self.$block::<16>`, `::<8>` and `::<1>` for stretches of channels until `$c` are done.
macro_rules! channels {
    ($c:expr, |$at:ident| $this:ident.$block:ident($($arg:expr),*)) => {
        let mut $at = 0;
        while $c - $at >= 16 {
            $this.$block::<16>($($arg),*);
            $at += 16;
        }
        while $c - $at >= 8 {
            $this.$block::<8>($($arg),*);
            $at += 8;
        }
        while $c - $at >= 1 {
            $this.$block::<1>($($arg),*);
            $at += 1;
        }
    };
}

/// `B` values from `at` on.
#[inline(always)]
fn block<T: Copy + Default, const B: usize>(from: &[T], at: usize) -> [T; B] {
    let mut values = [T::default(); B];
    values.copy_from_slice(&from[at..at + B]);
    values
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
        let channels = self.shape.spec.c;
        every_window!(self.shape, self.y.len() / self.shape.y_sample(), |window| {
            channels!(channels, |at| self.mean(window, at));
        });
    }
}

impl Average<'_> {
    #[inline(always)]
    fn mean<const B: usize>(&mut self, Window { to, from, .. }: Window, at: usize) {
        let PoolSpec { size: [_, w], c, window, .. } = self.shape.spec;
        let mut sums = [0.0; B];
        for a in 0..window[0] {
            for b in 0..window[1] {
                let x: [f32; B] = block(self.x, from + (a * w + b) * c + at);
                for k in 0..B {
                    sums[k] += x[k];
                }
            }
        }
        let scale = 1.0 / self.shape.window_len() as f32;
        for sum in &mut sums {
            *sum *= scale;
        }
        self.y[to + at..to + at + B].copy_from_slice(&sums);
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
    fn run<V: Vector>(mut self) {
        let channels = self.shape.spec.c;
        every_window!(self.shape, self.y.len() / self.shape.y_sample(), |window| {
            channels!(channels, |at| self.largest(window, at));
        });
    }
}

impl Max<'_> {
    #[inline(always)]
    fn largest<const B: usize>(&mut self, Window { to, from, position }: Window, at: usize) {
        let PoolSpec { size: [_, w], c, window, .. } = self.shape.spec;
        let mut best: [f32; B] = block(self.x, from + at);
        let mut places = [position as u32; B];
        for a in 0..window[0] {
            for b in 0..window[1] {
                let x: [f32; B] = block(self.x, from + (a * w + b) * c + at);
                let place = (position + a * w + b) as u32;
                for k in 0..B {
                    places[k] = if x[k] > best[k] { place } else { places[k] };
                    best[k] = if x[k] > best[k] { x[k] } else { best[k] };
                }
            }
        }
        self.y[to + at..to + at + B].copy_from_slice(&best);
        self.argmax[to + at..to + at + B].copy_from_slice(&places);
    }
}

/// Some samples' gradients; `argmax` is empty for means, `saved` without a mask.
struct Backward<'a> {
    kernel: &'a PoolBackward,
    dy: &'a [f32],
    argmax: &'a [u32],
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
                    channels!(c, |at| self.gather(&place, at));
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
    #[inline(always)]
    fn gather<const B: usize>(&mut self, place: &Place, at: usize) {
        let shape = &self.kernel.shape;
        let scale = 1.0 / shape.window_len() as f32;
        let mut sums = [0.0; B];
        for i in place.down.first..place.down.end {
            for j in place.across.first..place.across.end {
                let from = place.from + (i * shape.out[1] + j) * shape.spec.c + at;
                let dy: [f32; B] = block(self.dy, from);
                if shape.spec.kind == PoolKind::Average {
                    for k in 0..B {
                        sums[k] += dy[k] * scale;
                    }
                } else {
                    let argmax: [u32; B] = block(self.argmax, from);
                    let own = place.position as u32;
                    for k in 0..B {
                        sums[k] += if argmax[k] == own { dy[k] } else { 0.0 };
                    }
                }
            }
        }
        let to = place.to + at;
        let mask = self.kernel.mask;
        if mask != Activation::None {
            let saved: [f32; B] = block(self.saved, to);
            if mask == Activation::Relu {
                for k in 0..B {
                    sums[k] = if saved[k] > 0.0 { sums[k] } else { 0.0 };
                }
            } else {
                for k in 0..B {
                    sums[k] *= mask.slope(saved[k]);
                }
            }
        }
        self.dx[to..to + B].copy_from_slice(&sums);
    }
}
