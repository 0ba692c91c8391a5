//! Operands in another order, so that a register tile reads them one after the other.

use rayon::prelude::*;

use super::MatmulSpec;
use crate::backend::CpuContext;
use crate::backend::simd::{Simd, Vector};

/// Columns of a packed panel of `b`: one AVX-512 register, two of AVX2.
pub const PANEL: usize = 16;

/// Rows of a packed block of `a`: those of the largest register tile.
pub(super) const A_ROWS: usize = 12;

/// Words of `b` in panels, the last one padded with zeros.
pub(super) const fn packed_b_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(PANEL) * k
}

/// Words of `a` in blocks of rows, the last one padded with zeros.
pub(super) const fn packed_a_len(m: usize, k: usize) -> usize {
    m.next_multiple_of(A_ROWS) * k
}

/// Packs `b` into panels: each k holds its `PANEL` values side by side.
pub(super) fn pack_b(spec: &MatmulSpec, ctx: &CpuContext, b: &[f32], packed: &mut [f32]) {
    let MatmulSpec { k, n, .. } = *spec;
    let panel = |(p, panel): (usize, &mut [f32])| {
        let first = p * PANEL;
        let width = PANEL.min(n - first);
        if spec.b_transposed {
            ctx.simd.run(Transpose { source: &b[first * k..][..width * k], stride: k, width: PANEL, target: panel });
            return;
        }
        for (row, source) in panel.chunks_exact_mut(PANEL).zip(b.chunks_exact(n)) {
            row[..width].copy_from_slice(&source[first..first + width]);
            row[width..].fill(0.0);
        }
    };
    if ctx.parallel && k * n > 1 << 16 {
        packed.par_chunks_mut(PANEL * k).enumerate().for_each(panel);
    } else {
        packed.chunks_mut(PANEL * k).enumerate().for_each(panel);
    }
}

/// Packs `a` into blocks: each k holds the values of `A_ROWS` rows side by side.
pub(super) fn pack_a(spec: &MatmulSpec, ctx: &CpuContext, a: &[f32], packed: &mut [f32], split: bool) {
    let MatmulSpec { m, k, .. } = *spec;
    let block = |(t, block): (usize, &mut [f32])| {
        let first = t * A_ROWS;
        let height = A_ROWS.min(m - first);
        if spec.a_transposed {
            for (row, source) in block.chunks_exact_mut(A_ROWS).zip(a.chunks_exact(m)) {
                row[..height].copy_from_slice(&source[first..first + height]);
                row[height..].fill(0.0);
            }
            return;
        }
        ctx.simd.run(Transpose { source: &a[first * k..][..height * k], stride: k, width: A_ROWS, target: block });
    };
    if split {
        packed.par_chunks_mut(A_ROWS * k).enumerate().for_each(block);
    } else {
        packed.chunks_mut(A_ROWS * k).enumerate().for_each(block);
    }
}

/// `target[q * width + r] = source[r * stride + q]`; rows that `source` lacks are zeros.
struct Transpose<'a> {
    source: &'a [f32],
    stride: usize,
    width: usize,
    target: &'a mut [f32],
}

/// Rows and columns of a piece that is turned at once: it fits the first-level cache either way round.
const PIECE: usize = 16;

impl Simd for Transpose<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let rows = self.source.len() / self.stride;
        let width = self.width;
        if rows < width {
            self.target.fill(0.0);
        }
        let mut q = 0;
        while q < self.stride {
            let depth = PIECE.min(self.stride - q);
            let target = &mut self.target[q * width..(q + depth) * width];
            if depth == PIECE && rows == PIECE && width == PIECE {
                let rows = std::array::from_fn(|r| &self.source[r * self.stride + q..][..PIECE]);
                turn(&rows, target);
            } else {
                for (r, row) in self.source.chunks_exact(self.stride).enumerate() {
                    for (line, value) in target.chunks_exact_mut(width).zip(&row[q..q + depth]) {
                        line[r] = *value;
                    }
                }
            }
            q += depth;
        }
    }
}

/// A square of 16 x 16 turned: halves change places at distances 8, 4, 2 and 1, which the compiler makes shuffles of.
#[inline(always)]
fn turn(rows: &[&[f32]; PIECE], target: &mut [f32]) {
    let mut square = [[0.0_f32; PIECE]; PIECE];
    for (line, row) in square.iter_mut().zip(rows) {
        line.copy_from_slice(row);
    }
    let mut turned = [[0.0_f32; PIECE]; PIECE];
    for (r, line) in square.iter().enumerate() {
        for (q, value) in line.iter().enumerate() {
            turned[q][r] = *value;
        }
    }
    target.copy_from_slice(turned.as_flattened());
}
