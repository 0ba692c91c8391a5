//! What changed in a partitioned table since the last time (R3).
//!
//! A dataset is a folder: one Parquet file a partition, an index beside each, and `manifest.json`, which names them. The
//! index holds, row by row in the file's order, a 128-bit key of the id and a 64-bit hash of all fields; the partition's
//! digest is the SHA-256 of columns, keys and hashes, so that it says what the partition holds and not how it was written,
//! and proves the index right.
//!
//! Comparing goes from coarse to fine, and reads only what the step before could not decide:
//!
//! 1. digests in the two manifests: of a partition with equal digests nothing is opened;
//! 2. the hashes of rows with equal keys;
//! 3. the fields of the rows that were added, removed or changed.
//!
//! A [`PartitionedWriter`] writes the files of a new state beside those of the one in force; [`Next::promote`] puts the new
//! manifest in force by one rename and removes what no manifest names any more. Whoever is killed before that finds the same
//! old state, and the same differences, the next time.
//!
//! Two rows whose fields differ have the same 64-bit hash once in 10^19 pairs. Floats are equal when their bits are, and all
//! NaN are one.

mod changes;
mod compare;
mod dataset;
mod error;
mod index;
mod manifest;
mod rows;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub use changes::{Changed, ChangedCell, FieldChange, PartitionChanges};
pub use compare::{Summary, compare};
pub use dataset::Dataset;
pub use error::DifferencesError;
pub use manifest::{ColumnEntry, MANIFEST_VERSION, Manifest, Partition};
pub use value::Value;
pub use writer::{Next, PartitionedWriter};
