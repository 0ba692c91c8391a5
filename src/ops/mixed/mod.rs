//! Mixed precision: what training with f16 storage needs besides the kernels that it shares with f32.
//!
//! * `mixed.round`: `y = x`. The plan holds `y` as f16, so that the passes read weights rounded to f16 while the optimiser
//!   moves the f32 masters.
//! * `mixed.scale`: `y = x * scale`. The gradient of the loss is scaled up, so that what follows from it does not vanish
//!   in f16 (Micikevicius and others, Mixed precision training, ICLR 2018).
//! * `mixed.judge`: given the sum of squares of all gradients, all still scaled. If it is finite, the optimiser gets
//!   `factor = min(1, clip / (norm / scale + 1e-6)) / scale`, and after 200 such steps in a row the scale doubles. If it is
//!   not, a gradient has overflowed: `factor` is 0, which makes the optimiser leave the step out, and the scale is halved.
//!   The schedule goes on all the same: its learning rates and Adam's corrections count the step.
//!
//! The scale is `2^(15 + EXPONENT)`, a power of two, so that scaling loses no bit; it stays within 2^-14 and 2^24. Its
//! state is three numbers a member, whose start is all zeros: nothing has to be uploaded before the first step, and a
//! checkpoint keeps the scale with the weights.

mod cases;
mod cpu;
mod gpu;
mod judge;
mod reference;
#[cfg(test)]
mod tests;
mod values;

use super::kernel::Shader;
use super::{Case, Op, prelude};

pub use judge::{Judge, JudgeSpec};
pub use values::{Round, RoundSpec, Scale, ScaleSpec};

const SHADER: Shader = Shader {
    name: "mixed",
    preludes: &[prelude::GRID, prelude::SCHEDULE],
    source: include_str!("../../../shaders/ops/mixed.wgsl"),
};

/// Values a member of the scale's state.
pub const STATE: usize = 3;
/// By how many doublings the scale differs from its first value.
pub const EXPONENT: usize = 0;
/// Good steps since the scale last changed.
pub const GOOD: usize = 1;
/// Steps that were left out since training began.
pub const SKIPPED: usize = 2;

/// The first scale is 2 to this power.
const FIRST: i32 = 15;
/// The smallest and the largest power.
const POWERS: std::ops::RangeInclusive<i32> = -14..=24;
/// Good steps in a row after which the scale doubles.
const PATIENCE: f32 = 200.0;

/// The power of two that a state's scale is.
fn power(exponent: f64) -> i32 {
    (FIRST + exponent as i32).clamp(*POWERS.start(), *POWERS.end())
}

/// The scale of a state.
pub fn scale_of(state: &[f32]) -> f32 {
    f32::from_bits((127 + power(f64::from(state[EXPONENT]))).cast_unsigned() << 23)
}

/// The registry's entry.
#[derive(Debug)]
pub struct MixedOp;

impl Op for MixedOp {
    fn name(&self) -> &'static str {
        "mixed"
    }
    fn summary(&self) -> &'static str {
        "y = x held as f16; gradients times a scale; steps whose gradients overflow are left out"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}
