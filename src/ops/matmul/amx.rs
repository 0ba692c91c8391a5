//! CPU with AMX: large products on the tile unit (see [`crate::backend::amx`]).
//!
//! Both operands are split into bf16 parts and packed in blocks of 32 rows or columns, a step of 32 terms after the
//! other, as [`Amx::block`] wants them; what is missing in the last block or step is zeros. That is done for [`DEPTH`]
//! steps at a time. A block of results then runs over them within the unit; the results of one stretch after the other
//! are added to the bias, in order. Slope and activation are applied to rows that are still in the cache.
//!
//! A product of which any sum is not finite is computed anew by the f32 kernel, which tells infinities from NaN.
//!
//! Which products take this way is a rule of the shape alone ([`fits`]). The tiles of a batch never do: they are small,
//! and packing would cost more than the unit gains. In bf16x3 the normalised mean squared error is 4e-11 at worst over the
//! shapes of all cases, 1.3e-10 at most where no terms cancel (each product is then within 3 * 2^-18 of itself); in bf16x6
//! it is 2e-13 at worst, and no larger than the f32 kernel's where terms do cancel.

use std::ops::Range;

use rayon::prelude::*;

use super::MatmulSpec;
use super::cpu::finish_all;
use crate::backend::SimdLevel;
use crate::backend::amx::pack::{Lines, Side, Square, pack};
use crate::backend::amx::{Amx, AmxMode, BLOCK, Block, STEP, TILE};
use crate::backend::simd::{Simd, Vector};

/// The mode that products run in unless `NIGHTLOOM_AMX` says otherwise. E9 allows a normalised mean squared error of
/// 1e-10, and only bf16x6 keeps to it for all numbers for which f32 does: where a common offset of 30 cancels, the f32
/// kernel is off by 8e-11, bf16x6 by 2e-11 and bf16x3 by 3e-8.
pub const DEFAULT: AmxMode = AmxMode::Bf16x6;

/// Rows that one task computes. Fixed, so that the split is the same for any number of threads.
const TASK_ROWS: usize = 4 * BLOCK;

/// Steps that a block runs over at once: its operands stay in the second-level cache meanwhile.
const DEPTH: usize = 16;

/// Whether a product is large enough. To pack a square of 32 x 32 numbers takes about as long as the f32 kernel takes
/// for their products with 32 others: both operands must be used often enough that packing is a small part of the work.
pub(super) const fn fits(spec: &MatmulSpec) -> bool {
    let MatmulSpec { m, k, n, .. } = *spec;
    // 1 / m + 1 / n <= 1 / 64.
    64 * (m + n) <= m * n && k >= STEP && m * k * n >= 1 << 20
}

/// Words of working memory: a stretch of both operands in three parts. The same whether AMX is there or not, since a
/// kernel's arguments follow from its shape.
pub(super) const fn scratch_len(spec: &MatmulSpec) -> usize {
    if fits(spec) {
        packed_len(AmxMode::Bf16x6, spec.m, spec.k) + packed_len(AmxMode::Bf16x6, spec.n, spec.k)
    } else {
        0
    }
}

/// Words of a stretch of an operand with that many rows (or columns) and terms, packed.
const fn packed_len(mode: AmxMode, lanes: usize, k: usize) -> usize {
    lanes.div_ceil(BLOCK) * block_len(mode, if k < DEPTH * STEP { k } else { DEPTH * STEP })
}

/// Words of 32 of them.
const fn block_len(mode: AmxMode, terms: usize) -> usize {
    terms.div_ceil(STEP) * mode.step_words()
}

/// A product and where it runs.
pub(super) struct Product<'a> {
    pub(super) spec: &'a MatmulSpec,
    pub(super) unit: Amx,
    pub(super) simd: SimdLevel,
    /// Whether threads share it.
    pub(super) split: bool,
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) saved: &'a [f32],
}

impl Product<'_> {
    /// Writes the product to `c`, and returns whether all sums are finite. If not, `c` is not the product.
    pub(super) fn run(&self, scratch: &mut [f32], c: &mut [f32]) -> bool {
        let MatmulSpec { m, k, n, a_transposed, b_transposed, .. } = *self.spec;
        let mode = self.unit.mode(DEFAULT);
        let scratch: &mut [u32] = bytemuck::cast_slice_mut(scratch);
        let (packed_a, rest) = scratch.split_at_mut(packed_len(mode, m, k));
        let packed_b = &mut rest[..packed_len(mode, n, k)];
        let lines = |of_lanes| if of_lanes { Lines::Lanes } else { Lines::Terms };
        let a = Operand { words: self.a, lanes: m, k, lines: lines(!a_transposed), side: Side::A, mode };
        let b = Operand { words: self.b, lanes: n, k, lines: lines(b_transposed), side: Side::B, mode };
        let mut finite = true;
        for from in (0..k).step_by(DEPTH * STEP) {
            let terms = from..k.min(from + DEPTH * STEP);
            let stretch = Stretch {
                product: self,
                len: block_len(mode, terms.len()),
                a: self.pack(&a, &terms, packed_a),
                b: self.pack(&b, &terms, packed_b),
                mode,
                first: from == 0,
                last: terms.end == k,
            };
            let task = |(t, out): (usize, &mut [f32])| stretch.rows(t, out);
            finite = if self.split {
                c.par_chunks_mut(TASK_ROWS * n).enumerate().map(task).reduce(|| true, |one, other| one & other)
            } else {
                c.chunks_mut(TASK_ROWS * n).enumerate().map(task).fold(true, |one, other| one & other)
            };
        }
        finite
    }

    /// Packs some terms of an operand.
    fn pack<'a>(&self, operand: &Operand<'_>, terms: &Range<usize>, packed: &'a mut [u32]) -> &'a [u32] {
        let len = block_len(operand.mode, terms.len());
        let packed = &mut packed[..operand.lanes.div_ceil(BLOCK) * len];
        let block = |(i, target): (usize, &mut [u32])| {
            self.simd.run(Pack { operand, first: i * BLOCK, terms: terms.clone(), target });
        };
        if self.split {
            packed.par_chunks_mut(len).enumerate().for_each(block);
        } else {
            packed.chunks_mut(len).enumerate().for_each(block);
        }
        packed
    }
}

/// Some terms of a product.
struct Stretch<'a> {
    product: &'a Product<'a>,
    mode: AmxMode,
    /// Both operands, packed, and how many words each block takes.
    a: &'a [u32],
    b: &'a [u32],
    len: usize,
    /// Whether it is the first and whether it is the last of the sums.
    first: bool,
    last: bool,
}

/// A block of results whose tiles' rows begin at cache lines.
#[repr(align(64))]
struct Sums(Block);

impl Stretch<'_> {
    /// The rows of task `t`: their sums, with the bias, and in the end slope and activation. Returns whether the sums are
    /// finite, if they are complete.
    fn rows(&self, t: usize, out: &mut [f32]) -> bool {
        let Product { spec, unit, simd, saved, .. } = *self.product;
        let mut sums = Sums([0.0; BLOCK * BLOCK]);
        let blocks = &self.a[t * TASK_ROWS / BLOCK * self.len..];
        for (panel, b) in self.b.chunks_exact(self.len).enumerate() {
            for (rows, a) in out.chunks_mut(BLOCK * spec.n).zip(blocks.chunks_exact(self.len)) {
                unit.block(self.mode, a, b, &mut sums.0);
                self.add(&sums.0, panel * BLOCK, rows);
            }
        }
        let saved = if saved.is_empty() { saved } else { &saved[t * TASK_ROWS * spec.n..][..out.len()] };
        !self.last || simd.run(Finish { spec, saved, out })
    }

    /// Adds a block's results to what is there, or to the bias where nothing is yet.
    fn add(&self, sums: &Block, column: usize, rows: &mut [f32]) {
        let Product { spec: MatmulSpec { n, .. }, bias, .. } = *self.product;
        let width = BLOCK.min(n - column);
        for (r, row) in rows.chunks_exact_mut(*n).enumerate() {
            let row = &mut row[column..column + width];
            for (half, values) in row.chunks_mut(BLOCK / 2).enumerate() {
                let sums = &sums[(r / 16 * 2 + half) * TILE + r % 16 * 16..][..values.len()];
                if !self.first {
                    values.iter_mut().zip(sums).for_each(|(value, sum)| *value += sum);
                } else if bias.is_empty() {
                    values.copy_from_slice(sums);
                } else {
                    let bias = &bias[column + half * 16..];
                    values.iter_mut().zip(sums).zip(bias).for_each(|((value, sum), bias)| *value = bias + sum);
                }
            }
        }
    }
}

/// Slope and activation, and whether what they are applied to is finite.
struct Finish<'a> {
    spec: &'a MatmulSpec,
    saved: &'a [f32],
    out: &'a mut [f32],
}

impl Simd for Finish<'_> {
    type Out = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let mut largest = 0;
        for value in &*self.out {
            // The bits of magnitudes are in the order of magnitudes, with infinity and NaN on top.
            let bits = value.abs().to_bits();
            largest = if bits > largest { bits } else { largest };
        }
        finish_all::<V>(self.out, self.saved, self.spec);
        largest < f32::INFINITY.to_bits()
    }
}

/// `a` by rows or `b` by columns: `lanes` of them, with `k` terms each.
struct Operand<'a> {
    words: &'a [f32],
    lanes: usize,
    k: usize,
    lines: Lines,
    side: Side,
    mode: AmxMode,
}

impl Operand<'_> {
    /// The values of one step from `lane` and `term` on, up to the term `end`; zeros where there are none.
    #[inline(always)]
    fn square(&self, lane: usize, term: usize, end: usize) -> Square {
        let (lanes, terms) = (BLOCK.min(self.lanes - lane), STEP.min(end - term));
        let (line, first, lines, len, stride) = match self.lines {
            Lines::Lanes => (lane, term, lanes, terms, self.k),
            Lines::Terms => (term, lane, terms, lanes, self.lanes),
        };
        let mut square = [[0.0; BLOCK]; STEP];
        for (i, values) in square.iter_mut().enumerate().take(lines) {
            let from = (line + i) * stride + first;
            // Of a known length where that can be: a copy of some other length is a call.
            if len == BLOCK {
                values.copy_from_slice(&self.words[from..from + BLOCK]);
            } else {
                values[..len].copy_from_slice(&self.words[from..from + len]);
            }
        }
        square
    }
}

/// Splits and packs a block of an operand.
struct Pack<'a> {
    operand: &'a Operand<'a>,
    first: usize,
    terms: Range<usize>,
    target: &'a mut [u32],
}

impl Simd for Pack<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Operand { mode, side, lines, .. } = *self.operand;
        for (step, target) in self.target.chunks_exact_mut(mode.step_words()).enumerate() {
            let square = self.operand.square(self.first, self.terms.start + step * STEP, self.terms.end);
            pack(mode, side, lines, &square, target);
        }
    }
}

#[cfg(test)]
mod tests;
