//! The program in plain Rust, bit for bit as Intel's manual describes the instructions.
//!
//! TDPBF16PS (Software Developer's Manual, volume 2): for every result two sums run over the row's pairs, one of the
//! pairs' first halves and one of the second, by fused multiply-add from zero; then both are added, and their sum is
//! added to the result. Every operation rounds to nearest even, takes denormals as zeros and makes none.

use super::program::{bf16x3, bf16x6};
use super::{AmxMode, Block, TILE};
use crate::backend::SimdLevel;
use crate::backend::simd::{Simd, Vector};

/// Rows of a tile, and words of a row.
const SIDE: usize = 16;

/// See [`super::Amx::block`].
pub(super) fn block(mode: AmxMode, a: &[u32], b: &[u32], out: &mut Block) {
    // The level changes no bit here: what a level may do differently, fused multiply-add, is written out in f64.
    SimdLevel::detect().run(Steps { mode, a, b, out });
}

struct Steps<'a> {
    mode: AmxMode,
    a: &'a [u32],
    b: &'a [u32],
    out: &'a mut Block,
}

impl Simd for Steps<'_> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let mut tiles = Tiles::zeros();
        let words = self.mode.step_words();
        for (a, b) in self.a.chunks_exact(words).zip(self.b.chunks_exact(words)) {
            let (part_a, part_b) = (|part: usize| &a[part * 2 * TILE..], |part: usize| &b[part * 2 * TILE..]);
            macro_rules! run {
                ($($op:ident),*) => {{ $(run!(@$op);)* }};
                (@a0) => { tiles.load_a(part_a(0)) };
                (@a1) => { tiles.load_a(part_a(1)) };
                (@a2) => { tiles.load_a(part_a(2)) };
                (@b0) => { tiles.load_b(part_b(0)) };
                (@b1) => { tiles.load_b(part_b(1)) };
                (@b2) => { tiles.load_b(part_b(2)) };
                (@dot) => { tiles.dot_all() };
            }
            match self.mode {
                AmxMode::Bf16x3 => bf16x3!(run),
                AmxMode::Bf16x6 => bf16x6!(run),
            }
        }
        tiles.store(self.out);
    }
}

/// The values of one half of each pair, of both tiles of an operand.
type Halves = [[f32; TILE]; 2];

/// What the tiles hold: results, and operands in f32, first and second halves of the pairs apart.
struct Tiles {
    results: [[f32; TILE]; 4],
    a: [Halves; 2],
    b: [Halves; 2],
}

impl Tiles {
    #[inline(always)]
    const fn zeros() -> Self {
        Self { results: [[0.0; TILE]; 4], a: [[[0.0; TILE]; 2]; 2], b: [[[0.0; TILE]; 2]; 2] }
    }

    #[inline(always)]
    fn load_a(&mut self, words: &[u32]) {
        load(&mut self.a, words);
    }

    #[inline(always)]
    fn load_b(&mut self, words: &[u32]) {
        load(&mut self.b, words);
    }

    #[inline(always)]
    fn dot_all(&mut self) {
        for (t, results) in self.results.iter_mut().enumerate() {
            dot(results, &self.a[t / 2], &self.b[t % 2]);
        }
    }

    #[inline(always)]
    fn store(&self, out: &mut Block) {
        for (target, tile) in out.chunks_exact_mut(TILE).zip(&self.results) {
            target.copy_from_slice(tile);
        }
    }
}

/// Both tiles of an operand.
#[inline(always)]
fn load(tiles: &mut [Halves; 2], words: &[u32]) {
    for (tile, words) in tiles.iter_mut().zip(words.chunks_exact(TILE)) {
        for (i, word) in words.iter().enumerate() {
            tile[0][i] = flush(f32::from_bits(word << 16));
            tile[1][i] = flush(f32::from_bits(word & 0xffff_0000));
        }
    }
}

/// TDPBF16PS.
#[inline(always)]
fn dot(results: &mut [f32; TILE], a: &Halves, b: &Halves) {
    for (r, results) in results.chunks_exact_mut(SIDE).enumerate() {
        let mut sums = [[0.0_f32; SIDE]; 2];
        for q in 0..SIDE {
            for (half, sums) in sums.iter_mut().enumerate() {
                let factor = a[half][r * SIDE + q];
                for (sum, value) in sums.iter_mut().zip(&b[half][q * SIDE..(q + 1) * SIDE]) {
                    *sum = fused(factor, *value, *sum);
                }
            }
        }
        for (j, result) in results.iter_mut().enumerate() {
            *result = flush(flush(*result) + flush(sums[0][j] + sums[1][j]));
        }
    }
}

/// Denormals are zeros of their sign.
#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(x) } else { x }
}

/// `x * y + sum` rounded once, for bf16 `x` and `y`. The product of 8-bit significands is exact in f64. The sum of it and
/// an f32 is rounded twice, to 53 bits and to 24, which gives the same as once: 53 is at least 2 * 24 + 2 (Figueroa).
#[inline(always)]
fn fused(x: f32, y: f32, sum: f32) -> f32 {
    /// Half a unit below the smallest normal number: from here on 24 bits round up to it.
    const TINY: f64 = f32::MIN_POSITIVE as f64 * (1.0 - 1.0 / 33_554_432.0);
    let exact = f64::from(x) * f64::from(y) + f64::from(sum);
    let rounded = exact as f32;
    if exact.abs() < TINY { 0.0_f32.copysign(rounded) } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::*;

    #[test]
    fn e9_the_fused_step_rounds_once() {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for _ in 0..200_000 {
            // Exponents near each other, so that sums round, cancel and tie; normal results only.
            let mut number = |mask: u32| f32::from_bits((next() & 0x807f_ffff & mask) | ((118 + next() % 20) << 23));
            let (x, y, sum) = (number(0xffff_0000), number(0xffff_0000), number(u32::MAX));
            let expected = x.mul_add(y, sum);
            assert_eq!(fused(x, y, sum).to_bits(), expected.to_bits(), "{x} * {y} + {sum}");
        }
    }

    #[test]
    fn e9_denormals_are_zeros_and_the_border_is_right() {
        let least = f32::MIN_POSITIVE;
        assert_eq!(flush(f32::from_bits(1)).to_bits(), 0);
        assert_eq!(flush(-least / 2.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(flush(least), least);
        // Exactly at the border: 2^-126 - 2^-133 is denormal, 2^-126 is not.
        assert_eq!(fused(least, 1.0 - 1.0 / 128.0, 0.0).to_bits(), 0);
        assert_eq!(fused(least, 1.0, 0.0), least);
        assert_eq!(fused(least, -0.5, 0.0).to_bits(), (-0.0_f32).to_bits());
        // 2^-126 (1 - 2^-26) rounds to 24 bits as 2^-126; 2^-126 (1 - 2^-24) is a 24-bit number below it.
        let tiny = 2.0_f32.powi(-76);
        assert_eq!(fused(tiny, -tiny, least), least);
        assert_eq!(fused(tiny * 2.0, -tiny * 2.0, least).to_bits(), 0);
        assert_eq!(fused(f32::MAX, 2.0, f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert!(fused(f32::INFINITY, 0.0, 1.0).is_nan());
        // Beyond f32's range in between, but not in the end.
        let two_127 = 2.0_f32.powi(127);
        assert_eq!(fused(two_127, 2.0, -two_127), two_127);
    }

    /// One tile of each, with the manual's order by hand: (1 + 2^-24 * 2 pairs) shows which sums come first.
    #[test]
    fn e9_first_and_second_halves_are_summed_apart() {
        let mut a: Halves = [[0.0; TILE]; 2];
        let mut b = a;
        let small = 2.0_f32.powi(-24);
        // Row 0: first halves 1, 2^-24, 2^-24; second half of the first pair 2^-24.
        (a[0][0], a[0][1], a[0][2], a[1][0]) = (1.0, small, small, small);
        for q in 0..3 {
            b[0][q * SIDE + 5] = 1.0;
            b[1][q * SIDE + 5] = 1.0;
        }
        let mut results = [0.0; TILE];
        results[5] = 2.0 * small;
        dot(&mut results, &a, &b);
        // (((1 + s) + s) + s) is 1 by ties to even at every step, then 1 + 2s is no tie.
        assert_eq!(results[5].to_bits(), (1.0_f32 + 2.0 * small).to_bits());
        // In another order: s + s first would have left 1 + 2s before the result is added.
        assert!(results.iter().enumerate().all(|(i, value)| i == 5 || *value == 0.0));
    }

    #[test]
    fn e9_a_block_has_its_tiles_in_place() {
        for mode in AmxMode::ALL {
            let words = mode.step_words();
            let (mut a, mut b) = (vec![0_u32; 2 * words], vec![0_u32; 2 * words]);
            let bf16 = |x: f32| x.to_bits() >> 16;
            // Step 1, high parts: row 20 (second tile, row 4), pair 3, second half; column 9 (first tile).
            a[words + TILE + 4 * SIDE + 3] = bf16(3.0) << 16;
            b[words + 3 * SIDE + 9] = bf16(5.0) << 16;
            // Step 0: a's high part times b's mid part, row 2, column 31.
            a[2 * SIDE] = bf16(2.0);
            b[2 * TILE + TILE + 15] = bf16(7.0);
            let mut out = [9.0; BLOCK * BLOCK];
            block(mode, &a, &b, &mut out);
            let mut expected = [0.0; BLOCK * BLOCK];
            expected[2 * TILE + 4 * SIDE + 9] = 15.0;
            expected[TILE + 2 * SIDE + 15] = 14.0;
            assert_eq!(out, expected, "{mode:?}");
        }
    }
}
