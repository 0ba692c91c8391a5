//! Numbers split and put in the order in which a block reads them, a step of an operand at a time.

use super::{AmxMode, BLOCK, STEP, TILE, parts};

/// What a step reads of an operand: 32 terms of 32 lanes, which are rows of the left factor or columns of the right one.
/// Where there are fewer, the rest is zeros.
pub type Square = [[f32; BLOCK]; STEP];

/// How a square's lines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A line holds the terms of a lane.
    Lanes,
    /// A line holds a term of all lanes.
    Terms,
}

/// Which factor an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The left one: a tile's row holds the terms of a lane.
    A,
    /// The right one: a tile's row holds a pair of terms of all lanes.
    B,
}

/// Words of a tile's row.
const WIDTH: usize = 16;

/// Splits `square` and packs it for a step: part by part, the highest first, two tiles each. Call it from the body of a
/// [`Simd`](crate::backend::simd::Simd): it is compiled for the level of its caller.
///
/// # Panics
/// If `step` has not as many words as a step of `mode`.
#[inline(always)]
pub fn pack(mode: AmxMode, side: Side, lines: Lines, square: &Square, step: &mut [u32]) {
    assert_eq!(step.len(), mode.step_words(), "one step");
    match mode {
        AmxMode::Bf16x3 => pack_parts::<2>(side, lines, square, step),
        AmxMode::Bf16x6 => pack_parts::<3>(side, lines, square, step),
    }
}

#[inline(always)]
fn pack_parts<const P: usize>(side: Side, lines: Lines, square: &Square, step: &mut [u32]) {
    match (lines, side) {
        (Lines::Lanes, Side::A) => of_lanes::<P, false>(square, step),
        (Lines::Lanes, Side::B) => of_lanes::<P, true>(square, step),
        (Lines::Terms, Side::A) => of_terms::<P, true>(square, step),
        (Lines::Terms, Side::B) => of_terms::<P, false>(square, step),
    }
}

/// A tile before it is stored: rows of pairs.
type Rows = [[u32; WIDTH]; WIDTH];

/// Lines are the rows of tiles: neighbours in a line are pairs.
#[inline(always)]
fn of_lanes<const P: usize, const TURNED: bool>(square: &Square, step: &mut [u32]) {
    for t in 0..2 {
        let mut tiles: [Rows; P] = [[[0; WIDTH]; WIDTH]; P];
        for r in 0..WIDTH {
            let mut halves = [[0_u16; STEP]; P];
            for i in 0..STEP {
                let split = parts::split::<P>(square[t * WIDTH + r][i]);
                for p in 0..P {
                    halves[p][i] = split[p];
                }
            }
            for p in 0..P {
                for q in 0..WIDTH {
                    tiles[p][r][q] = u32::from(halves[p][2 * q]) | u32::from(halves[p][2 * q + 1]) << 16;
                }
            }
        }
        store::<P, TURNED>(t, &tiles, step);
    }
}

/// Two lines make a row of tiles: what stands below each other is a pair.
#[inline(always)]
fn of_terms<const P: usize, const TURNED: bool>(square: &Square, step: &mut [u32]) {
    for t in 0..2 {
        let mut tiles: [Rows; P] = [[[0; WIDTH]; WIDTH]; P];
        for q in 0..WIDTH {
            for i in 0..WIDTH {
                let first = parts::split::<P>(square[2 * q][t * WIDTH + i]);
                let second = parts::split::<P>(square[2 * q + 1][t * WIDTH + i]);
                for p in 0..P {
                    tiles[p][q][i] = u32::from(first[p]) | u32::from(second[p]) << 16;
                }
            }
        }
        store::<P, TURNED>(t, &tiles, step);
    }
}

/// Tile `t` of every part, turned if asked.
#[inline(always)]
fn store<const P: usize, const TURNED: bool>(t: usize, tiles: &[Rows; P], step: &mut [u32]) {
    for p in 0..P {
        let target = &mut step[(2 * p + t) * TILE..][..TILE];
        if TURNED {
            let mut turned: Rows = [[0; WIDTH]; WIDTH];
            for r in 0..WIDTH {
                for q in 0..WIDTH {
                    turned[q][r] = tiles[p][r][q];
                }
            }
            target.copy_from_slice(turned.as_flattened());
        } else {
            target.copy_from_slice(tiles[p].as_flattened());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number is found in its place, from either kind of lines.
    #[test]
    fn e9_every_pair_is_packed_where_a_tile_reads_it() {
        let value = |lane: usize, term: usize| ((lane * STEP + term) as f32).mul_add(1.0 / 4096.0, 1.0 / 7.0);
        let mut of_lanes: Square = [[0.0; BLOCK]; STEP];
        let mut of_terms = of_lanes;
        for (lane, term) in (0..BLOCK).flat_map(|lane| (0..STEP).map(move |term| (lane, term))) {
            of_lanes[lane][term] = value(lane, term);
            of_terms[term][lane] = value(lane, term);
        }
        for mode in AmxMode::ALL {
            for side in [Side::A, Side::B] {
                let mut steps = [vec![0; mode.step_words()], vec![1; mode.step_words()]];
                pack(mode, side, Lines::Lanes, &of_lanes, &mut steps[0]);
                pack(mode, side, Lines::Terms, &of_terms, &mut steps[1]);
                assert!(steps[0] == steps[1], "{mode:?} {side:?}");
                for (lane, term) in (0..BLOCK).flat_map(|lane| (0..STEP).map(move |term| (lane, term))) {
                    let (pair, half) = (term / 2, term % 2);
                    let within = if side == Side::A { lane % 16 * 16 + pair } else { pair * 16 + lane % 16 };
                    let expected = parts::split::<3>(value(lane, term));
                    for (part, expected) in expected.iter().enumerate().take(mode.parts()) {
                        let word = steps[0][(2 * part + lane / 16) * TILE + within];
                        assert_eq!((word >> (16 * half)) as u16, *expected, "{mode:?} {side:?} {lane} {term} {part}");
                    }
                }
            }
        }
    }
}
