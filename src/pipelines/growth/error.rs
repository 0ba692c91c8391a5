//! What ends a growth job.

use crate::artifact::ArtifactError;
use crate::cluster::ClusterError;
use crate::dataset::DataError;
use crate::dataset::series::SeriesSet;
use crate::model::ModelError;
use crate::prep::PrepError;
use crate::train::TrainError;

/// Why a growth job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
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
    /// A network cannot be.
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
    /// Clustering failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl GrowthError {
    /// Something wrong with a file as a whole.
    pub(super) fn data(set: &SeriesSet, reason: String) -> Self {
        Self::Data { file: set.path().display().to_string(), reason }
    }
}
