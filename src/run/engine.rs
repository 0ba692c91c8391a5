//! From a job file to a finished run.

use serde_json::{Map, Value, json};

use crate::artifact::{self, ArtifactError};
use crate::dataset::hash::sha256_file;
use crate::spec::{Head, JobError, JobErrors, JobText};

use super::console::Console;
use super::context::RunContext;
use super::done::Done;
use super::error::RunError;
use super::folder::RunFolder;
use super::interrupt::Interrupt;
use super::key::sha256_json;
use super::kind::{DeviceUsed, FailedStep, Input, Job, Kinds, Outcome};
use super::lock::{Lock, host_name};

/// A job that is read, with its inputs hashed and its device and folder known.
pub struct Prepared {
    job: Box<dyn Job>,
    device: DeviceUsed,
    /// Everything that decides the results, and the key made from it: `job.json`.
    identity: Value,
    key: String,
    folder: RunFolder,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It has no folder yet.
    New,
    /// It was started and can be resumed.
    Started,
    /// All done.
    Finished,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The run's folder.
    pub folder: RunFolder,
    /// The few figures to show; not finite ones are `None`.
    pub headline: Vec<(String, Option<f64>)>,
    /// Steps that failed while others went on.
    pub failed: Vec<FailedStep>,
    /// Whether the run had been finished before and nothing was done now.
    pub done_before: bool,
}

/// Reads and checks the job file, hashes its inputs, asks for its device. Reads no data and writes nothing.
///
/// # Errors
/// All that is wrong with the job file; an input that cannot be read; no such device.
pub fn prepare(kinds: Kinds, text: &JobText) -> Result<Prepared, RunError> {
    let kind = kinds.of(text)?;
    let job = kind.parse(text)?;
    let inputs = hash_inputs(text, &job.inputs())?;
    let device = job.device()?;
    let head = job.head();
    let mut identity = json!({
        "kind": head.kind,
        "name": head.name,
        "seed": head.seed,
        "format": head.output.format,
        "version": env!("CARGO_PKG_VERSION"),
        "device": device.id,
        "job": job.resolved(),
        "inputs": inputs,
    });
    let key = sha256_json(&identity);
    identity["key"] = key.as_str().into();
    let folder = RunFolder::new(&head.output.folder, &head.name, &key);
    Ok(Prepared { job, device, identity, key, folder })
}

fn hash_inputs(text: &JobText, inputs: &[Input]) -> Result<Vec<Value>, RunError> {
    let mut hashed = Vec::new();
    let mut errors: Vec<JobError> = Vec::new();
    for input in inputs {
        match sha256_file(&input.path) {
            // Without the path: the resolved job has it as the job file writes it, so that a moved folder keeps its runs.
            Ok((size_bytes, sha256)) => {
                hashed.push(json!({ "key": input.key, "size_bytes": size_bytes, "sha256": sha256 }));
            }
            Err(e) => errors.push(text.error(&input.key, format!("cannot read {}: {e}", input.path.display()))),
        }
    }
    JobErrors::from_vec(errors).map_or(Ok(hashed), |errors| Err(errors.into()))
}

impl Prepared {
    /// The job's head.
    pub fn head(&self) -> &Head {
        self.job.head()
    }

    /// The device that the run uses.
    pub fn device(&self) -> &DeviceUsed {
        &self.device
    }

    /// The run's folder, made or not.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// How far the run has come.
    ///
    /// # Errors
    /// `DONE` cannot be read.
    pub fn state(&self) -> Result<RunState, RunError> {
        Ok(match Done::read(&self.folder)? {
            Some(done) if done.first_fault(&self.folder).is_none() => RunState::Finished,
            _ if self.folder.path().exists() => RunState::Started,
            _ => RunState::New,
        })
    }

    /// Reads and checks all data; returns facts worth showing.
    ///
    /// # Errors
    /// What is wrong with the data.
    pub fn check_data(&self) -> Result<Vec<String>, RunError> {
        self.job.check_data()
    }

    /// Runs the job, or resumes it, or reports that it was done before. `force` runs a finished job anew.
    ///
    /// # Errors
    /// Wrong data (before anything is written), a locked folder, an interrupt, whatever ends the job.
    pub fn execute(&self, console: &Console, interrupt: &Interrupt, force: bool) -> Result<Summary, RunError> {
        if let Some(summary) = self.done_before(force)? {
            return Ok(summary);
        }
        // A folder that is there is locked before the data is read: a second run need not wait to be told.
        let early = if self.folder.path().exists() { Some(Lock::take(self.folder.path())?) } else { None };
        for fact in self.check_data()? {
            console.note(&fact);
        }
        interrupt.check()?;
        let _lock = if let Some(lock) = early {
            lock
        } else {
            self.folder.make()?;
            Lock::take(self.folder.path())?
        };
        // Another process may have finished the run between the first look and the lock.
        if let Some(summary) = self.done_before(force)? {
            return Ok(summary);
        }
        let resumed = self.lay_out(console, force)?;
        let ctx = RunContext::open(self.head(), &self.device, &self.folder, console, interrupt)?;
        self.announce(&ctx, resumed)?;
        let result = self.job.run(&ctx).and_then(|outcome| self.finish(&ctx, outcome));
        if let Err(e) = &result {
            let name = if matches!(e, RunError::Interrupted) { "run_interrupted" } else { "run_failed" };
            // The run's own error matters more than a log that cannot take it.
            let _ = ctx.event(name, json!({ "reason": e.to_string(), "exit_code": e.exit_code().code() }));
        }
        result
    }

    fn done_before(&self, force: bool) -> Result<Option<Summary>, RunError> {
        if force || self.state()? != RunState::Finished {
            return Ok(None);
        }
        let headline = read_headline(&self.folder)?;
        Ok(Some(Summary { folder: self.folder.clone(), headline, failed: Vec::new(), done_before: true }))
    }

    /// Prepares the folder's inside; true when an earlier run left something to go on from.
    fn lay_out(&self, console: &Console, force: bool) -> Result<bool, RunError> {
        if force {
            self.folder.clear()?;
        } else if let Some(done) = Done::read(&self.folder)? {
            let fault = done.first_fault(&self.folder).unwrap_or_default();
            console.warn(&format!("the run was finished, but {fault}; its results are made again"));
            let path = self.folder.done();
            std::fs::remove_file(&path).map_err(|e| ArtifactError::io("remove", &path, e))?;
        }
        let resumed = self.folder.events().exists();
        self.folder.tidy()?;
        artifact::write_json(&self.folder.job(), &self.identity)?;
        Ok(resumed)
    }

    fn announce(&self, ctx: &RunContext, resumed: bool) -> Result<(), RunError> {
        let head = self.head();
        let threads = rayon::current_num_threads();
        let fields = json!({
            "key": self.key,
            "resumed": resumed,
            "kind": head.kind,
            "name": head.name,
            "seed": head.seed,
            "device_asked": head.device,
            "device": self.device.id,
            "threads": threads,
            "host": host_name(),
            "process": std::process::id(),
        });
        ctx.event(if resumed { "run_resumed" } else { "run_started" }, fields)?;
        let verb = if resumed { "resuming" } else { "running" };
        ctx.console().note(&format!("{verb} {} in {}", head.name, self.folder.path().display()));
        ctx.info(&format!("device: {} ({threads} CPU threads)", self.device.detail))
    }

    fn finish(&self, ctx: &RunContext, outcome: Outcome) -> Result<Summary, RunError> {
        if !self.folder.report().exists() {
            return Err(RunError::work(format!("the job kind `{}` wrote no report.html", self.head().kind)));
        }
        artifact::write_json(&self.folder.metrics(), &self.metrics(&outcome))?;
        artifact::write_json(&self.folder.timing(), &self.timing(ctx))?;
        for failed in &outcome.failed {
            ctx.warn(&format!("failed: {}: {}", failed.step, failed.reason))?;
        }
        let fields = json!({ "seconds": ctx.elapsed_seconds(), "failed": outcome.failed.len() });
        ctx.event("run_finished", fields)?;
        // A run with failed steps stays unfinished: the same command tries them again.
        if outcome.failed.is_empty() {
            Done::collect(&self.folder, &self.key)?.write(&self.folder)?;
        }
        let headline = outcome.headline.into_iter().map(|(k, v)| (k, v.is_finite().then_some(v))).collect();
        Ok(Summary { folder: self.folder.clone(), headline, failed: outcome.failed, done_before: false })
    }

    fn metrics(&self, outcome: &Outcome) -> Value {
        let headline: Map<String, Value> = outcome.headline.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        json!({
            "kind": self.head().kind,
            "name": self.head().name,
            "headline": headline,
            "details": outcome.details,
            "failed": outcome.failed,
        })
    }

    fn timing(&self, ctx: &RunContext) -> Value {
        json!({
            "device": self.device,
            "threads": rayon::current_num_threads(),
            "host": host_name(),
            "seconds_of_last_process": ctx.elapsed_seconds(),
            "stages": ctx.stage_times(),
        })
    }
}

fn read_headline(folder: &RunFolder) -> Result<Vec<(String, Option<f64>)>, RunError> {
    let path = folder.metrics();
    let bytes = std::fs::read(&path).map_err(|e| ArtifactError::io("read", &path, e))?;
    let metrics: Value = serde_json::from_slice(&bytes)
        .map_err(|e| ArtifactError::Format { path, reason: format!("expected metrics: {e}") })?;
    let headline = metrics["headline"].as_object().cloned().unwrap_or_default();
    Ok(headline.into_iter().map(|(k, v)| (k, v.as_f64())).collect())
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
