//! A log file that grows by whole lines and survives a kill at any moment.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::ArtifactError;

/// An append-only file of lines. A line is one write and is on the disk when [`AppendLog::line`] returns.
#[derive(Debug)]
pub struct AppendLog {
    file: File,
    path: PathBuf,
}

impl AppendLog {
    /// Opens or makes the file. Half a line that a kill left at the end is closed with a newline, so that it spoils no
    /// line after it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let fail = |e| ArtifactError::io("open", path, e);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).map_err(fail)?;
            file.read_exact(&mut last).map_err(fail)?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(fail)?;
            }
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends one line; `text` holds no newline.
    ///
    /// # Errors
    /// The line cannot be written or flushed.
    pub fn line(&mut self, text: &str) -> Result<(), ArtifactError> {
        let whole = format!("{text}\n");
        let write = self.file.write_all(whole.as_bytes()).and_then(|()| self.file.sync_data());
        write.map_err(|e| ArtifactError::io("append to", &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e18_half_a_line_spoils_no_later_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "{\"a\":1}\n{\"b\":").unwrap();
        AppendLog::open(&path).unwrap().line("{\"c\":3}").unwrap();
        AppendLog::open(&path).unwrap().line("{\"d\":4}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"d\":4}\n");
    }
}
