//! Stages: the steps of a run whose results are kept, so that a resumed run skips them.

use std::path::PathBuf;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::artifact::{self, ArtifactError};
use crate::dataset::hash::{sha256_bytes, sha256_file};

use super::context::RunContext;
use super::error::RunError;

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageTime {
    /// Which.
    pub stage: String,
    /// Seconds of the attempt that finished it.
    pub seconds: f64,
    /// Whether an earlier, interrupted run did it.
    pub earlier: bool,
}

/// What `checkpoints/stage-<name>.json` holds.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    stage: String,
    seconds: f64,
    value: T,
}

/// Stands in for bytes that are kept in a file of their own.
#[derive(Serialize, Deserialize)]
struct BytesOf {
    sha256: String,
}

impl RunContext {
    /// Runs a stage, or takes its stored result when an earlier run finished it.
    ///
    /// What is handed on is always what was stored, read back: a value that JSON cannot hold (NaN) is an error in the
    /// first run already, not a surprise in a resumed one.
    ///
    /// # Errors
    /// What `work` says; the result cannot be stored; [`RunError::Interrupted`] before the stage starts.
    pub fn stage<T, F>(&self, name: &str, work: F) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Result<T, RunError>,
    {
        let path = self.stage_file(name, "json")?;
        if let Some(stored) = self.stored(name, &path, |stored: Stored<T>| Ok(stored))? {
            return Ok(stored);
        }
        self.do_stage(name, work, |seconds, value| {
            artifact::write_json(&path, &Stored { stage: name.to_owned(), seconds, value })?;
            Ok(read::<T>(&path)?.value)
        })
    }

    /// As [`RunContext::stage`], for bytes (`safetensors`): they are kept in a file beside the stage's record.
    ///
    /// # Errors
    /// As [`RunContext::stage`].
    pub fn stage_bytes<F>(&self, name: &str, work: F) -> Result<Vec<u8>, RunError>
    where
        F: FnOnce() -> Result<Vec<u8>, RunError>,
    {
        let path = self.stage_file(name, "json")?;
        let data = path.with_extension("bin");
        let load = |stored: Stored<BytesOf>| {
            let found = sha256_file(&data).map_err(|e| ArtifactError::io("read", &data, e))?.1;
            if found != stored.value.sha256 {
                return Err(ArtifactError::Format {
                    path: data.clone(),
                    reason: format!("expected SHA-256 {}, got {found}", stored.value.sha256),
                });
            }
            let bytes = std::fs::read(&data).map_err(|e| ArtifactError::io("read", &data, e))?;
            Ok(Stored { stage: stored.stage, seconds: stored.seconds, value: bytes })
        };
        if let Some(bytes) = self.stored(name, &path, load)? {
            return Ok(bytes);
        }
        self.do_stage(name, work, |seconds, bytes| {
            artifact::write_bytes(&data, &bytes)?;
            let value = BytesOf { sha256: sha256_bytes(&bytes) };
            artifact::write_json(&path, &Stored { stage: name.to_owned(), seconds, value })?;
            Ok(bytes)
        })
    }

    fn stage_file(&self, name: &str, extension: &str) -> Result<PathBuf, RunError> {
        let fresh = self.claim_stage(name);
        if !fresh {
            return Err(RunError::work(format!("stage {name:?} is used twice in one run")));
        }
        Ok(self.checkpoint(&format!("stage-{name}.{extension}")))
    }

    /// The stored result of a finished stage. One that cannot be read is done again, and the log says so.
    fn stored<S: DeserializeOwned, T>(
        &self,
        name: &str,
        path: &std::path::Path,
        load: impl FnOnce(Stored<S>) -> Result<Stored<T>, ArtifactError>,
    ) -> Result<Option<T>, RunError> {
        if !path.exists() {
            return Ok(None);
        }
        match read::<S>(path).and_then(load) {
            Ok(stored) => {
                self.event("stage_skipped", json!({ "stage": name, "seconds": stored.seconds }))?;
                self.console().note(&format!("{name}: done before, in {:.1} s", stored.seconds));
                self.note_time(StageTime { stage: name.to_owned(), seconds: stored.seconds, earlier: true });
                Ok(Some(stored.value))
            }
            Err(e) => {
                self.warn(&format!("the stored result of stage {name:?} is not usable, it is done again: {e}"))?;
                Ok(None)
            }
        }
    }

    fn do_stage<T, R>(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<T, RunError>,
        store: impl FnOnce(f64, T) -> Result<R, RunError>,
    ) -> Result<R, RunError> {
        self.check_interrupt()?;
        self.event("stage_started", json!({ "stage": name }))?;
        self.console().note(&format!("{name} ..."));
        let start = Instant::now();
        let value = work()?;
        let seconds = start.elapsed().as_secs_f64();
        let result = store(seconds, value)?;
        self.event("stage_finished", json!({ "stage": name, "seconds": seconds }))?;
        self.console().note(&format!("{name}: done in {seconds:.1} s"));
        self.note_time(StageTime { stage: name.to_owned(), seconds, earlier: false });
        Ok(result)
    }
}

fn read<T: DeserializeOwned>(path: &std::path::Path) -> Result<Stored<T>, ArtifactError> {
    let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| ArtifactError::Format { path: path.to_owned(), reason: format!("not a stage's result: {e}") })
}
