//! Rows for any model: numeric inputs, perhaps a target, perhaps an id, out of one table.

use std::path::PathBuf;

use super::column::{Column, ColumnType};
use super::error::{DataError, Place, RowRef};
use super::reader::{Batch, ReadOptions, TableReader, Wanted};
use super::source::Source;

/// What the target column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Classes: texts, or whatever is written there taken as text.
    Label,
    /// Numbers.
    Number,
}

/// Which columns to read.
#[derive(Debug, Clone)]
pub struct RowSpec {
    /// The table.
    pub source: Source,
    /// The inputs, in the order that the model takes them; without them all numeric columns but target and id.
    pub inputs: Option<Vec<String>>,
    /// The target, if it is wanted.
    pub target: Option<(String, TargetKind)>,
    /// The id, if it is wanted.
    pub id: Option<String>,
}

/// The targets of all rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RowTargets {
    /// None were asked for.
    None,
    /// Classes as they are written, without blanks around them.
    Labels(Vec<String>),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// A table's rows.
#[derive(Debug, Clone)]
pub struct RowSet {
    /// The file.
    pub path: PathBuf,
    /// Where each row stands in it.
    pub places: Vec<RowRef>,
    /// Each row's id, if there is a column of ids.
    pub ids: Option<Vec<String>>,
    /// The names of the inputs.
    pub names: Vec<String>,
    /// The columns that were left out because they hold no numbers, where the inputs were not named.
    pub left_out: Vec<String>,
    /// [rows, inputs].
    pub inputs: Vec<f32>,
    /// The targets.
    pub targets: RowTargets,
}

impl RowSet {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The inputs of some rows, one after the other.
    pub fn inputs_of(&self, rows: &[usize]) -> Vec<f32> {
        let width = self.names.len();
        rows.iter().flat_map(|&row| &self.inputs[row * width..][..width]).copied().collect()
    }
}

/// Values that a batch may hold: wide tables come in fewer rows at a time.
const BATCH_VALUES: usize = 1 << 21;

impl RowSpec {
    /// Reads the table.
    ///
    /// # Errors
    /// Whatever is wrong with the table; a column that is not there; a cell that is missing, is no number, or does not
    /// fit 32 bits.
    pub fn read(&self) -> Result<RowSet, DataError> {
        let (mut reader, mut set) = self.open()?;
        while let Some(batch) = reader.next_batch()? {
            self.add(&batch, &mut set)?;
        }
        Ok(set)
    }

    /// Reads the table part by part: `take` gets a set with the next rows alone. Returns the set without rows.
    ///
    /// # Errors
    /// As [`RowSpec::read`], and what `take` says.
    pub fn read_parts<E: From<DataError>>(&self, mut take: impl FnMut(&RowSet) -> Result<(), E>) -> Result<RowSet, E> {
        let (mut reader, empty) = self.open()?;
        let mut set = empty.clone();
        while let Some(batch) = reader.next_batch()? {
            self.add(&batch, &mut set)?;
            take(&set)?;
            set.clone_from(&empty);
        }
        Ok(set)
    }

    /// The reader of the columns, and a set without rows.
    fn open(&self) -> Result<(TableReader, RowSet), DataError> {
        let (names, left_out) = match &self.inputs {
            Some(names) => (names.clone(), vec![]),
            None => self.numeric()?,
        };
        let target = self.target.iter().map(|(name, kind)| match kind {
            TargetKind::Label => Wanted::typed(name, ColumnType::Text),
            TargetKind::Number => Wanted::typed(name, ColumnType::Float),
        });
        let id = self.id.iter().map(|name| Wanted::typed(name, ColumnType::Text));
        let inputs = names.iter().map(|name| Wanted::typed(name, ColumnType::Float));
        let columns: Vec<Wanted> = target.chain(id).chain(inputs).collect();
        let batch_rows = (BATCH_VALUES / columns.len()).clamp(64, 8192);
        let reader = TableReader::open(&self.source, &ReadOptions { columns, batch_rows, ..ReadOptions::default() })?;
        let targets = match self.target {
            None => RowTargets::None,
            Some((_, TargetKind::Label)) => RowTargets::Labels(vec![]),
            Some((_, TargetKind::Number)) => RowTargets::Numbers(vec![]),
        };
        let set = RowSet {
            path: self.source.path().to_owned(),
            places: vec![],
            ids: self.id.is_some().then(Vec::new),
            names,
            left_out,
            inputs: vec![],
            targets,
        };
        Ok((reader, set))
    }

    /// The inputs that the table has where they are not named: its numeric columns besides target and id.
    ///
    /// # Errors
    /// If there are none, or the table cannot be read.
    pub fn numeric_names(&self) -> Result<Vec<String>, DataError> {
        Ok(self.numeric()?.0)
    }

    /// The numeric columns besides target and id, and the others.
    fn numeric(&self) -> Result<(Vec<String>, Vec<String>), DataError> {
        let reader = TableReader::open(&self.source, &ReadOptions::default())?;
        let own = |name: &String| self.id.as_ref() == Some(name) || self.target.iter().any(|(own, _)| own == name);
        let others = reader.columns().iter().filter(|column| !own(&column.name));
        let (numeric, left_out): (Vec<_>, Vec<_>) =
            others.partition(|column| matches!(column.kind, ColumnType::Integer | ColumnType::Float));
        if numeric.is_empty() {
            let reason = format!("expected numeric columns in {}, found none", self.source.path().display());
            return Err(DataError::spec("inputs", reason));
        }
        let names = |columns: Vec<&super::ColumnInfo>| columns.into_iter().map(|c| c.name.clone()).collect();
        Ok((names(numeric), names(left_out)))
    }

    fn add(&self, batch: &Batch, set: &mut RowSet) -> Result<(), DataError> {
        let mut columns = batch.columns.iter();
        let missing = |row: usize, column: &str, expected: &str| DataError::Missing {
            at: Place::cell(self.source.path(), batch.rows[row], column),
            expected: expected.to_owned(),
        };
        if let Some((name, _)) = &self.target {
            let column = columns.next();
            match &mut set.targets {
                RowTargets::None => {}
                RowTargets::Labels(labels) => {
                    for (row, cell) in column.into_iter().flat_map(Column::texts).enumerate() {
                        let text = cell.ok_or_else(|| missing(row, name, "a class"))?;
                        labels.push(text.trim().to_owned());
                    }
                }
                RowTargets::Numbers(numbers) => {
                    for (row, cell) in column.and_then(|c| c.floats()).unwrap_or_default().iter().enumerate() {
                        numbers.push(cell.ok_or_else(|| missing(row, name, "a number"))?);
                    }
                }
            }
        }
        if let (Some(name), Some(ids)) = (&self.id, &mut set.ids) {
            for (row, cell) in columns.next().into_iter().flat_map(Column::texts).enumerate() {
                ids.push(cell.ok_or_else(|| missing(row, name, "an id"))?.to_owned());
            }
        }
        let (width, first) = (set.names.len(), set.inputs.len());
        set.inputs.resize(first + batch.rows.len() * width, 0.0);
        for (place, (name, column)) in set.names.iter().zip(columns).enumerate() {
            for (row, cell) in column.floats().unwrap_or_default().iter().enumerate() {
                let value = cell.ok_or_else(|| missing(row, name, "a number"))?;
                let narrow = value as f32;
                if !narrow.is_finite() {
                    let at = Place::cell(self.source.path(), batch.rows[row], name);
                    let expected = "a number within the range of 32-bit floats".to_owned();
                    return Err(DataError::Value { at, expected, found: value.to_string() });
                }
                set.inputs[first + row * width + place] = narrow;
            }
        }
        set.places.extend_from_slice(&batch.rows);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "test input")]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset::RawSource;

    fn read(text: &str, change: impl FnOnce(&mut RowSpec)) -> Result<RowSet, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let mut spec = RowSpec {
            source: RawSource::of(path).check(Path::new("")).unwrap(),
            inputs: None,
            target: Some(("y".to_owned(), TargetKind::Label)),
            id: Some("k".to_owned()),
        };
        change(&mut spec);
        spec.read()
    }

    #[test]
    fn e21_rows_take_all_numeric_columns_but_target_and_id() {
        let set = read("k,a,y,b,word\n7,1,0,2.5,x\n8,3, 01 ,4,y\n", |_| ()).unwrap();
        assert_eq!((set.names, set.left_out), (vec!["a".to_owned(), "b".to_owned()], vec!["word".to_owned()]));
        assert_eq!(set.inputs, [1.0, 2.5, 3.0, 4.0]);
        assert_eq!(set.targets, RowTargets::Labels(vec!["0".to_owned(), "01".to_owned()]));
        assert_eq!(set.ids, Some(vec!["7".to_owned(), "8".to_owned()]));
        assert_eq!(set.places, [RowRef::Line(2), RowRef::Line(3)]);
    }

    #[test]
    fn e21_named_inputs_keep_their_order_and_rows_can_be_picked() {
        let set = read("k,a,y,b\n7,1,0.5,2\n8,3,1e3,4\n", |spec| {
            spec.inputs = Some(vec!["b".to_owned(), "a".to_owned()]);
            spec.target = Some(("y".to_owned(), TargetKind::Number));
        })
        .unwrap();
        assert_eq!(set.inputs_of(&[1, 0]), [4.0, 3.0, 2.0, 1.0]);
        assert_eq!(set.targets, RowTargets::Numbers(vec![0.5, 1000.0]));
    }

    #[test]
    fn e21_what_is_wrong_with_a_row_names_its_place() {
        let message = |text: &str| read(text, |_| ()).unwrap_err().to_string();
        let gap = message("k,a,y\n1,2,0\n2,,1\n");
        assert!(gap.contains("t.csv, line 3, column `a`: expected a number, found nothing"), "{gap}");
        let target = message("k,a,y\n1,2,\n");
        assert!(target.contains("line 2, column `y`: expected a class"), "{target}");
        let large = message("k,a,y\n1,1e200,0\n");
        assert!(large.contains("line 2, column `a`") && large.contains("32-bit"), "{large}");
        let none = message("k,a,y\n1,x,0\n");
        assert!(none.contains("`inputs`: expected numeric columns"), "{none}");
        assert!(message("k,a\n1,2\n").contains("`y`"));
    }
}
