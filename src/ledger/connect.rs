//! Opening the file: settings, versions, tables.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::LedgerError;

/// The oldest SQLite that will do: 3.52.0.
pub const SQLITE_VERSION_MIN: i32 = 3_052_000;
/// The version of the tables.
pub const SCHEMA_VERSION: i32 = 1;
/// How long it is waited for another process's transaction.
pub const BUSY_MS_MAX: u64 = 10_000;

/// "NLGD", in the file's head.
const APPLICATION: i32 = 0x4e4c_4744;
const SCHEMA: &str = include_str!("schema.sql");
/// Pages of the log after which they are taken into the file: more, and readers search longer.
const CHECKPOINT_PAGES: i32 = 2000;

pub(super) fn check_sqlite(found: i32) -> Result<(), LedgerError> {
    if found >= SQLITE_VERSION_MIN {
        return Ok(());
    }
    Err(LedgerError::SqliteVersion { expected: SQLITE_VERSION_MIN, found })
}

pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let fail = LedgerError::sqlite("open", path);
    let mut connection = Connection::open(path).map_err(&fail)?;
    connection.busy_handler(Some(wait)).map_err(&fail)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Changing to WAL wants the file for itself, and SQLite does not wait for that.
    let begun = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => break,
            Ok(_) => return Err(LedgerError::NoLedger { path: path.to_owned() }),
            Err(e) => {
                let error = fail(e);
                let waits = matches!(error, LedgerError::Busy { .. });
                if !waits || begun.elapsed() > Duration::from_millis(BUSY_MS_MAX) {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    connection.pragma_update(None, "synchronous", "full").map_err(&fail)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(&fail)?;
    connection.pragma_update(None, "cache_size", -65_536).map_err(&fail)?;
    Ok(connection)
}

/// Short waits at first, so that processes take turns quickly; 10 seconds in all.
fn wait(tries: i32) -> bool {
    let short = 2000;
    let (us, most) = (if tries < short { 250 } else { 1000 }, short + BUSY_MS_MAX as i32 - 500);
    std::thread::sleep(Duration::from_micros(us));
    tries < most
}

/// Makes the tables in a new file; says what is wrong with another one.
pub(super) fn make_tables(path: &Path, connection: &Connection) -> Result<(), LedgerError> {
    let fail = LedgerError::sqlite("prepare", path);
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(&fail);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(&fail)?;
    let found = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(&fail)?;
    let made = match found {
        (0, 0) if tables == 0 => {
            let versions = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA_VERSION};");
            connection.execute_batch(&format!("{SCHEMA}{versions}")).map_err(&fail)
        }
        (APPLICATION, SCHEMA_VERSION) => Ok(()),
        (APPLICATION, found) => Err(LedgerError::Version { path: path.to_owned(), expected: SCHEMA_VERSION, found }),
        _ => Err(LedgerError::NoLedger { path: path.to_owned() }),
    };
    match made {
        Ok(()) => connection.execute_batch("COMMIT").map_err(&fail),
        // Closing the connection undoes the transaction.
        Err(error) => Err(error),
    }
}
