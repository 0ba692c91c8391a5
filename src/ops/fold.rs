//! Sums and maxima of slices for CPU kernels, in an order that the slice's length and the SIMD level fix.

use super::math;
use crate::backend::simd::Vector;

/// The sum of the values.
#[inline(always)]
pub(super) fn sum<V: Vector>(x: &[f32]) -> f32 {
    terms::<V>(x, x, |sum, v, _| sum.add(v), |v, _| v)
}

/// The sum of the squares.
#[inline(always)]
pub(super) fn sum_squares<V: Vector>(x: &[f32]) -> f32 {
    dot::<V>(x, x)
}

/// The sum of the products.
#[inline(always)]
pub(super) fn dot<V: Vector>(x: &[f32], y: &[f32]) -> f32 {
    terms::<V>(x, y, |sum, v, w| v.mul_add(w, sum), |v, w| v * w)
}

/// Two vectors of sums, then what is left over.
#[inline(always)]
fn terms<V: Vector>(x: &[f32], y: &[f32], add: impl Fn(V, V, V) -> V, one: impl Fn(f32, f32) -> f32) -> f32 {
    let (mut even, mut odd) = (V::splat(0.0), V::splat(0.0));
    let (xs, ys) = (x.chunks_exact(2 * V::LANES), y.chunks_exact(2 * V::LANES));
    let (x_rest, y_rest) = (xs.remainder(), ys.remainder());
    for (x, y) in xs.zip(ys) {
        even = add(even, V::load(x), V::load(y));
        odd = add(odd, V::load(&x[V::LANES..]), V::load(&y[V::LANES..]));
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(&x, &y)| one(x, y)).sum();
    even.add(odd).sum() + rest
}

/// `x = e^(x - minus)`; returns the sum of them.
#[inline(always)]
pub(super) fn exponentials<V: Vector>(x: &mut [f32], minus: f32) -> f32 {
    let (mut sums, minus) = (V::splat(0.0), V::splat(minus));
    let mut blocks = x.chunks_exact_mut(V::LANES);
    for block in &mut blocks {
        let value = math::exp(V::load(block).sub(minus));
        value.store(block);
        sums = sums.add(value);
    }
    let rest = blocks.into_remainder();
    if rest.is_empty() {
        return sums.sum();
    }
    math::exp(V::load_part(rest).sub(minus)).store_part(rest);
    sums.add(V::load_part(rest)).sum()
}

/// The largest value; the slice must hold one.
#[inline(always)]
pub(super) fn max<V: Vector>(x: &[f32]) -> f32 {
    let mut lanes = [x[0]; 16];
    let mut best = V::splat(x[0]);
    let blocks = x.chunks_exact(V::LANES);
    let rest = blocks.remainder();
    for block in blocks {
        best = best.max(V::load(block));
    }
    best.store(&mut lanes);
    lanes.iter().chain(rest).fold(x[0], |a, &b| if a > b { a } else { b })
}
