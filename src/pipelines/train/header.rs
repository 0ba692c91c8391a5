//! What a saved model knows besides its weights: `nightloom predict` reads new tables by it (E14).

use serde::{Deserialize, Serialize};

use super::output::Output;
use crate::dataset::RawSource;
use crate::prep::RowPrep;

/// The layout of the table that a model is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataLayout {
    /// The table as the job described it.
    pub source: RawSource,
    /// The target column.
    pub target: String,
    /// The input columns, in the network's order.
    pub inputs: Vec<String>,
    /// The column of ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What [`crate::train::SavedFleet::settings`] of these models holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableHeader {
    /// The layout of the table.
    pub data: DataLayout,
    /// Columns to inputs.
    pub prep: RowPrep,
    /// Outputs to answers.
    pub output: Output,
    /// Training and validation loss of every member and epoch.
    pub losses: Vec<Vec<(f32, Option<f32>)>>,
    /// The epoch of each member's weights, from 1.
    pub best_epochs: Vec<usize>,
}
