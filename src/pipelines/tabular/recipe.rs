//! A kind of job out of a recipe.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::TabularError;
use crate::backend::{Backend, DeviceChoice};
use crate::dataset::{DataError, RawSource, Source};
use crate::pipelines::JobDevice;
use crate::run::{DeviceUsed, Input, Job, JobKind, Outcome, RunContext, RunError};
use crate::spec::{self, Head, Issues, JobErrors, JobText};

/// What makes one kind of job on tables.
pub(in crate::pipelines) trait Recipe: Debug + Send + Sync + Sized + 'static {
    /// The word in the job file.
    const NAME: &'static str;
    /// One line on it.
    const SUMMARY: &'static str;
    /// Whether it runs on the CPU whatever there is.
    const CPU_ONLY: bool = false;
    /// The kind's own part of the job file.
    type Settings: Debug + Send + Sync + Serialize + DeserializeOwned + JsonSchema;
    /// Its data, read and checked.
    type Loaded: Debug + Send + Sync;
    /// The tables by their key in the job file; the first is the one that all have.
    fn sources(settings: &Self::Settings) -> Vec<(&'static str, &RawSource)>;
    /// Notes what is wrong with the settings.
    fn check(issues: &mut Issues, settings: &Self::Settings);
    /// Reads and checks the data.
    fn load(job: &TableJob<Self>) -> Result<Self::Loaded, TabularError>;
    /// What is worth showing before the work starts.
    fn facts(job: &TableJob<Self>, loaded: &Self::Loaded) -> Vec<String>;
    /// Does the work.
    fn run(
        job: &TableJob<Self>,
        loaded: &Self::Loaded,
        backend: &Backend,
        ctx: &RunContext,
    ) -> Result<Outcome, RunError>;
}

/// The kind of job of a recipe.
#[derive(Debug)]
pub struct TableKind<R>(PhantomData<R>);

impl<R> TableKind<R> {
    /// It has no state.
    pub(in crate::pipelines) const NEW: Self = Self(PhantomData);
}

/// A checked job.
#[derive(Debug)]
pub(in crate::pipelines) struct TableJob<R: Recipe> {
    pub head: Head,
    pub settings: R::Settings,
    sources: Vec<(&'static str, Source)>,
    device: JobDevice,
    /// The tables, read once: the check before a run and the run itself share them.
    loaded: OnceLock<R::Loaded>,
}

impl<R: Recipe> TableJob<R> {
    /// Table `number`, in the order of [`Recipe::sources`].
    pub(in crate::pipelines) fn source(&self, number: usize) -> Result<Source, TabularError> {
        let source = self.sources.get(number).map(|(_, source)| source.clone());
        Ok(source.ok_or_else(|| DataError::spec("source", "expected a table, found none"))?)
    }

    fn loaded(&self) -> Result<&R::Loaded, TabularError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = R::load(self)?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    fn choice(&self) -> Result<DeviceChoice, RunError> {
        match &self.head.device {
            choice if !R::CPU_ONLY => Ok(choice.clone()),
            DeviceChoice::Auto | DeviceChoice::Cpu => Ok(DeviceChoice::Cpu),
            other => Err(RunError::device(format!(
                "`{}` jobs run on the CPU: expected `auto` or `cpu`, got `{other}`",
                R::NAME
            ))),
        }
    }
}

impl<R: Recipe> JobKind for TableKind<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn summary(&self) -> &'static str {
        R::SUMMARY
    }

    fn schema(&self) -> Value {
        spec::job_schema::<R::Settings>(R::NAME)
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<R::Settings>(text)?;
        let mut issues = job.issues();
        let mut sources = vec![];
        for (key, raw) in R::sources(&job.raw) {
            sources.extend(source(&mut issues, text, key, raw).map(|source| (key, source)));
        }
        R::check(&mut issues, &job.raw);
        issues.finish()?;
        Ok(Box::new(TableJob::<R> {
            head: job.head,
            settings: job.raw,
            sources,
            device: JobDevice::default(),
            loaded: OnceLock::new(),
        }))
    }
}

/// The source under `key`, with its path taken from the job file's folder.
fn source(issues: &mut Issues, text: &JobText, key: &str, raw: &RawSource) -> Option<Source> {
    let mut resolved = raw.clone();
    if !raw.path.as_os_str().is_empty() {
        resolved.path = text.resolve(&raw.path);
    }
    match resolved.check(Path::new("")) {
        Ok(source) => Some(source),
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

impl<R: Recipe> Job for TableJob<R> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        let input =
            |(key, source): &(&str, Source)| Input { key: format!("{key}.path"), path: source.path().to_owned() };
        self.sources.iter().map(input).collect()
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        Ok(R::facts(self, self.loaded()?))
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        self.device.used(&self.choice()?, false)
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        let backend = &self.device.chosen(&self.choice()?, false)?.backend;
        ctx.check_interrupt()?;
        R::run(self, self.loaded()?, backend, ctx)
    }
}
