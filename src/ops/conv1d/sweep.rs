//! A sweep: output positions a fixed step apart, each the sum of the same taps over source positions.
//!
//! Forward is one sweep over x; the gradient of x is one sweep over dy for each remainder modulo the stride.

use crate::backend::simd::{Simd, Vector};

/// Columns of a packed panel: two AVX-512 registers, four of AVX2.
const PANEL: usize = 32;
/// The last panel's columns, if that is enough.
const HALF: usize = 16;

/// Columns of packed weights for `c` channels.
pub(super) const fn packed_columns(c: usize) -> usize {
    let rest = c % PANEL;
    let last = if rest == 0 {
        0
    } else if rest <= HALF {
        HALF
    } else {
        PANEL
    };
    c - rest + last
}

/// Columns of the panel that starts at `first`.
const fn panel_width(c: usize, first: usize) -> usize {
    let left = packed_columns(c) - first;
    if left < PANEL { left } else { PANEL }
}

/// Packs a matrix of `rows` x `c`, given by element, into panels padded with zeros.
pub(super) fn pack(rows: usize, c: usize, packed: &mut [f32], element: impl Fn(usize, usize) -> f32) {
    let mut first = 0;
    while first < c {
        let width = panel_width(c, first);
        let panel = &mut packed[first * rows..][..width * rows];
        for (r, row) in panel.chunks_exact_mut(width).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = if first + j < c { element(r, first + j) } else { 0.0 };
            }
        }
        first += width;
    }
}

/// Positions and taps. Row j of the output stands at `dst_first + j * dst_step`; its tap t reads the source's position
/// `src_first + j * src_step + t * tap_step`, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sweep {
    pub rows: usize,
    pub dst_first: usize,
    pub dst_step: usize,
    pub src_first: isize,
    pub src_step: usize,
    pub taps: usize,
    pub tap_step: usize,
}

impl Sweep {
    /// The source position of row `j`'s first tap, and the taps that fall within a source of `l` positions.
    #[inline(always)]
    fn window(&self, j: usize, l: usize) -> (isize, usize, usize) {
        let base = self.src_first + (j * self.src_step) as isize;
        let reach = (self.taps.saturating_sub(1) * self.tap_step) as isize;
        if base >= 0 && base + reach < l as isize {
            return (base, 0, self.taps);
        }
        let step = self.tap_step as isize;
        let from = if base < 0 { (step - 1 - base) / step } else { 0 };
        let past = l as isize - base;
        let to = if past <= 0 { 0 } else { (past + step - 1) / step };
        let to = (to as usize).min(self.taps);
        (base, (from as usize).min(to), to)
    }
}

/// The data of a sweep over some samples.
pub(super) struct Batch<'a> {
    pub sweep: Sweep,
    /// Samples of `l_src` x `c_src`.
    pub src: &'a [f32],
    pub l_src: usize,
    pub c_src: usize,
    /// As many samples of `l_dst` x `c_dst`.
    pub dst: &'a mut [f32],
    pub l_dst: usize,
    pub c_dst: usize,
    /// `taps * c_src` rows, packed.
    pub weights: &'a [f32],
    /// Where the sums start: `packed_columns(c_dst)` values.
    pub bias: &'a [f32],
    pub relu: bool,
}

impl Simd for Batch<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let samples = self.dst.len() / (self.l_dst * self.c_dst);
        let mut sample = 0;
        while sample < samples {
            let left = samples - sample;
            let mut column = 0;
            let mut done = 1;
            while column < self.c_dst {
                let width = panel_width(self.c_dst, column);
                // The sums, the panel's columns and one factor must fit the level's registers.
                done = match (V::LANES == 16, width == PANEL) {
                    (true, true) if left >= 12 => self.rows::<V, 2, 12>(sample, column),
                    (true, true) if left >= 4 => self.rows::<V, 2, 4>(sample, column),
                    (true, true) => self.rows::<V, 2, 1>(sample, column),
                    (true, false) if left >= 12 => self.rows::<V, 1, 12>(sample, column),
                    (true, false) if left >= 4 => self.rows::<V, 1, 4>(sample, column),
                    (true, false) => self.rows::<V, 1, 1>(sample, column),
                    // The last panel may be narrower than those before it: all must advance by the same samples.
                    (false, true) if left >= 3 => self.rows::<V, 4, 3>(sample, column),
                    (false, true) => self.rows::<V, 4, 1>(sample, column),
                    (false, false) if left >= 6 && self.c_dst <= HALF => self.rows::<V, 2, 6>(sample, column),
                    (false, false) if left >= 3 => self.rows::<V, 2, 3>(sample, column),
                    (false, false) => self.rows::<V, 2, 1>(sample, column),
                };
                column += width;
            }
            sample += done;
        }
    }
}

impl Batch<'_> {
    /// All rows of `R` samples, one panel of `W` vectors. Returns `R`.
    #[inline(always)]
    fn rows<V: Vector, const W: usize, const R: usize>(&mut self, sample: usize, column: usize) -> usize {
        let width = W * V::LANES;
        let depth = self.sweep.taps * self.c_src;
        let panel = &self.weights[column * depth..][..width * depth];
        let bias = &self.bias[column..][..width];
        let (src_stride, dst_stride) = (self.l_src * self.c_src, self.l_dst * self.c_dst);
        let stored = width.min(self.c_dst - column);
        for j in 0..self.sweep.rows {
            let (base, from, to) = self.sweep.window(j, self.l_src);
            // Neighbouring taps that are neighbours in the source too are one stretch.
            let taps = to - from;
            let (stretches, len) = if self.sweep.tap_step == 1 { (1, taps * self.c_src) } else { (taps, self.c_src) };
            let mut sums = [[V::splat(0.0); W]; R];
            for row in &mut sums {
                for (w, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(&bias[w * V::LANES..]);
                }
            }
            for s in 0..stretches {
                let tap = from + s;
                let at = (base + (tap * self.sweep.tap_step) as isize).max(0) as usize * self.c_src;
                let factors = &self.src[(sample * src_stride + at).min(self.src.len())..];
                let b = &panel[tap * self.c_src * width..][..len * width];
                multiply::<V, W, R>(factors, src_stride, b, &mut sums);
            }
            let position = self.sweep.dst_first + j * self.sweep.dst_step;
            for (r, row) in sums.iter().enumerate() {
                let start = (sample + r) * dst_stride + position * self.c_dst + column;
                store(row, self.relu, &mut self.dst[start..start + stored]);
            }
        }
        R
    }
}

/// Adds to `sums[r]` the products of row r's factors, `stride` apart, with the rows of `b`, in order.
#[inline(always)]
fn multiply<V: Vector, const W: usize, const R: usize>(a: &[f32], stride: usize, b: &[f32], sums: &mut [[V; W]; R]) {
    let len = b.len() / (W * V::LANES);
    if len == 0 {
        return;
    }
    // One check for the whole tile lets the reads below go without.
    assert!(a.len() >= (R - 1) * stride + len, "a window ends within its source");
    for (q, b) in b.chunks_exact(W * V::LANES).enumerate() {
        let mut columns = [V::splat(0.0); W];
        for (w, column) in columns.iter_mut().enumerate() {
            *column = V::load(&b[w * V::LANES..]);
        }
        for (r, row) in sums.iter_mut().enumerate() {
            // SAFETY: r <= R - 1 and q <= len - 1, so the assertion above bounds the index.
            let factor = V::splat(unsafe { *a.get_unchecked(r * stride + q) });
            for (sum, column) in row.iter_mut().zip(&columns) {
                *sum = factor.mul_add(*column, *sum);
            }
        }
    }
}

/// Stores one row of a tile, as far as `out` goes.
#[inline(always)]
fn store<V: Vector, const W: usize>(row: &[V; W], relu: bool, out: &mut [f32]) {
    for (w, sum) in row.iter().enumerate() {
        let value = if relu { sum.max(V::splat(0.0)) } else { *sum };
        let start = w * V::LANES;
        if start + V::LANES <= out.len() {
            value.store(&mut out[start..]);
        } else if start < out.len() {
            value.store_part(&mut out[start..]);
        }
    }
}
