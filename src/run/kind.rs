//! The public face of a kind of job.

use std::path::PathBuf;

use serde_json::Value;

use crate::spec::{Head, JobErrors, JobText, nearest};

use super::context::RunContext;
use super::error::RunError;

/// A kind of job: `kind = "<name>"` in a job file.
pub trait JobKind: Sync {
    /// The word in the job file.
    fn name(&self) -> &'static str;
    /// One line for `nightloom schema` and errors.
    fn summary(&self) -> &'static str;
    /// The JSON Schema of the whole job file: [`crate::spec::job_schema`].
    fn schema(&self) -> Value;
    /// Reads and checks the job file (not the data).
    ///
    /// # Errors
    /// All that is wrong with the job file.
    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors>;
}

/// A checked job, ready to run.
pub trait Job: Send + Sync {
    /// What all kinds share.
    fn head(&self) -> &Head;
    /// The files that the job reads; they are hashed, and become part of the run's key.
    fn inputs(&self) -> Vec<Input>;
    /// All settings of the kind with defaults filled in; paths as the job file writes them, so that a moved folder
    /// keeps its runs. The head and the inputs' hashes are added by the runner.
    fn resolved(&self) -> Value;
    /// Reads and checks all data without running; returns facts worth showing (`1,200 products, 52 weeks`).
    ///
    /// # Errors
    /// What is wrong with the data: the file, the row, the column.
    fn check_data(&self) -> Result<Vec<String>, RunError>;
    /// The device that the job will run on.
    ///
    /// # Errors
    /// There is no such device.
    fn device(&self) -> Result<DeviceUsed, RunError>;
    /// Runs the job: writes `tables/`, `models/` and `report.html` in the run folder.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] soon after [`RunContext::interrupted`] says so; anything that ends the whole run. A
    /// step that fails while others go on is no error but a [`FailedStep`].
    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError>;
}

/// A file that a job reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The key path in the job file (`data.history`), for errors.
    pub key: String,
    /// Where the file is.
    pub path: PathBuf,
}

/// The device that a run uses.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceUsed {
    /// `cpu`, or a GPU's name: part of the run's key, because other devices give other last bits.
    pub id: String,
    /// Which and why, for people: `NVIDIA H100 (the only hardware GPU)`.
    pub detail: String,
}

/// What a job has to show.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The few figures to show at the end, in order.
    pub headline: Vec<(String, f64)>,
    /// All other metrics, for `metrics.json`; no times in it.
    pub details: Value,
    /// Steps that failed while others went on.
    pub failed: Vec<FailedStep>,
}

/// A step that failed while others went on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FailedStep {
    /// Which.
    pub step: String,
    /// Why.
    pub reason: String,
}

/// The kinds that a program knows.
#[derive(Clone, Copy)]
pub struct Kinds(pub &'static [&'static dyn JobKind]);

impl Kinds {
    /// The kind of a job file.
    ///
    /// # Errors
    /// `kind` is missing or unknown.
    pub fn of(&self, text: &JobText) -> Result<&'static dyn JobKind, JobErrors> {
        let word = text.kind()?;
        self.named(word).ok_or_else(|| text.error("kind", self.unknown(word)).into())
    }

    /// The kind of this name.
    pub fn named(&self, name: &str) -> Option<&'static dyn JobKind> {
        self.0.iter().copied().find(|k| k.name() == name)
    }

    /// `expected one of ...`, for a name that is no kind.
    pub fn unknown(&self, word: &str) -> String {
        let names: Vec<String> = self.0.iter().map(|k| format!("`{}`", k.name())).collect();
        let near = nearest(word, self.0.iter().map(|k| k.name()));
        let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        format!("no such kind of job, expected one of {}, got {word:?}{hint}", names.join(", "))
    }
}
