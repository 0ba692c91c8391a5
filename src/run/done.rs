//! `DONE`: the manifest of a finished run.

use serde::{Deserialize, Serialize};

use crate::artifact::{self, ArtifactError};
use crate::dataset::hash::sha256_file;

use super::folder::{RunFolder, children};

/// What `DONE` holds; it has no times in it, so equal runs have equal manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The run's key.
    pub key: String,
    /// The program's version.
    pub version: String,
    /// The result files, in the order of their paths.
    pub files: Vec<ResultFile>,
}

/// A result file: the same job, data, seed and device give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// From the run folder on, with `/`.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Done {
    /// Hashes the result files of a run that has come to its end.
    pub(super) fn collect(folder: &RunFolder, key: &str) -> Result<Self, ArtifactError> {
        let mut files = Vec::new();
        for file in [folder.job(), folder.metrics()] {
            files.push(result_file(folder, &file)?);
        }
        for root in [folder.models(), folder.tables()] {
            walk(folder, &root, &mut files)?;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { key: key.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), files })
    }

    pub(super) fn write(&self, folder: &RunFolder) -> Result<(), ArtifactError> {
        artifact::write_json(&folder.done(), self)
    }

    /// The manifest of a finished run; `None` when the run is not finished.
    ///
    /// # Errors
    /// `DONE` is there but cannot be read.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>, ArtifactError> {
        let path = folder.done();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(ArtifactError::io("read", &path, e)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| ArtifactError::Format { path, reason: format!("expected a manifest: {e}") })
    }

    /// The first result file that is gone or has another size; sizes only, so that the check is quick.
    pub fn first_fault(&self, folder: &RunFolder) -> Option<String> {
        let fault = |file: &ResultFile| match std::fs::metadata(folder.path().join(&file.path)) {
            Ok(found) if found.len() == file.size_bytes => None,
            Ok(found) => Some(format!("{} has {} bytes, not {}", file.path, found.len(), file.size_bytes)),
            Err(_) => Some(format!("{} is gone", file.path)),
        };
        self.files.iter().find_map(fault).or_else(|| (!folder.report().exists()).then(|| "report.html is gone".into()))
    }
}

fn walk(folder: &RunFolder, root: &std::path::Path, files: &mut Vec<ResultFile>) -> Result<(), ArtifactError> {
    for (path, is_folder) in children(root)? {
        if is_folder {
            walk(folder, &path, files)?;
        } else {
            files.push(result_file(folder, &path)?);
        }
    }
    Ok(())
}

fn result_file(folder: &RunFolder, path: &std::path::Path) -> Result<ResultFile, ArtifactError> {
    let (size_bytes, sha256) = sha256_file(path).map_err(|e| ArtifactError::io("read", path, e))?;
    let below = path.strip_prefix(folder.path()).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|p| p.to_string_lossy()).collect();
    Ok(ResultFile { path: parts.join("/"), size_bytes, sha256 })
}
