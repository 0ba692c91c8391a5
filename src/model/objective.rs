//! What a training minimises, and what moves the parameters.

use serde::{Deserialize, Serialize};

use super::shape::TensorShape;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// One class a row; the model gives a logit a class.
    CrossEntropy,
    /// One class a row; the model gives a logit a class at each of several positions. The cross entropy of position 0 is
    /// the loss, and in training the mean of the others' is added to it.
    ReadOuts {
        /// What that mean counts.
        auxiliary: f32,
    },
    /// Independent yes-or-no targets; the model gives a logit each.
    BinaryCrossEntropy,
    /// Numbers.
    MeanSquare,
    /// Numbers of which only the course over a batch's rows counts: 1 less Pearson's correlation with the targets.
    Pearson,
}

impl Loss {
    /// Whether rows have a class each, not values.
    pub const fn takes_labels(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::ReadOuts { .. })
    }

    /// Classes that a model with this loss tells apart, if rows have a class each.
    pub const fn classes(self, output: TensorShape) -> Option<usize> {
        match self {
            Self::CrossEntropy => Some(output.len()),
            Self::ReadOuts { .. } => Some(output.channels),
            Self::BinaryCrossEntropy | Self::MeanSquare | Self::Pearson => None,
        }
    }
}

/// How what outlives a kernel is held while training. Arithmetic and sums are f32 in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// As f32.
    #[default]
    F32,
    /// As f16: the table of inputs, activations and their gradients between kernels, and the copy of the weights that
    /// the passes read. The optimiser moves f32 masters.
    F16,
}

impl Precision {
    /// Its name in job files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

/// What moves the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015); with weight decay, AdamW (Loshchilov and Hutter 2019).
    Adam {
        /// Memory of the mean.
        #[serde(default = "beta1")]
        beta1: f32,
        /// Memory of the square.
        #[serde(default = "beta2")]
        beta2: f32,
        /// Added to the root.
        #[serde(default = "epsilon")]
        epsilon: f32,
        /// Decoupled weight decay.
        #[serde(default)]
        weight_decay: f32,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Memory of the direction.
        #[serde(default = "momentum")]
        momentum: f32,
        /// Nesterov's look ahead.
        #[serde(default)]
        nesterov: bool,
        /// Weight decay, added to the gradient.
        #[serde(default)]
        weight_decay: f32,
    },
}

const fn beta1() -> f32 {
    0.9
}
const fn beta2() -> f32 {
    0.999
}
const fn epsilon() -> f32 {
    1e-8
}
const fn momentum() -> f32 {
    0.9
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: beta1(), beta2: beta2(), epsilon: epsilon(), weight_decay: 0.0 }
    }
}
