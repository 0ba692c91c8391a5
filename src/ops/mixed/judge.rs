//! Whether a step counts, and what becomes of the scale.

use super::{STATE, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Work};
use crate::ops::{ShapeError, schedule};

/// What is judged; [`Judge::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgeSpec {
    /// Members.
    pub fleet: usize,
    /// Steps that the schedule has rows for.
    pub steps: usize,
    /// The largest norm of the gradient, scaled back.
    pub clip: Option<f64>,
}

/// Judges a step by the sum of squares of its scaled gradients. Arguments: `norm` `[1]`, `schedule`, `state` [`STATE`],
/// `factor` `[1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judge {
    pub(super) spec: JudgeSpec,
}

impl Judge {
    /// Checks the shape and the clip.
    ///
    /// # Errors
    /// If a dimension is 0, there are too many elements, or the clip is not above 0.
    pub fn new(spec: JudgeSpec) -> Result<Self, ShapeError> {
        let JudgeSpec { fleet, steps, clip } = spec;
        ShapeError::positive("mixed", &[("fleet", fleet), ("steps", steps)])?;
        ShapeError::countable("mixed", &[("schedule", &[fleet, steps, schedule::WIDTH]), ("state", &[fleet, STATE])])?;
        if let Some(clip) = clip.filter(|clip| !(clip.is_finite() && *clip > 0.0)) {
            return Err(ShapeError::mismatch("mixed", format!("clip {clip}, expected a number above 0")));
        }
        Ok(Self { spec })
    }
}

impl Kernel for Judge {
    fn name(&self) -> &'static str {
        "mixed.judge"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            ArgSpec::read("norm", 1),
            ArgSpec::read("schedule", self.spec.steps * schedule::WIDTH),
            ArgSpec::update("state", STATE),
            ArgSpec::write("factor", 1),
        ]
    }
    fn work(&self) -> Work {
        let members = self.spec.fleet as f64;
        Work { flops: 6.0 * members, bytes: 4.0 * 9.0 * members }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::judge(&self.spec, args, step);
    }
    fn cpu(&self, _ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::judge(&self.spec, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::judge(&self.spec)
    }
}
