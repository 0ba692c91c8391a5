//! Files of lines that are written one by one, for more of them than memory holds. The file appears when all are in it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{ArtifactError, folder_of, keep_temporary};

/// A file that grows by lines.
#[derive(Debug)]
pub struct LinesWriter {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
}

impl LinesWriter {
    /// Begins a file that will stand at `path`.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn new(path: &Path) -> Result<Self, ArtifactError> {
        let made = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder_of(path));
        let temp = made.map_err(|e| ArtifactError::io("create a temporary file beside", path, e))?;
        Ok(Self { path: path.to_owned(), out: BufWriter::with_capacity(1 << 20, temp) })
    }

    /// Adds a line; the line break is added.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn line(&mut self, text: &str) -> Result<(), ArtifactError> {
        let io = |e| ArtifactError::io("write", &self.path, e);
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.write_all(b"\n")).map_err(io)
    }

    /// Adds a value as a line of JSON.
    ///
    /// # Errors
    /// Any I/O error; the value cannot be JSON.
    pub fn json<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ArtifactError> {
        let text = serde_json::to_string(value)
            .map_err(|e| ArtifactError::content(self.path.display().to_string(), e.to_string()))?;
        self.line(&text)
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn finish(self) -> Result<(), ArtifactError> {
        let Self { path, out } = self;
        let temp = out.into_inner().map_err(|e| ArtifactError::io("write", &path, e.into_error()))?;
        keep_temporary(temp, &path)
    }
}

#[cfg(test)]
mod tests {
    use super::LinesWriter;

    #[test]
    fn e17_lines_appear_when_all_are_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lines.jsonl");
        let mut lines = LinesWriter::new(&path).expect("begins");
        lines.line("one").expect("room");
        lines.json(&serde_json::json!({ "two": 2 })).expect("room");
        assert!(!path.exists());
        lines.finish().expect("in place");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "one\n{\"two\":2}\n");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing temporary is left");
    }
}
