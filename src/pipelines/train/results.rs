//! What a train job has found: tables and report are written from this.

use super::output::Output;
use crate::train::metrics::classes::ClassScores;
use crate::train::metrics::numbers::NumberScores;

/// How good the answers on held-out rows are.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    /// Classes.
    Classes {
        /// Counts and log loss.
        scores: ClassScores,
        /// Two classes: the area under the ROC curve of the second, and the curve's points.
        roc: Option<(f64, Vec<(f64, f64)>)>,
    },
    /// Numbers.
    Numbers(NumberScores),
}

/// What is known and said of the held-out rows.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// The name of the id column, or `row`.
    pub id_name: String,
    /// Each row's id, or its number in its table, from 1.
    pub ids: Vec<String>,
    /// What is true: a class's place, or a number.
    pub truth: Vec<f64>,
    /// What is said: [rows, width of an answer].
    pub answers: Vec<f64>,
    /// How good that is.
    pub scores: Scores,
}

/// A layer as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRow {
    /// Its kind and settings.
    pub layer: String,
    /// The shape behind it.
    pub shape: String,
    /// Its trained values.
    pub trained: usize,
}

/// Rows of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSizes {
    /// They train.
    pub train: usize,
    /// They judge epochs.
    pub validation: usize,
    /// They are held out.
    pub test: usize,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// File names: the training table's and, if there is one, the held-out rows'.
    pub files: Vec<String>,
    /// The target column.
    pub target: String,
    /// The input columns.
    pub inputs: Vec<String>,
    /// Columns that were left out.
    pub left_out: Vec<String>,
    /// How the inputs were prepared, in words.
    pub prep: String,
    /// What the loss is called.
    pub loss: String,
    /// The meaning of the answers.
    pub output: Output,
    /// Training rows of each class.
    pub train_counts: Vec<usize>,
    /// Rows by part.
    pub rows: PartSizes,
    /// What was found on held-out rows.
    pub held_out: HeldOut,
    /// Each member's losses by epoch.
    pub losses: Vec<Vec<(f32, Option<f32>)>>,
    /// The epoch of each member's weights, from 1.
    pub best_epochs: Vec<usize>,
    /// The network, layer by layer.
    pub layers: Vec<LayerRow>,
    /// Its trained values.
    pub parameters: usize,
    /// The device and why it was taken.
    pub device: String,
}

impl Results {
    /// Networks.
    pub fn members(&self) -> usize {
        self.best_epochs.len()
    }

    /// The classes' names; none for numbers.
    pub fn classes(&self) -> &[String] {
        match &self.output {
            Output::Classes { names, .. } => names,
            Output::Number { .. } => &[],
        }
    }
}
