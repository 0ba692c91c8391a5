//! What the kinds of job that take one table of rows share: K-means, neighbours, PCA, trees.
//!
//! A kind is a `Recipe`: its settings, how its data are loaded, what it does with them. `TableKind` makes a kind of
//! job of it. `Saved` is its model in a file.

mod data;
mod error;
mod points;
mod recipe;
mod saved;

pub use data::DataSettings;
pub(super) use data::{check_columns, check_new_table, new_rows};
pub use error::TabularError;
pub(super) use points::{Held, Points};
pub(super) use recipe::{Recipe, TableJob, TableKind};
pub use saved::task_of;
pub(super) use saved::{Layout, Saved};

use crate::cluster::ClusterError;
use crate::run::{RunContext, RunError};

/// What an error of the work means for the run.
pub(super) fn cluster_error(error: ClusterError) -> RunError {
    match error {
        ClusterError::Stopped => RunError::Interrupted,
        ClusterError::Plan(crate::plan::PlanError::Backend(error)) => RunError::device(error),
        other => RunError::data(other),
    }
}

/// What a report says of the run besides its results.
pub(super) struct RunFacts {
    pub job: String,
    pub seed: u64,
    pub device: String,
    pub steps: Vec<crate::report::StepTiming>,
}

impl RunFacts {
    pub(super) fn of(ctx: &RunContext) -> Self {
        let device = ctx.device().detail.clone();
        let step = |time: crate::run::StageTime| crate::report::StepTiming {
            step: time.stage,
            device: device.clone(),
            seconds: time.seconds,
        };
        let steps = ctx.stage_times().into_iter().map(step).collect();
        Self { job: ctx.head().name.clone(), seed: ctx.seed(), device: device.clone(), steps }
    }
}
