//! A training inside a run: progress, events, checkpoints, and what its errors mean for the run.

use serde_json::json;

use crate::plan::PlanError;
use crate::run::{RunContext, RunError};
use crate::spec::Issues;
use crate::train::{CheckpointPlan, Control, EpochReport, TrainError};

/// Runs a training with progress, events and checkpoints of its own.
pub(super) fn training<T, E: Into<RunError>>(
    ctx: &RunContext,
    name: &str,
    epochs: usize,
    work: impl FnOnce(&mut Control<'_>) -> Result<T, E>,
) -> Result<T, RunError> {
    let progress = ctx.progress(name, epochs as u64);
    let mut failed = None;
    let mut done = 0;
    let mut on_epoch = |report: &EpochReport| {
        progress.advance(report.epoch.saturating_sub(done) as u64);
        done = report.epoch;
        let event = json!({
            "training": name,
            "epoch": report.epoch,
            "first_member": report.first_member,
            "active": report.active,
            "train_loss": report.train_loss,
            "validation_loss": report.validation_loss,
        });
        if let Err(error) = ctx.event("epoch", event) {
            failed.get_or_insert(error);
        }
    };
    let stop = || ctx.interrupted();
    let checkpoint = CheckpointPlan { folder: ctx.checkpoint(name), every_epochs: 5 };
    let mut control = Control { on_epoch: &mut on_epoch, stop: &stop, checkpoint: Some(checkpoint) };
    let value = work(&mut control).map_err(Into::into)?;
    match failed {
        Some(error) => Err(error),
        None => Ok(value),
    }
}

/// What a failed training means for the run.
pub(super) fn training_error(error: TrainError) -> RunError {
    match error {
        TrainError::Interrupted { .. } => RunError::Interrupted,
        TrainError::Artifact(error) => error.into(),
        TrainError::Plan(PlanError::Backend(error)) => RunError::device(error),
        TrainError::Diverged { .. } | TrainError::DivergedWeights { .. } => RunError::work(error),
        other => RunError::data(other),
    }
}

/// Notes what is wrong with a job's settings of a training, at the setting's own key.
pub(super) fn training_issue(issues: &mut Issues, key: &str, checked: Result<(), TrainError>) {
    match checked {
        Ok(()) => {}
        Err(TrainError::Setting { key: setting, reason }) => issues.push(&format!("{key}.{setting}"), reason),
        Err(other) => issues.push(key, other.to_string()),
    }
}
