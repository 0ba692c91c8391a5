//! The one error type of the readers: every message names the file, and the row and column where there is one.

use std::fmt;
use std::path::{Path, PathBuf};

/// A row as a person finds it in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowRef {
    /// A text file: the line on which the record starts, counted from 1 with the header as line 1, as an editor shows
    /// it (after decompression).
    Line(u64),
    /// A Parquet file: the record, counted from 1; there is no header record.
    Record(u64),
}

impl RowRef {
    /// The number alone.
    pub fn number(self) -> u64 {
        match self {
            Self::Line(n) | Self::Record(n) => n,
        }
    }
}

impl fmt::Display for RowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(n) => write!(f, "line {n}"),
            Self::Record(n) => write!(f, "row {n}"),
        }
    }
}

/// Where in the data something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The row, where one is to blame.
    pub row: Option<RowRef>,
    /// The column, where one is to blame.
    pub column: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn file(path: &Path) -> Box<Self> {
        Box::new(Self { file: path.to_owned(), row: None, column: None })
    }

    /// One row.
    pub fn row(path: &Path, row: RowRef) -> Box<Self> {
        Box::new(Self { file: path.to_owned(), row: Some(row), column: None })
    }

    /// One cell.
    pub fn cell(path: &Path, row: RowRef, column: &str) -> Box<Self> {
        Box::new(Self { file: path.to_owned(), row: Some(row), column: Some(column.to_owned()) })
    }

    /// One column.
    pub fn column(path: &Path, column: &str) -> Box<Self> {
        Box::new(Self { file: path.to_owned(), row: None, column: Some(column.to_owned()) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(row) = self.row {
            write!(f, ", {row}")?;
        }
        match &self.column {
            Some(column) => write!(f, ", column `{column}`"),
            None => Ok(()),
        }
    }
}

/// What can be wrong with data or with its description.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A description (of a source, a series or a split) that cannot be meant.
    #[error("`{field}`: {reason}")]
    Spec {
        /// The field of the description.
        field: String,
        /// What was expected and what came.
        reason: String,
    },
    /// The content is not in the format that the description or the file's name says.
    #[error("{at}: expected {expected}, found {found}")]
    NotFormat {
        /// Where.
        at: Box<Place>,
        /// The format that was expected.
        expected: &'static str,
        /// What the first bytes look like.
        found: &'static str,
    },
    /// A compressed file that is cut off or damaged.
    #[error("{at}: the gzip data is cut off or damaged after {offset} decompressed bytes: {reason}")]
    Gzip {
        /// Where: the line that could not be finished.
        at: Box<Place>,
        /// How many bytes came out before the fault.
        offset: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// Bytes that the encoding does not allow.
    #[error("{at}: byte {offset} does not fit the encoding {encoding}; declare the right one with `encoding`")]
    Encoding {
        /// Where.
        at: Box<Place>,
        /// Offset in the decompressed file, from 0.
        offset: u64,
        /// The declared or detected encoding.
        encoding: &'static str,
    },
    /// Not a text at all.
    #[error("{at}: not a text table: {found} at byte {offset}")]
    Binary {
        /// Where.
        at: Box<Place>,
        /// Offset in the decompressed file, from 0.
        offset: u64,
        /// What stands there.
        found: &'static str,
    },
    /// A file without a header.
    #[error("{at}: the file is empty: expected a header with the names of the columns")]
    Empty {
        /// Where.
        at: Box<Place>,
    },
    /// A header and nothing else.
    #[error("{at}: the file has a header but no rows")]
    NoRows {
        /// Where.
        at: Box<Place>,
    },
    /// A column without a name.
    #[error("{at}: column {position} of the header has no name")]
    UnnamedColumn {
        /// Where.
        at: Box<Place>,
        /// Which, from 1.
        position: usize,
    },
    /// Two columns of one name.
    #[error("{at}: the name stands twice in the header, as columns {first} and {second}")]
    DuplicateColumn {
        /// Where.
        at: Box<Place>,
        /// The first position, from 1.
        first: usize,
        /// The second position, from 1.
        second: usize,
    },
    /// A row with too few or too many fields.
    #[error("{at}: expected {expected} fields, as in the header, found {found}")]
    Ragged {
        /// Where.
        at: Box<Place>,
        /// Fields in the header.
        expected: usize,
        /// Fields in this row.
        found: usize,
    },
    /// A quoted field that is never closed.
    #[error("{at}: a quoted field that starts in this row is not closed before the end of the file")]
    OpenQuote {
        /// Where.
        at: Box<Place>,
    },
    /// A row too long to be one: mostly the work of a stray quotation mark.
    #[error("{at}: this row is longer than {limit_bytes} bytes; is a quotation mark left open?")]
    RowTooLong {
        /// Where.
        at: Box<Place>,
        /// The limit.
        limit_bytes: usize,
    },
    /// A column that the file does not have.
    #[error("{at}: there is no such column; {hint}")]
    UnknownColumn {
        /// Where.
        at: Box<Place>,
        /// The nearest name, or the names that there are.
        hint: String,
    },
    /// A value of the wrong kind.
    #[error("{at}: expected {expected}, found `{found}`")]
    Value {
        /// Where.
        at: Box<Place>,
        /// What was expected.
        expected: String,
        /// The offending text.
        found: String,
    },
    /// A value that is missing where there must be one.
    #[error("{at}: expected {expected}, found nothing")]
    Missing {
        /// Where.
        at: Box<Place>,
        /// What was expected.
        expected: String,
    },
    /// The same key twice.
    #[error("{at}: {key} stands already in {first}")]
    Duplicate {
        /// Where the second one stands.
        at: Box<Place>,
        /// The key, in words.
        key: String,
        /// Where the first one stands.
        first: RowRef,
    },
    /// Two rows of one product that disagree about an attribute.
    #[error("{at}: product `{product}` has `{found}` here and `{earlier}` in {first}")]
    Conflict {
        /// Where the second one stands.
        at: Box<Place>,
        /// The product.
        product: String,
        /// The value here.
        found: String,
        /// The value before.
        earlier: String,
        /// Where the value before stands.
        first: RowRef,
    },
    /// A series with fewer steps than the job needs.
    #[error("{at}: the series of product `{product}` has {found} steps, fewer than the {needed} early steps")]
    TooShort {
        /// Where the series ends (long form) or its first missing step stands (wide form).
        at: Box<Place>,
        /// The product.
        product: String,
        /// Its steps.
        found: usize,
        /// The steps needed.
        needed: usize,
    },
    /// A step without a value where the description says that this is an error.
    #[error("{at}: product `{product}` has no quantity for {step}; if that means none sold, set `missing = \"zero\"`")]
    Gap {
        /// The row after the gap (long form) or the empty cell (wide form).
        at: Box<Place>,
        /// The product.
        product: String,
        /// The step's label.
        step: String,
    },
    /// More steps between the first and the last time than a sales log can have.
    #[error("{at}: the log spans {found} steps, more than {limit}; is a time mistyped?")]
    TooManySteps {
        /// The row with the last time.
        at: Box<Place>,
        /// Steps between the first and the last time.
        found: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// A Parquet column of a type that has no place in a table of ours.
    #[error("{at}: columns of type {found} cannot be read; expected numbers, text, booleans, dates or timestamps")]
    UnsupportedType {
        /// Where.
        at: Box<Place>,
        /// The stored type.
        found: String,
    },
    /// A damaged Parquet file.
    #[error("{at}: the Parquet data is damaged or unreadable: {reason}")]
    Parquet {
        /// Where.
        at: Box<Place>,
        /// What the decoder says.
        reason: String,
    },
}

impl DataError {
    /// An operating-system error with its file.
    pub fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// A description that cannot be meant.
    pub fn spec(field: &str, reason: impl Into<String>) -> Self {
        Self::Spec { field: field.to_owned(), reason: reason.into() }
    }

    /// Where the data is wrong; `None` for errors of a description or of the operating system.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Io { .. } | Self::Spec { .. } => None,
            Self::NotFormat { at, .. }
            | Self::Gzip { at, .. }
            | Self::Encoding { at, .. }
            | Self::Binary { at, .. }
            | Self::Empty { at }
            | Self::NoRows { at }
            | Self::UnnamedColumn { at, .. }
            | Self::DuplicateColumn { at, .. }
            | Self::Ragged { at, .. }
            | Self::OpenQuote { at }
            | Self::RowTooLong { at, .. }
            | Self::UnknownColumn { at, .. }
            | Self::Value { at, .. }
            | Self::Missing { at, .. }
            | Self::Duplicate { at, .. }
            | Self::Conflict { at, .. }
            | Self::TooShort { at, .. }
            | Self::Gap { at, .. }
            | Self::TooManySteps { at, .. }
            | Self::UnsupportedType { at, .. }
            | Self::Parquet { at, .. } => Some(at),
        }
    }

    /// The row to blame, if there is one.
    pub fn row(&self) -> Option<RowRef> {
        self.place().and_then(|at| at.row)
    }

    /// The column to blame, if there is one.
    pub fn column(&self) -> Option<&str> {
        self.place().and_then(|at| at.column.as_deref())
    }
}
