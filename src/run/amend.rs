//! Changing the results of a finished run, for the one reason that there is: somebody is to be forgotten.

use std::path::Path;

use serde_json::{Value, json};

use crate::artifact::ArtifactError;

use super::done::Done;
use super::error::RunError;
use super::events::event;
use super::folder::RunFolder;
use super::lock::Lock;

/// Lets `work` change the results of a finished run of this kind, and brings its manifest up to date, so that the run still
/// counts as done. A kill on the way leaves a manifest that does not fit: then the same command, or the run itself, mends it.
///
/// # Errors
/// If the folder holds no run of this kind, the run is not finished, or somebody works in it; whatever `work` says.
pub fn amend<T>(
    path: &Path,
    kind: &str,
    what: &str,
    work: impl FnOnce(&RunFolder) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let folder = RunFolder::at(path);
    let job = folder.job();
    let text = std::fs::read(&job).map_err(|e| RunError::data(ArtifactError::io("read", &job, e)))?;
    let identity: Value =
        serde_json::from_slice(&text).map_err(|e| ArtifactError::format(&job, format!("expected JSON: {e}")))?;
    let found = identity.get("kind").and_then(Value::as_str).unwrap_or("?");
    if found != kind {
        let reason = format!("expected a run of the kind `{kind}`, found `{found}`");
        return Err(RunError::data(ArtifactError::format(&job, reason)));
    }
    let _lock = Lock::take(path)?;
    let Some(done) = Done::read(&folder)? else {
        let reason = "expected a finished run, found none: run the job to its end first";
        return Err(RunError::data(ArtifactError::format(path, reason)));
    };
    let value = work(&folder)?;
    Done::collect(&folder, &done.key)?.write(&folder)?;
    let mut log = crate::artifact::AppendLog::open(&folder.events())?;
    log.line(&event("results_amended", json!({ "what": what })).to_string())?;
    Ok(value)
}
