//! A partition's keys and hashes.
//!
//! ```text
//! file = "NLROWIX1", version (u32), 0 (u32), rows (u64), rows x key (16 bytes), rows x hash (8 bytes), lowest byte first
//! ```

use std::path::Path;

use arrow_array::RecordBatch;
use sha2::{Digest, Sha256};

use super::value::{key, mix_column, value_at};
use super::{DifferencesError, Manifest};
use crate::artifact::write_atomic;
use crate::dataset::hash::hex;

const MAGIC: &[u8; 8] = b"NLROWIX1";
const VERSION: u32 = 1;
const HEAD: usize = 24;

/// Keys and hashes, in the rows' order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) keys: Vec<u128>,
    pub(super) hashes: Vec<u64>,
}

impl Index {
    pub(super) fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Adds rows; `id` is the id's column, which has no nulls.
    pub(super) fn extend(&mut self, batch: &RecordBatch, id: usize) {
        let ids = batch.column(id);
        self.keys.extend((0..batch.num_rows()).filter_map(|row| key(value_at(ids, row))));
        let first = self.hashes.len();
        self.hashes.resize(first + batch.num_rows(), 0);
        for column in batch.columns() {
            mix_column(column, &mut self.hashes[first..]);
        }
    }

    fn body(&self) -> (Vec<u8>, Vec<u8>) {
        let keys = self.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let hashes = self.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        (keys, hashes)
    }

    /// What the partition holds.
    pub(super) fn digest(&self, manifest: &Manifest) -> String {
        let (keys, hashes) = self.body();
        digest(manifest, &keys, &hashes)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), DifferencesError> {
        let (keys, hashes) = self.body();
        write_atomic(path, |out| {
            out.write_all(MAGIC)?;
            out.write_all(&VERSION.to_le_bytes())?;
            out.write_all(&[0; 4])?;
            out.write_all(&(self.rows() as u64).to_le_bytes())?;
            out.write_all(&keys)?;
            out.write_all(&hashes)
        })?;
        Ok(())
    }

    /// Reads an index and holds it against the digest that the manifest has.
    pub(super) fn read(path: &Path, manifest: &Manifest, expected: &str) -> Result<Self, DifferencesError> {
        let bytes = std::fs::read(path).map_err(|e| DifferencesError::io("read", path, e))?;
        let damaged = |reason: &str| DifferencesError::damaged(path, reason);
        let Some((head, body)) = bytes.split_at_checked(HEAD) else {
            return Err(damaged("expected an index of rows, found a file that is cut off"));
        };
        if &head[..8] != MAGIC {
            return Err(damaged("expected an index of rows"));
        }
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if word(8) != VERSION {
            let found = word(8).to_string();
            return Err(DifferencesError::Version { path: path.to_owned(), expected: VERSION, found });
        }
        let rows = u64::from(word(16)) | u64::from(word(20)) << 32;
        if rows.checked_mul(24) != Some(body.len() as u64) {
            return Err(damaged("expected as many rows as its head says"));
        }
        let (keys, hashes) = body.split_at(rows as usize * 16);
        if digest(manifest, keys, hashes) != expected {
            return Err(damaged("expected the digest that stands in the manifest, found other keys or hashes"));
        }
        let keys = keys.as_chunks::<16>().0.iter().map(|bytes| u128::from_le_bytes(*bytes)).collect();
        let hashes = hashes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        Ok(Self { keys, hashes })
    }
}

fn digest(manifest: &Manifest, keys: &[u8], hashes: &[u8]) -> String {
    let mut sha = Sha256::new();
    sha.update(manifest.describe());
    sha.update((keys.len() as u64).to_le_bytes());
    sha.update(keys);
    sha.update(hashes);
    hex(&sha.finalize())
}
