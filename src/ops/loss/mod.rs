//! Losses with their gradients: cross entropy (softmax fused), of one output or of several read-outs, binary cross
//! entropy, mean square, 1 - Pearson.
//!
//! With `f_i = w[step, i] * LOSS_SCALE(step)` a batch's row i has, for outputs z of [n, c]:
//! - cross entropy: `loss_i = f_i * (ln sum_k exp(z_ik) - z_i,t_i)`, `dz_ij = f_i * (softmax(z_i)_j - [j == t_i])`;
//! - read-outs: z_i is p rows of c / p logits, and the row's label is that of each. The loss is the cross entropy of the
//!   first plus `auxiliary` times the mean of the others' (nothing, if there are none), gradients alike;
//! - binary cross entropy with logits: `loss_i = f_i / c * sum_j (p_j t_ij softplus(-z_ij) + (1 - t_ij) softplus(z_ij))`,
//!   `dz_ij = f_i / c * ((1 - t_ij) sigmoid(z_ij) - p_j t_ij sigmoid(-z_ij))`, with `p_j` = 1 unless given;
//! - mean square: `loss_i = f_i / c * sum_j (z_ij - t_ij)^2`, `dz_ij = 2 f_i / c * (z_ij - t_ij)`;
//! - 1 - Pearson: with `f = sum_i f_i`, means `mz_j = sum_i f_i z_ij / f` and `mt_j` alike, sums about them
//!   `vz_j = sum_i f_i (z_ij - mz_j)^2`, `vt_j` alike and `cov_j = sum_i f_i (z_ij - mz_j) (t_ij - mt_j)`, the correlation
//!   is `r_j = cov_j / sqrt(vz_j vt_j)`, and
//!   `loss_i = f_i / c * sum_j (1 - r_j)`,
//!   `dz_ij = f f_i / c * (r_j (z_ij - mz_j) / vz_j - (t_ij - mt_j) / sqrt(vz_j vt_j))`.
//!   A column is flat if `vz_j <= f (1e-12 mz_j^2 + 1e-30)`, which is what f32 makes of equal values, or if its targets
//!   are: then its loss is 1 and its gradient 0, unless an output is NaN. This loss needs all of a batch's rows, so a
//!   batch is not cut into tiles.
//!
//! A row whose `f_i` is 0 has loss 0 and gradient 0 whatever its outputs are, so that a step which a member does not
//! take cannot bring NaN into it.

mod cases;
mod cpu;
mod gpu;
mod pearson;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::{Case, Op, ShapeError, prelude, schedule};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "loss",
    preludes: &[prelude::GRID, prelude::ACTIVATION, prelude::REDUCE, prelude::SCHEDULE, prelude::LOSS],
    source: include_str!("../../../shaders/ops/loss.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct LossOp;

impl Op for LossOp {
    fn name(&self) -> &'static str {
        "loss"
    }
    fn summary(&self) -> &'static str {
        "cross entropy (of read-outs too), binary cross entropy, mean square, 1 - Pearson, weighted, with their gradients"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum LossKind {
    /// One class of c a row; the targets are labels below c. A label of c or more counts as c - 1.
    #[default]
    CrossEntropy,
    /// The same of several read-outs: c is so many classes for each, and all are to give the row's label.
    ReadOuts {
        /// How many there are.
        positions: usize,
        /// What the mean loss of all but the first counts.
        auxiliary: f32,
    },
    /// c independent answers a row, targets from 0 to 1.
    BinaryCrossEntropy {
        /// Whether positive targets have weights of their own, one an output.
        positive_weights: bool,
    },
    /// c numbers a row.
    MeanSquare,
    /// c numbers a row, of which only the course over the batch's rows counts.
    Pearson,
}

/// What is compared; [`Loss::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of a batch.
    pub n: usize,
    /// Outputs a row.
    pub c: usize,
    /// Steps that the tables have rows for.
    pub steps: usize,
    /// Which loss.
    pub kind: LossKind,
}

/// A checked loss. Arguments: `z` [n, c], `t` (`[n]` labels as u32, or [n, c] values), `w` [steps, n], `schedule`, `loss`
/// `[n]`, `dz` [n, c]; then `positive` `[c]` if positive targets are weighted, or scratch for 1 - Pearson.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    spec: LossSpec,
}

impl Loss {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the outputs do not divide into the read-outs.
    pub fn new(spec: LossSpec) -> Result<Self, ShapeError> {
        let LossSpec { fleet, n, c, steps, kind } = spec;
        ShapeError::positive("loss", &[("fleet", fleet), ("n", n), ("c", c), ("steps", steps)])?;
        ShapeError::countable(
            "loss",
            &[("z", &[fleet, n, c]), ("w", &[fleet, steps, n]), ("schedule", &[fleet, steps, schedule::WIDTH])],
        )?;
        if let LossKind::ReadOuts { positions, auxiliary } = kind {
            if positions == 0 || !c.is_multiple_of(positions) {
                let reason = format!("{c} outputs do not divide into {positions} read-outs");
                return Err(ShapeError::mismatch("loss", reason));
            }
            if !auxiliary.is_finite() || auxiliary < 0.0 {
                let reason = format!("expected an auxiliary weight of at least 0, found {auxiliary}");
                return Err(ShapeError::mismatch("loss", reason));
            }
        }
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &LossSpec {
        &self.spec
    }
}

impl LossSpec {
    const fn positive_weights(&self) -> bool {
        matches!(self.kind, LossKind::BinaryCrossEntropy { positive_weights: true })
    }

    /// About 25 operations a value where there is an exponential.
    fn flops(&self) -> f64 {
        let each = match self.kind {
            LossKind::MeanSquare => 4.0,
            LossKind::Pearson => 18.0,
            LossKind::CrossEntropy | LossKind::ReadOuts { .. } | LossKind::BinaryCrossEntropy { .. } => 25.0,
        };
        each * self.n as f64 * self.c as f64
    }

    fn values(&self) -> usize {
        self.n * self.c
    }

    /// Whether the targets are labels.
    const fn labels(&self) -> bool {
        matches!(self.kind, LossKind::CrossEntropy | LossKind::ReadOuts { .. })
    }

    /// Read-outs of a row, and what each but the first counts.
    const fn read_outs(&self) -> (usize, f32) {
        match self.kind {
            LossKind::ReadOuts { positions: 1, .. } => (1, 0.0),
            LossKind::ReadOuts { positions, auxiliary } => (positions, auxiliary / (positions - 1) as f32),
            _ => (1, 0.0),
        }
    }
}

/// Whether values with this mean and this sum of squared distances from it, weights adding up to `total`, are all equal as
/// far as f32 can tell. NaN is not.
fn is_flat(squares: f64, mean: f64, total: f64) -> bool {
    squares <= total * (1e-12 * mean * mean + 1e-30)
}

impl Kernel for Loss {
    fn name(&self) -> &'static str {
        match self.spec.kind {
            LossKind::CrossEntropy => "loss.cross_entropy",
            LossKind::ReadOuts { .. } => "loss.read_outs",
            LossKind::BinaryCrossEntropy { .. } => "loss.bce",
            LossKind::MeanSquare => "loss.mse",
            LossKind::Pearson => "loss.pearson",
        }
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let LossSpec { n, c, steps, kind, .. } = self.spec;
        let values = self.spec.values();
        let targets = if self.spec.labels() { ArgSpec::read("t", n).u32() } else { ArgSpec::read("t", values) };
        let mut args = vec![
            ArgSpec::read("z", values).rows(),
            targets.rows(),
            ArgSpec::read("w", steps * n),
            ArgSpec::read("schedule", steps * schedule::WIDTH),
            ArgSpec::write("loss", n).rows(),
            ArgSpec::write("dz", values).rows(),
        ];
        if self.spec.positive_weights() {
            args.push(ArgSpec::read("positive", c));
        }
        if kind == LossKind::Pearson {
            args.push(ArgSpec::scratch("scratch", c));
        }
        args
    }
    fn work(&self) -> Work {
        let LossSpec { fleet, n, c, .. } = self.spec;
        let tensors = if self.spec.labels() { 2 } else { 3 };
        Work { flops: self.spec.flops() * fleet as f64, bytes: 4.0 * fleet as f64 * (n * (tensors * c + 2)) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::loss(&self.spec, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        if self.spec.kind == LossKind::Pearson {
            pearson::loss(&self.spec, args, step);
        } else {
            cpu::loss(&self.spec, ctx, args, step, Tile::whole(self.spec.n));
        }
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::loss(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        (self.spec.kind != LossKind::Pearson).then_some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
        if self.spec.kind == LossKind::Pearson {
            pearson::loss(&self.spec, args, step);
        } else {
            cpu::loss(&self.spec, ctx, args, step, tile);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Loss, LossKind, LossSpec};
    use crate::ops::testing::{backends, bits, floats, run};
    use crate::ops::{Kernel, schedule};

    #[test]
    fn e13_a_step_not_taken_hides_even_outputs_that_are_not_finite() {
        let weighted = LossKind::BinaryCrossEntropy { positive_weights: true };
        for (kind, c) in [
            (LossKind::CrossEntropy, 3),
            (LossKind::ReadOuts { positions: 4, auxiliary: 0.5 }, 12),
            (LossKind::ReadOuts { positions: 2, auxiliary: 0.5 }, 40),
            (weighted, 3),
            (LossKind::MeanSquare, 40),
            (weighted, 40),
            (LossKind::Pearson, 9),
        ] {
            let kernel = Loss::new(LossSpec { fleet: 1, n: 2, c, steps: 3, kind }).expect("a right shape");
            let mut content: Vec<Vec<u32>> = kernel.args().iter().map(|arg| vec![0; arg.len]).collect();
            content[0].fill(f32::NAN.to_bits());
            content[2].fill(1.0_f32.to_bits());
            content[3] = bits(&schedule::sample(2));
            for backend in backends() {
                let idle = run(kernel, &backend, 2, &content);
                assert!(floats(&idle[4]).iter().chain(&floats(&idle[5])).all(|&v| v == 0.0), "{}", kernel.name());
                let active = run(kernel, &backend, 0, &content);
                assert!(floats(&active[4]).iter().all(|v| v.is_nan()), "{}: NaN must show", kernel.name());
            }
        }
    }
}
