//! The thread that writes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::{LedgerError, locked};

/// Work in the queue: does it, leaves its result where its caller looks, and says whether it may stand.
struct Job {
    /// Whether it takes more than one statement.
    undo: bool,
    run: Box<dyn FnOnce(&Connection) -> bool + Send>,
}

/// All work of one transaction. Its callers wait for `end`, which wakes them with one call of the system.
#[derive(Default)]
struct Batch {
    end: OnceLock<Result<(), LedgerError>>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    batch: Arc<Batch>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

pub(super) struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, LedgerError> {
        let shared = Arc::new(Shared::default());
        let desk = Desk { path: path.to_owned(), connection, shared: shared.clone(), version: 0, yields: 0 };
        let fail = |e| LedgerError::Folder { path: path.to_owned(), source: Arc::new(e) };
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(move || desk.serve()).map_err(fail)?;
        Ok(Self { path: path.to_owned(), shared, thread: Some(thread) })
    }

    /// Puts work into the queue and waits until it is on the disk.
    pub(super) fn call<T, E, W>(&self, undo: bool, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<LedgerError> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let answer = Arc::new(Mutex::new(None));
        let place = answer.clone();
        let run = move |connection: &Connection| {
            let result = work(connection);
            let stands = result.is_ok();
            *locked(&place) = Some(result);
            stands
        };
        let batch = self.enqueue(Job { undo, run: Box::new(run) })?;
        batch.end.wait().clone()?;
        let stopped = || Err(LedgerError::Stopped { path: self.path.clone() }.into());
        locked(&answer).take().unwrap_or_else(stopped)
    }

    fn enqueue(&self, job: Job) -> Result<Arc<Batch>, LedgerError> {
        let mut queue = locked(&self.shared.queue);
        if queue.closed {
            return Err(LedgerError::Stopped { path: self.path.clone() });
        }
        queue.jobs.push(job);
        if queue.jobs.len() == 1 {
            self.shared.filled.notify_one();
        }
        Ok(queue.batch.clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        locked(&self.shared.queue).closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // If it panicked, its callers were told; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// How many transactions one leaves the others room after it has seen one of another process.
const YIELDS: u32 = 64;
/// That room: a little more than a waiting process takes to look again.
const ROOM: Duration = Duration::from_micros(400);

/// The thread's own things.
struct Desk {
    path: PathBuf,
    connection: Connection,
    shared: Arc<Shared>,
    /// Changes when another process has written.
    version: i64,
    yields: u32,
}

/// Tells the callers of a transaction that it failed, if nobody has told them anything, even when work panics.
struct Promise<'a> {
    desk: &'a Desk,
    batch: Arc<Batch>,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        let stopped = || Err(LedgerError::Stopped { path: self.desk.path.clone() });
        self.batch.end.get_or_init(stopped);
    }
}

/// Lets nobody wait for a thread that is gone.
impl Drop for Desk {
    fn drop(&mut self) {
        let mut queue = locked(&self.shared.queue);
        queue.closed = true;
        queue.batch.end.get_or_init(|| Err(LedgerError::Stopped { path: self.path.clone() }));
    }
}

impl Desk {
    fn serve(mut self) {
        while let Some((jobs, batch)) = self.next() {
            let promise = Promise { desk: &self, batch };
            let end = self.commit(jobs);
            promise.batch.end.get_or_init(|| end);
            drop(promise);
            self.take_turns();
        }
    }

    /// All that waits; none once the ledger is closed and the queue is empty.
    fn next(&self) -> Option<(Vec<Job>, Arc<Batch>)> {
        let mut queue = locked(&self.shared.queue);
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.shared.filled.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        Some((std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.batch)))
    }

    fn commit(&self, jobs: Vec<Job>) -> Result<(), LedgerError> {
        self.execute("begin a transaction in", "BEGIN IMMEDIATE")?;
        let done = jobs.into_iter().try_for_each(|job| self.run(job));
        let end = done.and_then(|()| self.execute("commit to", "COMMIT"));
        if end.is_err() && !self.connection.is_autocommit() {
            // The first fault is the one to report; a connection that cannot even undo reports it again at BEGIN.
            let _ = self.execute("undo a transaction in", "ROLLBACK");
        }
        end
    }

    fn run(&self, job: Job) -> Result<(), LedgerError> {
        if !job.undo {
            (job.run)(&self.connection);
            return Ok(());
        }
        self.execute("write to", "SAVEPOINT job")?;
        if !(job.run)(&self.connection) {
            self.execute("undo work in", "ROLLBACK TO job")?;
        }
        self.execute("write to", "RELEASE job")
    }

    fn execute(&self, action: &'static str, sql: &str) -> Result<(), LedgerError> {
        let statement = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        statement.map(drop).map_err(LedgerError::sqlite(action, &self.path))
    }

    /// Where several processes write, each leaves the others room: SQLite's lock goes to who asks first, and who asks again
    /// at once is always first.
    fn take_turns(&mut self) {
        let read = self.connection.prepare_cached("PRAGMA data_version");
        let version = read.and_then(|mut statement| statement.query_row([], |row| row.get(0))).unwrap_or(self.version);
        if std::mem::replace(&mut self.version, version) != version {
            self.yields = YIELDS;
        }
        if self.yields > 0 {
            self.yields -= 1;
            std::thread::sleep(ROOM);
        }
    }
}
