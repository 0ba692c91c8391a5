//! Layers as job files name them.

use serde::{Deserialize, Serialize};

use super::sides::{Padding, PlanePadding, Sides};
use crate::ops::Activation;

/// One layer. What passes through is [height, length, channels] a row; sequences have height 1, and flat values are one
/// position of many channels. Layers that work position by position take an image's positions row after row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Convolution over the length of a sequence.
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
    /// Convolution over height and length of an image. A number counts both ways, a pair is [height, length].
    Conv2d {
        /// Output channels.
        channels: usize,
        /// Positions under the window.
        kernel: Sides,
        /// Positions from one window to the next.
        #[serde(default = "each_one")]
        stride: Sides,
        /// Zeros on each side; a number, a pair, `"same"` (the default) or `"valid"`.
        #[serde(default)]
        padding: PlanePadding,
        /// Positions between two taps.
        #[serde(default = "each_one")]
        dilation: Sides,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// Normalisation of each channel over the batch and all positions.
    BatchNorm {
        /// The weight of the newest batch in the running statistics.
        #[serde(default = "tenth")]
        momentum: f32,
        /// Added to the variance.
        #[serde(default = "small")]
        epsilon: f32,
    },
    /// Normalisation of each position over its channels, which are then scaled and shifted.
    LayerNorm {
        /// Added to the variance.
        #[serde(default = "small")]
        epsilon: f32,
    },
    /// An elementwise function.
    Activation {
        /// Which.
        function: Activation,
    },
    /// The largest value under each window. A number counts over a sequence's length, or both ways over an image.
    MaxPool {
        /// Positions under the window.
        window: Sides,
        /// Positions from one window to the next; the window's where 0.
        #[serde(default)]
        stride: Sides,
    },
    /// The mean value under each window. A number counts over a sequence's length, or both ways over an image.
    AveragePool {
        /// Positions under the window.
        window: Sides,
        /// Positions from one window to the next; the window's where 0.
        #[serde(default)]
        stride: Sides,
    },
    /// The largest value over all positions.
    GlobalMaxPool,
    /// The mean over all positions: an encoder's mean read-out.
    GlobalAveragePool,
    /// The first position alone: an encoder's first-token read-out.
    FirstPosition,
    /// All positions become one.
    Flatten,
    /// Every output sees every input of a flat row.
    Dense {
        /// Outputs.
        units: usize,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// The same dense layer at every position.
    PositionDense {
        /// Outputs a position.
        units: usize,
        /// What follows the sum.
        #[serde(default)]
        activation: Activation,
    },
    /// A dense layer for each stretch of a row's columns, side by side: tower t sees the next `columns[t]` values and gives
    /// one position. Values behind the last stretch are not read.
    Towers {
        /// Values that each tower sees.
        columns: Vec<usize>,
        /// Outputs of each.
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
    /// Whole numbers become learned vectors; only as the first layer, of an input with one channel.
    Embedding {
        /// How many different numbers there are: 0 to one less.
        vocabulary: usize,
        /// Values a vector.
        channels: usize,
    },
    /// A learned vector is added at each position.
    Position,
    /// A pre-norm attention block: `x + attention(layer_norm(x))`, then `x + dense(activation(dense(layer_norm(x))))`.
    Encoder {
        /// Attention heads, which share the channels.
        heads: usize,
        /// Units of the inner dense layer.
        feed_forward: usize,
        /// In training, the probability that a value of either branch is dropped before it is added.
        #[serde(default)]
        dropout: f32,
        /// What follows the inner dense layer.
        #[serde(default = "gelu")]
        activation: Activation,
    },
    /// Directly behind an encoder: its positions as one row, then the context of each pair of positions i < j,
    /// `a_ij v_j + a_ji v_i` head by head, by the weights and values of the encoder's attention.
    Associations,
    /// At each position, as many columns of the network's own input are added as there are channels.
    Skip {
        /// The first of them.
        from: usize,
    },
}

const fn one() -> usize {
    1
}

const fn each_one() -> Sides {
    Sides::Each(1)
}

const fn tenth() -> f32 {
    0.1
}

const fn small() -> f32 {
    1e-5
}

const fn gelu() -> Activation {
    Activation::Gelu
}

impl LayerSpec {
    /// Its name in job files.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Conv1d { .. } => "conv1d",
            Self::Conv2d { .. } => "conv2d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::LayerNorm { .. } => "layer_norm",
            Self::Activation { .. } => "activation",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool { .. } => "average_pool",
            Self::GlobalMaxPool => "global_max_pool",
            Self::GlobalAveragePool => "global_average_pool",
            Self::FirstPosition => "first_position",
            Self::Flatten => "flatten",
            Self::Dense { .. } => "dense",
            Self::PositionDense { .. } => "position_dense",
            Self::Dropout { .. } => "dropout",
            Self::Embedding { .. } => "embedding",
            Self::Position => "position",
            Self::Encoder { .. } => "encoder",
            Self::Towers { .. } => "towers",
            Self::Associations => "associations",
            Self::Skip { .. } => "skip",
        }
    }
}
