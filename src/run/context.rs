//! What a running job has in its hands.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::artifact::{AppendLog, ArtifactError};
use crate::spec::{DeviceChoice, Head};

use super::console::Console;
use super::error::RunError;
use super::events::event;
use super::folder::RunFolder;
use super::interrupt::Interrupt;
use super::kind::DeviceUsed;
use super::progress::Progress;
use super::stage::StageTime;

/// What a running job has in its hands. May be shared by threads.
#[derive(Debug)]
pub struct RunContext {
    head: Head,
    device: DeviceUsed,
    folder: RunFolder,
    console: Console,
    interrupt: Interrupt,
    log: Mutex<AppendLog>,
    times: Mutex<Vec<StageTime>>,
    stages: Mutex<BTreeSet<String>>,
    started: Instant,
}

impl RunContext {
    pub(super) fn open(
        head: &Head,
        device: &DeviceUsed,
        folder: &RunFolder,
        console: &Console,
        interrupt: &Interrupt,
    ) -> Result<Self, ArtifactError> {
        Ok(Self {
            head: head.clone(),
            device: device.clone(),
            folder: folder.clone(),
            console: console.clone(),
            interrupt: interrupt.clone(),
            log: Mutex::new(AppendLog::open(&folder.events())?),
            times: Mutex::default(),
            stages: Mutex::default(),
            started: Instant::now(),
        })
    }

    /// The job's head: name, output format and the rest.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The job's seed.
    pub fn seed(&self) -> u64 {
        self.head.seed
    }

    /// The device that was asked for.
    pub fn device_choice(&self) -> &DeviceChoice {
        &self.head.device
    }

    /// The device that [`super::Job::device`] said this run uses.
    pub fn device(&self) -> &DeviceUsed {
        &self.device
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// A file in `checkpoints/`. Letters, digits, `-`, `_` and `.` of the name are kept; other characters are written
    /// as their code, so that two names never share a file.
    pub fn checkpoint(&self, name: &str) -> PathBuf {
        self.folder.checkpoints().join(safe_name(name))
    }

    /// The console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Records an event: one line in `events.jsonl`, and on stderr with `--log json`.
    ///
    /// # Errors
    /// The line cannot be written.
    pub fn event(&self, name: &str, fields: impl Serialize) -> Result<(), RunError> {
        let event = event(name, fields);
        self.log.lock().unwrap_or_else(PoisonError::into_inner).line(&event.to_string())?;
        self.console.event(&event);
        Ok(())
    }

    /// Records and shows a line for people.
    ///
    /// # Errors
    /// As [`RunContext::event`].
    pub fn info(&self, text: &str) -> Result<(), RunError> {
        self.console.note(text);
        self.event("info", json!({ "text": text }))
    }

    /// Records and shows a warning.
    ///
    /// # Errors
    /// As [`RunContext::event`].
    pub fn warn(&self, text: &str) -> Result<(), RunError> {
        self.console.warn(text);
        self.event("warning", json!({ "text": text }))
    }

    /// Starts to show how far a piece of work has come.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        Progress::new(&self.console, what, total)
    }

    /// Whether SIGINT or SIGTERM came: store a checkpoint, then return [`RunError::Interrupted`].
    pub fn interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }

    /// For `?` at points where nothing needs storing first.
    ///
    /// # Errors
    /// [`RunError::Interrupted`].
    pub fn check_interrupt(&self) -> Result<(), RunError> {
        self.interrupt.check()
    }

    /// How long each stage took, for the report.
    pub fn stage_times(&self) -> Vec<StageTime> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seconds since this process took up the run.
    pub fn elapsed_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(super) fn note_time(&self, time: StageTime) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
    }

    /// False when this run has used the name before.
    pub(super) fn claim_stage(&self, name: &str) -> bool {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }
}

fn safe_name(name: &str) -> String {
    let safe = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') => c.to_string(),
        c => format!("%{:x}%", u32::from(c)),
    };
    name.chars().map(safe).collect()
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
