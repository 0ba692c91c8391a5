//! What a dataset consists of.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_schema::Schema;
use serde::{Deserialize, Serialize};

use super::DifferencesError;

/// The version that this program writes and reads.
pub const MANIFEST_VERSION: u32 = 1;

pub(super) const MANIFEST: &str = "manifest.json";

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnEntry {
    /// Its name.
    pub name: String,
    /// Its type, as Arrow writes it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A partition's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The Parquet file, in the dataset's folder.
    pub file: String,
    /// The index, in the dataset's folder.
    pub index: String,
    /// How many rows it has.
    pub rows: u64,
    /// What they hold: SHA-256 of columns, keys and hashes, as 64 hexadecimal digits.
    pub digest: String,
}

/// A dataset: its columns and partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// The column by which rows are known.
    pub id: String,
    /// The columns.
    pub columns: Vec<ColumnEntry>,
    /// The partitions, by name.
    pub partitions: BTreeMap<String, Partition>,
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: serde_json::Value,
}

impl Manifest {
    pub(super) fn new(schema: &Schema, id: &str) -> Self {
        let column = |field: &std::sync::Arc<arrow_schema::Field>| ColumnEntry {
            name: field.name().clone(),
            kind: field.data_type().to_string(),
        };
        let columns = schema.fields().iter().map(column).collect();
        Self { version: MANIFEST_VERSION, id: id.to_owned(), columns, partitions: BTreeMap::new() }
    }

    /// Reads the manifest of a folder; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or was written by another version.
    pub fn read(folder: &Path) -> Result<Option<Self>, DifferencesError> {
        let path = folder.join(MANIFEST);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(DifferencesError::io("read", &path, e)),
        };
        let damaged =
            |e: serde_json::Error| DifferencesError::damaged(&path, format!("expected a dataset's manifest: {e}"));
        let head: Versioned = serde_json::from_slice(&bytes).map_err(damaged)?;
        if head.version != MANIFEST_VERSION {
            let found = head.version.to_string();
            return Err(DifferencesError::Version { path, expected: MANIFEST_VERSION, found });
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(damaged)?;
        for name in manifest.partitions.values().flat_map(|partition| [&partition.file, &partition.index]) {
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(DifferencesError::damaged(
                    &path,
                    format!("expected names of files in its folder, found `{name}`"),
                ));
            }
        }
        Ok(Some(manifest))
    }

    /// The columns in one line.
    pub(super) fn describe(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("{}: {}", column.name, column.kind)).collect();
        format!("id `{}` of ({})", self.id, columns.join(", "))
    }

    pub(super) fn same_columns(&self, other: &Self) -> bool {
        self.id == other.id && self.columns == other.columns
    }
}
