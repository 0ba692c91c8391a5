//! CSV records as batches of typed columns.

use std::path::PathBuf;

use super::column::{Column, ColumnType, TextRules, widen};
use super::decode::TextStream;
use super::error::{DataError, Place, RowRef};
use super::reader::{Batch, ColumnInfo, ReadOptions, Selection, TypeOrigin, check_header, select};
use super::records::{Record, RecordReader};
use super::source::{Format, Source};

pub(super) struct CsvTable {
    path: PathBuf,
    records: RecordReader,
    rules: TextRules,
    header: Vec<String>,
    /// Position in the file of each column of the batches.
    positions: Vec<usize>,
    columns: Vec<ColumnInfo>,
    batch_rows: usize,
    sample: std::vec::IntoIter<Record>,
    sample_rows: usize,
    scratch: Record,
}

impl CsvTable {
    pub(super) fn open(source: &Source, format: Format, options: &ReadOptions) -> Result<Self, DataError> {
        let path = source.path();
        let text = TextStream::open(path, format, source.encoding)?;
        let mut records = RecordReader::new(path, text, source.delimiter);
        let header = read_header(source, &mut records)?;
        let selection = select(&header, source, options)?;
        let sample = read_sample(source, &mut records, header.len(), options.sample_rows.max(1))?;
        let rules = TextRules { missing: source.missing.clone(), date_format: source.date_format.clone() };
        Ok(Self {
            path: path.to_owned(),
            records,
            header,
            positions: selection.iter().map(|(position, ..)| *position).collect(),
            columns: settle_types(selection, &sample, &rules),
            rules,
            batch_rows: options.batch_rows.max(1),
            sample_rows: sample.len(),
            sample: sample.into_iter(),
            scratch: Record::default(),
        })
    }

    pub(super) fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, DataError> {
        let mut rows = Vec::new();
        let mut columns: Vec<Column> = self.columns.iter().map(|c| Column::new(c.kind, 0)).collect();
        while rows.len() < self.batch_rows && self.next_record()? {
            for (index, column) in columns.iter_mut().enumerate() {
                let text = self.scratch.field(self.positions[index]);
                column.push_text(text, &self.rules).map_err(|_| self.misfit(index, text))?;
            }
            rows.push(self.scratch.row());
        }
        Ok((!rows.is_empty()).then_some(Batch { rows, columns }))
    }

    /// The next record of the right width into `scratch`: first those of the sample.
    fn next_record(&mut self) -> Result<bool, DataError> {
        if let Some(record) = self.sample.next() {
            self.scratch = record;
            return Ok(true);
        }
        Ok(self.records.read(&mut self.scratch)? && check_width(&self.path, &self.scratch, self.header.len())?)
    }

    fn misfit(&self, index: usize, text: &str) -> DataError {
        let info = &self.columns[index];
        let expected = match info.origin {
            TypeOrigin::Inferred => format!(
                "{} (as in the first {} rows; declare another type with `types`)",
                info.kind.describe(),
                self.sample_rows
            ),
            TypeOrigin::Declared | TypeOrigin::Stored => info.kind.describe().to_owned(),
        };
        let at = Place::cell(&self.path, self.scratch.row(), &info.name);
        DataError::Value { at, expected, found: text.to_owned() }
    }
}

fn read_header(source: &Source, records: &mut RecordReader) -> Result<Vec<String>, DataError> {
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(DataError::Empty { at: Place::file(&source.path) });
    }
    let names: Vec<String> = (0..record.len()).map(|i| record.field(i).trim().to_owned()).collect();
    check_header(&source.path, &names, Some(record.row()))?;
    Ok(names)
}

fn check_width(path: &std::path::Path, record: &Record, expected: usize) -> Result<bool, DataError> {
    if record.len() == expected {
        return Ok(true);
    }
    Err(DataError::Ragged { at: Place::row(path, record.row()), expected, found: record.len() })
}

fn read_sample(
    source: &Source,
    records: &mut RecordReader,
    width: usize,
    rows_max: usize,
) -> Result<Vec<Record>, DataError> {
    let mut sample = Vec::new();
    let mut record = Record::default();
    while sample.len() < rows_max && records.read(&mut record)? {
        check_width(&source.path, &record, width)?;
        sample.push(record.clone());
    }
    if sample.is_empty() {
        return Err(DataError::NoRows { at: Place::row(&source.path, RowRef::Line(1)) });
    }
    Ok(sample)
}

fn settle_types(selection: Selection, sample: &[Record], rules: &TextRules) -> Vec<ColumnInfo> {
    let settle = |(position, name, declared): (usize, String, Option<ColumnType>)| match declared {
        Some(kind) => ColumnInfo { name, kind, origin: TypeOrigin::Declared },
        None => ColumnInfo { name, kind: infer(sample, position, rules), origin: TypeOrigin::Inferred },
    };
    selection.into_iter().map(settle).collect()
}

/// The narrowest type that takes every value of the sample; text if all are missing.
fn infer(sample: &[Record], position: usize, rules: &TextRules) -> ColumnType {
    let present = sample.iter().map(|record| record.field(position)).filter(|text| !rules.is_missing(text));
    present.map(|text| rules.kind_of(text)).reduce(widen).unwrap_or(ColumnType::Text)
}
