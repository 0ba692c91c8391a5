//! `tree`: a decision tree, or boosted trees, on a table of numbers and categories (E15).

mod frame;
mod predict;
mod report;
mod run;
mod settings;

use serde::{Deserialize, Serialize};

use super::tabular::{Recipe, TableJob, TableKind, TabularError};
use super::train::Output;
use super::train::settings::Task;
use crate::backend::Backend;
use crate::dataset::RawSource;
use crate::dataset::rows::TargetKind;
use crate::dataset::split::{RawSplit, Split, stratified};
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;
use crate::tree::{Boosted, Features, Tree};

use frame::{Columns, Frame, FrameSpec};
pub use predict::predict;
pub use settings::Settings;

/// The name of these models in model files.
pub const TASK: &str = "tree";

/// The kind.
pub static TREE: TableKind<Trees> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Trees;

/// A grown model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Model {
    /// One tree.
    Tree(Tree),
    /// Boosted trees.
    Boosted(Boosted),
}

/// What the model file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    source: RawSource,
    columns: Columns,
    id: Option<String>,
    output: Output,
    model: Model,
    /// Training and validation loss by round.
    losses: Vec<(Option<f64>, Option<f64>)>,
}

impl Model {
    /// What it says of rows: probabilities of the classes, or numbers.
    fn answers(&self, features: &Features<'_>) -> Vec<f64> {
        match self {
            Self::Tree(tree) => tree.predict(features),
            Self::Boosted(boosted) => boosted.predict(features),
        }
    }
}

/// What is true of rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Truth {
    /// Places in the list of classes.
    Classes(Vec<u32>),
    /// Numbers.
    Numbers(Vec<f64>),
}

impl Truth {
    fn of(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(all) => Self::Classes(rows.iter().map(|&row| all[row]).collect()),
            Self::Numbers(all) => Self::Numbers(rows.iter().map(|&row| all[row]).collect()),
        }
    }
}

/// The tables, read, checked and split.
#[derive(Debug)]
pub struct Loaded {
    frame: Frame,
    columns: Columns,
    truth: Truth,
    split: Split,
    test: Option<(Frame, Truth)>,
    output: Output,
}

impl Recipe for Trees {
    const NAME: &'static str = "tree";
    const SUMMARY: &'static str = "grows a decision tree, or boosted trees, on a table of numbers and categories";
    const CPU_ONLY: bool = true;
    type Settings = Settings;
    type Loaded = Loaded;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        let test = settings.data.test.iter().map(|test| ("data.test", test));
        std::iter::once(("data.source", &settings.data.source)).chain(test).collect()
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        settings.check(issues);
    }

    fn load(job: &TableJob<Self>) -> Result<Loaded, TabularError> {
        let settings = &job.settings;
        let spec = FrameSpec {
            source: job.source(0)?,
            numbers: settings.data.names()?,
            categories: settings.data.categories.clone(),
            target: Some((settings.data.target.clone(), target_kind(settings.task))),
            id: settings.data.id.clone(),
        };
        let (frame, columns) = spec.read()?;
        let names = frame.classes(settings.task, &settings.data.target)?;
        let truth = frame.truth(&names, &settings.data.target)?;
        let split = split(&frame, &truth, settings, job.head.seed)?;
        let test = match &settings.data.test {
            Some(_) => {
                let spec = FrameSpec { source: job.source(1)?, ..spec };
                let held_out = spec.read_as(&columns)?;
                let truth = held_out.truth(&names, &settings.data.target)?;
                Some((held_out, truth))
            }
            None => None,
        };
        let output = match settings.task {
            Task::Classes => Output::Classes { names, one_logit: false },
            Task::Regression => Output::Number { mean: 0.0, deviation: 1.0 },
        };
        Ok(Loaded { frame, columns, truth, split, test, output })
    }

    fn facts(_: &TableJob<Self>, loaded: &Loaded) -> Vec<String> {
        let test = loaded.test.as_ref().map_or(loaded.split.test.len(), |(frame, _)| frame.len());
        let mut facts = vec![
            format!(
                "rows: {} train, {} validate, {test} held out",
                loaded.split.train.len(),
                loaded.split.validation.len()
            ),
            format!(
                "inputs: {} of numbers, {} of categories; {} values missing",
                loaded.columns.numbers.len(),
                loaded.columns.categories.len(),
                loaded.frame.values.iter().filter(|v| v.is_nan()).count()
            ),
        ];
        if let Output::Classes { names, .. } = &loaded.output {
            facts.push(format!("classes: {}", names.len()));
        }
        facts
    }

    fn run(job: &TableJob<Self>, loaded: &Loaded, _: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, ctx)
    }
}

fn target_kind(task: Task) -> TargetKind {
    match task {
        Task::Classes => TargetKind::Label,
        Task::Regression => TargetKind::Number,
    }
}

fn split(frame: &Frame, truth: &Truth, settings: &Settings, seed: u64) -> Result<Split, TabularError> {
    let test = settings.data.held_out_share();
    let validation = settings.validation_share();
    let shares = RawSplit { validation: validation * (1.0 - test), test, seed }.check()?;
    let split = match truth {
        Truth::Classes(labels) => stratified(labels, &shares),
        Truth::Numbers(numbers) => stratified(&vec![0; numbers.len()], &shares),
    };
    let wanted = [
        ("training", true, split.train.len()),
        ("validation", validation > 0.0, split.validation.len()),
        ("held-out", settings.data.test.is_none(), split.test.len()),
    ];
    for (part, wanted, count) in wanted {
        if wanted && count == 0 {
            let reason = format!("its {} rows leave no {part} row with the job's shares", frame.len());
            return Err(TabularError::data(&frame.path, reason));
        }
    }
    Ok(split)
}
