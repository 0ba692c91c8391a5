//! Optimisers: Adam (AdamW's decoupled decay) and SGD with momentum, as PyTorch documents them.
//!
//! Adam: `p = p * (1 - rate * decay)`, `m = beta1 * m + (1 - beta1) * g`, `v = beta2 * v + (1 - beta2) * g^2`,
//! `p = p - rate * (m * CORRECTION_1) / (sqrt(v * CORRECTION_2) + epsilon)`.
//! SGD: `d = g + decay * p`, `m = momentum * m + d`, `p = p - rate * (nesterov ? d + momentum * m : m)`.
//!
//! The learning rate and the corrections come from the schedule's row; a step that is not `ACTIVE` changes nothing. With
//! a clip, g is first multiplied by `min(1, clip / (sqrt(norm) + 1e-6))`, `norm` being the sum of the squares of *all*
//! gradients of the member (`reduce.sum_squares`). If scaled, it is multiplied by a factor that `mixed.judge` gave; a
//! factor of 0 leaves the step out.

mod adam;
mod all;
mod cases;
mod cpu;
mod gpu;
mod reference;
mod sgd;
#[cfg(test)]
mod tests;

use super::kernel::Shader;
use super::{Case, Op, ShapeError, prelude, schedule};

pub use adam::{Adam, AdamSpec};
pub use all::{MoveAll, Rule};
pub use sgd::{Sgd, SgdSpec};

const SHADER: Shader = Shader {
    name: "optimiser",
    preludes: &[prelude::GRID, prelude::SCHEDULE],
    source: include_str!("../../../shaders/ops/optimiser.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct OptimiserOp;

impl Op for OptimiserOp {
    fn name(&self) -> &'static str {
        "optimiser"
    }
    fn summary(&self) -> &'static str {
        "Adam, AdamW and SGD with momentum, gradients clipped by their norm"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Checks what both optimisers share.
fn check(
    fleet: usize,
    len: usize,
    steps: usize,
    weight_decay: f64,
    clip: Option<f64>,
    scaled: bool,
) -> Result<(), ShapeError> {
    if let Some(clip) = clip.filter(|_| scaled) {
        let reason = format!("`clip` is {clip}, expected none where the gradient's factor is given");
        return Err(ShapeError::mismatch("optimiser", reason));
    }
    ShapeError::positive("optimiser", &[("fleet", fleet), ("len", len), ("steps", steps)])?;
    ShapeError::countable("optimiser", &[("p", &[fleet, len]), ("schedule", &[fleet, steps, schedule::WIDTH])])?;
    check_number("weight_decay", weight_decay, 0.0..=f64::MAX)?;
    check_number("clip", clip.unwrap_or(1.0), f64::MIN_POSITIVE..=f64::MAX)
}

fn check_number(name: &str, value: f64, allowed: std::ops::RangeInclusive<f64>) -> Result<(), ShapeError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let (from, to) = (allowed.start(), allowed.end());
    Err(ShapeError::mismatch("optimiser", format!("`{name}` is {value}, expected {from:e} to {to:e}")))
}

/// The largest momentum or beta: 1 would forget nothing.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON;
