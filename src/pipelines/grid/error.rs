//! What ends a grid job.

use std::path::Path;

use crate::artifact::ArtifactError;
use crate::assign::AssignError;
use crate::cluster::ClusterError;
use crate::dataset::DataError;
use crate::differences::DifferencesError;
use crate::ledger::LedgerError;
use crate::model::ModelError;
use crate::outbox::OutboxError;
use crate::pipelines::training::training_error;
use crate::prep::PrepError;
use crate::run::RunError;
use crate::train::TrainError;
use crate::tree::TreeError;

/// Why a grid job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
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
    /// Features cannot be scaled.
    #[error(transparent)]
    Prep(#[from] PrepError),
    /// Features have no components.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The network cannot be.
    #[error("`network`: {0}")]
    Model(#[from] ModelError),
    /// The network does not run.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The boosted trees beside it cannot be grown.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Contacts cannot be allocated.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// The index cannot be written or compared.
    #[error(transparent)]
    Differences(#[from] DifferencesError),
    /// The ledger cannot be opened or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Contacts cannot be offered, or messages not sent.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A result cannot be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The signal to stop came.
    #[error("interrupted")]
    Interrupted,
}

impl GridError {
    /// Something wrong with a file as a whole.
    pub(super) fn data(file: &Path, reason: impl Into<String>) -> Self {
        Self::Data { file: file.display().to_string(), reason: reason.into() }
    }
}

impl From<GridError> for RunError {
    fn from(error: GridError) -> Self {
        match error {
            GridError::Artifact(error) => error.into(),
            GridError::Train(error) => training_error(error),
            GridError::Cluster(error) => crate::pipelines::tabular::cluster_error(error),
            GridError::Interrupted => Self::Interrupted,
            GridError::Assign(error) => Self::work(error),
            GridError::Outbox(error) => Self::work(error),
            GridError::Ledger(error) => Self::work(error),
            other => Self::data(other),
        }
    }
}
