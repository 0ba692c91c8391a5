//! Datasets of small partitions, against plain maps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

type Row = (Option<f64>, i64, Option<String>, bool);
type Table = BTreeMap<String, BTreeMap<String, Row>>;

fn schema() -> SchemaRef {
    let field = |name, kind| Field::new(name, kind, true);
    Arc::new(Schema::new(vec![
        field("visits", DataType::Float64),
        field("customer", DataType::Utf8),
        field("orders", DataType::Int64),
        field("city", DataType::Utf8),
        field("open", DataType::Boolean),
    ]))
}

fn batch<'a>(rows: impl Iterator<Item = (&'a String, &'a Row)>) -> RecordBatch {
    let rows: Vec<_> = rows.collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|(_, row)| row.0).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|(id, _)| Some(id.as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(_, row)| Some(row.1)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|(_, row)| row.2.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(_, row)| Some(row.3)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn write(folder: &Path, table: &Table) -> Next {
    let mut writer = PartitionedWriter::create(folder, schema(), "customer").unwrap();
    for (name, rows) in table {
        // Backwards and in pieces: the order in which rows come does not count.
        let all: Vec<_> = rows.iter().rev().collect();
        let batches: Vec<RecordBatch> = all.chunks(7).map(|some| batch(some.iter().copied())).collect();
        writer.partition(name, &batches).unwrap();
    }
    writer.finish().unwrap()
}

fn random_row(rng: &mut ChaCha8Rng) -> Row {
    let visits = rng.random_bool(0.8).then(|| f64::from(rng.random_range(0..3)));
    let city = rng.random_bool(0.8).then(|| ["Ulm", "Köln", ""][rng.random_range(0..3)].to_owned());
    (visits, rng.random_range(-2..2), city, rng.random())
}

fn random_table(rng: &mut ChaCha8Rng) -> Table {
    let ids = |rng: &mut ChaCha8Rng, name: &str| {
        let count = rng.random_range(0..60);
        (0..count).map(|number| (format!("{name}{number}"), random_row(rng))).collect()
    };
    ["east", "north", "west"].into_iter().map(|name| (name.to_owned(), ids(rng, name))).collect()
}

fn stirred(table: &Table, rng: &mut ChaCha8Rng) -> Table {
    let mut table = table.clone();
    for (name, rows) in &mut table {
        if rng.random_bool(0.4) {
            continue;
        }
        rows.retain(|_, _| rng.random_bool(0.9));
        for row in rows.values_mut() {
            if rng.random_bool(0.2) {
                *row = random_row(rng);
            }
        }
        for number in 0..rng.random_range(0..12) {
            rows.insert(format!("{name}{}", 100 * number + rng.random_range(0..100)), random_row(rng));
        }
    }
    if rng.random_bool(0.2) {
        table.remove("north");
    }
    if rng.random_bool(0.2) {
        table.insert("south".to_owned(), [("south1".to_owned(), random_row(rng))].into());
    }
    table
}

/// Kind, id, column, old and new, in words.
type Words = Vec<(&'static str, String, String, String, String)>;

fn words(row: &Row) -> [(&'static str, String); 4] {
    let text = |value: Option<String>| value.map_or("none".to_owned(), |value| format!("`{value}`"));
    [
        ("visits", text(row.0.map(|v| format!("{v:?}")))),
        ("orders", text(Some(row.1.to_string()))),
        ("city", text(row.2.clone())),
        ("open", text(Some(row.3.to_string()))),
    ]
}

/// What should be found, by the plainest means.
fn expected(old: &Table, new: &Table) -> Words {
    let mut found = Words::new();
    let empty = BTreeMap::new();
    for name in ["east", "north", "south", "west"] {
        let (old, new) = (old.get(name).unwrap_or(&empty), new.get(name).unwrap_or(&empty));
        let mut whole = |kind, id: &String| found.push((kind, id.clone(), String::new(), String::new(), String::new()));
        new.keys().filter(|id| !old.contains_key(*id)).for_each(|id| whole("added", id));
        old.keys().filter(|id| !new.contains_key(*id)).for_each(|id| whole("removed", id));
        for (id, row) in new {
            let Some(before) = old.get(id) else { continue };
            for ((column, a), (_, b)) in words(before).into_iter().zip(words(row)) {
                if a != b {
                    found.push(("changed", id.clone(), column.to_owned(), a, b));
                }
            }
        }
    }
    found.sort();
    found
}

fn found(next: &Next) -> (Words, Summary) {
    let mut found = Words::new();
    let text = |value: Value<'_>| if value == Value::Null { "none".to_owned() } else { format!("`{value}`") };
    let summary = next
        .compare(|changes| {
            for (kind, rows) in [("added", &changes.added), ("removed", &changes.removed)] {
                let whole = |id: Value<'_>| (kind, id.to_string(), String::new(), String::new(), String::new());
                found.extend(changes.ids(rows).map(whole));
            }
            found.extend(changes.fields().map(|field| {
                ("changed", field.id.to_string(), field.column.to_owned(), text(field.old), text(field.new))
            }));
            Ok(())
        })
        .unwrap();
    found.sort();
    (found, summary)
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn r3_differences_are_those_of_plain_maps() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let mut old = Table::new();
        for _ in 0..4 {
            let new = if old.is_empty() { random_table(&mut rng) } else { stirred(&old, &mut rng) };
            let next = write(folder.path(), &new);
            let (words, summary) = found(&next);
            assert_eq!(words, expected(&old, &new));
            let rows: u64 = new.values().map(|rows| rows.len() as u64).sum();
            assert_eq!(summary.added + summary.changed + summary.unchanged, rows);
            let same = new.iter().filter(|(name, rows)| old.get(*name) == Some(rows)).count();
            assert_eq!((summary.partitions_skipped, next.kept()), (same, same));
            let dataset = next.promote().unwrap();
            dataset.verify().unwrap();
            let back: usize = dataset.read("west").unwrap().iter().map(RecordBatch::num_rows).sum();
            assert_eq!(back, new["west"].len());
            old = new;
        }
        assert_eq!(files(folder.path()), 1 + 2 * distinct(&old));
    }
}

/// Partitions with the same rows (none) share their files.
fn distinct(table: &Table) -> usize {
    let empty = table.values().filter(|rows| rows.is_empty()).count();
    table.len() - empty.saturating_sub(1)
}

fn two() -> Table {
    let rows = |name: &str| (0..30).map(|n| (format!("{name}{n:02}"), (Some(1.0), n, None, false))).collect();
    ["east", "west"].into_iter().map(|name| (name.to_owned(), rows(name))).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn r3_an_unchanged_partition_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = two();
    let dataset = write(folder.path(), &table).promote().unwrap();
    table.get_mut("west").unwrap().get_mut("west07").unwrap().1 = 1000;
    let next = write(folder.path(), &table);
    assert_eq!((next.written(), next.kept()), (1, 1));
    // Whoever opened rows or index of the unchanged partition would say so.
    let east = &dataset.manifest().partitions["east"];
    for name in [&east.file, &east.index] {
        std::fs::write(folder.path().join(name), b"no Parquet, no index").unwrap();
    }
    let (words, summary) = found(&next);
    assert_eq!(words, expected(&two(), &table));
    let counts = Summary { changed: 1, unchanged: 59, partitions_read: 1, partitions_skipped: 1, ..Summary::default() };
    assert_eq!(summary, counts);
}

#[test]
fn r3_who_is_killed_before_the_promotion_finds_the_same_differences_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = two();
    write(folder.path(), &table).promote().unwrap();
    table.get_mut("west").unwrap().remove("west07");
    let once = found(&write(folder.path(), &table));
    let twice = found(&write(folder.path(), &table));
    assert_eq!((&once, once.1.removed), (&twice, 1));
    let next = write(folder.path(), &table);
    next.promote().unwrap();
    assert_eq!(
        found(&write(folder.path(), &table)),
        (Words::new(), Summary { unchanged: 59, partitions_skipped: 2, ..Summary::default() })
    );
    assert_eq!(files(folder.path()), 5);
}

#[test]
fn r3_duplicate_ids_are_named_with_both_rows() {
    let folder = tempfile::tempdir().unwrap();
    let row: Row = (None, 1, None, true);
    let ids = ["b", "a", "c", "a"].map(str::to_owned);
    let rows = |ids: &[String]| batch(ids.iter().map(|id| (id, &row)));
    let mut writer = PartitionedWriter::create(folder.path(), schema(), "customer").unwrap();
    let error = writer.partition("east", &[rows(&ids)]).unwrap_err();
    assert_eq!(error.to_string(), "id a stands twice: row 2 of partition `east` and row 4 of partition `east`");
    writer.partition("east", &[rows(&ids[..2])]).unwrap();
    assert_eq!(writer.partition("east", &[]).unwrap_err().to_string(), "partition `east` was written twice");
    writer.partition("west", &[rows(&ids[2..])]).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "id a stands twice: row 1 of partition `east` and row 1 of partition `west`");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "test input")]
fn r3_other_versions_columns_and_damage_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = write(folder.path(), &two()).promote().unwrap();
    let other = Arc::new(Schema::new(vec![Field::new("customer", DataType::Utf8, false)]));
    let error = PartitionedWriter::create(folder.path(), other, "customer").unwrap_err().to_string();
    assert!(error.contains("expected the columns of before, id `customer` of (visits: Float64,"), "{error}");

    let index = folder.path().join(&dataset.manifest().partitions["east"].index);
    let whole = std::fs::read(&index).unwrap();
    let told = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(&index, bytes).unwrap();
        compare(None, &dataset, |_| Ok(())).unwrap_err().to_string()
    };
    assert!(told(&|bytes| bytes[8] = 2).ends_with("expected version 1, found 2"));
    assert!(told(&|bytes| bytes[100] ^= 1).contains("expected the digest that stands in the manifest"));
    assert!(told(&|bytes| bytes.truncate(10)).contains("cut off"));
    assert!(told(&|bytes| bytes.truncate(90)).contains("as many rows as its head says"));
    assert!(told(&|bytes| bytes[0] = 0).contains("expected an index of rows"));

    let path = folder.path().join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 7, \"more\": 1")).unwrap();
    let error = PartitionedWriter::create(folder.path(), schema(), "customer").unwrap_err();
    assert!(error.to_string().ends_with("manifest.json: expected version 1, found 7"), "{error}");
    std::fs::write(&path, text.replace("part-", "../part-")).unwrap();
    assert!(Dataset::open(folder.path()).unwrap_err().to_string().contains("names of files in its folder"));
}

#[test]
fn r3_ids_and_columns_must_be_such_that_rows_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let told =
        |schema: Schema, id| PartitionedWriter::create(folder.path(), Arc::new(schema), id).unwrap_err().to_string();
    let of = |kind| Schema::new(vec![Field::new("id", kind, true)]);
    assert_eq!(
        told(of(DataType::Float64), "id"),
        "column `id`: expected an id of text or whole numbers, found Float64"
    );
    assert_eq!(
        told(of(DataType::Utf8), "key"),
        "column `key`: expected the id among the columns, found none of this name"
    );
    assert!(told(of(DataType::Binary), "id").contains("expected text, numbers"));
    let mut writer = PartitionedWriter::create(folder.path(), Arc::new(of(DataType::Int64)), "id").unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None]));
    let rows = RecordBatch::try_new(Arc::new(of(DataType::Int64)), vec![ids]).unwrap();
    let error = writer.partition("east", &[rows]).unwrap_err().to_string();
    assert_eq!(error, "column `id`: expected an id in every row, found none in row 2 of partition `east`");
}
