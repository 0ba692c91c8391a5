//! Result tables as CSV or Parquet.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArtifactError, write_atomic, write_bytes};

/// How a result table is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// Text that everything reads.
    #[default]
    Csv,
    /// Smaller, and with its types.
    Parquet,
}

impl TableFormat {
    /// The ending of the file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] for any ending but `.csv` and `.parquet`.
    pub fn of_path(path: &Path) -> Result<Self, ArtifactError> {
        match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(ArtifactError::format(path, "expected a name that ends in .csv or .parquet")),
        }
    }
}

/// One column's values; `None` is written as an empty CSV field or a Parquet null.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// 64-bit numbers.
    F64(Vec<Option<f64>>),
    /// 32-bit numbers.
    F32(Vec<Option<f32>>),
    /// Whole numbers.
    I64(Vec<Option<i64>>),
    /// Texts. An empty text and a missing one look alike in CSV.
    Text(Vec<Option<String>>),
    /// `true` and `false`.
    Bool(Vec<Option<bool>>),
    /// Texts of which there are few, by their numbers in a list.
    Words(Vec<u32>, Arc<[String]>),
}

impl Cells {
    /// Numbers, none missing.
    pub fn f64(values: impl IntoIterator<Item = f64>) -> Self {
        Self::F64(values.into_iter().map(Some).collect())
    }

    /// 32-bit numbers, none missing.
    pub fn f32(values: impl IntoIterator<Item = f32>) -> Self {
        Self::F32(values.into_iter().map(Some).collect())
    }

    /// Whole numbers, none missing.
    pub fn i64(values: impl IntoIterator<Item = i64>) -> Self {
        Self::I64(values.into_iter().map(Some).collect())
    }

    /// Texts, none missing.
    pub fn text<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Text(values.into_iter().map(|v| Some(v.into())).collect())
    }

    /// Truth values, none missing.
    pub fn bool(values: impl IntoIterator<Item = bool>) -> Self {
        Self::Bool(values.into_iter().map(Some).collect())
    }

    /// How many values there are, missing ones among them.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Words(v, _) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value as a CSV field. Floats are the shortest text that reads back to the same bits, and always show that they
    /// are floats (`1.0`, `1e300`).
    fn csv(&self, row: usize) -> String {
        match self {
            Self::F64(v) => v[row].map(|x| format!("{x:?}")),
            Self::F32(v) => v[row].map(|x| format!("{x:?}")),
            Self::I64(v) => v[row].map(|x| x.to_string()),
            Self::Text(v) => v[row].clone(),
            Self::Bool(v) => v[row].map(|x| x.to_string()),
            Self::Words(v, words) => words.get(v[row] as usize).cloned(),
        }
        .unwrap_or_default()
    }

    fn arrow(&self) -> ArrayRef {
        match self {
            Self::F64(v) => Arc::new(Float64Array::from(v.clone())),
            Self::F32(v) => Arc::new(Float32Array::from(v.clone())),
            Self::I64(v) => Arc::new(Int64Array::from(v.clone())),
            Self::Text(v) => Arc::new(v.iter().map(Option::as_deref).collect::<StringArray>()),
            Self::Bool(v) => Arc::new(BooleanArray::from(v.clone())),
            Self::Words(v, words) => {
                Arc::new(v.iter().map(|word| words.get(*word as usize).map(String::as_str)).collect::<StringArray>())
            }
        }
    }
}

/// A table: named columns of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<(String, Cells)>,
    rows: usize,
}

impl Table {
    /// A table of these columns, in this order.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] without columns, for a nameless or repeated column, and for columns of unequal length.
    pub fn new<N: Into<String>>(columns: impl IntoIterator<Item = (N, Cells)>) -> Result<Self, ArtifactError> {
        let columns: Vec<(String, Cells)> = columns.into_iter().map(|(name, cells)| (name.into(), cells)).collect();
        let Some((_, first)) = columns.first() else {
            return Err(ArtifactError::content("table", "expected at least one column, found none"));
        };
        let rows = first.len();
        let mut seen = HashSet::new();
        for (name, cells) in &columns {
            let refuse = |reason: String| Err(ArtifactError::content(format!("column `{name}`"), reason));
            if name.is_empty() || !seen.insert(name) {
                return refuse("expected a name of its own, found an empty or repeated one".to_owned());
            }
            if cells.len() != rows {
                return refuse(format!("expected {rows} values, as in the first column, found {}", cells.len()));
            }
        }
        Ok(Self { columns, rows })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns with their names.
    pub fn columns(&self) -> &[(String, Cells)] {
        &self.columns
    }

    /// Writes the table in this format, atomically.
    ///
    /// # Errors
    /// As [`Table::write_csv`] and [`Table::write_parquet`].
    pub fn write(&self, path: &Path, format: TableFormat) -> Result<(), ArtifactError> {
        match format {
            TableFormat::Csv => self.write_csv(path),
            TableFormat::Parquet => self.write_parquet(path),
        }
    }

    /// Writes the table as CSV by RFC 4180 (UTF-8, CRLF, fields quoted where they must be), atomically.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn write_csv(&self, path: &Path) -> Result<(), ArtifactError> {
        write_atomic(path, |out| self.fill_csv(out).map_err(std::io::Error::from))
    }

    /// The bytes that [`Table::write_csv`] writes.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] if the encoder refuses the table.
    pub fn csv(&self) -> Result<Vec<u8>, ArtifactError> {
        let mut bytes = Vec::new();
        self.fill_csv(&mut bytes).map_err(|e| ArtifactError::content("table", e.to_string()))?;
        Ok(bytes)
    }

    /// As [`Table::csv`], without the columns' names: for a part behind another.
    ///
    /// # Errors
    /// As [`Table::csv`].
    pub fn csv_rows(&self) -> Result<Vec<u8>, ArtifactError> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let fail = |reason: String| ArtifactError::content("table", reason);
        self.add_csv(&mut writer, false).map_err(|e| fail(e.to_string()))?;
        writer.into_inner().map_err(|e| fail(e.to_string()))
    }

    fn fill_csv(&self, out: &mut dyn Write) -> Result<(), csv::Error> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        self.add_csv(&mut writer, true)?;
        writer.flush()?;
        Ok(())
    }

    /// Adds the rows, perhaps with the columns' names in front.
    pub(super) fn add_csv<W: Write>(&self, writer: &mut csv::Writer<W>, names: bool) -> Result<(), csv::Error> {
        if names {
            writer.write_record(self.columns.iter().map(|(name, _)| name))?;
        }
        for row in 0..self.rows {
            writer.write_record(self.columns.iter().map(|(_, cells)| cells.csv(row)))?;
        }
        Ok(())
    }

    /// Writes the table as Parquet (zstd), atomically; the file says nothing of when or where it was written.
    ///
    /// # Errors
    /// Any I/O error, and [`ArtifactError::Content`] if the encoder refuses the table.
    pub fn write_parquet(&self, path: &Path) -> Result<(), ArtifactError> {
        let bytes = self.parquet().map_err(|e| ArtifactError::content(path.display().to_string(), e.to_string()))?;
        write_bytes(path, &bytes)
    }

    fn parquet(&self) -> Result<Vec<u8>, parquet::errors::ParquetError> {
        let (batch, options) = (batch_of(self)?, writer_options()?);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
        writer.write(&batch)?;
        writer.into_inner()
    }
}

/// The table as Arrow has it.
pub(super) fn batch_of(table: &Table) -> Result<RecordBatch, arrow_schema::ArrowError> {
    RecordBatch::try_from_iter_with_nullable(table.columns.iter().map(|(name, cells)| (name, cells.arrow(), true)))
}

/// Zstd, and nothing of when or by what it was written.
pub(super) fn writer_options() -> Result<ArrowWriterOptions, parquet::errors::ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by("nightloom".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .build();
    Ok(ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Column, RawSource, ReadOptions, TableReader};

    fn table() -> Table {
        Table::new([
            (
                "name, quoted",
                Cells::Text(vec![Some("a\"b".into()), Some("line\r\nbreak".into()), None, Some("产品".into())]),
            ),
            ("f64", Cells::F64(vec![Some(0.1), Some(1e300), Some(-0.0), None])),
            ("f32", Cells::F32(vec![Some(0.1), Some(16_777_216.0), None, Some(f32::MIN_POSITIVE)])),
            ("i64", Cells::I64(vec![Some(i64::MIN), None, Some(0), Some(i64::MAX)])),
            ("bool", Cells::Bool(vec![None, Some(true), Some(false), Some(true)])),
        ])
        .unwrap()
    }

    fn read_back(path: &Path) -> Vec<Column> {
        let source = RawSource::of(path).check(Path::new("")).unwrap();
        let mut reader = TableReader::open(&source, &ReadOptions::default()).unwrap();
        let batch = reader.next_batch().unwrap().unwrap();
        assert!(reader.next_batch().unwrap().is_none());
        batch.columns
    }

    fn expected() -> Vec<Column> {
        let texts = ["a\"b", "line\r\nbreak", "", "产品"];
        vec![
            Column::Text(texts.iter().map(|t| (!t.is_empty()).then(|| (*t).to_owned())).collect()),
            Column::Float(vec![Some(0.1), Some(1e300), Some(-0.0), None]),
            // The shortest text of an f32 is read as an f64, so the CSV column differs by rounding only.
            Column::Float(vec![Some(0.1), Some(16_777_216.0), None, Some(f64::from(f32::MIN_POSITIVE))]),
            Column::Integer(vec![Some(i64::MIN), None, Some(0), Some(i64::MAX)]),
            Column::Boolean(vec![None, Some(true), Some(false), Some(true)]),
        ]
    }

    fn narrowed(column: &Column) -> Vec<Option<f32>> {
        column.floats().unwrap().iter().map(|v| v.map(|x| x as f32)).collect()
    }

    #[test]
    fn e17_tables_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let path = folder.path().join("t").with_extension(format.extension());
            table().write(&path, format).unwrap();
            let (found, expected) = (read_back(&path), expected());
            for (index, (f, e)) in found.iter().zip(&expected).enumerate() {
                if index == 2 {
                    assert_eq!(narrowed(f), narrowed(e), "{format:?}");
                } else {
                    assert_eq!(f, e, "{format:?}");
                }
            }
        }
    }

    #[test]
    fn e17_csv_bytes_are_rfc_4180() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let small = Table::new([("a", Cells::f64([1.0, 0.1 + 0.2])), ("b,c", Cells::text(["x\"y", "z"]))]).unwrap();
        small.write_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a,\"b,c\"\r\n1.0,\"x\"\"y\"\r\n0.30000000000000004,z\r\n");
    }

    #[test]
    fn e17_random_floats_round_trip_through_csv_to_the_bit() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let values: Vec<f64> = (0..5000).map(|_| f64::from_bits(rng.next_u64())).filter(|v| v.is_finite()).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        Table::new([("v", Cells::f64(values.clone()))]).unwrap().write_csv(&path).unwrap();
        let back: Vec<u64> = read_back(&path)[0].floats().unwrap().iter().map(|v| v.unwrap().to_bits()).collect();
        assert_eq!(back, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn e17_parquet_bytes_are_the_same_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
        for path in &paths {
            table().write_parquet(path).unwrap();
        }
        let [a, b] = paths.map(|p| std::fs::read(p).unwrap());
        assert_eq!(a, b);
        let holds = |text: &[u8]| a.windows(text.len()).any(|w| w == text);
        assert!(holds(b"nightloom") && !holds(b"parquet-rs"), "only the fixed name of the writer stands in the file");
    }

    #[test]
    fn e17_tables_that_are_none_are_refused() {
        assert!(Table::new::<String>([]).is_err());
        let unequal = Table::new([("a", Cells::i64([1, 2])), ("b", Cells::bool([true]))]).unwrap_err();
        assert_eq!(unequal.to_string(), "column `b`: expected 2 values, as in the first column, found 1");
        assert!(Table::new([("a", Cells::i64([1])), ("a", Cells::i64([1]))]).is_err());
        assert!(TableFormat::of_path(Path::new("a.xlsx")).is_err());
        assert_eq!(TableFormat::of_path(Path::new("a.PARQUET")).unwrap(), TableFormat::Parquet);
    }
}
