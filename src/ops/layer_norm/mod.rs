//! Layer normalisation over the last axis (Ba, Kiros and Hinton 2016), with an optional sum in front.
//!
//! `y[r, j] = (s[r, j] - mean_r) * rstd_r * gamma[j] + beta[j]` with `s = x`, or `s = a + b` where the residual stream
//! goes on (then s is written too); the mean and the variance are those of row r of s, `rstd = 1 / sqrt(var + epsilon)`.
//!
//! Backward, with `xhat = (s - mean) * rstd` and `g = dy * gamma`: `dbeta = sum_r dy`, `dgamma = sum_r dy * xhat`,
//! `dx = rstd * (g - mean_j(g) - xhat * mean_j(g * xhat))`, to which the residual form adds the gradient `ds` that
//! reaches s by other ways.
//!
//! The mean comes first and then the squared distances from it (two passes). Sums over rows are taken in fixed chunks
//! that are added in order.

mod backward;
mod cases;
mod cpu;
mod forward;
mod gpu;
mod reference;

pub use backward::LayerNormBackward;
pub use forward::LayerNorm;

use super::kernel::{ArgSpec, Shader, Work};
use super::{Case, Op, ShapeError, prelude};

const SHADER: Shader = Shader {
    name: "layer_norm",
    preludes: &[prelude::GRID],
    source: include_str!("../../../shaders/ops/layer_norm.wgsl"),
};

/// Rows whose sums are kept together: a rule of the shape alone.
const CHUNK_ROWS: usize = 128;

/// The registry's entry.
#[derive(Debug)]
pub struct LayerNormOp;

impl Op for LayerNormOp {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn summary(&self) -> &'static str {
        "y[f,r,j] = (s[f,r,j] - mean[f,r]) * rstd[f,r] * gamma[f,j] + beta[f,j], s = x or a + b"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is normalised; [`LayerNorm::new`] and [`LayerNormBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormSpec {
    /// Members.
    pub fleet: usize,
    /// Samples of a member: the batch's rows.
    pub n: usize,
    /// Rows of a sample.
    pub positions: usize,
    /// Values that are normalised together.
    pub c: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Forward: the input is the sum of two, which is written too. Backward: the sum's own gradient is added. Either
    /// kernel may be used without the other's being residual.
    pub residual: bool,
}

impl Default for LayerNormSpec {
    /// One value, PyTorch's epsilon, no sum.
    fn default() -> Self {
        Self { fleet: 1, n: 1, positions: 1, c: 1, epsilon: 1e-5, residual: false }
    }
}

impl LayerNormSpec {
    fn check(&self) -> Result<(), ShapeError> {
        const OP: &str = "layer_norm";
        let Self { fleet, n, positions, c, epsilon, .. } = *self;
        ShapeError::positive(OP, &[("fleet", fleet), ("n", n), ("positions", positions), ("c", c)])?;
        ShapeError::countable(OP, &[("x", &[fleet, n, positions, c]), ("partial sums", &[fleet, self.scratch_len()])])?;
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(ShapeError::mismatch(OP, format!("epsilon {epsilon}, expected a number above 0")));
        }
        Ok(())
    }

    /// Rows of a member.
    const fn rows(&self) -> usize {
        self.n * self.positions
    }

    /// Words of a member's input.
    const fn len(&self) -> usize {
        self.rows() * self.c
    }

    const fn chunks(&self) -> usize {
        self.rows().div_ceil(CHUNK_ROWS)
    }

    /// A row of dgamma and one of dbeta a chunk.
    const fn scratch_len(&self) -> usize {
        self.chunks() * 2 * self.c
    }

    fn values(&self, name: &'static str) -> ArgSpec {
        ArgSpec::read(name, self.len()).rows()
    }

    fn results(&self, name: &'static str) -> ArgSpec {
        ArgSpec::write(name, self.len()).rows()
    }

    fn work(&self, flops_each: f64, tensors: usize) -> Work {
        let elements = self.fleet as f64 * self.len() as f64;
        let other = self.fleet * (2 * self.rows() + 2 * self.c);
        Work { flops: flops_each * elements, bytes: 4.0 * (tensors as f64 * elements + other as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerNorm, LayerNormSpec};
    use crate::ops::ShapeError;

    #[test]
    fn e7_layer_norm_refuses_impossible_shapes() {
        for epsilon in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let refused = LayerNorm::new(LayerNormSpec { epsilon, ..LayerNormSpec::default() });
            assert!(matches!(refused, Err(ShapeError::Mismatch { op: "layer_norm", .. })), "{refused:?}");
        }
        let refused = LayerNorm::new(LayerNormSpec { c: 0, ..LayerNormSpec::default() });
        assert_eq!(refused, Err(ShapeError::Zero { op: "layer_norm", dimension: "c" }));
    }
}
