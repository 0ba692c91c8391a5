//! Gradient boosting (Friedman, "Greedy function approximation: a gradient boosting machine", Ann. Statist. 29(5), 2001):
//! each tree takes a Newton step against the loss of those before it.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TreeError;
use super::bins::Binned;
use super::decision::Target;
use super::features::{BINS_MAX, FeatureKind, Features};
use super::grow::{Grower, Grown, Limits};
use super::histogram::Stats;
use super::node::Tree;
use super::split::{Criterion, SplitRules};

/// Rows of one task, and of one sum of losses.
const TASK_ROWS: usize = 4096;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoostLoss {
    /// Half the squared error.
    SquaredError,
    /// Two classes, the log-odds of the second.
    Logistic,
    /// Several classes, a tree a round for each.
    Softmax,
}

/// How to boost; [`BoostSpec::fit`] checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoostSpec {
    /// The most rounds.
    pub rounds: usize,
    /// The share of a step that is taken.
    pub rate: f64,
    /// The most leaves of a tree.
    pub leaves_max: usize,
    /// The most splits on a way down.
    pub depth_max: Option<usize>,
    /// The fewest rows of a leaf.
    pub leaf_rows_min: usize,
    /// The least sum of curvatures of a leaf.
    pub curvature_min: f64,
    /// Added to every leaf's curvature.
    pub lambda: f64,
    /// The most bins of a feature.
    pub bins: usize,
    /// With validation rows: ends after so many rounds without a smaller loss there, and keeps the best ones.
    pub patience: Option<usize>,
    /// Whether the loss of the training rows is worked out each round.
    pub train_loss: bool,
}

impl Default for BoostSpec {
    fn default() -> Self {
        Self {
            rounds: 100,
            rate: 0.1,
            leaves_max: 31,
            depth_max: None,
            leaf_rows_min: 20,
            curvature_min: 1e-3,
            lambda: 0.0,
            bins: BINS_MAX,
            patience: None,
            train_loss: false,
        }
    }
}

/// How far boosting has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Round {
    /// Rounds done.
    pub round: usize,
    /// The mean loss of the training rows, if it was asked for.
    pub train_loss: Option<f64>,
    /// The mean loss of the validation rows, if there are any.
    pub validation_loss: Option<f64>,
}

/// Boosted trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boosted {
    /// What was minimised.
    pub loss: BoostLoss,
    /// What is said before the first tree: a number for each output.
    pub base: Vec<f64>,
    /// Round by round, in each a tree for each output.
    pub trees: Vec<Tree>,
}

/// Training or validation rows.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Their features.
    pub features: Features<'a>,
    /// What is true of them.
    pub target: Target<'a>,
    /// What they weigh; all the same without.
    pub weights: Option<&'a [f32]>,
}

impl BoostSpec {
    /// Boosts trees. `watch` sees every round; when it says no, the work ends with [`TreeError::Stopped`].
    ///
    /// # Errors
    /// Names the setting that is out of range, or the targets or weights that do not fit the rows.
    pub fn fit(
        &self,
        rows: Rows<'_>,
        validation: Option<Rows<'_>>,
        watch: &mut dyn FnMut(Round) -> bool,
    ) -> Result<Boosted, TreeError> {
        self.check(&rows, validation.as_ref())?;
        let binned = Binned::new(&rows.features, self.bins)?;
        let mut model = Boosted::start(&rows);
        let outputs = model.outputs();
        let state = State::new(&rows, &model.base);
        let mut beside = validation.map(|rows| (rows, model.raw_of(&rows.features)));
        let (mut best, mut best_rounds) = (f64::INFINITY, 0);
        let mut grower = Grower::default();
        let mut order: Vec<u32> = Vec::with_capacity(rows.features.count());
        let mut pairs = vec![[0.0_f32; 2]; rows.features.count()];
        for round in 1..=self.rounds {
            let first = model.trees.len();
            for output in 0..outputs {
                state.gradients(model.loss, output, &mut pairs);
                order.clear();
                order.extend(0..rows.features.count() as u32);
                let mut grown = grower.grow(&binned, &Stats::Boost(&pairs), &self.limits(), &mut order);
                self.set_values(&mut grown);
                state.wait_or_add(&grown, &order, output, outputs);
                model.trees.push(grown.tree);
            }
            state.take_steps();
            let train_loss = self.train_loss.then(|| state.loss(model.loss));
            let validation_loss = beside.as_mut().map(|(rows, raw)| {
                model.add_raw(&rows.features, &model.trees[first..], raw);
                mean_loss(model.loss, raw, rows)
            });
            if !watch(Round { round, train_loss, validation_loss }) {
                return Err(TreeError::Stopped);
            }
            let judged = validation_loss.unwrap_or(-(round as f64));
            if judged < best {
                (best, best_rounds) = (judged, round);
            } else if self.patience.is_some_and(|patience| round - best_rounds >= patience) {
                break;
            }
        }
        if self.patience.is_some() {
            model.trees.truncate(best_rounds * outputs);
        }
        Ok(model)
    }

    fn limits(&self) -> Limits {
        let rules = SplitRules {
            criterion: Criterion::Newton { lambda: self.lambda },
            rows_min: self.leaf_rows_min as f64,
            weight_min: self.curvature_min,
            gain_min: 0.0,
        };
        let depth_max = self.depth_max.unwrap_or(usize::MAX);
        Limits { rules, depth_max, leaves_max: self.leaves_max, split_rows_min: 2 * self.leaf_rows_min }
    }

    fn set_values(&self, grown: &mut Grown) {
        for (node, sums) in grown.tree.nodes.iter_mut().zip(grown.sums.chunks_exact(3)) {
            let curvature = sums[1] + self.lambda;
            let step = if curvature > 0.0 { -sums[0] / curvature } else { 0.0 };
            node.weight = sums[1];
            node.value = vec![step * self.rate];
        }
    }

    fn check(&self, rows: &Rows<'_>, validation: Option<&Rows<'_>>) -> Result<(), TreeError> {
        rows.target.check(rows.features.count(), rows.weights)?;
        if let Some(beside) = validation {
            beside.target.check(beside.features.count(), beside.weights)?;
            let same = match (rows.target, beside.target) {
                (Target::Classes(_, a), Target::Classes(_, b)) => a == b,
                (Target::Numbers(_), Target::Numbers(_)) => true,
                _ => false,
            };
            if !same || rows.features.kinds() != beside.features.kinds() {
                return Err(TreeError::setting("validation", "the same features and kind of target", "others"));
            }
        }
        if let Target::Classes(_, count) = rows.target
            && count < 2
        {
            return Err(TreeError::setting("targets", "at least two classes", count));
        }
        if self.rounds == 0 {
            return Err(TreeError::setting("rounds", "at least 1", 0));
        }
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            return Err(TreeError::setting("rate", "a number above 0 and at most 1", self.rate));
        }
        if self.leaves_max < 2 {
            return Err(TreeError::setting("leaves_max", "at least 2", self.leaves_max));
        }
        if self.leaf_rows_min == 0 {
            return Err(TreeError::setting("leaf_rows_min", "at least 1", 0));
        }
        for (name, value) in [("lambda", self.lambda), ("curvature_min", self.curvature_min)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(TreeError::setting(name, "a finite number, at least 0", value));
            }
        }
        if self.patience.is_some() && validation.is_none() {
            return Err(TreeError::setting("patience", "validation rows to judge by", "none"));
        }
        Ok(())
    }
}

impl Boosted {
    /// Before the first tree.
    fn start(rows: &Rows<'_>) -> Self {
        let weight = |row: usize| rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
        let total: f64 = (0..rows.features.count()).map(weight).sum();
        let (loss, base) = match rows.target {
            Target::Numbers(numbers) => {
                let sum: f64 = numbers.iter().enumerate().map(|(row, y)| y * weight(row)).sum();
                (BoostLoss::SquaredError, vec![sum / total])
            }
            Target::Classes(labels, count) => {
                let mut shares = vec![0.0; count];
                labels.iter().enumerate().for_each(|(row, label)| shares[*label as usize] += weight(row) / total);
                // A class that is not there stays unlikely, and finite.
                let logs: Vec<f64> = shares.iter().map(|share| share.max(1e-9).ln()).collect();
                if count == 2 { (BoostLoss::Logistic, vec![logs[1] - logs[0]]) } else { (BoostLoss::Softmax, logs) }
            }
        };
        Self { loss, base, trees: vec![] }
    }

    /// Numbers that the trees make for a row.
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// Numbers of an answer.
    pub fn width(&self) -> usize {
        if self.loss == BoostLoss::Logistic { 2 } else { self.outputs() }
    }

    /// Checks a model that was read from a file.
    ///
    /// # Errors
    /// As [`Tree::check`].
    pub fn check(&self, kinds: &[FeatureKind]) -> Result<(), TreeError> {
        if self.base.is_empty() || !self.trees.len().is_multiple_of(self.base.len()) {
            return Err(TreeError::Saved(format!("{} trees for {} outputs", self.trees.len(), self.base.len())));
        }
        self.trees.iter().try_for_each(|tree| tree.check(kinds, 1))
    }

    /// What the trees say of each row: the number, or the probability of each class.
    pub fn predict(&self, features: &Features<'_>) -> Vec<f64> {
        let raw = self.raw_of(features);
        match self.loss {
            BoostLoss::SquaredError => raw,
            BoostLoss::Logistic => raw.iter().flat_map(|s| [sigmoid(-s), sigmoid(*s)]).collect(),
            BoostLoss::Softmax => {
                let mut raw = raw;
                raw.chunks_exact_mut(self.outputs()).for_each(softmax);
                raw
            }
        }
    }

    /// Each feature's share of all gains.
    pub fn gains(&self, width: usize) -> Vec<f64> {
        let mut gains = vec![0.0; width];
        self.trees.iter().for_each(|tree| tree.add_gains(&mut gains));
        gains
    }

    fn raw_of(&self, features: &Features<'_>) -> Vec<f64> {
        let mut raw: Vec<f64> = (0..features.count()).flat_map(|_| self.base.iter().copied()).collect();
        self.add_raw(features, &self.trees, &mut raw);
        raw
    }

    fn add_raw(&self, features: &Features<'_>, trees: &[Tree], raw: &mut [f64]) {
        let (width, outputs) = (features.width(), self.outputs());
        let task = |(raw, values): (&mut [f64], &[f32])| {
            for (raw, row) in raw.chunks_exact_mut(outputs).zip(values.chunks_exact(width)) {
                for (i, tree) in trees.iter().enumerate() {
                    raw[i % outputs] += tree.nodes[tree.leaf(row)].value[0];
                }
            }
        };
        raw.par_chunks_mut(TASK_ROWS * outputs).zip(features.values().par_chunks(TASK_ROWS * width)).for_each(task);
    }
}

/// What is known of the training rows while trees are added.
struct State<'a> {
    rows: &'a Rows<'a>,
    outputs: usize,
    /// [rows, outputs], f64 as bits: the leaves of a tree add to it side by side.
    raw: Vec<AtomicU64>,
    /// Steps of a round that wait until all its trees are grown, because they share gradients.
    steps: Vec<AtomicU64>,
}

impl<'a> State<'a> {
    fn new(rows: &'a Rows<'a>, base: &[f64]) -> Self {
        let count = rows.features.count();
        let raw = (0..count).flat_map(|_| base.iter().map(|b| AtomicU64::new(b.to_bits()))).collect();
        let waiting = if base.len() > 1 { count * base.len() } else { 0 };
        let steps = (0..waiting).map(|_| AtomicU64::new(0)).collect();
        Self { rows, outputs: base.len(), raw, steps }
    }

    fn raw(&self, at: usize) -> f64 {
        f64::from_bits(self.raw[at].load(Ordering::Relaxed))
    }

    /// Gradient and curvature of one output at each row.
    fn gradients(&self, loss: BoostLoss, output: usize, pairs: &mut [[f32; 2]]) {
        let task = |(t, pairs): (usize, &mut [[f32; 2]])| {
            for (i, pair) in pairs.iter_mut().enumerate() {
                let row = t * TASK_ROWS + i;
                let [g, h] = self.gradient(loss, row, output);
                let weight = self.rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
                *pair = [(g * weight) as f32, (h * weight) as f32];
            }
        };
        pairs.par_chunks_mut(TASK_ROWS).enumerate().for_each(task);
    }

    fn gradient(&self, loss: BoostLoss, row: usize, output: usize) -> [f64; 2] {
        match (loss, self.rows.target) {
            (BoostLoss::SquaredError, Target::Numbers(numbers)) => [self.raw(row) - numbers[row], 1.0],
            (BoostLoss::Logistic, Target::Classes(labels, _)) => {
                let p = sigmoid(self.raw(row));
                [p - f64::from(labels[row]), p * (1.0 - p)]
            }
            (BoostLoss::Softmax, Target::Classes(labels, _)) => {
                let own = (0..self.outputs).map(|o| self.raw(row * self.outputs + o));
                let top = own.clone().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = own.map(|s| (s - top).exp()).sum();
                let p = (self.raw(row * self.outputs + output) - top).exp() / sum;
                [p - f64::from(u8::from(labels[row] as usize == output)), p * (1.0 - p)]
            }
            // `Boosted::start` chooses the loss by the target.
            _ => [0.0, 0.0],
        }
    }

    /// Adds a tree's steps to its rows, or keeps them until the round's other trees are there.
    fn wait_or_add(&self, grown: &Grown, order: &[u32], output: usize, outputs: usize) {
        let waits = !self.steps.is_empty();
        let leaves: Vec<usize> =
            (0..grown.tree.nodes.len()).filter(|&node| grown.tree.nodes[node].split.is_none()).collect();
        leaves.into_par_iter().for_each(|leaf| {
            let step = grown.tree.nodes[leaf].value[0];
            order[grown.places[leaf].clone()].par_chunks(TASK_ROWS).for_each(|rows| {
                for &row in rows {
                    let at = row as usize * outputs + output;
                    if waits {
                        self.steps[at].store(step.to_bits(), Ordering::Relaxed);
                    } else {
                        // Every row is in one leaf: nobody else adds to this place.
                        self.raw[at].store((self.raw(at) + step).to_bits(), Ordering::Relaxed);
                    }
                }
            });
        });
    }

    fn take_steps(&self) {
        self.raw.par_iter().zip(&self.steps).with_min_len(TASK_ROWS).for_each(|(raw, step)| {
            let sum = f64::from_bits(raw.load(Ordering::Relaxed)) + f64::from_bits(step.load(Ordering::Relaxed));
            raw.store(sum.to_bits(), Ordering::Relaxed);
        });
    }

    fn loss(&self, loss: BoostLoss) -> f64 {
        let raw: Vec<f64> = (0..self.raw.len()).map(|at| self.raw(at)).collect();
        mean_loss(loss, &raw, self.rows)
    }
}

/// The mean loss of rows, each with its weight.
fn mean_loss(loss: BoostLoss, raw: &[f64], rows: &Rows<'_>) -> f64 {
    let count = rows.features.count();
    let outputs = raw.len() / count;
    let one = |row: usize| match (loss, rows.target) {
        (BoostLoss::SquaredError, Target::Numbers(numbers)) => 0.5 * (raw[row] - numbers[row]).powi(2),
        (_, Target::Classes(labels, _)) if outputs == 1 => {
            let s = if labels[row] == 1 { raw[row] } else { -raw[row] };
            // ln(1 + e^-s) without overflow.
            (-s).max(0.0) + (-s.abs()).exp().ln_1p()
        }
        (_, Target::Classes(labels, _)) => {
            let own = &raw[row * outputs..][..outputs];
            let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            top + own.iter().map(|s| (s - top).exp()).sum::<f64>().ln() - own[labels[row] as usize]
        }
        _ => 0.0,
    };
    let weight = |row: usize| rows.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let block = |b: usize| {
        let own = b * TASK_ROWS..count.min((b + 1) * TASK_ROWS);
        own.fold((0.0, 0.0), |(sum, total), row| (sum + weight(row) * one(row), total + weight(row)))
    };
    let sums: Vec<(f64, f64)> = (0..count.div_ceil(TASK_ROWS)).into_par_iter().map(block).collect();
    let (sum, total) = sums.iter().fold((0.0, 0.0), |all, own| (all.0 + own.0, all.1 + own.1));
    sum / total
}

fn sigmoid(s: f64) -> f64 {
    1.0 / (1.0 + (-s).exp())
}

fn softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for s in row.iter_mut() {
        *s = (*s - top).exp();
    }
    let sum: f64 = row.iter().sum();
    for p in row.iter_mut() {
        *p /= sum;
    }
}

#[cfg(test)]
mod tests;
