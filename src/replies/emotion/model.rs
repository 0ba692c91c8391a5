//! The text model: an ensemble of encoders over n-grams.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use super::linear::{self, Linear, SparseRow};
use super::prepare::{Corpus, Grams, TextPreparation};
use crate::artifact::ArtifactError;
use crate::backend::Backend;
use crate::model::{LayerSpec, Loss, Model, ModelSpec, Optimizer, Precision, TensorShape, Weights, initial_weights};
use crate::ops::Activation;
use crate::replies::RepliesError;
use crate::train::{
    Control, Data, Member, Predictor, RateSchedule, SavedFleet, Targets, TrainError, TrainSpec, member_seed, train,
};

const TASK: &str = "replies.emotion";

/// Rows of a batch of predictions.
const BATCH: usize = 128;

/// The first channels of the embedding begin with this share of the linear model's coefficients, and the last layer with
/// what makes up for it.
const START_SHARE: f32 = 0.3;

/// The embedding's other channels begin with this share of the usual draw.
const OTHER_SHARE: f32 = 0.3;

/// The network of each member.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Positions of a row.
    pub length: usize,
    /// The most n-grams that have a vector.
    pub vocabulary: usize,
    /// Values a vector; at least the number of classes.
    pub channels: usize,
    /// Attention heads.
    pub heads: usize,
    /// Units of the inner dense layer.
    pub feed_forward: usize,
    /// What is dropped in training.
    pub dropout: f32,
}

impl Default for Network {
    fn default() -> Self {
        Self { length: 256, vocabulary: 100_000, channels: 16, heads: 2, feed_forward: 32, dropout: 0.1 }
    }
}

/// How a text model is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Which n-grams.
    pub grams: Grams,
    /// The network of each member.
    #[serde(default)]
    pub network: Network,
    /// Members of the ensemble.
    #[serde(default = "usual::members")]
    pub members: usize,
    /// Epochs of training.
    #[serde(default = "usual::epochs")]
    pub epochs: usize,
    /// Rows a step.
    #[serde(default = "usual::batch")]
    pub batch: usize,
    /// The learning rate, which falls along half a cosine.
    #[serde(default = "usual::rate")]
    pub rate: f32,
    /// Weight decay.
    #[serde(default = "usual::weight_decay")]
    pub weight_decay: f32,
    /// What mistakes cost in the linear model in front.
    #[serde(default = "usual::linear_cost")]
    pub linear_cost: f64,
    /// 0: every row counts the same; 1: every class does.
    #[serde(default)]
    pub balance: f64,
    /// What the members' draws follow from.
    #[serde(default = "usual::seed")]
    pub seed: u64,
}

/// What is taken where the settings say nothing.
mod usual {
    pub(super) const fn members() -> usize {
        3
    }
    pub(super) const fn epochs() -> usize {
        2
    }
    pub(super) const fn batch() -> usize {
        32
    }
    pub(super) const fn rate() -> f32 {
        1e-5
    }
    pub(super) const fn weight_decay() -> f32 {
        0.01
    }
    pub(super) const fn linear_cost() -> f64 {
        4.0
    }
    pub(super) const fn seed() -> u64 {
        1
    }
}

impl TextSpec {
    fn check(&self, classes: usize) -> Result<(), RepliesError> {
        let counts = [
            ("longest", self.grams.longest, 1, 8),
            ("texts_min", self.grams.texts_min, 1, usize::MAX),
            ("length", self.network.length, 1, 4096),
            ("vocabulary", self.network.vocabulary, 1, 1 << 22),
            ("channels", self.network.channels, classes, 1024),
            ("members", self.members, 1, 1000),
        ];
        for (key, value, least, most) in counts {
            if value < least || value > most {
                return Err(RepliesError::setting(key, format!("must lie in {least} to {most}, found {value}")));
            }
        }
        if !(self.linear_cost.is_finite() && self.linear_cost > 0.0) {
            return Err(RepliesError::setting("linear_cost", format!("must be above 0, found {}", self.linear_cost)));
        }
        if !(0.0..=1.0).contains(&self.balance) {
            return Err(RepliesError::setting("balance", format!("must lie in 0 to 1, found {}", self.balance)));
        }
        Ok(())
    }

    fn training(&self) -> TrainSpec {
        TrainSpec {
            epochs: self.epochs,
            batch: self.batch,
            rate: self.rate,
            schedule: RateSchedule::Cosine { warmup_epochs: 0.1, final_share: 0.0 },
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: self.weight_decay },
            clip: Some(1.0),
            precision: Precision::F32,
            early_stop: None,
        }
    }

    fn model(&self, numbers: usize, classes: usize) -> ModelSpec {
        let Network { length, channels, heads, feed_forward, dropout, .. } = self.network;
        ModelSpec {
            input: TensorShape::sequence(length, 1),
            layers: vec![
                LayerSpec::Embedding { vocabulary: numbers, channels },
                LayerSpec::Dropout { rate: dropout },
                LayerSpec::Encoder { heads, feed_forward, dropout, activation: Activation::Gelu },
                LayerSpec::GlobalAveragePool,
                LayerSpec::Dense { units: classes, activation: Activation::None },
            ],
        }
    }
}

/// A trained ensemble with its preparation.
#[derive(Debug, Clone, PartialEq)]
pub struct TextModel {
    preparation: TextPreparation,
    classes: usize,
    fleet: SavedFleet,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    preparation: TextPreparation,
    classes: usize,
}

impl TextModel {
    /// Fits the preparation and the linear model on texts with classes from 0 on, then trains the members.
    ///
    /// # Errors
    /// If a setting is wrong, a class has no text, or the training fails.
    pub fn train(
        texts: &[&str],
        labels: &[u32],
        spec: &TextSpec,
        lexicon: Option<Lexicon>,
        backend: &Backend,
        control: &mut Control<'_>,
    ) -> Result<Self, RepliesError> {
        let counts = class_counts(texts, labels)?;
        spec.check(counts.len())?;
        let weights: Vec<f64> = balanced(&counts, spec.balance);
        let corpus = Corpus::of(texts, spec.grams, lexicon.as_ref());
        if corpus.known.is_empty() {
            let reason = format!("leaves no n-gram of the {} texts", texts.len());
            return Err(RepliesError::setting("texts_min", reason));
        }
        let cost = spec.linear_cost;
        let telling = linear::fit(&corpus.rows(), labels, corpus.known.len(), cost, &weights).coefficients;
        let Network { length, vocabulary, .. } = spec.network;
        let (preparation, rarities) = TextPreparation::new(spec.grams, length, lexicon, &corpus, &telling, vocabulary);
        if preparation.steps() >= length {
            let reason =
                format!("must be above {}, which the lexicon's scores take, found {length}", preparation.steps());
            return Err(RepliesError::setting("length", reason));
        }
        let model_spec = spec.model(preparation.numbers(), counts.len());
        let model = Model::new(model_spec.clone()).map_err(TrainError::from)?;
        let inputs: Vec<f32> = texts.par_iter().flat_map_iter(|text| preparation.row(text)).collect();
        // Fitted again on what the networks see: some positions fewer, and whole numbers of repeats.
        let rows: Vec<SparseRow> = inputs.par_chunks(length).map(|row| preparation.sparse(row, &rarities)).collect();
        let mut linear = linear::fit(&rows, labels, rarities.len(), cost, &weights);
        for (coefficients, rarity) in linear.coefficients.chunks_exact_mut(counts.len()).zip(&rarities) {
            for w in coefficients {
                *w *= rarity;
            }
        }
        let member = |i| {
            let seed = member_seed(spec.seed, i);
            let rows = (0..texts.len() as u32).collect();
            let row_weights = labels.iter().map(|&label| weights[label as usize] as f32).collect();
            let start = Some(first_weights(&model, seed, &linear, length));
            Member { train_weights: row_weights, start, ..Member::new(seed, spec.rate, rows, vec![]) }
        };
        let members: Vec<Member> = (0..spec.members).map(member).collect();
        let data = Data { inputs: &inputs, targets: Targets::Labels(labels) };
        let trained = train(&model, &spec.training(), Loss::CrossEntropy, data, &members, backend, control)?;
        let settings = Settings { preparation, classes: counts.len() };
        let json = serde_json::to_value(&settings).map_err(|e| TrainError::Data(format!("the preparation: {e}")))?;
        let fleet = SavedFleet {
            task: TASK.to_owned(),
            model: model_spec,
            names: (0..spec.members).map(|i| format!("member-{i}")).collect(),
            members: trained.into_iter().map(|member| member.weights).collect(),
            precision: Precision::F32,
            settings: json,
        };
        Ok(Self { preparation: settings.preparation, classes: settings.classes, fleet })
    }

    /// The classes' number.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// The probabilities of all texts' classes, [texts, classes]: the mean of the members'.
    ///
    /// # Errors
    /// If the device fails.
    pub fn probabilities<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        backend: &Backend,
    ) -> Result<Vec<f64>, RepliesError> {
        let model = Model::new(self.fleet.model.clone()).map_err(TrainError::from)?;
        let mut predictor = Predictor::new(&model, &self.fleet.members, BATCH, backend)?;
        let mut all = Vec::with_capacity(texts.len() * self.classes);
        // A few batches at a time: a million replies need no table of all their rows.
        for chunk in texts.chunks(BATCH * 32) {
            let rows: Vec<f32> = chunk.par_iter().flat_map_iter(|text| self.preparation.row(text.as_ref())).collect();
            let outputs = predictor.all_members(&rows)?;
            let mut mean = vec![0.0; chunk.len() * self.classes];
            for member in outputs.chunks_exact(mean.len()) {
                add_shares(&mut mean, member, self.classes);
            }
            all.extend(mean.iter().map(|sum| sum / self.fleet.members.len() as f64));
        }
        Ok(all)
    }

    /// The file's bytes: the same for the same model.
    ///
    /// # Errors
    /// If the weights are not the model's.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RepliesError> {
        Ok(self.fleet.to_bytes()?)
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// If it cannot be read or is no text model.
    pub fn load(path: &Path) -> Result<Self, RepliesError> {
        Self::of(SavedFleet::load(path)?, path)
    }

    /// As [`TextModel::load`], from bytes; `path` is for errors.
    ///
    /// # Errors
    /// As there.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, RepliesError> {
        Self::of(SavedFleet::from_bytes(bytes, path)?, path)
    }

    fn of(fleet: SavedFleet, path: &Path) -> Result<Self, RepliesError> {
        let wrong = |reason: String| TrainError::from(ArtifactError::format(path, reason));
        if fleet.task != TASK {
            return Err(wrong(format!("expected a model for `{TASK}`, found one for `{}`", fleet.task)).into());
        }
        let settings: Settings = serde_json::from_value(fleet.settings.clone())
            .map_err(|e| wrong(format!("expected a text preparation, found another one: {e}")))?;
        let Settings { preparation, classes } = settings;
        let model = Model::new(fleet.model.clone()).map_err(TrainError::from)?;
        let fits = model.vocabulary() == Some(preparation.numbers())
            && model.input().len() == preparation.length()
            && model.output().len() == classes
            && !fleet.members.is_empty();
        if !fits {
            return Err(wrong("expected a network for its own text preparation, found another one".to_owned()).into());
        }
        Ok(Self { preparation: preparation.indexed(), classes, fleet })
    }
}

/// Texts of each class.
fn class_counts(texts: &[&str], labels: &[u32]) -> Result<Vec<usize>, RepliesError> {
    let bad = |reason: String| Err(RepliesError::Train(TrainError::Data(reason)));
    if texts.is_empty() || texts.len() != labels.len() {
        return bad(format!(
            "expected texts with a class each, found {} texts and {} classes",
            texts.len(),
            labels.len()
        ));
    }
    let classes = labels.iter().max().map_or(0, |&last| last as usize + 1);
    if classes < 2 || classes > texts.len() {
        return bad(format!("expected 2 classes or more with texts each, found classes up to {}", classes - 1));
    }
    let mut counts = vec![0; classes];
    for &label in labels {
        counts[label as usize] += 1;
    }
    match counts.iter().position(|&count| count == 0) {
        Some(class) => bad(format!("class {class} of {classes} has no text")),
        None => Ok(counts),
    }
}

/// Weights of the classes' rows, 1 on average: a power of how rare the class is.
fn balanced(counts: &[usize], balance: f64) -> Vec<f64> {
    let all: usize = counts.iter().sum();
    let raw: Vec<f64> = counts.iter().map(|&count| (all as f64 / count as f64).powf(balance)).collect();
    let mean = raw.iter().zip(counts).map(|(weight, &count)| weight * count as f64).sum::<f64>() / all as f64;
    raw.iter().map(|weight| weight / mean).collect()
}

/// A draw that computes the linear model: nothing leaves the encoder's branches yet, and the way past them does.
fn first_weights(model: &Model, seed: u64, linear: &Linear, length: usize) -> Weights {
    let mut weights = initial_weights(model, seed);
    let classes = model.output().len();
    for (param, values) in model.params().iter().zip(&mut weights.values) {
        let columns = param.shape.last().copied().unwrap_or(1);
        match param.name.as_str() {
            "layers.0.embedding.weight" => {
                values[..columns].fill(0.0);
                for (vector, own) in
                    values.chunks_exact_mut(columns).skip(1).zip(linear.coefficients.chunks_exact(classes))
                {
                    for v in &mut *vector {
                        *v *= OTHER_SHARE;
                    }
                    vector.iter_mut().zip(own).for_each(|(v, w)| *v = START_SHARE * w);
                }
            }
            "layers.4.dense.weight" => {
                let scale = (length as f32).sqrt() / START_SHARE;
                for (k, row) in values.chunks_exact_mut(columns).enumerate() {
                    row.iter_mut().enumerate().for_each(|(j, v)| *v = if j == k { scale } else { 0.0 });
                }
            }
            "layers.4.dense.bias" => values.copy_from_slice(&linear.biases),
            "layers.2.encoder.projection.weight" | "layers.2.encoder.feed_out.weight" => {
                values.fill(0.0);
            }
            _ => {}
        }
    }
    weights
}

/// Adds each row's softmax.
fn add_shares(sums: &mut [f64], logits: &[f32], classes: usize) {
    for (sums, logits) in sums.chunks_exact_mut(classes).zip(logits.chunks_exact(classes)) {
        let largest = logits.iter().fold(f32::MIN, |a, &b| a.max(b));
        let powers: Vec<f64> = logits.iter().map(|&x| f64::from(x - largest).exp()).collect();
        let all: f64 = powers.iter().sum();
        sums.iter_mut().zip(&powers).for_each(|(sum, power)| *sum += power / all);
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
