//! The job's own part of the job file.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::{DataError, RawSource};
use crate::pipelines::train::settings::{ClassWeights, RawColumns, TEST_SHARE, Task};
use crate::spec::Issues;
use crate::tree::BINS_MAX;

/// A tree job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is to be learned.
    pub task: Task,
    /// One tree that can be read, or many that say more.
    #[serde(default)]
    pub method: Method,
    /// How the classes weigh in training.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// The table.
    pub data: DataSettings,
    /// What makes a node of a single tree impure. Default: `gini`; numbers are always split by their squared error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impurity: Option<Impurity>,
    /// The most splits on a way down. Default: none for a single tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// The most leaves. Default: none for a single tree, 31 for a boosted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<usize>,
    /// The fewest rows of a leaf. Default: 1 in a single tree, 20 in a boosted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_rows: Option<usize>,
    /// Single tree: subtrees are cut off whose leaves each lower the impurity by less than this share.
    #[serde(default)]
    pub prune_alpha: f64,
    /// The most bins of a feature.
    #[serde(default = "bins")]
    pub bins: usize,
    /// How trees are boosted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boosting: Option<Boosting>,
}

/// One tree or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One tree.
    #[default]
    Tree,
    /// Trees that correct each other.
    Boost,
}

/// What makes a node impure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impurity {
    /// The chance that two rows of the node differ in class.
    Gini,
    /// The entropy of the classes.
    Entropy,
}

/// How trees are boosted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Boosting {
    /// The most rounds.
    pub rounds: usize,
    /// The share of each tree's step that is taken.
    pub rate: f64,
    /// Added to every leaf's curvature: larger values make smaller steps.
    pub lambda: f64,
    /// Ends after so many rounds without a smaller loss of the validation rows; 0 for all rounds.
    pub patience: usize,
    /// The share of the rows, besides held-out ones, that judges rounds; used with `patience`.
    pub validation_share: f64,
}

impl Default for Boosting {
    fn default() -> Self {
        Self { rounds: 100, rate: 0.1, lambda: 0.0, patience: 10, validation_share: 0.1 }
    }
}

/// The table: what goes in and what should come out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The table of training rows (and of held-out ones, if there is no `test`).
    pub source: RawSource,
    /// A table of held-out rows with the same columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<RawSource>,
    /// Without `test`: the share of the rows that is held out. Default: 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// The column with the class or the number.
    pub target: String,
    /// Columns of numbers. Default: all numeric columns but the others named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<RawColumns>,
    /// Columns of categories: texts without an order, at most 255 different ones each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// A column that names rows in the result tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

const fn bins() -> usize {
    BINS_MAX
}

impl DataSettings {
    pub(super) fn names(&self) -> Result<Option<Vec<String>>, DataError> {
        self.inputs.as_ref().map(RawColumns::names).transpose()
    }

    /// The share of the table's rows that is held out.
    pub(super) fn held_out_share(&self) -> f64 {
        if self.test.is_some() { 0.0 } else { self.test_share.unwrap_or(TEST_SHARE) }
    }
}

impl Settings {
    /// How trees are boosted.
    pub(super) fn boosting(&self) -> Boosting {
        self.boosting.unwrap_or_default()
    }

    /// The share of the training rows that judges rounds.
    pub(super) fn validation_share(&self) -> f64 {
        let boosting = self.boosting();
        if self.method == Method::Boost && boosting.patience > 0 { boosting.validation_share } else { 0.0 }
    }

    pub(super) fn check(&self, issues: &mut Issues) {
        self.columns(issues);
        if let Some(share) = self.data.test_share {
            issues.require(share > 0.0 && share < 1.0, "data.test_share", || {
                format!("expected a share above 0 and below 1, got {share}")
            });
            issues.require(self.data.test.is_none(), "data.test_share", || {
                "belongs to a job without `data.test`: the rows of that table are held out".to_owned()
            });
        }
        issues.in_range("bins", self.bins, 2..=BINS_MAX);
        issues.require(self.prune_alpha.is_finite() && self.prune_alpha >= 0.0, "prune_alpha", || {
            format!("expected a finite number, at least 0, got {}", self.prune_alpha)
        });
        if let Some(leaves) = self.leaves {
            issues.in_range("leaves", leaves, 2..=1 << 20);
        }
        if let Some(rows) = self.leaf_rows {
            issues.in_range("leaf_rows", rows, 1..=1 << 31);
        }
        if let Some(depth) = self.depth {
            issues.in_range("depth", depth, 1..=1000);
        }
        let single = self.method == Method::Tree;
        issues.require(single || self.impurity.is_none(), "impurity", || "belongs to method = \"tree\"".to_owned());
        issues.require(single || self.prune_alpha == 0.0, "prune_alpha", || "belongs to method = \"tree\"".to_owned());
        issues.require(!single || self.boosting.is_none(), "boosting", || "belongs to method = \"boost\"".to_owned());
        issues.require(self.task == Task::Classes || self.impurity.is_none(), "impurity", || {
            "belongs to task = \"classes\"".to_owned()
        });
        issues.require(self.task == Task::Classes || self.class_weights == ClassWeights::None, "class_weights", || {
            "belongs to task = \"classes\"".to_owned()
        });
        let boosting = self.boosting();
        issues.in_range("boosting.rounds", boosting.rounds, 1..=100_000);
        issues.require(boosting.rate > 0.0 && boosting.rate <= 1.0, "boosting.rate", || {
            format!("expected a number above 0 and at most 1, got {}", boosting.rate)
        });
        issues.require(boosting.lambda.is_finite() && boosting.lambda >= 0.0, "boosting.lambda", || {
            format!("expected a finite number, at least 0, got {}", boosting.lambda)
        });
        let share = boosting.validation_share;
        issues.require(share > 0.0 && share < 1.0, "boosting.validation_share", || {
            format!("expected a share above 0 and below 1, got {share}")
        });
    }

    fn columns(&self, issues: &mut Issues) {
        let data = &self.data;
        issues.require(!data.target.is_empty(), "data.target", || "expected a column, got an empty name".to_owned());
        issues.require(data.id.as_ref() != Some(&data.target), "data.id", || {
            format!("expected another column than the target, got `{}`", data.target)
        });
        let names = match data.names() {
            Ok(names) => names.unwrap_or_default(),
            Err(error) => {
                let reason = if let DataError::Spec { reason, .. } = error { reason } else { error.to_string() };
                issues.push("data.inputs", reason);
                return;
            }
        };
        let mut seen = HashSet::from([&data.target]);
        seen.extend(data.id.iter());
        for (key, name) in
            names.iter().map(|n| ("data.inputs", n)).chain(data.categories.iter().map(|n| ("data.categories", n)))
        {
            issues.require(seen.insert(name), key, || format!("expected each column once, got `{name}` again"));
        }
    }
}
