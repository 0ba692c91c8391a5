//! Freezing, editing, cancelling.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{OutboxError, Rendered};
use crate::claims::{OfferList, put_list};
use crate::dataset::hash::hex;
use crate::ledger::Ledger;

/// An allocated customer and the message for him.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The task.
    pub task: String,
    /// The customer, by a name that holds over all tasks and grids.
    pub customer: String,
    /// The manager in whose name it is written, and who may edit it.
    pub manager: String,
    /// What the allocation gave the pair.
    pub score: f64,
    /// The message.
    pub message: Rendered,
}

/// What one run publishes, in one transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Publication {
    /// A day, a week, a campaign: a customer gets at most one message a task and period, and the cap counts within it.
    pub period: String,
    /// How many messages a customer gets in a period over all tasks; 0: none at all; `None`: there is no cap.
    pub cap: Option<u32>,
    /// The allocation with its messages. Where the cap is short, the first ones stay.
    pub drafts: Vec<Draft>,
    /// Lists that managers see.
    pub offers: Vec<OfferList>,
}

/// What became of drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Published {
    /// Frozen now.
    pub queued: u64,
    /// Frozen before, under the same key.
    pub known: u64,
    /// Not frozen: the customer has opted out.
    pub opted_out: u64,
    /// Not frozen: the customer's cap is reached.
    pub capped: u64,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Frozen; may be edited and cancelled.
    Queued,
    /// Taken into a batch whose file is being written.
    Leaving,
    /// In a file.
    Left,
    /// Cancelled by an opt-out.
    Cancelled,
}

impl State {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "leaving" => Self::Leaving,
            "left" => Self::Left,
            _ => Self::Cancelled,
        }
    }

    /// As it stands in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A frozen message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// 32 hexadecimal digits that follow from period, task and customer.
    pub key: String,
    /// The period.
    pub period: String,
    /// The task.
    pub task: String,
    /// The customer.
    pub customer: String,
    /// The manager.
    pub manager: String,
    /// What it says.
    #[serde(flatten)]
    pub message: Rendered,
    /// Where it stands.
    pub state: State,
}

/// What a manager changes; `None` leaves a part as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// Another text.
    pub text: Option<String>,
    /// Another link.
    pub link: Option<String>,
    /// Another slogan.
    pub slogan: Option<String>,
    /// Another picture.
    pub picture: Option<String>,
}

/// The outbox of a ledger.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub(super) ledger: Arc<Ledger>,
}

impl Outbox {
    /// The outbox of a ledger.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }

    /// Writes allocation, messages and offers, all or nothing. To publish the same again changes nothing.
    ///
    /// # Errors
    /// Names that are empty, scores that are no numbers, offers that make no sense; the ledger failed.
    pub fn publish(&self, publication: Publication) -> Result<Published, OutboxError> {
        check(&publication)?;
        let fail = self.ledger.error("publish to");
        self.ledger.write(move |connection| publish(connection, &publication).map_err(|e| fail(e).into()))
    }

    /// Changes a message of this manager's before it leaves; its key stays.
    ///
    /// # Errors
    /// There is none, it is another manager's, it has left or was cancelled; the ledger failed.
    pub fn edit(&self, key: &str, manager: &str, edit: Edit) -> Result<(), OutboxError> {
        let (key, manager) = (key.to_owned(), manager.to_owned());
        let fail = self.ledger.error("edit in");
        self.ledger.write_one(move |connection| {
            let find = "SELECT manager, state FROM messages WHERE key = ?1";
            let found =
                connection.query_row(find, [&key], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
            let Some((owner, state)) = found.optional().map_err(&fail)? else {
                return Err(OutboxError::Unknown { key });
            };
            if owner != manager {
                return Err(OutboxError::NotYours { key });
            }
            if State::of(&state) != State::Queued {
                return Err(OutboxError::NotQueued { key, found: State::of(&state).as_str() });
            }
            let change = "UPDATE messages SET edited = 1, text = coalesce(?2, text), link = coalesce(?3, link),
                          slogan = coalesce(?4, slogan), picture = coalesce(?5, picture) WHERE key = ?1";
            let values = params![key, edit.text, edit.link, edit.slogan, edit.picture];
            connection.execute(change, values).map(drop).map_err(|e| fail(e).into())
        })
    }

    /// A customer wants no more messages: cancels what is queued and says how many, and freezes none from now on.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn opt_out(&self, customer: &str) -> Result<u64, OutboxError> {
        let customer = customer.to_owned();
        let fail = self.ledger.error("opt out in");
        self.ledger.write(move |connection| {
            let note = "INSERT OR IGNORE INTO opt_outs VALUES (?1)";
            connection.execute(note, [&customer]).map_err(&fail)?;
            let cancel = "UPDATE messages SET state = 'cancelled' WHERE customer = ?1 AND state = 'queued'";
            connection.execute(cancel, [&customer]).map(|count| count as u64).map_err(|e| fail(e).into())
        })
    }

    /// A customer wants messages again. What was cancelled stays so.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn opt_in(&self, customer: &str) -> Result<(), OutboxError> {
        let customer = customer.to_owned();
        let fail = self.ledger.error("opt in to");
        self.ledger.write_one(move |connection| {
            let forget = connection.execute("DELETE FROM opt_outs WHERE customer = ?1", [customer]);
            forget.map(drop).map_err(|e| fail(e).into())
        })
    }

    /// Messages in the order in which they were frozen: a manager's, or all.
    ///
    /// # Errors
    /// The ledger failed.
    pub fn messages(&self, manager: Option<&str>) -> Result<Vec<Message>, OutboxError> {
        let fail = self.ledger.error("read");
        let sql = format!("{MESSAGES} WHERE ?1 IS NULL OR manager = ?1 ORDER BY seq");
        self.ledger.read(|connection| {
            let mut statement = connection.prepare_cached(&sql).map_err(&fail)?;
            let rows = statement.query_map([manager], message).map_err(&fail)?;
            rows.collect::<Result<_, _>>().map_err(|e| fail(e).into())
        })
    }

    /// Where the ledger lies.
    pub fn path(&self) -> &Path {
        self.ledger.path()
    }
}

pub(super) const MESSAGES: &str =
    "SELECT key, period, task, customer, manager, text, link, slogan, picture, state FROM messages";

pub(super) fn message(row: &rusqlite::Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        key: row.get(0)?,
        period: row.get(1)?,
        task: row.get(2)?,
        customer: row.get(3)?,
        manager: row.get(4)?,
        message: Rendered { text: row.get(5)?, link: row.get(6)?, slogan: row.get(7)?, picture: row.get(8)? },
        state: State::of(row.get_ref(9)?.as_str()?),
    })
}

fn check(publication: &Publication) -> Result<(), OutboxError> {
    publication.offers.iter().try_for_each(OfferList::check)?;
    for (place, draft) in publication.drafts.iter().enumerate() {
        let place = place + 1;
        let names = [
            ("period", &publication.period),
            ("task", &draft.task),
            ("customer", &draft.customer),
            ("manager", &draft.manager),
        ];
        if let Some((name, _)) = names.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(OutboxError::Draft { place, name, expected: "a name", found: "an empty one".to_owned() });
        }
        if !draft.score.is_finite() {
            let found = draft.score.to_string();
            return Err(OutboxError::Draft { place, name: "score", expected: "a finite number", found });
        }
    }
    Ok(())
}

/// The key follows from what makes a message another one for its receiver: not from its text, and not from the manager.
fn stable_key(period: &str, draft: &Draft) -> String {
    let mut sha = Sha256::new();
    for part in ["nightloom message 1", period, &draft.task, &draft.customer] {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    hex(&sha.finalize()[..16])
}

fn publish(connection: &Connection, publication: &Publication) -> rusqlite::Result<Published> {
    publication.offers.iter().try_for_each(|list| put_list(connection, list))?;
    let period = publication.period.as_str();
    let mut allocate = connection.prepare_cached(
        "INSERT INTO allocations VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET manager = excluded.manager, score = excluded.score",
    )?;
    let mut known = connection.prepare_cached("SELECT 1 FROM messages WHERE key = ?1")?;
    let mut opted_out = connection.prepare_cached("SELECT 1 FROM opt_outs WHERE customer = ?1")?;
    let mut count = connection
        .prepare_cached("SELECT count(*) FROM messages WHERE customer = ?1 AND period = ?2 AND state <> 'cancelled'")?;
    let mut freeze = connection.prepare_cached(
        "INSERT INTO messages (key, period, task, customer, manager, text, link, slogan, picture)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut found = Published::default();
    for draft in &publication.drafts {
        let Draft { task, customer, manager, score, message } = draft;
        allocate.execute(params![period, task, customer, manager, score])?;
        let key = stable_key(period, draft);
        if known.exists([&key])? {
            found.known += 1;
        } else if opted_out.exists([customer])? {
            found.opted_out += 1;
        } else if let Some(cap) = publication.cap
            && count.query_row([customer.as_str(), period], |row| row.get::<_, u32>(0))? >= cap
        {
            found.capped += 1;
        } else {
            let Rendered { text, link, slogan, picture } = message;
            freeze.execute(params![key, period, task, customer, manager, text, link, slogan, picture])?;
            found.queued += 1;
        }
    }
    Ok(found)
}
