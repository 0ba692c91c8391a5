//! A sweep: output positions a fixed step apart, each the sum of the same taps over source positions.
//!
//! Forward is one sweep over x; the gradient of x is one sweep over dy for each remainder modulo the stride.

use std::ops::Range;

use crate::backend::simd::{Simd, Vector};

/// Columns of a packed panel: one AVX-512 register, two of AVX2.
const PANEL: usize = 16;

/// Columns of packed weights for `c` channels.
pub(super) const fn packed_columns(c: usize) -> usize {
    c.next_multiple_of(PANEL)
}

/// Packs a matrix of `rows` x `c`, given by element, into panels padded with zeros.
pub(super) fn pack(rows: usize, c: usize, packed: &mut [f32], element: impl Fn(usize, usize) -> f32) {
    for first in (0..c).step_by(PANEL) {
        let panel = &mut packed[first * rows..][..PANEL * rows];
        for (r, row) in panel.chunks_exact_mut(PANEL).enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value = if first + j < c { element(r, first + j) } else { 0.0 };
            }
        }
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
                let two = self.c_dst - column > PANEL;
                // The sums, the columns and one factor must fit the level's registers; how many samples a tile holds
                // must not depend on the column.
                let width;
                (done, width) = match (V::LANES == 16, two) {
                    (true, true) if left >= 12 => self.rows::<V, 2, 12>(sample, column),
                    (true, false) if left >= 12 => self.rows::<V, 1, 12>(sample, column),
                    (true, true) if left >= 4 => self.rows::<V, 2, 4>(sample, column),
                    (true, false) if left >= 4 => self.rows::<V, 1, 4>(sample, column),
                    (true, false) => self.rows::<V, 1, 1>(sample, column),
                    (false, _) if left >= 6 => self.rows::<V, 2, 6>(sample, column),
                    (false, _) if left >= 2 => self.rows::<V, 2, 2>(sample, column),
                    _ => self.rows::<V, 2, 1>(sample, column),
                };
                column += width;
            }
            sample += done;
        }
    }
}

impl Batch<'_> {
    /// All rows of `R` samples, `W` vectors of columns. Returns `R` and the columns.
    #[inline(always)]
    fn rows<V: Vector, const W: usize, const R: usize>(&mut self, sample: usize, column: usize) -> (usize, usize) {
        let width = W * V::LANES;
        let depth = self.sweep.taps * self.c_src;
        // Where each vector's column begins: the panels lie one after the other.
        let columns: [&[f32]; W] = std::array::from_fn(|w| {
            let at = column + w * V::LANES;
            // A sweep without taps has no weights.
            self.weights.get(at / PANEL * PANEL * depth + at % PANEL..).unwrap_or_default()
        });
        let bias = &self.bias[column..][..width];
        let (src_stride, dst_stride) = (self.l_src * self.c_src, self.l_dst * self.c_dst);
        let stored = width.min(self.c_dst - column);
        for j in 0..self.sweep.rows {
            let (base, from, to) = self.sweep.window(j, self.l_src);
            // Neighbouring taps that are neighbours in the source too are one stretch.
            let taps = to - from;
            let (stretches, len) = if self.sweep.tap_step == 1 { (1, taps * self.c_src) } else { (taps, self.c_src) };
            let first: [V; W] = std::array::from_fn(|w| V::load(&bias[w * V::LANES..]));
            let mut sums = [first; R];
            for tap in from..from + stretches {
                let at = (base + (tap * self.sweep.tap_step) as isize).max(0) as usize * self.c_src;
                let factors = &self.src[(sample * src_stride + at).min(self.src.len())..];
                let stretch = tap * self.c_src..tap * self.c_src + len;
                sums = multiply::<V, W, R>(factors, src_stride, &columns, stretch, sums);
            }
            let position = self.sweep.dst_first + j * self.sweep.dst_step;
            for (r, row) in sums.iter().enumerate() {
                let start = (sample + r) * dst_stride + position * self.c_dst + column;
                store(row, self.relu, &mut self.dst[start..start + stored]);
            }
        }
        (R, width)
    }
}

/// Adds to `sums[r]` the products of row r's factors, `stride` apart, with the weights' rows `stretch`, in order. The
/// sums come and go by value: behind a reference they would live in memory.
#[inline(always)]
fn multiply<V: Vector, const W: usize, const R: usize>(
    factors: &[f32],
    stride: usize,
    columns: &[&[f32]; W],
    stretch: Range<usize>,
    mut sums: [[V; W]; R],
) -> [[V; W]; R] {
    if stretch.is_empty() {
        return sums;
    }
    // One check for the whole tile lets the reads below go without.
    let len = stretch.len();
    assert!(factors.len() >= (R - 1) * stride + len, "a window ends within its source");
    let mut weights = [std::ptr::null(); W];
    for (start, column) in weights.iter_mut().zip(columns) {
        *start = column[stretch.start * PANEL..(stretch.end - 1) * PANEL + V::LANES].as_ptr();
    }
    for q in 0..len {
        // SAFETY: q < len, so the slices above hold `V::LANES` values from q * PANEL on.
        let columns =
            weights.map(|start| V::load(unsafe { std::slice::from_raw_parts(start.add(q * PANEL), V::LANES) }));
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: r <= R - 1 and q < len, so the assertion above bounds the index.
            let factor = V::splat(unsafe { *factors.get_unchecked(r * stride + q) });
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum = factor.mul_add(*column, *sum);
            }
        }
    }
    sums
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
