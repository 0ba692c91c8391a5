//! Running trained fleets.

use super::error::TrainError;
use crate::backend::Backend;
use crate::model::compile::{self, PredictPlan};
use crate::model::{AssociationShape, InputForm, Model, Weights};

/// A fleet laid out on a device, ready to predict batch after batch.
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
        Ok(Self { plan, fleet: members.len(), batch, form, outputs, associations: model.associations() })
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
    /// rows live, the outputs [fleet, batch, outputs] and the weights [fleet, batch, heads, positions, positions].
    ///
    /// # Errors
    /// As there.
    pub fn probe_each(&mut self, rows: &[f32], mut take: impl FnMut(usize, &[f32], &[f32])) -> Result<(), TrainError> {
        let shape = self.shape()?;
        self.each(rows, Some(shape), |_, live, outputs, weights| take(live, outputs, weights))
    }

    /// Values of a row.
    pub const fn width(&self) -> usize {
        self.form.width
    }

    /// Rows of a batch.
    pub const fn batch_rows(&self) -> usize {
        self.batch
    }

    fn shape(&self) -> Result<AssociationShape, TrainError> {
        let missing = || TrainError::Data("expected a model with an associations layer, found none".to_owned());
        self.associations.ok_or_else(missing)
    }

    /// Outputs, and the associations' weights where they are asked for.
    fn everything(&mut self, rows: &[f32], probed: Option<AssociationShape>) -> Result<[Vec<f32>; 2], TrainError> {
        let (count, values) = (rows.len() / self.form.width, [self.outputs, probed.map_or(0, AssociationShape::len)]);
        let mut all = values.map(|values| Gathered::new(self.fleet, count, self.batch, values));
        self.each(rows, probed, |number, live, outputs, weights| {
            all[0].take(number, live, outputs);
            all[1].take(number, live, weights);
        })?;
        Ok(all.map(|gathered| gathered.all))
    }

    /// Calls `take` with a batch's number, its living rows, and what the device says of it.
    fn each(
        &mut self,
        rows: &[f32],
        probed: Option<AssociationShape>,
        mut take: impl FnMut(usize, usize, &[f32], &[f32]),
    ) -> Result<(), TrainError> {
        let width = self.form.width;
        if !rows.len().is_multiple_of(width) {
            return Err(TrainError::Data(format!("expected whole rows of {width} values, found {}", rows.len())));
        }
        let words = self.form.words(rows).map_err(|e| TrainError::Data(e.to_string()))?;
        let size = self.fleet * self.batch;
        let (mut outputs, mut weights) =
            (vec![0; size * self.outputs], vec![0; size * probed.map_or(0, AssociationShape::len)]);
        for (number, chunk) in words.chunks(self.batch * width).enumerate() {
            // Rows behind the living ones keep what was there: what is said of them is not looked at.
            for member in 0..self.fleet {
                self.plan.plan.upload_part(self.plan.input, member * self.batch * width, chunk)?;
            }
            self.plan.plan.replay(self.plan.list, 0..1)?;
            self.plan.plan.download_into(self.plan.output, &mut outputs)?;
            if let Some(id) = self.plan.associations.filter(|_| probed.is_some()) {
                self.plan.plan.download_into(id, &mut weights)?;
            }
            take(number, chunk.len() / width, bytemuck::cast_slice(&outputs), bytemuck::cast_slice(&weights));
        }
        Ok(())
    }
}

/// What every member says of each row, put together batch by batch.
struct Gathered {
    /// [fleet, rows, values].
    all: Vec<f32>,
    rows: usize,
    batch: usize,
    values: usize,
}

impl Gathered {
    fn new(fleet: usize, rows: usize, batch: usize, values: usize) -> Self {
        Self { all: vec![0.0; fleet * rows * values], rows, batch, values }
    }

    /// Takes the first `live` rows of a batch.
    fn take(&mut self, number: usize, live: usize, found: &[f32]) {
        for (member, found) in found.chunks((self.batch * self.values).max(1)).enumerate() {
            let start = (member * self.rows + number * self.batch) * self.values;
            self.all[start..start + live * self.values].copy_from_slice(&found[..live * self.values]);
        }
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
