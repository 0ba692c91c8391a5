//! Elementary functions of vectors, and what of their gradients needs more than arithmetic.
//!
//! `exp` and `tanh` follow the method of Cephes (Moshier, <https://www.netlib.org/cephes/>): range reduction by powers of
//! two, a short polynomial, about one unit in the last place. None branches: a lane's value depends on that lane alone.

use crate::backend::simd::Vector;

/// `p[0] * x^n + p[1] * x^(n-1) + ..`, by Horner's rule.
#[inline(always)]
fn polynomial<V: Vector, const N: usize>(x: V, p: [f32; N]) -> V {
    let mut value = V::splat(p[0]);
    for &coefficient in &p[1..] {
        value = value.mul_add(x, V::splat(coefficient));
    }
    value
}

/// e to the power of `x`; 0 and the largest finite values are reached smoothly, never NaN or infinity for finite `x`.
#[inline(always)]
pub fn exp<V: Vector>(x: V) -> V {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    const TERMS: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_3e-1];
    let (low, high, round) = (V::splat(-87.0), V::splat(88.0), V::splat(ROUND));
    let clamped = x.if_less(low, low, x);
    let clamped = high.if_less(clamped, high, clamped);
    let rounded = clamped.mul_add(V::splat(std::f32::consts::LOG2_E), round);
    let n = rounded.sub(round);
    let r = n.mul_add(V::splat(-LN2_LOW), n.mul_add(V::splat(-LN2_HIGH), clamped));
    let mantissa = polynomial(r, TERMS).mul_add(r.mul(r), r).add(V::splat(1.0));
    mantissa.mul(rounded.power_of_two())
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<V: Vector>(x: V) -> V {
    const TERMS: [f32; 5] = [-5.704_988_7e-3, 2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];
    let (zero, one, two) = (V::splat(0.0), V::splat(1.0), V::splat(2.0));
    let size = x.abs();
    let far = one.sub(two.div(exp(two.mul(size)).add(one)));
    let far = x.if_less(zero, zero.sub(far), far);
    let z = x.mul(x);
    let near = polynomial(z, TERMS).mul(z).mul_add(x, x);
    size.if_less(V::splat(0.625), near, far)
}

/// The logistic function 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<V: Vector>(x: V) -> V {
    let one = V::splat(1.0);
    one.div(one.add(exp(V::splat(0.0).sub(x))))
}

/// ln(1 + u) for `u` from 0 to 1, by the series of the inverse hyperbolic tangent of u / (2 + u).
#[inline(always)]
pub fn ln_1p_unit<V: Vector>(u: V) -> V {
    const TERMS: [f32; 8] = [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    let s = u.div(V::splat(2.0).add(u));
    s.add(s).mul(polynomial(s.mul(s), TERMS))
}

/// The natural logarithm of `x` from 1 to 16: halved until it is below 2.
#[inline(always)]
pub fn ln_to_16<V: Vector>(x: V) -> V {
    let (two, half, step) = (V::splat(2.0), V::splat(0.5), V::splat(std::f32::consts::LN_2));
    let (mut rest, mut whole) = (x, V::splat(0.0));
    for _ in 0..3 {
        let next = whole.add(step);
        whole = rest.if_less(two, whole, next);
        rest = rest.if_less(two, rest, rest.mul(half));
    }
    whole.add(ln_1p_unit(rest.sub(V::splat(1.0))))
}

/// The factor in the tanh form of gelu, the square root of 2 / pi.
pub const GELU_SCALE: f32 = 0.797_884_6;
/// The cubic term in the tanh form of gelu.
pub const GELU_CUBE: f32 = 0.044_715;
/// Below its negative, gelu and its slope are 0 to the last bit of f32; above it, x and 1.
const GELU_FAR: f32 = 10.0;

/// The Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016): with v = 2 sqrt(2 / pi) (x + 0.044715 x^3),
/// 0.5 (1 + tanh(v / 2)) is the logistic function of v.
#[inline(always)]
pub fn gelu<V: Vector>(x: V) -> V {
    let (near, _, far) = gelu_parts(x);
    let one = V::splat(1.0);
    let share = near.div(one.add(far));
    x.if_less(V::splat(-GELU_FAR), V::splat(0.0), x.mul(share))
}

/// The slope of [`gelu`].
#[inline(always)]
pub fn gelu_slope<V: Vector>(x: V) -> V {
    let (one, limit) = (V::splat(1.0), V::splat(GELU_FAR));
    let (near, square, far) = gelu_parts(x);
    let below = one.div(one.add(far));
    // v' = 2 sqrt(2 / pi) (1 + 3 * 0.044715 x^2); the logistic function's slope is e^-|v| / (1 + e^-|v|)^2.
    let inner = square.mul_add(V::splat(6.0 * GELU_SCALE * GELU_CUBE), V::splat(2.0 * GELU_SCALE));
    let slope = x.mul(inner).mul(far.mul(below).mul(below));
    let value = near.mul_add(below, slope);
    let value = x.if_less(V::splat(-GELU_FAR), V::splat(0.0), value);
    limit.if_less(x, one, value)
}

/// The numerator of the logistic function of v, 1 or e^-|v|; x squared; e^-|v|.
#[inline(always)]
fn gelu_parts<V: Vector>(x: V) -> (V, V, V) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let square = x.mul(x);
    let v = x.mul(square.mul_add(V::splat(2.0 * GELU_SCALE * GELU_CUBE), V::splat(2.0 * GELU_SCALE)));
    let far = exp(zero.sub(v.abs()));
    (x.if_less(zero, far, one), square, far)
}

#[cfg(test)]
mod tests {
    use super::{exp, gelu, gelu_slope, ln_1p_unit, ln_to_16, sigmoid, tanh};

    type Eight = [f32; 8];

    fn worst(f: impl Fn(Eight) -> Eight, truth: impl Fn(f64) -> f64, low: f32, high: f32) -> f64 {
        (0..=200_000)
            .map(|i| low + (high - low) * i as f32 / 200_000.0)
            .map(|x| {
                let expected = truth(f64::from(x));
                ((f64::from(f([x; 8])[3]) - expected) / expected.abs().max(1e-30)).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn e9_elementary_functions_are_within_a_few_units_in_the_last_place() {
        assert!(worst(exp, f64::exp, -86.0, 87.0) < 3e-7);
        assert!(worst(tanh, f64::tanh, 1e-4, 20.0) < 4e-7);
        assert!(worst(tanh, f64::tanh, -20.0, -1e-4) < 4e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -60.0, 60.0) < 5e-7);
        assert!(worst(ln_1p_unit, f64::ln_1p, 1e-6, 1.0) < 3e-7);
        assert!(worst(ln_to_16, f64::ln, 1.001, 15.9) < 4e-7);
    }

    #[test]
    fn e9_elementary_functions_stay_finite_at_the_ends() {
        for x in [f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0] {
            let [exp, tanh, sigmoid] = [exp([x; 8]), tanh([x; 8]), sigmoid([x; 8])].map(|lanes| lanes[0]);
            assert!(exp.is_finite() && tanh.abs() <= 1.0 && (0.0..=1.0).contains(&sigmoid), "{x}");
        }
        for x in [f32::MIN, -1e30, -100.0, -10.5] {
            assert!(gelu([x; 8]) == [0.0; 8] && gelu_slope([x; 8]) == [0.0; 8], "{x}");
        }
        for x in [f32::MAX, 1e30, 100.0, 10.5] {
            assert!(gelu([x; 8]) == [x; 8] && gelu_slope([x; 8]) == [1.0; 8], "{x}");
        }
    }
}
