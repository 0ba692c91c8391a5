//! The tables of a train job, read, checked and split.

use std::path::Path;

use super::check::{full_network, input_shape};
use super::error::TrainJobError;
use super::job::TrainJob;
use super::output::Output;
use super::settings::{Settings, Task};
use crate::dataset::rows::{RowSet, RowSpec, RowTargets, TargetKind};
use crate::dataset::split::{RawSplit, Split, stratified};
use crate::dataset::{DataError, Place, Source};
use crate::model::{Loss, Model};

/// The most classes there may be: more are a column of numbers or ids that was taken for one of classes.
const CLASSES_MAX: usize = 10_000;

/// What is true of rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Truth {
    /// Places in the list of classes.
    Classes(Vec<u32>),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// The tables, read and checked.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The training table.
    pub rows: RowSet,
    /// What is true of its rows.
    pub truth: Truth,
    /// Its rows by part.
    pub split: Split,
    /// The table of held-out rows, if there is one, and what is true of them.
    pub test: Option<(RowSet, Truth)>,
    /// What the network says.
    pub output: Output,
    /// The network.
    pub model: Model,
}

impl Loaded {
    pub(super) fn read(job: &TrainJob) -> Result<Self, TrainJobError> {
        let settings = &job.settings;
        let names = settings.data.inputs.as_ref().map(super::settings::RawColumns::names).transpose()?;
        let spec = |source: &Source, inputs: Option<Vec<String>>| RowSpec {
            source: source.clone(),
            inputs,
            target: Some((settings.data.target.clone(), target_kind(settings.task))),
            id: settings.data.id.clone(),
        };
        let rows = spec(&job.source, names).read()?;
        let classes = classes(&rows, settings)?;
        let truth = truth(&rows, &classes, &settings.data.target)?;
        let split = split(&rows, &truth, settings, job.head.seed)?;
        let output = output(classes, &truth, &split, settings, &rows.path)?;
        let width = rows.names.len();
        let shape = input_shape(settings, width)
            .map_err(|reason| TrainJobError::data(&rows.path, format!("`model.input`: {reason}")))?;
        let model = full_network(settings, shape, output.units())
            .map_err(|source| TrainJobError::Network { inputs: width, source })?;
        let test = match &job.test {
            Some(source) => Some(held_out(&spec(source, Some(rows.names.clone())), &output)?),
            None => None,
        };
        Ok(Self { rows, truth, split, test, output, model })
    }

    /// Facts worth showing before the work starts.
    pub(super) fn facts(&self, settings: &Settings) -> Result<Vec<String>, TrainJobError> {
        let rows = format!(
            "rows: {} train, {} validate, {} held out",
            self.split.train.len(),
            self.split.validation.len(),
            self.test.as_ref().map_or(self.split.test.len(), |(rows, _)| rows.len())
        );
        let mut facts = vec![rows];
        let mut inputs = format!("inputs: {} columns", self.rows.names.len());
        if !self.rows.left_out.is_empty() {
            inputs.push_str(&format!("; left out, for they hold no numbers: {}", self.rows.left_out.join(", ")));
        }
        facts.push(inputs);
        facts.push(match &self.output {
            Output::Classes { names, .. } => format!("classes: {} ({})", names.len(), listed(names)),
            Output::Number { mean, deviation } => format!("target: mean {mean:.6}, deviation {deviation:.6}"),
        });
        let members = settings.model.members;
        facts.push(format!(
            "network: {} trained values, {members} member{}",
            self.model.trained_len(),
            plural(members)
        ));
        Ok(facts)
    }

    /// The held-out rows: their table, their places in it, what is true of them.
    pub(super) fn held_out(&self) -> (&RowSet, Vec<usize>, Truth) {
        match &self.test {
            Some((rows, truth)) => (rows, (0..rows.len()).collect(), truth.clone()),
            None => (&self.rows, self.split.test.clone(), self.truth.of(&self.split.test)),
        }
    }
}

impl Truth {
    /// Of some rows.
    pub(super) fn of(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(all) => Self::Classes(rows.iter().map(|&row| all[row]).collect()),
            Self::Numbers(all) => Self::Numbers(rows.iter().map(|&row| all[row]).collect()),
        }
    }
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn target_kind(task: Task) -> TargetKind {
    match task {
        Task::Classes => TargetKind::Label,
        Task::Regression => TargetKind::Number,
    }
}

/// The first classes, for messages.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, ...") } else { shown }
}

/// The classes of the training table: by value if all of them are numbers, else by letters.
fn classes(rows: &RowSet, settings: &Settings) -> Result<Vec<String>, TrainJobError> {
    let RowTargets::Labels(labels) = &rows.targets else { return Ok(vec![]) };
    let mut names: Vec<String> = labels.clone();
    names.sort_unstable();
    names.dedup();
    let target = &settings.data.target;
    let refuse = |reason: String| Err(TrainJobError::data(&rows.path, reason));
    if names.len() < 2 {
        return refuse(format!("expected at least two classes in column `{target}`, found only `{}`", names.concat()));
    }
    if names.len() > CLASSES_MAX {
        return refuse(format!(
            "expected at most {CLASSES_MAX} classes in column `{target}`, found {}: is it meant for task = \"regression\"?",
            names.len()
        ));
    }
    if settings.loss() == Loss::BinaryCrossEntropy && names.len() != 2 {
        return refuse(format!(
            "loss = \"binary_cross_entropy\" expects two classes in column `{target}`, found {}: {}",
            names.len(),
            listed(&names)
        ));
    }
    let number = |name: &String| name.parse::<f64>().ok().filter(|v| v.is_finite());
    if let Some(values) = names.iter().map(number).collect::<Option<Vec<f64>>>() {
        let mut pairs: Vec<(f64, String)> = values.into_iter().zip(names).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        names = pairs.into_iter().map(|(_, name)| name).collect();
    }
    Ok(names)
}

/// What is true of a table's rows. A class that the training table does not have is an error.
fn truth(rows: &RowSet, classes: &[String], target: &str) -> Result<Truth, TrainJobError> {
    match &rows.targets {
        RowTargets::None => Err(TrainJobError::data(&rows.path, format!("column `{target}` was not read"))),
        RowTargets::Numbers(numbers) => Ok(Truth::Numbers(numbers.clone())),
        RowTargets::Labels(labels) => {
            let places: std::collections::HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
            let place = |(row, label): (usize, &String)| {
                places.get(label.as_str()).copied().ok_or_else(|| DataError::Value {
                    at: Place::cell(&rows.path, rows.places[row], target),
                    expected: format!("one of the training table's classes ({})", listed(classes)),
                    found: label.clone(),
                })
            };
            Ok(Truth::Classes(labels.iter().enumerate().map(place).collect::<Result<_, _>>()?))
        }
    }
}

fn split(rows: &RowSet, truth: &Truth, settings: &Settings, seed: u64) -> Result<Split, TrainJobError> {
    let test = settings.data.held_out_share();
    let shares = RawSplit { validation: settings.data.validation_share * (1.0 - test), test, seed }.check()?;
    let split = match truth {
        Truth::Classes(labels) => stratified(labels, &shares),
        Truth::Numbers(numbers) => stratified(&vec![0; numbers.len()], &shares),
    };
    let wanted = [
        ("training", true, split.train.len()),
        ("validation", settings.data.validation_share > 0.0, split.validation.len()),
        ("held-out", settings.data.test.is_none(), split.test.len()),
    ];
    for (part, wanted, count) in wanted {
        if wanted && count == 0 {
            let reason = format!("its {} rows leave no {part} row with the job's shares", rows.len());
            return Err(TrainJobError::data(&rows.path, reason));
        }
    }
    Ok(split)
}

fn output(
    classes: Vec<String>,
    truth: &Truth,
    split: &Split,
    settings: &Settings,
    path: &Path,
) -> Result<Output, TrainJobError> {
    match truth.of(&split.train) {
        Truth::Classes(_) => {
            Ok(Output::Classes { names: classes, one_logit: settings.loss() == Loss::BinaryCrossEntropy })
        }
        Truth::Numbers(numbers) => {
            let count = numbers.len().max(1) as f64;
            let mean = numbers.iter().sum::<f64>() / count;
            let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / count;
            if !variance.is_finite() || variance <= 0.0 {
                let target = &settings.data.target;
                let reason =
                    format!("expected numbers that differ in column `{target}`, found a deviation of {variance}");
                return Err(TrainJobError::data(path, reason));
            }
            Ok(Output::Number { mean, deviation: variance.sqrt() })
        }
    }
}

fn held_out(spec: &RowSpec, output: &Output) -> Result<(RowSet, Truth), TrainJobError> {
    let rows = spec.read()?;
    let classes: &[String] = if let Output::Classes { names, .. } = output { names } else { &[] };
    let target = spec.target.as_ref().map_or("", |(name, _)| name.as_str());
    let truth = truth(&rows, classes, target)?;
    Ok((rows, truth))
}
