//! `kind = "selftest"`: lets an operator check a machine's job folder, signals, lock and resume before a real night.
//!
//! It hashes in stages, slowly if asked, with checkpoints inside a stage: `state = SHA-256(state, seed, stage, step)`.
//! The results depend on every step, so a step that a resume left out or did twice would show.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::artifact::{self, ArtifactError};
use crate::dataset::hash::{sha256_bytes, sha256_file};
use crate::spec::{self, DeviceChoice, Head, JobErrors, JobText, TableFormat};

use super::context::RunContext;
use super::error::RunError;
use super::kind::{DeviceUsed, FailedStep, Input, Job, JobKind, Outcome};

/// The kind.
#[derive(Debug)]
pub struct SelfTest;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// What to do.
    #[serde(default)]
    selftest: RawSettings,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RawSettings {
    /// Stages; each one's result is kept.
    stages: u32,
    /// Steps a stage.
    steps: u32,
    /// A pause after each step.
    pause_ms: u64,
    /// A checkpoint inside the stage after so many steps.
    checkpoint_every: u32,
    /// Files to read: they are hashed into the result.
    files: Vec<PathBuf>,
    /// Stages, from 1, that fail on purpose while the others go on (exit code 1).
    fail_stages: Vec<u32>,
}

impl Default for RawSettings {
    fn default() -> Self {
        Self { stages: 3, steps: 20, pause_ms: 10, checkpoint_every: 5, files: Vec::new(), fail_stages: Vec::new() }
    }
}

struct SelfTestJob {
    head: Head,
    settings: RawSettings,
    files: Vec<PathBuf>,
}

/// Where a stage stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    step: u32,
    digest: String,
}

impl JobKind for SelfTest {
    fn name(&self) -> &'static str {
        "selftest"
    }

    fn summary(&self) -> &'static str {
        "checks a machine's job folder, signals, lock and resume; trains nothing"
    }

    fn schema(&self) -> Value {
        spec::job_schema::<Raw>(self.name())
    }

    fn parse(&self, text: &JobText) -> Result<Box<dyn Job>, JobErrors> {
        let job = spec::parse::<Raw>(text)?;
        let settings = &job.raw.selftest;
        let mut issues = job.issues();
        issues.in_range("selftest.stages", settings.stages, 1..=1000);
        issues.in_range("selftest.steps", settings.steps, 1..);
        issues.in_range("selftest.pause_ms", settings.pause_ms, 0..=60_000);
        issues.in_range("selftest.checkpoint_every", settings.checkpoint_every, 1..);
        for (i, stage) in settings.fail_stages.iter().enumerate() {
            issues.in_range(&format!("selftest.fail_stages[{i}]"), *stage, 1..=settings.stages);
        }
        issues.require(job.head.output.format == TableFormat::Csv, "output.format", || {
            "expected `csv`: selftest writes no other tables, got `parquet`".to_owned()
        });
        issues.finish()?;
        let files = settings.files.iter().map(|f| text.resolve(f)).collect();
        Ok(Box::new(SelfTestJob { head: job.head, settings: job.raw.selftest, files }))
    }
}

impl Job for SelfTestJob {
    fn head(&self) -> &Head {
        &self.head
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |(i, path): (usize, &PathBuf)| Input { key: format!("selftest.files[{i}]"), path: path.clone() };
        self.files.iter().enumerate().map(input).collect()
    }

    fn resolved(&self) -> Value {
        json!(self.settings)
    }

    fn check_data(&self) -> Result<Vec<String>, RunError> {
        let mut bytes = 0;
        for file in &self.files {
            let found = std::fs::metadata(file).map_err(|e| ArtifactError::io("read", file, e))?;
            if found.len() == 0 {
                return Err(RunError::data(format!(
                    "{}: expected something to hash, got an empty file",
                    file.display()
                )));
            }
            bytes += found.len();
        }
        Ok(vec![format!("{} files, {bytes} bytes", self.files.len())])
    }

    fn device(&self) -> Result<DeviceUsed, RunError> {
        match &self.head.device {
            DeviceChoice::Auto | DeviceChoice::Cpu => {
                Ok(DeviceUsed { id: "cpu".to_owned(), detail: "CPU: selftest runs nowhere else".to_owned() })
            }
            other => Err(RunError::device(format!("selftest runs on the CPU only: expected auto or cpu, got {other}"))),
        }
    }

    fn run(&self, ctx: &RunContext) -> Result<Outcome, RunError> {
        let progress = ctx.progress("steps", u64::from(self.settings.stages) * u64::from(self.settings.steps));
        let mut digests = Vec::new();
        let mut failed = Vec::new();
        let mut before = self.start()?;
        for stage in 1..=self.settings.stages {
            if self.settings.fail_stages.contains(&stage) {
                let reason = "asked to fail by `fail_stages`".to_owned();
                failed.push(FailedStep { step: format!("stage {stage}"), reason });
                continue;
            }
            before = ctx.stage(&format!("hash-{stage}"), || self.hash_stage(ctx, stage, &before, &progress))?;
            digests.push((stage, before.clone()));
        }
        drop(progress);
        self.write_results(ctx, &digests)?;
        let headline = vec![("stages".to_owned(), digests.len() as f64), ("failed".to_owned(), failed.len() as f64)];
        Ok(Outcome { headline, details: json!({ "digest": before }), failed })
    }
}

impl SelfTestJob {
    fn start(&self) -> Result<String, RunError> {
        let mut digests = String::new();
        for file in &self.files {
            digests.push_str(&sha256_file(file).map_err(|e| ArtifactError::io("read", file, e))?.1);
        }
        Ok(sha256_bytes(digests.as_bytes()))
    }

    fn hash_stage(
        &self,
        ctx: &RunContext,
        stage: u32,
        before: &str,
        progress: &super::Progress,
    ) -> Result<String, RunError> {
        let path = ctx.checkpoint(&format!("hash-{stage}.state.json"));
        let mut state = read_state(&path)?.unwrap_or_else(|| State { step: 0, digest: before.to_owned() });
        progress.advance(u64::from(state.step));
        while state.step < self.settings.steps {
            if ctx.interrupted() {
                artifact::write_json(&path, &state)?;
                return Err(RunError::Interrupted);
            }
            let text = format!("{} {} {stage} {}", state.digest, ctx.seed(), state.step);
            state = State { step: state.step + 1, digest: sha256_bytes(text.as_bytes()) };
            if state.step.is_multiple_of(self.settings.checkpoint_every) {
                artifact::write_json(&path, &state)?;
                ctx.event("checkpoint", json!({ "stage": stage, "step": state.step }))?;
            }
            progress.advance(1);
            std::thread::sleep(Duration::from_millis(self.settings.pause_ms));
        }
        Ok(state.digest)
    }

    fn write_results(&self, ctx: &RunContext, digests: &[(u32, String)]) -> Result<(), RunError> {
        let folder = ctx.folder();
        artifact::write_atomic(&folder.tables().join("stages.csv"), |out| {
            writeln!(out, "stage,steps,digest")?;
            digests.iter().try_for_each(|(stage, digest)| writeln!(out, "{stage},{},{digest}", self.settings.steps))
        })?;
        artifact::write_json(&folder.models().join("state.json"), &digests.last())?;
        artifact::write_atomic(&folder.report(), |out| {
            writeln!(out, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>selftest</title>\n<h1>selftest</h1>")?;
            writeln!(out, "<p>{} of {} stages done on: {}.</p>", digests.len(), self.settings.stages, ctx.device().id)?;
            writeln!(out, "<table>\n<tr><th>stage<th>seconds<th>done in an earlier process")?;
            for time in ctx.stage_times() {
                let earlier = if time.earlier { "yes" } else { "no" };
                writeln!(out, "<tr><td>{}<td>{:.3}<td>{earlier}", time.stage, time.seconds)?;
            }
            writeln!(out, "</table>")
        })?;
        Ok(())
    }
}

fn read_state(path: &std::path::Path) -> Result<Option<State>, RunError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            ArtifactError::Format { path: path.to_owned(), reason: format!("expected a state: {e}") }.into()
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ArtifactError::io("read", path, e).into()),
    }
}
