//! Local training (A3): from the common model to a party's update, on the engine.

use super::terms::Algorithm;
use super::{AllianceError, Plan};
use crate::backend::Backend;
use crate::model::{Model, Optimizer, Precision, Weights};
use crate::train::{Control, Data, Member, RateSchedule, Targets, TrainSpec, member_seed, train};

/// What makes a party's update of a round. The same round from the same model must give the same update.
pub trait Trainer {
    /// The update: which way, and how far, the party would move the model. One vector a parameter.
    ///
    /// # Errors
    /// If training fails or is interrupted.
    fn update(&mut self, plan: &Plan, round: u32, start: &Weights) -> Result<Vec<Vec<f32>>, AllianceError>;
}

/// Training targets that a party owns.
#[derive(Debug, Clone, PartialEq)]
pub enum LocalTargets {
    /// One class a row.
    Labels(Vec<u32>),
    /// Outputs of each row.
    Values(Vec<f32>),
}

/// A party's own rows (A1), and the device to train on.
pub struct LocalData<'a> {
    /// [rows, inputs].
    pub inputs: Vec<f32>,
    /// What should come out.
    pub targets: LocalTargets,
    /// The party's place in the plan: its rows have an order of their own.
    pub place: usize,
    /// The device.
    pub backend: &'a Backend,
    /// Whether to stop.
    pub stop: &'a dyn Fn() -> bool,
}

impl LocalData<'_> {
    /// Rows.
    pub fn rows(&self, model: &Model) -> usize {
        self.inputs.len() / model.input().len().max(1)
    }

    /// Trains from `start`; the weights after the last epoch.
    fn train(&self, plan: &Plan, spec: &TrainSpec, seed: u64, start: &Weights) -> Result<Weights, AllianceError> {
        let rows = self.rows(plan.model()) as u32;
        let member = Member { start: Some(start.clone()), ..Member::new(seed, spec.rate, (0..rows).collect(), vec![]) };
        let targets = match &self.targets {
            LocalTargets::Labels(labels) => Targets::Labels(labels),
            LocalTargets::Values(values) => Targets::Values(values),
        };
        let data = Data { inputs: &self.inputs, targets };
        let mut control = Control { on_epoch: &mut |_| {}, stop: self.stop, checkpoint: None };
        let trained = train(plan.model(), spec, plan.raw().loss, data, &[member], self.backend, &mut control)?;
        // One member went in.
        Ok(trained.into_iter().next().map(|t| t.weights).unwrap_or_default())
    }
}

impl Trainer for LocalData<'_> {
    fn update(&mut self, plan: &Plan, round: u32, start: &Weights) -> Result<Vec<Vec<f32>>, AllianceError> {
        let seed = member_seed(member_seed(plan.raw().seed, self.place), round as usize);
        match (plan.raw().algorithm, plan.raw().local_spec()) {
            (Algorithm::FedProx { epochs, mu, rate, batch }, Some(spec)) => {
                let steps = self.rows(plan.model()).div_ceil(batch.min(self.rows(plan.model())).max(1));
                let held = 1.0 + f64::from(mu) * f64::from(rate) * steps as f64;
                let mut weights = start.clone();
                for epoch in 0..epochs {
                    let spec = TrainSpec { epochs: 1, ..spec.clone() };
                    weights = self.train(plan, &spec, member_seed(seed, epoch), &weights)?;
                    draw_back(&mut weights, start, held);
                }
                Ok(moved(&weights, start))
            }
            (_, Some(spec)) => Ok(moved(&self.train(plan, &spec, seed, start)?, start)),
            (_, None) => {
                let spec = gradient_step(self.rows(plan.model()));
                Ok(moved(&self.train(plan, &spec, seed, start)?, start))
            }
        }
    }
}

/// One step against the gradient over all rows, of length 1: how far it moves is the gradient, up to the rounding of the
/// weights (2^-24 of each).
fn gradient_step(rows: usize) -> TrainSpec {
    TrainSpec {
        epochs: 1,
        batch: rows,
        rate: 1.0,
        schedule: RateSchedule::Constant,
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 },
        clip: None,
        precision: Precision::F32,
        early_stop: None,
    }
}

fn draw_back(weights: &mut Weights, start: &Weights, held: f64) {
    for (weights, start) in weights.values.iter_mut().zip(&start.values) {
        for (w, s) in weights.iter_mut().zip(start) {
            *w = (f64::from(*s) + (f64::from(*w) - f64::from(*s)) / held) as f32;
        }
    }
}

fn moved(end: &Weights, start: &Weights) -> Vec<Vec<f32>> {
    let of_param = |(end, start): (&Vec<f32>, &Vec<f32>)| end.iter().zip(start).map(|(e, s)| e - s).collect();
    end.values.iter().zip(&start.values).map(of_param).collect()
}
