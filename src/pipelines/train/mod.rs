//! `train`: any list of layers on a table of one's own.
//!
//! Plain engine work for researchers: the job names a table, its inputs and its target, a list of layers and how to train
//! them. The network, or an ensemble of them that differ by their seed and train as one fleet, is judged on held-out
//! rows; the model file holds the fitted preparation, so that `nightloom predict` runs it on new tables (E11 to E14).

mod assemble;
mod check;
mod error;
mod fit;
mod header;
mod job;
mod load;
mod output;
mod predict;
mod report;
pub mod results;
mod run;
pub mod settings;
mod tables;

pub(super) use check::source;
pub use error::TrainJobError;
pub use header::{DataLayout, TableHeader};
pub use job::Train;
pub use output::Output;
pub use predict::predict;

pub(super) use assemble::id_name;
pub(super) use tables::answer_columns;

/// The name of these models in model files.
pub const TASK: &str = "train.table";
