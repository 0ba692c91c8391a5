//! A fleet in training: the plan on the device, and what the host knows of each member.

use super::error::TrainError;
use super::fleet::{Data, Member, Targets, TrainedMember};
use super::spec::{EarlyStop, TrainSpec};
use super::tables::{TableShape, Tables};
use super::window::Window;
use crate::backend::Backend;
use crate::model::compile::{self, TrainPlan, TrainShape};
use crate::model::{InputForm, Model, Weights};

/// What the host knows of a member; all of it goes into a checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Progress {
    /// Losses of each epoch that it took part in.
    pub losses: Vec<(f32, Option<f32>)>,
    /// The epoch of the kept weights, from 1; 0 before there is one.
    pub best_epoch: usize,
    /// The epoch that last was better by `min_delta`, from 1: patience counts from there.
    pub mark_epoch: usize,
    /// It has stopped by itself.
    pub stopped: bool,
}

impl Progress {
    /// The validation loss after `epoch` (from 1).
    fn loss_after(&self, epoch: usize) -> f32 {
        match epoch.checked_sub(1).and_then(|e| self.losses.get(e)) {
            Some((_, Some(loss))) => *loss,
            _ => f32::INFINITY,
        }
    }

    /// Takes an epoch's losses down; says whether its weights are the best so far.
    fn take(&mut self, epoch: usize, losses: (f32, Option<f32>), stop: Option<EarlyStop>) -> bool {
        let (best, mark) = (self.loss_after(self.best_epoch), self.loss_after(self.mark_epoch));
        let improved = losses.1.is_none_or(|loss| loss < best);
        self.losses.push(losses);
        if improved {
            self.best_epoch = epoch;
        }
        let EarlyStop { patience, min_delta } = stop.unwrap_or(EarlyStop { patience: usize::MAX, min_delta: 0.0 });
        if losses.1.is_none_or(|loss| loss < mark - min_delta) {
            self.mark_epoch = epoch;
        }
        self.stopped = epoch - self.mark_epoch >= patience;
        improved
    }
}

/// A state to go on from.
#[derive(Debug)]
pub(super) struct Resumed {
    pub epochs_done: usize,
    pub progress: Vec<Progress>,
    /// The words of the tensors that outlive a step, in the order of [`TrainPlan::lasting`].
    pub tensors: Vec<Vec<u32>>,
}

/// A fleet in training.
#[derive(Debug)]
pub(super) struct FleetState<'a> {
    pub plan: TrainPlan,
    pub progress: Vec<Progress>,
    pub epochs_done: usize,
    /// The number of its first member in the whole training.
    pub first_member: usize,
    members: &'a [Member],
    data: Data<'a>,
    form: InputForm,
    /// Which rows the device holds at a time, if not all.
    window: Option<Window>,
    steps: TableShape,
    tables: Tables,
    validation_steps: TableShape,
    validation_tables: Tables,
    losses: Vec<u32>,
}

impl<'a> FleetState<'a> {
    pub(super) fn new(
        model: &Model,
        shape: &TrainShape,
        data: Data<'a>,
        members: &'a [Member],
        backend: &Backend,
        resumed: Option<Resumed>,
    ) -> Result<Self, TrainError> {
        let window = Window::new(model, shape, backend);
        let rows = window.map_or(shape.rows, Window::rows);
        let mut plan = compile::training(model, &TrainShape { rows, ..shape.clone() }, backend)?;
        if window.is_none() {
            plan.plan.upload(plan.inputs, &model.input_form().words(data.inputs)?)?;
            match data.targets {
                Targets::Labels(labels) => plan.plan.upload(plan.targets, labels)?,
                Targets::Values(values) => plan.plan.upload_f32(plan.targets, values)?,
            }
        }
        let seeds: Vec<u32> = members.iter().map(|m| (m.seed ^ (m.seed >> 32)) as u32).collect();
        plan.plan.upload(plan.seed, &seeds)?;
        let fleet = members.len();
        let steps = TableShape { fleet, steps: shape.steps, batch: shape.batch };
        let validation_steps = TableShape { steps: shape.validation_steps, ..steps };
        let mut state = Self {
            plan,
            progress: vec![Progress::default(); fleet],
            epochs_done: 0,
            first_member: 0,
            members,
            data,
            form: model.input_form(),
            window,
            steps,
            tables: Tables::new(steps),
            validation_steps,
            validation_tables: Tables::new(validation_steps),
            losses: vec![0; fleet],
        };
        match resumed {
            Some(resumed) => state.restore(resumed)?,
            None => state.start(model)?,
        }
        state.upload_validation()?;
        Ok(state)
    }

    /// The validation rows of the members that go on; the others rest.
    fn upload_validation(&mut self) -> Result<(), TrainError> {
        let shape = self.validation_steps;
        if shape.steps == 0 {
            return Ok(());
        }
        for (index, member) in self.members.iter().enumerate() {
            if self.progress[index].stopped {
                self.validation_tables.rest(shape, index);
            } else {
                self.validation_tables.fill_validation(shape, index, member);
            }
        }
        let places = self.window.map(|window| window.places(shape));
        upload_tables(&mut self.plan, &self.validation_tables, places.as_deref(), true)
    }

    fn start(&mut self, model: &Model) -> Result<(), TrainError> {
        let first: Vec<Weights> = self.members.iter().map(|m| m.first_weights(model)).collect();
        for (i, id) in self.plan.params.clone().into_iter().enumerate() {
            let all: Vec<f32> = first.iter().flat_map(|w| w.values[i].iter().copied()).collect();
            self.plan.plan.upload_f32(id, &all)?;
        }
        Ok(())
    }

    fn restore(&mut self, resumed: Resumed) -> Result<(), TrainError> {
        for (id, words) in self.plan.lasting().into_iter().zip(&resumed.tensors) {
            self.plan.plan.upload(id, words)?;
        }
        self.progress = resumed.progress;
        self.epochs_done = resumed.epochs_done;
        Ok(())
    }

    /// Members that go on.
    pub(super) fn active(&self) -> usize {
        self.progress.iter().filter(|p| !p.stopped).count()
    }

    /// The next epoch, from 0, if there is one.
    pub(super) fn next_epoch(&self, spec: &TrainSpec) -> Option<usize> {
        (self.epochs_done < spec.epochs && self.active() > 0).then_some(self.epochs_done)
    }

    /// One epoch of all members that go on; returns their mean losses. The device is asked once, at the end.
    pub(super) fn run_epoch(&mut self, spec: &TrainSpec, epoch: usize) -> Result<(f32, Option<f32>), TrainError> {
        for (index, member) in self.members.iter().enumerate() {
            if self.progress[index].stopped {
                self.tables.rest(self.steps, index);
            } else {
                self.tables.fill_epoch(self.steps, index, member, spec, epoch);
            }
        }
        let places = self.window.map(|window| window.places(self.steps));
        upload_tables(&mut self.plan, &self.tables, places.as_deref(), false)?;
        self.replay()?;
        let train_loss = self.read(self.plan.train_loss)?;
        let validation_loss =
            if self.plan.validate.is_some() { Some(self.read(self.plan.validation_loss)?) } else { None };
        let before = self.active();
        let means = self.judge(spec, epoch, &train_loss, validation_loss.as_deref())?;
        self.epochs_done = epoch + 1;
        if self.active() < before {
            self.upload_validation()?;
        }
        Ok(means)
    }

    /// All steps of an epoch and of its validation.
    fn replay(&mut self) -> Result<(), TrainError> {
        let mut runs = vec![(self.plan.train, 0..self.steps.steps as u32)];
        if let Some((list, steps)) = self.plan.validate {
            runs.push((list, 0..steps));
        }
        let Some(window) = self.window else {
            return Ok(self.plan.plan.replay_all(&runs)?);
        };
        for ((list, steps), tables) in runs.into_iter().zip([&self.tables, &self.validation_tables]) {
            for stretch in window.stretches(steps.len()) {
                window.fill(&mut self.plan, self.form, self.data, &tables.rows, stretch.clone())?;
                self.plan.plan.replay(list, stretch.start as u32..stretch.end as u32)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, id: crate::plan::TensorId) -> Result<Vec<f32>, TrainError> {
        self.plan.plan.download_into(id, &mut self.losses)?;
        Ok(self.losses.iter().copied().map(f32::from_bits).collect())
    }

    /// Takes down each member's losses, keeps the weights of those that got better, stops those that have not for long.
    fn judge(
        &mut self,
        spec: &TrainSpec,
        epoch: usize,
        train: &[f32],
        validation: Option<&[f32]>,
    ) -> Result<(f32, Option<f32>), TrainError> {
        let mut better = vec![0.0_f32; self.members.len()];
        let (mut train_sum, mut validation_sum, mut judged, mut took_part) = (0.0, 0.0, 0, 0);
        for (index, member) in self.members.iter().enumerate() {
            let progress = &mut self.progress[index];
            if progress.stopped {
                continue;
            }
            let own = validation.filter(|_| !member.validation.is_empty()).map(|v| v[index]);
            for loss in std::iter::once(train[index]).chain(own) {
                if !loss.is_finite() {
                    let member = self.first_member + index;
                    return Err(TrainError::Diverged {
                        member,
                        epoch: epoch + 1,
                        loss,
                        rate: self.members[index].rate,
                    });
                }
            }
            if progress.take(epoch + 1, (train[index], own), spec.early_stop) {
                better[index] = 1.0;
            }
            train_sum += f64::from(train[index]);
            took_part += 1;
            if let Some(loss) = own {
                validation_sum += f64::from(loss);
                judged += 1;
            }
        }
        if better.iter().any(|&flag| flag > 0.0) {
            self.plan.plan.upload_f32(self.plan.flag, &better)?;
            self.plan.plan.replay(self.plan.keep_best, 0..1)?;
        }
        let mean = |sum: f64, count: usize| (sum / f64::from(count.max(1) as u32)) as f32;
        Ok((mean(train_sum, took_part), (judged > 0).then(|| mean(validation_sum, judged))))
    }

    /// The kept weights of every member.
    pub(super) fn finish(mut self, model: &Model) -> Result<Vec<TrainedMember>, TrainError> {
        let fleet = self.members.len();
        let mut weights = vec![Weights::default(); fleet];
        for (id, param) in self.plan.best.clone().into_iter().zip(model.params()) {
            let all = self.plan.plan.download_f32(id)?;
            for (member, values) in weights.iter_mut().zip(all.chunks(param.len())) {
                member.values.push(values.to_vec());
            }
        }
        for (index, own) in weights.iter().enumerate() {
            own.check(model).map_err(|e| TrainError::DivergedWeights {
                member: self.first_member + index,
                reason: e.to_string(),
                rate: self.members[index].rate,
            })?;
        }
        let members = weights.into_iter().zip(self.progress);
        Ok(members.map(|(weights, p)| TrainedMember { weights, losses: p.losses, best_epoch: p.best_epoch }).collect())
    }
}

/// `places` stands for the tables' row numbers where the device does not hold all rows.
fn upload_tables(
    plan: &mut TrainPlan,
    tables: &Tables,
    places: Option<&[u32]>,
    validation: bool,
) -> Result<(), TrainError> {
    let ids = if validation { &plan.validation_tables } else { &plan.train_tables };
    let (rows, weights, schedule) = (ids.rows, ids.weights, ids.schedule);
    plan.plan.upload(rows, places.unwrap_or(&tables.rows))?;
    plan.plan.upload_f32(weights, &tables.weights)?;
    plan.plan.upload_f32(schedule, &tables.schedule)?;
    Ok(())
}
