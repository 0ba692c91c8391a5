//! The training itself, and the model that comes out of it.

use std::path::Path;

use serde::Deserialize;

use super::TASK;
use super::error::TrainJobError;
use super::header::{DataLayout, TableHeader};
use super::load::{Loaded, Truth};
use super::output::Output;
use super::settings::{ClassWeights, Settings};
use crate::backend::Backend;
use crate::model::Model;
use crate::prep::RowPrep;
use crate::train::{Control, Data, Member, SavedFleet, Targets, member_seed, predict, train};

/// A trained model.
#[derive(Debug)]
pub(super) struct Trained {
    pub fleet: SavedFleet,
    pub header: TableHeader,
    pub model: Model,
}

impl Trained {
    pub(super) fn train(
        loaded: &Loaded,
        settings: &Settings,
        seed: u64,
        backend: &Backend,
        control: &mut Control<'_>,
    ) -> Result<Self, TrainJobError> {
        let (width, channels) = (loaded.rows.names.len(), loaded.model.input().channels);
        let fitted = [loaded.split.train.as_slice(), &loaded.split.validation].concat();
        let cut = loaded.split.train.len();
        let mut inputs = loaded.rows.inputs_of(&fitted);
        let prep = RowPrep::fit(settings.data.scale, &inputs[..cut * width], width, channels)?;
        prep.apply(&mut inputs, width)?;
        let truth = loaded.truth.of(&fitted);
        let weights = row_weights(settings.class_weights, &truth, cut, loaded.output.width());
        let (labels, values) = targets(&truth, &loaded.output);
        let targets = labels.as_deref().map_or(Targets::Values(&values), Targets::Labels);
        let member = |i: usize| Member {
            train_weights: weights.get(..cut).unwrap_or_default().to_vec(),
            validation_weights: weights.get(cut..).unwrap_or_default().to_vec(),
            ..Member::new(
                member_seed(seed, i),
                settings.training.rate,
                (0..cut as u32).collect(),
                (cut as u32..fitted.len() as u32).collect(),
            )
        };
        let members: Vec<Member> = (0..settings.model.members).map(member).collect();
        let data = Data { inputs: &inputs, targets };
        let trained = train(&loaded.model, &settings.training, settings.loss(), data, &members, backend, control)?;
        let header = TableHeader {
            data: DataLayout {
                source: settings.data.source.clone(),
                target: settings.data.target.clone(),
                inputs: loaded.rows.names.clone(),
                id: settings.data.id.clone(),
            },
            prep,
            output: loaded.output.clone(),
            losses: trained.iter().map(|t| t.losses.clone()).collect(),
            best_epochs: trained.iter().map(|t| t.best_epoch).collect(),
        };
        let fleet = SavedFleet {
            task: TASK.to_owned(),
            model: loaded.model.spec().clone(),
            names: (1..=trained.len()).map(|i| format!("member {i}")).collect(),
            members: trained.into_iter().map(|t| t.weights).collect(),
            precision: settings.training.precision,
            settings: serde_json::to_value(&header)
                .map_err(|e| TrainJobError::data(Path::new("model"), e.to_string()))?,
        };
        Ok(Self { fleet, header, model: loaded.model.clone() })
    }

    /// From a saved fleet; `path` is for errors.
    pub(super) fn from_fleet(fleet: SavedFleet, path: &Path) -> Result<Self, TrainJobError> {
        let header = TableHeader::deserialize(&fleet.settings)
            .map_err(|e| TrainJobError::data(path, format!("expected the settings of a trained table: {e}")))?;
        let model = Model::new(fleet.model.clone())?;
        Ok(Self { fleet, header, model })
    }

    /// What the members say together of rows of raw inputs: [rows, width of an answer].
    pub(super) fn answers(&self, mut inputs: Vec<f32>, backend: &Backend) -> Result<Vec<f64>, TrainJobError> {
        if inputs.is_empty() {
            return Ok(vec![]);
        }
        self.header.prep.apply(&mut inputs, self.header.data.inputs.len())?;
        let outputs = predict(&self.model, &self.fleet.members, &inputs, backend)?;
        Ok(self.header.output.answers(&outputs, self.fleet.members.len()))
    }
}

/// What the network should say: labels, or values.
fn targets(truth: &Truth, output: &Output) -> (Option<Vec<u32>>, Vec<f32>) {
    let (mean, deviation) = match output {
        Output::Number { mean, deviation } => (*mean, *deviation),
        Output::Classes { .. } => (0.0, 1.0),
    };
    match (truth, output) {
        (Truth::Classes(labels), Output::Classes { one_logit: false, .. }) => (Some(labels.clone()), vec![]),
        (Truth::Classes(labels), _) => (None, labels.iter().map(|&l| l as f32).collect()),
        (Truth::Numbers(numbers), _) => (None, numbers.iter().map(|n| ((n - mean) / deviation) as f32).collect()),
    }
}

/// A weight for each row, by the classes of the training rows, which come first; none if all weigh the same.
fn row_weights(kind: ClassWeights, truth: &Truth, cut: usize, classes: usize) -> Vec<f32> {
    let (ClassWeights::Balanced, Truth::Classes(labels)) = (kind, truth) else { return vec![] };
    let mut counts = vec![0_usize; classes];
    labels[..cut].iter().for_each(|&l| counts[l as usize] += 1);
    let present = counts.iter().filter(|&&c| c > 0).count().max(1);
    let weight = |l: &u32| cut as f32 / (present * counts[*l as usize].max(1)) as f32;
    labels.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e13_balanced_classes_weigh_the_same() {
        let truth = Truth::Classes(vec![0, 0, 0, 1, 1, 0]);
        let weights = row_weights(ClassWeights::Balanced, &truth, 4, 3);
        assert!((3.0 * weights[0] - weights[3]).abs() < 1e-6);
        assert!((weights[..4].iter().sum::<f32>() - 4.0).abs() < 1e-5, "the mean is 1");
        assert_eq!((weights[4], weights[5]), (weights[3], weights[0]));
        assert!(row_weights(ClassWeights::None, &truth, 4, 3).is_empty());
    }
}
