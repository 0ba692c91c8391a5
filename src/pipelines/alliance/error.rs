//! What ends an alliance job.

use std::path::Path;

use crate::alliance::AllianceError;
use crate::artifact::ArtifactError;
use crate::dataset::DataError;
use crate::model::ModelError;
use crate::pipelines::training::training_error;
use crate::run::RunError;
use crate::train::TrainError;

/// Why an alliance job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AllianceJobError {
    /// The table cannot be read.
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
    /// The network cannot be.
    #[error("`model.layers`: {0}")]
    Model(#[from] ModelError),
    /// A network does not run.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The rounds failed.
    #[error(transparent)]
    Alliance(#[from] AllianceError),
    /// A result cannot be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl AllianceJobError {
    /// Something wrong with a file as a whole.
    pub(super) fn data(file: &Path, reason: impl Into<String>) -> Self {
        Self::Data { file: file.display().to_string(), reason: reason.into() }
    }
}

impl From<AllianceJobError> for RunError {
    fn from(error: AllianceJobError) -> Self {
        match error {
            AllianceJobError::Artifact(error) | AllianceJobError::Alliance(AllianceError::Artifact(error)) => {
                error.into()
            }
            AllianceJobError::Train(error) | AllianceJobError::Alliance(AllianceError::Train(error)) => {
                training_error(error)
            }
            AllianceJobError::Alliance(error @ AllianceError::Plan { .. }) => Self::data(error),
            AllianceJobError::Alliance(error) => Self::work(error),
            other => Self::data(other),
        }
    }
}
