//! Where a run keeps its files.

use std::path::{Path, PathBuf};

use crate::artifact::{ArtifactError, ensure_folder};

/// A run's folder and the places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// The folder of the run with this name and key; nothing is made.
    pub fn new(output: &Path, name: &str, key: &str) -> Self {
        Self(output.join(format!("{name}-{}", &key[..key.len().min(12)])))
    }

    /// The folder of a run that is there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Result tables.
    pub fn tables(&self) -> PathBuf {
        self.0.join("tables")
    }

    /// Trained models.
    pub fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Finished stages and the state of training.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Pages for users. There may be a million of them, and each follows from the tables: they are not in `DONE`.
    pub fn cards(&self) -> PathBuf {
        self.0.join("cards")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The metrics.
    pub fn metrics(&self) -> PathBuf {
        self.0.join("metrics.json")
    }

    /// The event log.
    pub fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    pub(super) fn job(&self) -> PathBuf {
        self.0.join("job.json")
    }

    pub(super) fn timing(&self) -> PathBuf {
        self.0.join("timing.json")
    }

    pub(super) fn done(&self) -> PathBuf {
        self.0.join("DONE")
    }

    /// Makes the run folder itself, so that it can be locked.
    pub(super) fn make(&self) -> Result<(), ArtifactError> {
        ensure_folder(&self.0)
    }

    /// Makes the folders inside and removes what a killed run left half written. Only under the lock.
    pub(super) fn tidy(&self) -> Result<(), ArtifactError> {
        for folder in [self.tables(), self.models(), self.checkpoints()] {
            ensure_folder(&folder)?;
        }
        remove_temporary(&self.0)
    }

    /// Removes a run's files, and only those that the runner knows. `DONE` goes first, so that a kill on the way
    /// leaves a run that is not finished, not a finished run with holes. Only under the lock.
    pub(super) fn clear(&self) -> Result<(), ArtifactError> {
        let files = [self.done(), self.metrics(), self.report(), self.timing(), self.job(), self.events()];
        for file in files {
            ignore_missing(std::fs::remove_file(&file)).map_err(|e| ArtifactError::io("remove", &file, e))?;
        }
        for folder in [self.checkpoints(), self.tables(), self.models(), self.cards()] {
            ignore_missing(std::fs::remove_dir_all(&folder)).map_err(|e| ArtifactError::io("remove", &folder, e))?;
        }
        Ok(())
    }
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove_temporary(folder: &Path) -> Result<(), ArtifactError> {
    for (path, is_folder) in children(folder)? {
        if is_folder {
            remove_temporary(&path)?;
        } else if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".tmp-")) {
            std::fs::remove_file(&path).map_err(|e| ArtifactError::io("remove", &path, e))?;
        }
    }
    Ok(())
}

/// A folder's children in the order of their names, and whether each is a folder (a link to one is not).
pub(super) fn children(folder: &Path) -> Result<Vec<(PathBuf, bool)>, ArtifactError> {
    let fail = |e| ArtifactError::io("list", folder, e);
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        list.push((entry.path(), entry.file_type().map_err(fail)?.is_dir()));
    }
    list.sort();
    Ok(list)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "test input")]
mod tests {
    use super::*;

    #[test]
    fn e18_half_written_files_go_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "a", "0123456789abcdef");
        assert!(folder.path().ends_with("a-0123456789ab"));
        folder.tidy().unwrap();
        std::fs::write(folder.tables().join(".tmp-x1"), "half").unwrap();
        std::fs::write(folder.tables().join("t.csv"), "whole").unwrap();
        folder.tidy().unwrap();
        let left: Vec<PathBuf> = children(&folder.tables()).unwrap().into_iter().map(|c| c.0).collect();
        assert_eq!(left, [folder.tables().join("t.csv")]);
    }

    #[test]
    fn e17_clear_leaves_what_is_not_the_runs() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::new(root.path(), "a", "0123456789abcdef");
        folder.tidy().unwrap();
        for file in [folder.done(), folder.report(), folder.models().join("m"), folder.path().join("notes.txt")] {
            std::fs::write(file, "x").unwrap();
        }
        folder.clear().unwrap();
        let left: Vec<PathBuf> = children(folder.path()).unwrap().into_iter().map(|c| c.0).collect();
        assert_eq!(left, [folder.path().join("notes.txt")]);
    }
}
