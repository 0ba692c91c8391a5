//! Horizontal bars: rankings, such as products by D (G8).

use super::super::error::{ReportError, check_finite};
use super::super::number;
use super::super::svg::{self, Element, PathData};
use super::super::text::{fit, strong_width, width};
use super::legend::{Key, Legend};
use super::{Chart, Size, TONES, Tone};

/// The height of one bar with its gap.
const ROW: f64 = 24.0;
const FONT: f64 = 12.0;

#[derive(Debug, Clone)]
struct Bar {
    name: String,
    value: f64,
    group: usize,
}

/// A horizontal bar chart: each bar carries its name and its value.
#[derive(Debug, Clone)]
pub struct BarChart {
    title: String,
    value_title: String,
    size: Size,
    bars: Vec<Bar>,
    groups: Vec<String>,
    reference: Option<(f64, String)>,
}

impl BarChart {
    /// An empty chart. `value_title` names what the bars measure, with its unit.
    pub fn new(title: &str, value_title: &str) -> Self {
        Self {
            title: title.to_owned(),
            value_title: value_title.to_owned(),
            size: Size::Half,
            bars: Vec::new(),
            groups: Vec::new(),
            reference: None,
        }
    }

    /// Sets the width; the height follows from the number of bars.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Adds a bar below the others.
    #[must_use]
    pub fn bar(mut self, name: &str, value: f64) -> Self {
        self.bars.push(Bar { name: name.to_owned(), value, group: 0 });
        self
    }

    /// Adds a bar that belongs to a named group, such as the products labelled `growth`.
    #[must_use]
    pub fn grouped(mut self, group: &str, name: &str, value: f64) -> Self {
        let known = self.groups.iter().position(|g| g == group);
        let group = known.unwrap_or_else(|| {
            self.groups.push(group.to_owned());
            self.groups.len() - 1
        });
        self.bars.push(Bar { name: name.to_owned(), value, group });
        self
    }

    /// Sets the order of the groups, and with it their colours; others follow as they appear.
    #[must_use]
    pub fn groups(mut self, names: &[&str]) -> Self {
        self.groups = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// A vertical line with its label: a threshold.
    #[must_use]
    pub fn reference(mut self, value: f64, label: &str) -> Self {
        self.reference = Some((value, label.to_owned()));
        self
    }

    /// Draws the chart; one with no bars is a "no data" panel.
    ///
    /// # Errors
    /// A value is not finite, or there are more than six groups.
    pub fn render(self) -> Result<Chart, ReportError> {
        let what = format!("bar chart {:?}", self.title);
        check_finite(&what, self.bars.iter().map(|b| b.value).chain(self.reference.iter().map(|r| r.0)))?;
        if self.groups.len() > TONES {
            return Err(ReportError::Range { what, expected: "at most 6 groups", got: self.groups.len().to_string() });
        }
        if self.bars.is_empty() {
            return Ok(Chart::no_data(&self.title, self.size));
        }
        let mut legend = Legend::default();
        self.groups.iter().enumerate().for_each(|(i, name)| legend.add(&**name, Key::Fill(Tone::Hue(i))));
        let plan = Plan::new(&self, &legend);
        let mut parts = legend.draw(plan.width);
        parts.push(svg::label(0.0, plan.top - 12.0, self.value_title.as_str()));
        for (i, bar) in self.bars.iter().enumerate() {
            parts.extend(plan.draw_bar(bar, plan.top + i as f64 * ROW));
        }
        parts.push(plan.draw_base());
        if let Some((value, text)) = &self.reference {
            parts.extend(plan.draw_reference(*value, text));
        }
        let height = plan.bottom + if self.reference.is_some() { 22.0 } else { 4.0 };
        Ok(Chart::new(&self.title, self.describe(), self.size, &parts).with_height(height.ceil()).with_legend(legend))
    }

    fn describe(&self) -> String {
        let shown: Vec<String> =
            self.bars.iter().take(10).map(|b| format!("{} {}", b.name, number::short(b.value))).collect();
        format!("Bar chart of {}, {}: {}.", self.value_title, number::counted(self.bars.len(), "bar"), shown.join("; "))
    }
}

/// Where things stand.
struct Plan {
    width: f64,
    names: f64,
    top: f64,
    bottom: f64,
    zero: f64,
    scale: f64,
}

impl Plan {
    fn new(chart: &BarChart, legend: &Legend) -> Self {
        let width_all = chart.size.pixels().0;
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let names = widest(&mut chart.bars.iter().map(|b| width(&b.name, FONT))).min(width_all * 0.36) + 10.0;
        let values = widest(&mut chart.bars.iter().map(|b| strong_width(&number::short(b.value), FONT))) + 8.0;
        let all = || chart.bars.iter().map(|b| b.value).chain(chart.reference.iter().map(|r| r.0));
        let low = all().fold(0.0, f64::min);
        let high = all().fold(0.0, f64::max);
        let left = names + if low < 0.0 { values } else { 0.0 };
        let room = width_all - left - values;
        let scale = if high > low { room / (high - low) } else { 0.0 };
        let top = legend.height(width_all) + if legend.height(width_all) > 0.0 { 32.0 } else { 24.0 };
        let bottom = top + chart.bars.len() as f64 * ROW;
        Self { width: width_all, names, top, bottom, zero: left - low * scale, scale }
    }

    fn draw_bar(&self, bar: &Bar, y: f64) -> Vec<Element> {
        let length = bar.value * self.scale;
        let (left, right) = (self.zero + length.min(0.0), self.zero + length.max(0.0));
        let drawn =
            svg::rect(left, y + 4.0, right - left, ROW - 8.0).class(format!("fill {}", Tone::Hue(bar.group).class()));
        let name = fit(&bar.name, FONT, self.names - 10.0);
        let text = number::short(bar.value);
        let value = if bar.value < 0.0 {
            svg::label(left - 5.0, y + 16.0, text).class("strong e")
        } else {
            svg::label(right + 5.0, y + 16.0, text).class("strong")
        };
        let mut label = svg::label(self.names - 8.0, y + 16.0, name.as_str()).class("e");
        if name != bar.name {
            label = label.tip(bar.name.as_str());
        }
        vec![drawn, label, value]
    }

    fn draw_base(&self) -> Element {
        let mut base = PathData::new();
        base.move_to(self.zero, self.top).down(self.bottom - self.top);
        svg::path(base, "ax")
    }

    fn draw_reference(&self, value: f64, text: &str) -> [Element; 2] {
        let x = self.zero + value * self.scale;
        let mut line = PathData::new();
        line.move_to(x, self.top).down(self.bottom - self.top + 4.0);
        let half = strong_width(text, FONT) / 2.0;
        let at = x.clamp(half, (self.width - half).max(half));
        [svg::path(line, "ref"), svg::label(at, self.bottom + 17.0, text).class("strong m")]
    }
}
