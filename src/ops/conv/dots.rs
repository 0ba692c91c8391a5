//! A sweep by dot products, for destinations of so few channels that a register of channels would be mostly empty.

use super::sweep::Sweep;
use super::tiles::{Batch, Epilogue};
use crate::backend::simd::{Simd, Vector};

/// The most channels, and the shortest stretch of the source, that dot products are faster for.
const CHANNELS_MAX: usize = 3;
const STRETCH_MIN: usize = 16;

/// Whether dot products are the faster way from `c_src` channels to `c_dst` with so many taps side by side.
pub(super) const fn are_faster(c_src: usize, c_dst: usize, neighbours: usize) -> bool {
    c_dst <= CHANNELS_MAX && c_src * neighbours >= STRETCH_MIN
}

/// Samples whose products share the weights in registers.
const ROWS: usize = 4;

/// [`Batch`] by dot products; weights as [`super::pack::Rows`] packs them.
pub(super) struct Dots<'a>(pub Batch<'a>);

impl Simd for Dots<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let samples = self.0.dst.len() / self.0.dst_size.len();
        let mut sample = 0;
        while sample < samples {
            if samples - sample >= ROWS {
                self.samples::<V, ROWS>(sample);
                sample += ROWS;
            } else {
                self.samples::<V, 1>(sample);
                sample += 1;
            }
        }
    }
}

impl Dots<'_> {
    /// All positions of `R` samples.
    #[inline(always)]
    fn samples<V: Vector, const R: usize>(&mut self, sample: usize) {
        let Batch { sweep: Sweep { down, across, .. }, src_size, dst_size, .. } = self.0;
        for i in 0..down.count {
            for j in 0..across.count {
                let row = down.dst_first + i * down.dst_step;
                let position = row * dst_size.w + across.dst_first + j * across.dst_step;
                for c in 0..dst_size.c {
                    let src = &self.0.src[sample * src_size.len()..][..R * src_size.len()];
                    let sums = self.dots::<V, R>(src, [i, j], c);
                    for (r, sum) in sums.iter().enumerate() {
                        let at = (sample + r) * dst_size.len() + position * dst_size.c + c;
                        self.0.dst[at] = finish(self.0.epilogue, at, self.0.start[c] + sum);
                    }
                }
            }
        }
    }

    /// Channel `c` of one position of `R` samples.
    #[inline(always)]
    fn dots<V: Vector, const R: usize>(&self, src: &[f32], [i, j]: [usize; 2], c: usize) -> [f32; R] {
        let Batch { sweep: Sweep { down, across, .. }, src_size, .. } = self.0;
        let weights = &self.0.weights[c * self.0.sweep.taps() * src_size.c..];
        let (top, first_line, last_line) = down.window(i, src_size.h);
        let (left, from, to) = across.window(j, src_size.w);
        let (stretches, len) =
            if across.tap_step == 1 { (1.min(to - from), (to - from) * src_size.c) } else { (to - from, src_size.c) };
        let (mut sums, mut rest) = ([V::splat(0.0); R], [0.0; R]);
        for line in first_line..last_line {
            let source_line = (top + (line * down.tap_step) as isize) * src_size.w as isize;
            for tap in from..from + stretches {
                let position = (source_line + left + (tap * across.tap_step) as isize) as usize;
                let weights = &weights[(line * across.taps + tap) * src_size.c..][..len];
                (sums, rest) = products::<V, R>(&src[position * src_size.c..], src_size.len(), weights, sums, rest);
            }
        }
        for (rest, sum) in rest.iter_mut().zip(sums) {
            *rest += sum.sum();
        }
        rest
    }
}

/// Adds the products of `weights` with a stretch of each sample, `stride` words apart: whole vectors of them, and the rest
/// one by one.
#[inline(always)]
fn products<V: Vector, const R: usize>(
    src: &[f32],
    stride: usize,
    weights: &[f32],
    mut sums: [V; R],
    mut rest: [f32; R],
) -> ([V; R], [f32; R]) {
    let len = weights.len();
    let whole = len - len % V::LANES;
    // One check lets the compiler drop those below.
    let src = &src[..(R - 1) * stride + len];
    for at in (0..whole).step_by(V::LANES) {
        let weights = V::load(&weights[at..]);
        for r in 0..R {
            sums[r] = weights.mul_add(V::load(&src[r * stride + at..]), sums[r]);
        }
    }
    for at in whole..len {
        for r in 0..R {
            rest[r] += weights[at] * src[r * stride + at];
        }
    }
    (sums, rest)
}

#[inline(always)]
fn finish(epilogue: Epilogue<'_>, at: usize, sum: f32) -> f32 {
    match epilogue {
        Epilogue::Relu if sum < 0.0 => 0.0,
        Epilogue::WherePositive(saved) => {
            if saved[at] > 0.0 {
                sum
            } else {
                0.0
            }
        }
        _ => sum,
    }
}
