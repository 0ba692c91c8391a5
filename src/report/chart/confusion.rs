//! Confusion matrices: counts, with each row's shares (G3).

use super::super::error::{ReportError, check_length};
use super::super::number;
use super::super::svg::{self, Element};
use super::super::text::{fit, strong_width};
use super::{Chart, Size};

const FONT: f64 = 12.0;
const TOP: f64 = 44.0;
/// Classes beyond which cells are too small to read.
const CLASSES_MAX: usize = 20;

/// A confusion matrix: a row for each true class, a column for each predicted one.
#[derive(Debug, Clone)]
pub struct ConfusionMatrix {
    title: String,
    classes: Vec<String>,
    counts: Vec<Vec<usize>>,
}

impl ConfusionMatrix {
    /// A matrix of counts; `counts[i][j]` are the rows of class `i` that were predicted as class `j`.
    pub fn new(title: &str, classes: &[&str], counts: &[Vec<usize>]) -> Self {
        let classes = classes.iter().map(|&c| c.to_owned()).collect();
        Self { title: title.to_owned(), classes, counts: counts.to_vec() }
    }

    /// Draws the matrix; one with no counts is a "no data" panel.
    ///
    /// # Errors
    /// The matrix is not square, does not match the classes, or has more than twenty of them.
    pub fn render(self) -> Result<Chart, ReportError> {
        let n = self.classes.len();
        let what = format!("confusion matrix {:?}", self.title);
        check_length(&format!("{what}, rows"), n, self.counts.len())?;
        for (i, row) in self.counts.iter().enumerate() {
            check_length(&format!("{what}, row {}", i + 1), n, row.len())?;
        }
        if n > CLASSES_MAX {
            return Err(ReportError::Range { what, expected: "at most 20 classes", got: n.to_string() });
        }
        if self.counts.iter().flatten().sum::<usize>() == 0 {
            return Ok(Chart::no_data(&self.title, Size::Half));
        }
        let total = Size::Half.pixels().0;
        let widest = self.classes.iter().map(|c| strong_width(c, FONT)).fold(0.0, f64::max);
        let left = widest.clamp(40.0, total * 0.3) + 14.0;
        let cell_width = (total - left) / n as f64;
        let cell_height = cell_width.clamp(30.0, 96.0);
        let mut parts = vec![
            svg::label(left + (total - left) / 2.0, 12.0, "predicted").class("m"),
            svg::label(left - 12.0, TOP - 10.0, "true").class("e"),
        ];
        for (j, class) in self.classes.iter().enumerate() {
            let (x, y) = (left + (j as f64 + 0.5) * cell_width, TOP + (j as f64 + 0.5) * cell_height + 4.0);
            parts.push(
                svg::label(x, TOP - 10.0, fit(class, FONT, (cell_width - 4.0) / 1.14))
                    .class("strong m")
                    .tip(class.as_str()),
            );
            parts.push(
                svg::label(left - 12.0, y, fit(class, FONT, (left - 12.0) / 1.14))
                    .class("strong e")
                    .tip(class.as_str()),
            );
        }
        for (i, row) in self.counts.iter().enumerate() {
            let y = TOP + i as f64 * cell_height;
            parts.extend(draw_row(row, left, y, cell_width, cell_height));
        }
        let height = TOP + n as f64 * cell_height + 2.0;
        Ok(Chart::new(&self.title, self.describe(), Size::Half, &parts).with_height(height.ceil()))
    }

    fn describe(&self) -> String {
        let mut cells = Vec::new();
        for (row, truth) in self.counts.iter().zip(&self.classes) {
            for (count, predicted) in row.iter().zip(&self.classes) {
                cells.push(format!("true {truth}, predicted {predicted}: {}", number::count(*count)));
            }
        }
        format!("Confusion matrix. {}.", cells.join("; "))
    }
}

fn draw_row(row: &[usize], left: f64, y: f64, width: f64, height: f64) -> Vec<Element> {
    let sum: usize = row.iter().sum();
    let mut parts = Vec::new();
    for (j, &count) in row.iter().enumerate() {
        let share = if sum == 0 { 0.0 } else { count as f64 / sum as f64 };
        let (x, middle) = (left + j as f64 * width, y + height / 2.0);
        // At most 0.45: the text on it keeps its contrast in both colour schemes.
        let opacity = format!("{:.2}", 0.06 + 0.39 * share);
        parts.push(svg::rect(x, y, width, height).class("cell fill c0").attr("fill-opacity", opacity));
        let with_share = width >= 56.0 && height >= 44.0 && sum > 0;
        let at = if with_share { middle - 2.0 } else { middle + 4.0 };
        parts.push(svg::label(x + width / 2.0, at, number::count(count)).class("strong m"));
        if with_share {
            let text = format!("{} of row", number::percent(share, 1));
            let text = if width >= 100.0 { text } else { number::percent(share, 0) };
            parts.push(svg::label(x + width / 2.0, middle + 15.0, text).class("strong m"));
        }
    }
    parts
}
