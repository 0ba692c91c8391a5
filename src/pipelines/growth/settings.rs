//! The job's tables, with the defaults that the README documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::increments::{Expectation, Threshold};
use crate::dataset::series::RawSeries;
use crate::model::{LayerSpec, Optimizer, Precision};
use crate::ops::Activation;
use crate::prep::Feature;
use crate::train::{EarlyStop, RateSchedule, TrainSpec};

/// A growth job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The history: products over their whole sales cycle.
    pub history: RawSeries,
    /// Current products with their early steps. Without it, the history's held-out products play the current ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<RawSeries>,
    /// How products are watched.
    pub monitor: Monitor,
    /// What counts as growth.
    #[serde(default)]
    pub increments: IncrementSettings,
    /// How the history is split.
    #[serde(default)]
    pub split: SplitSettings,
    /// The product classifier.
    #[serde(default)]
    pub classifier: ClassifierSettings,
    /// The sales references.
    #[serde(default)]
    pub references: ReferenceSettings,
    /// The growth-point networks.
    #[serde(default)]
    pub points: PointSettings,
    /// The report.
    #[serde(default)]
    pub report: ReportSettings,
}

impl Settings {
    /// Whether any training of the job holds its tensors as f16.
    pub(super) fn holds_f16(&self) -> bool {
        let shared = self.points.shared.as_ref().map(|shared| shared.training.precision);
        [self.classifier.training.precision, self.points.training.precision]
            .into_iter()
            .chain(shared)
            .any(|p| p == Precision::F16)
    }
}

/// How products are watched (G1).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// The early steps that are known of a current product.
    pub early_steps: usize,
    /// Products that sold less than this in their early steps are left out.
    #[serde(default)]
    pub min_volume: f64,
}

/// What counts as growth (G2).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IncrementSettings {
    /// What a product is expected to sell.
    pub expectation: Expectation,
    /// Where growth begins.
    pub threshold: Threshold,
}

impl Default for IncrementSettings {
    fn default() -> Self {
        Self { expectation: Expectation::Relative { multiple: 1.5 }, threshold: Threshold::Quantile { quantile: 0.75 } }
    }
}

/// How the history is split; what is left trains.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitSettings {
    /// For early stopping and choices.
    pub validation: f64,
    /// Held out.
    pub test: f64,
}

impl Default for SplitSettings {
    fn default() -> Self {
        Self { validation: 0.2, test: 0.2 }
    }
}

/// How the classes weigh in training.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every product weighs 1.
    None,
    /// Both classes weigh the same; probabilities are put back to the classes' real shares afterwards.
    #[default]
    Balanced,
}

/// When a product is called growth (G4).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// From this probability on.
    Probability {
        /// From 0 to 1.
        value: f64,
    },
    /// From this quantile of the validation products' probabilities on.
    Quantile {
        /// From 0 to 1.
        quantile: f64,
    },
}

/// The product classifier (G3).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifierSettings {
    /// Channels of the early series.
    pub features: Vec<Feature>,
    /// More training rows from the same products: the cycle turned to the left by so many steps, its first steps taken
    /// as the early ones. Needs cycles of one length. 0 is the series itself and is always there.
    pub rotations: Vec<usize>,
    /// Networks that differ by their seed; their probabilities are averaged.
    pub members: usize,
    /// How the classes weigh.
    pub class_weights: ClassWeights,
    /// When a product is called growth.
    pub decision: Decision,
    /// The network between the channels and the one output, which is added.
    pub layers: Vec<LayerSpec>,
    /// How it is trained.
    pub training: TrainSpec,
}

const fn dense(units: usize, activation: Activation) -> LayerSpec {
    LayerSpec::Dense { units, activation }
}

fn convolution(channels: usize) -> [LayerSpec; 3] {
    [
        LayerSpec::Conv1d {
            channels,
            kernel: 3,
            stride: 1,
            padding: crate::model::Padding::default(),
            dilation: 1,
            activation: Activation::None,
        },
        LayerSpec::BatchNorm { momentum: 0.1, epsilon: 1e-5 },
        LayerSpec::Activation { function: Activation::Relu },
    ]
}

fn adam(weight_decay: f32) -> Optimizer {
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay }
}

impl Default for ClassifierSettings {
    fn default() -> Self {
        let mut layers: Vec<LayerSpec> = convolution(16).into_iter().chain(convolution(16)).collect();
        layers.extend([
            LayerSpec::Flatten,
            LayerSpec::Dropout { rate: 0.3 },
            dense(32, Activation::Relu),
            LayerSpec::Dropout { rate: 0.3 },
        ]);
        Self {
            features: vec![
                Feature::Log,
                Feature::Relative,
                Feature::LogMean,
                Feature::SortedRelative,
                Feature::Excess,
                Feature::SortedExcess,
                Feature::EarlyIncrement,
                Feature::Exceedances,
                Feature::Gap,
            ],
            rotations: vec![],
            members: 8,
            class_weights: ClassWeights::default(),
            decision: Decision::Quantile { quantile: 0.75 },
            layers,
            training: TrainSpec {
                epochs: 12,
                batch: 128,
                rate: 3e-3,
                schedule: RateSchedule::Cosine { warmup_epochs: 1.0, final_share: 0.01 },
                optimizer: adam(0.05),
                clip: None,
                precision: Precision::F32,
                early_stop: Some(EarlyStop { patience: 5, min_delta: 0.0 }),
            },
        }
    }
}

/// How the centres of the sales references behave (G5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Centres {
    /// The growth products stay the centres: one assignment.
    #[default]
    Fixed,
    /// The centres move until they settle.
    Lloyd,
}

/// The sales references (G5).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReferenceSettings {
    /// How the centres behave.
    pub centres: Centres,
    /// The features that distances are measured in, standardised on the history.
    pub features: Vec<Feature>,
    /// A smaller cluster borrows its nearest history products up to this number.
    pub min_references: usize,
    /// The most iterations, if centres move.
    pub max_iterations: usize,
}

impl Default for ReferenceSettings {
    fn default() -> Self {
        Self { centres: Centres::Fixed, features: vec![Feature::Log], min_references: 100, max_iterations: 100 }
    }
}

/// Which steps become growth points (G7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// The most likely steps, as many as the probabilities add up to (at least one).
    ExpectedCount,
    /// Every step from this probability on.
    Probability {
        /// From 0 to 1.
        value: f64,
    },
}

/// The growth-point networks (G6).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PointSettings {
    /// Inputs of every network.
    pub features: Vec<Feature>,
    /// Units of the hidden layers.
    pub hidden: Vec<usize>,
    /// Their activation.
    pub activation: Activation,
    /// One network is first trained on the whole history; every product's own network starts from it. Without this
    /// table each starts from a draw, with the log-odds of its references' profile as its output bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedSettings>,
    /// How each product's own network is trained.
    pub training: TrainSpec,
    /// The share of a product's references that judge instead of training.
    pub held_out: f64,
    /// Which steps become growth points.
    pub rule: Rule,
}

/// The network that all growth-point networks start from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SharedSettings {
    /// More training rows, as for the classifier.
    pub rotations: Vec<usize>,
    /// Dropout after each hidden layer.
    pub dropout: f32,
    /// The share of the history's products that judge instead of training.
    pub held_out: f64,
    /// How it is trained.
    pub training: TrainSpec,
}

impl Default for SharedSettings {
    fn default() -> Self {
        Self {
            rotations: vec![],
            dropout: 0.1,
            held_out: 0.15,
            training: TrainSpec {
                epochs: 16,
                batch: 128,
                rate: 5e-3,
                schedule: RateSchedule::Cosine { warmup_epochs: 0.0, final_share: 0.0 },
                optimizer: adam(0.05),
                clip: None,
                precision: Precision::F32,
                early_stop: Some(EarlyStop { patience: 6, min_delta: 0.0 }),
            },
        }
    }
}

impl Default for PointSettings {
    fn default() -> Self {
        Self {
            features: vec![
                Feature::SortedRelative,
                Feature::LogMean,
                Feature::Exceedances,
                Feature::EarlyIncrement,
                Feature::Gap,
            ],
            hidden: vec![32],
            activation: Activation::Tanh,
            shared: None,
            training: TrainSpec {
                epochs: 60,
                batch: 128,
                rate: 5e-4,
                schedule: RateSchedule::Constant,
                optimizer: adam(0.0),
                clip: None,
                precision: Precision::F32,
                early_stop: Some(EarlyStop { patience: 10, min_delta: 0.0 }),
            },
            held_out: 0.2,
            rule: Rule::ExpectedCount,
        }
    }
}

/// The report (G8).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportSettings {
    /// Growth products that get a picture, by falling probability.
    pub pictures: usize,
}

impl Default for ReportSettings {
    fn default() -> Self {
        Self { pictures: 24 }
    }
}
