//! What a dataset or a comparison refuses.

use std::path::{Path, PathBuf};

use crate::artifact::ArtifactError;

/// A dataset that cannot be written, read or compared.
#[derive(Debug, thiserror::Error)]
pub enum DifferencesError {
    /// Written by another version of this program.
    #[error("{}: expected version {expected}, found {found}", path.display())]
    Version {
        /// The manifest or index.
        path: PathBuf,
        /// What this program reads.
        expected: u32,
        /// What came.
        found: String,
    },
    /// Two states of a dataset with unlike columns.
    #[error("{}: expected the columns of before, {expected}; found {found}", path.display())]
    Columns {
        /// The folder.
        path: PathBuf,
        /// The columns of the state in force.
        expected: String,
        /// What came.
        found: String,
    },
    /// A column that cannot be compared, or an id that is none.
    #[error("column `{column}`: expected {expected}, found {found}")]
    Column {
        /// The column.
        column: String,
        /// What would do.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// Two rows of one id.
    #[error("id {id} stands twice: row {} of partition `{}` and row {} of partition `{}`", first.1, first.0, second.1, second.0)]
    Duplicate {
        /// The id.
        id: String,
        /// Partition and row, from 1.
        first: (String, u64),
        /// Partition and row, from 1.
        second: (String, u64),
    },
    /// A partition that was written twice.
    #[error("partition `{0}` was written twice")]
    PartitionTwice(String),
    /// A file that does not hold what the manifest says.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and what came.
        reason: String,
    },
    /// A Parquet file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// Rows that Arrow refuses.
    #[error("partition `{partition}`: {source}")]
    Arrow {
        /// The partition.
        partition: String,
        /// Why.
        source: arrow_schema::ArrowError,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] ArtifactError),
    /// Whoever took the changes says so.
    #[error(transparent)]
    Taken(Box<dyn std::error::Error + Send + Sync>),
}

impl DifferencesError {
    /// What the taker of changes says.
    pub fn taken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Taken(error.into())
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File(ArtifactError::io(action, path, source))
    }

    pub(super) fn parquet(path: &Path) -> impl Fn(parquet::errors::ParquetError) -> Self + '_ {
        |source| Self::Parquet { path: path.to_owned(), source }
    }

    pub(super) fn arrow(partition: &str) -> impl Fn(arrow_schema::ArrowError) -> Self + '_ {
        |source| Self::Arrow { partition: partition.to_owned(), source }
    }
}
