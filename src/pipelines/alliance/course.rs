//! Rounds in the clear: each company alone, and all together. The yardsticks.

use serde::{Deserialize, Serialize};

use super::error::AllianceJobError;
use super::examples::Examples;
use super::job::AllianceJob;
use super::loaded::Loaded;
use super::results::Quality;
use crate::alliance::local::{LocalData, LocalTargets};
use crate::alliance::{AllianceError, ModelState, Plan, Trainer, quantise};
use crate::backend::Backend;
use crate::model::Weights;
use crate::train::{SavedFleet, predict};

/// A model after all rounds, and how good it was after each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub weights: Weights,
    /// Of each company's held-out examples after each round.
    pub quality: Vec<Vec<Quality>>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    quality: Vec<Vec<Quality>>,
}

impl Course {
    /// As bytes of a stage.
    pub(super) fn to_bytes(&self, plan: &Plan) -> Result<Vec<u8>, AllianceJobError> {
        let header = serde_json::to_value(Header { quality: self.quality.clone() });
        Ok(saved(plan, vec![("course".to_owned(), self.weights.clone())], header.unwrap_or_default()).to_bytes()?)
    }

    /// From bytes of a stage.
    pub(super) fn of_bytes(bytes: &[u8], stage: &str) -> Result<Self, AllianceJobError> {
        let path = std::path::Path::new(stage);
        let fleet = SavedFleet::from_bytes(bytes, path)?;
        let header = Header::deserialize(&fleet.settings).map_err(|e| AllianceJobError::data(path, e.to_string()))?;
        let weights = fleet.members.into_iter().next().unwrap_or_default();
        Ok(Self { weights, quality: header.quality })
    }
}

/// Models of the plan's network with their names.
pub(super) fn saved(plan: &Plan, models: Vec<(String, Weights)>, settings: serde_json::Value) -> SavedFleet {
    let (names, members) = models.into_iter().unzip();
    SavedFleet {
        task: super::TASK.to_owned(),
        model: plan.model().spec().clone(),
        names,
        members,
        precision: crate::model::Precision::F32,
        settings,
    }
}

/// How good a model is on each company's held-out examples.
pub(super) fn judge(
    plan: &Plan,
    held_out: &[Examples],
    weights: &Weights,
    backend: &Backend,
) -> Result<Vec<Quality>, AllianceError> {
    held_out
        .iter()
        .map(|examples| {
            let outputs = predict(plan.model(), std::slice::from_ref(weights), &examples.inputs, backend)?;
            Ok(Quality::of(&outputs, &examples.targets))
        })
        .collect()
}

/// A company's own rows on the device.
pub(super) fn local<'a>(
    loaded: &Loaded,
    place: usize,
    backend: &'a Backend,
    stop: &'a dyn Fn() -> bool,
) -> LocalData<'a> {
    let train = &loaded.train[place];
    LocalData {
        inputs: train.inputs.clone(),
        targets: LocalTargets::Values(train.targets.clone()),
        place,
        backend,
        stop,
    }
}

/// The weighted mean of updates within their bounds, without any rounding to steps.
pub(super) fn clear_mean(plan: &Plan, updates: &[(u64, Vec<Vec<f32>>)]) -> Vec<Vec<f64>> {
    let total: u64 = updates.iter().map(|(weight, _)| weight).sum();
    let mut mean: Vec<Vec<f64>> = plan.model().params().iter().map(|p| vec![0.0; p.len()]).collect();
    for (weight, update) in updates {
        let clipped = quantise::clip(update, plan.bounds());
        for (mean, value) in mean.iter_mut().flatten().zip(clipped.values.iter().flatten()) {
            *mean += value * *weight as f64 / total as f64;
        }
    }
    mean
}

/// All rounds of some companies in the clear; the model after each is judged on all companies' held-out examples.
pub(super) fn in_the_clear(
    job: &AllianceJob,
    loaded: &Loaded,
    plan: &Plan,
    start: &Weights,
    members: &[usize],
    backend: &Backend,
    stop: &dyn Fn() -> bool,
) -> Result<Course, AllianceJobError> {
    let mut trainers: Vec<LocalData<'_>> = members.iter().map(|m| local(loaded, *m, backend, stop)).collect();
    let mut state = ModelState::new(start.clone());
    let mut quality = vec![];
    for round in 0..job.settings.plan.rounds {
        let mut updates = vec![];
        for (member, trainer) in members.iter().zip(&mut trainers) {
            updates.push((plan.weights()[*member], trainer.update(plan, round, &state.weights)?));
        }
        state.apply(&clear_mean(plan, &updates), plan.raw().update)?;
        quality.push(judge(plan, &loaded.held_out, &state.weights, backend)?);
    }
    Ok(Course { weights: state.weights, quality })
}
