//! What ends a push job.

use std::path::Path;

use crate::artifact::ArtifactError;
use crate::cluster::ClusterError;
use crate::dataset::DataError;
use crate::model::ModelError;
use crate::pipelines::tabular::TabularError;
use crate::pipelines::training::training_error;
use crate::prep::PrepError;
use crate::recommend::RecommendError;
use crate::run::RunError;
use crate::train::TrainError;

/// Why a push job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A table or a saved model cannot be used.
    #[error(transparent)]
    Tabular(#[from] TabularError),
    /// Attributes cannot be prepared.
    #[error(transparent)]
    Prep(#[from] PrepError),
    /// The feature network cannot be.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Classes cannot be made.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Holdings or a baseline make no sense.
    #[error(transparent)]
    Recommend(#[from] RecommendError),
    /// Whoever watched the work said so.
    #[error("stopped")]
    Stopped,
}

impl PushError {
    /// Something wrong with a file as a whole.
    pub(super) fn data(file: &Path, reason: impl Into<String>) -> Self {
        Self::Tabular(TabularError::data(file, reason))
    }
}

impl From<ArtifactError> for PushError {
    fn from(error: ArtifactError) -> Self {
        Self::Tabular(error.into())
    }
}

impl From<DataError> for PushError {
    fn from(error: DataError) -> Self {
        Self::Tabular(error.into())
    }
}

impl From<PushError> for RunError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Tabular(error) => error.into(),
            PushError::Cluster(error) => TabularError::from(error).into(),
            PushError::Train(error) => training_error(error),
            PushError::Stopped => Self::Interrupted,
            other => Self::data(other),
        }
    }
}
