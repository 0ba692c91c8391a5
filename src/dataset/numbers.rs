//! Columns of numbers out of a Parquet file, block by block, as fast as they are decoded: for tables of which no cell needs
//! a place of its own.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use super::error::{DataError, Place, RowRef};
use super::source::{Format, Source};

/// Some consecutive rows.
#[derive(Debug, Clone, Default)]
pub struct NumberBlock {
    /// The number of the first row in the file, from 0 (of a sample: of the rows before it in the sample).
    pub first: usize,
    /// How many rows.
    pub rows: usize,
    /// Ids, if a column of ids was asked for.
    pub ids: Vec<i64>,
    /// One vector a column; NaN where there is no value.
    pub columns: Vec<Vec<f32>>,
}

/// Reads columns of numbers.
pub struct NumberReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    id: Option<String>,
    names: Vec<String>,
    total: usize,
    done: usize,
}

impl std::fmt::Debug for NumberReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NumberReader").field("path", &self.path).field("total", &self.total).finish_non_exhaustive()
    }
}

impl NumberReader {
    /// Opens a Parquet file for blocks of `rows` rows of these columns, and perhaps of a column of whole numbers as ids.
    /// With `sample`, about so many rows are read, in stretches that are spread evenly over the file.
    ///
    /// # Errors
    /// If the file is no Parquet, lacks a column, or holds texts in one.
    pub fn open(
        source: &Source,
        id: Option<&str>,
        names: &[String],
        rows: usize,
        sample: Option<usize>,
    ) -> Result<Self, DataError> {
        let path = source.path().to_owned();
        let damaged =
            |e: parquet::errors::ParquetError| DataError::Parquet { at: Place::file(&path), reason: e.to_string() };
        let head = super::reader::read_head(&path)?;
        if source.resolve_format(&head)? != Format::Parquet {
            let reason = format!("expected a Parquet file to stream from, found {}", path.display());
            return Err(DataError::spec("format", reason));
        }
        let file = File::open(&path).map_err(|e| DataError::io("open", &path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let schema = builder.schema().clone();
        let mut places = vec![];
        for name in id.into_iter().chain(names.iter().map(String::as_str)) {
            let Ok(place) = schema.index_of(name) else {
                let reason = format!("expected a column `{name}` in {}, found none", path.display());
                return Err(DataError::spec("columns", reason));
            };
            let found = schema.field(place).data_type();
            let fits =
                if id == Some(name) { found.is_integer() } else { found.is_numeric() || *found == DataType::Boolean };
            if !fits {
                return Err(DataError::UnsupportedType { at: Place::column(&path, name), found: found.to_string() });
            }
            places.push(place);
        }
        let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        if total == 0 {
            return Err(DataError::NoRows { at: Place::file(&path) });
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        let mut builder = builder.with_projection(mask).with_batch_size(rows.max(1));
        if let Some(wanted) = sample.filter(|wanted| *wanted < total) {
            builder = builder.with_row_selection(stretches(total, wanted));
        }
        let batches = builder.build().map_err(damaged)?;
        Ok(Self { path, batches, id: id.map(str::to_owned), names: names.to_vec(), total, done: 0 })
    }

    /// Rows of the whole file.
    pub const fn total(&self) -> usize {
        self.total
    }

    /// The next block, `None` after the last.
    ///
    /// # Errors
    /// If the file is damaged, an id is missing, or a value does not fit 32 bits.
    pub fn next_block(&mut self) -> Result<Option<NumberBlock>, DataError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|e| self.damage(None, &e))?;
        let ids = self.ids(&batch)?;
        let columns = self.names.iter().map(|name| self.column(&batch, name)).collect::<Result<_, _>>()?;
        let block = NumberBlock { first: self.done, rows: batch.num_rows(), ids, columns };
        self.done += block.rows;
        Ok(Some(block))
    }

    fn damage(&self, column: Option<&str>, error: &dyn std::fmt::Display) -> DataError {
        let row = RowRef::Record(self.done as u64 + 1);
        let at = column.map_or_else(|| Place::row(&self.path, row), |name| Place::cell(&self.path, row, name));
        DataError::Parquet { at, reason: format!("in the batch that starts here: {error}") }
    }

    fn cast(&self, batch: &RecordBatch, name: &str, to: &DataType) -> Result<arrow_array::ArrayRef, DataError> {
        let missing = || self.damage(Some(name), &"the column is in the schema but not in the data");
        let array = batch.column_by_name(name).ok_or_else(missing)?;
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, to, &options).map_err(|e| self.damage(Some(name), &e))
    }

    fn ids(&self, batch: &RecordBatch) -> Result<Vec<i64>, DataError> {
        let Some(name) = &self.id else { return Ok(vec![]) };
        let array = self.cast(batch, name, &DataType::Int64)?;
        let values = array.as_primitive::<Int64Type>();
        if values.null_count() > 0 {
            let row = (0..values.len()).find(|row| values.is_null(*row)).unwrap_or(0);
            let at = Place::cell(&self.path, RowRef::Record((self.done + row) as u64 + 1), name);
            return Err(DataError::Missing { at, expected: "an id".to_owned() });
        }
        Ok(values.values().to_vec())
    }

    fn column(&self, batch: &RecordBatch, name: &str) -> Result<Vec<f32>, DataError> {
        let array = self.cast(batch, name, &DataType::Float32)?;
        let values = array.as_primitive::<Float32Type>();
        if values.null_count() == 0 {
            return Ok(values.values().to_vec());
        }
        Ok(values.iter().map(|value| value.unwrap_or(f32::NAN)).collect())
    }
}

/// Rows of a stretch of a sample.
const STRETCH: usize = 1024;

/// About `wanted` of `total` rows in stretches that lie evenly.
fn stretches(total: usize, wanted: usize) -> RowSelection {
    let count = wanted.div_ceil(STRETCH).max(1);
    let mut selectors = vec![];
    let mut at = 0;
    for stretch in 0..count {
        let start = (stretch * total / count).max(at);
        let end = (start + STRETCH.min(wanted - stretch * STRETCH)).min(total);
        if start > at {
            selectors.push(RowSelector::skip(start - at));
        }
        if end > start {
            selectors.push(RowSelector::select(end - start));
        }
        at = end;
    }
    if at < total {
        selectors.push(RowSelector::skip(total - at));
    }
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::artifact::table::{Cells, Table};
    use crate::dataset::RawSource;

    fn open(rows: usize, sample: Option<usize>) -> NumberReader {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let table = Table::new([
            ("id", Cells::i64((0..rows).map(|i| i as i64 * 7))),
            ("a", Cells::F32((0..rows).map(|i| (i % 3 != 0).then_some(i as f32)).collect())),
            ("b", Cells::i64((0..rows).map(|i| i as i64))),
        ]);
        table.expect("a table").write_parquet(&path).expect("written");
        let source = RawSource::of(path).check(Path::new("")).expect("a source");
        NumberReader::open(&source, Some("id"), &["b".to_owned(), "a".to_owned()], 500, sample).expect("opens")
    }

    #[test]
    fn e21_numbers_come_in_blocks_with_ids_and_gaps() {
        let mut reader = open(1200, None);
        assert_eq!(reader.total(), 1200);
        let mut seen = 0;
        while let Some(block) = reader.next_block().expect("reads") {
            assert_eq!((block.first, block.columns.len()), (seen, 2));
            for row in 0..block.rows {
                let number = seen + row;
                assert_eq!((block.ids[row], block.columns[0][row]), (number as i64 * 7, number as f32));
                assert_eq!(block.columns[1][row].is_nan(), number % 3 == 0);
            }
            seen += block.rows;
        }
        assert_eq!(seen, 1200);
    }

    #[test]
    fn e21_a_sample_lies_evenly_over_the_file() {
        let mut reader = open(10_000, Some(3000));
        let mut ids = vec![];
        while let Some(block) = reader.next_block().expect("reads") {
            ids.extend(block.ids.iter().map(|id| id / 7));
        }
        assert_eq!(ids.len(), 3000);
        let third = |from: i64| ids.iter().filter(|id| (from..from + 3334).contains(*id)).count();
        assert!(
            (950..=1050).contains(&third(0)) && (950..=1050).contains(&third(6666)),
            "{} {}",
            third(0),
            third(6666)
        );
    }

    #[test]
    fn e21_texts_and_missing_columns_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let table = Table::new([("a", Cells::text(["x"]))]).expect("a table");
        table.write_parquet(&path).expect("written");
        let source = RawSource::of(path).check(Path::new("")).expect("a source");
        let refused = |name: &str| {
            NumberReader::open(&source, None, &[name.to_owned()], 10, None).expect_err("refused").to_string()
        };
        assert!(refused("b").contains("expected a column `b`"), "{}", refused("b"));
        assert!(refused("a").contains("column `a`"), "{}", refused("a"));
    }
}
