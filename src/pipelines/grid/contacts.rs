//! The table of contacts, read and cleaned: who was or is to be contacted for which task, and what came of it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::error::GridError;
use super::settings::{ManagerSettings, Settings};
use crate::dataset::{Batch, Column, ColumnType, DataError, Place, ReadOptions, RowRef, Source, TableReader, Wanted};

/// The most names in a column of categories.
const LEVELS_MAX: usize = 64;

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    pub id: String,
    pub start: i64,
    /// Whether its contacts are to be allocated.
    pub late: bool,
}

/// One contact, by places in the lists of names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contact {
    pub customer: u32,
    pub task: u32,
    pub region: u32,
    pub start: i64,
    pub outcome: Option<bool>,
    /// Who made it, where a table says so.
    pub served_by: Option<String>,
}

/// A column of features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Feature {
    pub name: String,
    /// The feature class, or `task`.
    pub class: &'static str,
    pub values: Values,
}

/// Its values, contact by contact.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    Numbers(Vec<Option<f64>>),
    Categories(Vec<Option<String>>),
}

/// What reading left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub too_early: usize,
    pub no_region: usize,
    pub repeated: usize,
}

/// Contacts in the order of start, task and customer.
#[derive(Debug)]
pub(super) struct Contacts {
    pub path: PathBuf,
    pub customers: Vec<String>,
    pub tasks: Vec<Task>,
    pub regions: Vec<String>,
    pub rows: Vec<Contact>,
    pub features: Vec<Feature>,
    pub left_out: LeftOut,
    pub read: usize,
}

#[derive(Clone, PartialEq)]
struct Raw {
    at: RowRef,
    customer: String,
    task: String,
    region: String,
    start: i64,
    outcome: Option<bool>,
    served_by: Option<String>,
    numbers: Vec<Option<f64>>,
    categories: Vec<Option<String>>,
}

impl Raw {
    /// Whether the rest of two rows of one customer and task is equal.
    fn repeats(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}

/// Columns with their classes.
type Layout = Vec<(&'static str, String)>;

/// The columns of numbers, and those of names.
fn layout(settings: &Settings) -> (Layout, Layout) {
    let mut classes = settings.data.classes.named();
    classes.push(("task", &settings.data.tasks));
    let of = |numbers: bool| {
        let columns = classes.iter().flat_map(|(class, columns)| {
            let names = if numbers { &columns.numbers } else { &columns.categories };
            names.iter().map(|name| (*class, name.clone()))
        });
        columns.collect()
    };
    (of(true), of(false))
}

impl Contacts {
    /// Reads the table.
    pub(super) fn read(source: &Source, settings: &Settings) -> Result<Self, GridError> {
        let (numbers, categories) = layout(settings);
        let data = &settings.data;
        let mut wanted = vec![
            Wanted::typed(&data.customer, ColumnType::Text),
            Wanted::typed(&data.task, ColumnType::Text),
            Wanted::typed(&data.region, ColumnType::Text),
            Wanted::typed(&data.start, ColumnType::Integer),
            Wanted::typed(&data.outcome, ColumnType::Integer),
        ];
        let served_by = match &settings.managers {
            ManagerSettings::Table(table) => Some(table.served_by.as_str()),
            ManagerSettings::Generated(_) => None,
        };
        wanted.extend(served_by.map(|name| Wanted::typed(name, ColumnType::Text)));
        wanted.extend(numbers.iter().map(|(_, name)| Wanted::typed(name, ColumnType::Float)));
        wanted.extend(categories.iter().map(|(_, name)| Wanted::typed(name, ColumnType::Text)));
        let mut table = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
        let counts = (usize::from(served_by.is_some()), numbers.len());
        let mut reading = Reading { source, settings, counts, rows: vec![], left_out: LeftOut::default(), read: 0 };
        while let Some(batch) = table.next_batch()? {
            for index in 0..batch.rows.len() {
                reading.row(&batch, index)?;
            }
        }
        reading.finish(&numbers, &categories)
    }

    /// Places of the contacts of late tasks, or of the others.
    pub(super) fn places(&self, late: bool) -> Vec<usize> {
        (0..self.rows.len()).filter(|&row| self.tasks[self.rows[row].task as usize].late == late).collect()
    }

    /// A column of numbers.
    pub(super) fn numbers(&self, name: &str) -> Option<&[Option<f64>]> {
        self.features.iter().find_map(|feature| match &feature.values {
            Values::Numbers(values) if feature.name == name => Some(values.as_slice()),
            _ => None,
        })
    }
}

struct Reading<'a> {
    source: &'a Source,
    settings: &'a Settings,
    /// Columns of who served, and of numbers.
    counts: (usize, usize),
    rows: Vec<Raw>,
    left_out: LeftOut,
    read: usize,
}

fn text(column: &Column, index: usize) -> Option<String> {
    column.text(index).map(|text| text.trim().to_owned())
}

impl Reading<'_> {
    fn row(&mut self, batch: &Batch, index: usize) -> Result<(), GridError> {
        let data = &self.settings.data;
        self.read += 1;
        let missing = |name: &str, expected: &str| -> GridError {
            let at = Place::cell(self.source.path(), batch.rows[index], name);
            DataError::Missing { at, expected: expected.to_owned() }.into()
        };
        let columns = &batch.columns;
        let customer = text(&columns[0], index).ok_or_else(|| missing(&data.customer, "a customer"))?;
        let task = text(&columns[1], index).ok_or_else(|| missing(&data.task, "a task"))?;
        let start = columns[3].integers().and_then(|days| days[index]).ok_or_else(|| missing(&data.start, "a day"))?;
        if start < data.first_start {
            self.left_out.too_early += 1;
            return Ok(());
        }
        let Some(region) = text(&columns[2], index) else {
            self.left_out.no_region += 1;
            return Ok(());
        };
        let outcome = match columns[4].integers().and_then(|values| values[index]) {
            None if start >= data.late_start => None,
            None => return Err(missing(&data.outcome, "0 or 1, for the task trains")),
            Some(value @ 0..=1) => Some(value == 1),
            Some(value) => {
                let reason = format!("{}, column `{}`: expected 0 or 1, got {value}", batch.rows[index], data.outcome);
                return Err(GridError::data(self.source.path(), reason));
            }
        };
        let (first, split) = (5 + self.counts.0, 5 + self.counts.0 + self.counts.1);
        let served_by = columns[5..first].first().and_then(|column| text(column, index));
        let numbers = columns[first..split].iter().map(|c| c.floats().and_then(|f| f[index])).collect();
        let categories = columns[split..].iter().map(|c| text(c, index)).collect();
        let at = batch.rows[index];
        self.rows.push(Raw { at, customer, task, region, start, outcome, served_by, numbers, categories });
        Ok(())
    }

    fn finish(
        mut self,
        numbers: &[(&'static str, String)],
        categories: &[(&'static str, String)],
    ) -> Result<Contacts, GridError> {
        let path = self.source.path();
        self.rows.sort_by(|a, b| (a.start, &a.task, &a.customer, a.at).cmp(&(b.start, &b.task, &b.customer, b.at)));
        self.repeated()?;
        let starts = self.starts()?;
        let mut tasks: Vec<Task> = starts
            .into_iter()
            .map(|(id, start)| Task { id: id.to_owned(), start, late: start >= self.settings.data.late_start })
            .collect();
        tasks.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        let (customers, regions) = (names(&self.rows, |r| &r.customer), names(&self.rows, |r| &r.region));
        let place = |list: &[String], name: &String| list.partition_point(|other| other < name) as u32;
        let task_places: HashMap<&str, u32> = tasks.iter().zip(0..).map(|(t, i)| (t.id.as_str(), i)).collect();
        let rows = self.rows.iter().map(|raw| Contact {
            customer: place(&customers, &raw.customer),
            task: task_places[raw.task.as_str()],
            region: place(&regions, &raw.region),
            start: raw.start,
            outcome: raw.outcome,
            served_by: raw.served_by.clone(),
        });
        let rows: Vec<Contact> = rows.collect();
        let mut features = vec![];
        for (i, (class, name)) in numbers.iter().enumerate() {
            let values = Values::Numbers(self.rows.iter().map(|raw| raw.numbers[i]).collect());
            features.push(Feature { name: name.clone(), class, values });
        }
        for (i, (class, name)) in categories.iter().enumerate() {
            let values: Vec<Option<String>> = self.rows.iter().map(|raw| raw.categories[i].clone()).collect();
            let levels = values.iter().flatten().collect::<BTreeSet<_>>().len();
            if levels > LEVELS_MAX {
                let reason = format!("column `{name}`: expected at most {LEVELS_MAX} different names, found {levels}");
                return Err(GridError::data(path, reason));
            }
            features.push(Feature { name: name.clone(), class, values: Values::Categories(values) });
        }
        let (left_out, read) = (self.left_out, self.read);
        let contacts = Contacts { path: path.to_owned(), customers, tasks, regions, rows, features, left_out, read };
        contacts.check(self.settings)?;
        Ok(contacts)
    }

    /// Drops rows that stand twice; of one customer and task there must be no two different ones.
    fn repeated(&mut self) -> Result<(), GridError> {
        let mut kept: Vec<Raw> = Vec::with_capacity(self.rows.len());
        let mut seen: HashMap<(String, String), usize> = HashMap::new();
        for raw in std::mem::take(&mut self.rows) {
            match seen.get(&(raw.task.clone(), raw.customer.clone())) {
                Some(&first) if kept[first].repeats(&raw) => self.left_out.repeated += 1,
                Some(&first) => {
                    let at = Place::row(self.source.path(), raw.at);
                    let key = format!("customer `{}` with task `{}`", raw.customer, raw.task);
                    return Err(DataError::Duplicate { at, key, first: kept[first].at }.into());
                }
                None => {
                    seen.insert((raw.task.clone(), raw.customer.clone()), kept.len());
                    kept.push(raw);
                }
            }
        }
        self.rows = kept;
        Ok(())
    }

    /// Each task's one start.
    fn starts(&self) -> Result<HashMap<&str, i64>, GridError> {
        let mut starts: HashMap<&str, i64> = HashMap::new();
        for raw in &self.rows {
            let known = *starts.entry(&raw.task).or_insert(raw.start);
            if known != raw.start {
                let reason = format!(
                    "{}: task `{}` starts on day {} here and on day {known} elsewhere, expected one start",
                    raw.at, raw.task, raw.start
                );
                return Err(GridError::data(self.source.path(), reason));
            }
        }
        Ok(starts)
    }
}

/// Names, sorted, each once.
fn names(rows: &[Raw], of: impl Fn(&Raw) -> &String) -> Vec<String> {
    rows.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

impl Contacts {
    /// Whether there is something to train on, to choose by, and to allocate.
    fn check(&self, settings: &Settings) -> Result<(), GridError> {
        let data = &settings.data;
        let parts = [
            ("before `inner_start`", self.outcomes(|start| start < data.inner_start)),
            ("from `inner_start` to `late_start`", self.outcomes(|s| (data.inner_start..data.late_start).contains(&s))),
        ];
        for (what, [no, yes]) in parts {
            if no == 0 || yes == 0 {
                let reason = format!(
                    "expected contacts of both outcomes {what}, found {yes} that responded and {no} that did not"
                );
                return Err(GridError::data(&self.path, reason));
            }
        }
        if self.places(true).is_empty() {
            let reason = format!("expected contacts from `late_start`, day {}, on, found none", data.late_start);
            return Err(GridError::data(&self.path, reason));
        }
        Ok(())
    }

    /// How many did not respond and how many did, of tasks whose start is wanted.
    pub(super) fn outcomes(&self, wanted: impl Fn(i64) -> bool) -> [usize; 2] {
        let rows = || self.rows.iter().filter(|row| wanted(row.start));
        [false, true].map(|outcome| rows().filter(|row| row.outcome == Some(outcome)).count())
    }
}
