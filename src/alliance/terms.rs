//! What a plan says, as it is written in job files and sent to the parties.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::privacy::Privacy;
use crate::model::{Loss, ModelSpec, Optimizer};

/// A party, as everybody may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartyTerms {
    /// Its name, which is also the name in its certificate.
    pub name: String,
    /// How many samples it trains on: it declares this, and it is not secret.
    pub samples: u64,
}

/// What a party does in a round (A3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    /// FedSGD: the gradient over all of its rows, once.
    FedSgd,
    /// FedAvg: epochs of local training; what is sent is how far the model moved (McMahan et al. 2017).
    FedAvg {
        /// Epochs a round.
        epochs: usize,
        /// Rows a step.
        batch: usize,
        /// The learning rate.
        rate: f32,
        /// What moves the parameters; its memory begins anew in each round.
        #[serde(default)]
        optimizer: Optimizer,
    },
    /// FedProx: as FedAvg, held near the common model (Li et al. 2020). After each local epoch the distance from it is
    /// divided by 1 + mu * rate * steps: the exact step of length rate * steps on mu / 2 times the squared distance. Plain
    /// gradient descent.
    FedProx {
        /// Epochs a round.
        epochs: usize,
        /// Rows a step.
        batch: usize,
        /// The learning rate.
        rate: f32,
        /// How strongly it is held.
        mu: f32,
    },
}

/// What every party does with the opened sum (A3), in the same order of the same f64 operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerUpdate {
    /// w + rate d, for the mean update d.
    Plain {
        /// The step; 1 is FedAvg's own.
        #[serde(default = "one")]
        rate: f32,
    },
    /// m = beta m + d, then w + rate m.
    Momentum {
        /// The step.
        #[serde(default = "one")]
        rate: f32,
        /// Memory.
        #[serde(default = "beta1")]
        beta: f32,
    },
    /// FedAdam (Reddi et al. 2021): m and v are the means of d and d^2 that fade, then w + rate m / (sqrt v + epsilon).
    Adam {
        /// The step.
        rate: f32,
        /// Memory of the mean.
        #[serde(default = "beta1")]
        beta1: f32,
        /// Memory of the square.
        #[serde(default = "beta2")]
        beta2: f32,
        /// Added to the root.
        #[serde(default = "adaptivity")]
        epsilon: f32,
    },
}

const fn one() -> f32 {
    1.0
}
const fn beta1() -> f32 {
    0.9
}
const fn beta2() -> f32 {
    0.99
}
const fn adaptivity() -> f32 {
    1e-3
}

impl Default for ServerUpdate {
    fn default() -> Self {
        Self::Plain { rate: one() }
    }
}

/// How the parties weigh in the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// All the same.
    #[default]
    Equal,
    /// By their samples.
    Samples,
    /// By their samples, rounded so that all weights together are about this number: each doubling of it costs a bit in
    /// every slot of every ciphertext.
    Parts(u32),
}

/// What happens when a party's upload does not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The round goes on without it, if a quorum came.
    #[default]
    GoOn,
    /// The alliance stops.
    Stop,
}

/// Who can open a completed sum (A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mode {
    /// Every party: they share the private key.
    #[default]
    SharedKey,
    /// Only so many parties together.
    Threshold {
        /// How many.
        needed: u16,
    },
}

/// Everything that is agreed upon before the first round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPlan {
    /// The alliance's name.
    pub name: String,
    /// The parties, in the order of their places.
    pub parties: Vec<PartyTerms>,
    /// Rounds.
    pub rounds: u32,
    /// Local training.
    pub algorithm: Algorithm,
    /// What the opened sum does to the model.
    pub update: ServerUpdate,
    /// Every value of an update is held within plus and minus this (A4).
    pub clip: f32,
    /// Other bounds for some layers: by a parameter's name or its beginning (`layers.0`); the longest that fits counts.
    pub clip_layers: BTreeMap<String, f32>,
    /// Bits of a quantised value, with its sign.
    pub value_bits: u32,
    /// How the parties weigh.
    pub weighting: Weighting,
    /// Who can open a sum.
    pub mode: Mode,
    /// Fewest uploads that make a round.
    pub quorum: usize,
    /// How long a round waits for uploads.
    pub deadline_ms: u64,
    /// What happens then.
    pub missing: Missing,
    /// Two contributors are enough, although each can then subtract its own update and read the other's.
    pub allow_two: bool,
    /// Noise that hides single rows (A11).
    pub privacy: Option<Privacy>,
    /// The network.
    pub model: ModelSpec,
    /// What it minimises.
    pub loss: Loss,
    /// Draws the order of rows at the parties.
    pub seed: u64,
    /// Bits of the key.
    pub key_bits: u32,
    /// The fingerprint of the public key, in hexadecimal digits.
    pub key: String,
}
