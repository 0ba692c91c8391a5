//! `kind = "alliance"`: from the job file to a job that the runner can run.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::error::AllianceJobError;
use super::loaded::Loaded;
use super::settings::Settings;
use super::{check, run};
use crate::backend::Chosen;
use crate::dataset::Source;
use crate::pipelines::JobDevice;
use crate::pipelines::train::source;
use crate::run::{DeviceUsed, Input, Job, JobKind, Outcome, RunContext, RunError};
use crate::spec::{self, Head, JobErrors, JobText};

/// The kind.
#[derive(Debug)]
pub struct Alliance;

impl JobKind for Alliance {
    fn name(&self) -> &'static str {
        "alliance"
    }

    fn summary(&self) -> &'static str {
        "companies train a model together on encrypted updates; whether to adopt what another does"
    }

    fn schema(&self) -> Value {
        spec::job_schema::<Settings>(self.name())
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Settings>(text)?;
        let mut issues = job.issues();
        let settings = job.raw;
        let source = source(&mut issues, text, "data.source", &settings.data.source);
        check::settings(&mut issues, &settings);
        issues.finish()?;
        let Some(source) = source else { return Err(text.error("data", "cannot be read").into()) };
        let device = JobDevice::default();
        Ok(Box::new(AllianceJob { head: job.head, settings, source, device, loaded: OnceLock::new() }))
    }
}

/// A checked alliance job.
#[derive(Debug)]
pub(super) struct AllianceJob {
    pub head: Head,
    pub settings: Settings,
    pub source: Source,
    device: JobDevice,
    /// The table, read once.
    loaded: OnceLock<Loaded>,
}

impl AllianceJob {
    pub(super) fn chosen(&self) -> Result<&Chosen, RunError> {
        self.device.chosen(&self.head.device, false)
    }

    pub(super) fn loaded(&self) -> Result<&Loaded, AllianceJobError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = Loaded::read(self)?;
        Ok(self.loaded.get_or_init(|| loaded))
    }
}

impl Job for AllianceJob {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        vec![Input { key: "data.source.path".to_owned(), path: self.source.path().to_owned() }]
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        Ok(self.loaded()?.facts())
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        self.device.used(&self.head.device, false)
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(self, ctx)
    }
}
