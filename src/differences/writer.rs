//! Writing a dataset's next state beside the one in force.

use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::dataset::{FILE_END, INDEX_END};
use super::index::Index;
use super::manifest::{Manifest, Partition};
use super::rows::{by_id, gathered, join_batches};
use super::value::{Family, Value, family, value_at};
use super::{Dataset, DifferencesError, PartitionChanges, Summary, compare};
use crate::artifact::{ensure_folder, write_bytes};

/// Keys that are held at a time to find ids that stand in two partitions: 256 MiB of them.
const KEYS_MAX: u64 = 8 << 20;

/// Writes the partitions of a dataset's next state.
#[derive(Debug)]
pub struct PartitionedWriter {
    folder: PathBuf,
    schema: SchemaRef,
    id: usize,
    before: Option<Dataset>,
    manifest: Manifest,
    written: usize,
    kept: usize,
}

impl PartitionedWriter {
    /// Begins the next state of the dataset in `folder`, which may be a new one. The rows have these columns, one of which is
    /// their id (text or whole numbers).
    ///
    /// # Errors
    /// Columns of a type that cannot be compared, an id that is none of them, a state in force of another version or with
    /// other columns.
    pub fn create(folder: &Path, schema: SchemaRef, id: &str) -> Result<Self, DifferencesError> {
        let refuse = |column: &str, expected, found: String| {
            Err(DifferencesError::Column { column: column.to_owned(), expected, found })
        };
        for field in schema.fields() {
            if family(field.data_type()).is_none() {
                let expected = "text, numbers, truth values, dates or timestamps";
                return refuse(field.name(), expected, field.data_type().to_string());
            }
        }
        let Ok(place) = schema.index_of(id) else {
            return refuse(id, "the id among the columns", "none of this name".to_owned());
        };
        let kind = schema.field(place).data_type();
        if !matches!(family(kind), Some(Family::Text | Family::Int)) {
            return refuse(id, "an id of text or whole numbers", kind.to_string());
        }
        ensure_folder(folder)?;
        let manifest = Manifest::new(&schema, id);
        let before = Dataset::open(folder)?;
        if let Some(before) = before.as_ref().filter(|before| !before.manifest().same_columns(&manifest)) {
            let (expected, found) = (before.manifest().describe(), manifest.describe());
            return Err(DifferencesError::Columns { path: folder.to_owned(), expected, found });
        }
        Ok(Self { folder: folder.to_owned(), schema, id: place, before, manifest, written: 0, kept: 0 })
    }

    /// Adds a partition with these rows, in any order. If the state in force has it with the same rows, its files are kept.
    ///
    /// # Errors
    /// A partition or an id that came before, a row without an id, batches of other columns, and any I/O error.
    pub fn partition(&mut self, name: &str, batches: &[RecordBatch]) -> Result<(), DifferencesError> {
        if self.manifest.partitions.contains_key(name) {
            return Err(DifferencesError::PartitionTwice(name.to_owned()));
        }
        let rows = self.sorted(name, batches)?;
        let mut index = Index::default();
        index.extend(&rows, self.id);
        let digest = index.digest(&self.manifest);
        let before = self.before.as_ref().and_then(|before| before.manifest().partitions.get(name));
        if let Some(before) = before.filter(|before| before.digest == digest) {
            self.manifest.partitions.insert(name.to_owned(), before.clone());
            self.kept += 1;
            return Ok(());
        }
        let stem = format!("part-{}", &digest[..24]);
        let (file, place) = (format!("{stem}{FILE_END}"), format!("{stem}{INDEX_END}"));
        let path = self.folder.join(&file);
        write_bytes(&path, &parquet_bytes(&rows).map_err(DifferencesError::parquet(&path))?)?;
        index.write(&self.folder.join(&place))?;
        let partition = Partition { file, index: place, rows: rows.num_rows() as u64, digest };
        if let Entry::Vacant(entry) = self.manifest.partitions.entry(name.to_owned()) {
            entry.insert(partition);
            self.written += 1;
        }
        Ok(())
    }

    fn sorted(&self, name: &str, batches: &[RecordBatch]) -> Result<RecordBatch, DifferencesError> {
        for batch in batches {
            let found = Manifest::new(batch.schema_ref(), &self.manifest.id);
            if !found.same_columns(&self.manifest) {
                let (expected, found) = (self.manifest.describe(), found.describe());
                return Err(DifferencesError::Columns { path: self.folder.join(name), expected, found });
            }
        }
        let rows = join_batches(name, &self.schema, batches)?;
        let places = by_id(name, &self.manifest.id, rows.column(self.id))?;
        if places.is_sorted() { Ok(rows) } else { gathered(name, &rows, places) }
    }

    /// All partitions were added. The state in force is still the old one.
    ///
    /// # Errors
    /// An id that stands in two partitions, and any I/O error.
    pub fn finish(self) -> Result<Next, DifferencesError> {
        let dataset = Dataset::new(&self.folder, self.manifest);
        if self.written > 0 && dataset.manifest().partitions.len() > 1 {
            refuse_repeated(&dataset, self.id)?;
        }
        Ok(Next { before: self.before, dataset, written: self.written, kept: self.kept })
    }
}

/// The same rows give the same bytes.
fn parquet_bytes(rows: &RecordBatch) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let properties =
        WriterProperties::builder().set_created_by("nightloom".to_owned()).set_compression(Compression::SNAPPY).build();
    let options = ArrowWriterOptions::new().with_properties(properties);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    writer.write(rows)?;
    writer.into_inner()
}

/// Ids of all partitions, a share of them at a time.
fn refuse_repeated(dataset: &Dataset, id: usize) -> Result<(), DifferencesError> {
    let partitions = &dataset.manifest().partitions;
    let rows: u64 = partitions.values().map(|partition| partition.rows).sum();
    let passes = u128::from(rows / KEYS_MAX + 1);
    for pass in 0..passes {
        let mut keys: Vec<(u128, u32, u32)> = Vec::new();
        for (number, partition) in partitions.values().enumerate() {
            let index = dataset.index(partition)?;
            let share = index.keys.iter().zip(0..).filter(|(key, _)| *key % passes == pass);
            keys.extend(share.map(|(key, row)| (*key, number as u32, row)));
        }
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(repeated(dataset, id, (pair[0].1, pair[0].2), (pair[1].1, pair[1].2)));
        }
    }
    Ok(())
}

fn repeated(dataset: &Dataset, id: usize, first: (u32, u32), second: (u32, u32)) -> DifferencesError {
    let place = |(number, row): (u32, u32)| {
        let name = dataset.manifest().partitions.keys().nth(number as usize).cloned().unwrap_or_default();
        (name, u64::from(row) + 1)
    };
    let entry = dataset.manifest().partitions.iter().nth(first.0 as usize);
    let row = entry.map(|(name, partition)| dataset.pick(name, partition, &[first.1]));
    match row {
        Some(Err(error)) => error,
        Some(Ok(row)) => DifferencesError::Duplicate {
            id: value_at(row.column(id), 0).to_string(),
            first: place(first),
            second: place(second),
        },
        None => DifferencesError::Duplicate { id: Value::Null.to_string(), first: place(first), second: place(second) },
    }
}

/// A state whose files are all there, but whose manifest is not in force yet.
#[derive(Debug)]
pub struct Next {
    before: Option<Dataset>,
    dataset: Dataset,
    written: usize,
    kept: usize,
}

impl Next {
    /// The new state.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The state in force, if there is one.
    pub fn before(&self) -> Option<&Dataset> {
        self.before.as_ref()
    }

    /// How many partitions were written.
    pub fn written(&self) -> usize {
        self.written
    }

    /// How many partitions stayed as they were, files and all.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Compares the state in force with the new one.
    ///
    /// # Errors
    /// As [`compare`].
    pub fn compare(
        &self,
        each: impl FnMut(PartitionChanges) -> Result<(), DifferencesError>,
    ) -> Result<Summary, DifferencesError> {
        compare(self.before.as_ref(), &self.dataset, each)
    }

    /// Puts the new state in force and removes the files of the old one that it does not share.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn promote(self) -> Result<Dataset, DifferencesError> {
        self.dataset.promote()?;
        Ok(self.dataset)
    }
}
