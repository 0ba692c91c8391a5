//! Tables that are written part by part, for more rows than memory holds. The file appears when the last part is in it.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use tempfile::NamedTempFile;

use super::table::{Table, TableFormat, batch_of, writer_options};
use super::{ArtifactError, folder_of, keep_temporary};

/// A table that grows by parts with the same columns.
pub struct PartsWriter {
    path: PathBuf,
    form: Form,
    rows: usize,
}

enum Form {
    Csv(Box<csv::Writer<BufWriter<NamedTempFile>>>, bool),
    /// The writer is made with the first part, whose columns it needs to know.
    Parquet(Option<NamedTempFile>, Option<Box<ArrowWriter<BufWriter<NamedTempFile>>>>),
}

impl std::fmt::Debug for PartsWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartsWriter").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl PartsWriter {
    /// Begins a table that will stand at `path`.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn new(path: &Path, format: TableFormat) -> Result<Self, ArtifactError> {
        let made = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder_of(path));
        let temp = made.map_err(|e| ArtifactError::io("create a temporary file beside", path, e))?;
        let form = match format {
            TableFormat::Csv => {
                let out = BufWriter::with_capacity(1 << 20, temp);
                let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
                Form::Csv(Box::new(writer), false)
            }
            TableFormat::Parquet => Form::Parquet(Some(temp), None),
        };
        Ok(Self { path: path.to_owned(), form, rows: 0 })
    }

    /// Adds a part. The first one, which may have no rows, says what the columns are.
    ///
    /// # Errors
    /// Any I/O error; the part's columns are others than the first one's.
    pub fn write(&mut self, part: &Table) -> Result<(), ArtifactError> {
        let fail = |e: &dyn std::fmt::Display| ArtifactError::content(self.path.display().to_string(), e.to_string());
        match &mut self.form {
            Form::Csv(writer, begun) => {
                part.add_csv(writer, !*begun).map_err(|e| fail(&e))?;
                *begun = true;
            }
            Form::Parquet(temp, writer) => {
                let batch = batch_of(part).map_err(|e| fail(&e))?;
                if let Some(temp) = temp.take() {
                    let options = writer_options().map_err(|e| fail(&e))?;
                    let out = BufWriter::with_capacity(1 << 20, temp);
                    let made = ArrowWriter::try_new_with_options(out, batch.schema(), options).map_err(|e| fail(&e))?;
                    *writer = Some(Box::new(made));
                }
                if let Some(writer) = writer {
                    writer.write(&batch).map_err(|e| fail(&e))?;
                }
            }
        }
        self.rows += part.rows();
        Ok(())
    }

    /// How many rows there are so far.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Any I/O error; no part has been written.
    pub fn finish(self) -> Result<(), ArtifactError> {
        let path = &self.path;
        let io = |e: std::io::Error| ArtifactError::io("write", path, e);
        let out = match self.form {
            Form::Csv(writer, _) => writer.into_inner().map_err(|e| io(e.into_error()))?,
            Form::Parquet(_, Some(writer)) => {
                writer.into_inner().map_err(|e| ArtifactError::content(path.display().to_string(), e.to_string()))?
            }
            Form::Parquet(_, None) => {
                return Err(ArtifactError::content(path.display().to_string(), "expected a part at least, found none"));
            }
        };
        let mut out = out;
        out.flush().map_err(io)?;
        let temp = out.into_inner().map_err(|e| io(e.into_error()))?;
        keep_temporary(temp, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::table::Cells;

    fn part(from: i64) -> Table {
        Table::new([("a", Cells::i64(from..from + 3)), ("b", Cells::text(["x", "y,", ""]))]).expect("a table")
    }

    #[test]
    fn e17_parts_make_one_table_that_appears_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let path = folder.path().join("t").with_extension(format.extension());
            let mut parts = PartsWriter::new(&path, format).expect("begins");
            parts.write(&part(0)).expect("room");
            parts.write(&part(3)).expect("room");
            assert_eq!((parts.rows(), path.exists()), (6, false));
            parts.finish().expect("in place");
            let source = crate::dataset::RawSource::of(&path).check(Path::new("")).expect("a source");
            let options = crate::dataset::ReadOptions::default();
            let mut reader = crate::dataset::TableReader::open(&source, &options).expect("opens");
            let batch = reader.next_batch().expect("reads").expect("rows");
            assert_eq!(batch.columns[0].integers().expect("integers"), (0..6).map(Some).collect::<Vec<_>>());
        }
        let whole = folder.path().join("whole.csv");
        part(0).write_csv(&whole).expect("written");
        let one = folder.path().join("one.csv");
        let mut parts = PartsWriter::new(&one, TableFormat::Csv).expect("begins");
        parts.write(&part(0)).expect("room");
        parts.finish().expect("in place");
        assert_eq!(std::fs::read(one).expect("there"), std::fs::read(whole).expect("there"));
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(names.len(), 4, "nothing temporary is left");
    }
}
