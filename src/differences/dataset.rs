//! A dataset on the disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::{RecordBatch, RecordBatchReader};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::file::metadata::PageIndexPolicy;
use rayon::prelude::*;

use super::DifferencesError;
use super::index::Index;
use super::manifest::{MANIFEST, Manifest, Partition};
use super::rows::{gathered, join_batches};
use crate::artifact::write_json;

/// How the names of a partition's rows and index end.
pub(super) const FILE_END: &str = ".parquet";
pub(super) const INDEX_END: &str = ".rows";
/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// A folder with its manifest.
#[derive(Debug, Clone)]
pub struct Dataset {
    folder: PathBuf,
    manifest: Manifest,
}

impl Dataset {
    /// The dataset in force in a folder; `None` if there is none.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn open(folder: &Path) -> Result<Option<Self>, DifferencesError> {
        Ok(Manifest::read(folder)?.map(|manifest| Self::new(folder, manifest)))
    }

    pub(super) fn new(folder: &Path, manifest: Manifest) -> Self {
        Self { folder: folder.to_owned(), manifest }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All rows of a partition, in the order of their ids.
    ///
    /// # Errors
    /// There is no such partition, or its file cannot be read.
    pub fn read(&self, partition: &str) -> Result<Vec<RecordBatch>, DifferencesError> {
        let found = self.manifest.partitions.get(partition).ok_or_else(|| {
            DifferencesError::damaged(
                &self.folder.join(MANIFEST),
                format!("expected a partition `{partition}`, found none"),
            )
        })?;
        let path = self.folder.join(&found.file);
        let reader = self.builder(&path, found)?.with_batch_size(BATCH_ROWS).build();
        let batches = reader.map_err(DifferencesError::parquet(&path))?;
        batches.collect::<Result<_, _>>().map_err(DifferencesError::arrow(partition))
    }

    pub(super) fn index(&self, partition: &Partition) -> Result<Index, DifferencesError> {
        Index::read(&self.folder.join(&partition.index), &self.manifest, &partition.digest)
    }

    fn builder(
        &self,
        path: &Path,
        partition: &Partition,
    ) -> Result<ParquetRecordBatchReaderBuilder<File>, DifferencesError> {
        let file = File::open(path).map_err(|e| DifferencesError::io("open", path, e))?;
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(DifferencesError::parquet(path))?;
        let rows = builder.metadata().file_metadata().num_rows();
        if rows as u64 != partition.rows {
            let reason = format!("expected {} rows, as in the manifest, found {rows}", partition.rows);
            return Err(DifferencesError::damaged(path, reason));
        }
        let found = Manifest::new(builder.schema(), &self.manifest.id);
        if !found.same_columns(&self.manifest) {
            let (expected, found) = (self.manifest.describe(), found.describe());
            return Err(DifferencesError::Columns { path: path.to_owned(), expected, found });
        }
        Ok(builder)
    }

    /// These rows of a partition, in the order asked for.
    pub(super) fn pick(
        &self,
        name: &str,
        partition: &Partition,
        rows: &[u32],
    ) -> Result<RecordBatch, DifferencesError> {
        let path = self.folder.join(&partition.file);
        let builder = self.builder(&path, partition)?;
        let ascending: BTreeSet<u32> =
            if rows.is_sorted_by(|a, b| a < b) { BTreeSet::new() } else { rows.iter().copied().collect() };
        let ordered: Vec<u32> = if ascending.is_empty() { rows.to_vec() } else { ascending.into_iter().collect() };
        let selection = RowSelection::from(selectors(&ordered, partition.rows as usize));
        let reader = builder.with_batch_size(BATCH_ROWS).with_row_selection(selection).build();
        let reader = reader.map_err(DifferencesError::parquet(&path))?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(DifferencesError::arrow(name))?;
        let found = join_batches(name, &schema, &batches)?;
        if found.num_rows() != ordered.len() {
            return Err(DifferencesError::damaged(&path, "expected the rows that its index has, found fewer"));
        }
        if ordered == rows {
            return Ok(found);
        }
        let places = rows.iter().map(|row| ordered.binary_search(row).unwrap_or(0) as u32).collect();
        gathered(name, &found, places)
    }

    /// Reads all rows and holds them against the digests in the manifest.
    ///
    /// # Errors
    /// The first partition that holds something else, and any I/O error.
    pub fn verify(&self) -> Result<(), DifferencesError> {
        let id = self.manifest.columns.iter().position(|column| column.name == self.manifest.id).unwrap_or(0);
        let verify = |(name, partition): (&String, &Partition)| {
            let path = self.folder.join(&partition.file);
            let reader = self.builder(&path, partition)?.with_batch_size(BATCH_ROWS).build();
            let mut index = Index::default();
            for batch in reader.map_err(DifferencesError::parquet(&path))? {
                index.extend(&batch.map_err(DifferencesError::arrow(name))?, id);
            }
            if index.digest(&self.manifest) == partition.digest {
                return Ok(());
            }
            Err(DifferencesError::damaged(&path, "expected the rows whose digest stands in the manifest, found others"))
        };
        self.manifest.partitions.par_iter().try_for_each(verify)
    }

    /// Puts the manifest in force, and removes the files of partitions that it does not name.
    pub(super) fn promote(&self) -> Result<(), DifferencesError> {
        write_json(&self.folder.join(MANIFEST), &self.manifest)?;
        let named = self.manifest.partitions.values().flat_map(|partition| [&partition.file, &partition.index]);
        let named: BTreeSet<&str> = named.map(String::as_str).collect();
        let list = |e| DifferencesError::io("list", &self.folder, e);
        for entry in std::fs::read_dir(&self.folder).map_err(list)? {
            let entry = entry.map_err(list)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if named_by_us(name) && !named.contains(name) {
                std::fs::remove_file(entry.path()).map_err(|e| DifferencesError::io("remove", &entry.path(), e))?;
            }
        }
        Ok(())
    }
}

/// Whether the name is one that the writer gives.
fn named_by_us(name: &str) -> bool {
    name.starts_with("part-") && [FILE_END, INDEX_END].iter().any(|end| name.ends_with(end))
}

/// Skip so many, take so many, and so on, to the file's end.
fn selectors(rows: &[u32], total: usize) -> Vec<RowSelector> {
    let mut found = Vec::with_capacity(2 * rows.len() + 1);
    let mut end = 0;
    for run in rows.chunk_by(|a, b| a + 1 == *b) {
        let first = run[0] as usize;
        if first > end {
            found.push(RowSelector::skip(first - end));
        }
        found.push(RowSelector::select(run.len()));
        end = first + run.len();
    }
    if total > end {
        found.push(RowSelector::skip(total - end));
    }
    found
}
