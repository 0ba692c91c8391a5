//! Pipelines: they compose data, models and clusters, and compute nothing themselves that an engine module could.

pub mod alliance;
mod device;
pub mod grid;
pub mod growth;
pub mod intent;
pub mod kmeans;
pub mod neighbours;
pub mod pca;
pub mod push;
pub mod tabular;
pub mod train;
mod training;
pub mod tree;

use device::JobDevice;

use crate::artifact::table::Table;

/// Takes what a model says of new data, part by part.
pub type TakePart<'a> = dyn FnMut(&Table) -> Result<(), crate::artifact::ArtifactError> + 'a;

/// What a model says of new data.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The result.
    pub table: Table,
    /// What a person should know of it.
    pub notes: Vec<String>,
}
