//! What one dimension adds to the score of a row and a centre, and a pair's distance.

use crate::backend::simd::Vector;

/// A way to sum scores; of two centres the nearer one has the smaller score.
pub(super) trait Form: Send + Sync {
    /// Whether panels hold -2 c, so that a product is added, after a move to the centres' mean.
    const PRODUCT: bool;
    /// The score with one more dimension of the row (`own`) and the centres (`column`).
    fn add<V: Vector>(own: V, column: V, score: V) -> V;
    /// What a difference adds to a distance.
    fn add_difference<V: Vector>(difference: V, sum: V) -> V;
}

/// `|c|^2 - 2 x c`: the squared distance less `|x|^2`.
pub(super) struct Product;

/// `(x - c)^2`.
pub(super) struct Square;

/// `|x - c|`.
pub(super) struct Magnitude;

impl Form for Product {
    const PRODUCT: bool = true;
    #[inline(always)]
    fn add<V: Vector>(own: V, column: V, score: V) -> V {
        own.mul_add(column, score)
    }
    #[inline(always)]
    fn add_difference<V: Vector>(difference: V, sum: V) -> V {
        difference.mul_add(difference, sum)
    }
}

impl Form for Square {
    const PRODUCT: bool = false;
    #[inline(always)]
    fn add<V: Vector>(own: V, column: V, score: V) -> V {
        Self::add_difference(own.sub(column), score)
    }
    #[inline(always)]
    fn add_difference<V: Vector>(difference: V, sum: V) -> V {
        difference.mul_add(difference, sum)
    }
}

impl Form for Magnitude {
    const PRODUCT: bool = false;
    #[inline(always)]
    fn add<V: Vector>(own: V, column: V, score: V) -> V {
        Self::add_difference(own.sub(column), score)
    }
    #[inline(always)]
    fn add_difference<V: Vector>(difference: V, sum: V) -> V {
        sum.add(difference.abs())
    }
}

/// The distance of `a` and `b`, each scaled.
#[inline(always)]
pub(super) fn of_pair<V: Vector, F: Form>(a: &[f32], a_scale: f32, b: &[f32], b_scale: f32) -> f32 {
    let (a_scale, b_scale) = (V::splat(a_scale), V::splat(b_scale));
    let mut sum = V::splat(0.0);
    let (wholes_a, wholes_b) = (a.chunks_exact(V::LANES), b.chunks_exact(V::LANES));
    let (rest_a, rest_b) = (wholes_a.remainder(), wholes_b.remainder());
    for (a, b) in wholes_a.zip(wholes_b) {
        let difference = V::load(a).mul(a_scale).sub(V::load(b).mul(b_scale));
        sum = F::add_difference(difference, sum);
    }
    if !rest_a.is_empty() {
        let difference = V::load_part(rest_a).mul(a_scale).sub(V::load_part(rest_b).mul(b_scale));
        sum = F::add_difference(difference, sum);
    }
    sum.sum()
}

/// What makes `row` a vector of length 1; 0 if all its magnitudes are below the smallest normal number.
#[inline(always)]
pub(super) fn inverse_length<V: Vector>(row: &[f32]) -> f32 {
    // Squares of the row as it is could overflow or vanish.
    let largest = row.iter().fold(0.0_f32, |known, value| if value.abs() > known { value.abs() } else { known });
    if largest < f32::MIN_POSITIVE {
        return 0.0;
    }
    let scale = 1.0 / largest;
    let factor = V::splat(scale);
    let wholes = row.chunks_exact(V::LANES);
    let rest = V::load_part(wholes.remainder()).mul(factor);
    let mut sum = rest.mul(rest);
    for part in wholes {
        let part = V::load(part).mul(factor);
        sum = part.mul_add(part, sum);
    }
    scale / sum.sum().sqrt()
}
