//! One row per product.

use std::collections::HashMap;
use std::path::Path;

use super::calendar::Calendar;
use super::set::SeriesSet;
use super::spec::{Layout, MissingStep, SeriesSpec};
use crate::dataset::{Batch, ColumnType, DataError, Place, ReadOptions, RowRef, TableReader, Wanted};

pub(super) fn read(spec: &SeriesSpec, early_steps: usize) -> Result<SeriesSet, DataError> {
    let Layout::Wide { steps, drop, dates } = &spec.layout else {
        return Err(DataError::spec("form", "expected `wide`"));
    };
    let kept: Vec<usize> = (0..steps.len()).filter(|i| !drop.contains(&steps[*i])).collect();
    let names: Vec<String> = kept.iter().map(|i| steps[*i].clone()).collect();
    let mut table = open(spec, &names)?;
    for name in drop {
        if !table.header().contains(name) {
            let at = Place::column(spec.source.path(), name);
            return Err(DataError::UnknownColumn { at, hint: "it is named in `drop`".to_owned() });
        }
    }
    let calendar = match dates {
        None => Calendar::named(names.clone()),
        Some((start, step)) => Calendar::dated(names.clone(), &kept, *start, *step)
            .ok_or_else(|| DataError::spec("start", format!("the steps from {start} on leave the calendar")))?,
    };
    let mut reading = Reading {
        spec,
        path: spec.source.path(),
        steps: &names,
        early_steps,
        seen: HashMap::new(),
        set: SeriesSet::new(spec.source.path(), calendar, &spec.attributes),
    };
    while let Some(batch) = table.next_batch()? {
        for row in 0..batch.rows.len() {
            reading.add(&batch, row)?;
        }
    }
    Ok(reading.set)
}

fn open(spec: &SeriesSpec, steps: &[String]) -> Result<TableReader, DataError> {
    let texts = std::iter::once(&spec.product).chain(&spec.attributes);
    let columns = texts
        .map(|name| Wanted::typed(name, ColumnType::Text))
        .chain(steps.iter().map(|name| Wanted::typed(name, ColumnType::Float)))
        .collect();
    TableReader::open(&spec.source, &ReadOptions { columns, ..ReadOptions::default() })
}

struct Reading<'a> {
    spec: &'a SeriesSpec,
    path: &'a Path,
    steps: &'a [String],
    early_steps: usize,
    seen: HashMap<String, RowRef>,
    set: SeriesSet,
}

impl Reading<'_> {
    fn add(&mut self, batch: &Batch, index: usize) -> Result<(), DataError> {
        let row = batch.rows[index];
        let text = |column: usize| batch.columns[column].text(index).map(str::to_owned);
        let id = text(0).ok_or_else(|| DataError::Missing {
            at: Place::cell(self.path, row, &self.spec.product),
            expected: "a product".to_owned(),
        })?;
        if let Some(first) = self.seen.insert(id.clone(), row) {
            let at = Place::cell(self.path, row, &self.spec.product);
            return Err(DataError::Duplicate { at, key: format!("product `{id}`"), first });
        }
        let attributes: Vec<Option<String>> = (1..=self.spec.attributes.len()).map(text).collect();
        let first_step = 1 + attributes.len();
        let cell = |step: usize| batch.columns[first_step + step].floats().and_then(|f| f[index]);
        let length = (0..self.steps.len()).rev().find(|step| cell(*step).is_some()).map_or(0, |last| last + 1);
        let needed = self.early_steps.max(1);
        if length < needed {
            let at = Place::cell(self.path, row, &self.steps[length.min(self.steps.len() - 1)]);
            return Err(DataError::TooShort { at, product: id, found: length, needed });
        }
        let values = (0..length).map(|s| self.quantity(row, s, cell(s), &id)).collect::<Result<Vec<f32>, _>>()?;
        self.set.push(id, row, 0, &values, &attributes);
        Ok(())
    }

    fn quantity(&self, row: RowRef, step: usize, value: Option<f64>, product: &str) -> Result<f32, DataError> {
        let at = || Place::cell(self.path, row, &self.steps[step]);
        match value {
            Some(value) => quantity(value).ok_or_else(|| bad_quantity(at(), value)),
            None if self.spec.missing == MissingStep::Zero => Ok(0.0),
            None => {
                let step = format!("step {}", self.steps[step]);
                Err(DataError::Gap { at: at(), product: product.to_owned(), step })
            }
        }
    }
}

/// A quantity as the models take it: not negative, and within 32-bit range.
pub(super) fn quantity(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (value >= 0.0 && narrow.is_finite()).then_some(narrow)
}

pub(super) fn bad_quantity(at: Box<Place>, value: f64) -> DataError {
    let expected = if value < 0.0 { "a quantity of 0 or more" } else { "a quantity within the range of 32-bit floats" };
    DataError::Value { at, expected: expected.to_owned(), found: value.to_string() }
}
