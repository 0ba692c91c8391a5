//! `neighbours`: the nearest rows of every row (E15).

mod report;
mod run;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TakePart;
use super::tabular::{
    DataSettings, Layout, Points, Recipe, Saved, TableJob, TableKind, TabularError, check_columns, check_new_table,
    new_rows,
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

/// Rows. Queries of their own are read in the run, part by part.
#[derive(Debug)]
pub struct Loaded {
    values: Vec<f32>,
    ids: Vec<String>,
    layout: Layout,
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
            "neighbours are looked for among rows in memory; `queries` may be of any number".to_owned()
        });
    }

    fn load(job: &TableJob<Self>) -> Result<Loaded, TabularError> {
        let settings = &job.settings;
        let Points::Memory { values, ids, layout, .. } = Points::load(job, &settings.data, None, None)? else {
            return Err(ClusterError::NoRows { at_least: 1 }.into());
        };
        let own = settings.queries.is_none();
        if !own {
            check_new_table(&layout, job.source(1)?.path())?;
        }
        let rows = Rows::new(&values, layout.inputs.len())?.count();
        let wanted = settings.k + usize::from(own);
        if rows < wanted {
            return Err(ClusterError::TooFewRows { what: "nearest rows", wanted, rows }.into());
        }
        if settings.pairwise && rows > PAIRS_MAX {
            let found = format!("{rows} rows");
            return Err(ClusterError::Setting { name: "pairwise", expected: "at most 5000 rows", found }.into());
        }
        Ok(Loaded { values, ids, layout })
    }

    fn facts(job: &TableJob<Self>, loaded: &Loaded) -> Vec<String> {
        let of = match &job.settings.queries {
            Some(queries) => format!("row of {}, checked as they are read", queries.path.display()),
            None => "other row".to_owned(),
        };
        vec![
            format!("rows: {}", loaded.ids.len()),
            format!("inputs: {} columns", loaded.layout.inputs.len()),
            format!("neighbours: {} of each {of}", job.settings.k),
        ]
    }

    fn run(job: &TableJob<Self>, loaded: &Loaded, backend: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}

/// The nearest of a model's rows for each row of a new table, part by part.
///
/// # Errors
/// If model or table cannot be read, or the device fails.
pub fn predict(model: &Path, data: &Path, backend: &Backend, take: &mut TakePart<'_>) -> Result<(), TabularError> {
    let saved: Saved<Header> = Saved::from_file(TensorFile::load(model)?, TASK, model)?;
    let Header { data: layout, metric, k, ids } = saved.header;
    let width = layout.inputs.len();
    let values = saved.tensors.f32("rows", &[ids.len(), width])?;
    let rows = Rows::new(values, width)?;
    let nearest = NearestSpec { metric: metric.into(), k }.check()?;
    new_rows(&layout, data, |own, queries| {
        let found = nearest.find(backend, &rows, &Rows::new(queries, width)?)?;
        take(&run::table(layout.id.as_deref(), own, &ids, metric, &found)?)?;
        Ok(())
    })
}
