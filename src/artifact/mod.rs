//! The only module that writes files.
//!
//! A file appears whole or not at all: it is written under a temporary name in the same folder, flushed to the disk,
//! renamed, and the folder is flushed too, so that a kill or a power cut leaves either the old file or the new one.
//!
//! The same content gives the same bytes: [`table`] (CSV, Parquet) and [`tensors`] (safetensors) put nothing into a file
//! that depends on the time, the machine or the order of a hash map. [`manifest`] lists files with their SHA-256.

pub mod manifest;
pub mod table;
pub mod tensors;

mod append;
mod growing;
mod journal;
mod lines;
mod parts;
mod scratch;

pub use append::AppendLog;
pub use growing::GrowingFile;
pub use journal::Journal;
pub use lines::LinesWriter;
pub use parts::PartsWriter;
pub use scratch::ScratchFile;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What can go wrong when a result is written or read back.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `write`, `rename`, `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file is there but does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// The content to be written does not make a file.
    #[error("{what}: {reason}")]
    Content {
        /// The table's column, the tensor, or the name at fault.
        what: String,
        /// What was expected and what came.
        reason: String,
    },
}

impl ArtifactError {
    /// An operating-system error with its file.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// A file whose content is not what it should be.
    pub fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.into() }
    }

    /// Content that does not make a file.
    pub fn content(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Content { what: what.into(), reason: reason.into() }
    }
}

/// Writes `path` atomically: `fill` writes the content, then the file is flushed and renamed into place.
///
/// # Errors
/// Any I/O error, with the file and the step that failed; the old file, if there was one, is untouched.
pub fn write_atomic<F>(path: &Path, fill: F) -> Result<(), ArtifactError>
where
    F: FnOnce(&mut dyn Write) -> std::io::Result<()>,
{
    let folder = folder_of(path);
    let temp = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)
        .map_err(|e| ArtifactError::io("create a temporary file beside", path, e))?;
    let mut writer = BufWriter::with_capacity(1 << 16, temp);
    fill(&mut writer).map_err(|e| ArtifactError::io("write", path, e))?;
    let temp = writer.into_inner().map_err(|e| ArtifactError::io("write", path, e.into_error()))?;
    keep_temporary(temp, path)
}

/// Flushes a temporary file and gives it its name.
fn keep_temporary(temp: tempfile::NamedTempFile, path: &Path) -> Result<(), ArtifactError> {
    share_like_new_file(temp.as_file()).map_err(|e| ArtifactError::io("set the permissions of", path, e))?;
    temp.as_file().sync_all().map_err(|e| ArtifactError::io("flush", path, e))?;
    temp.persist(path).map_err(|e| ArtifactError::io("rename into place", path, e.error))?;
    flush_folder(folder_of(path), path)
}

/// Writes a secret: a file that only its owner may read (where the system has such permissions), and that was not there
/// before.
///
/// # Errors
/// If the file is there, or any I/O error.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    let folder = folder_of(path);
    // Temporary files are made with mode 0600.
    let mut temp = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)
        .map_err(|e| ArtifactError::io("create a temporary file beside", path, e))?;
    temp.write_all(bytes).map_err(|e| ArtifactError::io("write", path, e))?;
    temp.as_file().sync_all().map_err(|e| ArtifactError::io("flush", path, e))?;
    temp.persist_noclobber(path).map_err(|e| ArtifactError::io("make the new file", path, e.error))?;
    flush_folder(folder, path)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn flush_folder(folder: &Path, path: &Path) -> Result<(), ArtifactError> {
    std::fs::File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| ArtifactError::io("flush the folder of", path, e))
}

/// Temporary files are made for their owner alone; results are for whoever the process's umask lets read new files.
#[cfg(unix)]
fn share_like_new_file(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o666 & !umask()))
}

#[cfg(not(unix))]
fn share_like_new_file(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The process's umask, read where that is possible without changing it (Linux shows it in `/proc`); 022 elsewhere.
#[cfg(unix)]
fn umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok()).unwrap_or(0o022)
}

/// Makes a folder and those above it, if they are not there.
///
/// # Errors
/// Any I/O error, with the folder.
pub fn ensure_folder(path: &Path) -> Result<(), ArtifactError> {
    std::fs::create_dir_all(path).map_err(|e| ArtifactError::io("make the folder", path, e))
}

/// Writes bytes atomically.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_atomic(path, |w| w.write_all(bytes))
}

/// Writes many small files into a folder. Each appears whole, but only the system decides when it reaches the disk: to wait for
/// each of a million would take most of an hour. For files that can be made again.
///
/// # Errors
/// Any I/O error.
pub fn write_many(folder: &Path, files: &[(String, String)]) -> Result<(), ArtifactError> {
    for (name, text) in files {
        let path = folder.join(name);
        let fail = |action| move |e| (action, e);
        let mut temp = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(folder)
            .map_err(|e| ArtifactError::io("create a temporary file beside", &path, e))?;
        temp.write_all(text.as_bytes())
            .map_err(fail("write"))
            .and_then(|()| share_like_new_file(temp.as_file()).map_err(fail("set the permissions of")))
            .map_err(|(action, e)| ArtifactError::io(action, &path, e))?;
        temp.persist(&path).map_err(|e| ArtifactError::io("rename into place", &path, e.error))?;
    }
    Ok(())
}

/// Writes a value as indented JSON, atomically, with a final newline.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_json<T: serde::Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), ArtifactError> {
    write_atomic(path, |w| {
        serde_json::to_writer_pretty(&mut *w, value).map_err(std::io::Error::from)?;
        w.write_all(b"\n")
    })
}
