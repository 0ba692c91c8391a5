//! Activations: y = act(x), and dx = dy * act'(x).
//!
//! The backward kernel reads what the forward one leaves behind: the output `y` for relu, tanh and sigmoid, whose slope
//! is a function of it, and the input `x` for gelu ([`Activation::saves_output`]). All are elementwise; a member's
//! values have any shape.

mod cases;
mod cpu;
mod functions;
mod gpu;
mod in_place;
mod reference;

use serde::{Deserialize, Serialize};

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Work};
use super::{Case, Op, ShapeError, prelude};
use crate::backend::CpuContext;
pub(super) use in_place::{InPlace, MaskInPlace};

const SHADER: Shader = Shader {
    name: "activation",
    preludes: &[prelude::GRID, prelude::ACTIVATION],
    source: include_str!("../../../shaders/ops/activation.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct ActivationOp;

impl Op for ActivationOp {
    fn name(&self) -> &'static str {
        "activation"
    }
    fn summary(&self) -> &'static str {
        "y = act(x) and dx = dy * act'(x) for relu, gelu, tanh, sigmoid"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// Elementwise functions that matmul and convolution can fuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// y = x
    #[default]
    None,
    /// y = max(x, 0)
    Relu,
    /// y = x * Phi(x), in its tanh form
    Gelu,
    /// y = tanh(x)
    Tanh,
    /// y = 1 / (1 + e^-x)
    Sigmoid,
}

impl Activation {
    /// The activations that are functions of their own.
    pub const ALL: [Self; 4] = [Self::Relu, Self::Gelu, Self::Tanh, Self::Sigmoid];

    /// The number that the shaders know it by.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Its name in job files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// Whether the slope is a function of the output y; else it is one of the input x.
    pub const fn saves_output(self) -> bool {
        !matches!(self, Self::Gelu)
    }

    /// y = act(x) in f64: the oracle.
    pub fn reference(self, x: f64) -> f64 {
        reference::activate(self, x)
    }

    /// act' in f64, from what [`Activation::saves_output`] says.
    pub fn reference_slope(self, saved: f64) -> f64 {
        reference::slope(self, saved)
    }
}

/// What is activated; [`Activate::new`] and [`ActivateBackward::new`] check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActivateSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the batch; 1 if the values belong to none.
    pub rows: usize,
    /// Values a member, all rows together.
    pub len: usize,
    /// The function.
    pub activation: Activation,
}

impl ActivateSpec {
    fn check(&self) -> Result<(), ShapeError> {
        let Self { fleet, rows, len, activation } = *self;
        ShapeError::positive("activation", &[("fleet", fleet), ("rows", rows), ("len", len)])?;
        ShapeError::countable("activation", &[("x", &[fleet, len])])?;
        if !len.is_multiple_of(rows) {
            return Err(ShapeError::mismatch("activation", format!("{len} values are not {rows} equal rows")));
        }
        if activation == Activation::None {
            return Err(ShapeError::mismatch("activation", "`none` leaves its input alone and needs no kernel"));
        }
        Ok(())
    }

    /// Tanh and exp cost about 20 operations.
    fn work(&self, tensors: f64) -> Work {
        let elements = (self.fleet * self.len) as f64;
        Work { flops: self.flops() * self.fleet as f64, bytes: 4.0 * tensors * elements }
    }

    fn flops(&self) -> f64 {
        let each = if self.activation == Activation::Relu { 1.0 } else { 20.0 };
        each * self.len as f64
    }
}

/// y = act(x). Arguments: `x`, `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activate {
    spec: ActivateSpec,
}

impl Activate {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or too large, or the activation is `none`.
    pub fn new(spec: ActivateSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![ArgSpec::read("x", self.spec.len).rows(), ArgSpec::write("y", self.spec.len).rows()]
    }
    fn work(&self) -> Work {
        self.spec.work(2.0)
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::forward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::forward(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::forward(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.rows)
    }
}

/// dx = dy * act'. Arguments: `dy`, `saved`, `dx`; `saved` is y, or x where [`Activation::saves_output`] is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivateBackward {
    spec: ActivateSpec,
}

impl ActivateBackward {
    /// Checks the shape.
    ///
    /// # Errors
    /// If a dimension is 0 or too large, or the activation is `none`.
    pub fn new(spec: ActivateSpec) -> Result<Self, ShapeError> {
        spec.check()?;
        Ok(Self { spec })
    }
}

impl Kernel for ActivateBackward {
    fn name(&self) -> &'static str {
        "activation.backward"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        let len = self.spec.len;
        vec![ArgSpec::read("dy", len).rows(), ArgSpec::read("saved", len).rows(), ArgSpec::write("dx", len).rows()]
    }
    fn work(&self) -> Work {
        self.spec.work(3.0)
    }
    fn reference(&self, args: &mut [Vec<f64>], _step: u32) {
        reference::backward(&self.spec, args);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, _step: u32) {
        cpu::backward(&self.spec, ctx, args);
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::backward(&self.spec)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{Activate, ActivateSpec, Activation};
    use crate::ops::testing::{backends, bits, floats, run};

    #[test]
    fn e9_no_activation_hides_nan_and_none_makes_it() {
        let x = [f32::NAN, -1e30, 1e30, f32::MIN, f32::MAX, -0.0];
        for activation in Activation::ALL {
            let kernel =
                Activate::new(ActivateSpec { fleet: 1, rows: 1, len: x.len(), activation }).expect("a right shape");
            for backend in backends() {
                let y = floats(&run(kernel, &backend, 0, &[bits(&x), vec![0; x.len()]])[1]);
                assert!(y[0].is_nan(), "{} on {} hides NaN", activation.name(), backend.id());
                assert!(y[1..].iter().all(|v| !v.is_nan()), "{} on {}: {y:?}", activation.name(), backend.id());
            }
        }
    }

    #[test]
    fn e6_the_identity_is_refused_as_a_kernel() {
        let none = ActivateSpec { fleet: 1, rows: 1, len: 1, activation: Activation::None };
        let refused = Activate::new(none).expect_err("nothing to do");
        assert_eq!(refused.to_string(), "activation: `none` leaves its input alone and needs no kernel");
    }
}
