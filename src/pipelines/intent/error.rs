//! What ends an intent job.

use crate::artifact::ArtifactError;
use crate::cluster::ClusterError;
use crate::model::ModelError;
use crate::pipelines::tabular::TabularError;
use crate::pipelines::training::training_error;
use crate::run::RunError;
use crate::train::TrainError;
use crate::tree::TreeError;

/// Why an intent job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    /// A table or its contents are wrong.
    #[error(transparent)]
    Data(#[from] TabularError),
    /// The network cannot be.
    #[error("`network`: {0}")]
    Model(#[from] ModelError),
    /// The network does not run.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// No tree can be grown.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Tokens have no components.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A result cannot be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The signal to stop came.
    #[error("interrupted")]
    Interrupted,
}

impl From<IntentError> for RunError {
    fn from(error: IntentError) -> Self {
        match error {
            IntentError::Data(error) => error.into(),
            IntentError::Train(error) => training_error(error),
            IntentError::Cluster(error) => crate::pipelines::tabular::cluster_error(error),
            IntentError::Artifact(error) => error.into(),
            IntentError::Interrupted => Self::Interrupted,
            other => Self::data(other),
        }
    }
}
