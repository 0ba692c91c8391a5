//! What ends a job on one table.

use std::path::Path;

use crate::artifact::ArtifactError;
use crate::cluster::ClusterError;
use crate::dataset::DataError;
use crate::prep::PrepError;
use crate::run::RunError;
use crate::tree::TreeError;

/// Why a job on one table could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TabularError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] DataError),
    /// The data or a saved model make no sense as a whole.
    #[error("{file}: {reason}")]
    Data {
        /// The file.
        file: String,
        /// What was expected and what came.
        reason: String,
    },
    /// Inputs cannot be prepared.
    #[error(transparent)]
    Prep(#[from] PrepError),
    /// Rows cannot be clustered or projected.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// No tree can be grown.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be written or read back.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl TabularError {
    /// Something wrong with a file as a whole.
    pub fn data(file: &Path, reason: impl Into<String>) -> Self {
        Self::Data { file: file.display().to_string(), reason: reason.into() }
    }
}

impl From<TabularError> for RunError {
    fn from(error: TabularError) -> Self {
        match error {
            TabularError::Artifact(error) => error.into(),
            TabularError::Cluster(error) => super::cluster_error(error),
            TabularError::Tree(TreeError::Stopped) => Self::Interrupted,
            other => Self::data(other),
        }
    }
}
