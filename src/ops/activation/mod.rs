//! Activations: y = act(x), and dx = dy * act'(x).

use serde::{Deserialize, Serialize};

use super::math;

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

    /// y = act(x) in f32.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::Gelu => math::gelu(x),
            Self::Tanh => math::tanh(x),
            Self::Sigmoid => math::sigmoid(x),
        }
    }

    /// y = act(x) in f64: the oracle.
    pub fn reference(self, x: f64) -> f64 {
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::Gelu => {
                0.5 * x * (1.0 + (f64::from(math::GELU_SCALE) * (x + f64::from(math::GELU_CUBE) * x * x * x)).tanh())
            }
            Self::Tanh => x.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }
}
