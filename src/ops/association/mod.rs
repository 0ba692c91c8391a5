//! What pairs of an attention block's positions have to say to each other.
//!
//! `qkv` [n, l, 3 d] is what [`super::attention`] reads. For head h the weights are attention's own, recomputed and kept:
//! `a_ij = exp(s_ij) / sum_k exp(s_ik)` with `s_ij = q_i . k_j / sqrt(d / heads)`. The pair i < j has the context
//! `c_ij = a_ij v_j + a_ji v_i`, heads side by side: d values. y holds the l positions of x, then the contexts in the
//! order (0, 1), (0, 2), ..., (1, 2), ...
//!
//! Backward: `dx` is the part of dy that belongs to x. With dc_ij the part of a pair, `da_ij = dc_ij . v_j`,
//! `da_ji = dc_ij . v_i`, `da_ii = 0` and `ds_ij = a_ij (da_ij - sum_k a_ik da_ik)`:
//! `dq_i = sum_j ds_ij k_j / sqrt(d / heads)`, `dk_j = sum_i ds_ij q_i / sqrt(d / heads)`, `dv_j = sum_(i != j) a_ij dc_ij`.
//!
//! The number of contexts grows with the square of l, so that only short sequences make sense: at most 64 positions.

mod backward;
mod cases;
mod cpu;
mod forward;
mod gpu;
mod reference;

pub use backward::AssociationBackward;
pub use forward::Association;

use super::kernel::{ArgSpec, Shader};
use super::{Case, Op, ShapeError, prelude};

const SHADER: Shader = Shader {
    name: "association",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/association.wgsl"),
};

/// The most positions: what the CPU's backward kernel holds of a row.
pub const POSITIONS_MAX: usize = 64;

/// The registry's entry.
#[derive(Debug)]
pub struct AssociationOp;

impl Op for AssociationOp {
    fn name(&self) -> &'static str {
        "association"
    }
    fn summary(&self) -> &'static str {
        "y[f,n,l+(i,j),h] = a[f,n,h,i,j] v[f,n,j,h] + a[f,n,h,j,i] v[f,n,i,h], a = softmax(q k^T / sqrt(d / heads))"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Whose pairs; [`Association::new`] and [`AssociationBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociationSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member: the batch's rows.
    pub n: usize,
    /// Positions of a sample.
    pub l: usize,
    /// Values of a position: all heads together.
    pub d: usize,
    /// Heads; d is a multiple of it.
    pub heads: usize,
}

impl AssociationSpec {
    fn check(&self) -> Result<(), ShapeError> {
        const OP: &str = "association";
        let Self { fleet, n, l, d, heads } = *self;
        ShapeError::positive(OP, &[("fleet", fleet), ("n", n), ("d", d), ("heads", heads)])?;
        if !(2..=POSITIONS_MAX).contains(&l) {
            return Err(ShapeError::mismatch(OP, format!("{l} positions, expected 2 to {POSITIONS_MAX}")));
        }
        if !d.is_multiple_of(heads) {
            return Err(ShapeError::mismatch(OP, format!("{d} values do not divide into {heads} heads")));
        }
        ShapeError::countable(
            OP,
            &[("qkv", &[fleet, n, l, 3, d]), ("y", &[fleet, n, self.places(), d]), ("a", &[fleet, n, heads, l, l])],
        )
    }

    /// Values of a head.
    const fn head(&self) -> usize {
        self.d / self.heads
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.head() as f32).sqrt()
    }

    /// Positions and pairs.
    const fn places(&self) -> usize {
        self.l + self.l * (self.l - 1) / 2
    }

    /// The place of the pair i < j among them.
    const fn place(&self, i: usize, j: usize) -> usize {
        self.l + i * (2 * self.l - i - 1) / 2 + j - i - 1
    }

    /// Floating-point operations of a sample's products of so many kinds, and of its exponentials.
    fn flops(&self, products: f64) -> f64 {
        let pairs = (self.heads * self.l * self.l) as f64;
        pairs * (2.0 * products * self.head() as f64 + 20.0)
    }

    fn qkv(&self) -> ArgSpec {
        ArgSpec::read("qkv", self.n * self.l * 3 * self.d).rows()
    }

    const fn x_len(&self) -> usize {
        self.n * self.l * self.d
    }

    const fn y_len(&self) -> usize {
        self.n * self.places() * self.d
    }

    const fn weights_len(&self) -> usize {
        self.n * self.heads * self.l * self.l
    }
}

#[cfg(test)]
mod tests {
    use super::{Association, AssociationSpec};
    use crate::ops::testing::assert_same_bits_on_any_number_of_threads;

    #[test]
    fn i4_associations_need_pairs_and_heads_that_fit() {
        let spec = AssociationSpec { fleet: 1, n: 2, l: 3, d: 10, heads: 2 };
        Association::new(spec).expect("a right shape");
        for (l, expected) in [(1, "association: 1 positions, expected 2 to 64"), (65, "association: 65 positions,")] {
            let refused = Association::new(AssociationSpec { l, ..spec }).expect_err("too few or many").to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
        let refused = Association::new(AssociationSpec { heads: 3, ..spec }).expect_err("10 into 3");
        assert_eq!(refused.to_string(), "association: 10 values do not divide into 3 heads");
    }

    #[test]
    fn i4_pairs_are_in_order_behind_the_positions() {
        let spec = AssociationSpec { fleet: 1, n: 1, l: 4, d: 1, heads: 1 };
        let pairs = (0..4).flat_map(|i| (i + 1..4).map(move |j| (i, j)));
        assert_eq!(pairs.map(|(i, j)| spec.place(i, j)).collect::<Vec<_>>(), (4..10).collect::<Vec<_>>());
        assert_eq!(spec.places(), 10);
    }

    #[test]
    fn e10_associations_have_the_same_bits_on_any_number_of_threads() {
        super::cases::cases().iter().filter(|c| c.tested).for_each(assert_same_bits_on_any_number_of_threads);
    }
}
