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
    /// A value before an embedding that is no number of its vocabulary.
    #[error("row {row} has the input {value} in column {column}, expected a whole number from 0 to {last}")]
    Token {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What it holds.
        value: f32,
        /// The largest number.
        last: usize,
    },
    /// Weights that are not this model's.
    #[error("weights: {0}")]
    Weights(String),
}
