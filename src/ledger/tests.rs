//! The ledger itself.

use super::*;

fn count(ledger: &Ledger) -> i64 {
    let read = |c: &Connection| c.query_row("SELECT count(*) FROM opt_outs", [], |row| row.get(0));
    ledger.read(|c| read(c).map_err(ledger.error("count"))).unwrap()
}

fn insert(connection: &Connection, name: &str) -> Result<usize, LedgerError> {
    let insert = connection.execute("INSERT INTO opt_outs VALUES (?1)", [name]);
    insert.map_err(LedgerError::sqlite("insert", Path::new("x")))
}

#[test]
fn r11_work_that_fails_is_undone_and_the_others_stand() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("l")).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..40 {
            let ledger = &ledger;
            scope.spawn(move || {
                let work = move |c: &Connection| {
                    insert(c, &format!("a{caller}"))?;
                    if caller % 2 == 0 { insert(c, &format!("a{caller}")) } else { Ok(1) }
                };
                assert_eq!(ledger.write(work).is_ok(), caller % 2 == 1);
            });
        }
    });
    assert_eq!(count(&ledger), 20);
}

#[test]
fn r11_work_that_panics_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let ledger = Ledger::open(&path).unwrap();
    ledger.write(|c| insert(c, "kept")).unwrap();
    let stopped = |result: Result<usize, LedgerError>| matches!(result, Err(LedgerError::Stopped { .. }));
    assert!(stopped(ledger.write(|_| panic!("on purpose"))));
    assert!(stopped(ledger.write(|c| insert(c, "late"))));
    drop(ledger);
    assert_eq!(count(&Ledger::open(&path).unwrap()), 1);
}

#[test]
fn r11_a_process_has_one_writer_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    let one = Ledger::open(&folder.path().join("l")).unwrap();
    let other = Ledger::open(&folder.path().join("below/../l")).unwrap();
    assert!(Arc::ptr_eq(&one, &other));
    assert!(!Arc::ptr_eq(&one, &Ledger::open(&folder.path().join("m")).unwrap()));
    assert!(matches!(Ledger::open(&folder.path().join("absent/l")), Err(LedgerError::Folder { .. })));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn r11_other_files_versions_and_an_old_sqlite_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    drop(Ledger::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let error = Ledger::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("expected version 1, found 9"), "{error}");

    let other = folder.path().join("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Ledger::open(&other), Err(LedgerError::NoLedger { .. })));
    let text = folder.path().join("text");
    std::fs::write(&text, "customer,manager\n".repeat(100)).unwrap();
    assert!(matches!(Ledger::open(&text), Err(LedgerError::Sqlite { .. })));

    assert!(connect::check_sqlite(rusqlite::version_number()).is_ok());
    let error = connect::check_sqlite(3_051_002).unwrap_err().to_string();
    assert!(error.contains("expected at least 3052000, found 3051002"), "{error}");
}

#[test]
fn r11_settings_are_those_that_survive_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connect::open(&folder.path().join("l")).unwrap();
    let text = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((text("journal_mode").as_str(), number("synchronous")), ("wal", 2));
}
