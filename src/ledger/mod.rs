//! The SQLite file in which offers, claims and messages stand, and the one thread of a process that writes to it.
//!
//! *Why one writer.* SQLite lets one connection write at a time, and a commit costs a flush of the disk. Callers therefore
//! hand their work to a thread, which takes all that is waiting into one transaction (BEGIN IMMEDIATE), commits, and then
//! answers everybody at once: an answer means that the work is on the disk (WAL, synchronous = FULL), and a thousand callers
//! share one flush. Among processes SQLite's own lock decides who is next; who waits longer than [`BUSY_MS_MAX`] is told so.
//! No transaction reads first and asks for the right to write later.
//!
//! A piece of work that fails is undone by itself (a savepoint); the others in the transaction stand.
//!
//! SQLite before 3.52 can damage a write-ahead log when a checkpoint meets a writer of another process, so an older one is
//! refused at run time, too.

mod connect;
mod error;
#[cfg(test)]
mod tests;
mod writer;

pub use connect::{BUSY_MS_MAX, SCHEMA_VERSION, SQLITE_VERSION_MIN};
pub use error::LedgerError;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::Connection;

use writer::Writer;

/// An open ledger. A process has one a file, however often it is opened.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    reader: Mutex<Connection>,
    writer: Writer,
}

/// The ledgers that this process has open.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Ledger>>> = Mutex::new(BTreeMap::new());

impl Ledger {
    /// Opens a ledger, or makes it.
    ///
    /// # Errors
    /// SQLite is too old, the file is no ledger or one of another version, or it cannot be opened.
    pub fn open(path: &Path) -> Result<Arc<Self>, LedgerError> {
        connect::check_sqlite(rusqlite::version_number())?;
        let mut open = locked(&OPEN);
        let name = full_name(path)?;
        if let Some(ledger) = open.get(&name).and_then(Weak::upgrade) {
            return Ok(ledger);
        }
        let connection = connect::open(&name)?;
        connect::make_tables(&name, &connection)?;
        let reader = Mutex::new(connect::open(&name)?);
        let writer = Writer::start(&name, connection)?;
        let ledger = Arc::new(Self { path: name.clone(), reader, writer });
        open.retain(|_, ledger| ledger.strong_count() > 0);
        open.insert(name, Arc::downgrade(&ledger));
        Ok(ledger)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does `work` in a transaction with others' work; it is on the disk when this returns. If `work` fails, what it did is
    /// undone.
    pub(crate) fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.writer.call(true, work)
    }

    /// As `write`, for work whose only change is its last statement, so that there is nothing to undo if it fails.
    pub(crate) fn write_one<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.writer.call(false, work)
    }

    /// Reads one state of the ledger.
    pub(crate) fn read<T, E: From<LedgerError>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let connection = locked(&self.reader);
        let transaction = connection.unchecked_transaction().map_err(self.error("read"))?;
        work(&transaction)
    }

    /// What SQLite says, with the file and what was tried.
    pub(crate) fn error(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError + use<> {
        LedgerError::sqlite(action, &self.path)
    }
}

/// The folder's full name and the file's: one name for one file, also before it is there.
fn full_name(path: &Path) -> Result<PathBuf, LedgerError> {
    let refuse = |source: std::io::Error| LedgerError::Folder { path: path.to_owned(), source: Arc::new(source) };
    if let Ok(found) = path.canonicalize() {
        return Ok(found);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| refuse(std::io::ErrorKind::InvalidFilename.into()))?;
    Ok(folder.canonicalize().map_err(refuse)?.join(name))
}

/// A lock whose holder cannot leave half a change behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
