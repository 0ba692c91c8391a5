//! `push`: which product to offer to whom.
//!
//! Customers' attributes are cleaned (P2) and become features (P3); k-centre training makes classes of those who hold
//! something, and all customers are classified (P4). In a class each product weighs the share of its holders (P5); the
//! heaviest is offered to those of the class who do not hold it (P6). Settings are chosen, and the method is judged, by
//! hiding holdings (P7).

mod check;
mod classes;
mod error;
mod features;
mod judge;
mod load;
mod measure;
mod model;
mod offer;
mod predict;
mod report;
mod results;
mod run;
pub mod settings;
mod stream;
mod tables;

use super::tabular::{Recipe, TableJob, TableKind, TabularError};
use crate::backend::Backend;
use crate::dataset::RawSource;
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;

pub use error::PushError;
pub use measure::{Measured, measure};
pub use predict::predict;
pub use settings::Settings;

/// The name of these models in model files.
pub const TASK: &str = "push";

/// The kind.
pub static PUSH: TableKind<Pushes> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Pushes;

impl Recipe for Pushes {
    const NAME: &'static str = "push";
    const SUMMARY: &'static str = "says which product to offer to which customer";
    type Settings = Settings;
    type Loaded = run::Data;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        let holdings = settings.holdings.source.iter().map(|source| ("holdings.source", source));
        let products = settings.products.iter().map(|table| ("products.source", &table.source));
        let exclude = settings.exclude.iter().map(|table| ("exclude.source", &table.source));
        let customers = std::iter::once(("customers.source", &settings.customers.source));
        customers.chain(holdings).chain(products).chain(exclude).collect()
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        check::settings(issues, settings);
    }

    fn load(job: &TableJob<Self>) -> Result<run::Data, TabularError> {
        run::load(job)
    }

    fn facts(job: &TableJob<Self>, loaded: &run::Data) -> Vec<String> {
        run::facts(job, loaded)
    }

    fn run(job: &TableJob<Self>, loaded: &run::Data, backend: &Backend, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}
