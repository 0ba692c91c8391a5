//! Numbers that do not fit into memory: a file without a name, gone when it is dropped or the process ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::ArtifactError;

/// A file without a name, written from front to back and then read anywhere.
#[derive(Debug)]
pub struct ScratchFile {
    file: File,
    folder: PathBuf,
    bytes: u64,
}

impl ScratchFile {
    /// Makes a file on the disk of `folder`.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn new(folder: &Path) -> Result<Self, ArtifactError> {
        let made = tempfile::tempfile_in(folder);
        let file = made.map_err(|e| ArtifactError::io("create a temporary file in", folder, e))?;
        Ok(Self { file, folder: folder.to_owned(), bytes: 0 })
    }

    /// How much has been written.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Any I/O error, such as a full disk.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.file.write_all(bytes).map_err(|e| ArtifactError::io("write a temporary file in", &self.folder, e))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Fills `to` from `offset` on. May be called by several threads at once.
    ///
    /// # Errors
    /// Any I/O error; the file ends before.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ArtifactError> {
        read_at(&self.file, offset, to).map_err(|e| ArtifactError::io("read a temporary file in", &self.folder, e))
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, to: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut offset: u64, mut to: &mut [u8]) -> std::io::Result<()> {
    while !to.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, to, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        offset += read as u64;
        to = &mut to[read..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ScratchFile;

    #[test]
    fn e15_a_scratch_file_gives_back_what_it_was_given_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = ScratchFile::new(folder.path()).expect("a file");
        file.append(&[1, 2, 3]).expect("room");
        file.append(&[4, 5]).expect("room");
        let mut found = [0; 3];
        file.read(1, &mut found).expect("there");
        assert_eq!((found, file.bytes()), ([2, 3, 4], 5));
        let error = file.read(3, &mut found).expect_err("the end").to_string();
        assert!(error.contains("read a temporary file in"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
