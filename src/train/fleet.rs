//! The training loop.

use std::time::{Duration, Instant};

use super::checkpoint;
use super::control::{Control, EpochReport};
use super::error::TrainError;
use super::spec::TrainSpec;
use super::state::FleetState;
use crate::backend::Backend;
use crate::backend::half::HALF_MAX;
use crate::model::compile::{TrainShape, bytes_a_member, largest_tensor, memory_share};
use crate::model::{Loss, Model, Precision, Weights, initial_weights};

/// The rows that all members draw from.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// [rows, length * channels], row after row.
    pub inputs: &'a [f32],
    /// What should come out.
    pub targets: Targets<'a>,
}

/// Targets of all rows.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// One class a row, for cross entropy.
    Labels(&'a [u32]),
    /// [rows, outputs], for the other losses.
    Values(&'a [f32]),
}

/// One member of a fleet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Member {
    /// Draws the initial weights, the order of rows, the dropout.
    pub seed: u64,
    /// The base learning rate.
    pub rate: f32,
    /// The rows that it trains on.
    pub train: Vec<u32>,
    /// A weight for each of them; 1 if there are no weights. A row of weight 0 is left out altogether.
    pub train_weights: Vec<f32>,
    /// The rows that it is judged on after every epoch.
    pub validation: Vec<u32>,
    /// A weight for each of them; 1 where there is none.
    pub validation_weights: Vec<f32>,
    /// Where it starts, instead of a draw from the seed.
    pub start: Option<Weights>,
    /// The last dense layer's first bias, for instance the log-odds of the target's mean.
    pub output_bias: Option<Vec<f32>>,
}

impl Member {
    /// A member that starts from a draw, with all weights 1.
    pub fn new(seed: u64, rate: f32, train: Vec<u32>, validation: Vec<u32>) -> Self {
        Self { seed, rate, train, validation, ..Self::default() }
    }

    pub(super) fn first_weights(&self, model: &Model) -> Weights {
        let mut weights = self.start.clone().unwrap_or_else(|| initial_weights(model, self.seed));
        if let (Some(bias), Some(place)) = (&self.output_bias, model.output_bias()) {
            weights.values[place].clone_from(bias);
        }
        weights
    }
}

/// What became of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedMember {
    /// The weights of its best epoch by validation loss (of the last epoch, if it has no validation rows).
    pub weights: Weights,
    /// Training and validation loss of each epoch that it took part in.
    pub losses: Vec<(f32, Option<f32>)>,
    /// The epoch of the weights, from 1.
    pub best_epoch: usize,
}

/// The most members that fit on a device at once: by the size of one binding, and by a share of memory.
pub fn fleet_max(model: &Model, shape: &TrainShape, backend: &Backend) -> usize {
    let by_memory = memory_share(backend) / bytes_a_member(model, shape, backend).max(1);
    let by_binding = match backend {
        Backend::Cpu(_) => usize::MAX,
        Backend::Gpu(gpu) => gpu.binding_bytes_max() as usize / (largest_tensor(model, shape).max(1) * 4),
    };
    by_memory.min(by_binding).max(1)
}

/// Trains every member on its rows. Members that do not fit on the device at once are trained in several fleets, one
/// after the other: a member's result does not depend on the others.
///
/// # Errors
/// If settings or data are wrong, a loss stops being a number, the device fails, or `control.stop` says so.
pub fn train(
    model: &Model,
    spec: &TrainSpec,
    loss: Loss,
    data: Data<'_>,
    members: &[Member],
    backend: &Backend,
    control: &mut Control<'_>,
) -> Result<Vec<TrainedMember>, TrainError> {
    check(model, spec, loss, data, members)?;
    let at_once = fleet_max(model, &train_shape(model, spec, loss, data, members), backend);
    train_in_fleets(model, spec, loss, data, members, backend, control, at_once)
}

/// [`train`] with at most `at_once` members on the device at a time, where the caller knows better than [`fleet_max`].
///
/// # Errors
/// As there.
pub fn train_in_fleets(
    model: &Model,
    spec: &TrainSpec,
    loss: Loss,
    data: Data<'_>,
    members: &[Member],
    backend: &Backend,
    control: &mut Control<'_>,
    at_once: usize,
) -> Result<Vec<TrainedMember>, TrainError> {
    check(model, spec, loss, data, members)?;
    let shape = train_shape(model, spec, loss, data, members);
    check_counts(spec, &shape)?;
    let mut trained = Vec::with_capacity(members.len());
    for (number, fleet) in members.chunks(at_once.max(1)).enumerate() {
        let fleet_shape = TrainShape { fleet: fleet.len(), ..shape.clone() };
        let print = checkpoint::fingerprint(model, spec, loss, data, fleet);
        let file = control.checkpoint.as_ref().map(|plan| plan.folder.join(format!("fleet-{number}.safetensors")));
        let resumed =
            file.as_deref().map(|path| checkpoint::load(path, model, &fleet_shape, &print)).transpose()?.flatten();
        let mut state = FleetState::new(model, &fleet_shape, data, fleet, backend, resumed)?;
        state.first_member = trained.len();
        run_epochs(
            &mut state,
            model,
            spec,
            members.len(),
            control,
            file.as_deref().map(|path| (path, print.as_str())),
        )?;
        trained.extend(state.finish(model)?);
    }
    Ok(trained)
}

/// The generator of dropout tells steps apart by their number, which is exact in f32 below 2^24 only.
fn check_counts(spec: &TrainSpec, shape: &TrainShape) -> Result<(), TrainError> {
    let steps = spec.epochs * shape.steps;
    if steps >= 1 << 24 {
        let reason = format!("of {} steps each make {steps} steps, at most 16,777,215 are possible", shape.steps);
        return Err(TrainError::Setting { key: "epochs", reason });
    }
    Ok(())
}

/// The shape that holds every member: as many steps as the largest needs. The batch must not depend on the members: the
/// order of a sum may follow from it, and a member's bits must not change with the company that it trains in.
fn train_shape(model: &Model, spec: &TrainSpec, loss: Loss, data: Data<'_>, members: &[Member]) -> TrainShape {
    let rows = data.inputs.len() / model.input().len();
    let longest = |count: fn(&Member) -> usize| members.iter().map(count).max().unwrap_or(0);
    let train = longest(|m| m.train.len());
    let validation = longest(|m| m.validation.len());
    let batch = spec.batch.min(rows);
    TrainShape {
        fleet: members.len(),
        batch,
        rows,
        steps: train.div_ceil(batch),
        validation_steps: validation.div_ceil(batch),
        loss,
        optimizer: spec.optimizer,
        clip: spec.clip,
        precision: spec.precision,
    }
}

/// Where epochs are long, a checkpoint is due after each that ends so long after the last one. When they are written
/// changes no result.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(20);

fn run_epochs(
    state: &mut FleetState<'_>,
    model: &Model,
    spec: &TrainSpec,
    members: usize,
    control: &mut Control<'_>,
    file: Option<(&std::path::Path, &str)>,
) -> Result<(), TrainError> {
    let every = control.checkpoint.as_ref().map_or(usize::MAX, |plan| plan.every_epochs.max(1));
    let mut saved = Instant::now();
    while let Some(epoch) = state.next_epoch(spec) {
        let (train_loss, validation_loss) = state.run_epoch(spec, epoch)?;
        (control.on_epoch)(&EpochReport {
            epoch: epoch + 1,
            epochs: spec.epochs,
            members,
            first_member: state.first_member,
            active: state.active(),
            train_loss,
            validation_loss,
        });
        let stop = (control.stop)();
        let late = saved.elapsed() >= CHECKPOINT_AFTER;
        let due = stop || late || (epoch + 1).is_multiple_of(every) || state.next_epoch(spec).is_none();
        if let Some((path, print)) = file.filter(|_| due) {
            checkpoint::save(path, model, state, print)?;
            saved = Instant::now();
        }
        if stop && state.next_epoch(spec).is_some() {
            return Err(TrainError::Interrupted { epochs_done: if file.is_some() { epoch + 1 } else { 0 } });
        }
    }
    Ok(())
}

/// Refuses a loss of read-outs whose weight is none, or without read-outs.
fn check_read_outs(model: &Model, loss: Loss) -> Result<(), TrainError> {
    let Loss::ReadOuts { auxiliary } = loss else { return Ok(()) };
    if !auxiliary.is_finite() || auxiliary < 0.0 {
        let reason = format!("auxiliary must be at least 0, found {auxiliary}");
        return Err(TrainError::Setting { key: "loss", reason });
    }
    if model.output().positions() < 2 {
        let reason = "read_outs needs a model whose output has several positions, found 1".to_owned();
        return Err(TrainError::Setting { key: "loss", reason });
    }
    Ok(())
}

fn check(model: &Model, spec: &TrainSpec, loss: Loss, data: Data<'_>, members: &[Member]) -> Result<(), TrainError> {
    spec.check()?;
    let bad = |text: String| Err(TrainError::Data(text));
    let width = model.input().len();
    if members.is_empty() || data.inputs.is_empty() || !data.inputs.len().is_multiple_of(width) {
        return bad(format!(
            "expected at least one member and whole rows of {width} values, found {} members and {} values",
            members.len(),
            data.inputs.len()
        ));
    }
    let rows = data.inputs.len() / width;
    let outputs = model.output().len();
    check_read_outs(model, loss)?;
    match (loss, data.targets) {
        (Loss::CrossEntropy | Loss::ReadOuts { .. }, Targets::Labels(labels)) => {
            let classes = loss.classes(model.output()).unwrap_or(outputs);
            if labels.len() != rows {
                return bad(format!("{rows} rows have {} labels", labels.len()));
            }
            if let Some(row) = labels.iter().position(|&l| l as usize >= classes) {
                return bad(format!("row {row} has class {}, the model has {classes} classes", labels[row]));
            }
        }
        (Loss::BinaryCrossEntropy | Loss::MeanSquare | Loss::Pearson, Targets::Values(values)) => {
            if values.len() != rows * outputs {
                return bad(format!("{rows} rows of {outputs} outputs have {} target values", values.len()));
            }
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                return bad(format!("row {} has the target {}", at / outputs, values[at]));
            }
            let outside = values.iter().position(|v| !(0.0..=1.0).contains(v));
            if let Some(at) = outside.filter(|_| loss == Loss::BinaryCrossEntropy) {
                return bad(format!("row {} has the target {}, expected 0 to 1", at / outputs, values[at]));
            }
        }
        _ => return bad(format!("{loss:?} does not go with {}", target_kind(data.targets))),
    }
    if let Some(at) = data.inputs.iter().position(|v| !v.is_finite()) {
        return bad(format!("row {} has the input {} at place {}", at / width, data.inputs[at], at % width));
    }
    model.input_form().words(data.inputs).map_err(|e| TrainError::Data(e.to_string()))?;
    // Whole numbers in front of an embedding are not held as f16.
    let half = spec.precision == Precision::F16 && model.input_form().vocabulary.is_none();
    let too_large = |v: &f32| half && v.abs() > HALF_MAX;
    if let Some(at) = data.inputs.iter().position(too_large) {
        return bad(format!(
            "row {} has the input {} at place {}: `precision = \"f16\"` holds at most {HALF_MAX}",
            at / width,
            data.inputs[at],
            at % width
        ));
    }
    for (number, member) in members.iter().enumerate() {
        check_member(model, number, member, rows)?;
    }
    Ok(())
}

fn target_kind(targets: Targets<'_>) -> &'static str {
    match targets {
        Targets::Labels(_) => "class labels",
        Targets::Values(_) => "target values",
    }
}

fn check_member(model: &Model, number: usize, member: &Member, rows: usize) -> Result<(), TrainError> {
    let bad = |text: String| Err(TrainError::Data(format!("member {number}: {text}")));
    if member.train.is_empty() {
        return bad("it has no rows to train on".to_owned());
    }
    if let Some(row) = member.train.iter().chain(&member.validation).find(|&&row| row as usize >= rows) {
        return bad(format!("it asks for row {row} of {rows}"));
    }
    for (weights, of) in [(&member.train_weights, &member.train), (&member.validation_weights, &member.validation)] {
        if !weights.is_empty() && weights.len() != of.len() {
            return bad(format!("{} rows have {} weights", of.len(), weights.len()));
        }
        if let Some(weight) = weights.iter().find(|w| !w.is_finite() || **w < 0.0) {
            return bad(format!("a row has the weight {weight}"));
        }
        if !weights.is_empty() && weights.iter().all(|&w| w == 0.0) {
            return bad(format!("all of its {} rows have the weight 0", of.len()));
        }
    }
    if !member.rate.is_finite() || member.rate <= 0.0 {
        return bad(format!("the learning rate must be above 0, found {}", member.rate));
    }
    if let Some(start) = &member.start {
        start.check(model)?;
    }
    match (&member.output_bias, model.output_bias()) {
        (Some(_), None) => {
            bad("an output bias is given, but the model does not end with a plain dense layer".to_owned())
        }
        (Some(bias), Some(_)) if bias.len() != model.output().len() || bias.iter().any(|b| !b.is_finite()) => {
            bad(format!("the output bias needs {} finite values, found {}", model.output().len(), bias.len()))
        }
        _ => Ok(()),
    }
}
