//! Made-up customers, for work at scale (E22). They look like nobody's: whatever is made of them says so.
//!
//! Customers belong to hidden groups. A group has a level for each feature, around which its customers lie (a sum of
//! uniform draws, near to normal), and a taste for each product on top of its popularity, which falls as 1 / rank (Zipf). One
//! value in ten thousand has a wrong unit: a thousand times too large. Every value follows from the seed and its place
//! alone.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::json;

use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{ArtifactError, PartsWriter, ensure_folder, write_json};
use crate::ops::rng::counter_bits;

/// Customers of a part of the file.
const PART: usize = 1 << 16;

/// Groups of customers.
const GROUPS: u32 = 12;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthCustomers {
    /// How many customers.
    pub customers: usize,
    /// Columns `f01` and on.
    pub features: usize,
    /// Columns `p01` and on, 1 for what a customer holds.
    pub products: usize,
    /// The same seed draws the same.
    pub seed: u32,
}

impl SynthCustomers {
    /// The names of the features' columns.
    pub fn feature_names(&self) -> Vec<String> {
        names('f', self.features)
    }

    /// The names of the products' columns.
    pub fn product_names(&self) -> Vec<String> {
        names('p', self.products)
    }

    /// Writes `synthetic_customers` (a row a customer: `customer`, features, products) and `synthetic.json`, which says what
    /// it is, into `folder`. `go_on` is asked before each part.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(
        &self,
        folder: &Path,
        format: TableFormat,
        mut go_on: impl FnMut(usize) -> bool,
    ) -> Result<PathBuf, ArtifactError> {
        ensure_folder(folder)?;
        let path = folder.join("synthetic_customers").with_extension(format.extension());
        let mut parts = PartsWriter::new(&path, format)?;
        for first in (0..self.customers).step_by(PART) {
            if !go_on(first) {
                return Err(ArtifactError::content(path.display().to_string(), "stopped"));
            }
            parts.write(&self.part(first, PART.min(self.customers - first))?)?;
        }
        parts.finish()?;
        let label = json!({
            "synthetic": true,
            "what": "made-up customers of no company: for measuring time and memory, never for judging a method",
            "customers": self.customers,
            "features": self.features,
            "products": self.products,
            "seed": self.seed,
        });
        write_json(&folder.join("synthetic.json"), &label)?;
        Ok(path)
    }

    fn part(&self, first: usize, rows: usize) -> Result<Table, ArtifactError> {
        let ids = Cells::i64((first..first + rows).map(|row| row as i64 + 1));
        let feature =
            |column: usize| Cells::f32((first..first + rows).map(|row| self.feature(row as u32, column as u32)));
        let product =
            |column: usize| Cells::bool((first..first + rows).map(|row| self.holds(row as u32, column as u32)));
        let features: Vec<Cells> = (0..self.features).into_par_iter().map(feature).collect();
        let products: Vec<Cells> = (0..self.products).into_par_iter().map(product).collect();
        let names = std::iter::once("customer".to_owned()).chain(self.feature_names()).chain(self.product_names());
        Table::new(names.zip(std::iter::once(ids).chain(features).chain(products)))
    }

    fn group(&self, row: u32) -> u32 {
        counter_bits(self.seed, 0, 0, row) % GROUPS
    }

    fn feature(&self, row: u32, column: u32) -> f32 {
        let level = 40 + counter_bits(self.seed, 1, self.group(row), column) % 40;
        let bits = counter_bits(self.seed, 2, column, row);
        let more = counter_bits(self.seed, 3, column, row);
        // Four pieces of 16 bits add up to something near to normal, of deviation about 0.58.
        let pieces = [bits & 0xffff, bits >> 16, more & 0xffff, more >> 16];
        let sum: f32 = pieces.iter().map(|piece| *piece as f32 / 65_536.0 - 0.5).sum();
        // Two decimals, as amounts have.
        let value = ((level as f32 + 9.0 * sum) * 100.0).round() / 100.0;
        let wrong_unit = counter_bits(self.seed, 4, column, row) < u32::MAX / 10_000;
        if wrong_unit { value * 1000.0 } else { value }
    }

    fn holds(&self, row: u32, column: u32) -> bool {
        let popularity = 0.6 / (1.0 + f64::from(column)).powf(0.7);
        let taste = 0.3 + 1.4 * f64::from(counter_bits(self.seed, 5, self.group(row), column)) / f64::from(u32::MAX);
        f64::from(counter_bits(self.seed, 6, column, row)) / f64::from(u32::MAX) < popularity * taste
    }
}

fn names(letter: char, count: usize) -> Vec<String> {
    let digits = count.to_string().len().max(2);
    (1..=count).map(|n| format!("{letter}{n:0digits$}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{RawSource, ReadOptions, TableReader};

    #[test]
    fn e22_made_up_customers_are_labelled_and_the_same_for_a_seed() {
        let folder = tempfile::tempdir().expect("a folder");
        let synth = SynthCustomers { customers: 3000, features: 5, products: 8, seed: 1 };
        let path = synth.write(folder.path(), TableFormat::Csv, |_| true).expect("written");
        assert!(path.ends_with("synthetic_customers.csv"));
        let label = std::fs::read_to_string(folder.path().join("synthetic.json")).expect("a label");
        assert!(label.contains("\"synthetic\": true"));
        let first = std::fs::read(&path).expect("there");
        synth.write(folder.path(), TableFormat::Csv, |_| true).expect("written");
        assert_eq!(first, std::fs::read(&path).expect("there"));
        let source = RawSource::of(&path).check(Path::new("")).expect("a source");
        let mut reader =
            TableReader::open(&source, &ReadOptions { batch_rows: 3000, ..ReadOptions::default() }).expect("opens");
        let names: Vec<&str> = reader.columns().iter().map(|c| c.name.as_str()).collect();
        assert_eq!((names.len(), names[0], names[1], names[6]), (14, "customer", "f01", "p01"));
        let batch = reader.next_batch().expect("reads").expect("rows");
        let held =
            |c: usize| batch.columns[6 + c].booleans().expect("booleans").iter().filter(|v| **v == Some(true)).count();
        assert!(held(0) > 2 * held(7) && held(7) > 20, "{} {}", held(0), held(7));
        let values = batch.columns[1].floats().expect("floats");
        let normal = values.iter().flatten().filter(|v| (20.0..100.0).contains(*v)).count();
        assert!(normal > 2950, "{normal}");
        assert!(synth.write(folder.path(), TableFormat::Parquet, |_| false).is_err());
    }
}
