//! Running trained fleets.

use super::error::TrainError;
use crate::backend::Backend;
use crate::model::compile::{self, PredictPlan};
use crate::model::{InputForm, Model, Weights};

/// A fleet laid out on a device, ready to predict batch after batch.
#[derive(Debug)]
pub struct Predictor {
    plan: PredictPlan,
    fleet: usize,
    batch: usize,
    form: InputForm,
    outputs: usize,
}

impl Predictor {
    /// Puts the members' weights on the device.
    ///
    /// # Errors
    /// If weights are not the model's, or the device fails.
    pub fn new(model: &Model, members: &[Weights], batch: usize, backend: &Backend) -> Result<Self, TrainError> {
        if members.is_empty() || batch == 0 {
            return Err(TrainError::Data("expected at least one member and a batch of at least one row".to_owned()));
        }
        for member in members {
            member.check(model)?;
        }
        let mut plan = compile::prediction(model, members.len(), batch, backend)?;
        for (i, id) in plan.params.clone().into_iter().enumerate() {
            let all: Vec<f32> = members.iter().flat_map(|w| w.values[i].iter().copied()).collect();
            plan.plan.upload_f32(id, &all)?;
        }
        let (form, outputs) = (model.input_form(), model.output().len());
        Ok(Self { plan, fleet: members.len(), batch, form, outputs })
    }

    /// The model's outputs (logits, before any softmax) for at most a batch of rows a member: `rows` holds
    /// [fleet, batch, width], the result [fleet, batch, outputs].
    ///
    /// # Errors
    /// If the length is wrong, a value before an embedding is no number of its vocabulary, or the device fails.
    pub fn batch(&mut self, rows: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.plan.plan.upload(self.plan.input, &self.form.words(rows)?)?;
        self.plan.plan.replay(self.plan.list, 0..1)?;
        Ok(self.plan.plan.download_f32(self.plan.output)?)
    }

    /// Every member's outputs for the same rows: [fleet, rows, outputs].
    ///
    /// # Errors
    /// If the rows are not whole, or the device fails.
    pub fn all_members(&mut self, rows: &[f32]) -> Result<Vec<f32>, TrainError> {
        let width = self.form.width;
        if !rows.len().is_multiple_of(width) {
            return Err(TrainError::Data(format!("expected whole rows of {width} values, found {}", rows.len())));
        }
        self.form.words(rows).map_err(|e| TrainError::Data(e.to_string()))?;
        let count = rows.len() / width;
        let mut outputs = vec![0.0; self.fleet * count * self.outputs];
        let mut input = vec![0.0; self.fleet * self.batch * width];
        for (number, chunk) in rows.chunks(self.batch * width).enumerate() {
            for member in input.chunks_mut(self.batch * width) {
                member[..chunk.len()].copy_from_slice(chunk);
                member[chunk.len()..].fill(0.0);
            }
            let found = self.batch(&input)?;
            let live = chunk.len() / width * self.outputs;
            for (member, values) in found.chunks(self.batch * self.outputs).enumerate() {
                let start = (member * count + number * self.batch) * self.outputs;
                outputs[start..start + live].copy_from_slice(&values[..live]);
            }
        }
        Ok(outputs)
    }
}

/// Every member's outputs for the same rows, in one call: [fleet, rows, outputs]. Members that do not fit on the device
/// at once take turns.
///
/// # Errors
/// As [`Predictor`].
pub fn predict(model: &Model, members: &[Weights], rows: &[f32], backend: &Backend) -> Result<Vec<f32>, TrainError> {
    let count = rows.len() / model.input().len().max(1);
    let batch = count.clamp(1, 1024);
    let at_once = compile::prediction_fleet_max(model, batch, backend);
    if members.len() <= at_once {
        return Predictor::new(model, members, batch, backend)?.all_members(rows);
    }
    let mut outputs = Vec::with_capacity(members.len() * count * model.output().len());
    for fleet in members.chunks(at_once) {
        outputs.extend(Predictor::new(model, fleet, batch, backend)?.all_members(rows)?);
    }
    Ok(outputs)
}
