//! A train run, stage by stage.

use std::path::Path;

use super::error::TrainJobError;
use super::fit::Trained;
use super::job::TrainJob;
use super::{assemble, report, tables};
use crate::artifact;
use crate::pipelines::training::training;
use crate::run::{Outcome, RunContext, RunError};
use crate::train::SavedFleet;

/// The stage that trains.
const STAGE: &str = "training";

pub(super) fn run(job: &TrainJob, ctx: &RunContext) -> Result<Outcome, RunError> {
    let backend = &job.chosen()?.backend;
    let loaded = job.loaded()?;
    let settings = &job.settings;
    ctx.check_interrupt()?;
    let bytes = ctx.stage_bytes(STAGE, || {
        let trained = training(ctx, STAGE, settings.training.epochs, |control| {
            Trained::train(loaded, settings, job.head.seed, backend, control)
        })?;
        trained.fleet.to_bytes().map_err(|e| TrainJobError::from(e).into())
    })?;
    let path = Path::new(STAGE);
    let fleet = SavedFleet::from_bytes(&bytes, path).map_err(TrainJobError::from)?;
    let trained = Trained::from_fleet(fleet, path)?;
    let (rows, places, truth) = loaded.held_out();
    let answers = trained.answers(rows.inputs_of(&places), backend)?;
    ctx.check_interrupt()?;
    let held_out = assemble::held_out(settings, &trained.header.output, (rows, &places), &truth, answers);
    let results = assemble::results(settings, loaded, &trained, held_out, &ctx.device().detail);
    let folder = ctx.folder();
    artifact::write_bytes(&folder.models().join("model.safetensors"), &bytes)?;
    tables::write_tables(&results, &folder.tables(), job.head.output.format)?;
    let timings: Vec<(String, f64)> = ctx.stage_times().into_iter().map(|t| (t.stage, t.seconds)).collect();
    let facts = report::RunFacts { job: &job.head.name, seed: job.head.seed, timings: &timings };
    let page = report::build(&results, facts).map_err(RunError::work)?;
    page.write(&folder.report()).map_err(RunError::work)?;
    Ok(assemble::outcome(&results))
}
