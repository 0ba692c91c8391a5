//! The companies' sales, step by step.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use super::error::AllianceJobError;
use super::settings::DataSettings;
use crate::dataset::{Batch, ColumnType, DataError, Place, ReadOptions, Source, TableReader, Wanted};

/// Fewest companies.
const COMPANIES_LEAST: usize = 2;

/// All series of all companies: what a company has no row for is 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub path: PathBuf,
    pub companies: Vec<String>,
    pub products: Vec<String>,
    pub columns: Vec<String>,
    pub steps: usize,
    pub first_step: i64,
    /// Rows outside of the steps.
    pub left_out: usize,
    /// [company, product, column, step].
    values: Vec<f64>,
}

struct Row {
    company: usize,
    product: usize,
    step: usize,
    values: Vec<f64>,
}

impl Panel {
    /// Reads these columns of the table.
    pub(super) fn read(source: &Source, data: &DataSettings, columns: &[String]) -> Result<Self, AllianceJobError> {
        let mut wanted = vec![
            Wanted::typed(&data.company, ColumnType::Text),
            Wanted::typed(&data.product, ColumnType::Text),
            Wanted::typed(&data.step, ColumnType::Integer),
        ];
        wanted.extend(columns.iter().map(|name| Wanted::typed(name, ColumnType::Float)));
        let mut table = TableReader::open(source, &ReadOptions { columns: wanted, ..ReadOptions::default() })?;
        let mut reading = Reading { data, columns, source, rows: vec![], names: [vec![], vec![]], left_out: 0 };
        while let Some(batch) = table.next_batch()? {
            for index in 0..batch.rows.len() {
                reading.row(&batch, index)?;
            }
        }
        reading.finish()
    }

    /// A series.
    pub(super) fn series(&self, company: usize, product: usize, column: usize) -> &[f64] {
        let place = (company * self.products.len() + product) * self.columns.len() + column;
        &self.values[place * self.steps..][..self.steps]
    }

    /// The place of a column that was asked for.
    pub(super) fn column(&self, name: &str) -> usize {
        self.columns.iter().position(|c| c == name).unwrap_or(0)
    }

    /// The place of a product.
    pub(super) fn product(&self, name: &str) -> Option<usize> {
        self.products.iter().position(|p| p == name)
    }
}

struct Reading<'a> {
    data: &'a DataSettings,
    columns: &'a [String],
    source: &'a Source,
    rows: Vec<(String, String, usize, Vec<f64>)>,
    names: [Vec<String>; 2],
    left_out: usize,
}

impl Reading<'_> {
    fn row(&mut self, batch: &Batch, index: usize) -> Result<(), AllianceJobError> {
        let place = |column: &str| Place::cell(self.source.path(), batch.rows[index], column);
        let missing = |column: &str, expected: &str| -> AllianceJobError {
            DataError::Missing { at: place(column), expected: expected.to_owned() }.into()
        };
        let text = |column: usize, name: &str| {
            batch.columns[column].text(index).map(str::to_owned).ok_or_else(|| missing(name, "a name"))
        };
        let company = text(0, &self.data.company)?;
        let product = text(1, &self.data.product)?;
        let step = batch.columns[2].integers().and_then(|steps| steps[index]);
        let step = step.ok_or_else(|| missing(&self.data.step, "a step"))?;
        let [first, last] = self.data.steps;
        let mut values = vec![];
        for (column, name) in batch.columns[3..].iter().zip(self.columns) {
            let value = column.floats().and_then(|f| f[index]).ok_or_else(|| missing(name, "a number"))?;
            if value < 0.0 {
                let reason = format!("{}, column `{name}`: expected at least 0, got {value}", batch.rows[index]);
                return Err(AllianceJobError::data(self.source.path(), reason));
            }
            values.push(value);
        }
        if (first..=last).contains(&step) {
            self.rows.push((company, product, (step - first) as usize, values));
        } else {
            self.left_out += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Panel, AllianceJobError> {
        let sorted = |names: BTreeSet<&String>| names.into_iter().cloned().collect::<Vec<_>>();
        self.names = [
            sorted(self.rows.iter().map(|row| &row.0).collect()),
            sorted(self.rows.iter().map(|row| &row.1).collect()),
        ];
        let [companies, products] = self.names;
        let path = self.source.path();
        if companies.len() < COMPANIES_LEAST {
            let reason = format!("expected {COMPANIES_LEAST} companies or more, found {}", companies.len());
            return Err(AllianceJobError::data(path, reason));
        }
        let places = |names: &[String]| -> HashMap<String, usize> {
            names.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect()
        };
        let (of_company, of_product) = (places(&companies), places(&products));
        let [first, last] = self.data.steps;
        let steps = (last - first + 1) as usize;
        let mut values = vec![0.0; companies.len() * products.len() * self.columns.len() * steps];
        let mut seen = HashSet::new();
        for (company, product, step, row) in self.rows {
            let row = Row { company: of_company[&company], product: of_product[&product], step, values: row };
            if !seen.insert((row.company, row.product, row.step)) {
                let at = first + step as i64;
                let reason = format!("expected one row for company `{company}`, `{product}`, step {at}, found two");
                return Err(AllianceJobError::data(path, reason));
            }
            for (column, value) in row.values.iter().enumerate() {
                let place = (row.company * products.len() + row.product) * self.columns.len() + column;
                values[place * steps + row.step] = *value;
            }
        }
        Ok(Panel {
            path: path.to_owned(),
            companies,
            products,
            columns: self.columns.to_vec(),
            steps,
            first_step: first,
            left_out: self.left_out,
            values,
        })
    }
}
