//! One row per product and time.

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate};

use super::calendar::{Bucketing, Calendar, Step, WeekStart};
use super::set::SeriesSet;
use super::spec::{Layout, MissingStep, SeriesSpec, Span};
use super::wide::{bad_quantity, quantity as narrow};
use crate::dataset::{Batch, Column, ColumnType, DataError, Place, ReadOptions, RowRef, TableReader, Wanted};

/// More steps than this between the first and the last time are taken for a mistyped time.
const STEPS_MAX: u64 = 100_000;

/// One row of the log.
struct Entry {
    product: u32,
    /// The step (integers) or microseconds since 1970 (dates).
    time: i64,
    row: u64,
    quantity: f64,
}

/// A product, and its attributes with the rows where they were first found.
struct Product {
    id: String,
    attributes: Vec<Option<(String, RowRef)>>,
}

struct Log<'a> {
    spec: &'a SeriesSpec,
    path: &'a Path,
    time: &'a str,
    quantity: &'a str,
    step: Step,
    week_start: WeekStart,
    span: Span,
    numbers: HashMap<String, u32>,
    products: Vec<Product>,
    entries: Vec<Entry>,
    /// Any row of the file: tells lines from records.
    sample_row: RowRef,
}

pub(super) fn read(spec: &SeriesSpec, early_steps: usize) -> Result<SeriesSet, DataError> {
    let Layout::Long { time, quantity, step, week_start, span } = &spec.layout else {
        return Err(DataError::spec("form", "expected `long`"));
    };
    let mut log = Log {
        spec,
        path: spec.source.path(),
        time,
        quantity,
        step: *step,
        week_start: *week_start,
        span: *span,
        numbers: HashMap::new(),
        products: Vec::new(),
        entries: Vec::new(),
        sample_row: RowRef::Line(1),
    };
    let time_type = if *step == Step::Integer { ColumnType::Integer } else { ColumnType::Datetime };
    let mut columns = vec![
        Wanted::typed(&spec.product, ColumnType::Text),
        Wanted::typed(time, time_type),
        Wanted::typed(quantity, ColumnType::Float),
    ];
    columns.extend(spec.attributes.iter().map(|name| Wanted::typed(name, ColumnType::Text)));
    let mut table = TableReader::open(&spec.source, &ReadOptions { columns, ..ReadOptions::default() })?;
    while let Some(batch) = table.next_batch()? {
        for row in 0..batch.rows.len() {
            log.add(&batch, row)?;
        }
    }
    log.finish(early_steps)
}

impl Log<'_> {
    fn add(&mut self, batch: &Batch, index: usize) -> Result<(), DataError> {
        let row = batch.rows[index];
        self.sample_row = row;
        let missing = |column: &str, expected: &str| DataError::Missing {
            at: Place::cell(self.path, row, column),
            expected: expected.to_owned(),
        };
        let id = text(batch, 0, index).ok_or_else(|| missing(&self.spec.product, "a product"))?;
        let time = time_of(&batch.columns[1], index).ok_or_else(|| missing(self.time, "a time"))?;
        let quantity = batch.columns[2].floats().and_then(|f| f[index]);
        let quantity = quantity.ok_or_else(|| missing(self.quantity, "a quantity"))?;
        if narrow(quantity).is_none() {
            return Err(bad_quantity(Place::cell(self.path, row, self.quantity), quantity));
        }
        let product = self.number(id)?;
        self.entries.push(Entry { product, time, row: row.number(), quantity });
        for attribute in 0..self.spec.attributes.len() {
            if let Some(value) = text(batch, 3 + attribute, index) {
                self.note_attribute(product, attribute, value, row)?;
            }
        }
        Ok(())
    }

    fn number(&mut self, id: &str) -> Result<u32, DataError> {
        if let Some(number) = self.numbers.get(id) {
            return Ok(*number);
        }
        let number = u32::try_from(self.products.len())
            .map_err(|_| DataError::spec(&self.spec.product, "expected at most 4294967295 products, found more"))?;
        self.numbers.insert(id.to_owned(), number);
        self.products.push(Product { id: id.to_owned(), attributes: vec![None; self.spec.attributes.len()] });
        Ok(number)
    }

    fn note_attribute(&mut self, product: u32, index: usize, value: &str, row: RowRef) -> Result<(), DataError> {
        let product = &mut self.products[product as usize];
        match &product.attributes[index] {
            None => product.attributes[index] = Some((value.to_owned(), row)),
            Some((earlier, first)) if earlier != value => {
                return Err(DataError::Conflict {
                    at: Place::cell(self.path, row, &self.spec.attributes[index]),
                    product: product.id.clone(),
                    found: value.to_owned(),
                    earlier: earlier.clone(),
                    first: *first,
                });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn finish(mut self, early_steps: usize) -> Result<SeriesSet, DataError> {
        self.entries.sort_unstable_by_key(|e| (e.product, e.time, e.row));
        self.refuse_duplicates()?;
        let (rule, range) = self.range()?;
        let count = range.1.abs_diff(range.0) as usize + 1;
        let calendar = Calendar::of_buckets(rule, range.0, count);
        let mut set = SeriesSet::new(self.path, calendar, &self.spec.attributes);
        for entries in self.entries.chunk_by(|a, b| a.product == b.product) {
            self.add_series(entries, rule, range, early_steps, &mut set)?;
        }
        Ok(set)
    }

    /// Of several repeated rows the one that stands first in the file is told.
    fn refuse_duplicates(&self) -> Result<(), DataError> {
        let repeated = self.entries.windows(2).filter(|w| w[0].product == w[1].product && w[0].time == w[1].time);
        let Some(pair) = repeated.min_by_key(|w| w[1].row) else { return Ok(()) };
        let id = &self.products[pair[1].product as usize].id;
        let key = format!("product `{id}` with time {}", self.time_label(pair[1].time));
        Err(DataError::Duplicate { at: self.cell(&pair[1], self.time), key, first: self.row(&pair[0]) })
    }

    /// The rule of the buckets, and the first and the last bucket of the whole log.
    fn range(&self) -> Result<(Bucketing, (i64, i64)), DataError> {
        let first = self.entries.iter().min_by_key(|e| (e.time, e.row));
        let last = self.entries.iter().max_by_key(|e| (e.time, e.row));
        let (Some(first), Some(last)) = (first, last) else {
            return Err(DataError::NoRows { at: Place::file(self.path) });
        };
        let rule = Bucketing::new(self.step, self.week_start, date_of(first.time));
        let range = (self.bucket(rule, first.time), self.bucket(rule, last.time));
        let found = range.1.abs_diff(range.0).saturating_add(1);
        if found > STEPS_MAX {
            return Err(DataError::TooManySteps { at: self.cell(last, self.time), found, limit: STEPS_MAX });
        }
        Ok((rule, range))
    }

    fn add_series(
        &self,
        entries: &[Entry],
        rule: Bucketing,
        range: (i64, i64),
        early_steps: usize,
        set: &mut SeriesSet,
    ) -> Result<(), DataError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        let product = &self.products[first.product as usize];
        let own = (self.bucket(rule, first.time), self.bucket(rule, last.time));
        let (from, to) = match self.span {
            Span::Own => own,
            Span::Launch => (own.0, range.1),
            Span::Log => range,
        };
        let start = from.abs_diff(range.0) as usize;
        let length = to.abs_diff(from) as usize + 1;
        if length < early_steps {
            let at = self.cell(last, self.time);
            return Err(DataError::TooShort { at, product: product.id.clone(), found: length, needed: early_steps });
        }
        let mut sums: Vec<Option<f64>> = vec![None; length];
        for entry in entries {
            let sum = sums[self.bucket(rule, entry.time).abs_diff(from) as usize].get_or_insert(0.0);
            *sum += entry.quantity;
            if narrow(*sum).is_none() {
                return Err(bad_quantity(self.cell(entry, self.quantity), *sum));
            }
        }
        if self.spec.missing == MissingStep::Error
            && let Some(gap) = sums.iter().position(Option::is_none)
        {
            let after = entries.iter().find(|e| self.bucket(rule, e.time).abs_diff(from) as usize > gap);
            let step = format!("step {}", set.calendar().label(start + gap).unwrap_or_default());
            let at = self.cell(after.unwrap_or(last), self.time);
            return Err(DataError::Gap { at, product: product.id.clone(), step });
        }
        let values: Vec<f32> = sums.iter().map(|sum| sum.unwrap_or(0.0) as f32).collect();
        let attributes: Vec<_> = product.attributes.iter().map(|a| a.as_ref().map(|(v, _)| v.clone())).collect();
        set.push(product.id.clone(), self.row(first), start, &values, &attributes);
        Ok(())
    }

    fn bucket(&self, rule: Bucketing, time: i64) -> i64 {
        if self.step == Step::Integer { time } else { rule.bucket(date_of(time)) }
    }

    fn row(&self, entry: &Entry) -> RowRef {
        match self.sample_row {
            RowRef::Line(_) => RowRef::Line(entry.row),
            RowRef::Record(_) => RowRef::Record(entry.row),
        }
    }

    #[expect(clippy::unnecessary_box_returns, reason = "errors hold their place in a box")]
    fn cell(&self, entry: &Entry, column: &str) -> Box<Place> {
        Place::cell(self.path, self.row(entry), column)
    }

    fn time_label(&self, time: i64) -> String {
        if self.step == Step::Integer {
            return time.to_string();
        }
        let full = DateTime::from_timestamp_micros(time).unwrap_or_default().naive_utc().to_string();
        full.strip_suffix(" 00:00:00").map_or(full.clone(), str::to_owned)
    }
}

fn text(batch: &Batch, column: usize, index: usize) -> Option<&str> {
    batch.columns[column].text(index)
}

fn time_of(column: &Column, index: usize) -> Option<i64> {
    match column {
        Column::Integer(values) => values[index],
        Column::Datetime(values) => values[index].map(|t| t.and_utc().timestamp_micros()),
        _ => None,
    }
}

/// The day of a time in microseconds; every time comes from a valid date, so the default is never taken.
fn date_of(micros: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().date_naive()
}
