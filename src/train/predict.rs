//! Running trained fleets.

use super::error::TrainError;
use crate::backend::Backend;
use crate::model::compile::{self, PredictPlan, RowsOf};
use crate::model::{AssociationShape, InputForm, Model, Weights};
use crate::plan::{TensorId, View};

/// A fleet laid out on a device, ready to predict batch after batch of rows that its members share.
#[derive(Debug)]
pub struct Predictor {
    plan: PredictPlan,
    fleet: usize,
    batch: usize,
    form: InputForm,
    outputs: usize,
    associations: Option<AssociationShape>,
}

/// What a model with associations says of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The model's outputs: [fleet, rows, outputs].
    pub outputs: Vec<f32>,
    /// The attention's weights: [fleet, rows, heads, positions, positions].
    pub weights: Vec<f32>,
}

impl Predictor {
    /// Puts the members' weights on the device.
    ///
    /// # Errors
    /// If weights are not the model's, or the device fails.
    pub fn new(model: &Model, members: &[Weights], batch: usize, backend: &Backend) -> Result<Self, TrainError> {
        let plan = plan(model, members, batch, RowsOf::Fleet, backend)?;
        let (form, outputs) = (model.input_form(), model.output().len());
        Ok(Self { plan, fleet: members.len(), batch, form, outputs, associations: model.associations() })
    }

    /// Every member's outputs for the same rows: [fleet, rows, outputs].
    ///
    /// # Errors
    /// If the rows are not whole, or the device fails.
    pub fn all_members(&mut self, rows: &[f32]) -> Result<Vec<f32>, TrainError> {
        let [outputs, _] = self.everything(rows, None)?;
        Ok(outputs)
    }

    /// Every member's outputs for the same rows, with the attention's weights that the last associations layer keeps.
    ///
    /// # Errors
    /// As [`Predictor::all_members`], or if the model has no such layer.
    pub fn probe(&mut self, rows: &[f32]) -> Result<Probed, TrainError> {
        let shape = self.shape()?;
        let [outputs, weights] = self.everything(rows, Some(shape))?;
        Ok(Probed { outputs, weights })
    }

    /// As [`Predictor::probe`], batch by batch as the device has them, without putting them together: `take` gets how many
    /// rows live, and of each member the outputs [batch, outputs] and the weights [batch, heads, positions, positions].
    ///
    /// # Errors
    /// As there.
    pub fn probe_each(
        &mut self,
        rows: &[f32],
        mut take: impl FnMut(usize, View<'_>, View<'_>),
    ) -> Result<(), TrainError> {
        let shape = self.shape()?;
        self.each(rows, Some(shape), |_, live, [outputs, weights]| take(live, outputs, weights))
    }

    /// Values of a row.
    pub const fn width(&self) -> usize {
        self.form.width
    }

    fn shape(&self) -> Result<AssociationShape, TrainError> {
        let missing = || TrainError::Data("expected a model with an associations layer, found none".to_owned());
        self.associations.ok_or_else(missing)
    }

    /// Outputs, and the associations' weights where they are asked for.
    fn everything(&mut self, rows: &[f32], probed: Option<AssociationShape>) -> Result<[Vec<f32>; 2], TrainError> {
        let (count, values) = (rows.len() / self.form.width, [self.outputs, probed.map_or(0, AssociationShape::len)]);
        let (fleet, batch) = (self.fleet, self.batch);
        let mut all = values.map(|values| vec![0.0; fleet * count * values]);
        self.each(rows, probed, |number, live, views| {
            for ((all, view), values) in all.iter_mut().zip(views).zip(values) {
                for member in 0..fleet {
                    let start = (member * count + number * batch) * values;
                    all[start..start + live * values].copy_from_slice(&view.member(member)[..live * values]);
                }
            }
        })?;
        Ok(all)
    }

    /// Calls `take` with a batch's number, its living rows, and what the device says of it: outputs and weights.
    fn each(
        &mut self,
        rows: &[f32],
        probed: Option<AssociationShape>,
        mut take: impl FnMut(usize, usize, [View<'_>; 2]),
    ) -> Result<(), TrainError> {
        let width = self.form.width;
        if !rows.len().is_multiple_of(width) {
            return Err(TrainError::Data(format!("expected whole rows of {width} values, found {}", rows.len())));
        }
        let words = self.form.words(rows).map_err(|e| TrainError::Data(e.to_string()))?;
        let weights = self.plan.associations.filter(|_| probed.is_some());
        let asked = [(Some(self.plan.output), self.outputs), (weights, probed.map_or(0, AssociationShape::len))];
        let mut copies = [vec![], vec![]];
        for (number, chunk) in words.chunks(self.batch * width).enumerate() {
            // Rows behind the living ones keep what was there: what is said of them is not looked at.
            self.plan.plan.upload_part(self.plan.input, 0, chunk)?;
            self.plan.plan.replay(self.plan.list, 0..1)?;
            for ((id, values), copy) in asked.iter().zip(&mut copies) {
                let far = id.filter(|id| self.plan.plan.in_place(*id).is_none());
                copy.resize(far.map_or(0, |_| self.fleet * self.batch * values), 0);
                far.map_or(Ok(()), |id| self.plan.plan.download_into(id, copy))?;
            }
            let view = |which: usize| {
                let (id, values) = asked[which];
                let near = id.and_then(|id: TensorId| self.plan.plan.in_place(id));
                near.unwrap_or_else(|| View::of(&copies[which], if id.is_some() { self.batch * values } else { 0 }))
            };
            take(number, chunk.len() / width, [view(0), view(1)]);
        }
        Ok(())
    }
}

/// A plan with the members' weights on the device.
fn plan(
    model: &Model,
    members: &[Weights],
    batch: usize,
    rows_of: RowsOf,
    backend: &Backend,
) -> Result<PredictPlan, TrainError> {
    if members.is_empty() || batch == 0 {
        return Err(TrainError::Data("expected at least one member and a batch of at least one row".to_owned()));
    }
    for member in members {
        member.check(model)?;
    }
    let mut plan = compile::prediction(model, (members.len(), batch), rows_of, backend)?;
    for (i, id) in plan.params.clone().into_iter().enumerate() {
        let all: Vec<f32> = members.iter().flat_map(|w| w.values[i].iter().copied()).collect();
        plan.plan.upload_f32(id, &all)?;
    }
    Ok(plan)
}

/// Each member's outputs (logits, before any softmax) for one row of its own: `rows` holds [fleet, width], the result
/// [fleet, outputs]. Members that do not fit on the device at once take turns.
///
/// # Errors
/// If the length is wrong, a value before an embedding is no number of its vocabulary, or the device fails.
pub fn predict_own(
    model: &Model,
    members: &[Weights],
    rows: &[f32],
    backend: &Backend,
) -> Result<Vec<f32>, TrainError> {
    let form = model.input_form();
    if rows.len() != members.len() * form.width {
        let (members, found) = (members.len(), rows.len());
        let expected = format!("{members} rows of {} values", form.width);
        return Err(TrainError::Data(format!("expected {expected}, a row for each member, found {found} values")));
    }
    let at_once = compile::prediction_fleet_max(model, 1, backend);
    let mut outputs = Vec::with_capacity(members.len() * model.output().len());
    for (members, rows) in members.chunks(at_once).zip(rows.chunks(at_once.saturating_mul(form.width))) {
        let mut plan = plan(model, members, 1, RowsOf::Member, backend)?;
        plan.plan.upload(plan.input, &form.words(rows)?)?;
        plan.plan.replay(plan.list, 0..1)?;
        outputs.extend(plan.plan.download_f32(plan.output)?);
    }
    Ok(outputs)
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
