//! Some channels in registers: the columns of a register tile.

use crate::backend::simd::Vector;

/// Neighbouring channels of one position.
pub(super) trait Columns: Copy {
    /// How many.
    const WIDTH: usize;
    /// All `x`.
    fn splat(x: f32) -> Self;
    /// The first `WIDTH` values of `x`, which must hold as many.
    fn load(x: &[f32]) -> Self;
    /// `x.len()` values, at most `WIDTH`, then zeros.
    fn load_part(x: &[f32]) -> Self;
    /// Stores to the first `WIDTH` values of `to`, which must hold as many.
    fn store(self, to: &mut [f32]);
    /// Stores as many values as `to` holds, at most `WIDTH`.
    fn store_part(self, to: &mut [f32]);
    /// Lane by lane sum.
    fn add(self, other: Self) -> Self;
    /// `self + factor * by`.
    fn add_scaled(self, factor: f32, by: Self) -> Self;
    /// The larger of each lane and 0.
    fn relu(self) -> Self;
    /// Each lane where `saved` is above 0, else 0.
    fn where_positive(self, saved: Self) -> Self;
}

#[expect(clippy::needless_range_loop, reason = "a closure would not be compiled for the level that a tile runs at")]
impl<V: Vector, const W: usize> Columns for [V; W] {
    const WIDTH: usize = W * V::LANES;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        [V::splat(x); W]
    }
    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        let x = &x[..Self::WIDTH];
        let mut all = Self::splat(0.0);
        for w in 0..W {
            all[w] = V::load(&x[w * V::LANES..]);
        }
        all
    }
    #[inline(always)]
    fn load_part(x: &[f32]) -> Self {
        let mut all = Self::splat(0.0);
        for w in 0..W {
            all[w] = V::load_part(part(x, w * V::LANES, V::LANES));
        }
        all
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::WIDTH];
        for w in 0..W {
            self[w].store(&mut to[w * V::LANES..]);
        }
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        for w in 0..W {
            self[w].store_part(part_mut(to, w * V::LANES, V::LANES));
        }
    }
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for w in 0..W {
            self[w] = self[w].add(other[w]);
        }
        self
    }
    #[inline(always)]
    fn add_scaled(mut self, factor: f32, by: Self) -> Self {
        let factor = V::splat(factor);
        for w in 0..W {
            self[w] = factor.mul_add(by[w], self[w]);
        }
        self
    }
    #[inline(always)]
    fn relu(mut self) -> Self {
        for w in 0..W {
            self[w] = relu(self[w]);
        }
        self
    }
    #[inline(always)]
    fn where_positive(mut self, saved: Self) -> Self {
        for w in 0..W {
            self[w] = where_positive(self[w], saved[w]);
        }
        self
    }
}

/// One whole register and a half one: 24 columns of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Mixed<V: Vector>(V, V::Half);

impl<V: Vector> Columns for Mixed<V> {
    const WIDTH: usize = V::LANES + V::Half::LANES;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Self(V::splat(x), V::Half::splat(x))
    }
    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        let x = &x[..Self::WIDTH];
        Self(V::load(x), V::Half::load(&x[V::LANES..]))
    }
    #[inline(always)]
    fn load_part(x: &[f32]) -> Self {
        Self(V::load_part(part(x, 0, V::LANES)), V::Half::load_part(part(x, V::LANES, V::Half::LANES)))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::WIDTH];
        self.0.store(to);
        self.1.store(&mut to[V::LANES..]);
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f32]) {
        self.0.store_part(part_mut(to, 0, V::LANES));
        self.1.store_part(part_mut(to, V::LANES, V::Half::LANES));
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }
    #[inline(always)]
    fn add_scaled(self, factor: f32, by: Self) -> Self {
        Self(V::splat(factor).mul_add(by.0, self.0), V::Half::splat(factor).mul_add(by.1, self.1))
    }
    #[inline(always)]
    fn relu(self) -> Self {
        Self(relu(self.0), relu(self.1))
    }
    #[inline(always)]
    fn where_positive(self, saved: Self) -> Self {
        Self(where_positive(self.0, saved.0), where_positive(self.1, saved.1))
    }
}

/// At most `len` values of `x` from `start` on.
#[inline(always)]
fn part(x: &[f32], start: usize, len: usize) -> &[f32] {
    &x[start.min(x.len())..(start + len).min(x.len())]
}

#[inline(always)]
fn part_mut(x: &mut [f32], start: usize, len: usize) -> &mut [f32] {
    let end = (start + len).min(x.len());
    &mut x[start.min(end)..end]
}

/// NaN stays NaN: the second operand of a maximum comes back where the two cannot be compared.
#[inline(always)]
fn relu<V: Vector>(x: V) -> V {
    V::splat(0.0).max(x)
}

#[inline(always)]
fn where_positive<V: Vector>(x: V, saved: V) -> V {
    let zero = V::splat(0.0);
    zero.if_less(saved, x, zero)
}

/// The columns of the next panel where `left` are left: a width that a level with vectors of `lanes` has a tile for.
#[inline(always)]
pub(super) const fn panel_width(lanes: usize, left: usize) -> usize {
    match (lanes, left) {
        (16, 25..) => 32,
        (16, 17..) => 24,
        (_, 9..) => 16,
        _ => 8,
    }
}
