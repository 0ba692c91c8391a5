//! Products' series in one block of memory.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::calendar::Calendar;
use crate::dataset::RowRef;

/// A text column that describes the products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The column's name.
    pub name: String,
    /// One value a product; `None` where the file has none.
    pub values: Vec<Option<String>>,
}

/// The series of many products, of one length or of many.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSet {
    path: PathBuf,
    ids: Vec<String>,
    rows: Vec<RowRef>,
    /// The calendar step at which each series begins.
    starts: Vec<usize>,
    values: Vec<f32>,
    /// Series `i` is `values[ends[i - 1]..ends[i]]`.
    ends: Vec<usize>,
    attributes: Vec<Attribute>,
    calendar: Calendar,
}

impl SeriesSet {
    /// A set without products, of this file and calendar.
    pub fn new(path: &Path, calendar: Calendar, attributes: &[String]) -> Self {
        let attribute = |name: &String| Attribute { name: name.clone(), values: Vec::new() };
        Self {
            path: path.to_owned(),
            ids: Vec::new(),
            rows: Vec::new(),
            starts: Vec::new(),
            values: Vec::new(),
            ends: Vec::new(),
            attributes: attributes.iter().map(attribute).collect(),
            calendar,
        }
    }

    /// Adds a product: where it stands in the file, the calendar step of its first value, its values, and one value for
    /// each attribute of the set, in their order (missing ones at the end may be left out).
    pub fn push(&mut self, id: String, row: RowRef, start: usize, values: &[f32], attributes: &[Option<String>]) {
        self.ids.push(id);
        self.rows.push(row);
        self.starts.push(start);
        self.values.extend_from_slice(values);
        self.ends.push(self.values.len());
        for (index, attribute) in self.attributes.iter_mut().enumerate() {
            attribute.values.push(attributes.get(index).cloned().flatten());
        }
    }

    /// How many products there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The file that the series come from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The products' ids, as text, in the order of their first row.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The row of a product: its only one in the wide form, its earliest in time in the long form.
    pub fn row(&self, product: usize) -> RowRef {
        self.rows[product]
    }

    /// A product's whole series.
    pub fn values(&self, product: usize) -> &[f32] {
        let begin = if product == 0 { 0 } else { self.ends[product - 1] };
        &self.values[begin..self.ends[product]]
    }

    /// A product's first `steps` values, or all if there are fewer; [`super::SeriesSpec::read`] has made sure of the
    /// number of early steps that it was given.
    pub fn early(&self, product: usize, steps: usize) -> &[f32] {
        let values = self.values(product);
        &values[..steps.min(values.len())]
    }

    /// The calendar step of a product's first value.
    pub fn start(&self, product: usize) -> usize {
        self.starts[product]
    }

    /// All steps of the file.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// What step `step` of a product's own series is called.
    pub fn label(&self, product: usize, step: usize) -> Option<&str> {
        self.calendar.label(self.starts[product] + step)
    }

    /// The first and the last day of step `step` of a product's own series, where dates are known.
    pub fn span(&self, product: usize, step: usize) -> Option<(NaiveDate, NaiveDate)> {
        self.calendar.span(self.starts[product] + step)
    }

    /// As [`SeriesSet::span`], for a step beyond the file's own: see [`Calendar::future_span`].
    pub fn future_span(&self, product: usize, step: usize) -> Option<(NaiveDate, NaiveDate)> {
        self.calendar.future_span(self.starts[product] + step)
    }

    /// The text columns that were read beside the series.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// One text column: one value a product.
    pub fn attribute(&self, name: &str) -> Option<&[Option<String>]> {
        self.attributes.iter().find(|a| a.name == name).map(|a| a.values.as_slice())
    }

    /// The length of the shortest and of the longest series; `None` without products.
    pub fn lengths(&self) -> Option<(usize, usize)> {
        let lengths = || (0..self.len()).map(|i| self.values(i).len());
        Some((lengths().min()?, lengths().max()?))
    }

    /// The products of these numbers, in this order.
    #[must_use]
    pub fn select(&self, products: &[usize]) -> Self {
        let names: Vec<String> = self.attributes.iter().map(|a| a.name.clone()).collect();
        let mut chosen = Self::new(&self.path, self.calendar.clone(), &names);
        for &i in products {
            let attributes: Vec<_> = self.attributes.iter().map(|a| a.values[i].clone()).collect();
            chosen.push(self.ids[i].clone(), self.rows[i], self.starts[i], self.values(i), &attributes);
        }
        chosen
    }
}
