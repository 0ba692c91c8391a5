//! The comparison.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::index::Index;
use super::manifest::Partition;
use super::{Changed, Dataset, DifferencesError, PartitionChanges};

/// How much changed, and how much was read to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// Rows with new ids.
    pub added: u64,
    /// Rows whose ids are gone.
    pub removed: u64,
    /// Rows with other fields.
    pub changed: u64,
    /// Rows that are as they were.
    pub unchanged: u64,
    /// Partitions whose rows were compared.
    pub partitions_read: usize,
    /// Partitions of which nothing was opened.
    pub partitions_skipped: usize,
}

/// Compares two states of a dataset; `each` gets every partition that has changes, in the order of their names. As many
/// partitions as there are threads are in memory at a time.
///
/// # Errors
/// Unlike columns, files that cannot be read or do not hold what their manifest says, and what `each` says.
pub fn compare(
    previous: Option<&Dataset>,
    current: &Dataset,
    mut each: impl FnMut(PartitionChanges) -> Result<(), DifferencesError>,
) -> Result<Summary, DifferencesError> {
    if let Some(previous) = previous.filter(|previous| !previous.manifest().same_columns(current.manifest())) {
        let (expected, found) = (previous.manifest().describe(), current.manifest().describe());
        return Err(DifferencesError::Columns { path: current.folder().to_owned(), expected, found });
    }
    let mut summary = Summary::default();
    let mut work = Vec::new();
    for pair in pairs(previous, current) {
        match pair {
            Pair { old: Some(old), new: Some(new), .. } if old.digest == new.digest => {
                summary.partitions_skipped += 1;
                summary.unchanged += new.rows;
            }
            pair => work.push(pair),
        }
    }
    summary.partitions_read = work.len();
    for some in work.chunks(rayon::current_num_threads()) {
        let found: Vec<_> = some.par_iter().map(|pair| changes(previous, current, pair)).collect();
        for changes in found {
            let (changes, unchanged) = changes?;
            summary.added += changes.added.num_rows() as u64;
            summary.removed += changes.removed.num_rows() as u64;
            summary.changed += changes.changed.new.num_rows() as u64;
            summary.unchanged += unchanged;
            each(changes)?;
        }
    }
    Ok(summary)
}

/// A partition in both states.
struct Pair<'a> {
    name: &'a str,
    old: Option<&'a Partition>,
    new: Option<&'a Partition>,
}

fn pairs<'a>(previous: Option<&'a Dataset>, current: &'a Dataset) -> Vec<Pair<'a>> {
    let now = &current.manifest().partitions;
    let before = previous.map(|previous| &previous.manifest().partitions);
    let names: BTreeSet<&String> = now.keys().chain(before.into_iter().flat_map(|before| before.keys())).collect();
    let pair = |name: &'a String| Pair { name, old: before.and_then(|before| before.get(name)), new: now.get(name) };
    names.into_iter().map(pair).collect()
}

fn changes(
    previous: Option<&Dataset>,
    current: &Dataset,
    pair: &Pair<'_>,
) -> Result<(PartitionChanges, u64), DifferencesError> {
    let index = |dataset: Option<&Dataset>, partition: Option<&Partition>| match (dataset, partition) {
        (Some(dataset), Some(partition)) => dataset.index(partition),
        _ => Ok(Index::default()),
    };
    let (old, new) = (index(previous, pair.old)?, index(Some(current), pair.new)?);
    let found = Matches::of(&old, &new);
    let unchanged = (new.rows() - found.added.len() - found.changed_new.len()) as u64;
    drop((old, new));
    // A partition that is in one state only has the other one's columns: of it no row is asked for.
    let any = [(Some(current), pair.new), (previous, pair.old)];
    let pick = |side: (Option<&Dataset>, Option<&Partition>), rows: &[u32]| -> Result<RecordBatch, DifferencesError> {
        let sides = [side, any[0], any[1]];
        for (dataset, partition) in sides {
            if let (Some(dataset), Some(partition)) = (dataset, partition) {
                return dataset.pick(pair.name, partition, rows);
            }
        }
        Ok(RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty())))
    };
    let (now, before) = ((Some(current), pair.new), (previous, pair.old));
    // One pass through a file for both kinds of rows.
    let picked_new = pick(now, &[found.added.as_slice(), &found.changed_new].concat())?;
    let picked_old = pick(before, &[found.removed.as_slice(), &found.changed_old].concat())?;
    let (added, new) = halves(&picked_new, found.added.len());
    let (removed, old) = halves(&picked_old, found.removed.len());
    let columns = &current.manifest().columns;
    let id = columns.iter().position(|column| column.name == current.manifest().id).unwrap_or(0);
    let changed = Changed::of(old, new);
    Ok((PartitionChanges { partition: pair.name.to_owned(), added, removed, changed, id }, unchanged))
}

fn halves(rows: &RecordBatch, first: usize) -> (RecordBatch, RecordBatch) {
    (rows.slice(0, first), rows.slice(first, rows.num_rows() - first))
}

/// Which rows belong together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Matches {
    added: Vec<u32>,
    removed: Vec<u32>,
    changed_old: Vec<u32>,
    changed_new: Vec<u32>,
}

/// How far ahead a row is looked for before all rows are put into a map.
const AHEAD: usize = 8;

impl Matches {
    /// Both sides are in the order of their ids, so that a row's partner follows the partner of the row before, but for
    /// rows that were added or removed between them.
    fn of(old: &Index, new: &Index) -> Self {
        let mut found = Self::default();
        let mut seen = vec![false; old.rows()];
        let mut map: Option<HashMap<u128, u32>> = None;
        let mut at = 0;
        for (row, key) in new.keys.iter().enumerate() {
            let near = &old.keys[at..old.rows().min(at + AHEAD)];
            let partner = near.iter().position(|other| other == key).map(|place| at + place).or_else(|| {
                let all = map.get_or_insert_with(|| old.keys.iter().copied().zip(0..).collect());
                all.get(key).map(|place| *place as usize)
            });
            match partner {
                None => found.added.push(row as u32),
                Some(place) => {
                    seen[place] = true;
                    at = place + 1;
                    if old.hashes[place] != new.hashes[row] {
                        found.changed_old.push(place as u32);
                        found.changed_new.push(row as u32);
                    }
                }
            }
        }
        found.removed = (0..old.rows()).filter(|place| !seen[*place]).map(|place| place as u32).collect();
        found
    }
}
