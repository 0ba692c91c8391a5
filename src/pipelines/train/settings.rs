//! The job's tables, with the defaults that the README documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset::names::expand_range;
use crate::dataset::{DataError, RawSource};
use crate::model::{LayerSpec, Loss, TensorShape};
use crate::prep::Scaling;
use crate::train::TrainSpec;

/// A train job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What is to be learned.
    pub task: Task,
    /// What is minimised. Default: cross entropy for classes, mean square for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// How the classes weigh in training.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// The table.
    pub data: DataSettings,
    /// The network.
    pub model: ModelSettings,
    /// How it is trained.
    pub training: TrainSpec,
}

/// What is to be learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which of two or more classes a row belongs to.
    Classes,
    /// A number.
    Regression,
}

/// How the classes weigh in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// Every row weighs 1.
    #[default]
    None,
    /// Every class weighs the same; the probabilities are then those of equally frequent classes.
    Balanced,
}

/// Columns by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a range such as \"pixel1..pixel784\" or a list of columns")]
pub enum RawColumns {
    /// The first and the last column of a numbered row, or one column.
    Range(String),
    /// Columns, and ranges of them.
    List(Vec<String>),
}

impl RawColumns {
    /// The names, in order.
    ///
    /// # Errors
    /// [`DataError::Spec`] for a range that cannot be meant.
    pub fn names(&self) -> Result<Vec<String>, DataError> {
        let items = match self {
            Self::Range(range) => std::slice::from_ref(range),
            Self::List(items) => items,
        };
        let mut names = vec![];
        for item in items {
            if item.contains("..") {
                names.extend(expand_range("inputs", item)?);
            } else {
                names.push(item.clone());
            }
        }
        Ok(names)
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
    /// The share of the other rows that judges epochs instead of training; 0 for none.
    #[serde(default = "tenth")]
    pub validation_share: f64,
    /// The column with the class or the number.
    pub target: String,
    /// The columns that go in, in this order: a range, or a list of columns and ranges. Default: all numeric columns but
    /// target and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<RawColumns>,
    /// A column that names rows in the result tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is done to the inputs.
    #[serde(default)]
    pub scale: Scaling,
}

const fn tenth() -> f64 {
    0.1
}

/// The share that is held out where the job does not say.
pub const TEST_SHARE: f64 = 0.2;

impl DataSettings {
    /// The share of the table's rows that is held out.
    pub fn held_out_share(&self) -> f64 {
        if self.test.is_some() { 0.0 } else { self.test_share.unwrap_or(TEST_SHARE) }
    }
}

/// The network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// How a row's inputs are laid out, channels last; its numbers multiply to the number of inputs. Default: flat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<TensorShape>,
    /// The layers before the output, which is added: a dense layer of one unit a class, or of one for a number.
    pub layers: Vec<LayerSpec>,
    /// Networks that differ by their seed alone; what they say is averaged.
    #[serde(default = "one")]
    pub members: usize,
}

const fn one() -> usize {
    1
}

impl Settings {
    /// What is minimised.
    pub fn loss(&self) -> Loss {
        self.loss.unwrap_or(match self.task {
            Task::Classes => Loss::CrossEntropy,
            Task::Regression => Loss::MeanSquare,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RawColumns;

    #[test]
    fn e16_columns_are_ranges_and_names() {
        let names = |columns: RawColumns| columns.names().expect("columns");
        assert_eq!(names(RawColumns::Range("p08..p10".to_owned())), ["p08", "p09", "p10"]);
        assert_eq!(names(RawColumns::Range("x".to_owned())), ["x"]);
        assert_eq!(names(RawColumns::List(vec!["a".to_owned(), "t1..t2".to_owned()])), ["a", "t1", "t2"]);
        assert!(RawColumns::Range("a1..b2".to_owned()).names().is_err());
    }
}
