//! Attributes of any kind as rows of numbers: columns are cleaned, categories become numbers, all is standardised.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::PrepError;
use super::clean::{CleanSpec, Cleaner, Fate};

/// Rows that a thread takes at a time.
const BLOCK: usize = 512;

/// The most categories of a one-hot column.
const LEVELS_MAX: usize = 1000;

/// The name of a missing category.
const MISSING: &str = "(none)";

/// One column as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Categories.
    Texts(Vec<Option<String>>),
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnSpec {
    /// Cleaned.
    Number(CleanSpec),
    /// One number a category: 1 for its own, else 0. A missing category is one of its own.
    OneHot,
    /// The place in this list; a missing one gets the mean.
    Ordinal(Vec<String>),
}

/// A fitted column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnPrep {
    /// Cleaned.
    Number {
        /// Its name.
        name: String,
        /// By this rule.
        cleaner: Cleaner,
    },
    /// One number a category.
    OneHot {
        /// Its name.
        name: String,
        /// The categories, in order.
        levels: Vec<String>,
    },
    /// The category's place.
    Ordinal {
        /// Its name.
        name: String,
        /// The categories, in order.
        levels: Vec<String>,
        /// For a missing one.
        mean: f64,
    },
}

/// A value that was replaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replacement {
    /// The row, from 0.
    pub row: usize,
    /// The column, from 0.
    pub column: usize,
    /// What stood there; nothing if it was missing.
    pub old: Option<f64>,
    /// What stands there now, in the column's own unit.
    pub new: f64,
}

/// Fitted columns, with the mean and the deviation of each number that they give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributePrep {
    columns: Vec<ColumnPrep>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl AttributePrep {
    /// Learns from the rows that `learn` names. All columns are as long as each other.
    ///
    /// # Errors
    /// If there is nothing to learn from, a column has too many categories, or a value does not fit its column.
    pub fn fit(columns: &[(String, ColumnSpec, Attribute)], learn: &[usize]) -> Result<Self, PrepError> {
        if learn.is_empty() || columns.is_empty() {
            return Err(PrepError::NoRows { what: "attributes" });
        }
        let fitted = columns.iter().map(|(name, spec, values)| ColumnPrep::fit(name, spec, values, learn));
        let columns_fitted: Vec<ColumnPrep> = fitted.collect::<Result<_, _>>()?;
        let width = columns_fitted.iter().map(ColumnPrep::width).sum();
        let mut prep = Self { columns: columns_fitted, mean: vec![0.0; width], deviation: vec![1.0; width] };
        let (mut mean, mut squares) = (vec![0.0; width], vec![0.0; width]);
        let mut row_values = vec![0.0; width];
        for (count, row) in learn.iter().enumerate() {
            prep.raw_row(columns, *row, &mut row_values, &mut |_| ())?;
            for ((mean, squares), value) in mean.iter_mut().zip(&mut squares).zip(&row_values) {
                let apart = value - *mean;
                *mean += apart / (count + 1) as f64;
                *squares += apart * (value - *mean);
            }
        }
        let deviation = squares.iter().map(|s: &f64| (s / learn.len() as f64).sqrt());
        prep.deviation = deviation.map(|d| if d > 1e-9 { d } else { 1.0 }).collect();
        prep.mean = mean;
        Ok(prep)
    }

    /// The columns.
    pub fn columns(&self) -> &[ColumnPrep] {
        &self.columns
    }

    /// Numbers a row.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Standardised rows, [rows, width], and what was replaced in order of the rows.
    ///
    /// # Errors
    /// If a category is not in its column's order.
    pub fn apply(
        &self,
        columns: &[(String, ColumnSpec, Attribute)],
    ) -> Result<(Vec<f32>, Vec<Replacement>), PrepError> {
        let rows = columns.first().map_or(0, |(_, _, values)| values.len());
        let mut out = Vec::with_capacity(rows * self.width());
        let mut replaced = vec![];
        let mut values = vec![0.0; self.width()];
        let inverse = self.inverse();
        for row in 0..rows {
            self.raw_row(columns, row, &mut values, &mut |r| replaced.push(r))?;
            let standard = values.iter().zip(&self.mean).zip(&inverse);
            out.extend(standard.map(|((value, mean), inverse)| ((value - mean) * inverse) as f32));
        }
        Ok((out, replaced))
    }

    fn inverse(&self) -> Vec<f64> {
        self.deviation.iter().map(|deviation| 1.0 / deviation).collect()
    }

    /// As [`AttributePrep::apply`], for columns of numbers alone that came as 32-bit ones, NaN where there is none.
    ///
    /// # Errors
    /// If there are other columns, or not as many.
    pub fn apply_numbers(&self, columns: &[Vec<f32>]) -> Result<(Vec<f32>, Vec<Replacement>), PrepError> {
        let cleaner = |column: &ColumnPrep| match column {
            ColumnPrep::Number { cleaner, .. } => Ok(cleaner.clone()),
            other => Err(PrepError::Features(format!("column `{}`: expected numbers", other.name()))),
        };
        let cleaners: Vec<Cleaner> = self.columns.iter().map(cleaner).collect::<Result<_, _>>()?;
        if columns.len() != cleaners.len() {
            return Err(PrepError::Width { expected: cleaners.len(), found: columns.len() });
        }
        let (width, inverse) = (self.width(), self.inverse());
        let mut out = vec![0.0; columns.first().map_or(0, Vec::len) * width];
        let block = |(b, out): (usize, &mut [f32])| -> Vec<Replacement> {
            let (first, rows) = (b * BLOCK, out.len() / width);
            let mut replaced = vec![];
            for (column, (cleaner, values)) in cleaners.iter().zip(columns).enumerate() {
                let (mean, inverse) = (self.mean[column], inverse[column]);
                let (low, high) = (cleaner.low.unwrap_or(f64::MIN), cleaner.high.unwrap_or(f64::MAX));
                for (row, value) in values[first..first + rows].iter().enumerate() {
                    let wide = f64::from(*value);
                    let place = row * width + column;
                    // NaN is outside, too.
                    if !cleaner.log1p && (low..=high).contains(&wide) {
                        out[place] = ((wide - mean) * inverse) as f32;
                        continue;
                    }
                    let old = (!value.is_nan()).then_some(wide);
                    let cleaned = cleaner.apply(old);
                    out[place] = ((cleaned.value - mean) * inverse) as f32;
                    if cleaned.fate != Fate::Kept {
                        let new = cleaner.plain(cleaned.value);
                        replaced.push(Replacement { row: first + row, column, old, new });
                    }
                }
            }
            replaced.sort_unstable_by_key(|r| (r.row, r.column));
            replaced
        };
        let found: Vec<Vec<Replacement>> = out.par_chunks_mut(BLOCK * width).enumerate().map(block).collect();
        Ok((out, found.concat()))
    }

    fn raw_row(
        &self,
        columns: &[(String, ColumnSpec, Attribute)],
        row: usize,
        out: &mut [f64],
        tell: &mut dyn FnMut(Replacement),
    ) -> Result<(), PrepError> {
        let mut rest = out;
        for (number, (column, (_, _, values))) in self.columns.iter().zip(columns).enumerate() {
            let (own, others) = rest.split_at_mut(column.width());
            if let Some((old, new)) = column.write(values, row, own)? {
                tell(Replacement { row, column: number, old, new });
            }
            rest = others;
        }
        Ok(())
    }
}

impl ColumnPrep {
    /// The column's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Number { name, .. } | Self::OneHot { name, .. } | Self::Ordinal { name, .. } => name,
        }
    }

    /// Numbers that it gives.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Ordinal { .. } => 1,
            Self::OneHot { levels, .. } => levels.len(),
        }
    }

    fn fit(name: &str, spec: &ColumnSpec, values: &Attribute, learn: &[usize]) -> Result<Self, PrepError> {
        let wrong = |reason: String| PrepError::Features(format!("column `{name}`: {reason}"));
        let name = name.to_owned();
        match (spec, values) {
            (ColumnSpec::Number(spec), Attribute::Numbers(values)) => {
                let own = learn.iter().filter_map(|row| values[*row]);
                let no_log = |bad| wrong(format!("expected values above -1 for `log1p`, found {bad}"));
                Ok(Self::Number { cleaner: Cleaner::fit(own, *spec).map_err(no_log)?, name })
            }
            (ColumnSpec::OneHot, Attribute::Texts(values)) => {
                let mut levels: Vec<String> = learn.iter().map(|row| level(values[*row].as_ref()).to_owned()).collect();
                levels.sort_unstable();
                levels.dedup();
                if levels.len() > LEVELS_MAX {
                    let found = levels.len();
                    return Err(wrong(format!(
                        "expected at most {LEVELS_MAX} categories for `one_hot`, found {found}"
                    )));
                }
                Ok(Self::OneHot { name, levels })
            }
            (ColumnSpec::Ordinal(levels), Attribute::Texts(values)) => {
                let unfilled = Self::Ordinal { name: name.clone(), levels: levels.clone(), mean: 0.0 };
                let (mut sum, mut count) = (0.0, 0_usize);
                for text in learn.iter().filter_map(|row| values[*row].as_ref()) {
                    sum += unfilled.place(text)?;
                    count += 1;
                }
                Ok(Self::Ordinal { name, levels: levels.clone(), mean: sum / count.max(1) as f64 })
            }
            _ => Err(wrong("expected numbers for a cleaned column and texts for categories".to_owned())),
        }
    }

    fn place(&self, text: &str) -> Result<f64, PrepError> {
        let Self::Ordinal { name, levels, .. } = self else { return Ok(0.0) };
        let place = levels.iter().position(|level| level == text.trim());
        place.map(|place| place as f64).ok_or_else(|| {
            let wanted = levels.join(", ");
            PrepError::Features(format!("column `{name}`: expected one of {wanted}, found `{text}`"))
        })
    }

    /// Writes a row's numbers; says what was replaced by what.
    fn write(&self, values: &Attribute, row: usize, out: &mut [f64]) -> Result<Option<(Option<f64>, f64)>, PrepError> {
        match (self, values) {
            (Self::Number { cleaner, .. }, Attribute::Numbers(values)) => {
                let cleaned = cleaner.apply(values[row]);
                out[0] = cleaned.value;
                Ok((cleaned.fate != Fate::Kept).then(|| (values[row], cleaner.plain(cleaned.value))))
            }
            (Self::OneHot { levels, .. }, Attribute::Texts(values)) => {
                let own = level(values[row].as_ref());
                out.iter_mut().zip(levels).for_each(|(v, level)| *v = f64::from(u8::from(level == own)));
                Ok(None)
            }
            (Self::Ordinal { mean, .. }, Attribute::Texts(values)) => {
                out[0] = values[row].as_ref().map_or(Ok(*mean), |text| self.place(text))?;
                Ok(None)
            }
            _ => Err(PrepError::Features(format!("column `{}`: expected its own kind of values", self.name()))),
        }
    }
}

fn level(text: Option<&String>) -> &str {
    text.map_or(MISSING, |text| text.trim())
}

impl Attribute {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Attribute {
        Attribute::Texts(values.iter().map(|v| (!v.is_empty()).then(|| (*v).to_owned())).collect())
    }

    #[test]
    fn p2_attributes_of_all_kinds_become_standardised_numbers() {
        let numbers = Attribute::Numbers(vec![Some(9.0), Some(11.0), None, Some(900.0)]);
        let sizes = ["small", "large"].map(str::to_owned).to_vec();
        let columns = [
            ("n".to_owned(), ColumnSpec::Number(CleanSpec::default()), numbers),
            ("c".to_owned(), ColumnSpec::OneHot, texts(&["x", "", "y", "z"])),
            ("o".to_owned(), ColumnSpec::Ordinal(sizes), texts(&["small", "large", "", "large"])),
        ];
        // Row 3 is a candidate's: nothing is learned from it, but it gets its numbers.
        let prep = AttributePrep::fit(&columns, &[0, 1, 2]).expect("fits");
        assert_eq!(prep.width(), 1 + 3 + 1);
        let (rows, replaced) = prep.apply(&columns).expect("fine");
        let close = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-6, "{a} {b}");
        let deviation = (2.0_f64 / 3.0).sqrt();
        close(rows[0], -1.0 / deviation);
        close(rows[10], 0.0);
        close(rows[15], 0.0);
        assert_eq!(replaced.len(), 2);
        assert_eq!(replaced[1], Replacement { row: 3, column: 0, old: Some(900.0), new: 10.0 });
        assert_eq!(replaced[0].old, None);
        // Levels: (none), x, y. A category that was not learned is none of them.
        let off = -(1.0 / 3.0) / (2.0_f64 / 9.0).sqrt();
        rows[16..19].iter().for_each(|v| close(*v, off));
        close(rows[14], 0.0);
    }

    #[test]
    fn p2_blocks_of_numbers_give_what_single_rows_give() {
        let value = |row: usize, column: usize| match row * 3 + column {
            n if n % 97 == 0 => None,
            n if n % 89 == 0 => Some(n as f64 * 1000.0),
            n => Some((n * 7919 % 50 + 60) as f64),
        };
        let log = CleanSpec { log1p: true, ..CleanSpec::default() };
        let specs = [CleanSpec::default(), log, CleanSpec::default()];
        let column = |c: usize| Attribute::Numbers((0..1500).map(|row| value(row, c)).collect());
        let columns: Vec<_> = (0..3).map(|c| (format!("c{c}"), ColumnSpec::Number(specs[c]), column(c))).collect();
        let prep = AttributePrep::fit(&columns, &(0..1500).collect::<Vec<_>>()).expect("fits");
        let narrow = |c| (0..1500).map(|row| value(row, c).map_or(f32::NAN, |v| v as f32)).collect::<Vec<f32>>();
        let found = prep.apply_numbers(&[narrow(0), narrow(1), narrow(2)]).expect("numbers");
        assert_eq!(found, prep.apply(&columns).expect("fine"));
        assert!(found.1.len() > 40 && prep.apply_numbers(&[narrow(0)]).is_err());
    }

    #[test]
    fn p2_what_does_not_fit_its_column_is_named() {
        let order = vec!["a".to_owned(), "b".to_owned()];
        let columns = [("o".to_owned(), ColumnSpec::Ordinal(order), texts(&["a", "c"]))];
        let error = AttributePrep::fit(&columns, &[0, 1]).expect_err("refused").to_string();
        assert_eq!(error, "features: column `o`: expected one of a, b, found `c`");
        let log = CleanSpec { log1p: true, ..CleanSpec::default() };
        let columns = [("n".to_owned(), ColumnSpec::Number(log), Attribute::Numbers(vec![Some(-5.0)]))];
        let error = AttributePrep::fit(&columns, &[0]).expect_err("refused").to_string();
        assert_eq!(error, "features: column `n`: expected values above -1 for `log1p`, found -5");
        assert!(AttributePrep::fit(&columns, &[]).is_err());
    }
}
