//! Stochastic gradient descent.

use super::{BELOW_ONE, check, check_number, cpu, gpu, reference};
use crate::backend::CpuContext;
use crate::ops::kernel::{ArgSpec, Args, Dispatch, Kernel, Target, Work};
use crate::ops::{ShapeError, schedule};

/// What is optimised and how; [`Sgd::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdSpec {
    /// Members.
    pub fleet: usize,
    /// Parameters a member.
    pub len: usize,
    /// Steps that the schedule has rows for.
    pub steps: usize,
    /// How much of the velocity is kept; 0 for plain descent.
    pub momentum: f64,
    /// Nesterov's look ahead.
    pub nesterov: bool,
    /// Added to the gradient times the parameter.
    pub weight_decay: f64,
    /// The largest norm of the gradient.
    pub clip: Option<f64>,
    /// The gradient is multiplied by a factor of the member's own (`mixed.judge`), which has been clipped already; a
    /// factor of 0 leaves the step out.
    pub scaled: bool,
}

/// A checked step of SGD. Arguments: `p`, `g`, `m` (all `[len]`), `schedule`, and `norm` `[1]` with a clip
/// or `factor` `[1]` if scaled. Without momentum `m` holds the last gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    spec: SgdSpec,
}

impl Sgd {
    /// Checks the shape and the constants.
    ///
    /// # Errors
    /// Names the dimension or the constant.
    pub fn new(spec: SgdSpec) -> Result<Self, ShapeError> {
        check(spec.fleet, spec.len, spec.steps, spec.weight_decay, spec.clip, spec.scaled)?;
        check_number("momentum", spec.momentum, 0.0..=BELOW_ONE)?;
        if spec.nesterov && spec.momentum == 0.0 {
            return Err(ShapeError::mismatch("optimiser", "`nesterov` looks along the momentum, which is 0"));
        }
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &SgdSpec {
        &self.spec
    }
}

impl Kernel for Sgd {
    fn name(&self) -> &'static str {
        "optimiser.sgd"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let SgdSpec { len, steps, clip, scaled, .. } = self.spec;
        let mut args = vec![
            ArgSpec::update("p", len),
            ArgSpec::read("g", len),
            ArgSpec::update("m", len),
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
        Work { flops: 8.0 * elements, bytes: 4.0 * 5.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::sgd(&self.spec, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        cpu::sgd(&self.spec, ctx, args, step);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::sgd(&self.spec)
    }
}
