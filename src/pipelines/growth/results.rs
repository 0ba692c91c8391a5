//! What a growth run has found: the tables and the report are written from this.

use serde::{Deserialize, Serialize};

use super::evaluate::PointScores;
use crate::train::metrics::{CalibrationBin, Confusion};

/// The part that a product plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It trains.
    Train,
    /// It judges epochs and sets the cut.
    Validation,
    /// It is held out.
    Test,
    /// It comes from the file of current products.
    Current,
}

impl Part {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Current => "current",
        }
    }
}

/// A product and what is known and said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// Its part.
    pub part: Part,
    /// The mean of its early steps.
    pub early_mean: f64,
    /// D, where its full cycle is known.
    pub increment: Option<f64>,
    /// Whether it is growth, where its full cycle is known.
    pub growth: Option<bool>,
    /// The classifier's probability of growth.
    pub probability: f64,
    /// Whether it is called growth.
    pub predicted: bool,
    /// Its text columns, in the order of [`Results::attribute_names`].
    pub attributes: Vec<Option<String>>,
}

/// One sales reference of a growth product.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceOf {
    /// The history product's id.
    pub id: String,
    /// Its distance in the space of the references.
    pub distance: f64,
    /// It does not belong to the cluster: it fills it up.
    pub borrowed: bool,
}

/// One step at which to promote.
#[derive(Debug, Clone, PartialEq)]
pub struct GrowthPoint {
    /// The step of the product's own cycle, from 0.
    pub step: usize,
    /// What the step is called.
    pub label: String,
    /// Its first and last day, where dates are known.
    pub dates: Option<(String, String)>,
    /// The network's probability.
    pub probability: f64,
}

/// A product that is called growth, with everything that is shown of it.
#[derive(Debug, Clone, PartialEq)]
pub struct GrowthProduct {
    /// Its place in [`Results::products`].
    pub product: usize,
    /// Its series: the early steps for a current product, the full cycle for a held-out one.
    pub series: Vec<f64>,
    /// What the steps of its cycle are called.
    pub labels: Vec<String>,
    /// The expectation, in pieces.
    pub expectation: f64,
    /// A probability for each step of the cycle.
    pub probabilities: Vec<f64>,
    /// The steps at which to promote.
    pub points: Vec<GrowthPoint>,
    /// Which steps were increments, where the full cycle is known.
    pub truth: Option<Vec<bool>>,
    /// Its references; the cluster's own first.
    pub references: Vec<ReferenceOf>,
    /// Lower quartile, median and upper quartile of its references' series at each step, scaled to the product's own
    /// early mean.
    pub band: Vec<(f64, f64, f64)>,
    /// Where it lies in the two first principal components of the references' space.
    pub place: (f64, f64),
}

/// How the classifier does on held-out products.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierResult {
    /// Decisions against the truth.
    pub confusion: Confusion,
    /// Area under the ROC curve.
    pub roc_auc: f64,
    /// Its points: false positive rate, true positive rate.
    pub roc: Vec<(f64, f64)>,
    /// Mean squared error of the probabilities.
    pub brier: f64,
    /// Probabilities against what came true.
    pub calibration: Vec<CalibrationBin>,
    /// From this probability on a product is called growth.
    pub cut: f64,
    /// The area under the curve of the early mean alone (in the direction that the training products show).
    pub base_roc_auc: f64,
    /// Its points.
    pub base_roc: Vec<(f64, f64)>,
    /// What the base-level baseline says, in words: `less early sales, more growth`.
    pub base_direction: &'static str,
    /// Mean training and validation loss of the members at each epoch that any of them took part in.
    pub losses: Vec<(f64, Option<f64>)>,
    /// The mean of the members' best epochs.
    pub best_epoch: f64,
    /// Rows that it was trained on, turned ones included.
    pub training_rows: usize,
    /// Trained values of one network, and how many networks there are.
    pub parameters: usize,
    /// Networks.
    pub members: usize,
}

/// A method of locating growth points and how well it does on held-out products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodScores {
    /// In words.
    pub method: String,
    /// Its scores.
    pub scores: PointScores,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The history's file name and, if there is one, the current products'.
    pub files: Vec<String>,
    /// Names of the text columns.
    pub attribute_names: Vec<String>,
    /// All products, in the history's order, then the current ones.
    pub products: Vec<Product>,
    /// Products that were left out, and why.
    pub left_out: Vec<(String, &'static str)>,
    /// Early steps, and steps of the longest cycle.
    pub early_steps: usize,
    /// Steps of the longest cycle.
    pub steps: usize,
    /// What the steps of a cycle are called, whichever product's it is.
    pub step_labels: Vec<String>,
    /// The expectation in words, for instance `1.5 times the early mean`.
    pub expectation: String,
    /// The value of D above which a product is growth.
    pub threshold: f64,
    /// The minimum early volume.
    pub min_volume: f64,
    /// The classifier on held-out products.
    pub classifier: ClassifierResult,
    /// Products called growth, by falling probability: held-out ones, and current ones if there is a file of them.
    pub growth: Vec<GrowthProduct>,
    /// Growth points on held-out products: the networks first, then the baselines.
    pub methods: Vec<MethodScores>,
    /// Places of (a sample of) the history's products in the map, with the place in [`Results::growth`] of the cluster
    /// that each belongs to.
    pub map: Vec<((f64, f64), usize)>,
    /// Shares of the variance that the map's two axes show.
    pub map_variance: (f64, f64),
    /// Growth products whose cluster had to borrow references, and those whose cluster was empty.
    pub borrowed: usize,
    /// Growth products whose own cluster was empty.
    pub empty: usize,
    /// Steps that an average growth-point network trained, and how many networks there are.
    pub point_epochs: f64,
    /// The device and why it was taken.
    pub device: String,
}
