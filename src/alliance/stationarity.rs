//! Does a series stay in balance? The test of Kwiatkowski, Phillips, Schmidt and Shin (A9).
//!
//! The sums of what differs from the mean stay small in a stationary series and wander off in one that does not come
//! back. The statistic is the mean of their squares over n times the long-run variance (Bartlett's weights over
//! 4 (n / 100)^(1/4) lags). Without a trend its limit is the integral of a squared Brownian bridge, which is also the limit
//! of Cramer and von Mises' statistic: the p-value is that distribution's upper tail, by the series of Anderson and
//! Darling (1952), not an entry of a table.

use serde::{Deserialize, Serialize};

/// What the test found. A small p says that the series does *not* stay in balance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// The statistic.
    pub statistic: f64,
    /// The probability of one at least as large in a series that is stationary.
    pub p: f64,
}

/// Fewest values.
pub const VALUES_LEAST: usize = 10;

/// Tests a series; `None` if it has fewer than [`VALUES_LEAST`] values. A constant series is in balance.
pub fn kpss(values: &[f64]) -> Option<Balance> {
    let n = values.len();
    if n < VALUES_LEAST {
        return None;
    }
    let count = n as f64;
    let mean = values.iter().sum::<f64>() / count;
    let rest: Vec<f64> = values.iter().map(|v| v - mean).collect();
    let lags = (4.0 * (count / 100.0).powf(0.25)) as usize;
    let covariance = |lag: usize| rest.iter().zip(&rest[lag..]).map(|(a, b)| a * b).sum::<f64>() / count;
    let weight = |lag: usize| 1.0 - lag as f64 / (lags + 1) as f64;
    let variance = covariance(0) + 2.0 * (1..=lags).map(|lag| weight(lag) * covariance(lag)).sum::<f64>();
    let mut sum = 0.0;
    let squares: f64 = rest
        .iter()
        .map(|r| {
            sum += r;
            sum * sum
        })
        .sum();
    if variance <= mean * mean * 1e-20 {
        return Some(Balance { statistic: 0.0, p: 1.0 });
    }
    let statistic = squares / (count * count * variance);
    Some(Balance { statistic, p: 1.0 - below(statistic) })
}

/// The probability that the integral of a squared Brownian bridge is below x.
fn below(x: f64) -> f64 {
    if x < 0.01 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 0.0);
    for j in 0..12 {
        let root = f64::from(4 * j + 1);
        let z = root * root / (16.0 * x);
        sum += factor * root.sqrt() * (-z).exp() * bessel_k(0.25, z);
        // The next binomial of -1/2, without its sign, which cancels against (-1)^j.
        factor *= (f64::from(j) + 0.5) / f64::from(j + 1);
    }
    (sum / (std::f64::consts::PI * x.sqrt())).clamp(0.0, 1.0)
}

/// The modified Bessel function K, as the integral of e^(-z cosh t) cosh(order t): the trapezoid rule is exact to rounding.
fn bessel_k(order: f64, z: f64) -> f64 {
    const STEP: f64 = 0.02;
    let value = |t: f64| (-z * t.cosh()).exp() * (order * t).cosh();
    let rest: f64 = (1..700).map(|i| value(f64::from(i) * STEP)).sum();
    STEP * (value(0.0) / 2.0 + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `scipy` 1.17.1, `kv(0.25, z)`.
    #[test]
    fn a9_bessels_function_is_that_of_another_implementation() {
        for (z, expected) in BESSEL {
            assert!((bessel_k(0.25, z) / expected - 1.0).abs() < 1e-10, "{z}: {}", bessel_k(0.25, z));
        }
    }

    #[test]
    fn a9_the_tail_has_the_published_critical_values() {
        // The limit of Cramer and von Mises' statistic has these quantiles (Csorgo and Faraway 1996, table 1). Those of
        // Kwiatkowski et al. 1992 (0.347, 0.463, 0.574, 0.739) were simulated and lie close by.
        for (x, p) in [(0.347_30, 0.10), (0.461_36, 0.05), (0.580_61, 0.025), (0.743_46, 0.01)] {
            assert!((1.0 - below(x) - p).abs() < 2e-5, "{x}: {}", 1.0 - below(x));
        }
    }

    /// From `statsmodels` 0.15.0, `kpss(x, "c", nlags=2)` for 26 values.
    #[test]
    fn a9_the_statistic_is_that_of_another_implementation() {
        let wave: Vec<f64> = (0..26).map(|i| f64::from(i * 7 % 11)).collect();
        let walk: Vec<f64> = (0..26).map(|i| f64::from(i) * 0.5 + f64::from(i * 7 % 11)).collect();
        for (series, expected) in [(wave, KPSS[0]), (walk, KPSS[1])] {
            let found = kpss(&series).expect("enough values").statistic;
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!(kpss(&[3.0; 12]), Some(Balance { statistic: 0.0, p: 1.0 }));
        assert_eq!(kpss(&[3.0; 9]), None);
    }

    const BESSEL: [(f64, f64); 3] =
        [(0.1, 2.685_156_871_876_055_5), (1.0, 0.430_739_774_448_581_4), (7.5, 0.000_250_156_792_334_016_45)];
    const KPSS: [f64; 2] = [0.072_712_790_168_411_48, 0.938_552_637_426_120_9];
}
