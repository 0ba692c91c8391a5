//! Dropout: elements are zeroed at random, the others scaled so that the mean stays.
//!
//! `y[f, i] = x[f, i] * keep[f, i] / (1 - rate)`, where `keep` is 0 if `counter_bits(seed[f], stream, COUNT, i)` is below
//! `rate * 2^32`, else 1. `COUNT` comes from the member's schedule, `stream` tells layers apart: the mask can be made
//! again at any time, so backward is the same kernel on dy, and nothing is stored.

mod cases;
mod cpu;
mod gpu;
mod reference;
#[cfg(test)]
mod tests;

use super::kernel::{ArgSpec, Args, Dispatch, Kernel, Shader, Target, Tile, Work};
use super::rng::counter_bits;
use super::{Case, Op, ShapeError, prelude, schedule};
use crate::backend::CpuContext;

const SHADER: Shader = Shader {
    name: "dropout",
    preludes: &[prelude::GRID, prelude::RNG, prelude::SCHEDULE],
    source: include_str!("../../../shaders/ops/dropout.wgsl"),
};

/// The registry's entry.
#[derive(Debug)]
pub struct DropoutOp;

impl Op for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn summary(&self) -> &'static str {
        "y[f,i] = x[f,i] * keep(seed[f],stream,count,i) / (1 - rate)"
    }
    fn shaders(&self) -> Vec<Shader> {
        vec![SHADER]
    }
    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What is dropped; [`Dropout::new`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DropoutSpec {
    /// Members.
    pub fleet: usize,
    /// Rows of the batch; 1 if the elements belong to none.
    pub rows: usize,
    /// Elements of a member, all rows together.
    pub len: usize,
    /// The share that is dropped, at least 0 and below 1.
    pub rate: f32,
    /// Tells the layers of a model apart.
    pub stream: u32,
    /// Rows of the schedule.
    pub steps: usize,
}

/// A checked dropout. Arguments: `x`, `seed` (one word a member), `schedule`, `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    spec: DropoutSpec,
}

impl Dropout {
    /// Checks the rate and the dimensions.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn new(spec: DropoutSpec) -> Result<Self, ShapeError> {
        let DropoutSpec { fleet, rows, len, rate, steps, .. } = spec;
        ShapeError::positive("dropout", &[("fleet", fleet), ("rows", rows), ("len", len), ("steps", steps)])?;
        if !len.is_multiple_of(rows) {
            return Err(ShapeError::mismatch("dropout", format!("{len} elements are not {rows} equal rows")));
        }
        ShapeError::countable("dropout", &[("x", &[fleet, len]), ("schedule", &[fleet, steps, schedule::WIDTH])])?;
        if !(0.0..1.0).contains(&rate) {
            return Err(ShapeError::mismatch("dropout", format!("rate {rate}, expected at least 0 and below 1")));
        }
        Ok(Self { spec })
    }

    /// What was asked for.
    pub const fn spec(&self) -> &DropoutSpec {
        &self.spec
    }

    /// Bits below this are dropped. A rate below 1 is at most 1 - 2^-24, so this fits.
    fn threshold(&self) -> u32 {
        threshold(self.spec.rate)
    }

    /// What the kept elements are multiplied by.
    fn scale(&self) -> f32 {
        scale(self.spec.rate)
    }
}

/// Below what the generator's bits must be for an element to be dropped.
pub(super) fn threshold(rate: f32) -> u32 {
    (f64::from(rate) * 4_294_967_296.0) as u32
}

/// What kept elements are multiplied by.
pub(super) fn scale(rate: f32) -> f32 {
    1.0 / (1.0 - rate)
}

impl Kernel for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn boxed(&self) -> Box<dyn Kernel> {
        Box::new(*self)
    }
    fn fleet(&self) -> usize {
        self.spec.fleet
    }
    fn args(&self) -> Vec<ArgSpec> {
        vec![
            ArgSpec::read("x", self.spec.len).rows(),
            ArgSpec::read("seed", 1).u32(),
            ArgSpec::read("schedule", self.spec.steps * schedule::WIDTH),
            ArgSpec::write("y", self.spec.len).rows(),
        ]
    }
    fn work(&self) -> Work {
        let elements = (self.spec.fleet * self.spec.len) as f64;
        Work { flops: elements, bytes: 8.0 * elements }
    }
    fn reference(&self, args: &mut [Vec<f64>], step: u32) {
        reference::dropout(self, args, step);
    }
    fn cpu(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32) {
        self.cpu_tile(ctx, args, step, Tile::whole(self.spec.rows));
    }
    fn gpu(&self, _on: &Target<'_>) -> Vec<Dispatch> {
        gpu::dispatches(self)
    }
    fn rows(&self) -> Option<usize> {
        Some(self.spec.rows)
    }
    fn cpu_tile(&self, ctx: &CpuContext, args: &mut Args<'_>, step: u32, tile: Tile) {
        cpu::dropout(self, ctx, args, step, tile);
    }
}
