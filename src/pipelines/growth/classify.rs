//! The product classifier: an ensemble of 1-D CNNs, early series in, probability of growth out (G3, G4).

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::data_spec::DataSpec;
use super::error::GrowthError;
use super::history::{Expected, History, Row};
use super::increments::quantile;
use super::settings::{ClassWeights, ClassifierSettings, Decision};
use crate::backend::Backend;
use crate::model::{LayerSpec, Loss, Model, ModelSpec, Precision, TensorShape};
use crate::ops::Activation;
use crate::prep::{Demand, Layout, SeriesPrep};
use crate::train::{Control, Data, Member, SavedFleet, Targets, TrainedMember, member_seed, predict, train};

/// What [`SavedFleet::settings`] of a classifier holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierHeader {
    /// The layout of the tables that it came from.
    pub tables: DataSpec,
    /// Early series to channels.
    pub prep: SeriesPrep,
    /// What products are expected to sell.
    pub demand: Expected,
    /// What a growth product's odds weighed in training, over a steady one's: outputs are put back by it.
    pub odds: f64,
    /// From this probability on a product is called growth.
    pub cut: f64,
    /// Training and validation loss of every member and epoch.
    pub losses: Vec<Vec<(f32, Option<f32>)>>,
    /// The epoch of each member's weights, from 1.
    pub best_epochs: Vec<usize>,
    /// Rows that it was trained on, turned ones included.
    pub training_rows: usize,
}

/// A trained classifier.
#[derive(Debug)]
pub(super) struct Classifier {
    pub fleet: SavedFleet,
    pub header: ClassifierHeader,
    model: Model,
}

/// The name of classifiers in model files.
pub const TASK: &str = "growth.classifier";

impl Classifier {
    pub(super) fn train(
        history: &History,
        settings: &ClassifierSettings,
        seed: u64,
        backend: &Backend,
        control: &mut Control<'_>,
    ) -> Result<Self, GrowthError> {
        let training = history.rows(&history.split.train, &settings.rotations);
        let validation = history.rows(&history.split.validation, &[]);
        let each = training.iter().map(|row| (row.early.as_slice(), row.demand));
        let prep = SeriesPrep::fit(history.early_steps, &settings.features, Layout::Sequence, each)?;
        let (length, channels) = prep.shape();
        let model = Model::new(model_spec(settings, TensorShape::sequence(length, channels)))?;
        let mut inputs = vec![];
        for row in training.iter().chain(&validation) {
            prep.row(&row.early, row.demand, &mut inputs)?;
        }
        let is_growth = |row: &Row| row.increments.value > history.threshold;
        let labels: Vec<f32> =
            training.iter().chain(&validation).map(|row| f32::from(u8::from(is_growth(row)))).collect();
        let (steady_weight, growth_weight) = class_weights(settings.class_weights, &labels[..training.len()]);
        let weights: Vec<f32> = labels.iter().map(|&l| if l > 0.5 { growth_weight } else { steady_weight }).collect();
        let (cut, rows) = (training.len(), labels.len());
        let member = |i: usize| Member {
            train_weights: weights[..cut].to_vec(),
            validation_weights: weights[cut..].to_vec(),
            ..Member::new(
                member_seed(seed, i),
                settings.training.rate,
                (0..cut as u32).collect(),
                (cut as u32..rows as u32).collect(),
            )
        };
        let members: Vec<Member> = (0..settings.members).map(member).collect();
        let data = Data { inputs: &inputs, targets: Targets::Values(&labels) };
        let trained = train(&model, &settings.training, Loss::BinaryCrossEntropy, data, &members, backend, control)?;
        let odds = f64::from(growth_weight) / f64::from(steady_weight);
        let mut classifier = Self::of_trained(model, prep, history, odds, cut, settings.training.precision, trained);
        let probabilities = classifier.of_products(history, &history.split.validation, backend)?;
        classifier.header.cut = match settings.decision {
            Decision::Probability { value } => value,
            Decision::Quantile { quantile: share } => quantile(probabilities, share).unwrap_or(0.5),
        };
        Ok(classifier)
    }

    fn of_trained(
        model: Model,
        prep: SeriesPrep,
        history: &History,
        odds: f64,
        training_rows: usize,
        precision: Precision,
        trained: Vec<TrainedMember>,
    ) -> Self {
        let header = ClassifierHeader {
            tables: history.tables.clone(),
            prep,
            demand: history.expected.clone(),
            odds,
            cut: 0.5,
            losses: trained.iter().map(|t| t.losses.clone()).collect(),
            best_epochs: trained.iter().map(|t| t.best_epoch).collect(),
            training_rows,
        };
        let fleet = SavedFleet {
            task: TASK.to_owned(),
            model: model.spec().clone(),
            names: (1..=trained.len()).map(|i| format!("member {i}")).collect(),
            members: trained.into_iter().map(|t| t.weights).collect(),
            precision,
            settings: serde_json::Value::Null,
        };
        Self { fleet, header, model }
    }

    /// The model file's bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, GrowthError> {
        let settings = serde_json::to_value(&self.header)
            .map_err(|e| GrowthError::Data { file: "classifier".to_owned(), reason: e.to_string() })?;
        Ok(SavedFleet { settings, ..self.fleet.clone() }.to_bytes()?)
    }

    /// From a model file's bytes; `path` is for errors.
    pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, GrowthError> {
        Self::from_fleet(SavedFleet::from_bytes(bytes, path)?, path)
    }

    pub(super) fn from_fleet(fleet: SavedFleet, path: &Path) -> Result<Self, GrowthError> {
        let header = ClassifierHeader::deserialize(&fleet.settings).map_err(|e| GrowthError::Data {
            file: path.display().to_string(),
            reason: format!("expected the settings of a growth classifier: {e}"),
        })?;
        let model = Model::new(fleet.model.clone())?;
        Ok(Self { fleet, header, model })
    }

    /// Probabilities of growth of some products of the history.
    pub(super) fn of_products(
        &self,
        history: &History,
        products: &[usize],
        backend: &Backend,
    ) -> Result<Vec<f64>, GrowthError> {
        let each = products.iter().map(|&i| (history.early(i), history.demand[i]));
        self.probabilities(each, backend)
    }

    /// Probabilities of growth from early series.
    pub(super) fn probabilities<'s>(
        &self,
        products: impl Iterator<Item = (&'s [f32], Demand)>,
        backend: &Backend,
    ) -> Result<Vec<f64>, GrowthError> {
        let mut inputs = vec![];
        for (early, demand) in products {
            self.header.prep.row(early, demand, &mut inputs)?;
        }
        let rows = inputs.len() / self.model.input().len();
        if rows == 0 {
            return Ok(vec![]);
        }
        let logits = predict(&self.model, &self.fleet.members, &inputs, backend)?;
        let mut mean = vec![0.0; rows];
        for member in logits.chunks(rows) {
            for (sum, &logit) in mean.iter_mut().zip(member) {
                *sum += calibrated(f64::from(logit), self.header.odds) / self.fleet.members.len() as f64;
            }
        }
        Ok(mean)
    }
}

/// The probability of a logit that was trained with growth weighing `odds` times as much.
fn calibrated(logit: f64, odds: f64) -> f64 {
    1.0 / (1.0 + odds * (-logit).exp())
}

fn model_spec(settings: &ClassifierSettings, input: TensorShape) -> ModelSpec {
    let output = LayerSpec::Dense { units: 1, activation: Activation::None };
    ModelSpec { input, layers: settings.layers.iter().cloned().chain(std::iter::once(output)).collect() }
}

/// Weights of a steady and of a growth product.
fn class_weights(kind: ClassWeights, labels: &[f32]) -> (f32, f32) {
    let growth = labels.iter().filter(|&&l| l > 0.5).count().max(1) as f32;
    let steady = labels.len() as f32 - growth;
    match kind {
        ClassWeights::None => (1.0, 1.0),
        ClassWeights::Balanced => (labels.len() as f32 / (2.0 * steady.max(1.0)), labels.len() as f32 / (2.0 * growth)),
    }
}

/// Checks the network of a job before any data is read.
pub(super) fn check_model(settings: &ClassifierSettings, early_steps: usize) -> Result<Model, GrowthError> {
    let input = TensorShape::sequence(early_steps, settings.features.len());
    Ok(Model::new(model_spec(settings, input))?)
}

#[cfg(test)]
mod tests {
    use super::{calibrated, class_weights};
    use crate::pipelines::growth::settings::ClassWeights;

    #[test]
    fn g3_balanced_classes_weigh_the_same_and_probabilities_are_put_back() {
        let labels = [0.0, 0.0, 0.0, 1.0];
        let (steady, growth) = class_weights(ClassWeights::Balanced, &labels);
        assert!((3.0 * steady - growth).abs() < 1e-6);
        // A network that knows nothing learns the weighted share, one half: put back, that is one quarter.
        let odds = f64::from(growth) / f64::from(steady);
        assert!((calibrated(0.0, odds) - 0.25).abs() < 1e-6);
    }
}
