//! Products of small matrices that stay in registers: what attention consists of on the CPU.

use crate::backend::simd::{Simd, SimdLevel, Vector};

/// Columns of every right-hand side and every result are padded to a multiple of this: a register of AVX-512, two of
/// AVX2.
pub(super) const LANES: usize = 16;

/// `len` rounded up to whole registers.
pub(super) const fn padded(len: usize) -> usize {
    len.div_ceil(LANES) * LANES
}

/// The left-hand side: value (i, k) stands at `i * row + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The right-hand side: value (k, j) stands at `k * row + j`.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
}

/// `out[i, j] = sum over k of left[i, k] * right[k, j]` for i below `m`, k below `depth` and j below `n`, a multiple of
/// [`LANES`]; rows of `out` are `stride` apart. With `adds`, the sum is added to what `out` holds. Every sum runs over k
/// in order.
///
/// A function of its own at each SIMD level, so that the code of its tiles is there once.
pub(super) fn product(
    simd: SimdLevel,
    size: (usize, usize, usize),
    left: Left<'_>,
    right: Right<'_>,
    (out, stride): (&mut [f32], usize),
    adds: bool,
) {
    simd.run(Product { size, left, right, out, stride, adds });
}

struct Product<'a> {
    size: (usize, usize, usize),
    left: Left<'a>,
    right: Right<'a>,
    out: &'a mut [f32],
    stride: usize,
    adds: bool,
}

impl Simd for Product<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { size: (m, depth, n), left, right, out, stride, adds } = self;
        let mut j = 0;
        while j < n {
            let wide = V::LANES == LANES && n - j >= 2 * LANES;
            let mut i = 0;
            while i < m {
                let part = Left { values: &left.values[i * left.row..], ..left };
                let columns = Right { values: &right.values[j..], ..right };
                let out = &mut out[i * stride + j..];
                i += if V::LANES == LANES && wide {
                    rows::<V, 2, 12, 4>(m - i, depth, part, columns, out, stride, adds)
                } else if V::LANES == LANES {
                    rows::<V, 1, 12, 3>(m - i, depth, part, columns, out, stride, adds)
                } else {
                    rows::<V, 2, 6, 3>(m - i, depth, part, columns, out, stride, adds)
                };
            }
            j += if wide { 2 * LANES } else { LANES };
        }
    }
}

/// A tile of `MANY`, of `SOME` or of one row, as many as there are; returns how many.
#[inline(always)]
fn rows<V: Vector, const W: usize, const MANY: usize, const SOME: usize>(
    left_over: usize,
    depth: usize,
    left: Left<'_>,
    right: Right<'_>,
    out: &mut [f32],
    stride: usize,
    adds: bool,
) -> usize {
    if left_over >= MANY {
        tile::<V, W, MANY>(depth, left, right, out, stride, adds)
    } else if left_over >= SOME {
        tile::<V, W, SOME>(depth, left, right, out, stride, adds)
    } else {
        tile::<V, W, 1>(depth, left, right, out, stride, adds)
    }
}

/// `R` rows by `W` registers.
#[inline(always)]
fn tile<V: Vector, const W: usize, const R: usize>(
    depth: usize,
    left: Left<'_>,
    right: Right<'_>,
    out: &mut [f32],
    stride: usize,
    adds: bool,
) -> usize {
    let mut sums = [[V::splat(0.0); W]; R];
    if adds {
        for (r, row) in sums.iter_mut().enumerate() {
            for (w, sum) in row.iter_mut().enumerate() {
                *sum = V::load(&out[r * stride + w * V::LANES..]);
            }
        }
    }
    let last = depth.saturating_sub(1);
    // One check for the whole tile lets the reads below go without.
    assert!(left.values.len() > (R - 1) * left.row + last * left.step);
    assert!(right.values.len() >= last * right.row + W * V::LANES);
    for k in 0..depth {
        let mut columns = [V::splat(0.0); W];
        for (w, column) in columns.iter_mut().enumerate() {
            // SAFETY: k <= last and w < W, so the second assertion bounds the range.
            let values = unsafe { right.values.get_unchecked(k * right.row + w * V::LANES..) };
            *column = V::load(unsafe { values.get_unchecked(..V::LANES) });
        }
        for (r, row) in sums.iter_mut().enumerate() {
            // SAFETY: r <= R - 1 and k <= last, so the first assertion bounds the index.
            let factor = V::splat(unsafe { *left.values.get_unchecked(r * left.row + k * left.step) });
            for (sum, column) in row.iter_mut().zip(&columns) {
                *sum = factor.mul_add(*column, *sum);
            }
        }
    }
    for (r, row) in sums.iter().enumerate() {
        for (w, sum) in row.iter().enumerate() {
            sum.store(&mut out[r * stride + w * V::LANES..]);
        }
    }
    R
}
