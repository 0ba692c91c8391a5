//! The transforms at the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, in this order.
//!
//! Two points of opposite sign share their even and their odd part, so each transform costs little more than half of its
//! matrix.

use super::POINTS;
use crate::backend::simd::Vector;

/// Powers of the points 2 and 1/2.
const POWERS_OF_TWO: [f32; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const POWERS_OF_HALF: [f32; 7] = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015_625];

/// What the points weigh in the interpolation: 1 over the product of the differences to the other points.
const WEIGHTS: [f32; POINTS] = {
    let (one, two, half) = (-2.0 / 9.0, 1.0 / 90.0, 32.0 / 45.0);
    [1.0, one, one, two, two, half, half, 1.0]
};

/// B^T: eight neighbouring values to the points.
#[inline(always)]
pub(super) fn spread<V: Vector>(x: &[V; POINTS]) -> [V; POINTS] {
    let zero = x[4].sub(x[2]).mul_add(V::splat(5.25), x[0].sub(x[6]));
    let infinity = x[3].sub(x[5]).mul_add(V::splat(5.25), x[7].sub(x[1]));
    let even = x[4].mul_add(V::splat(-4.25), x[2].add(x[6]));
    let odd = x[3].mul_add(V::splat(-4.25), x[1].add(x[5]));
    let even_two = x[2].mul_add(V::splat(0.25), x[4].mul_add(V::splat(-1.25), x[6]));
    let odd_two = x[1].mul_add(V::splat(0.25), x[3].mul_add(V::splat(-1.25), x[5]));
    let even_half = x[2].mul_add(V::splat(4.0), x[4].mul_add(V::splat(-5.0), x[6]));
    let odd_half = x[1].mul_add(V::splat(4.0), x[3].mul_add(V::splat(-5.0), x[5]));
    [
        zero,
        even.add(odd),
        even.sub(odd),
        odd_two.mul_add(V::splat(2.0), even_two),
        odd_two.mul_add(V::splat(-2.0), even_two),
        odd_half.mul_add(V::splat(0.5), even_half),
        odd_half.mul_add(V::splat(-0.5), even_half),
        infinity,
    ]
}

/// The polynomial with these coefficients at the points: A for dy, and G but for [`weigh`] for weights.
#[inline(always)]
pub(super) fn evaluate<V: Vector, const K: usize>(values: &[V; K]) -> [V; POINTS] {
    let (one, minus_one) = pair(values, [1.0; 7]);
    let (two, minus_two) = pair(values, POWERS_OF_TWO);
    let (half, minus_half) = pair(values, POWERS_OF_HALF);
    [values[0], one, minus_one, two, minus_two, half, minus_half, values[K - 1]]
}

/// The polynomial at a point with these powers, and at its negative.
#[inline(always)]
fn pair<V: Vector, const K: usize>(values: &[V; K], powers: [f32; 7]) -> (V, V) {
    let mut even = values[0];
    let mut odd = values[1].mul(V::splat(powers[1]));
    // By index: an iterator's `skip` is not unrolled, and the values would leave their registers.
    for k in 2..K {
        let part = values[k].mul_add(V::splat(powers[k]), if k % 2 == 0 { even } else { odd });
        if k % 2 == 0 {
            even = part;
        } else {
            odd = part;
        }
    }
    (even.add(odd), even.sub(odd))
}

/// The transposed of [`evaluate`]: A^T for products, and G^T but for [`weigh`] for gradients.
#[inline(always)]
pub(super) fn collect<V: Vector, const K: usize>(points: &[V; POINTS]) -> [V; K] {
    let (even, odd) = (points[1].add(points[2]), points[1].sub(points[2]));
    let (even_two, odd_two) = (points[3].add(points[4]), points[3].sub(points[4]));
    let (even_half, odd_half) = (points[5].add(points[6]), points[5].sub(points[6]));
    let mut values = [V::splat(0.0); K];
    for (k, value) in values.iter_mut().enumerate() {
        let (one, two, half) = if k % 2 == 0 { (even, even_two, even_half) } else { (odd, odd_two, odd_half) };
        let sum = two.mul_add(V::splat(POWERS_OF_TWO[k]), one);
        *value = half.mul_add(V::splat(POWERS_OF_HALF[k]), sum);
    }
    values[0] = values[0].add(points[0]);
    values[K - 1] = values[K - 1].add(points[7]);
    values
}

/// Multiplies by the points' weights.
#[inline(always)]
pub(super) fn weigh<V: Vector>(points: &[V; POINTS]) -> [V; POINTS] {
    let mut weighed = *points;
    for (value, weight) in weighed.iter_mut().zip(WEIGHTS) {
        *value = value.mul(V::splat(weight));
    }
    weighed
}
