//! Tables: typed columns, checked rows, and a cut for long ones.

use super::error::{ReportError, check_finite, check_length};
use super::number;
use super::text::{escape, link};
use std::fmt::Write;

/// What a column holds and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number(usize),
    Percent(usize),
    Duration,
}

/// A column of a [`Table`]. Text stands left, numbers stand right.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    kind: Kind,
    bar: bool,
}

impl Column {
    /// Text, on the left.
    pub fn text(title: &str) -> Self {
        Self::new(title, Kind::Text)
    }

    /// Numbers with a fixed number of decimals.
    pub fn number(title: &str, decimals: usize) -> Self {
        Self::new(title, Kind::Number(decimals))
    }

    /// Whole numbers.
    pub fn integer(title: &str) -> Self {
        Self::number(title, 0)
    }

    /// Shares, written as percentages.
    pub fn percent(title: &str, decimals: usize) -> Self {
        Self::new(title, Kind::Percent(decimals))
    }

    /// Seconds, written in the unit that suits each.
    pub fn duration(title: &str) -> Self {
        Self::new(title, Kind::Duration)
    }

    /// Draws a bar behind each number, as long as its share of the column's largest.
    #[must_use]
    pub fn with_bar(mut self) -> Self {
        self.bar = self.kind != Kind::Text;
        self
    }

    fn new(title: &str, kind: Kind) -> Self {
        Self { title: title.to_owned(), kind, bar: false }
    }
}

/// One cell of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number, written as its column says.
    Number(f64),
    /// A number that is the best of its column: the same, in bold.
    Best(f64),
    /// No value: a dash. For a measure that is not defined, such as precision with nothing predicted.
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// A table with typed columns.
#[derive(Debug, Clone)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    limit: Option<(usize, String)>,
    emphasis: Option<usize>,
}

impl Table {
    /// An empty table. The caption may be empty.
    pub fn new(caption: &str, columns: Vec<Column>) -> Self {
        Self { caption: caption.to_owned(), columns, rows: Vec::new(), limit: None, emphasis: None }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The row's length differs from the number of columns, a number is not finite, or a text stands in a number
    /// column (or the reverse).
    pub fn row(&mut self, cells: Vec<Cell>) -> Result<&mut Self, ReportError> {
        let what = format!("table {:?}, row {}", self.caption, self.rows.len() + 1);
        check_length(&what, self.columns.len(), cells.len())?;
        for (column, cell) in self.columns.iter().zip(&cells) {
            check_cell(&what, column, cell)?;
        }
        self.rows.push(cells);
        Ok(self)
    }

    /// Sets row `row` (from 0) in bold: the one that the table is about.
    #[must_use]
    pub fn emphasise_row(mut self, row: usize) -> Self {
        self.emphasis = Some(row);
        self
    }

    /// Shows at most `rows` rows, then "and N more: see `file`". `file` is relative to the report.
    #[must_use]
    pub fn cut(mut self, rows: usize, file: &str) -> Self {
        self.limit = Some((rows, file.to_owned()));
        self
    }

    pub(super) fn write(&self, out: &mut String) {
        let label = if self.caption.is_empty() { "table" } else { &self.caption };
        let _ = write!(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">", escape(label));
        out.push_str("<table>");
        if !self.caption.is_empty() {
            let _ = write!(out, "<caption>{}</caption>", escape(&self.caption));
        }
        self.write_head(out);
        self.write_rows(out);
        out.push_str("</table></div>\n");
        self.write_cut(out);
    }

    fn write_head(&self, out: &mut String) {
        out.push_str("<thead><tr>");
        for column in &self.columns {
            let _ = write!(out, "<th scope=\"col\"{}>{}</th>", align(column), escape(&column.title));
        }
        out.push_str("</tr></thead>\n<tbody>");
    }

    fn write_rows(&self, out: &mut String) {
        let shown = self.limit.as_ref().map_or(self.rows.len(), |(n, _)| (*n).min(self.rows.len()));
        let widest: Vec<f64> = (0..self.columns.len()).map(|i| largest(&self.rows[..shown], i)).collect();
        for (i, row) in self.rows[..shown].iter().enumerate() {
            out.push_str(if self.emphasis == Some(i) { "<tr class=\"em\">" } else { "<tr>" });
            for ((column, cell), &widest) in self.columns.iter().zip(row).zip(&widest) {
                write_cell(column, cell, widest, out);
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>");
    }

    fn write_cut(&self, out: &mut String) {
        if let Some((limit, file)) = &self.limit
            && self.rows.len() > *limit
        {
            let more = number::count(self.rows.len() - limit);
            let (target, file) = (link(file), escape(file));
            let _ = writeln!(out, "<p class=\"more\">and {more} more: see <a href=\"{target}\">{file}</a></p>");
        }
    }
}

fn check_cell(what: &str, column: &Column, cell: &Cell) -> Result<(), ReportError> {
    match (column.kind, cell) {
        (Kind::Text, Cell::Text(_)) | (_, Cell::Missing) => Ok(()),
        (Kind::Text, Cell::Number(n) | Cell::Best(n)) => Err(misplaced(what, column, "a text", n.to_string())),
        (_, Cell::Text(text)) => Err(misplaced(what, column, "a number", format!("{text:?}"))),
        (_, Cell::Number(n) | Cell::Best(n)) => check_finite(&format!("{what}, column {:?}", column.title), [*n]),
    }
}

fn misplaced(what: &str, column: &Column, expected: &'static str, got: String) -> ReportError {
    ReportError::Range { what: format!("{what}, column {:?}", column.title), expected, got }
}

fn largest(rows: &[Vec<Cell>], column: usize) -> f64 {
    rows.iter().fold(0.0, |most, row| match row[column] {
        Cell::Number(n) | Cell::Best(n) => n.max(most),
        Cell::Text(_) | Cell::Missing => most,
    })
}

fn align(column: &Column) -> &'static str {
    if column.kind == Kind::Text { "" } else { " class=\"n\"" }
}

fn write_cell(column: &Column, cell: &Cell, widest: f64, out: &mut String) {
    match cell {
        Cell::Number(n) => write_number(column, *n, &shown(column, *n), widest, out),
        Cell::Best(n) => {
            let text = format!("<strong title=\"best of this column\">{}</strong>", shown(column, *n));
            write_number(column, *n, &text, widest, out);
        }
        Cell::Text(text) => {
            let _ = write!(out, "<td>{}</td>", escape(text));
        }
        Cell::Missing => {
            let _ = write!(out, "<td{}>–</td>", align(column));
        }
    }
}

fn write_number(column: &Column, value: f64, text: &str, widest: f64, out: &mut String) {
    let _ = if column.bar && widest > 0.0 {
        let share = number::fixed((value.max(0.0) / widest) * 100.0, 1);
        write!(out, "<td class=\"n bar\" style=\"--w:{share}%\"><span>{text}</span></td>")
    } else {
        write!(out, "<td class=\"n\">{text}</td>")
    };
}

fn shown(column: &Column, value: f64) -> String {
    match column.kind {
        Kind::Number(decimals) => number::fixed(value, decimals),
        Kind::Percent(decimals) => number::percent(value, decimals),
        Kind::Duration => number::duration(value),
        Kind::Text => number::short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        vec![Column::text("product"), Column::percent("p", 1), Column::number("D", 2).with_bar()]
    }

    #[test]
    fn e20_table_rows_are_checked() {
        let mut table = Table::new("t", columns());
        let short = table.row(vec!["a".into()]).map(|_| ());
        assert!(matches!(short, Err(ReportError::Length { expected: 3, got: 1, .. })));
        let nan = table.row(vec!["a".into(), f64::NAN.into(), 1.0.into()]).map(|_| ());
        assert!(matches!(nan, Err(ReportError::NonFinite { .. })));
        let text = table.row(vec!["a".into(), "b".into(), 1.0.into()]).map(|_| ());
        let message = text.map_err(|e| e.to_string());
        assert_eq!(message, Err("table \"t\", row 1, column \"p\": expected a number, got \"b\"".to_owned()));
        let missing = Cell::from(None::<f64>);
        assert!(table.row(vec!["a".into(), missing, 1.0.into()]).is_ok());
    }

    #[test]
    fn e20_the_best_of_a_column_is_bold() -> Result<(), ReportError> {
        let mut table = Table::new("", columns());
        table.row(vec!["a".into(), Cell::Best(0.25), Cell::Best(3.0)])?;
        assert!(table.row(vec![Cell::Best(1.0), 0.5.into(), 1.0.into()]).is_err(), "a text column takes no number");
        let mut out = String::new();
        table.write(&mut out);
        assert!(out.contains("<td class=\"n\"><strong title=\"best of this column\">25.0%</strong></td>"), "{out}");
        assert!(out.contains("--w:100.0%\"><span><strong title=\"best of this column\">3.00</strong></span>"), "{out}");
        Ok(())
    }

    #[test]
    fn e20_long_table_is_cut_and_says_so() -> Result<(), ReportError> {
        let mut table = Table::new("", columns());
        for i in 0..1500usize {
            table.row(vec![format!("P{i}").into(), 0.5.into(), i.into()])?;
        }
        let mut out = String::new();
        table.cut(100, "tables/growth_points.csv").write(&mut out);
        assert_eq!(out.matches("<tr").count(), 101);
        assert!(out.contains("and 1,400 more: see <a href=\"tables/growth_points.csv\">"), "{out}");
        assert!(out.contains("--w:100.0%"), "the bar is relative to the rows shown");
        Ok(())
    }
}
