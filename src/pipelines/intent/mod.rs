//! `intent`: what each user wants, and how to speak with them (I1 to I12).
//!
//! Of the users who agreed, histories, usage and attributes become three tokens of a self-attention network (I3), whose
//! associations (I4) feed three trees with an intended product each (I5). Levels and portraits (I1, I2), personality and
//! way of speaking (I6, I7), greetings and cards (I8, I9) go to every user; replies are read and answered (I10 to I12).

mod cards;
mod check;
mod error;
mod evaluate;
mod features;
mod forget;
mod load;
mod measure;
mod network;
mod night;
mod portrait;
mod prior;
mod replies;
mod report;
mod run;
mod settings;
mod speak;
mod speed;
mod split;
mod tables;
mod trees;

use super::tabular::{Recipe, TableJob, TableKind, TabularError};
use crate::backend::Backend;
use crate::dataset::RawSource;
use crate::run::{Outcome, RunContext, RunError};
use crate::spec::Issues;

pub use cards::card_of;
pub use error::IntentError;
pub use forget::{Forgotten, forget};
pub use settings::Settings;
pub use speed::{Speed, speed};

/// The kind.
pub static INTENT: TableKind<Intents> = TableKind::NEW;

/// Its recipe.
#[derive(Debug)]
pub struct Intents;

impl Recipe for Intents {
    const NAME: &'static str = "intent";
    const SUMMARY: &'static str = "what each user wants next, and how to speak with them";
    type Settings = Settings;
    type Loaded = run::Inputs;

    fn sources(settings: &Settings) -> Vec<(&'static str, &RawSource)> {
        settings.sources()
    }

    fn check(issues: &mut Issues, settings: &Settings) {
        check::settings(issues, settings);
    }

    fn load(job: &TableJob<Self>) -> Result<run::Inputs, TabularError> {
        run::Inputs::read(job)
    }

    fn facts(_: &TableJob<Self>, loaded: &run::Inputs) -> Vec<String> {
        loaded.facts()
    }

    fn run(
        job: &TableJob<Self>,
        loaded: &run::Inputs,
        backend: &Backend,
        ctx: &RunContext,
    ) -> Result<Outcome, RunError> {
        run::run(job, loaded, backend, ctx)
    }
}
