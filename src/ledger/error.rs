//! What a ledger refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A ledger that cannot be opened, read or written. All who wait for one transaction get a copy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// A SQLite that can damage a ledger.
    #[error("SQLite: expected at least {expected}, found {found}: earlier ones can damage a write-ahead log")]
    SqliteVersion {
        /// What will do.
        expected: i32,
        /// What the program was linked with.
        found: i32,
    },
    /// A database of somebody else.
    #[error("{}: expected a ledger, found another SQLite database", path.display())]
    NoLedger {
        /// The file.
        path: PathBuf,
    },
    /// A ledger of another version.
    #[error("{}: expected version {expected}, found {found}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What this program reads.
        expected: i32,
        /// What came.
        found: i32,
    },
    /// Another process did not end its transaction.
    #[error("{}: another process has been writing for {waited_ms} ms", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The folder in which it lies is not there.
    #[error("cannot open {}: {source}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// SQLite failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Sqlite {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: Arc<rusqlite::Error>,
    },
    /// The thread that writes has ended.
    #[error("{}: the thread that writes has ended", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
}

impl LedgerError {
    /// What SQLite says, with the file and what was tried.
    pub(super) fn sqlite(action: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => Self::Busy { path: path.clone(), waited_ms: super::BUSY_MS_MAX },
            _ => Self::Sqlite { action, path: path.clone(), source: Arc::new(source) },
        }
    }
}
