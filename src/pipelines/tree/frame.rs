//! Tables with numbers and categories, either of which may be missing.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Truth;
use crate::dataset::rows::{RowSpec, TargetKind};
use crate::dataset::{Batch, Column, ColumnType, DataError, Place, ReadOptions, RowRef, Source, TableReader, Wanted};
use crate::pipelines::tabular::TabularError;
use crate::pipelines::train::settings::Task;
use crate::tree::{BINS_MAX, FeatureKind};

/// Values that a batch may hold.
const BATCH_VALUES: usize = 1 << 21;

/// Which columns to read.
#[derive(Debug, Clone)]
pub(super) struct FrameSpec {
    pub source: Source,
    /// The columns of numbers; without them all numeric columns but the others.
    pub numbers: Option<Vec<String>>,
    pub categories: Vec<String>,
    pub target: Option<(String, TargetKind)>,
    pub id: Option<String>,
}

/// The inputs: numbers first, then categories with their texts in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Columns {
    pub numbers: Vec<String>,
    pub categories: Vec<(String, Vec<String>)>,
}

impl Columns {
    pub(super) fn kinds(&self) -> Vec<FeatureKind> {
        let categories = self.categories.iter().map(|(_, texts)| FeatureKind::Category(texts.len()));
        self.numbers.iter().map(|_| FeatureKind::Number).chain(categories).collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.numbers.iter().chain(self.categories.iter().map(|(name, _)| name)).cloned().collect()
    }

    /// Each input's categories; none for numbers.
    pub(super) fn texts(&self) -> Vec<Vec<String>> {
        self.numbers.iter().map(|_| vec![]).chain(self.categories.iter().map(|(_, texts)| texts.clone())).collect()
    }
}

/// The targets as they came.
#[derive(Debug, Clone)]
enum Targets {
    None,
    Labels(Vec<String>),
    Numbers(Vec<f64>),
}

/// Rows.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub path: PathBuf,
    pub places: Vec<RowRef>,
    pub ids: Vec<String>,
    /// [rows, inputs]; NaN where a value is missing, or a category is none of the training table's.
    pub values: Vec<f32>,
    targets: Targets,
}

/// Columns as they are read: texts of categories are numbered afterwards.
struct Raw {
    frame: Frame,
    texts: Vec<Vec<Option<String>>>,
}

impl FrameSpec {
    /// Reads a table and finds its categories.
    pub(super) fn read(&self) -> Result<(Frame, Columns), TabularError> {
        let numbers = match &self.numbers {
            Some(numbers) => numbers.clone(),
            None => self.numeric()?,
        };
        let raw = self.raw(&numbers)?;
        let mut categories = vec![];
        for (name, texts) in self.categories.iter().zip(&raw.texts) {
            let known: BTreeSet<&String> = texts.iter().flatten().collect();
            if known.is_empty() || known.len() > BINS_MAX {
                let found = known.len();
                let reason = format!("expected 1 to {BINS_MAX} categories in column `{name}`, found {found}");
                return Err(TabularError::data(&raw.frame.path, reason));
            }
            categories.push((name.clone(), known.into_iter().cloned().collect()));
        }
        let columns = Columns { numbers, categories };
        Ok((raw.numbered(&columns), columns))
    }

    /// Reads a table with the columns and categories of another.
    pub(super) fn read_as(&self, columns: &Columns) -> Result<Frame, TabularError> {
        let categories = columns.categories.iter().map(|(name, _)| name.clone()).collect();
        let spec = Self { categories, ..self.clone() };
        Ok(spec.raw(&columns.numbers)?.numbered(columns))
    }

    fn numeric(&self) -> Result<Vec<String>, TabularError> {
        let spec =
            RowSpec { source: self.source.clone(), inputs: None, target: self.target.clone(), id: self.id.clone() };
        match spec.numeric_names() {
            Ok(names) => Ok(names.into_iter().filter(|name| !self.categories.contains(name)).collect()),
            // A table of categories alone is fine.
            Err(DataError::Spec { .. }) if !self.categories.is_empty() => Ok(vec![]),
            Err(error) => Err(error.into()),
        }
    }

    fn raw(&self, numbers: &[String]) -> Result<Raw, DataError> {
        let text = |name: &String| Wanted::typed(name, ColumnType::Text);
        let target = self.target.iter().map(|(name, kind)| match kind {
            TargetKind::Label => text(name),
            TargetKind::Number => Wanted::typed(name, ColumnType::Float),
        });
        let numbers = numbers.iter().map(|name| Wanted::typed(name, ColumnType::Float));
        let columns: Vec<Wanted> =
            target.chain(self.id.iter().map(text)).chain(numbers).chain(self.categories.iter().map(text)).collect();
        let batch_rows = (BATCH_VALUES / columns.len().max(1)).clamp(64, 8192);
        let options = ReadOptions { columns, batch_rows, ..ReadOptions::default() };
        let mut reader = TableReader::open(&self.source, &options)?;
        let targets = match self.target {
            None => Targets::None,
            Some((_, TargetKind::Label)) => Targets::Labels(vec![]),
            Some((_, TargetKind::Number)) => Targets::Numbers(vec![]),
        };
        let path = self.source.path().to_owned();
        let frame = Frame { path, places: vec![], ids: vec![], values: vec![], targets };
        let mut raw = Raw { frame, texts: vec![vec![]; self.categories.len()] };
        while let Some(batch) = reader.next_batch()? {
            self.add(&batch, &mut raw)?;
        }
        if self.id.is_none() {
            raw.frame.ids = (1..=raw.frame.len()).map(|row| row.to_string()).collect();
        }
        Ok(raw)
    }

    fn add(&self, batch: &Batch, raw: &mut Raw) -> Result<(), DataError> {
        let frame = &mut raw.frame;
        let at = |row: usize, column: &str| Place::cell(self.source.path(), batch.rows[row], column);
        let missing = |row: usize, column: &str, expected: &str| DataError::Missing {
            at: at(row, column),
            expected: expected.to_owned(),
        };
        let mut columns = batch.columns.iter();
        if let Some((name, _)) = &self.target {
            let column = columns.next();
            match &mut frame.targets {
                Targets::None => {}
                Targets::Labels(labels) => {
                    for (row, cell) in column.into_iter().flat_map(Column::texts).enumerate() {
                        let text = cell.ok_or_else(|| missing(row, name, "a class"))?;
                        labels.push(text.trim().to_owned());
                    }
                }
                Targets::Numbers(numbers) => {
                    for (row, cell) in column.and_then(Column::floats).unwrap_or_default().iter().enumerate() {
                        numbers.push(cell.ok_or_else(|| missing(row, name, "a number"))?);
                    }
                }
            }
        }
        if let Some(name) = &self.id {
            for (row, cell) in columns.next().into_iter().flat_map(Column::texts).enumerate() {
                frame.ids.push(cell.ok_or_else(|| missing(row, name, "an id"))?.to_owned());
            }
        }
        let inputs: Vec<&Column> = columns.collect();
        let numbers = inputs.len() - self.categories.len();
        let (width, first) = (inputs.len(), frame.values.len());
        frame.values.resize(first + batch.rows.len() * width, f32::NAN);
        for (place, column) in inputs[..numbers].iter().enumerate() {
            for (row, cell) in column.floats().unwrap_or_default().iter().enumerate() {
                let Some(value) = cell else { continue };
                let narrow = *value as f32;
                if !narrow.is_finite() {
                    let expected = "a number within the range of 32-bit floats".to_owned();
                    let name = format!("input {}", place + 1);
                    return Err(DataError::Value { at: at(row, &name), expected, found: value.to_string() });
                }
                frame.values[first + row * width + place] = narrow;
            }
        }
        for (texts, column) in raw.texts.iter_mut().zip(&inputs[numbers..]) {
            texts.extend(column.texts().map(|cell| cell.map(|text| text.trim().to_owned())));
        }
        frame.places.extend_from_slice(&batch.rows);
        Ok(())
    }
}

impl Raw {
    fn numbered(mut self, columns: &Columns) -> Frame {
        let width = columns.numbers.len() + columns.categories.len();
        for (c, ((_, known), texts)) in columns.categories.iter().zip(&self.texts).enumerate() {
            for (row, text) in texts.iter().enumerate() {
                let number = text.as_ref().and_then(|text| known.binary_search(text).ok());
                let place = row * width + columns.numbers.len() + c;
                self.frame.values[place] = number.map_or(f32::NAN, |number| number as f32);
            }
        }
        self.frame
    }
}

impl Frame {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Some rows' inputs.
    pub(super) fn pick(&self, rows: &[usize]) -> Vec<f32> {
        let width = self.values.len() / self.len().max(1);
        rows.iter().flat_map(|&row| &self.values[row * width..][..width]).copied().collect()
    }

    /// The classes: by value if all of them are numbers, else by letters.
    pub(super) fn classes(&self, task: Task, target: &str) -> Result<Vec<String>, TabularError> {
        let Targets::Labels(labels) = &self.targets else { return Ok(vec![]) };
        let mut names: Vec<String> = labels.clone();
        names.sort_unstable();
        names.dedup();
        if task == Task::Classes && !(2..=1000).contains(&names.len()) {
            let reason = format!("expected 2 to 1000 classes in column `{target}`, found {}", names.len());
            return Err(TabularError::data(&self.path, reason));
        }
        let number = |name: &String| name.parse::<f64>().ok().filter(|v| v.is_finite());
        if let Some(values) = names.iter().map(number).collect::<Option<Vec<f64>>>() {
            let mut pairs: Vec<(f64, String)> = values.into_iter().zip(names).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            names = pairs.into_iter().map(|(_, name)| name).collect();
        }
        Ok(names)
    }

    /// What is true of the rows; a class that is not among `names` is an error.
    pub(super) fn truth(&self, names: &[String], target: &str) -> Result<Truth, TabularError> {
        let unread = |path: &Path| TabularError::data(path, format!("column `{target}` was not read"));
        match &self.targets {
            Targets::None => Err(unread(&self.path)),
            Targets::Numbers(numbers) => Ok(Truth::Numbers(numbers.clone())),
            Targets::Labels(labels) => {
                let places: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
                let place = |(row, label): (usize, &String)| {
                    places.get(label.as_str()).copied().ok_or_else(|| DataError::Value {
                        at: Place::cell(&self.path, self.places[row], target),
                        expected: "one of the training table's classes".to_owned(),
                        found: label.clone(),
                    })
                };
                Ok(Truth::Classes(labels.iter().enumerate().map(place).collect::<Result<_, _>>()?))
            }
        }
    }
}
