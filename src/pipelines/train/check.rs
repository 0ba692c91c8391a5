//! What can be wrong with a train job's file, before any data is read.

use std::collections::HashSet;
use std::path::Path;

use super::settings::{ClassWeights, DataSettings, Settings, Task};
use crate::dataset::{DataError, RawSource, Source};
use crate::model::{LayerSpec, Loss, Model, ModelError, ModelSpec, TensorShape};
use crate::ops::Activation;
use crate::pipelines::training::training_issue;
use crate::prep::Scaling;
use crate::spec::{Issues, JobText};

/// The source under `key`, with its path taken from the job file's folder.
pub(in crate::pipelines) fn source(issues: &mut Issues, text: &JobText, key: &str, raw: &RawSource) -> Option<Source> {
    let mut resolved = raw.clone();
    if !raw.path.as_os_str().is_empty() {
        resolved.path = text.resolve(&raw.path);
    }
    match resolved.check(Path::new("")) {
        Ok(source) => Some(source),
        Err(DataError::Spec { field, reason }) => {
            issues.push(&format!("{key}.{field}"), reason);
            None
        }
        Err(other) => {
            issues.push(key, other.to_string());
            None
        }
    }
}

pub(super) fn settings(issues: &mut Issues, settings: &Settings) {
    let inputs = columns(issues, &settings.data);
    shares(issues, settings);
    if let Scaling::Divide(by) = settings.data.scale {
        issues.require(by.is_finite() && by != 0.0, "data.scale.divide", || {
            format!("expected a number other than 0, got {by}")
        });
    }
    objective(issues, settings);
    issues.in_range("model.members", settings.model.members, 1..=1024);
    training_issue(issues, "training", settings.training.check());
    network(issues, settings, inputs);
}

/// Checks the names of columns; the inputs, if they are named.
fn columns(issues: &mut Issues, data: &DataSettings) -> Option<usize> {
    issues.require(!data.target.is_empty(), "data.target", || "expected a column, got an empty name".to_owned());
    issues.require(data.id.as_ref() != Some(&data.target), "data.id", || {
        format!("expected another column than the target, got `{}`", data.target)
    });
    let names = match data.inputs.as_ref()?.names() {
        Ok(names) => names,
        Err(error) => {
            let reason = if let DataError::Spec { reason, .. } = error { reason } else { error.to_string() };
            issues.push("data.inputs", reason);
            return None;
        }
    };
    issues.require(!names.is_empty(), "data.inputs", || "expected at least one column, got none".to_owned());
    let mut seen = HashSet::new();
    for name in &names {
        let own = [(Some(&data.target), "target"), (data.id.as_ref(), "id")];
        for (_, what) in own.iter().filter(|(own, _)| *own == Some(name)) {
            issues.push("data.inputs", format!("expected inputs other than the {what}, got `{name}`"));
        }
        issues.require(seen.insert(name), "data.inputs", || format!("expected each column once, got `{name}` again"));
    }
    Some(names.len())
}

fn shares(issues: &mut Issues, settings: &Settings) {
    let data = &settings.data;
    issues.in_range("data.validation_share", data.validation_share, 0.0..1.0);
    if let Some(share) = data.test_share {
        issues.require(share > 0.0 && share < 1.0, "data.test_share", || {
            format!("expected a share above 0 and below 1, got {share}")
        });
        issues.require(data.test.is_none(), "data.test_share", || {
            "belongs to a job without `data.test`: the rows of that table are held out".to_owned()
        });
    }
    issues.require(
        settings.training.early_stop.is_none() || data.validation_share > 0.0,
        "training.early_stop",
        || "needs validation rows: set `data.validation_share` above 0".to_owned(),
    );
}

fn objective(issues: &mut Issues, settings: &Settings) {
    let of_classes = |loss| matches!(loss, Loss::CrossEntropy | Loss::BinaryCrossEntropy);
    let of_numbers = |loss| matches!(loss, Loss::MeanSquare | Loss::Pearson);
    let (fits, expected) = match settings.task {
        Task::Classes => (settings.loss.is_none_or(of_classes), "`cross_entropy` or `binary_cross_entropy`"),
        Task::Regression => (settings.loss.is_none_or(of_numbers), "a loss of numbers such as `mean_square`"),
    };
    issues.require(fits, "loss", || format!("expected {expected} with this task"));
    issues.require(
        settings.task == Task::Classes || settings.class_weights == ClassWeights::None,
        "class_weights",
        || "belongs to task = \"classes\"".to_owned(),
    );
}

/// The shape of a row of so many inputs.
///
/// # Errors
/// In words, if the job's own shape holds another number.
pub(super) fn input_shape(settings: &Settings, inputs: usize) -> Result<TensorShape, String> {
    let shape = settings.model.input.unwrap_or(TensorShape::flat(inputs));
    if shape.len() == inputs {
        return Ok(shape);
    }
    Err(format!("expected a shape of as many values as there are inputs, {inputs}, got {} values", shape.len()))
}

/// The whole network: the job's layers and the output.
///
/// # Errors
/// Names the layer that does not fit.
pub(super) fn full_network(settings: &Settings, input: TensorShape, units: usize) -> Result<Model, ModelError> {
    let output = LayerSpec::Dense { units, activation: Activation::None };
    let layers: Vec<LayerSpec> = settings.model.layers.iter().cloned().chain(std::iter::once(output)).collect();
    let last = layers.len();
    Model::new(ModelSpec { input, layers }).map_err(|error| match error {
        ModelError::Layer { layer, kind, reason } if layer == last => {
            ModelError::Layer { layer, kind, reason: format!("the output, which is added by itself: {reason}") }
        }
        other => other,
    })
}

fn network(issues: &mut Issues, settings: &Settings, inputs: Option<usize>) {
    // Where neither is named, the table decides: it is checked when it has been read.
    let Some(count) = inputs.or(settings.model.input.map(TensorShape::len)) else { return };
    let shape = match input_shape(settings, count) {
        Ok(shape) => shape,
        Err(reason) => return issues.push("model.input", reason),
    };
    match full_network(settings, shape, 2) {
        Err(error) => issues.push("model.layers", error.to_string()),
        Ok(model) => {
            issues.require(model.vocabulary().is_none() || settings.data.scale == Scaling::None, "data.scale", || {
                "expected \"none\" before an embedding, which takes the numbers of words as they are".to_owned()
            });
        }
    }
}
