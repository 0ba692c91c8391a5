//! Layers as job files name them.

use serde::{Deserialize, Serialize};

use crate::ops::Activation;

/// Zeros put around a sequence before a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Padding {
    /// As many on each side.
    Each(usize),
    /// `"same"` or `"valid"`.
    Named(NamedPadding),
}

/// Paddings by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedPadding {
    /// As many zeros as keep the length (for odd kernels and stride 1).
    Same,
    /// None.
    Valid,
}

impl Default for Padding {
    fn default() -> Self {
        Self::Named(NamedPadding::Same)
    }
}

/// One layer. Sequences are [length, channels]; flat values are one position of many channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Convolution over the length.
    Conv1d {
        /// Output channels.
        channels: usize,
        /// Positions under the window.
        kernel: usize,
        /// Positions from one window to the next.
        #[serde(default = "one")]
        stride: usize,
        /// Zeros on each side; a number, `"same"` (the default) or `"valid"`.
        #[serde(default)]
        padding: Padding,
        /// Positions between two taps.
        #[serde(default = "one")]
        dilation: usize,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// Normalisation of each channel over the batch.
    BatchNorm {
        /// The weight of the newest batch in the running statistics.
        #[serde(default = "tenth")]
        momentum: f32,
        /// Added to the variance.
        #[serde(default = "small")]
        epsilon: f32,
    },
    /// An elementwise function.
    Activation {
        /// Which.
        function: Activation,
    },
    /// The largest value under each window.
    MaxPool {
        /// Positions under the window.
        window: usize,
        /// Positions from one window to the next; the window's if 0.
        #[serde(default)]
        stride: usize,
    },
    /// The mean value under each window.
    AveragePool {
        /// Positions under the window.
        window: usize,
        /// Positions from one window to the next; the window's if 0.
        #[serde(default)]
        stride: usize,
    },
    /// The largest value over the whole length.
    GlobalMaxPool,
    /// The mean over the whole length.
    GlobalAveragePool,
    /// A sequence becomes flat.
    Flatten,
    /// Every output sees every input.
    Dense {
        /// Outputs.
        units: usize,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// In training, each value is dropped with this probability and the others are scaled up.
    Dropout {
        /// The probability.
        rate: f32,
    },
}

const fn one() -> usize {
    1
}

const fn tenth() -> f32 {
    0.1
}

const fn small() -> f32 {
    1e-5
}

impl LayerSpec {
    /// Its name in job files.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Conv1d { .. } => "conv1d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Activation { .. } => "activation",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool { .. } => "average_pool",
            Self::GlobalMaxPool => "global_max_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::Flatten => "flatten",
            Self::Dense { .. } => "dense",
            Self::Dropout { .. } => "dropout",
        }
    }
}
