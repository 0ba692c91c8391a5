//! Does a series rise or fall? Mann and Kendall's test (A9).
//!
//! S counts the pairs of values that rise less those that fall. Without a trend it has mean 0 and, with groups of t equal
//! values, the variance (n (n-1) (2n+5) - sum of t (t-1) (2t+5)) / 18; (|S| - 1) over its root is about normal from ten
//! values on. The test assumes that values do not depend on those before; where they do, it finds too many trends.

use serde::{Deserialize, Serialize};

/// What the test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// S over the number of pairs: 1 for a series that always rises, -1 for one that always falls.
    pub tau: f64,
    /// The probability of an S at least as far from 0 without a trend.
    pub p: f64,
    /// The median of the slopes between all pairs (Sen 1968), a step.
    pub slope: f64,
}

/// Fewest values for the normal approximation.
pub const VALUES_LEAST: usize = 10;

/// Tests a series; `None` if it has fewer than [`VALUES_LEAST`] values.
pub fn mann_kendall(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < VALUES_LEAST {
        return None;
    }
    let (mut score, mut slopes) = (0_i64, Vec::with_capacity(n * (n - 1) / 2));
    for (i, x) in values.iter().enumerate() {
        for (j, y) in values.iter().enumerate().skip(i + 1) {
            score += i64::from(y > x) - i64::from(y < x);
            slopes.push((y - x) / (j - i) as f64);
        }
    }
    let of = |n: usize| (n * (n - 1) * (2 * n + 5)) as f64;
    let variance = (of(n) - ties(values).into_iter().map(of).sum::<f64>()) / 18.0;
    let z = if variance > 0.0 { ((score.abs() - 1).max(0)) as f64 / variance.sqrt() } else { 0.0 };
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    let slope = if slopes.len() % 2 == 1 { slopes[middle] } else { f64::midpoint(slopes[middle - 1], slopes[middle]) };
    Some(Trend { tau: score as f64 / slopes.len() as f64, p: erfc(z / std::f64::consts::SQRT_2), slope })
}

/// The sizes of the groups of equal values.
fn ties(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).collect()
}

/// 2 / sqrt(pi) times the integral of e^(-t^2) from x >= 0 on: by its power series, and far out by its continued fraction.
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.5 {
        let (mut term, mut sum) = (2.0 * x, 2.0 * x);
        for k in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return 1.0 - scale * sum;
    }
    let fraction = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    scale / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_the_error_function_is_that_of_the_tables() {
        for (x, expected) in [(0.0, 1.0), (0.5, 0.479_500_122_186_953_5), (1.0, 0.157_299_207_050_285_13)] {
            assert!((erfc(x) - expected).abs() < 1e-14, "{x}: {}", erfc(x));
        }
        for (x, expected) in
            [(2.4, 6.885_138_966_450_78e-4), (2.6, 2.360_344_165_293_492e-4), (5.0, 1.537_459_794_428_035e-12)]
        {
            assert!((erfc(x) / expected - 1.0).abs() < 1e-10, "{x}: {}", erfc(x));
        }
    }

    /// From `pymannkendall` 1.4.3, `original_test`.
    #[test]
    fn a9_trends_are_those_of_another_implementation() {
        let rising = [1.0, 3.0, 2.0, 4.0, 4.0, 6.0, 5.0, 8.0, 7.0, 9.0, 9.0, 9.5];
        let found = mann_kendall(&rising).expect("enough values");
        let (tau, p, slope) = GOLDEN_RISING;
        assert!((found.tau - tau).abs() < 1e-12 && (found.p - p).abs() < 1e-12, "{found:?}");
        assert!((found.slope - slope).abs() < 1e-12, "{found:?}");
        let flat: Vec<f64> = (0..20).map(|i| f64::from(i * 7 % 11)).collect();
        let found = mann_kendall(&flat).expect("enough values");
        assert!((found.tau - GOLDEN_FLAT.0).abs() < 1e-12 && (found.p - GOLDEN_FLAT.1).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a9_constant_and_short_series_have_no_trend() {
        assert_eq!(mann_kendall(&[2.0; 12]), Some(Trend { tau: 0.0, p: 1.0, slope: 0.0 }));
        assert_eq!(mann_kendall(&[1.0; 9]), None);
    }

    const GOLDEN_RISING: (f64, f64, f64) =
        (0.878_787_878_787_878_8, 8.596_013_970_185_723e-05, 0.761_363_636_363_636_4);
    const GOLDEN_FLAT: (f64, f64) = (-0.026_315_789_473_684_21, 0.896_252_914_872_257_8);
}
