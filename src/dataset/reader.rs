//! The streaming table reader: batches of typed columns out of a CSV or Parquet file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::column::{Column, ColumnType};
use super::csv_table::CsvTable;
use super::error::{DataError, Place, RowRef};
use super::parquet_table::ParquetTable;
use super::source::{Format, Source};

/// One column that the caller asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name in the header.
    pub name: String,
    /// Its type; `None` leaves it to the source's declaration, then to inference (CSV) or to the file (Parquet).
    pub kind: Option<ColumnType>,
}

impl Wanted {
    /// A column of a given type.
    pub fn typed(name: &str, kind: ColumnType) -> Self {
        Self { name: name.to_owned(), kind: Some(kind) }
    }

    /// A column of whatever type it has.
    pub fn any(name: &str) -> Self {
        Self { name: name.to_owned(), kind: None }
    }
}

/// How a table is to be read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The columns, in the order in which the batches give them; empty means all, in the file's order.
    pub columns: Vec<Wanted>,
    /// The most rows in a batch.
    pub batch_rows: usize,
    /// How many rows the inference of types looks at.
    pub sample_rows: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { columns: Vec::new(), batch_rows: 8192, sample_rows: 1000 }
    }
}

/// Where a column's type comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeOrigin {
    /// The caller or the source's description says so.
    Declared,
    /// Told from the first rows.
    Inferred,
    /// The file says so.
    Stored,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// Where the type comes from.
    pub origin: TypeOrigin,
}

/// Some consecutive rows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where each row stands in the file.
    pub rows: Vec<RowRef>,
    /// The columns, in the order of [`TableReader::columns`], each as long as `rows`.
    pub columns: Vec<Column>,
}

enum Table {
    Csv(Box<CsvTable>),
    Parquet(Box<ParquetTable>),
}

/// Reads one table from its first row to its last, a batch at a time; only one batch is held.
pub struct TableReader {
    table: Table,
}

impl TableReader {
    /// Opens a table, checks its header and settles the types of its columns.
    ///
    /// # Errors
    /// A file that cannot be read or is not in the declared format, a bad header, no rows, a column that is asked for
    /// and not there, and any fault in the rows that the inference looks at.
    pub fn open(source: &Source, options: &ReadOptions) -> Result<Self, DataError> {
        let table = match source.resolve_format(&read_head(source.path())?)? {
            Format::Parquet => Table::Parquet(Box::new(ParquetTable::open(source, options)?)),
            text => Table::Csv(Box::new(CsvTable::open(source, text, options)?)),
        };
        Ok(Self { table })
    }

    /// The columns of every batch.
    pub fn columns(&self) -> &[ColumnInfo] {
        match &self.table {
            Table::Csv(table) => table.columns(),
            Table::Parquet(table) => table.columns(),
        }
    }

    /// The names of all columns that the file has, whether they are read or not.
    pub fn header(&self) -> &[String] {
        match &self.table {
            Table::Csv(table) => table.header(),
            Table::Parquet(table) => table.header(),
        }
    }

    /// The next batch, `None` after the last.
    ///
    /// # Errors
    /// Any fault in the file, with its row and column.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, DataError> {
        match &mut self.table {
            Table::Csv(table) => table.next_batch(),
            Table::Parquet(table) => table.next_batch(),
        }
    }
}

impl Iterator for TableReader {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

pub(super) fn read_head(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|e| DataError::io("open", path, e))?;
    file.take(4).read_to_end(&mut head).map_err(|e| DataError::io("read", path, e))?;
    if head.is_empty() { Err(DataError::Empty { at: Place::file(path) }) } else { Ok(head) }
}

/// The columns to read: position in the file, name, declared type.
pub(super) type Selection = Vec<(usize, String, Option<ColumnType>)>;

/// Finds the wanted columns in the header.
pub(super) fn select(header: &[String], source: &Source, options: &ReadOptions) -> Result<Selection, DataError> {
    let position = |name: &str| {
        header.iter().position(|h| h == name).ok_or_else(|| DataError::UnknownColumn {
            at: Place::column(&source.path, name),
            hint: column_hint(header, name),
        })
    };
    for name in source.types.keys() {
        position(name)?;
    }
    let declared = |name: &str| source.types.get(name).copied();
    if options.columns.is_empty() {
        return Ok(header.iter().enumerate().map(|(i, name)| (i, name.clone(), declared(name))).collect());
    }
    let wanted = options.columns.iter();
    wanted.map(|w| Ok((position(&w.name)?, w.name.clone(), w.kind.or_else(|| declared(&w.name))))).collect()
}

/// What may have been meant.
fn column_hint(header: &[String], name: &str) -> String {
    const SHOWN_MAX: usize = 12;
    const LIKENESS_MIN: f64 = 0.8;
    if let [only] = header
        && let Some(delimiter) = [';', '\t', '|', ','].into_iter().find(|d| only.contains(*d))
    {
        return format!("the header is the one name `{only}`: is the delimiter {delimiter:?}?");
    }
    let likeness = |h: &String| strsim::jaro_winkler(&h.to_lowercase(), &name.to_lowercase());
    match header.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(best) if likeness(best) >= LIKENESS_MIN => format!("did you mean `{best}`?"),
        _ => {
            let shown = header.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("the header has {shown}{}", if header.len() > SHOWN_MAX { ", ..." } else { "" })
        }
    }
}

/// A header without nameless or repeated columns.
pub(super) fn check_header(path: &Path, names: &[String], row: Option<RowRef>) -> Result<(), DataError> {
    let mut seen = std::collections::HashMap::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let position = index + 1;
        let mut at = Place::file(path);
        at.row = row;
        if name.is_empty() {
            return Err(DataError::UnnamedColumn { at, position });
        }
        if let Some(first) = seen.insert(name, position) {
            at.column = Some(name.clone());
            return Err(DataError::DuplicateColumn { at, first, second: position });
        }
    }
    Ok(())
}
