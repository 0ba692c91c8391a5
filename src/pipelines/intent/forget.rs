//! Removing a user from what a run has written.

use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::Intents;
use super::cards::file_name;
use crate::artifact::{ArtifactError, LinesWriter, write_atomic};
use crate::pipelines::tabular::Recipe;
use crate::run::{RunError, RunFolder, amend};

/// Tables with a column `user`, and files of JSON lines with a key `user`.
const TABLES: [&str; 2] = ["intents.csv", "replies.csv"];
const LINES: [&str; 2] = ["portraits.jsonl", "handovers.jsonl"];

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Files and how many rows were taken out of each; a card counts as one.
    pub removed: Vec<(String, usize)>,
    /// The events of the user that the models in the run were fitted with.
    pub events: u64,
}

/// Removes a user from the finished run in `folder`.
///
/// # Errors
/// If it holds no finished intent run, somebody works in it, nothing in it is about the user, or a file cannot be written.
pub fn forget(folder: &Path, user: &str) -> Result<Forgotten, RunError> {
    amend(folder, Intents::NAME, "a user was removed", |run| remove(run, user))
}

fn remove(run: &RunFolder, user: &str) -> Result<Forgotten, RunError> {
    let mut found = Forgotten::default();
    for name in TABLES {
        let path = run.tables().join(name);
        if path.exists() {
            let (rows, events) = table(&path, user)?;
            found.events = found.events.max(events);
            found.note(name, rows);
        }
    }
    for name in LINES {
        let path = run.tables().join(name);
        if path.exists() {
            found.note(name, lines(&path, user)?);
        }
    }
    let card = run.cards().join(file_name(user));
    match std::fs::remove_file(&card) {
        Ok(()) => found.note("cards", 1),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(ArtifactError::io("remove", &card, e).into()),
    }
    if found.removed.is_empty() {
        let reason = format!("expected rows of the user `{user}`, found none");
        return Err(RunError::data(ArtifactError::format(&run.tables(), reason)));
    }
    Ok(found)
}

impl Forgotten {
    fn note(&mut self, file: &str, rows: usize) {
        if rows > 0 {
            self.removed.push((file.to_owned(), rows));
        }
    }
}

/// Rows that were taken out of a table, and what its column `events` said in the first of them.
fn table(path: &Path, user: &str) -> Result<(usize, u64), ArtifactError> {
    let wrong = |e: csv::Error| ArtifactError::format(path, e.to_string());
    let mut reader = csv::ReaderBuilder::new().from_path(path).map_err(wrong)?;
    let header = reader.headers().map_err(wrong)?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let column = place("user").ok_or_else(|| ArtifactError::format(path, "expected a column `user`, found none"))?;
    let of_events = place("events");
    let (mut removed, mut events, mut failed) = (0, 0, None);
    write_atomic(path, |out| {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        writer.write_record(&header)?;
        for row in reader.records() {
            let row = match row {
                Ok(row) => row,
                Err(e) => {
                    failed = Some(e.to_string());
                    return Err(std::io::Error::other("a row cannot be read"));
                }
            };
            if row.get(column) == Some(user) {
                removed += 1;
                let said = of_events.and_then(|at| row.get(at)).and_then(|text| text.parse().ok());
                events = events.max(said.unwrap_or(0));
            } else {
                writer.write_record(&row)?;
            }
        }
        writer.flush()
    })
    .map_err(|error| failed.map_or(error, |reason| ArtifactError::format(path, reason)))?;
    Ok((removed, events))
}

fn lines(path: &Path, user: &str) -> Result<usize, ArtifactError> {
    let io = |e| ArtifactError::io("read", path, e);
    let file = BufReader::new(std::fs::File::open(path).map_err(io)?);
    let mut out = LinesWriter::new(path)?;
    let mut removed = 0;
    for line in file.lines() {
        let line = line.map_err(io)?;
        let value: Value = serde_json::from_str(&line).map_err(|e| ArtifactError::format(path, e.to_string()))?;
        if value.get("user").and_then(Value::as_str) == Some(user) {
            removed += 1;
        } else {
            out.line(&line)?;
        }
    }
    out.finish()?;
    Ok(removed)
}
