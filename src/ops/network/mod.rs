//! Small networks of dense layers, several steps a dispatch: a GPU's workgroup takes one member through gathering, forward
//! pass, loss, backward pass and the optimiser with nothing but the optimiser's memories leaving it.
//!
//! This is no op of its own: it does what the kernels of [`super::gather`], [`super::matmul`], [`super::loss`],
//! [`super::reduce`] and [`super::optimiser`] do one after the other, and a plan runs it in their place where the network
//! fits into a workgroup's shared memory. For models of this size a step of separate kernels is all launching and waiting.
//!
//! Of which form a training runs follows from its shape and the device alone, and a member's sums are taken in an order that
//! follows from them too, so a member's bits do not depend on the fleet.

mod room;
#[cfg(test)]
mod tests;
mod text;

use super::activation::Activation;
use super::optimiser::Rule;
use super::program::Program;
use super::{ShapeError, prelude};
use crate::backend::gpu::GpuTraits;
use room::Room;

/// The most outputs: a row's loss is one invocation's work.
const OUTPUTS_MAX: usize = 32;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkLoss {
    /// One class a row.
    CrossEntropy,
    /// Independent yes-or-no targets.
    BinaryCrossEntropy,
    /// Numbers.
    MeanSquare,
}

/// A small network and what is done with it; [`Network::new`] checks it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkSpec {
    /// Members.
    pub fleet: usize,
    /// Values of a row, then of each layer.
    pub widths: Vec<usize>,
    /// What each layer applies.
    pub activations: Vec<Activation>,
    /// For each level of values (the input, then each layer's output) rate and stream of the dropout behind it.
    pub dropouts: Vec<Option<(f32, u32)>>,
    /// Rows a step.
    pub batch: usize,
    /// Steps that the tables are for.
    pub steps: usize,
    /// Rows of the data.
    pub rows: usize,
    /// What is minimised.
    pub loss: NetworkLoss,
    /// What moves the weights, and the decay of the matrices; `None` only takes the loss.
    pub optimizer: Option<(Rule, f64)>,
    /// The largest norm of a gradient.
    pub clip: Option<f64>,
}

/// A checked network.
///
/// Bindings: parameters (each layer's matrix, then its bias), data, targets, tables (rows, weights, schedule, and with
/// an optimiser the seed), loss, and with
/// an optimiser its memories, each in the order of the parameters.
#[derive(Debug, Clone)]
pub struct Network {
    spec: NetworkSpec,
}

impl Network {
    /// Checks that there are layers, that their slopes follow from their outputs and that a row's loss is narrow.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn new(spec: NetworkSpec) -> Result<Self, ShapeError> {
        let NetworkSpec { fleet, batch, steps, rows, .. } = spec;
        ShapeError::positive("network", &[("fleet", fleet), ("batch", batch), ("steps", steps), ("rows", rows)])?;
        let layers = spec.activations.len();
        if layers == 0 || spec.widths.len() != layers + 1 || spec.widths.contains(&0) {
            let reason = format!("{layers} activations and widths {:?}", spec.widths);
            return Err(ShapeError::mismatch("network", reason));
        }
        if spec.activations.iter().any(|activation| !activation.saves_output()) {
            return Err(ShapeError::mismatch("network", "the slope of gelu does not follow from its output"));
        }
        if spec.widths[layers] > OUTPUTS_MAX || spec.activations[layers - 1] != Activation::None {
            let reason = format!("the loss takes at most {OUTPUTS_MAX} plain outputs");
            return Err(ShapeError::mismatch("network", reason));
        }
        let dropouts = &spec.dropouts;
        if dropouts.len() != layers + 1 || dropouts[layers].is_some() {
            return Err(ShapeError::mismatch("network", "dropout goes behind the input and hidden layers"));
        }
        if let Some((rate, _)) = dropouts.iter().flatten().find(|(rate, _)| !(0.0..1.0).contains(rate)) {
            return Err(ShapeError::mismatch("network", format!("a dropout rate of {rate}")));
        }
        let widest = spec.widths.iter().copied().max().unwrap_or(1);
        ShapeError::countable("network", &[("data", &[rows, spec.widths[0]]), ("weights", &[fleet, widest, widest])])?;
        ShapeError::countable("network", &[("tables", &[fleet, steps, 2 * batch + 8])])?;
        Ok(Self { spec })
    }

    /// Additions and multiplications of one member's step, nearly.
    fn flops(&self) -> usize {
        let weights: usize = self.spec.widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let passes = if self.spec.optimizer.is_some() { 6 } else { 2 };
        passes * weights * self.spec.batch
    }
}

impl Program for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn fits(&self, device: &GpuTraits) -> bool {
        Room::find(&self.spec, device).is_some()
    }

    fn text(&self, device: &GpuTraits, offsets: &[Vec<usize>]) -> String {
        let room = Room::find(&self.spec, device).unwrap_or_else(|| Room::smallest(&self.spec));
        text::text(&self.spec, &room, offsets)
    }

    fn groups(&self) -> usize {
        self.spec.fleet
    }

    /// As many as keep a dispatch below a tenth of a second or so, on a slow GPU too.
    fn steps_most(&self) -> u32 {
        const MEMBER: usize = 200_000_000;
        const FLEET: usize = 20_000_000_000;
        let flops = self.flops().max(1);
        (MEMBER / flops).min(FLEET / (flops * self.spec.fleet)).clamp(1, 256) as u32
    }
}

const PRELUDES: [&str; 5] = [prelude::GRID, prelude::ACTIVATION, prelude::SCHEDULE, prelude::RNG, prelude::LOSS];
