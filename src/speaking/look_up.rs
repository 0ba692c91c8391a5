//! The table of known matches of fields and personality types (I6).

use std::collections::HashMap;

use super::ANY;
use super::words::Words;
use crate::dataset::{DataError, Place, RowRef, Source};

/// The column of types.
const PERSONALITY: &str = "personality";

/// A number for a text that no row has.
const UNKNOWN: u32 = u32::MAX;

/// Which fields make which personality type: a table with a column `personality` and any other columns, which are
/// fields of users. An empty cell or `*` matches anything, any other cell the same text (blanks around it aside). The first row
/// that matches speaks.
///
/// Rows that ask for the same columns share a map from those columns' texts to the first such row, so that a user costs a
/// look-up for each combination of columns and not for each row.
#[derive(Debug)]
pub struct LookUp {
    path: std::path::PathBuf,
    columns: Vec<String>,
    /// The texts of each column.
    texts: Vec<HashMap<String, u32>>,
    patterns: Vec<Pattern>,
    /// Row and type.
    rows: Vec<(RowRef, String)>,
}

/// Rows that ask for the same columns.
#[derive(Debug)]
struct Pattern {
    columns: Vec<usize>,
    first: HashMap<Vec<u32>, u32>,
}

impl LookUp {
    /// Reads the table.
    ///
    /// # Errors
    /// The file cannot be read, has no column `personality` or no other one, or a row says no type.
    pub fn load(source: &Source) -> Result<Self, DataError> {
        let words = Words::read(source, None)?;
        let own = words.place_of(PERSONALITY)?;
        let fields: Vec<usize> = (0..words.columns.len()).filter(|column| *column != own).collect();
        if fields.is_empty() {
            let expected = format!("columns of fields beside `{PERSONALITY}`");
            return Err(DataError::Missing { at: Place::file(words.path()), expected });
        }
        let mut table = Self {
            path: words.path().to_owned(),
            columns: fields.iter().map(|column| words.columns[*column].clone()).collect(),
            texts: vec![HashMap::new(); fields.len()],
            patterns: vec![],
            rows: vec![],
        };
        for row in &words.rows {
            let kind = words.needed(row, own, "a personality type")?;
            if kind == ANY {
                let at = Place::cell(words.path(), row.0, PERSONALITY);
                return Err(DataError::Value { at, expected: "a personality type".to_owned(), found: ANY.to_owned() });
            }
            let cells: Vec<&str> = fields.iter().map(|column| row.1[*column].as_str()).collect();
            table.add(&cells, (row.0, kind.to_owned()));
        }
        Ok(table)
    }

    fn add(&mut self, cells: &[&str], row: (RowRef, String)) {
        let asks = |cell: &str| !cell.is_empty() && cell != ANY;
        let columns: Vec<usize> = (0..cells.len()).filter(|column| asks(cells[*column])).collect();
        let mut key = Vec::with_capacity(columns.len());
        for column in &columns {
            let texts = &mut self.texts[*column];
            let next = texts.len() as u32;
            key.push(*texts.entry(cells[*column].to_owned()).or_insert(next));
        }
        let place = self.patterns.iter().position(|pattern| pattern.columns == columns).unwrap_or_else(|| {
            self.patterns.push(Pattern { columns, first: HashMap::new() });
            self.patterns.len() - 1
        });
        self.patterns[place].first.entry(key).or_insert(self.rows.len() as u32);
        self.rows.push(row);
    }

    /// The fields that it asks for, in the order in which [`LookUp::find`] takes them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where its columns stand among the fields that users have.
    ///
    /// # Errors
    /// Users have no such field.
    pub fn among(&self, fields: &[String]) -> Result<Vec<usize>, DataError> {
        let place = |column: &String| {
            fields.iter().position(|field| field == column).ok_or_else(|| DataError::UnknownColumn {
                at: Place::column(&self.path, column),
                hint: format!("users have {}", fields.join(", ")),
            })
        };
        self.columns.iter().map(place).collect()
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All types, each once, in the order of the rows.
    pub fn kinds(&self) -> Vec<&str> {
        let mut seen = std::collections::HashSet::new();
        self.rows.iter().map(|row| row.1.as_str()).filter(|kind| seen.insert(*kind)).collect()
    }

    /// The row that speaks for a user, and the type it says; `value(i)` is the user's text for column `i` of
    /// [`LookUp::columns`], empty if there is none.
    pub fn find<'u>(&self, value: impl Fn(usize) -> &'u str) -> Option<(RowRef, &str)> {
        let number = |column: usize| {
            let text = value(column).trim();
            if text.is_empty() { UNKNOWN } else { self.texts[column].get(text).copied().unwrap_or(UNKNOWN) }
        };
        let own: Vec<u32> = (0..self.columns.len()).map(number).collect();
        let mut key = Vec::with_capacity(own.len());
        let mut first: Option<u32> = None;
        for pattern in &self.patterns {
            key.clear();
            key.extend(pattern.columns.iter().map(|column| own[*column]));
            if let Some(row) = pattern.first.get(key.as_slice()) {
                first = Some(first.map_or(*row, |earlier| earlier.min(*row)));
            }
        }
        first.map(|row| &self.rows[row as usize]).map(|(row, kind)| (*row, kind.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::table;
    use super::*;

    const TABLE: &str =
        "star_sign,personality,hobby\nLeo,ENFJ,*\nLeo,INTJ,chess\n,INTP,chess\n狮子座,ENFP,\nAries,ESTP,NA\n";

    #[test]
    fn i6_the_first_row_that_matches_speaks() {
        let (_folder, source) = table(TABLE);
        let known = LookUp::load(&source).expect("a table");
        assert_eq!(known.columns(), ["star_sign", "hobby"]);
        assert_eq!(known.kinds(), ["ENFJ", "INTJ", "INTP", "ENFP", "ESTP"]);
        let find = |sign: &'static str, hobby: &'static str| {
            known.find(|column| [sign, hobby][column]).map(|(row, kind)| (row.number(), kind.to_owned()))
        };
        let found = |row: u64, kind: &str| Some((row, kind.to_owned()));
        assert_eq!(find("Leo", "chess"), found(2, "ENFJ"), "the first row, though a later one says more");
        assert_eq!(find("Virgo", " chess "), found(4, "INTP"));
        assert_eq!(find("狮子座", ""), found(5, "ENFP"));
        assert_eq!(find("Aries", "NA"), found(6, "ESTP"), "a word like others");
        assert_eq!(find("Aries", ""), None, "an empty field matches no text");
        assert_eq!(find("leo", "go"), None);
        assert_eq!(find("*", "*"), None);
    }

    /// The same by going through all rows.
    #[test]
    fn i6_the_maps_find_what_a_search_row_by_row_finds() {
        let word = |bits: u32| ["", "*", "a", "b"][(bits % 4) as usize];
        let draw = |row: u32, column: u32| word(crate::ops::rng::counter_bits(5, 0, row, column) >> 7);
        let rows: Vec<[&str; 3]> = (0..60).map(|row| [0, 1, 2].map(|column| draw(row, column))).collect();
        // The row without any condition would speak for all.
        let rows: Vec<[&str; 3]> = rows.into_iter().filter(|row| row.iter().any(|c| ["a", "b"].contains(c))).collect();
        let lines = rows.iter().enumerate().map(|(i, row)| format!("{},T{i}\n", row.join(",")));
        let (_folder, source) = table(&format!("x,y,z,personality\n{}", lines.collect::<String>()));
        let known = LookUp::load(&source).expect("a table");
        let mut nobody = 0;
        for user in 0..125 {
            let own = [user % 5, user / 5 % 5, user / 25].map(|digit| ["", "a", "b", "c", "d"][digit]);
            let fits = |row: &[&str; 3]| row.iter().zip(own).all(|(c, o)| ["", "*"].contains(c) || *c == o);
            let slow = rows.iter().position(fits).map(|row| format!("T{row}"));
            nobody += usize::from(slow.is_none());
            assert_eq!(known.find(|column| own[column]).map(|found| found.1.to_owned()), slow, "{own:?}");
        }
        assert!((1..125).contains(&nobody), "{nobody}");
    }

    #[test]
    fn i6_what_is_wrong_with_the_table_names_its_place() {
        let message = |text: &str| {
            let (_folder, source) = table(text);
            LookUp::load(&source).map(|_| ()).expect_err("refused").to_string()
        };
        let error = message("x,kind\n1,2\n");
        assert!(error.contains("words.csv, column `personality`"), "{error}");
        let error = message("personality\nINTJ\n");
        assert!(error.contains("expected columns of fields beside `personality`"), "{error}");
        let error = message("x,personality\na,INTJ\nb,\n");
        assert!(error.contains("words.csv, line 3, column `personality`: expected a personality type"), "{error}");
        let (_folder, source) = table("x,y,personality\n1,2,INTJ\n");
        let known = LookUp::load(&source).expect("a table");
        assert_eq!(known.among(&["y", "a", "x"].map(str::to_owned)).expect("there"), [2, 0]);
        let error = known.among(&["y".to_owned()]).expect_err("not there").to_string();
        assert!(error.contains("column `x`") && error.contains("users have y"), "{error}");
    }
}
