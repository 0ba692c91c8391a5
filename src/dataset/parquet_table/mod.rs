//! Parquet files as batches of typed columns.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use arrow_array::cast::AsArray;
use arrow_array::timezone::Tz;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::column::{Column, ColumnType, Misfit, TextRules};
use super::error::{DataError, Place, RowRef};
use super::reader::{Batch, ColumnInfo, ReadOptions, TypeOrigin, check_header, select};
use super::source::Source;

pub(super) struct ParquetTable {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    header: Vec<String>,
    columns: Vec<ColumnInfo>,
    rules: TextRules,
    rows_read: u64,
}

impl ParquetTable {
    pub(super) fn open(source: &Source, options: &ReadOptions) -> Result<Self, DataError> {
        let path = source.path();
        let damaged = |e: parquet::errors::ParquetError| parquet_error(path, &e);
        let file = File::open(path).map_err(|e| DataError::io("open", path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
        let schema = builder.schema().clone();
        let header: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        if header.is_empty() {
            return Err(DataError::Empty { at: Place::file(path) });
        }
        check_header(path, &header, None)?;
        if builder.metadata().file_metadata().num_rows() == 0 {
            return Err(DataError::NoRows { at: Place::file(path) });
        }
        let selection = select(&header, source, options)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), selection.iter().map(|(i, ..)| *i));
        let columns = selection
            .into_iter()
            .map(|(i, name, declared)| describe(path, name, schema.field(i).data_type(), declared))
            .collect::<Result<_, _>>()?;
        let batches =
            builder.with_projection(mask).with_batch_size(options.batch_rows.max(1)).build().map_err(damaged)?;
        let rules = TextRules { missing: source.missing.clone(), date_format: source.date_format.clone() };
        Ok(Self { path: path.to_owned(), batches, header, columns, rules, rows_read: 0 })
    }

    pub(super) fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, DataError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = batch.map_err(|e| parquet_error(&self.path, &e))?;
        let first = self.rows_read + 1;
        self.rows_read += batch.num_rows() as u64;
        let mut columns = Vec::with_capacity(self.columns.len());
        for info in &self.columns {
            let array = batch.column_by_name(&info.name).ok_or_else(|| DataError::Parquet {
                at: Place::column(&self.path, &info.name),
                reason: "the column is in the schema but not in the data".to_owned(),
            })?;
            let filler = Filler { path: &self.path, info, rules: &self.rules, first };
            columns.push(filler.fill(array)?);
        }
        let rows = (first..=self.rows_read).map(RowRef::Record).collect();
        Ok(Some(Batch { rows, columns }))
    }
}

fn parquet_error(path: &Path, error: &dyn std::error::Error) -> DataError {
    DataError::Parquet { at: Place::file(path), reason: error.to_string() }
}

fn describe(
    path: &Path,
    name: String,
    stored: &DataType,
    declared: Option<ColumnType>,
) -> Result<ColumnInfo, DataError> {
    let native = native_type(stored)
        .ok_or_else(|| DataError::UnsupportedType { at: Place::column(path, &name), found: stored.to_string() })?;
    let origin = if declared.is_some() { TypeOrigin::Declared } else { TypeOrigin::Stored };
    Ok(ColumnInfo { name, kind: declared.unwrap_or(native), origin })
}

/// What a stored type is read as; decimals become floats.
fn native_type(stored: &DataType) -> Option<ColumnType> {
    use DataType as T;
    Some(match stored {
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => ColumnType::Integer,
        T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal32(..)
        | T::Decimal64(..)
        | T::Decimal128(..)
        | T::Decimal256(..) => ColumnType::Float,
        T::Boolean => ColumnType::Boolean,
        T::Date32 | T::Date64 => ColumnType::Date,
        T::Timestamp(..) => ColumnType::Datetime,
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Null => ColumnType::Text,
        T::Dictionary(_, values) => return native_type(values),
        _ => return None,
    })
}

/// Turns one array into one column.
struct Filler<'a> {
    path: &'a Path,
    info: &'a ColumnInfo,
    rules: &'a TextRules,
    first: u64,
}

impl Filler<'_> {
    fn fill(&self, array: &ArrayRef) -> Result<Column, DataError> {
        let stored = array.data_type();
        let value_type = if let DataType::Dictionary(_, values) = stored { values.as_ref() } else { stored };
        match native_type(value_type) {
            Some(ColumnType::Integer) => {
                let array = self.cast(array, &DataType::Int64)?;
                let values = array.as_primitive::<Int64Type>();
                self.push_all(values, |i| values.value(i), |c, v| c.push_integer(*v))
            }
            Some(ColumnType::Float) => {
                let array = self.cast(array, &DataType::Float64)?;
                let values = array.as_primitive::<Float64Type>();
                self.push_all(values, |i| values.value(i), |c, v| c.push_float(*v))
            }
            Some(ColumnType::Boolean) => {
                let array = self.cast(array, &DataType::Boolean)?;
                let values = array.as_boolean();
                self.push_all(values, |i| values.value(i), |c, v| c.push_boolean(*v))
            }
            Some(ColumnType::Date) => {
                let array = self.cast(array, &DataType::Date32)?;
                let values = array.as_primitive::<Date32Type>();
                self.push_times(values, |i| values.value_as_date(i), |c, v| c.push_date(*v))
            }
            Some(ColumnType::Datetime) => self.fill_datetimes(array, value_type),
            Some(ColumnType::Text) => {
                let array = self.cast(array, &DataType::LargeUtf8)?;
                let values = array.as_string::<i64>();
                self.push_all(values, |i| values.value(i), |c, v| c.push_text(v, self.rules))
            }
            None => Err(DataError::UnsupportedType {
                at: Place::column(self.path, &self.info.name),
                found: stored.to_string(),
            }),
        }
    }

    /// Timestamps with a zone are read as that zone's wall clock, those without one as they stand.
    fn fill_datetimes(&self, array: &ArrayRef, value_type: &DataType) -> Result<Column, DataError> {
        let zone = if let DataType::Timestamp(_, zone) = value_type { zone.clone() } else { None };
        let array = self.cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
        let values = array.as_primitive::<TimestampMicrosecondType>();
        let Some(name) = zone else {
            return self.push_times(values, |i| values.value_as_datetime(i), |c, v| c.push_datetime(*v));
        };
        let zone = Tz::from_str(&name).map_err(|e| self.damage(&e))?;
        let local = |i| values.value_as_datetime_with_tz(i, zone).map(|t| t.naive_local());
        self.push_times(values, local, |c, v| c.push_datetime(*v))
    }

    /// To the widest type of its family; what does not fit (an unsigned number over 2^63) is an error, never a null.
    fn cast(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef, DataError> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, to, &options).map_err(|e| self.damage(&e))
    }

    fn damage(&self, error: &dyn std::error::Error) -> DataError {
        let at = Place::cell(self.path, RowRef::Record(self.first), &self.info.name);
        DataError::Parquet { at, reason: format!("in the batch that starts here: {error}") }
    }

    fn push_all<V: ToString>(
        &self,
        array: &dyn Array,
        value: impl Fn(usize) -> V,
        push: impl Fn(&mut Column, &V) -> Result<(), Misfit>,
    ) -> Result<Column, DataError> {
        self.push_times(array, |i| Some(value(i)), push)
    }

    /// As `push_all`, for values that may lie outside what a calendar can show.
    fn push_times<V: ToString>(
        &self,
        array: &dyn Array,
        value: impl Fn(usize) -> Option<V>,
        push: impl Fn(&mut Column, &V) -> Result<(), Misfit>,
    ) -> Result<Column, DataError> {
        let mut column = Column::new(self.info.kind, array.len());
        for i in 0..array.len() {
            if array.is_null(i) {
                column.push_missing();
                continue;
            }
            let value = value(i).ok_or_else(|| self.misfit(i, "a time out of range"))?;
            push(&mut column, &value).map_err(|_| self.misfit(i, &value.to_string()))?;
        }
        Ok(column)
    }

    fn misfit(&self, index: usize, found: &str) -> DataError {
        let row = RowRef::Record(self.first + index as u64);
        let at = Place::cell(self.path, row, &self.info.name);
        DataError::Value { at, expected: self.info.kind.describe().to_owned(), found: found.to_owned() }
    }
}

#[cfg(test)]
mod tests;
