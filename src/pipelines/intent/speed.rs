//! How fast users are answered, beside the bare network.

use std::time::Instant;

use super::error::IntentError;
use super::network::{BATCH, Form, Scorer, TASK};
use super::settings::NetworkSettings;
use crate::backend::Backend;
use crate::model::compile::{self, RowsOf};
use crate::model::initial_weights;
use crate::train::{SavedFleet, TrainError, member_seed};

/// Rows that are answered at a time, as in a run.
const TILE: usize = 4096;

/// Seconds for so many users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Replaying the network's plan alone, nothing carried to the device or back.
    pub network: f64,
    /// As in a run: rows in; read-outs, associations and the ensemble's softmax out.
    pub answers: f64,
    /// Floating-point operations a user of the whole ensemble.
    pub operations: f64,
}

/// Times the network of jobs with these widths of towers, for so many users; the least of `times` counts.
///
/// # Errors
/// If the network does not fit, or the device fails.
pub fn speed(
    (widths, products): ([usize; 3], usize),
    users: usize,
    times: usize,
    backend: &Backend,
) -> Result<Speed, IntentError> {
    let settings = NetworkSettings::default();
    let model = Form::Full.network(&widths, products, &settings)?;
    let members: Vec<_> = (0..settings.seeds).map(|i| initial_weights(&model, member_seed(1, i))).collect();
    let width = model.input().len();
    let rows: Vec<f32> = (0..TILE * width).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
    let mut plan =
        compile::prediction(&model, (members.len(), BATCH), RowsOf::Fleet, backend).map_err(TrainError::from)?;
    for (i, id) in plan.params.clone().into_iter().enumerate() {
        let all: Vec<f32> = members.iter().flat_map(|weights| weights.values[i].iter().copied()).collect();
        plan.plan.upload_f32(id, &all).map_err(TrainError::from)?;
    }
    let fleet = SavedFleet {
        task: TASK.to_owned(),
        model: model.spec().clone(),
        names: (0..members.len()).map(|i| format!("all {i}")).collect(),
        members,
        precision: settings.precision,
        settings: serde_json::Value::Null,
    };
    let mut scorer = Scorer::new(&fleet, "all", backend)?;
    let mut found =
        Speed { network: f64::INFINITY, answers: f64::INFINITY, operations: operations(&model, settings.seeds) };
    for _ in 0..times {
        let started = Instant::now();
        for _ in 0..users.div_ceil(BATCH) {
            plan.plan.replay(plan.list, 0..1).map_err(TrainError::from)?;
        }
        // A value read back waits for all that was asked for.
        plan.plan.download_f32(plan.output).map_err(TrainError::from)?;
        found.network = found.network.min(started.elapsed().as_secs_f64());
        let started = Instant::now();
        for _ in 0..users.div_ceil(TILE) {
            scorer.say(&rows)?;
        }
        found.answers = found.answers.min(started.elapsed().as_secs_f64());
    }
    Ok(found)
}

/// Two for each weight that meets a row; weights of the encoders meet three tokens.
fn operations(model: &crate::model::Model, members: usize) -> f64 {
    let met = |name: &str| if name.contains("encoder") { 3.0 } else { 1.0 };
    let matrices = model.params().iter().filter(|param| param.shape.len() > 1);
    2.0 * members as f64 * matrices.map(|param| met(&param.name) * param.len() as f64).sum::<f64>()
}
