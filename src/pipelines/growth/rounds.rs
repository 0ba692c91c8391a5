//! A growth run, stage by stage.
//!
//! The classifier is trained first. Then growth points are located in one or two *rounds*: always for the held-out
//! products of the history, whose truth is known, with the other products as the past; and, where there is a file of
//! current products, for those, with the whole history as the past.

use std::path::Path;

use super::assemble;
use super::classify::Classifier;
use super::evaluate::growth_points;
use super::history::{History, Watched, watch};
use super::job::{GrowthJob, Loaded};
use super::points::{self, Past, Subject};
use super::references::References;
use super::settings::Settings;
use super::{report, tables};
use crate::artifact;
use crate::backend::Backend;
use crate::pipelines::training::training;
use crate::run::{Outcome, RunContext, RunError};
use crate::train::SavedFleet;

/// A round's findings.
#[derive(Debug)]
pub(super) struct Round {
    /// The products of the history that are past.
    pub past: Vec<usize>,
    /// Places of the growth products among the round's candidates.
    pub chosen: Vec<usize>,
    pub subjects: Vec<Subject>,
    pub references: References,
    pub fleet: SavedFleet,
    /// A probability for each step of the cycle, by the networks.
    pub probabilities: Vec<Vec<f64>>,
    /// By the mean profile of the references.
    pub profile: Vec<Vec<f64>>,
    /// By the past's rate of increments at each step.
    pub rate: Vec<f64>,
}

impl Round {
    /// The located steps of subject `k`.
    pub(super) fn points(&self, k: usize, settings: &Settings) -> Vec<usize> {
        growth_points(&self.probabilities[k], settings.monitor.early_steps, settings.points.rule)
    }
}

/// Everything that the stages have found.
#[derive(Debug)]
pub(super) struct Findings {
    pub history: History,
    pub classifier: Classifier,
    /// Probabilities of all products of the history.
    pub probabilities: Vec<f64>,
    /// Current products that are watched, with their probabilities.
    pub current: Option<(Watched, Vec<f64>)>,
    pub held_out: Option<Round>,
    pub serving: Option<Round>,
    pub steps: usize,
}

pub(super) fn run(job: &GrowthJob, ctx: &RunContext) -> Result<Outcome, RunError> {
    let backend = &job.chosen()?.backend;
    let Loaded { history, current } = job.load()?;
    ctx.info(&format!("{} products, {} left out", history.set.len(), history.left_out.len()))?;
    ctx.check_interrupt()?;
    let runner = Runner { job, ctx, backend };
    let classifier = runner.classifier(&history)?;
    let all: Vec<usize> = (0..history.set.len()).collect();
    let probabilities = classifier.of_products(&history, &all, backend)?;
    let current = current.map(|set| watch(&set, &job.settings.monitor, &history.expected));
    let current = match current {
        Some(watched) => {
            let early = |i: usize| watched.set.early(i, history.early_steps);
            let each = (0..watched.set.len()).map(|i| (early(i), watched.demand[i]));
            let found = classifier.probabilities(each, backend)?;
            Some((watched, found))
        }
        None => None,
    };
    let steps = history.set.lengths().map_or(0, |(_, longest)| longest);
    let cut = classifier.header.cut;
    let test: Vec<(usize, Subject)> = history
        .split
        .test
        .iter()
        .filter(|&&i| probabilities[i] >= cut)
        .map(|&i| (i, subject(&history.set.ids()[i], history.early(i), history.demand[i])))
        .collect();
    let held_out = runner.round("held-out", &history, history.past(), steps, test)?;
    let serving = match &current {
        Some((watched, found)) => {
            let chosen = (0..watched.set.len()).filter(|&i| found[i] >= cut);
            let early = |i: usize| watched.set.early(i, history.early_steps);
            let subjects = chosen.map(|i| (i, subject(&watched.set.ids()[i], early(i), watched.demand[i]))).collect();
            runner.round("current", &history, all, steps, subjects)?
        }
        None => None,
    };
    let findings = Findings { history, classifier, probabilities, current, held_out, serving, steps };
    runner.finish(&findings)
}

fn subject(id: &str, early: &[f32], demand: crate::prep::Demand) -> Subject {
    Subject { id: id.to_owned(), early: early.to_vec(), demand }
}

struct Runner<'a> {
    job: &'a GrowthJob,
    ctx: &'a RunContext,
    backend: &'a Backend,
}

impl Runner<'_> {
    fn classifier(&self, history: &History) -> Result<Classifier, RunError> {
        let settings = &self.job.settings.classifier;
        let name = "classifier";
        let bytes = self.ctx.stage_bytes(name, || {
            let trained = training(self.ctx, name, settings.training.epochs, |control| {
                Classifier::train(history, settings, self.job.head.seed, self.backend, control)
            })?;
            Ok(trained.to_bytes()?)
        })?;
        Ok(Classifier::from_bytes(&bytes, Path::new(name))?)
    }

    /// Locates the growth points of some products; `None` if there are none.
    fn round(
        &self,
        name: &str,
        history: &History,
        past: Vec<usize>,
        steps: usize,
        subjects: Vec<(usize, Subject)>,
    ) -> Result<Option<Round>, RunError> {
        if subjects.is_empty() {
            self.ctx.warn(&format!("{name}: no product is called growth, so there are no growth points to locate"))?;
            return Ok(None);
        }
        let (chosen, subjects): (Vec<usize>, Vec<Subject>) = subjects.into_iter().unzip();
        let settings = &self.job.settings;
        let view = Past { history, products: &past, steps };
        let references = self.ctx.stage(&format!("{name}-references"), || {
            Ok(References::find(view, &subjects, &settings.references, self.backend)?)
        })?;
        let fleet = self.networks(name, view, &subjects, &references)?;
        let probabilities = points::probabilities(&fleet, &subjects, self.backend)?;
        let share = |of: &mut dyn Iterator<Item = usize>, step: usize| {
            let (mut yes, mut all) = (0_usize, 0_usize);
            for product in of {
                yes += usize::from(history.increments[product].steps.get(step) == Some(&true));
                all += 1;
            }
            yes as f64 / all.max(1) as f64
        };
        let rate = (0..steps).map(|step| share(&mut past.iter().copied(), step)).collect();
        let of_references = |own: &Vec<super::references::Reference>| {
            (0..steps).map(|step| share(&mut own.iter().map(|r| past[r.place]), step)).collect()
        };
        let profile = references.of.iter().map(of_references).collect();
        Ok(Some(Round { past, chosen, subjects, references, fleet, probabilities, profile, rate }))
    }

    fn networks(
        &self,
        name: &str,
        past: Past<'_>,
        subjects: &[Subject],
        references: &References,
    ) -> Result<SavedFleet, RunError> {
        let settings = &self.job.settings.points;
        let seed = self.job.head.seed;
        let start = match &settings.shared {
            Some(shared) => {
                let name = format!("{name}-shared");
                let bytes = self.ctx.stage_bytes(&name, || {
                    let weights = training(self.ctx, &name, shared.training.epochs, |control| {
                        points::train_shared(past, settings, shared, seed, self.backend, control)
                    })?;
                    Ok(points::shared_bytes(past, settings, &weights)?)
                })?;
                points::shared_weights(&bytes, Path::new(&name))?
            }
            None => None,
        };
        let name = format!("{name}-points");
        let bytes = self.ctx.stage_bytes(&name, || {
            let fleet = training(self.ctx, &name, settings.training.epochs, |control| {
                let given = points::Given { subjects, references, start: start.as_ref(), seed };
                points::train_fleet(past, given, settings, self.backend, control)
            })?;
            fleet.to_bytes().map_err(|e| super::GrowthError::from(e).into())
        })?;
        SavedFleet::from_bytes(&bytes, Path::new(&name)).map_err(|e| super::GrowthError::from(e).into())
    }

    fn finish(&self, findings: &Findings) -> Result<Outcome, RunError> {
        let (ctx, settings) = (self.ctx, &self.job.settings);
        let results = assemble::results(self.job, findings, ctx.device().detail.clone());
        let folder = ctx.folder();
        let models = folder.models();
        artifact::write_bytes(&models.join("classifier.safetensors"), &findings.classifier.to_bytes()?)?;
        if let Some(round) = findings.serving.as_ref().or(findings.held_out.as_ref()) {
            let bytes = round.fleet.to_bytes().map_err(super::GrowthError::from)?;
            artifact::write_bytes(&models.join("growth_points.safetensors"), &bytes)?;
        }
        tables::write_tables(&results, &folder.tables(), self.job.head.output.format)?;
        let timings: Vec<(String, f64)> = ctx.stage_times().into_iter().map(|t| (t.stage, t.seconds)).collect();
        let facts = report::RunFacts {
            job: &self.job.head.name,
            seed: self.job.head.seed,
            pictures: settings.report.pictures,
            format: self.job.head.output.format,
            timings: &timings,
        };
        let page = report::build(&results, facts).map_err(RunError::work)?;
        page.write(&folder.report()).map_err(RunError::work)?;
        Ok(assemble::outcome(&results))
    }
}
