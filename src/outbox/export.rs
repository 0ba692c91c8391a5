//! Messages on their way into a file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::queue::{MESSAGES, message};
use super::{Message, Outbox, OutboxError};
use crate::artifact::{ArtifactError, GrowingFile, write_atomic};

/// Messages of a batch: what is in memory at a time.
const BATCH: i64 = 10_000;

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Exported {
    /// Messages that were written now.
    pub messages: u64,
    /// How many of them an export that was killed had begun.
    pub resumed: u64,
    /// How long the file is.
    pub bytes: u64,
}

/// Messages that go into the file in one piece.
struct Batch {
    id: i64,
    start: u64,
    bytes: u64,
}

/// A line as receivers read it.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    period: &'a str,
    task: &'a str,
    customer: &'a str,
    manager: &'a str,
    text: &'a str,
    link: Option<&'a str>,
    slogan: Option<&'a str>,
    picture: Option<&'a str>,
}

impl Outbox {
    /// Appends all queued messages to a file of JSON lines. A message goes into one file, once.
    ///
    /// # Errors
    /// The file is not as the ledger says (then nothing is written), it cannot be written; the ledger failed.
    pub fn export(&self, path: &Path) -> Result<Exported, OutboxError> {
        let (outlet, mut file) = self.open(path)?;
        let mut found = Exported::default();
        if let Some(batch) = self.unwritten(outlet)? {
            found.resumed = self.write(&mut file, path, &batch)?;
            found.messages += found.resumed;
        }
        let (bytes, length) = (self.recorded(outlet)?, file.bytes()?);
        if bytes != length {
            return Err(wrong_length(path, bytes, length));
        }
        while let Some(batch) = self.take(outlet)? {
            found.messages += self.write(&mut file, path, &batch)?;
        }
        found.bytes = self.recorded(outlet)?;
        Ok(found)
    }

    /// Writes a file that was lost or damaged again, the same bytes, with all messages that ever went into it.
    ///
    /// # Errors
    /// Nothing ever went into it, or it cannot be written; the ledger failed.
    pub fn restore(&self, path: &Path) -> Result<Exported, OutboxError> {
        let (outlet, _lock) = self.open(path)?;
        let fail = self.ledger.error("read");
        let list = |connection: &Connection| {
            let mut statement = connection
                .prepare("SELECT id, start, bytes FROM batches WHERE outlet = ?1 AND written = 1 ORDER BY start")?;
            statement.query_map([outlet], batch)?.collect::<Result<Vec<_>, _>>()
        };
        let batches = self.ledger.read(|connection| list(connection).map_err(|e| OutboxError::from(fail(e))))?;
        if batches.is_empty() {
            return Err(OutboxError::File { path: path.to_owned(), reason: "no message ever went into it".to_owned() });
        }
        let mut found = Exported::default();
        let mut trouble = None;
        let written = write_atomic(path, |out| {
            for batch in &batches {
                match self.lines(batch.id) {
                    Ok((bytes, messages)) => {
                        out.write_all(&bytes)?;
                        found.bytes += bytes.len() as u64;
                        found.messages += messages;
                    }
                    Err(error) => {
                        trouble = Some(error);
                        return Err(std::io::Error::other("the ledger failed"));
                    }
                }
            }
            Ok(())
        });
        match trouble {
            Some(error) => Err(error),
            None => written.map(|()| found).map_err(OutboxError::from),
        }
    }

    /// The file, locked, and its number in the ledger.
    fn open(&self, path: &Path) -> Result<(i64, GrowingFile), OutboxError> {
        let file = GrowingFile::open(path)?;
        let name = self.name(path)?;
        let fail = self.ledger.error("export from");
        let outlet = self.ledger.write(move |connection| {
            let make = "INSERT INTO outlets (file, bytes) VALUES (?1, 0) ON CONFLICT (file) DO UPDATE SET file = file RETURNING id";
            connection.query_row(make, [name], |row| row.get(0)).map_err(|e| OutboxError::from(fail(e)))
        })?;
        Ok((outlet, file))
    }

    /// The file's name in the ledger: seen from the ledger's folder if it lies below, so that both can move together.
    fn name(&self, path: &Path) -> Result<String, OutboxError> {
        let full = path.canonicalize().map_err(|e| ArtifactError::io("find", path, e))?;
        let folder = self.path().parent().unwrap_or(Path::new(""));
        let name: PathBuf = full.strip_prefix(folder).map_or_else(|_| full.clone(), Path::to_owned);
        name.into_os_string()
            .into_string()
            .map_err(|_| OutboxError::File { path: path.to_owned(), reason: "expected a name in Unicode".to_owned() })
    }

    fn recorded(&self, outlet: i64) -> Result<u64, OutboxError> {
        let fail = self.ledger.error("read");
        let sql = "SELECT bytes FROM outlets WHERE id = ?1";
        self.ledger.read(|connection| {
            connection
                .query_row(sql, [outlet], |row| row.get::<_, i64>(0))
                .map(|n| n as u64)
                .map_err(|e| fail(e).into())
        })
    }

    /// What an export that was killed left.
    fn unwritten(&self, outlet: i64) -> Result<Option<Batch>, OutboxError> {
        let fail = self.ledger.error("read");
        let sql = "SELECT id, start, bytes FROM batches WHERE outlet = ?1 AND written = 0";
        self.ledger.read(|connection| connection.query_row(sql, [outlet], batch).optional().map_err(|e| fail(e).into()))
    }

    /// Takes the next queued messages out of everybody's reach.
    fn take(&self, outlet: i64) -> Result<Option<Batch>, OutboxError> {
        let fail = self.ledger.error("export from");
        self.ledger.write(move |connection| take(connection, outlet).map_err(|e| fail(e).into()))
    }

    /// Writes what the file does not have of a batch yet, and records that it is there.
    fn write(&self, file: &mut GrowingFile, path: &Path, batch: &Batch) -> Result<u64, OutboxError> {
        let (bytes, messages) = self.lines(batch.id)?;
        let present = file.bytes()?;
        if !(batch.start..=batch.start + batch.bytes).contains(&present) {
            return Err(wrong_length(path, batch.start, present));
        }
        let found = file.read_from(batch.start)?;
        let left = bytes.strip_prefix(found.as_slice()).filter(|_| bytes.len() as u64 == batch.bytes);
        let Some(left) = left else {
            let reason = format!("expected the messages of a begun export from byte {} on, found others", batch.start);
            return Err(OutboxError::File { path: path.to_owned(), reason });
        };
        file.append(left)?;
        self.record(batch)?;
        Ok(messages)
    }

    fn record(&self, batch: &Batch) -> Result<(), OutboxError> {
        let fail = self.ledger.error("export from");
        let (id, end) = (batch.id, (batch.start + batch.bytes) as i64);
        let record = move |connection: &Connection| {
            connection.execute("UPDATE messages SET state = 'left' WHERE batch = ?1", [id])?;
            connection.execute("UPDATE batches SET written = 1 WHERE id = ?1", [id])?;
            let outlet = "UPDATE outlets SET bytes = ?2 WHERE id = (SELECT outlet FROM batches WHERE id = ?1)";
            connection.execute(outlet, params![id, end]).map(drop)
        };
        self.ledger.write(move |connection| record(connection).map_err(|e| fail(e).into()))
    }

    /// A batch's bytes: always the same, since nothing changes a message that is leaving.
    fn lines(&self, id: i64) -> Result<(Vec<u8>, u64), OutboxError> {
        let fail = self.ledger.error("read");
        let messages =
            self.ledger.read(|connection| in_batch(connection, id).map_err(|e| OutboxError::from(fail(e))))?;
        Ok((messages.iter().flat_map(line).collect(), messages.len() as u64))
    }
}

fn batch(row: &rusqlite::Row<'_>) -> rusqlite::Result<Batch> {
    Ok(Batch { id: row.get(0)?, start: row.get::<_, i64>(1)? as u64, bytes: row.get::<_, i64>(2)? as u64 })
}

fn in_batch(connection: &Connection, id: i64) -> rusqlite::Result<Vec<Message>> {
    let mut statement = connection.prepare_cached(&format!("{MESSAGES} WHERE batch = ?1 ORDER BY seq"))?;
    statement.query_map([id], message)?.collect()
}

fn take(connection: &Connection, outlet: i64) -> rusqlite::Result<Option<Batch>> {
    let start: i64 = connection.query_row("SELECT bytes FROM outlets WHERE id = ?1", [outlet], |row| row.get(0))?;
    let make = "INSERT INTO batches (outlet, start, bytes) VALUES (?1, ?2, 0) RETURNING id";
    let id: i64 = connection.query_row(make, [outlet, start], |row| row.get(0))?;
    let taken = "UPDATE messages SET state = 'leaving', batch = ?1 WHERE seq IN
                 (SELECT seq FROM messages WHERE state = 'queued' ORDER BY seq LIMIT ?2)";
    if connection.execute(taken, [id, BATCH])? == 0 {
        connection.execute("DELETE FROM batches WHERE id = ?1", [id])?;
        return Ok(None);
    }
    let bytes: usize = in_batch(connection, id)?.iter().map(|message| line(message).len()).sum();
    connection.execute("UPDATE batches SET bytes = ?2 WHERE id = ?1", [id, bytes as i64])?;
    Ok(Some(Batch { id, start: start as u64, bytes: bytes as u64 }))
}

fn line(message: &Message) -> Vec<u8> {
    let line = Line {
        key: &message.key,
        period: &message.period,
        task: &message.task,
        customer: &message.customer,
        manager: &message.manager,
        text: &message.message.text,
        link: message.message.link.as_deref(),
        slogan: message.message.slogan.as_deref(),
        picture: message.message.picture.as_deref(),
    };
    // Texts always make JSON: there is no error to tell.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn wrong_length(path: &Path, expected: u64, found: u64) -> OutboxError {
    let reason = format!(
        "expected {expected} bytes, as the ledger has recorded, found {found}; \
         take another file, or have this one written again (`nightloom grid export --restore`)"
    );
    OutboxError::File { path: path.to_owned(), reason }
}
