//! Mean and covariance of rows.
//!
//! `mean[f, i] = sum_r x[f, r, i] / n` and
//! `cov[f, i, j] = sum_r (x[f, r, i] - mean[f, i]) (x[f, r, j] - mean[f, j]) / (n - 1)`.
//!
//! Rows are centred before they are multiplied, so that values far from 0 lose nothing; for the same reason the means are
//! summed from the first row on, and once more from the mean that this gives. Both devices cut the rows into the same pieces, a rule of the shape alone, whose
//! sums are added in their order; within a piece, sums of `BLOCK_ROWS` rows are taken one after the other, so that no
//! long chain of additions rounds away small terms. Only the upper triangle is computed; the lower one mirrors it.
//!
//! CPU: a task a piece; 64 columns of a block are centred once into a padded buffer, then 4 columns x 64 columns in
//! registers. GPU: a workgroup for each piece and each pair of 64-column tiles of the upper triangle.

mod cases;
mod cpu;
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;

/// Rows whose products are summed in one chain.
const BLOCK_ROWS: usize = 128;

/// The most pieces.
const PIECES_MAX: usize = 64;

/// The most words of the pieces' sums a member, unless one piece alone needs more.
const CELLS_MAX: usize = 1 << 22;

const SHADER: Shader = Shader {
    name: "covariance",
    preludes: &[prelude::GRID],
    source: include_str!("../../../shaders/ops/covariance.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct CovarianceOp;

impl Op for CovarianceOp {
    fn name(&self) -> &'static str {
        "covariance"
    }
    fn summary(&self) -> &'static str {
        "cov[f,i,j] = sum_r (x[f,r,i] - mean[f,i]) (x[f,r,j] - mean[f,j]) / (n - 1)"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Rows; [`Covariance::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CovarianceSpec {
    /// Members.
    pub fleet: usize,
    /// Rows, at least 2.
    pub n: usize,
    /// Columns.
    pub d: usize,
}

/// Checked rows. Arguments: `x` [n, d], `mean` `[d]`, `cov` [d, d], scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covariance {
    spec: CovarianceSpec,
}

impl Covariance {
    /// Checks that there are two rows at least and that everything can be counted.
    ///
    /// # Errors
    /// Names the dimension.
    pub fn new(spec: CovarianceSpec) -> Result<Self, ShapeError> {
        let CovarianceSpec { fleet, n, d } = spec;
        ShapeError::positive("covariance", &[("fleet", fleet), ("n", n), ("d", d)])?;
        if n < 2 {
            return Err(ShapeError::mismatch("covariance", format!("expected at least 2 rows, found {n}")));
        }
        ShapeError::countable("covariance", &[("x", &[fleet, n, d]), ("cov", &[fleet, d, d])])?;
        let new = Self { spec };
        ShapeError::countable("covariance", &[("scratch", &[fleet, new.pieces().0, d, d + 1])])?;
        Ok(new)
    }

    /// What was asked for.
    pub const fn spec(&self) -> &CovarianceSpec {
        &self.spec
    }

    /// How many pieces of rows there are, and how long each is.
    fn pieces(&self) -> (usize, usize) {
        let CovarianceSpec { n, d, .. } = self.spec;
        let affordable = (CELLS_MAX / d.saturating_mul(d + 1)).clamp(1, PIECES_MAX);
        let rows = n.div_ceil(affordable).next_multiple_of(2 * BLOCK_ROWS);
        (n.div_ceil(rows), rows)
    }
}

impl Kernel for Covariance {
    fn name(&self) -> &'static str {
        "covariance"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let CovarianceSpec { n, d, .. } = self.spec;
        vec![
            ArgSpec::read("x", n * d),
            ArgSpec::write("mean", d),
            ArgSpec::write("cov", d * d),
            ArgSpec::scratch("scratch", self.pieces().0 * d * (d + 1)),
        ]
    }
    fn work(&self) -> Work {
        let CovarianceSpec { fleet, n, d } = self.spec;
        Work {
            flops: (fleet * n) as f64 * (d * (d + 1)) as f64,
            bytes: 4.0 * fleet as f64 * (n * d + d * d + d) as f64,
        }
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::covariance(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::covariance(self, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::dispatches(self)
    }
}
