//! `kind = "train"`: from the job file to a job that the runner can run.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::error::TrainJobError;
use super::load::Loaded;
use super::settings::Settings;
use super::{check, run};
use crate::backend::Chosen;
use crate::dataset::Source;
use crate::model::Precision;
use crate::pipelines::JobDevice;
use crate::run::{DeviceUsed, Input, Job, JobKind, Outcome, RunContext, RunError};
use crate::spec::{self, Head, JobErrors, JobText};

/// The kind.
#[derive(Debug)]
pub struct Train;

impl JobKind for Train {
    fn name(&self) -> &'static str {
        "train"
    }

    fn summary(&self) -> &'static str {
        "trains any list of layers on a table of your own"
    }

    fn schema(&self) -> Value {
        spec::job_schema::<Settings>(self.name())
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Settings>(text)?;
        let mut issues = job.issues();
        let settings = job.raw;
        let source = check::source(&mut issues, text, "data.source", &settings.data.source);
        let test = settings.data.test.as_ref().map(|raw| check::source(&mut issues, text, "data.test", raw));
        check::settings(&mut issues, &settings);
        issues.finish()?;
        let (Some(source), Some(test)) = (source, test.map_or(Some(None), |t| t.map(Some))) else {
            return Err(text.error("data", "cannot be read").into());
        };
        Ok(Box::new(TrainJob {
            head: job.head,
            settings,
            source,
            test,
            device: JobDevice::default(),
            loaded: OnceLock::new(),
        }))
    }
}

/// A checked train job.
#[derive(Debug)]
pub(super) struct TrainJob {
    pub head: Head,
    pub settings: Settings,
    pub source: Source,
    pub test: Option<Source>,
    device: JobDevice,
    /// The tables, read once: the check before a run and the run itself share them.
    loaded: OnceLock<Loaded>,
}

impl TrainJob {
    pub(super) fn chosen(&self) -> Result<&Chosen, RunError> {
        self.device.chosen(&self.head.device, self.holds_f16())
    }

    fn holds_f16(&self) -> bool {
        self.settings.training.precision == Precision::F16
    }

    pub(super) fn loaded(&self) -> Result<&Loaded, TrainJobError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = Loaded::read(self)?;
        Ok(self.loaded.get_or_init(|| loaded))
    }
}

impl Job for TrainJob {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |key: &str, source: &Source| Input { key: format!("{key}.path"), path: source.path().to_owned() };
        let source = input("data.source", &self.source);
        std::iter::once(source).chain(self.test.iter().map(|test| input("data.test", test))).collect()
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        Ok(self.loaded()?.facts(&self.settings))
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        self.device.used(&self.head.device, self.holds_f16())
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        run::run(self, ctx)
    }
}
