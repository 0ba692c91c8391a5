//! `neighbours`: the nearest rows of every row (E15).

mod report;
mod run;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Prediction;
use super::tabular::{
    DataSettings, Layout, Points, Recipe, Saved, TableJob, TableKind, TabularError, check_columns, new_rows,
};
use crate::artifact::tensors::TensorFile;
use crate::backend::Backend;
use crate::cluster::{ClusterError, Metric, NearestSpec, Rows};
use crate::dataset::RawSource;
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;

/// The name of these models in model files.
pub const TASK: &str = "neighbours";

/// The kind.
pub static NEIGHBOURS: TableKind<Neighbours> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Neighbours;

/// The most rows whose pairwise distances are written.
const PAIRS_MAX: usize = 5000;

/// A neighbours job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The table among whose rows neighbours are looked for.
    pub data: DataSettings,
    /// A table with the same columns whose rows get neighbours. Without it the rows of `data` do, each without itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<RawSource>,
    /// Neighbours of a row.
    #[serde(default = "ten")]
    pub k: usize,
    /// How far a row is.
    #[serde(default)]
    pub metric: Distance,
    /// Whether the distances of all pairs of `data`'s rows are written, too; for at most 5000 rows.
    #[serde(default)]
    pub pairwise: bool,
}

/// How far a row is from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    /// The Euclidean distance.
    #[default]
    Euclidean,
    /// 1 less the cosine.
    Cosine,
    /// The sum of the differences' magnitudes.
    Manhattan,
}

impl From<Distance> for Metric {
    fn from(distance: Distance) -> Self {
        match distance {
            Distance::Euclidean => Self::Euclidean,
            Distance::Cosine => Self::Cosine,
            Distance::Manhattan => Self::Manhattan,
        }
    }
}

const fn ten() -> usize {
    10
}

/// What the model file says besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    data: Layout,
    metric: Distance,
    k: usize,
    ids: Vec<String>,
}

/// Rows and, if there are some of their own, queries.
#[derive(Debug)]
pub struct Loaded {
    values: Vec<f32>,
    ids: Vec<String>,
    layout: Layout,
    queries: Option<(Vec<String>, Vec<f32>)>,
}

impl Recipe for Neighbours {
    const NAME: &'static str = "neighbours";
    const SUMMARY: &'static str = "finds the nearest rows of every row";
    type Settings = Settings;
    type Loaded = Loaded;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        let queries = settings.queries.iter().map(|queries| ("queries", queries));
        std::iter::once(("data.source", &settings.data.source)).chain(queries).collect()
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        check_columns(issues, &settings.data, &[("data.id", settings.data.id.as_ref())]);
        issues.in_range("k", settings.k, 1..=10_000);
        issues.require(!settings.data.out_of_core, "data.out_of_core", || {
            "neighbours are looked for among rows in memory; queries of any number can be put to the saved model"
                .to_owned()
        });
    }

    fn load(job: &TableJob<Self>) -> Result<Loaded, TabularError> {
        let settings = &job.settings;
        let Points::Memory { values, ids, layout, .. } = Points::load(job, &settings.data, None, None)? else {
            return Err(ClusterError::NoRows { at_least: 1 }.into());
        };
        let queries = match &settings.queries {
            Some(_) => Some(new_rows(&layout, job.source(1)?.path())?),
            None => None,
        };
        let rows = Rows::new(&values, layout.inputs.len())?.count();
        let wanted = settings.k + usize::from(queries.is_none());
        if rows < wanted {
            return Err(ClusterError::TooFewRows { what: "nearest rows", wanted, rows }.into());
        }
        if settings.pairwise && rows > PAIRS_MAX {
            let found = format!("{rows} rows");
            return Err(ClusterError::Setting { name: "pairwise", expected: "at most 5000 rows", found }.into());
        }
        Ok(Loaded { values, ids, layout, queries })
    }

    fn facts(job: &TableJob<Self>, loaded: &Loaded) -> Vec<String> {
        let queries = loaded.queries.as_ref().map_or(loaded.ids.len(), |(ids, _)| ids.len());
        vec![
            format!("rows: {}", loaded.ids.len()),
            format!("inputs: {} columns", loaded.layout.inputs.len()),
            format!("neighbours: {} of each of {queries} rows", job.settings.k),
        ]
    }

    fn run(job: &TableJob<Self>, loaded: &Loaded, backend: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}

/// The nearest of a model's rows for each row of a new table.
///
/// # Errors
/// If model or table cannot be read, or the device fails.
pub fn predict(model: &Path, data: &Path, backend: &Backend) -> Result<Prediction, TabularError> {
    let saved: Saved<Header> = Saved::from_file(TensorFile::load(model)?, TASK, model)?;
    let Header { data: layout, metric, k, ids } = saved.header;
    let width = layout.inputs.len();
    let values = saved.tensors.f32("rows", &[ids.len(), width])?;
    let (own, queries) = new_rows(&layout, data)?;
    let found = NearestSpec { metric: metric.into(), k }.check()?.find(
        backend,
        &Rows::new(values, width)?,
        &Rows::new(&queries, width)?,
    )?;
    let table = run::table(layout.id.as_deref(), &own, &ids, metric, &found)?;
    Ok(Prediction { table, notes: vec![] })
}
