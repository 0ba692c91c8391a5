//! Claims in a ledger.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::store::named;
use super::{Claim, ClaimError, ClaimStore, Mode, OfferList, Open, Release};
use crate::ledger::Ledger;

/// Claims in a SQLite file that several processes share.
#[derive(Debug, Clone)]
pub struct SqliteClaims {
    ledger: Arc<Ledger>,
}

impl SqliteClaims {
    /// The claims of a ledger.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }
}

/// One statement decides: whether the customer is offered to the manager, and whether it is nobody's.
const CLAIM: &str = "
    INSERT INTO claims (customer, manager)
    SELECT c.id, m.id FROM customers c, managers m
    WHERE c.grid = ?1 AND c.name = ?2 AND m.name = ?3 AND EXISTS (
      SELECT 1 FROM offers o WHERE o.customer = c.id AND o.manager IN (m.id, 0)
        AND (o.manager <> 0 OR EXISTS (SELECT 1 FROM members WHERE list = o.list AND manager = m.id)))
    ON CONFLICT (customer) DO NOTHING";

const OWNER: &str = "
    SELECT m.name FROM customers c JOIN claims l ON l.customer = c.id JOIN managers m ON m.id = l.manager
    WHERE c.grid = ?1 AND c.name = ?2";

const OFFERED: &str = "
    SELECT EXISTS (SELECT 1 FROM customers c, managers m, offers o
      WHERE c.grid = ?1 AND c.name = ?2 AND m.name = ?3 AND o.customer = c.id AND o.manager IN (m.id, 0)
        AND (o.manager <> 0 OR EXISTS (SELECT 1 FROM members WHERE list = o.list AND manager = m.id)))";

const LIST: &str = "
    SELECT DISTINCT s.task, s.mode, c.name, o.weight, l.manager IS NOT NULL, o.place
    FROM managers m JOIN lists s ON s.grid = ?1
      JOIN offers o ON o.list = s.id AND o.manager IN (m.id, 0)
      JOIN customers c ON c.id = o.customer
      LEFT JOIN claims l ON l.customer = c.id
    WHERE m.name = ?2 AND (l.manager IS NULL OR l.manager = m.id)
      AND (o.manager <> 0 OR EXISTS (SELECT 1 FROM members WHERE list = s.id AND manager = m.id))
    ORDER BY s.task, o.place";

impl ClaimStore for SqliteClaims {
    fn offer(&self, list: OfferList) -> Result<(), ClaimError> {
        list.check()?;
        let fail = self.ledger.error("offer in");
        self.ledger.write(move |connection| put_list(connection, &list).map_err(|e| fail(e).into()))
    }

    fn claim(&self, grid: &str, customer: &str, manager: &str) -> Result<Claim, ClaimError> {
        named("grid", grid)?;
        named("customer", customer)?;
        named("manager", manager)?;
        let names = [grid.to_owned(), customer.to_owned(), manager.to_owned()];
        let fail = self.ledger.error("claim in");
        self.ledger.write_one(move |connection| claim(connection, &names).map_err(|e| fail(e).into()))
    }

    fn release(&self, grid: &str, customer: &str, manager: &str) -> Result<Release, ClaimError> {
        let names = [grid.to_owned(), customer.to_owned(), manager.to_owned()];
        let fail = self.ledger.error("release in");
        self.ledger.write_one(move |connection| release(connection, &names).map_err(|e| fail(e).into()))
    }

    fn list(&self, grid: &str, manager: &str) -> Result<Vec<Open>, ClaimError> {
        let fail = self.ledger.error("list");
        self.ledger.read(|connection| {
            let mut statement = connection.prepare_cached(LIST).map_err(&fail)?;
            let rows = statement.query_map([grid, manager], open).map_err(&fail)?;
            rows.collect::<Result<_, _>>().map_err(|e| fail(e).into())
        })
    }
}

fn open(row: &rusqlite::Row<'_>) -> rusqlite::Result<Open> {
    let mode = match row.get_ref(1)?.as_str()? {
        "mapped" => Mode::Mapped,
        "assigned" => Mode::Assigned,
        _ => Mode::Grab,
    };
    Ok(Open { task: row.get(0)?, mode, customer: row.get(2)?, weight: row.get(3)?, yours: row.get(4)? })
}

fn claim(connection: &Connection, names: &[String; 3]) -> rusqlite::Result<Claim> {
    // Nobody else writes while this transaction is open: what is read after the insert is what it met.
    if connection.prepare_cached(CLAIM)?.execute(names.each_ref())? == 1 {
        return Ok(Claim::Won);
    }
    let [grid, customer, manager] = names;
    let owner = owner(connection, grid, customer)?;
    if owner.as_deref() == Some(manager) {
        return Ok(Claim::AlreadyYours);
    }
    let offered: bool = connection.prepare_cached(OFFERED)?.query_row(names.each_ref(), |row| row.get(0))?;
    Ok(match owner {
        Some(owner) if offered => Claim::OwnedBy(owner),
        _ => Claim::NotOffered,
    })
}

fn release(connection: &Connection, [grid, customer, manager]: &[String; 3]) -> rusqlite::Result<Release> {
    match owner(connection, grid, customer)? {
        None => Ok(Release::NotClaimed),
        Some(owner) if owner != *manager => Ok(Release::NotYours(owner)),
        Some(_) => {
            let sql = "DELETE FROM claims WHERE customer = (SELECT id FROM customers WHERE grid = ?1 AND name = ?2)";
            connection.prepare_cached(sql)?.execute([grid, customer])?;
            Ok(Release::Released)
        }
    }
}

fn owner(connection: &Connection, grid: &str, customer: &str) -> rusqlite::Result<Option<String>> {
    connection.prepare_cached(OWNER)?.query_row([grid, customer], |row| row.get(0)).optional()
}

/// Puts a checked list in its predecessor's place.
pub(crate) fn put_list(connection: &Connection, list: &OfferList) -> rusqlite::Result<()> {
    let known = "INSERT INTO lists (grid, task, mode) VALUES (?1, ?2, ?3)
                 ON CONFLICT (grid, task) DO UPDATE SET mode = excluded.mode RETURNING id";
    let id: i64 = connection
        .prepare_cached(known)?
        .query_row(params![list.grid, list.task, list.mode.as_str()], |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM offers WHERE list = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM members WHERE list = ?1")?.execute([id])?;
    let mut put_member = connection.prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2)")?;
    for manager in &list.managers {
        put_member.execute([id, number_of_manager(connection, manager)?])?;
    }
    let mut put = connection.prepare_cached(
        "INSERT OR IGNORE INTO offers (list, place, manager, customer, weight) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (place, entry) in list.entries.iter().enumerate() {
        let customer = number_of_customer(connection, &list.grid, &entry.customer)?;
        let place = place as i64;
        if entry.managers.is_empty() {
            put.execute(params![id, place, 0, customer, entry.weight])?;
        }
        for manager in &entry.managers {
            put.execute(params![id, place, number_of_manager(connection, manager)?, customer, entry.weight])?;
        }
    }
    Ok(())
}

fn number_of_manager(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    let find = "SELECT id FROM managers WHERE name = ?1";
    if let Some(id) = connection.prepare_cached(find)?.query_row([name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let make = "INSERT INTO managers (name) VALUES (?1) RETURNING id";
    connection.prepare_cached(make)?.query_row([name], |row| row.get(0))
}

fn number_of_customer(connection: &Connection, grid: &str, name: &str) -> rusqlite::Result<i64> {
    let find = "SELECT id FROM customers WHERE grid = ?1 AND name = ?2";
    if let Some(id) = connection.prepare_cached(find)?.query_row([grid, name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let make = "INSERT INTO customers (grid, name) VALUES (?1, ?2) RETURNING id";
    connection.prepare_cached(make)?.query_row([grid, name], |row| row.get(0))
}
