//! `kmeans`: a table's rows in clusters (E15).

mod predict;
mod report;
mod results;
mod run;
mod settings;

use super::tabular::{Points, Recipe, TableJob, TableKind, TabularError, check_columns};
use crate::backend::Backend;
use crate::dataset::RawSource;
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;

pub use predict::predict;
pub use settings::Settings;

/// The name of these models in model files.
pub const TASK: &str = "kmeans";

/// The kind.
pub static KMEANS: TableKind<Clusters> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Clusters;

impl Recipe for Clusters {
    const NAME: &'static str = "kmeans";
    const SUMMARY: &'static str = "puts a table's rows into clusters by K-means";
    type Settings = Settings;
    type Loaded = Points;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        vec![("data.source", &settings.data.source)]
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        let own = [
            ("data.id", settings.data.id.as_ref()),
            ("weight", settings.weight.as_ref()),
            ("truth", settings.truth.as_ref()),
        ];
        check_columns(issues, &settings.data, &own);
        settings.check(issues);
    }

    fn load(job: &TableJob<Self>) -> Result<Points, TabularError> {
        let settings = &job.settings;
        let points = Points::load(job, &settings.data, settings.weight.as_deref(), settings.truth.as_deref())?;
        run::check_rows(settings, &points)?;
        Ok(points)
    }

    fn facts(job: &TableJob<Self>, loaded: &Points) -> Vec<String> {
        let mut facts = loaded.facts();
        facts.push(format!("clusters: {}", job.settings.k));
        facts
    }

    fn run(job: &TableJob<Self>, loaded: &Points, backend: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}
