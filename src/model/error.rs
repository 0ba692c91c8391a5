//! Models that make no sense.

/// A model that cannot be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// A layer does not fit what comes before it, or its own numbers are wrong.
    #[error("layer {layer} ({kind}): {reason}")]
    Layer {
        /// Its number, from 1.
        layer: usize,
        /// Its kind.
        kind: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// The list as a whole is wrong.
    #[error("model: {0}")]
    Model(String),
    /// Weights that are not this model's.
    #[error("weights: {0}")]
    Weights(String),
}
