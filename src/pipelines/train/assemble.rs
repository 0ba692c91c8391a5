//! From what was trained to what is shown.

use serde_json::{Value, json};

use super::fit::Trained;
use super::load::{Loaded, Truth};
use super::output::Output;
use super::results::{HeldOut, LayerRow, PartSizes, Results, Scores};
use super::settings::Settings;
use crate::dataset::rows::RowSet;
use crate::model::{LayerSpec, Model, ModelSpec, ParamInfo, TensorShape};
use crate::prep::{RowPrep, Scaling};
use crate::run::Outcome;
use crate::train::metrics::classes::ClassScores;
use crate::train::metrics::numbers::NumberScores;
use crate::train::metrics::{roc, roc_auc};

/// What is known and said of the held-out rows.
pub(super) fn held_out(
    settings: &Settings,
    output: &Output,
    (rows, places): (&RowSet, &[usize]),
    truth: &Truth,
    answers: Vec<f64>,
) -> HeldOut {
    let ids = places.iter().map(|&place| match &rows.ids {
        Some(ids) => ids[place].clone(),
        None => (place + 1).to_string(),
    });
    let scores = match truth {
        Truth::Numbers(numbers) => Scores::Numbers(NumberScores::of(&answers, numbers)),
        Truth::Classes(labels) => Scores::Classes {
            scores: ClassScores::of(&answers, labels, output.width()),
            roc: (output.width() == 2).then(|| area(&answers, labels)).flatten(),
        },
    };
    let truth = match truth {
        Truth::Numbers(numbers) => numbers.clone(),
        Truth::Classes(labels) => labels.iter().map(|&l| f64::from(l)).collect(),
    };
    HeldOut { id_name: id_name(settings.data.id.as_deref()), ids: ids.collect(), truth, answers, scores }
}

/// What the first column of result tables is called: the id's own name, unless another column has it.
pub(in crate::pipelines) fn id_name(id: Option<&str>) -> String {
    match id {
        Some("target" | "predicted") => "id".to_owned(),
        Some(name) if name.starts_with("probability_") => "id".to_owned(),
        Some(name) => name.to_owned(),
        None => "row".to_owned(),
    }
}

/// The ROC curve of the second of two classes.
fn area(answers: &[f64], labels: &[u32]) -> Option<(f64, Vec<(f64, f64)>)> {
    let scores: Vec<f64> = answers.chunks_exact(2).map(|row| row[1]).collect();
    let truth: Vec<bool> = labels.iter().map(|&l| l == 1).collect();
    Some((roc_auc(&scores, &truth)?, roc(&scores, &truth)))
}

pub(super) fn results(
    settings: &Settings,
    loaded: &Loaded,
    trained: &Trained,
    held_out: HeldOut,
    device: &str,
) -> Results {
    let name = |rows: &RowSet| rows.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut train_counts = vec![0; if let Output::Classes { names, .. } = &loaded.output { names.len() } else { 0 }];
    if let Truth::Classes(labels) = loaded.truth.of(&loaded.split.train) {
        for label in labels {
            train_counts[label as usize] += 1;
        }
    }
    Results {
        files: std::iter::once(name(&loaded.rows)).chain(loaded.test.iter().map(|(rows, _)| name(rows))).collect(),
        target: settings.data.target.clone(),
        inputs: loaded.rows.names.clone(),
        left_out: loaded.rows.left_out.clone(),
        prep: prep_in_words(settings.data.scale, &trained.header.prep),
        loss: serde_json::to_value(settings.loss()).ok().and_then(|v| v.as_str().map(words)).unwrap_or_default(),
        output: loaded.output.clone(),
        train_counts,
        rows: PartSizes {
            train: loaded.split.train.len(),
            validation: loaded.split.validation.len(),
            test: held_out.ids.len(),
        },
        held_out,
        losses: trained.header.losses.clone(),
        best_epochs: trained.header.best_epochs.clone(),
        layers: layers(&trained.model),
        parameters: trained.model.trained_len(),
        device: device.to_owned(),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn prep_in_words(scaling: Scaling, prep: &RowPrep) -> String {
    match (scaling, prep) {
        (Scaling::None, _) => "Inputs go in as they are.".to_owned(),
        (Scaling::Standard, _) => {
            "Each input less its mean over the training rows, over its deviation there.".to_owned()
        }
        (Scaling::Divide(by), _) => format!("Every input divided by {by}."),
        (Scaling::Row, RowPrep::Row { channels }) if *channels > 1 => {
            "Each row's channels less their own means, over their own deviations.".to_owned()
        }
        (Scaling::Row, _) => "Each row less its own mean, over its own deviation.".to_owned(),
    }
}

/// The network layer by layer, with the input first.
fn layers(model: &Model) -> Vec<LayerRow> {
    let spec = model.spec();
    let mut rows = vec![LayerRow { layer: "input".to_owned(), shape: shape_in_words(spec.input), trained: 0 }];
    for (i, layer) in spec.layers.iter().enumerate() {
        let prefix = format!("layers.{i}.");
        let own = model.params().iter().filter(|p| p.kind.trained() && p.name.starts_with(&prefix));
        rows.push(LayerRow {
            layer: layer_in_words(layer),
            shape: shape_after(spec, i).map_or_else(String::new, shape_in_words),
            trained: own.map(ParamInfo::len).sum(),
        });
    }
    rows
}

/// The shape behind layer `i`: that of the network cut off there. The batch norm keeps the shape and gives even a cut of
/// layers without weights something to train, which a model must have.
fn shape_after(spec: &ModelSpec, i: usize) -> Option<TensorShape> {
    let kept = spec.layers[..=i].iter().cloned();
    let layers = kept.chain(std::iter::once(LayerSpec::BatchNorm { momentum: 0.1, epsilon: 1e-5 })).collect();
    Model::new(ModelSpec { input: spec.input, layers }).ok().map(|model| model.output())
}

/// `28 x 28 x 1`; the sides of 1 before the channels are left out.
fn shape_in_words(shape: TensorShape) -> String {
    let sides = [shape.height, shape.length, shape.channels];
    let first = sides[..2].iter().position(|&side| side > 1).unwrap_or(2);
    sides[first..].iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// A layer as a job file writes it: its kind, then its settings.
fn layer_in_words(layer: &LayerSpec) -> String {
    let mut parts = vec![words(layer.kind())];
    if let Ok(Value::Object(fields)) = serde_json::to_value(layer) {
        let settings = fields.iter().filter(|(key, value)| *key != "kind" && *value != "none");
        parts.extend(settings.map(|(key, value)| format!("{} {}", words(key), value_in_words(value))));
    }
    parts.join(", ")
}

fn value_in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // The settings are 32-bit numbers: with more digits 0.1 would be 0.10000000149011612.
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(String::new, |n| (n as f32).to_string())
        }
        other => other.to_string(),
    }
}

/// Headline figures and metrics.
pub(super) fn outcome(results: &Results) -> Outcome {
    let named = |pairs: Vec<(&str, f64)>| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (headline, test) = match &results.held_out.scores {
        Scores::Numbers(scores) => {
            let mut headline = vec![("rmse", scores.rmse), ("mae", scores.mae)];
            headline.extend(scores.r2.map(|r2| ("r2", r2)));
            (named(headline), json!({ "rmse_of_the_mean": scores.deviation }))
        }
        Scores::Classes { scores, roc } => {
            let mut headline =
                vec![("accuracy", scores.accuracy()), ("log_loss", scores.log_loss), ("macro_f1", scores.macro_f1())];
            headline.extend(roc.as_ref().map(|(area, _)| ("roc_auc", *area)));
            (named(headline), class_details(results, scores))
        }
    };
    let details = json!({
        "rows": { "train": results.rows.train, "validation": results.rows.validation, "test": results.rows.test },
        "inputs": results.inputs.len(),
        "target": results.target,
        "members": results.members(),
        "parameters": results.parameters,
        "epochs": results.losses.iter().map(Vec::len).collect::<Vec<_>>(),
        "best_epochs": results.best_epochs,
        "test": test,
    });
    Outcome { headline, details, failed: vec![] }
}

fn class_details(results: &Results, scores: &ClassScores) -> Value {
    let each = |k: usize| {
        json!({
            "class": results.classes()[k], "rows": scores.support(k), "predicted": scores.predicted(k),
            "precision": scores.precision(k), "recall": scores.recall(k), "f1": scores.f1(k),
        })
    };
    json!({
        "balanced_accuracy": scores.balanced_accuracy(),
        "accuracy_of_the_largest_class": scores.majority(),
        "classes": (0..results.classes().len()).map(each).collect::<Vec<_>>(),
        "confusion": scores.confusion,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_layers_and_shapes_are_shown_as_people_write_them() {
        let spec: ModelSpec = serde_json::from_str(
            r#"{"input": {"height": 6, "length": 4, "channels": 2}, "layers": [{"kind": "max_pool", "window": 2},
                {"kind": "batch_norm"}, {"kind": "flatten"}, {"kind": "dense", "units": 3}]}"#,
        )
        .expect("a spec");
        let rows = layers(&Model::new(spec).expect("a model"));
        let shapes: Vec<&str> = rows.iter().map(|row| row.shape.as_str()).collect();
        assert_eq!(shapes, ["6 x 4 x 2", "3 x 2 x 2", "3 x 2 x 2", "12", "3"]);
        let trained: Vec<usize> = rows.iter().map(|row| row.trained).collect();
        assert_eq!(trained, [0, 0, 4, 0, 39]);
        assert_eq!(rows[2].layer, "batch norm, momentum 0.1, epsilon 0.00001");
        assert_eq!(rows[4].layer, "dense, units 3");
    }

    #[test]
    fn e20_ids_never_take_the_name_of_another_column() {
        assert_eq!([id_name(None), id_name(Some("sku")), id_name(Some("target"))], ["row", "sku", "id"]);
    }
}
