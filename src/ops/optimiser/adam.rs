//! Adam and AdamW.

use super::{BELOW_ONE, check, check_number, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Work};
use crate::ops::{ShapeError, schedule};

/// What is optimised and how; [`Adam::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamSpec {
    /// Members.
    pub fleet: usize,
    /// Parameters a member.
    pub len: usize,
    /// Steps that the schedule has rows for.
    pub steps: usize,
    /// How much of the first moment is kept, usually 0.9.
    pub beta1: f64,
    /// How much of the second moment is kept, usually 0.999.
    pub beta2: f64,
    /// Added to the root of the second moment, usually 1e-8.
    pub epsilon: f64,
    /// `AdamW`'s decoupled decay; 0 makes it Adam.
    pub weight_decay: f64,
    /// The largest norm of the gradient.
    pub clip: Option<f64>,
    /// The gradient is multiplied by a factor of the member's own (`mixed.judge`), which has been clipped already; a
    /// factor of 0 leaves the step out.
    pub scaled: bool,
}

impl AdamSpec {
    /// The usual constants, no decay, no clip, for a schedule of `steps` rows.
    pub const fn usual(fleet: usize, len: usize, steps: usize) -> Self {
        Self {
            fleet,
            len,
            steps,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip: None,
            scaled: false,
        }
    }
}

/// A checked step of Adam. Arguments: `p`, `g`, `m`, `v` (all `[len]`), `schedule`, and `norm` `[1]` with a clip or
/// `factor` `[1]` if scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    spec: AdamSpec,
}

impl Adam {
    /// Checks the shape and the constants.
    ///
    /// # Errors
    /// Names the dimension or the constant.
    pub fn new(spec: AdamSpec) -> Result<Self, ShapeError> {
        check(spec.fleet, spec.len, spec.steps, spec.weight_decay, spec.clip, spec.scaled)?;
        check_number("beta1", spec.beta1, 0.0..=BELOW_ONE)?;
        check_number("beta2", spec.beta2, 0.0..=BELOW_ONE)?;
        // In f32 a smaller one would be 0, and 0 / 0 is not a number.
        check_number("epsilon", spec.epsilon, 1e-30..=f64::MAX)?;
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &AdamSpec {
        &self.spec
    }
}

impl Kernel for Adam {
    fn name(&self) -> &'static str {
        "optimiser.adam"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let AdamSpec { len, steps, clip, scaled, .. } = self.spec;
        let mut args = vec![
            ArgSpec::update("p", len),
            ArgSpec::read("g", len),
            ArgSpec::update("m", len),
            ArgSpec::update("v", len),
            ArgSpec::read("schedule", steps * schedule::WIDTH),
        ];
        if clip.is_some() {
            args.push(ArgSpec::read("norm", 1));
        }
        if scaled {
            args.push(ArgSpec::read("factor", 1));
        }
        args
    }
    fn work(&self) -> Work {
        let elements = (self.spec.fleet * self.spec.len) as f64;
        Work { flops: 15.0 * elements, bytes: 4.0 * 7.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::adam(&self.spec, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::adam(&self.spec, ctx, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::adam(&self.spec)
    }
}
