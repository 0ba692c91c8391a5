//! Small tables of words, read whole.

use std::path::{Path, PathBuf};

use crate::dataset::{Column, ColumnType, DataError, Place, ReadOptions, RowRef, Source, TableReader, Wanted};

/// A table of words; an empty cell is an empty text.
#[derive(Debug)]
pub(super) struct Words {
    path: PathBuf,
    pub columns: Vec<String>,
    pub rows: Vec<(RowRef, Vec<String>)>,
}

impl Words {
    /// Reads the named columns, or all of them.
    pub fn read(source: &Source, columns: Option<&[&str]>) -> Result<Self, DataError> {
        let source = source.of_words();
        let wanted: Vec<String> = match columns {
            Some(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            None => TableReader::open(&source, &ReadOptions::default())?.header().to_vec(),
        };
        let options = ReadOptions {
            columns: wanted.iter().map(|name| Wanted::typed(name, ColumnType::Text)).collect(),
            ..ReadOptions::default()
        };
        let mut words = Self { path: source.path().to_owned(), columns: wanted, rows: vec![] };
        for batch in TableReader::open(&source, &options)? {
            let batch = batch?;
            for (number, row) in batch.rows.iter().enumerate() {
                let cell = |column: &Column| column.text(number).unwrap_or_default().trim().to_owned();
                words.rows.push((*row, batch.columns.iter().map(cell).collect()));
            }
        }
        Ok(words)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a column stands, or that it is not there.
    pub fn place_of(&self, column: &str) -> Result<usize, DataError> {
        self.columns.iter().position(|name| name == column).ok_or_else(|| DataError::UnknownColumn {
            at: Place::column(&self.path, column),
            hint: format!("the header has {}", self.columns.join(", ")),
        })
    }

    /// A cell that must hold something.
    pub fn needed<'a>(&self, row: &'a (RowRef, Vec<String>), column: usize, what: &str) -> Result<&'a str, DataError> {
        let text = row.1[column].as_str();
        if text.is_empty() {
            let at = Place::cell(&self.path, row.0, &self.columns[column]);
            return Err(DataError::Missing { at, expected: what.to_owned() });
        }
        Ok(text)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset::RawSource;

    /// A table of this text, and the folder that holds it.
    #[expect(clippy::disallowed_methods, reason = "test input")]
    pub fn table(text: &str) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("words.csv"), text).expect("written");
        let source = RawSource::of("words.csv").check(folder.path()).expect("a source");
        (folder, source)
    }

    #[test]
    fn i7_only_empty_cells_of_a_table_of_words_are_missing() {
        let (_folder, source) = table("a,b\nNA, null \n7,\n");
        let words = Words::read(&source, None).expect("words");
        let cells: Vec<&[String]> = words.rows.iter().map(|row| row.1.as_slice()).collect();
        assert_eq!(cells, [["NA", "null"], ["7", ""]]);
        assert_eq!(words.place_of("b").expect("there"), 1);
        let error = words.needed(&words.rows[1], 1, "a word").expect_err("empty").to_string();
        assert!(error.contains("words.csv, line 3, column `b`: expected a word, found nothing"), "{error}");
        assert!(words.path().ends_with(Path::new("words.csv")));
    }
}
