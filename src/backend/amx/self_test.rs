//! Whether an executor does what the emulation does.

use super::parts::split;
use super::{AmxMode, BLOCK, Block, Rounding, emulated};

/// Random factors.
struct Trial {
    steps: usize,
    /// How many different exponents they have, and the largest of `a` and of `b` (biased by 127).
    exponents: u32,
    top: [u32; 2],
    /// Whether other roundings must come to nearly the same: not where denormals matter.
    judged: bool,
}

const TRIALS: [Trial; 4] = [
    Trial { steps: 1, exponents: 8, top: [131, 132], judged: true },
    Trial { steps: 3, exponents: 20, top: [131, 132], judged: true },
    // Products around the smallest normal number.
    Trial { steps: 2, exponents: 14, top: [70, 69], judged: false },
    // Lower parts of `a` that are denormal, made large again by `b`.
    Trial { steps: 1, exponents: 10, top: [11, 241], judged: false },
];

/// The normalised mean squared difference that another order of sums may make: each rounding is one of 2^-24.
const DIFFERENCE_MAX: f64 = 1e-12;

/// Holds `executor` against the emulation, in both modes: small whole numbers, whose sums no rounding changes, must give
/// the same numbers; others must agree up to roundings.
///
/// # Errors
/// Names the first difference.
pub(super) fn run(executor: impl Fn(AmxMode, &[u32], &[u32], &mut Block)) -> Result<Rounding, String> {
    let mut rounding = Rounding::AsManual;
    for mode in AmxMode::ALL {
        let both = |a: &[u32], b: &[u32]| {
            let (mut expected, mut found) = ([f32::NAN; BLOCK * BLOCK], [f32::NAN; BLOCK * BLOCK]);
            emulated::block(mode, a, b, &mut expected);
            executor(mode, a, b, &mut found);
            (expected, found)
        };
        let (expected, found) = both(&whole_numbers(mode, 3, 1), &whole_numbers(mode, 3, 2));
        if let Some(i) = (0..found.len()).find(|i| found[*i] != expected[*i]) {
            let (expected, found) = (expected[i], found[i]);
            return Err(format!("{}, whole numbers, value {i}: expected {expected}, found {found}", mode.name()));
        }
        for (number, trial) in TRIALS.iter().enumerate() {
            let (expected, found) = both(&random_numbers(mode, trial, 0), &random_numbers(mode, trial, 1));
            let difference = difference(&expected, &found);
            // NaN where nothing was written is no small difference.
            if trial.judged && (difference.is_nan() || difference > DIFFERENCE_MAX) {
                return Err(format!("{}, trial {number}: other results (NMSE {difference:.1e})", mode.name()));
            }
            if found.iter().zip(&expected).any(|(found, expected)| found.to_bits() != expected.to_bits()) {
                rounding = Rounding::Own;
            }
        }
    }
    Ok(rounding)
}

/// The normalised mean squared difference.
fn difference(expected: &Block, found: &Block) -> f64 {
    let (mut squares, mut scale) = (0.0, 0.0);
    for (expected, found) in expected.iter().zip(found) {
        squares += (f64::from(*expected) - f64::from(*found)).powi(2);
        scale += f64::from(*expected).powi(2);
    }
    squares / scale
}

/// The next of a row of random bits.
const fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state
}

/// Whole numbers between -3 and 3 in all parts: sums over all products stay far below 2^24.
fn whole_numbers(mode: AmxMode, steps: usize, seed: u32) -> Vec<u32> {
    let mut state = seed;
    let mut number = || ((next(&mut state) >> 16) % 7) as f32 - 3.0;
    (0..steps * mode.step_words()).map(|_| number().to_bits() >> 16 | number().to_bits()).collect()
}

/// Random numbers with exponents from a trial's largest one downwards, split into parts.
fn random_numbers(mode: AmxMode, trial: &Trial, operand: usize) -> Vec<u32> {
    let top = trial.top[operand];
    let mut state = top;
    let mut number = || {
        let bits = next(&mut state);
        let exponent = top - (bits >> 9) % trial.exponents;
        f32::from_bits((bits & 0x8000_0000) | (bits.rotate_left(11) & 0x007f_ffff) | (exponent << 23))
    };
    let part_words = mode.step_words() / mode.parts();
    let mut words = vec![0; trial.steps * mode.step_words()];
    for step in words.chunks_exact_mut(mode.step_words()) {
        for i in 0..part_words {
            let (first, second) = (split::<3>(number()), split::<3>(number()));
            for part in 0..mode.parts() {
                step[part * part_words + i] = u32::from(first[part]) | u32::from(second[part]) << 16;
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::TILE;
    use super::super::parts::value;
    use super::*;

    #[test]
    fn e9_the_emulation_passes_its_own_test() {
        assert_eq!(run(emulated::block), Ok(Rounding::AsManual));
    }

    /// The emulation with something done to its results in one mode.
    fn spoilt(mode: AmxMode, change: impl Fn(&mut Block)) -> Result<Rounding, String> {
        run(|own, a, b, out| {
            emulated::block(own, a, b, out);
            if own == mode {
                change(out);
            }
        })
    }

    #[test]
    fn e9_a_unit_that_differs_in_a_last_bit_is_known_by_it() {
        let last_bit = |out: &mut Block| {
            // Whole numbers of so few bits have a last bit that no rounding touches.
            if out.iter().any(|value| value.fract() != 0.0) {
                out[777] = f32::from_bits(out[777].to_bits() ^ 1);
            }
        };
        assert_eq!(spoilt(AmxMode::Bf16x6, last_bit), Ok(Rounding::Own));
    }

    #[test]
    fn e9_a_unit_that_is_wrong_is_found() {
        for (what, change) in [
            ("one number", (|out| out[777] += 1.0) as fn(&mut Block)),
            ("two tiles in each other's place", |out| out.rotate_left(2 * TILE)),
            ("no number", |out| out[5] = f32::NAN),
        ] {
            let error = spoilt(AmxMode::Bf16x6, change).expect_err(what);
            assert!(error.starts_with("bf16x6, whole numbers, value "), "{what}: {error}");
        }
        let inexact = |out: &mut Block| {
            for value in out.iter_mut().filter(|value| value.fract() != 0.0) {
                *value *= 1.0 + 1e-5;
            }
        };
        let error = spoilt(AmxMode::Bf16x3, inexact).expect_err("1e-5");
        assert_eq!(error, "bf16x3, trial 0: other results (NMSE 1.0e-10)");
    }

    /// The products of parts, in their order.
    fn products(mode: AmxMode) -> &'static [(usize, usize)] {
        match mode {
            AmxMode::Bf16x3 => &[(1, 0), (0, 0), (0, 1)],
            AmxMode::Bf16x6 => &[(2, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 2)],
        }
    }

    /// The same result by result, written independently; with `flush` left out, or halves of pairs in one sum.
    fn plain(mode: AmxMode, a: &[u32], b: &[u32], out: &mut Block, flushes: bool, one_sum: bool) {
        let flush = |x: f32| if flushes && x.is_subnormal() { 0.0_f32.copysign(x) } else { x };
        let pair = |word: u32| [word as u16, (word >> 16) as u16].map(|half| flush(value(half)));
        let words = mode.step_words();
        for (i, j) in (0..BLOCK).flat_map(|i| (0..BLOCK).map(move |j| (i, j))) {
            let mut result = 0.0;
            for step in 0..a.len() / words {
                for (part_a, part_b) in products(mode) {
                    let mut sums = [0.0_f32; 2];
                    for q in 0..16 {
                        let x = pair(a[step * words + part_a * 2 * TILE + i / 16 * TILE + i % 16 * 16 + q]);
                        let y = pair(b[step * words + part_b * 2 * TILE + j / 16 * TILE + q * 16 + j % 16]);
                        sums[0] = flush(x[0].mul_add(y[0], sums[0]));
                        let second = usize::from(!one_sum);
                        sums[second] = flush(x[1].mul_add(y[1], sums[second]));
                    }
                    result = flush(result + flush(sums[0] + sums[1]));
                }
            }
            out[(i / 16 * 2 + j / 16) * TILE + i % 16 * 16 + j % 16] = result;
        }
    }

    #[test]
    fn e9_the_emulation_agrees_with_a_plain_loop() {
        assert_eq!(run(|mode, a, b, out| plain(mode, a, b, out, true, false)), Ok(Rounding::AsManual));
    }

    #[test]
    fn e9_a_unit_that_keeps_denormals_or_sums_in_another_order_is_known_by_it() {
        assert_eq!(run(|mode, a, b, out| plain(mode, a, b, out, false, false)), Ok(Rounding::Own));
        assert_eq!(run(|mode, a, b, out| plain(mode, a, b, out, true, true)), Ok(Rounding::Own));
        // Each of the two trials for denormals shows it by itself.
        for trial in &TRIALS[2..] {
            let (a, b) = (random_numbers(AmxMode::Bf16x3, trial, 0), random_numbers(AmxMode::Bf16x3, trial, 1));
            let (mut flushed, mut kept) = ([0.0; BLOCK * BLOCK], [0.0; BLOCK * BLOCK]);
            plain(AmxMode::Bf16x3, &a, &b, &mut flushed, true, false);
            plain(AmxMode::Bf16x3, &a, &b, &mut kept, false, false);
            assert!(flushed != kept && kept.iter().all(|value| value.is_finite()));
        }
    }
}
