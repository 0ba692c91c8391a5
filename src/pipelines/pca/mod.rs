//! `pca`: a table's rows by their principal components (E15).

mod report;
mod run;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TakePart;
use super::tabular::{
    DataSettings, Layout, Points, Recipe, Saved, TableJob, TableKind, TabularError, check_columns, new_rows,
};
use crate::artifact::tensors::TensorFile;
use crate::backend::Backend;
use crate::cluster::{ClusterError, Pca, Rows};
use crate::dataset::RawSource;
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;

/// The name of these models in model files.
pub const TASK: &str = "pca";

/// The kind.
pub static PCA: TableKind<Components> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Components;

/// A PCA job's own part of the job file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The table.
    pub data: DataSettings,
    /// How many components are kept. Without it, see `share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// The share of all variance that the components must keep. Default, without `dimensions`: 0.95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// How they are found.
    #[serde(default)]
    pub method: Method,
    /// Whether coordinates are scaled to variance 1.
    #[serde(default)]
    pub whiten: bool,
    /// Random projection: directions beside those that are kept.
    #[serde(default = "ten")]
    pub spare: usize,
    /// Random projection: passes that turn the directions to where the variance is.
    #[serde(default = "four")]
    pub powers: usize,
}

/// How components are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Through the covariance of all columns.
    #[default]
    Exact,
    /// By a random projection: for thousands of columns.
    Random,
}

const fn ten() -> usize {
    10
}

const fn four() -> usize {
    4
}

/// What the model file says besides its components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    data: Layout,
    pca: Pca,
    rows: usize,
}

impl Recipe for Components {
    const NAME: &'static str = "pca";
    const SUMMARY: &'static str = "finds a table's principal components and its rows' coordinates along them";
    type Settings = Settings;
    type Loaded = Points;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        vec![("data.source", &settings.data.source)]
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        check_columns(issues, &settings.data, &[("data.id", settings.data.id.as_ref())]);
        issues.require(settings.dimensions != Some(0), "dimensions", || "expected at least 1, got 0".to_owned());
        if let Some(share) = settings.share {
            issues.require(share > 0.0 && share <= 1.0, "share", || {
                format!("expected a share above 0 and at most 1, got {share}")
            });
            issues
                .require(settings.dimensions.is_none(), "share", || "belongs to a job without `dimensions`".to_owned());
        }
        issues.require(settings.method == Method::Exact || settings.dimensions.is_some(), "method", || {
            "\"random\" needs `dimensions`".to_owned()
        });
        issues.in_range("spare", settings.spare, 1..=1000);
        issues.in_range("powers", settings.powers, 0..=100);
    }

    fn load(job: &TableJob<Self>) -> Result<Points, TabularError> {
        let points = Points::load(job, &job.settings.data, None, None)?;
        let (width, rows) = match &points {
            Points::Memory { ids, layout, values, .. } => {
                Rows::new(values, layout.inputs.len())?;
                (layout.inputs.len(), Some(ids.len()))
            }
            Points::Later { names, .. } => (names.len(), None),
        };
        if let Some(wanted) = job.settings.dimensions.filter(|wanted| *wanted > width) {
            let (expected, found) = ("at most as many as there are columns", format!("{wanted} of {width}"));
            return Err(ClusterError::Setting { name: "dimensions", expected, found }.into());
        }
        if let Some(rows) = rows.filter(|rows| *rows < 2) {
            return Err(ClusterError::TooFewRows { what: "components", wanted: 2, rows }.into());
        }
        Ok(points)
    }

    fn facts(_: &TableJob<Self>, loaded: &Points) -> Vec<String> {
        loaded.facts()
    }

    fn run(job: &TableJob<Self>, loaded: &Points, backend: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}

/// The coordinates of each row of a new table.
///
/// # Errors
/// If model or table cannot be read.
pub fn predict(model: &Path, data: &Path, take: &mut TakePart<'_>) -> Result<(), TabularError> {
    let saved: Saved<Header> = Saved::from_file(TensorFile::load(model)?, TASK, model)?;
    let Header { data: layout, pca, .. } = saved.header;
    pca.check()?;
    new_rows(&layout, data, |ids, values| {
        let out = pca.transform(&Rows::new(values, layout.inputs.len())?)?;
        take(&run::coordinates(layout.id.as_deref(), Some(ids), &out, pca.dimensions())?)?;
        Ok(())
    })
}
