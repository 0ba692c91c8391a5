//! A journal of binary records that survives a kill at any moment.
//!
//! ```text
//! file    = "NLJOURN1", record*
//! record  = length (u32, lowest byte first), first 16 bytes of SHA-256 of length and payload, payload
//! ```
//!
//! A record is on the disk when [`Journal::append`] returns. What a kill or a full disk left of the last one is cut off
//! when the journal is opened; a record that is damaged though others follow it is an error.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ArtifactError, write_atomic};

const MAGIC: &[u8; 8] = b"NLJOURN1";
const CHECK: usize = 16;
const HEAD: usize = 4 + CHECK;

/// An append-only file of records.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    end: u64,
}

impl Journal {
    /// Opens or makes the journal and hands every whole record to `each`, one at a time, the oldest first. Says how many
    /// bytes of a torn record were cut off at the end. Records are at most `record_max` bytes long.
    ///
    /// # Errors
    /// The file cannot be read, is no journal, or a record before the last is damaged; whatever `each` says.
    pub fn open<E: From<ArtifactError>>(
        path: &Path,
        record_max: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(Self, u64), E> {
        let fail = |e| ArtifactError::io("open", path, e);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        let mut magic = [0; MAGIC.len()];
        let mut end = 0;
        if len >= magic.len() as u64 {
            file.read_exact(&mut magic).map_err(fail)?;
            if &magic != MAGIC {
                return Err(ArtifactError::format(path, "expected a journal of nightloom").into());
            }
            end = magic.len() as u64;
            while let Some(record) = read_record(&mut file, path, (end, len), record_max)? {
                end += (HEAD + record.len()) as u64;
                each(&record)?;
            }
        }
        let mut journal = Self { file, path: path.to_owned(), end };
        let torn = len - end;
        if torn > 0 {
            journal.cut()?;
        }
        if end == 0 {
            journal.put(MAGIC)?;
        }
        Ok((journal, torn))
    }

    /// Appends a record. If that fails, the journal is as it was.
    ///
    /// # Errors
    /// The record cannot be written or flushed.
    pub fn append(&mut self, record: &[u8]) -> Result<(), ArtifactError> {
        self.put(&framed(record))
    }

    /// Replaces all records by these, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn restart(&mut self, records: &[Vec<u8>]) -> Result<(), ArtifactError> {
        let fail = |e| ArtifactError::io("reopen", &self.path, e);
        write_atomic(&self.path, |out| {
            out.write_all(MAGIC)?;
            records.iter().try_for_each(|record| out.write_all(&framed(record)))
        })?;
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(fail)?;
        self.end = file.metadata().map_err(fail)?.len();
        self.file = file;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let at = SeekFrom::Start(self.end);
        let written = self.file.seek(at).and_then(|_| self.file.write_all(bytes)).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.end += bytes.len() as u64;
                Ok(())
            }
            Err(e) => {
                let error = ArtifactError::io("append to", &self.path, e);
                // The first fault is the one to report; what it left is cut off again at the next opening.
                let _ = self.cut();
                Err(error)
            }
        }
    }

    fn cut(&mut self) -> Result<(), ArtifactError> {
        let cut = self.file.set_len(self.end).and_then(|()| self.file.sync_data());
        cut.map_err(|e| ArtifactError::io("shorten", &self.path, e))
    }
}

/// The record at `end`, or nothing where the file ends or holds a torn one. Memory is never taken by a length that the
/// file itself does not have.
fn read_record(
    file: &mut File,
    path: &Path,
    (end, len): (u64, u64),
    record_max: usize,
) -> Result<Option<Vec<u8>>, ArtifactError> {
    let left = len - end;
    if left < HEAD as u64 {
        return Ok(None);
    }
    let fail = |e| ArtifactError::io("read", path, e);
    let mut head = [0; HEAD];
    file.read_exact(&mut head).map_err(fail)?;
    let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if size > record_max || size as u64 > left - HEAD as u64 {
        return Ok(None);
    }
    let mut record = vec![0; size];
    file.read_exact(&mut record).map_err(fail)?;
    if head[4..] == check_of(&record) {
        return Ok(Some(record));
    }
    if left > (HEAD + size) as u64 {
        return Err(ArtifactError::format(path, format!("the record at byte {end} is damaged, and others follow it")));
    }
    Ok(None)
}

fn check_of(record: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update((record.len() as u32).to_le_bytes()).chain_update(record).finalize();
    std::array::from_fn(|i| digest[i])
}

fn framed(record: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + record.len());
    bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&check_of(record));
    bytes.extend_from_slice(record);
    bytes
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "test input")]
mod tests {
    use super::*;

    fn all(path: &Path) -> Result<(Vec<Vec<u8>>, u64), ArtifactError> {
        let mut records = vec![];
        let (_, torn) = Journal::open(path, 100, |record| {
            records.push(record.to_vec());
            Ok::<(), ArtifactError>(())
        })?;
        Ok((records, torn))
    }

    #[test]
    fn a12_a_journal_cut_off_anywhere_keeps_its_whole_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, 100, |_| Ok::<(), ArtifactError>(())).unwrap();
        let records = [b"first".to_vec(), vec![], vec![7; 100]];
        let mut ends = vec![8];
        for record in &records {
            journal.append(record).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            let (found, torn) = all(&path).unwrap();
            assert_eq!(found, records[..whole], "cut at {cut}");
            let kept = if cut < 8 { 0 } else { ends[whole] };
            assert_eq!(torn as usize, cut - kept);
            assert_eq!(all(&path).unwrap(), (found, 0), "what was torn is gone");
        }
    }

    #[test]
    fn a12_damage_before_the_end_is_an_error_and_at_the_end_a_torn_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, 100, |_| Ok::<(), ArtifactError>(())).unwrap();
        journal.append(b"first").unwrap();
        journal.append(b"second").unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[8 + HEAD] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let error = all(&path).unwrap_err().to_string();
        assert!(error.ends_with("the record at byte 8 is damaged, and others follow it"), "{error}");
        bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(all(&path).unwrap(), (vec![b"first".to_vec()], (HEAD + 6) as u64));
        std::fs::write(&path, b"something else").unwrap();
        assert!(all(&path).unwrap_err().to_string().ends_with("expected a journal of nightloom"));
    }

    #[test]
    fn a12_a_journal_that_was_started_anew_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, 100, |_| Ok::<(), ArtifactError>(())).unwrap();
        journal.append(b"old").unwrap();
        journal.restart(&[b"new".to_vec()]).unwrap();
        journal.append(b"next").unwrap();
        assert_eq!(all(&path).unwrap(), (vec![b"new".to_vec(), b"next".to_vec()], 0));
    }
}
