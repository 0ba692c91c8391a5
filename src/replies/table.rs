//! Small CSV tables whose mistakes are named by file, line and column.

use std::path::{Path, PathBuf};

use super::RepliesError;

/// The rows of a table, with the columns in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table<const N: usize> {
    path: PathBuf,
    columns: [&'static str; N],
    /// Line and fields, trimmed.
    rows: Vec<(u64, [String; N])>,
}

/// One row of a [`Table`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a, const N: usize> {
    table: &'a Table<N>,
    line: u64,
    pub(super) fields: &'a [String; N],
}

impl<const N: usize> Table<N> {
    pub(super) fn load(path: &Path, columns: [&'static str; N]) -> Result<Self, RepliesError> {
        let bytes = std::fs::read(path).map_err(|source| RepliesError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes, columns)
    }

    pub(super) fn parse(path: &Path, bytes: &[u8], columns: [&'static str; N]) -> Result<Self, RepliesError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut records = reader.records();
        let damaged = |e: &csv::Error| {
            let line = e.position().map_or(1, csv::Position::line);
            RepliesError::table(path, line, columns[0], format!("expected UTF-8 text in CSV, found: {e}"))
        };
        let header = records.next().transpose().map_err(|e| damaged(&e))?.unwrap_or_default();
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(columns) {
            *place = header.iter().position(|field| field.trim() == name).ok_or_else(|| {
                let found = header.iter().collect::<Vec<_>>().join(", ");
                RepliesError::table(path, 1, name, format!("expected this column, found the columns {found}"))
            })?;
        }
        let mut rows = vec![];
        for record in records {
            let record = record.map_err(|e| damaged(&e))?;
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != header.len() {
                let reason = format!("expected {} fields, found {}", header.len(), record.len());
                let last = columns[places.iter().position(|&p| p >= record.len()).unwrap_or(N - 1)];
                return Err(RepliesError::table(path, line, last, reason));
            }
            rows.push((line, places.map(|place| record.get(place).unwrap_or_default().trim().to_owned())));
        }
        Ok(Self { path: path.to_owned(), columns, rows })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_, N>> {
        self.rows.iter().map(|(line, fields)| Row { table: self, line: *line, fields })
    }
}

impl<const N: usize> Row<'_, N> {
    /// An error at one of the row's fields.
    pub(super) fn error(&self, column: usize, reason: impl Into<String>) -> RepliesError {
        RepliesError::table(&self.table.path, self.line, self.table.columns[column], reason)
    }

    /// The field as one of several names.
    pub(super) fn one_of<T: Copy>(&self, column: usize, names: &[(&str, T)]) -> Result<T, RepliesError> {
        let field = self.fields[column].as_str();
        names.iter().find(|(name, _)| *name == field).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.error(column, format!("expected {}, found `{field}`", names.join(", ")))
        })
    }
}
