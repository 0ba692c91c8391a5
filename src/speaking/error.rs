//! What can go wrong with personalities.

use crate::dataset::DataError;
use crate::model::ModelError;
use crate::prep::PrepError;
use crate::train::TrainError;

/// Why nobody can say how to speak.
#[derive(Debug, thiserror::Error)]
pub enum SpeakingError {
    /// A table is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network cannot be trained, run, or kept.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The network's layers do not fit.
    #[error("personality network: {0}")]
    Model(#[from] ModelError),
    /// The features do not fit what was learned.
    #[error("personality features: {0}")]
    Prep(#[from] PrepError),
    /// A setting is impossible.
    #[error("personality network: `{key}` {reason}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// The users whose type is known are too few or do not fit.
    #[error("personality network: {0}")]
    Known(String),
}

impl SpeakingError {
    pub(super) fn setting(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { key, reason: reason.into() }
    }
}
