//! Weights in the order in which a sweep reads them.

use super::columns::panel_width;
use super::sweep::Sweep;
use crate::backend::simd::{Simd, Vector};

/// Columns of packed weights for `c` channels, at any SIMD level.
pub(super) const fn packed_columns(c: usize) -> usize {
    c.next_multiple_of(16)
}

/// The kernel's weights as one sweep sees them.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub sweep: &'a Sweep,
    /// [taps, c_in, c_out].
    pub w: &'a [f32],
    pub kernel_width: usize,
    pub c_in: usize,
    pub c_out: usize,
    /// The source has the channels of y.
    pub turned: bool,
}

impl Weights<'_> {
    const fn c_src(&self) -> usize {
        if self.turned { self.c_out } else { self.c_in }
    }

    const fn c_dst(&self) -> usize {
        if self.turned { self.c_in } else { self.c_out }
    }

    /// [c_in, c_out] of the sweep's tap `t`.
    #[inline(always)]
    fn tap(&self, t: usize) -> &[f32] {
        let len = self.c_in * self.c_out;
        &self.w[self.sweep.kernel_tap(t, self.kernel_width) * len..][..len]
    }
}

/// Panels of columns, padded with zeros, one after the other: each holds a row for each tap and channel of the source.
pub(super) struct Panels<'a> {
    pub weights: Weights<'a>,
    pub packed: &'a mut [f32],
}

impl Simd for Panels<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { weights, packed } = self;
        let (c_src, c_dst) = (weights.c_src(), weights.c_dst());
        let (mut column, mut rest) = (0, packed);
        while column < c_dst {
            let width = panel_width(V::LANES, c_dst - column);
            let (panel, after) = rest.split_at_mut(weights.sweep.taps() * c_src * width);
            let columns = column..c_dst.min(column + width);
            for (t, to) in panel.chunks_exact_mut(c_src * width).enumerate() {
                if weights.turned {
                    turn(&weights.tap(t)[columns.start * c_src..columns.end * c_src], c_src, to, width);
                } else {
                    for (row, to) in weights.tap(t).chunks_exact(c_dst).zip(to.chunks_exact_mut(width)) {
                        let (values, zeros) = to.split_at_mut(columns.len());
                        values.copy_from_slice(&row[columns.clone()]);
                        zeros.fill(0.0);
                    }
                }
            }
            (column, rest) = (column + width, after);
        }
    }
}

/// The side of the squares that are turned in registers.
const SIDE: usize = 8;

/// `to[r, j] = from[j, r]`, where `from` has `rows` columns and `to` has `width`; zeros where `from` ends.
#[inline(always)]
fn turn(from: &[f32], rows: usize, to: &mut [f32], width: usize) {
    let lines = from.len() / rows;
    for first in (0..width).step_by(SIDE) {
        let whole = first + SIDE <= lines;
        let mut row = 0;
        while whole && row + SIDE <= rows {
            let square: [[f32; SIDE]; SIDE] =
                std::array::from_fn(|j| std::array::from_fn(|r| from[(first + j) * rows + row + r]));
            for r in 0..SIDE {
                let line: [f32; SIDE] = std::array::from_fn(|j| square[j][r]);
                to[(row + r) * width + first..][..SIDE].copy_from_slice(&line);
            }
            row += SIDE;
        }
        for r in row..rows {
            for j in first..first + SIDE {
                to[r * width + j] = if j < lines { from[j * rows + r] } else { 0.0 };
            }
        }
    }
}

/// For each channel of the destination one row over all taps and channels of the source.
pub(super) struct Rows<'a> {
    pub weights: Weights<'a>,
    pub packed: &'a mut [f32],
}

impl Rows<'_> {
    pub fn run(self) {
        let weights = self.weights;
        let (c_src, c_dst, taps) = (weights.c_src(), weights.c_dst(), weights.sweep.taps());
        for t in 0..taps {
            let tap = weights.tap(t);
            for c in 0..c_dst {
                let to = &mut self.packed[(c * taps + t) * c_src..][..c_src];
                if weights.turned {
                    to.copy_from_slice(&tap[c * c_src..(c + 1) * c_src]);
                } else {
                    to.iter_mut().zip(tap[c..].iter().step_by(c_dst)).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
}
