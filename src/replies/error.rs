//! What may be wrong with word lists, answer tables and the settings of replies.

use std::path::{Path, PathBuf};

/// Why replies cannot be scored or answered.
#[derive(Debug, thiserror::Error)]
pub enum RepliesError {
    /// A table cannot be read at all.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A place in a table is wrong.
    #[error("{}, line {line}, column `{column}`: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What was expected and what came.
        reason: String,
    },
    /// A setting is wrong.
    #[error("`{key}` {reason}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// The text model could not be prepared, trained, run, saved or read.
    #[error(transparent)]
    Train(#[from] crate::train::TrainError),
}

impl RepliesError {
    pub(super) fn table(path: &Path, line: u64, column: &str, reason: impl Into<String>) -> Self {
        Self::Table { path: path.to_owned(), line, column: column.to_owned(), reason: reason.into() }
    }

    pub(super) fn setting(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { key, reason: reason.into() }
    }
}
