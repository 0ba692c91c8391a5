//! Losses with their gradients in one pass: cross entropy (softmax fused), binary cross entropy, mean square.
//!
//! With `f_i = w[step, i] * LOSS_SCALE(step)` a batch's row i has, for outputs z of [n, c]:
//! - cross entropy: `loss_i = f_i * (ln sum_k exp(z_ik) - z_i,t_i)`, `dz_ij = f_i * (softmax(z_i)_j - [j == t_i])`;
//! - binary cross entropy with logits: `loss_i = f_i / c * sum_j (p_j t_ij softplus(-z_ij) + (1 - t_ij) softplus(z_ij))`,
//!   `dz_ij = f_i / c * ((1 - t_ij) sigmoid(z_ij) - p_j t_ij sigmoid(-z_ij))`, with `p_j` = 1 unless given;
//! - mean square: `loss_i = f_i / c * sum_j (z_ij - t_ij)^2`, `dz_ij = 2 f_i / c * (z_ij - t_ij)`.
//!
//! A row whose `f_i` is 0 has loss 0 and gradient 0 whatever its outputs are, so that a step which a member does not
//! take cannot bring NaN into it.

mod cases;
mod cpu;
mod gpu;
mod reference;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Tile, Work};
use super::{Case, Op, ShapeError, prelude, schedule};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "loss",
    preludes: &[prelude::GRID, prelude::ACTIVATION, prelude::REDUCE, prelude::SCHEDULE],
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
        "cross entropy, binary cross entropy and mean square, weighted, with their gradients"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LossKind {
    /// One class of c a row; the targets are labels below c. A label of c or more counts as c - 1.
    #[default]
    CrossEntropy,
    /// c independent answers a row, targets from 0 to 1.
    BinaryCrossEntropy {
        /// Whether positive targets have weights of their own, one an output.
        positive_weights: bool,
    },
    /// c numbers a row.
    MeanSquare,
}

/// What is compared; [`Loss::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
/// `[n]`, `dz` [n, c], and `positive` `[c]` if positive targets are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    spec: LossSpec,
}

impl Loss {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or there are too many elements.
    pub fn new(spec: LossSpec) -> Result<Self, ShapeError> {
        let LossSpec { fleet, n, c, steps, .. } = spec;
        ShapeError::positive("loss", &[("fleet", fleet), ("n", n), ("c", c), ("steps", steps)])?;
        ShapeError::countable(
            "loss",
            &[("z", &[fleet, n, c]), ("w", &[fleet, steps, n]), ("schedule", &[fleet, steps, schedule::WIDTH])],
        )?;
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
        let each = if self.kind == LossKind::MeanSquare { 4.0 } else { 25.0 };
        each * self.n as f64 * self.c as f64
    }
}

impl Kernel for Loss {
    fn name(&self) -> &'static str {
        match self.spec.kind {
            LossKind::CrossEntropy => "loss.cross_entropy",
            LossKind::BinaryCrossEntropy { .. } => "loss.bce",
            LossKind::MeanSquare => "loss.mse",
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
        let targets =
            if kind == LossKind::CrossEntropy { ArgSpec::read("t", n).u32() } else { ArgSpec::read("t", n * c) }.rows();
        let mut args = vec![
            ArgSpec::read("z", n * c).rows(),
            targets,
            ArgSpec::read("w", steps * n),
            ArgSpec::read("schedule", steps * schedule::WIDTH),
            ArgSpec::write("loss", n).rows(),
            ArgSpec::write("dz", n * c).rows(),
        ];
        if self.spec.positive_weights() {
            args.push(ArgSpec::read("positive", c));
        }
        args
    }
    fn work(&self) -> Work {
        let LossSpec { fleet, n, c, .. } = self.spec;
        let tensors = if self.spec.kind == LossKind::CrossEntropy { 2 } else { 3 };
        Work { flops: self.spec.flops() * fleet as f64, bytes: 4.0 * fleet as f64 * (n * (tensors * c + 2)) as f64 }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::loss(&self.spec, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.cpu_tile(ctx, args, step, Tile::whole(self.spec.n));
    }
    fn gpu(&self) -> Vec<Dispatch> {
        gpu::loss(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.n)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
        cpu::loss(&self.spec, ctx, args, step, tile);
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
        for (kind, c) in [(LossKind::CrossEntropy, 3), (weighted, 3), (LossKind::MeanSquare, 40), (weighted, 40)] {
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
