//! A file to which others' readers hold on: it only grows.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{ArtifactError, flush_folder, folder_of};

/// A file that only grows, locked for as long as it is open: of two processes that open it one waits for the other.
#[derive(Debug)]
pub struct GrowingFile {
    file: File,
    path: PathBuf,
}

impl GrowingFile {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let there = path.exists();
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.map_err(|e| ArtifactError::io("open", path, e))?;
        file.lock().map_err(|e| ArtifactError::io("lock", path, e))?;
        if !there {
            flush_folder(folder_of(path), path)?;
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// How long it is.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn bytes(&self) -> Result<u64, ArtifactError> {
        let found = self.file.metadata().map_err(|e| ArtifactError::io("measure", &self.path, e))?;
        Ok(found.len())
    }

    /// What it holds from `start` on.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn read_from(&mut self, start: u64) -> Result<Vec<u8>, ArtifactError> {
        let mut found = Vec::new();
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_to_end(&mut found));
        read.map_err(|e| ArtifactError::io("read", &self.path, e))?;
        Ok(found)
    }

    /// Adds bytes at the end; they are on the disk when this returns.
    ///
    /// # Errors
    /// Any I/O error. Some of the bytes may have been written then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(bytes));
        written.and_then(|()| self.file.sync_data()).map_err(|e| ArtifactError::io("append to", &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::GrowingFile;

    #[test]
    fn r10_a_growing_file_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        GrowingFile::open(&path).unwrap().append(b"abc").unwrap();
        let mut file = GrowingFile::open(&path).unwrap();
        file.append(b"de").unwrap();
        assert_eq!((file.bytes().unwrap(), file.read_from(2).unwrap()), (5, b"cde".to_vec()));
    }
}
