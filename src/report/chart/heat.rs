//! Heat maps: a matrix of values in shades of one hue.

use super::super::error::{ReportError, check_finite, check_length};
use super::super::number;
use super::super::svg::{self, Element, PathData};
use super::super::text::{fit, width};
use super::{Chart, Size};

const FONT: f64 = 12.0;
/// Shades: more could not be told apart, fewer would hide differences.
const LEVELS: usize = 12;
/// Cells wide and high enough for their values.
const TEXT_WIDTH: f64 = 40.0;
const TEXT_HEIGHT: f64 = 20.0;

/// A matrix of values with named rows and columns.
#[derive(Debug, Clone)]
pub struct HeatMap {
    title: String,
    value_title: String,
    size: Size,
    rows: Vec<String>,
    columns: Vec<String>,
    values: Vec<Vec<f64>>,
}

impl HeatMap {
    /// A heat map; `values[i][j]` stands in row `i` and column `j`.
    pub fn new(title: &str, value_title: &str, rows: &[&str], columns: &[&str], values: &[Vec<f64>]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self {
            title: title.to_owned(),
            value_title: value_title.to_owned(),
            size: Size::Half,
            rows: owned(rows),
            columns: owned(columns),
            values: values.to_vec(),
        }
    }

    /// Sets the width; the height follows from the number of rows.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Draws the map; an empty one is a "no data" panel.
    ///
    /// # Errors
    /// A value is not finite, or the matrix does not match its names.
    pub fn render(self) -> Result<Chart, ReportError> {
        let what = format!("heat map {:?}", self.title);
        check_length(&format!("{what}, rows"), self.rows.len(), self.values.len())?;
        for (name, row) in self.rows.iter().zip(&self.values) {
            check_length(&format!("{what}, row {name:?}"), self.columns.len(), row.len())?;
            check_finite(&format!("{what}, row {name:?}"), row.iter().copied())?;
        }
        if self.rows.is_empty() || self.columns.is_empty() {
            return Ok(Chart::no_data(&self.title, self.size));
        }
        let plan = Plan::new(&self);
        let mut parts = plan.draw_names(&self);
        parts.extend(plan.draw_cells(&self.values));
        if plan.has_text() {
            parts.extend(plan.draw_values(&self.values));
        }
        parts.extend(plan.draw_scale(&self.value_title));
        let height = plan.bottom(&self) + 4.0;
        Ok(Chart::new(&self.title, self.describe(&plan), self.size, &parts).with_height(height.ceil()))
    }

    fn describe(&self, plan: &Plan) -> String {
        format!(
            "Heat map of {}: {} by {}; values from {} to {}.",
            self.value_title,
            number::counted(self.rows.len(), "row"),
            number::counted(self.columns.len(), "column"),
            number::short(plan.low),
            number::short(plan.high)
        )
    }
}

/// Where things stand.
struct Plan {
    left: f64,
    top: f64,
    cell: (f64, f64),
    low: f64,
    high: f64,
}

impl Plan {
    fn new(map: &HeatMap) -> Self {
        let total = map.size.pixels().0;
        let widest = map.rows.iter().map(|r| width(r, FONT)).fold(0.0, f64::max);
        let left = widest.min(total * 0.3) + 8.0;
        // The last column's label is centred under its cell and may be wider than it.
        let across = (total - left - 10.0) / map.columns.len() as f64;
        let down = across.clamp(if map.rows.len() > 40 { 6.0 } else { 16.0 }, 32.0);
        let all = map.values.iter().flatten();
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        Self { left, top: 48.0, cell: (across, down), low, high }
    }

    fn bottom(&self, map: &HeatMap) -> f64 {
        self.top + self.cell.1 * map.rows.len() as f64
    }

    fn has_text(&self) -> bool {
        self.cell.0 >= TEXT_WIDTH && self.cell.1 >= TEXT_HEIGHT
    }

    /// The darkest shade stays light enough for text where there is some.
    fn opacity(&self, level: usize) -> String {
        let most = if self.has_text() { 0.55 } else { 1.0 };
        format!("{:.2}", 0.06 + (most - 0.06) * level as f64 / (LEVELS - 1) as f64)
    }

    fn level(&self, value: f64) -> usize {
        if self.high <= self.low {
            return LEVELS / 2;
        }
        let share = value / 2.0 - self.low / 2.0;
        let share = share / (self.high / 2.0 - self.low / 2.0);
        ((share * LEVELS as f64) as usize).min(LEVELS - 1)
    }

    fn draw_names(&self, map: &HeatMap) -> Vec<Element> {
        let mut parts = Vec::new();
        let every = (15.0 / self.cell.1).ceil() as usize;
        for (i, name) in map.rows.iter().enumerate().step_by(every) {
            let y = self.top + (i as f64 + 0.5) * self.cell.1 + 4.0;
            parts.push(svg::label(self.left - 8.0, y, fit(name, FONT, self.left - 8.0)).class("e"));
        }
        let widest = map.columns.iter().map(|c| width(c, FONT)).fold(0.0, f64::max) + 8.0;
        let every = (widest.min(90.0) / self.cell.0).ceil().max(1.0) as usize;
        for (j, name) in map.columns.iter().enumerate().step_by(every) {
            let x = self.left + (j as f64 + 0.5) * self.cell.0;
            parts.push(svg::label(x, self.top - 7.0, fit(name, FONT, self.cell.0 * every as f64 - 4.0)).class("m"));
        }
        parts
    }

    /// One path a shade, with runs of one shade as one rectangle: a large map stays light.
    fn draw_cells(&self, values: &[Vec<f64>]) -> Vec<Element> {
        let mut shades = vec![PathData::new(); LEVELS];
        for (i, row) in values.iter().enumerate() {
            let y = self.top + i as f64 * self.cell.1;
            let levels: Vec<usize> = row.iter().map(|&v| self.level(v)).collect();
            let mut start = 0;
            for run in levels.chunk_by(|a, b| a == b) {
                let (x, wide) = (self.left + start as f64 * self.cell.0, self.cell.0 * run.len() as f64);
                shades[run[0]].move_to(x, y).across(wide).down(self.cell.1).across(-wide).close();
                start += run.len();
            }
        }
        let drawn = shades.into_iter().enumerate().filter(|(_, data)| !data.is_empty());
        drawn.map(|(level, data)| svg::path(data, "fill c0").attr("fill-opacity", self.opacity(level))).collect()
    }

    fn draw_values(&self, values: &[Vec<f64>]) -> Vec<Element> {
        let mut parts = Vec::new();
        for (i, row) in values.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let x = self.left + (j as f64 + 0.5) * self.cell.0;
                let y = self.top + (i as f64 + 0.5) * self.cell.1 + 4.0;
                parts.push(svg::label(x, y, fit(&number::short(value), FONT, self.cell.0 - 2.0)).class("strong m"));
            }
        }
        parts
    }

    /// The shades from low to high, above the map.
    fn draw_scale(&self, title: &str) -> Vec<Element> {
        let title = format!("{title}:");
        let low = number::short(self.low);
        let mut x = width(&title, FONT) + 8.0;
        let mut parts = vec![svg::label(0.0, 12.0, title), svg::label(x, 12.0, low.as_str())];
        x += width(&low, FONT) + 6.0;
        for level in 0..LEVELS {
            parts.push(svg::rect(x, 2.0, 9.0, 12.0).class("fill c0").attr("fill-opacity", self.opacity(level)));
            x += 9.0;
        }
        parts.push(svg::label(x + 6.0, 12.0, number::short(self.high)));
        parts
    }
}
