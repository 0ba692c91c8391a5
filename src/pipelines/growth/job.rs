//! `kind = "growth"`: from the job file to a job that the runner can run.

use std::path::Path;

use serde_json::{Value, json};

use super::error::GrowthError;
use super::history::History;
use super::settings::{Decision, Rule, Settings};
use super::{classify, points, rounds};
use crate::backend::Chosen;
use crate::dataset::DataError;
use crate::dataset::series::{RawSeries, SeriesSet, SeriesSpec};
use crate::dataset::split::RawSplit;
use crate::pipelines::JobDevice;
use crate::pipelines::training::{training_error, training_issue};
use crate::run::{DeviceUsed, Input, Job, JobKind, Outcome, RunContext, RunError};
use crate::spec::{self, Head, Issues, JobErrors, JobText};

use super::increments::{Expectation, Threshold};

/// The kind.
#[derive(Debug)]
pub struct Growth;

impl JobKind for Growth {
    fn name(&self) -> &'static str {
        "growth"
    }

    fn summary(&self) -> &'static str {
        "finds the products that will grow, and when to promote each"
    }

    fn schema(&self) -> Value {
        spec::job_schema::<Settings>(self.name())
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Settings>(text)?;
        let mut issues = job.issues();
        let settings = job.raw;
        let history = series(&mut issues, text, "history", &settings.history);
        let current = settings.current.as_ref().map(|raw| series(&mut issues, text, "current", raw));
        check(&mut issues, &settings, job.head.seed);
        issues.finish()?;
        let (Some(history), Some(current)) = (history, current.map_or(Some(None), |c| c.map(Some))) else {
            return Err(text.error("history", "cannot be read").into());
        };
        Ok(Box::new(GrowthJob { head: job.head, settings, history, current, device: JobDevice::default() }))
    }
}

fn series(issues: &mut Issues, text: &JobText, key: &str, raw: &RawSeries) -> Option<SeriesSpec> {
    let mut resolved = raw.clone();
    if !raw.source.path.as_os_str().is_empty() {
        resolved.source.path = text.resolve(&raw.source.path);
    }
    match resolved.check(Path::new("")) {
        Ok(spec) => Some(spec),
        Err(DataError::Spec { field, reason }) => {
            issues.push(&format!("{key}.{field}"), reason);
            None
        }
        Err(other) => {
            issues.push(key, other.to_string());
            None
        }
    }
}

fn check(issues: &mut Issues, settings: &Settings, seed: u64) {
    issues.in_range("monitor.early_steps", settings.monitor.early_steps, 1..=10_000);
    issues.in_range("monitor.min_volume", settings.monitor.min_volume, 0.0..);
    let share = |issues: &mut Issues, key: &str, value: f64| issues.in_range(key, value, 0.0..=1.0);
    match &settings.increments.expectation {
        Expectation::Relative { multiple } => {
            issues.require(multiple.is_finite() && *multiple > 0.0, "increments.expectation.multiple", || {
                format!("expected a number above 0, got {multiple}")
            });
        }
        Expectation::Number { value } => {
            issues.require(value.is_finite() && *value > 0.0, "increments.expectation.value", || {
                format!("expected a quantity above 0, got {value}")
            });
        }
        Expectation::Quantile { quantile } => share(issues, "increments.expectation.quantile", *quantile),
        Expectation::Category { column, quantile } => {
            share(issues, "increments.expectation.quantile", *quantile);
            issues.require(settings.history.attributes.contains(column), "increments.expectation.column", || {
                format!("expected one of history.attributes {:?}, got {column:?}", settings.history.attributes)
            });
        }
    }
    match settings.increments.threshold {
        Threshold::Number { value } => issues.in_range("increments.threshold.value", value, 0.0..),
        Threshold::Quantile { quantile } => share(issues, "increments.threshold.quantile", quantile),
    }
    let split = RawSplit { validation: settings.split.validation, test: settings.split.test, seed };
    if let Err(error) = split.check() {
        issues.push("split", error.to_string());
    }
    for (key, value) in [("split.validation", settings.split.validation), ("split.test", settings.split.test)] {
        issues.require(value > 0.0, key, || format!("expected a share above 0, got {value}"));
    }
    check_classifier(issues, settings);
    check_points(issues, settings);
}

fn check_classifier(issues: &mut Issues, settings: &Settings) {
    let classifier = &settings.classifier;
    issues.in_range("classifier.members", classifier.members, 1..=1024);
    match classifier.decision {
        Decision::Probability { value } => issues.in_range("classifier.decision.value", value, 0.0..=1.0),
        Decision::Quantile { quantile } => issues.in_range("classifier.decision.quantile", quantile, 0.0..=1.0),
    }
    unique(issues, "classifier.features", &classifier.features);
    training_issue(issues, "classifier.training", classifier.training.check());
    if !classifier.features.is_empty()
        && settings.monitor.early_steps > 0
        && let Err(error) = classify::check_model(classifier, settings.monitor.early_steps)
    {
        issues.push("classifier.layers", error.to_string());
    }
}

fn check_points(issues: &mut Issues, settings: &Settings) {
    let points_settings = &settings.points;
    issues.in_range("references.min_references", settings.references.min_references, 1..=100_000);
    issues.in_range("references.max_iterations", settings.references.max_iterations, 1..=100_000);
    unique(issues, "references.features", &settings.references.features);
    unique(issues, "points.features", &points_settings.features);
    issues.in_range("points.held_out", points_settings.held_out, 0.0..1.0);
    if let Rule::Probability { value } = points_settings.rule {
        issues.in_range("points.rule.value", value, 0.0..=1.0);
    }
    training_issue(issues, "points.training", points_settings.training.check());
    if let Some(shared) = &points_settings.shared {
        issues.in_range("points.shared.held_out", shared.held_out, 0.0..1.0);
        training_issue(issues, "points.shared.training", shared.training.check());
    }
    if let Err(error) = points::check_model(points_settings) {
        issues.push("points.hidden", error.to_string());
    }
}

fn unique<T: PartialEq + std::fmt::Debug>(issues: &mut Issues, key: &str, features: &[T]) {
    issues.require(!features.is_empty(), key, || "expected at least one feature, got none".to_owned());
    for (i, feature) in features.iter().enumerate() {
        issues.require(!features[..i].contains(feature), &format!("{key}[{i}]"), || {
            format!("expected each feature once, got {feature:?} again")
        });
    }
}

/// A checked growth job.
#[derive(Debug)]
pub(super) struct GrowthJob {
    pub head: Head,
    pub settings: Settings,
    pub history: SeriesSpec,
    pub current: Option<SeriesSpec>,
    device: JobDevice,
}

/// The tables of a job, read and checked.
#[derive(Debug)]
pub(super) struct Loaded {
    pub history: History,
    /// The file of current products, if there is one.
    pub current: Option<SeriesSet>,
}

impl GrowthJob {
    pub(super) fn chosen(&self) -> Result<&Chosen, RunError> {
        self.device.chosen(&self.head.device, self.settings.holds_f16())
    }

    pub(super) fn load(&self) -> Result<Loaded, GrowthError> {
        let early = self.settings.monitor.early_steps;
        let set = self.history.read(early)?;
        let history = History::new(&self.settings, self.head.seed, &set)?;
        let needs_one_length = !self.settings.classifier.rotations.is_empty()
            || self.settings.points.shared.as_ref().is_some_and(|s| !s.rotations.is_empty());
        if let Some((shortest, longest)) = history.set.lengths().filter(|(a, b)| needs_one_length && a != b) {
            let reason = format!(
                "`rotations` turn whole cycles and need cycles of one length, found {shortest} to {longest} steps: leave \
                 them out"
            );
            return Err(GrowthError::data(&history.set, reason));
        }
        let current = self.current.as_ref().map(|spec| spec.read(early)).transpose()?;
        Ok(Loaded { history, current })
    }
}

impl Job for GrowthJob {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |key: &str, spec: &SeriesSpec| Input {
            key: format!("{key}.source.path"),
            path: spec.source().path().to_owned(),
        };
        let history = input("history", &self.history);
        std::iter::once(history).chain(self.current.iter().map(|spec| input("current", spec))).collect()
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        let Loaded { history, current } = self.load()?;
        let growth = history.growth.iter().filter(|&&g| g).count();
        let (shortest, longest) = history.set.lengths().unwrap_or((0, 0));
        let mut facts = vec![
            format!("history: {} products of {shortest} to {longest} steps", history.set.len()),
            format!("left out: {} products", history.left_out.len()),
            format!("growth: {growth} products have D above {:.4}", history.threshold),
            format!(
                "split: {} train, {} validate, {} held out",
                history.split.train.len(),
                history.split.validation.len(),
                history.split.test.len()
            ),
        ];
        if let Some(current) = current {
            facts.push(format!("current: {} products", current.len()));
        }
        Ok(facts)
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        self.device.used(&self.head.device, self.settings.holds_f16())
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        rounds::run(self, ctx)
    }
}

impl From<GrowthError> for RunError {
    fn from(error: GrowthError) -> Self {
        match error {
            GrowthError::Artifact(error) => error.into(),
            GrowthError::Train(error) => training_error(error),
            other => Self::data(other),
        }
    }
}
