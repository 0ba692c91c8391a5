//! The geometry of a sweep: output positions a fixed step apart, each the sum of the same taps over source positions.
//!
//! Forward is one sweep over x; the gradient of x is one sweep over dy for each pair of remainders modulo the strides.

use super::{ConvShape, ConvSpec};

/// Which of the two sweeps over positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From x to y.
    Forward,
    /// From dy to dx.
    Backward,
}

/// A sweep down or across. Position j of its output stands at `dst_first + j * dst_step`; its tap t is the kernel's tap
/// `kernel_first + t * kernel_step` and reads the source's position `src_first + j * src_step + t * tap_step`, where
/// there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    pub count: usize,
    pub dst_first: usize,
    pub dst_step: usize,
    pub src_first: isize,
    pub src_step: usize,
    pub taps: usize,
    pub tap_step: usize,
    pub kernel_first: usize,
    pub kernel_step: isize,
}

impl Walk {
    fn forward(shape: &ConvShape, d: usize) -> Self {
        let ConvSpec { kernel, stride, padding, dilation, .. } = shape.spec;
        Self {
            count: shape.out[d],
            dst_first: 0,
            dst_step: 1,
            src_first: -(padding[d] as isize),
            src_step: stride[d],
            taps: kernel[d],
            tap_step: dilation[d],
            kernel_first: 0,
            kernel_step: 1,
        }
    }

    /// The positions i of x with `(i + padding) % stride == remainder`: the same taps reach them.
    fn backward(shape: &ConvShape, d: usize, remainder: usize) -> Self {
        let ConvSpec { size, kernel, stride, padding, dilation, .. } = shape.spec;
        let [size, kernel, stride, padding, dilation] = [size, kernel, stride, padding, dilation].map(|pair| pair[d]);
        let tap_stride = stride / gcd(stride, dilation);
        // The largest tap reads the earliest position of dy.
        let last_tap = (0..kernel).rev().find(|k| k * dilation % stride == remainder);
        let taps = last_tap.map_or(0, |last| last / tap_stride + 1);
        let last_tap = last_tap.unwrap_or(0);
        let first = (remainder + stride - padding % stride) % stride;
        Self {
            count: size.saturating_sub(first).div_ceil(stride),
            dst_first: first,
            dst_step: stride,
            // Exact when there are taps; else nothing is read.
            src_first: ((first + padding) as isize - (last_tap * dilation) as isize) / stride as isize,
            src_step: 1,
            taps,
            tap_step: tap_stride * dilation / stride,
            kernel_first: last_tap,
            kernel_step: -(tap_stride as isize),
        }
    }

    /// The source position of output position `j`'s first tap, and the taps that fall within a source of `len`
    /// positions.
    #[inline(always)]
    pub fn window(&self, j: usize, len: usize) -> (isize, usize, usize) {
        let base = self.src_first + (j * self.src_step) as isize;
        let reach = (self.taps.saturating_sub(1) * self.tap_step) as isize;
        if base >= 0 && base + reach < len as isize {
            return (base, 0, self.taps);
        }
        let step = self.tap_step as isize;
        let from = if base < 0 { (step - 1 - base) / step } else { 0 };
        let past = len as isize - base;
        let to = if past <= 0 { 0 } else { (past + step - 1) / step };
        let to = (to as usize).min(self.taps);
        (base, (from as usize).min(to), to)
    }

    const fn kernel_tap(&self, t: usize) -> usize {
        (self.kernel_first as isize + t as isize * self.kernel_step) as usize
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A sweep over both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sweep {
    pub down: Walk,
    pub across: Walk,
    /// Taps of the sweeps before.
    pub taps_before: usize,
}

impl Sweep {
    /// The sweeps of a direction: one forward; backward one for each pair of remainders, which together reach each
    /// position of x once.
    pub fn all(shape: &ConvShape, direction: Direction) -> impl Iterator<Item = Self> {
        let shape = *shape;
        let [down, across] = if direction == Direction::Forward { [1, 1] } else { shape.spec.stride };
        (0..down * across).scan(0, move |taps_before, number| {
            let walk = |d, remainder| match direction {
                Direction::Forward => Walk::forward(&shape, d),
                Direction::Backward => Walk::backward(&shape, d, remainder),
            };
            let sweep =
                Self { down: walk(0, number / across), across: walk(1, number % across), taps_before: *taps_before };
            *taps_before += sweep.taps();
            Some(sweep)
        })
    }

    pub const fn taps(&self) -> usize {
        self.down.taps * self.across.taps
    }

    /// The kernel's tap at place `t` of the sweep, both counted row by row.
    pub const fn kernel_tap(&self, t: usize, kernel_width: usize) -> usize {
        self.down.kernel_tap(t / self.across.taps) * kernel_width + self.across.kernel_tap(t % self.across.taps)
    }
}
