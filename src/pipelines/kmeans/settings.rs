//! The job's own part of the job file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::{EmptyRule, Init, KMeansSpec, Metric, Mode};
use crate::ops::distance::CENTRES_MAX;
use crate::pipelines::tabular::DataSettings;
use crate::spec::Issues;

/// A K-means job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The table.
    pub data: DataSettings,
    /// How many clusters.
    pub k: usize,
    /// How far a row is from a centre.
    #[serde(default)]
    pub metric: Distance,
    /// Whether and how the centres move.
    #[serde(default)]
    pub method: Method,
    /// Where the centres start; not used if `centres` are given.
    #[serde(default)]
    pub init: Start,
    /// Given centres: `k` rows as wide as the inputs, in the unit of prepared inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centres: Option<Vec<Vec<f32>>>,
    /// The most moves of the centres; of mini-batches, the most batches.
    #[serde(default = "hundred")]
    pub iterations: usize,
    /// Also ends when no centre has moved further than this, in the unit of prepared inputs.
    #[serde(default)]
    pub tolerance: f64,
    /// Rows of a mini-batch.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Starts; the one of the smallest inertia is kept.
    #[serde(default = "one")]
    pub restarts: usize,
    /// What happens to a centre without rows.
    #[serde(default)]
    pub empty: Empty,
    /// A numeric column with the weight of each row; needs `data.inputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// A column with known classes, to hold the clusters against; it takes no part in the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    /// Other numbers of clusters to show the inertia of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<usize>,
    /// Rows that silhouettes and pictures are made from; of larger tables a sample.
    #[serde(default = "sample")]
    pub sample: usize,
}

/// How far a row is from a centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The squared Euclidean distance.
    #[default]
    Euclidean,
    /// 1 less the cosine: rows are scaled to length 1.
    Cosine,
}

/// Whether and how the centres move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// To the mean of all their rows, again and again.
    #[default]
    Lloyd,
    /// Towards the mean of a few rows at a time.
    MiniBatch,
    /// They stay where they start.
    Fixed,
}

/// Where the centres start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// At rows drawn one after the other, far ones rather than near ones (k-means++).
    #[default]
    PlusPlus,
    /// At rows drawn in a few passes (k-means||): for many clusters of many rows.
    Parallel,
}

/// What happens to a centre without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// It moves to the row that is farthest from its own centre.
    #[default]
    Reseed,
    /// It stays.
    Keep,
}

const fn hundred() -> usize {
    100
}

const fn batch() -> usize {
    1024
}

const fn one() -> usize {
    1
}

const fn sample() -> usize {
    3000
}

impl Settings {
    pub(super) fn check(&self, issues: &mut Issues) {
        issues.in_range("k", self.k, 1..=CENTRES_MAX);
        issues.in_range("iterations", self.iterations, 1..=1_000_000);
        issues.in_range("batch", self.batch, 1..=1 << 24);
        issues.in_range("restarts", self.restarts, 1..=1000);
        issues.in_range("sample", self.sample, 2..=50_000);
        issues.require(self.tolerance.is_finite() && self.tolerance >= 0.0, "tolerance", || {
            format!("expected a finite number, at least 0, got {}", self.tolerance)
        });
        for (i, k) in self.curve.iter().enumerate() {
            issues.in_range(&format!("curve[{i}]"), *k, 1..=CENTRES_MAX);
        }
        issues.require(self.weight.is_none() || self.data.inputs.is_some(), "weight", || {
            "needs `data.inputs`, so that the weights do not count as an input".to_owned()
        });
        issues.require(self.method != Method::Fixed || self.centres.is_some(), "method", || {
            "\"fixed\" needs `centres`".to_owned()
        });
        let Some(centres) = &self.centres else { return };
        issues.require(centres.len() == self.k, "centres", || {
            format!("expected as many as `k`, {}, got {}", self.k, centres.len())
        });
        let width = centres.first().map_or(0, Vec::len);
        issues.require(width > 0 && centres.iter().all(|centre| centre.len() == width), "centres", || {
            "expected rows of the same number of values".to_owned()
        });
        issues.require(centres.iter().flatten().all(|v| v.abs() <= crate::cluster::MAGNITUDE_MAX), "centres", || {
            "expected numbers of magnitude at most 1e15".to_owned()
        });
        issues.require(self.restarts == 1, "restarts", || "expected 1 with given `centres`".to_owned());
        issues.require(self.curve.is_empty(), "curve", || "belongs to drawn starts, not to given `centres`".to_owned());
    }

    /// The K-means with so many clusters.
    pub(super) fn spec(&self, k: usize, seed: u64) -> KMeansSpec {
        let init = match (&self.centres, self.init) {
            (Some(centres), _) => Init::Given(centres.concat()),
            (None, Start::PlusPlus) => Init::PlusPlus { seed },
            (None, Start::Parallel) => Init::Parallel { seed },
        };
        let mode = match self.method {
            Method::Lloyd => Mode::Lloyd { iterations_max: self.iterations, tolerance: self.tolerance },
            Method::MiniBatch => Mode::MiniBatch { batch: self.batch, iterations_max: self.iterations, seed },
            Method::Fixed => Mode::Fixed,
        };
        let empty = match self.empty {
            Empty::Reseed => EmptyRule::Reseed,
            Empty::Keep => EmptyRule::Keep,
        };
        let restarts = self.restarts;
        KMeansSpec { k, init, mode, empty, metric: self.metric.into(), restarts }
    }
}

impl From<Distance> for Metric {
    fn from(distance: Distance) -> Self {
        match distance {
            Distance::Euclidean => Self::Euclidean,
            Distance::Cosine => Self::Cosine,
        }
    }
}
