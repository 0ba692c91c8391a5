//! Scalar functions that the compiler turns into SIMD, and their gradients.
//!
//! `exp` and `tanh` follow the method of Cephes (Moshier, <https://www.netlib.org/cephes/>): range reduction by powers of
//! two, a short polynomial, about one unit in the last place. They have no branches, so a loop over them vectorises.

/// e to the power of `x`; 0 and the largest finite values are reached smoothly, never NaN or infinity for finite `x`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let clamped = if clamped > 88.0 { 88.0 } else { clamped };
    // The sum's low bits are n as a whole number.
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5.000_000_3e-1;
    let mantissa = p * r * r + r + 1.0;
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    mantissa * scale
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    let far = if x < 0.0 { -far } else { far };
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_908_8e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    if size < 0.625 { near } else { far }
}

/// The logistic function 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// ln(1 + u) for `u` from 0 to 1, by the series of the inverse hyperbolic tangent of u / (2 + u).
#[inline(always)]
pub fn ln_1p_unit(u: f32) -> f32 {
    let s = u / (2.0 + u);
    let z = s * s;
    let mut p = 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    2.0 * s * (p * z + 1.0)
}

/// The factor in the tanh form of gelu, the square root of 2 / pi.
pub const GELU_SCALE: f32 = 0.797_884_6;
/// The cubic term in the tanh form of gelu.
pub const GELU_CUBE: f32 = 0.044_715;

/// The Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(GELU_SCALE * (x + GELU_CUBE * x * x * x)))
}

#[cfg(test)]
mod tests {
    use super::{exp, ln_1p_unit, sigmoid, tanh};

    fn worst(f: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64, low: f32, high: f32) -> f64 {
        (0..=200_000)
            .map(|i| low + (high - low) * i as f32 / 200_000.0)
            .map(|x| {
                let expected = truth(f64::from(x));
                ((f64::from(f(x)) - expected) / expected.abs().max(1e-30)).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn e9_scalar_functions_are_within_a_few_units_in_the_last_place() {
        assert!(worst(exp, f64::exp, -86.0, 87.0) < 3e-7);
        assert!(worst(tanh, f64::tanh, 1e-4, 20.0) < 4e-7);
        assert!(worst(tanh, f64::tanh, -20.0, -1e-4) < 4e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -60.0, 60.0) < 5e-7);
        assert!(worst(ln_1p_unit, f64::ln_1p, 1e-6, 1.0) < 3e-7);
    }

    #[test]
    fn e9_scalar_functions_stay_finite_at_the_ends() {
        for x in [f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0] {
            assert!(exp(x).is_finite() && tanh(x).abs() <= 1.0 && (0.0..=1.0).contains(&sigmoid(x)), "{x}");
        }
    }
}
