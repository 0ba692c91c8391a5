//! What ends a train job.

use std::path::Path;

use crate::artifact::ArtifactError;
use crate::dataset::DataError;
use crate::model::ModelError;
use crate::pipelines::training::training_error;
use crate::prep::PrepError;
use crate::run::RunError;
use crate::train::TrainError;

/// Why a train job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TrainJobError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] DataError),
    /// The data make no sense as a whole.
    #[error("{file}: {reason}")]
    Data {
        /// The file.
        file: String,
        /// What was expected and what came.
        reason: String,
    },
    /// The network does not fit the table.
    #[error("`model.layers` on {inputs} inputs: {source}")]
    Network {
        /// Input columns of the table.
        inputs: usize,
        /// Which layer, and why.
        source: ModelError,
    },
    /// A saved network cannot be.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Inputs cannot be prepared.
    #[error(transparent)]
    Prep(#[from] PrepError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A result cannot be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl TrainJobError {
    /// Something wrong with a file as a whole.
    pub(super) fn data(file: &Path, reason: impl Into<String>) -> Self {
        Self::Data { file: file.display().to_string(), reason: reason.into() }
    }
}

impl From<TrainJobError> for RunError {
    fn from(error: TrainJobError) -> Self {
        match error {
            TrainJobError::Artifact(error) => error.into(),
            TrainJobError::Train(error) => training_error(error),
            other => Self::data(other),
        }
    }
}
