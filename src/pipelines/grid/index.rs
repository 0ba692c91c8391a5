//! Grids by feature class (R1), and the relation document of contacts with its differences from the run before (R3).
//!
//! `<index>/grids/<class>` has a row a customer, `<index>/relation` one a contact, both cut by region into partitions. Only
//! partitions that changed are written. The new state is put in force when the differences are safe in the run's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::contacts::{Contacts, Feature, Values};
use super::error::GridError;
use super::settings::Settings;
use crate::artifact;
use crate::dataset::hash::sha256_bytes;
use crate::differences::{DifferencesError, Manifest, Next, PartitionedWriter, Summary};
use crate::run::Lock;

/// Differences that are kept one by one; the counts know all.
const LISTED_MAX: usize = 100_000;

/// The index's own number.
const VERSION: u32 = 1;

/// `index.json`: which grids there are.
#[derive(Debug, Serialize, Deserialize)]
struct IndexFile {
    version: u32,
    grids: Vec<GridEntry>,
    relation: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct GridEntry {
    id: String,
    class: String,
    folder: String,
    columns: Vec<String>,
}

/// One dataset of the index after a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Written {
    pub id: String,
    pub class: String,
    pub rows: usize,
    pub columns: usize,
    pub partitions: usize,
    pub fresh: usize,
}

/// One difference of the relation document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Difference {
    pub kind: String,
    pub partition: String,
    pub contact: String,
    pub column: String,
    pub old: String,
    pub new: String,
}

/// What the index says after a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Indexed {
    pub grids: Vec<Written>,
    pub relation: Written,
    /// Whether there was a run before.
    pub before: bool,
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub partitions_read: usize,
    pub partitions_skipped: usize,
    /// Changed fields by column.
    pub fields: BTreeMap<String, usize>,
    /// New contacts by task, and how many of them took part.
    pub tasks: BTreeMap<String, (usize, usize)>,
    /// Not those of a first run.
    pub list: Vec<Difference>,
}

/// A dataset to be written: its schema, and the rows of each partition.
struct Layer {
    id: String,
    class: String,
    folder: PathBuf,
    key: &'static str,
    schema: SchemaRef,
    partitions: BTreeMap<String, RecordBatch>,
    rows: usize,
}

/// The datasets of an index, all files there, none in force yet.
pub(super) struct Prepared {
    /// Nobody else writes while this one does.
    _lock: Lock,
    folder: PathBuf,
    file: IndexFile,
    grids: Vec<(Written, Next)>,
    relation: (Written, Next),
}

/// Refuses an index of another version, before anything is written.
pub(super) fn check(folder: &Path) -> Result<(), GridError> {
    let path = folder.join("index.json");
    if !path.exists() {
        return Ok(());
    }
    let bytes = std::fs::read(&path).map_err(|e| artifact::ArtifactError::io("read", &path, e))?;
    let found: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| GridError::data(&path, format!("expected an index that a grid job wrote: {e}; {REMEDY}")))?;
    if found["version"] != VERSION {
        let reason = format!("expected an index of version {VERSION}, found {}; {REMEDY}", found["version"]);
        return Err(GridError::data(&path, reason));
    }
    let index: IndexFile = serde_json::from_value(found)
        .map_err(|e| GridError::data(&path, format!("expected an index that a grid job wrote: {e}; {REMEDY}")))?;
    let folders = index.grids.iter().map(|grid| &grid.folder).chain([&index.relation]);
    for own in folders {
        Manifest::read(&folder.join(own)).map_err(|e| refused(e, folder))?;
    }
    Ok(())
}

/// What to do about an index that does not fit.
const REMEDY: &str = "name another folder in `index.folder`, or remove this one to start anew";

fn refused(error: DifferencesError, folder: &Path) -> GridError {
    match error {
        DifferencesError::File(error) => error.into(),
        DifferencesError::Version { .. } | DifferencesError::Columns { .. } | DifferencesError::Damaged { .. } => {
            GridError::data(folder, format!("{error}; {REMEDY}"))
        }
        other => GridError::Differences(other),
    }
}

impl Prepared {
    /// Writes the partitions that changed.
    pub(super) fn write(contacts: &Contacts, settings: &Settings, folder: &Path) -> Result<Self, crate::run::RunError> {
        artifact::ensure_folder(folder)?;
        let lock = Lock::take(folder)?;
        let mut grids = vec![];
        for layer in classes(contacts, settings, folder)? {
            grids.push(layer.write().map_err(|e| refused(e, folder))?);
        }
        let relation = relation(contacts, settings, folder)?.write().map_err(|e| refused(e, folder))?;
        let entry = |(written, next): &(Written, Next)| GridEntry {
            id: written.id.clone(),
            class: written.class.clone(),
            folder: format!("grids/{}", written.class),
            columns: next.dataset().manifest().columns.iter().map(|column| column.name.clone()).collect(),
        };
        let file =
            IndexFile { version: VERSION, grids: grids.iter().map(entry).collect(), relation: "relation".to_owned() };
        Ok(Self { _lock: lock, folder: folder.to_owned(), file, grids, relation })
    }

    /// What changed since the run before.
    pub(super) fn differences(&self) -> Result<Indexed, GridError> {
        let (written, next) = &self.relation;
        let before = next.before().is_some();
        let mut found = Taken { before, ..Taken::default() };
        let summary: Summary = next
            .compare(|changes| {
                found.take(&changes);
                Ok(())
            })
            .map_err(|error| refused(error, &self.folder))?;
        Ok(Indexed {
            grids: self.grids.iter().map(|(written, _)| written.clone()).collect(),
            relation: written.clone(),
            before,
            added: summary.added,
            removed: summary.removed,
            changed: summary.changed,
            unchanged: summary.unchanged,
            partitions_read: summary.partitions_read,
            partitions_skipped: summary.partitions_skipped,
            fields: found.fields,
            tasks: found.tasks,
            list: found.list,
        })
    }

    /// Puts the new state in force.
    pub(super) fn promote(self) -> Result<(), GridError> {
        artifact::write_json(&self.folder.join("index.json"), &self.file)?;
        for (_, next) in self.grids.into_iter().chain([self.relation]) {
            next.promote().map_err(|error| refused(error, &self.folder))?;
        }
        Ok(())
    }
}

/// Differences as they come.
#[derive(Default)]
struct Taken {
    before: bool,
    fields: BTreeMap<String, usize>,
    tasks: BTreeMap<String, (usize, usize)>,
    list: Vec<Difference>,
}

impl Taken {
    fn take(&mut self, changes: &crate::differences::PartitionChanges) {
        let text = |rows: &RecordBatch, name: &str, row: usize| -> String {
            let column = rows.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<StringArray>());
            column.map(|c| c.value(row).to_owned()).unwrap_or_default()
        };
        for (kind, rows) in [("added", &changes.added), ("removed", &changes.removed)] {
            let outcomes = rows.column_by_name("outcome").and_then(|c| c.as_any().downcast_ref::<BooleanArray>());
            for row in 0..rows.num_rows() {
                if kind == "added" {
                    let task = self.tasks.entry(text(rows, "task", row)).or_default();
                    task.0 += 1;
                    task.1 +=
                        usize::from(outcomes.is_some_and(|o| arrow_array::Array::is_valid(o, row) && o.value(row)));
                }
                let contact = text(rows, "contact", row);
                self.push(kind, &changes.partition, contact, ["", "", ""].map(str::to_owned));
            }
        }
        for field in changes.fields() {
            *self.fields.entry(field.column.to_owned()).or_default() += 1;
            let what = [field.column.to_owned(), field.old.to_string(), field.new.to_string()];
            self.push("changed", &changes.partition, field.id.to_string(), what);
        }
    }

    /// In a first run everything is new, and a list of it would only repeat the table.
    fn push(&mut self, kind: &str, partition: &str, contact: String, [column, old, new]: [String; 3]) {
        if self.before && self.list.len() < LISTED_MAX {
            let (kind, partition) = (kind.to_owned(), partition.to_owned());
            self.list.push(Difference { kind, partition, contact, column, old, new });
        }
    }
}

impl Layer {
    fn write(self) -> Result<(Written, Next), DifferencesError> {
        let mut writer = PartitionedWriter::create(&self.folder, self.schema.clone(), self.key)?;
        for (name, rows) in &self.partitions {
            writer.partition(name, std::slice::from_ref(rows))?;
        }
        let next = writer.finish()?;
        let (partitions, columns) = (self.partitions.len(), self.schema.fields().len());
        let fresh = next.written();
        Ok((Written { id: self.id, class: self.class, rows: self.rows, columns, partitions, fresh }, next))
    }
}

/// The partition of a region: it stays the same whatever other regions there are.
fn partition(region: &str, partitions: usize) -> String {
    let digest = sha256_bytes(region.as_bytes());
    let number = u64::from_str_radix(&digest[..15], 16).unwrap_or(0) % partitions as u64;
    format!("part-{number:04}")
}

/// Rows by partition.
fn cut(contacts: &Contacts, rows: &[usize], partitions: usize) -> BTreeMap<String, Vec<usize>> {
    let mut cut: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        let region = &contacts.regions[contacts.rows[row].region as usize];
        cut.entry(partition(region, partitions)).or_default().push(row);
    }
    cut
}

fn column(feature: &Feature, rows: &[usize]) -> ArrayRef {
    match &feature.values {
        Values::Numbers(values) => Arc::new(rows.iter().map(|&row| values[row]).collect::<Float64Array>()),
        Values::Categories(values) => Arc::new(rows.iter().map(|&row| values[row].as_deref()).collect::<StringArray>()),
    }
}

fn field(feature: &Feature) -> Field {
    let kind = match feature.values {
        Values::Numbers(_) => DataType::Float64,
        Values::Categories(_) => DataType::Utf8,
    };
    Field::new(&feature.name, kind, true)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, path: &Path) -> Result<RecordBatch, GridError> {
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| GridError::data(path, error.to_string()))
}

/// A grid's own id: its class and what columns make it up.
fn grid_id(class: &str, columns: &[String]) -> String {
    format!("{class}-{}", &sha256_bytes(columns.join("\n").as_bytes())[..8])
}

/// One grid a feature class: customers as their latest contact shows them.
fn classes(contacts: &Contacts, settings: &Settings, folder: &Path) -> Result<Vec<Layer>, GridError> {
    let mut latest: BTreeMap<u32, usize> = BTreeMap::new();
    // Contacts come in the order of their start.
    for (place, row) in contacts.rows.iter().enumerate() {
        latest.insert(row.customer, place);
    }
    let rows: Vec<usize> = latest.into_values().collect();
    let names: BTreeSet<&'static str> = contacts.features.iter().map(|f| f.class).filter(|c| *c != "task").collect();
    let mut layers = vec![];
    for class in names.into_iter().chain(["region"]) {
        let own: Vec<&Feature> = contacts.features.iter().filter(|f| f.class == class).collect();
        let mut fields =
            vec![Field::new("customer", DataType::Utf8, false), Field::new("region", DataType::Utf8, false)];
        fields.extend(own.iter().map(|feature| field(feature)));
        let columns: Vec<String> = fields.iter().map(|f| f.name().clone()).collect();
        let schema = Arc::new(Schema::new(fields));
        let path = folder.join("grids").join(class);
        let mut partitions = BTreeMap::new();
        for (name, rows) in cut(contacts, &rows, settings.index.partitions) {
            let mut values = vec![
                texts(&rows, |row| &contacts.customers[contacts.rows[row].customer as usize]),
                texts(&rows, |row| &contacts.regions[contacts.rows[row].region as usize]),
            ];
            values.extend(own.iter().map(|feature| column(feature, &rows)));
            partitions.insert(name, batch(&schema, values, &path)?);
        }
        let id = grid_id(class, &columns);
        let class = class.to_owned();
        layers.push(Layer { id, class, folder: path, key: "customer", schema, partitions, rows: rows.len() });
    }
    Ok(layers)
}

fn texts<'a>(rows: &[usize], of: impl Fn(usize) -> &'a String) -> ArrayRef {
    Arc::new(rows.iter().map(|&row| Some(of(row).as_str())).collect::<StringArray>())
}

/// The relation document: which customer met which task, whether they took part, and what was known of both.
fn relation(contacts: &Contacts, settings: &Settings, folder: &Path) -> Result<Layer, GridError> {
    let mut fields = vec![
        Field::new("contact", DataType::Utf8, false),
        Field::new("task", DataType::Utf8, false),
        Field::new("customer", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, false),
        Field::new("start", DataType::Int64, false),
        Field::new("outcome", DataType::Boolean, true),
    ];
    fields.extend(contacts.features.iter().map(field));
    let columns: Vec<String> = fields.iter().map(|f| f.name().clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    let path = folder.join("relation");
    let all: Vec<usize> = (0..contacts.rows.len()).collect();
    let task = |row: usize| &contacts.tasks[contacts.rows[row].task as usize].id;
    let customer = |row: usize| &contacts.customers[contacts.rows[row].customer as usize];
    let mut partitions = BTreeMap::new();
    for (name, rows) in cut(contacts, &all, settings.index.partitions) {
        let ids: StringArray = rows.iter().map(|&row| Some(format!("{}/{}", task(row), customer(row)))).collect();
        let mut values: Vec<ArrayRef> = vec![
            Arc::new(ids),
            texts(&rows, task),
            texts(&rows, customer),
            texts(&rows, |row| &contacts.regions[contacts.rows[row].region as usize]),
            Arc::new(rows.iter().map(|&row| Some(contacts.rows[row].start)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|&row| contacts.rows[row].outcome).collect::<BooleanArray>()),
        ];
        values.extend(contacts.features.iter().map(|feature| column(feature, &rows)));
        partitions.insert(name, batch(&schema, values, &path)?);
    }
    let id = grid_id("relation", &columns);
    let class = "relation".to_owned();
    Ok(Layer { id, class, folder: path, key: "contact", schema, partitions, rows: all.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_a_region_keeps_its_partition_and_classes_have_ids_of_their_own() {
        assert_eq!(partition("367", 16), partition("367", 16));
        let used: BTreeSet<String> = (0..500).map(|i| partition(&i.to_string(), 16)).collect();
        assert_eq!(used.len(), 16, "{used:?}");
        assert_eq!(partition("367", 1), "part-0000");
        let columns = ["customer".to_owned(), "age".to_owned()];
        assert_ne!(grid_id("account", &columns), grid_id("visits", &columns));
        assert_ne!(grid_id("account", &columns), grid_id("account", &columns[..1]));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn r3_an_index_of_another_version_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
        let path = folder.path().join("index.json");
        for (text, words) in [
            ("{\"version\": 7}", "expected an index of version 1, found 7; name another folder"),
            ("no json", "expected an index that a grid job wrote"),
            ("{\"version\": 1}", "expected an index that a grid job wrote"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = check(folder.path()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
