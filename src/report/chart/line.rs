//! Lines over steps: a product's series with its references' band, `E`, and the located growth points (G8).

use super::super::error::{ReportError, check_finite, check_length};
use super::super::number;
use super::super::svg::{self, Element, PathData};
use super::super::text::strong_width;
use super::axis::Axis;
use super::frame::{Frame, Layout, dodge};
use super::legend::{Key, Legend, diamond, ring};
use super::{Chart, Size, Tone};
use std::fmt::Write;

/// What stands under the steps.
#[derive(Debug, Clone)]
pub enum XLabels {
    /// The whole numbers from this one: week 1, week 2, ...
    From(i64),
    /// One label a step, such as its date.
    Named(Vec<String>),
}

/// Whose growth points are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A filled diamond.
    Predicted,
    /// A hollow circle, large enough to be seen around a diamond.
    Actual,
}

#[derive(Debug, Clone)]
struct Series {
    name: String,
    start: usize,
    values: Vec<f64>,
    context: bool,
}

#[derive(Debug, Clone)]
struct Band {
    name: String,
    start: usize,
    low: Vec<f64>,
    high: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Marks {
    kind: MarkKind,
    name: String,
    points: Vec<(usize, f64)>,
}

/// A line chart. The x axis is a row of steps, counted from 0 in this interface.
#[derive(Debug, Clone)]
pub struct LineChart {
    title: String,
    size: Size,
    labels: XLabels,
    x_title: String,
    y_title: String,
    series: Vec<Series>,
    bands: Vec<Band>,
    references: Vec<(f64, String)>,
    marks: Vec<Marks>,
    divider: Option<(usize, String, String)>,
    span: Option<(usize, usize, String)>,
    log: bool,
}

impl LineChart {
    /// An empty chart. Axis titles carry the units: `week`, `units a week`.
    pub fn new(title: &str, x_title: &str, y_title: &str, labels: XLabels) -> Self {
        Self {
            title: title.to_owned(),
            size: Size::Half,
            labels,
            x_title: x_title.to_owned(),
            y_title: y_title.to_owned(),
            series: Vec::new(),
            bands: Vec::new(),
            references: Vec::new(),
            marks: Vec::new(),
            divider: None,
            span: None,
            log: false,
        }
    }

    /// Sets the size; a small one shows neither legend nor axis titles, the grid around it does.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// A logarithmic y axis; every value must then be above 0.
    #[must_use]
    pub fn log_y(mut self) -> Self {
        self.log = true;
        self
    }

    /// A series whose first value stands at step `start`.
    #[must_use]
    pub fn series(self, name: &str, start: usize, values: &[f64]) -> Self {
        self.add(name, start, values, false)
    }

    /// A series that is there for comparison: thin and grey.
    #[must_use]
    pub fn context(self, name: &str, start: usize, values: &[f64]) -> Self {
        self.add(name, start, values, true)
    }

    fn add(mut self, name: &str, start: usize, values: &[f64], context: bool) -> Self {
        self.series.push(Series { name: name.to_owned(), start, values: values.to_vec(), context });
        self
    }

    /// An area between two series: the references' low and high.
    #[must_use]
    pub fn band(mut self, name: &str, start: usize, low: &[f64], high: &[f64]) -> Self {
        self.bands.push(Band { name: name.to_owned(), start, low: low.to_vec(), high: high.to_vec() });
        self
    }

    /// A horizontal line with its label at the right: `E`.
    #[must_use]
    pub fn reference(mut self, value: f64, label: &str) -> Self {
        self.references.push((value, label.to_owned()));
        self
    }

    /// Marked points, each a step and a height.
    #[must_use]
    pub fn marks(mut self, kind: MarkKind, name: &str, points: &[(usize, f64)]) -> Self {
        self.marks.push(Marks { kind, name: name.to_owned(), points: points.to_vec() });
        self
    }

    /// A vertical line before step `first_after`, with a label on either side: `early | future`.
    #[must_use]
    pub fn divider(mut self, first_after: usize, before: &str, after: &str) -> Self {
        self.divider = Some((first_after, before.to_owned(), after.to_owned()));
        self
    }

    /// A shaded span of steps, both ends included.
    #[must_use]
    pub fn span(mut self, first: usize, last: usize, name: &str) -> Self {
        self.span = Some((first, last, name.to_owned()));
        self
    }

    /// Draws the chart; one with no values is a "no data" panel.
    ///
    /// # Errors
    /// A value is not finite, a band's sides differ in length or cross, there are fewer labels than steps, a mark lies
    /// outside the steps, or the y axis is logarithmic and a value is not above 0.
    pub fn render(self) -> Result<Chart, ReportError> {
        self.check()?;
        let Some((low, high)) = self.extent() else {
            return Ok(Chart::no_data(&self.title, self.size));
        };
        let wanted = if self.size == Size::Small { 3 } else { 5 };
        let y = if self.log { Axis::log(low, high, wanted) } else { Axis::for_heights(low, high, wanted) };
        let legend = self.legend();
        let (frame, mut parts) = Frame::new(&self.layout(), self.x_axis(), y, &legend);
        parts.extend(self.draw_behind(&frame));
        parts.extend(self.draw_series(&frame));
        parts.extend(self.draw_labels(&frame));
        parts.extend(self.draw_marks(&frame));
        Ok(frame.finish(&self.title, self.describe(low, high), &parts, legend))
    }

    fn check(&self) -> Result<(), ReportError> {
        let what = |part: &str| format!("line chart {:?}, {part}", self.title);
        for s in &self.series {
            check_finite(&what(&format!("series {:?}", s.name)), s.values.iter().copied())?;
        }
        for b in &self.bands {
            let name = what(&format!("band {:?}", b.name));
            check_length(&name, b.low.len(), b.high.len())?;
            check_finite(&name, b.low.iter().chain(&b.high).copied())?;
            if let Some(i) = (0..b.low.len()).find(|&i| b.low[i] > b.high[i]) {
                let got = format!("{} above {} at index {i}", b.low[i], b.high[i]);
                return Err(ReportError::Range { what: name, expected: "low at most high", got });
            }
        }
        check_finite(&what("reference lines"), self.references.iter().map(|r| r.0))?;
        for m in &self.marks {
            check_finite(&what(&format!("marks {:?}", m.name)), m.points.iter().map(|p| p.1))?;
        }
        self.check_steps(what("steps"))?;
        self.check_log(what("logarithmic y axis"))
    }

    fn check_steps(&self, what: String) -> Result<(), ReportError> {
        let steps = self.steps();
        if let XLabels::Named(names) = &self.labels
            && names.len() < steps
        {
            return Err(ReportError::Length { what: format!("{what}, labels"), expected: steps, got: names.len() });
        }
        let (first, last, _) = self.span.clone().unwrap_or_default();
        if first > last {
            let got = format!("{first} to {last}");
            return Err(ReportError::Range { what, expected: "a span that ends after its start", got });
        }
        Ok(())
    }

    fn check_log(&self, what: String) -> Result<(), ReportError> {
        match self.heights().find(|v| self.log && *v <= 0.0) {
            Some(v) => Err(ReportError::Range { what, expected: "values above 0", got: v.to_string() }),
            None => Ok(()),
        }
    }

    /// All heights that the y axis must hold.
    fn heights(&self) -> impl Iterator<Item = f64> {
        let series = self.series.iter().flat_map(|s| s.values.iter().copied());
        let bands = self.bands.iter().flat_map(|b| b.low.iter().chain(&b.high).copied());
        let marks = self.marks.iter().flat_map(|m| m.points.iter().map(|p| p.1));
        series.chain(bands).chain(marks).chain(self.references.iter().map(|r| r.0))
    }

    fn extent(&self) -> Option<(f64, f64)> {
        if self.series.iter().all(|s| s.values.is_empty()) && self.bands.iter().all(|b| b.low.is_empty()) {
            return None;
        }
        Some(self.heights().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v))))
    }

    /// How many steps the x axis holds.
    fn steps(&self) -> usize {
        let series = self.series.iter().map(|s| s.start + s.values.len());
        let bands = self.bands.iter().map(|b| b.start + b.low.len());
        let marks = self.marks.iter().flat_map(|m| m.points.iter().map(|p| p.0 + 1));
        let span = self.span.iter().map(|s| s.1 + 1);
        let divider = self.divider.iter().map(|d| d.0);
        series.chain(bands).chain(marks).chain(span).chain(divider).max().unwrap_or(0)
    }

    fn x_axis(&self) -> Axis {
        let (steps, room) = (self.steps(), self.size.pixels().0 - 60.0);
        match &self.labels {
            XLabels::From(first) => Axis::numbered(steps, *first, (room / 55.0) as usize),
            XLabels::Named(names) => Axis::named(steps, room, self.size.font(), |i| names[i].clone()),
        }
    }

    fn layout(&self) -> Layout<'_> {
        let mut layout = Layout::new(self.size, &self.x_title, &self.y_title);
        let labels = self.references.iter().map(|(_, label)| strong_width(label, self.size.font()) + 8.0);
        layout.right = labels.fold(0.0, f64::max).min(self.size.pixels().0 / 3.0);
        layout.above = if self.divider.is_some() { 16.0 } else { 0.0 };
        layout
    }

    fn tones(&self) -> Vec<Tone> {
        let mut hue = 0;
        let mut next = |s: &Series| {
            if s.context {
                return Tone::Muted;
            }
            hue += 1;
            Tone::Hue(if hue == 1 { 0 } else { hue })
        };
        self.series.iter().map(&mut next).collect()
    }

    fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        for (s, tone) in self.series.iter().zip(self.tones()) {
            legend.add(&*s.name, if s.context { Key::ThinLine(tone) } else { Key::Line(tone) });
        }
        self.bands.iter().for_each(|b| legend.add(&*b.name, Key::Area(Tone::Muted)));
        for m in &self.marks {
            legend.add(&*m.name, if m.kind == MarkKind::Actual { Key::Ring(ACTUAL) } else { Key::Diamond(PREDICTED) });
        }
        if let Some((_, _, name)) = &self.span {
            legend.add(&**name, Key::Shade);
        }
        legend
    }

    fn draw_behind(&self, frame: &Frame) -> Vec<Element> {
        let mut parts = Vec::new();
        if let Some((first, last, _)) = self.span {
            let half_step = if self.steps() > 1 { (frame.x(1.0) - frame.x(0.0)) / 2.0 } else { 8.0 };
            let left = (frame.x(first as f64) - half_step).max(frame.left);
            let right = (frame.x(last as f64) + half_step).min(frame.right);
            parts.push(svg::rect(left, frame.top, right - left, frame.bottom - frame.top).class("span"));
        }
        for band in self.bands.iter().filter(|b| !b.low.is_empty()) {
            let at = |i: usize, v: f64| frame.point(((band.start + i) as f64, v));
            let mut outline: Vec<(f64, f64)> = band.high.iter().enumerate().map(|(i, &v)| at(i, v)).collect();
            outline.extend(band.low.iter().enumerate().rev().map(|(i, &v)| at(i, v)));
            let mut data = PathData::new();
            data.polyline(&outline).close();
            parts.push(svg::path(data, "area cm"));
        }
        parts
    }

    fn draw_series(&self, frame: &Frame) -> Vec<Element> {
        let mut parts: Vec<Element> = self.references.iter().map(|r| frame.horizontal(r.0)).collect();
        let drawn = self.series.iter().zip(self.tones()).filter(|(s, _)| !s.values.is_empty());
        for (s, tone) in drawn {
            let points: Vec<(f64, f64)> =
                s.values.iter().enumerate().map(|(i, &v)| frame.point(((s.start + i) as f64, v))).collect();
            let mut data = PathData::new();
            data.polyline(&points);
            if points.len() == 1 {
                // A single value is a dot: the round cap of a line that goes nowhere.
                data.across(0.0);
            }
            let weight = if s.context { "ln thin" } else { "ln" };
            parts.push(svg::path(data, format!("{weight} {}", tone.class())));
        }
        parts
    }

    fn draw_labels(&self, frame: &Frame) -> Vec<Element> {
        let mut parts = Vec::new();
        let wanted: Vec<f64> = self.references.iter().map(|r| frame.y(r.0) + 4.0).collect();
        for (y, (_, text)) in dodge(&wanted, 13.0, frame.top, frame.bottom).into_iter().zip(&self.references) {
            parts.push(svg::label(frame.right + 6.0, y, text.as_str()).class("strong"));
        }
        if let Some((first, before, after)) = &self.divider {
            let x = frame.x(*first as f64 - 0.5).clamp(frame.left, frame.right);
            parts.push(frame.vertical(x, 14.0, "div"));
            parts.push(svg::label(x - 6.0, frame.top - 5.0, before.as_str()).class("e"));
            parts.push(svg::label(x + 6.0, frame.top - 5.0, after.as_str()));
        }
        parts
    }

    fn draw_marks(&self, frame: &Frame) -> Vec<Element> {
        let r = if self.size == Size::Small { 4.0 } else { 6.0 };
        // Actual points go below, so that a hit is a diamond inside a ring.
        let mut ordered: Vec<&Marks> = self.marks.iter().collect();
        ordered.sort_by_key(|m| m.kind == MarkKind::Predicted);
        let mut parts = Vec::new();
        for m in ordered {
            for &(step, value) in &m.points {
                let (x, y) = frame.point((step as f64, value));
                let drawn = match m.kind {
                    MarkKind::Actual => ring(x, y, r + 1.0, ACTUAL),
                    MarkKind::Predicted => diamond(x, y, r - 0.5, PREDICTED),
                };
                parts.push(drawn.tip(format!("{}: {}, {}", m.name, self.step_name(step), number::short(value))));
            }
        }
        parts
    }

    fn step_name(&self, step: usize) -> String {
        match &self.labels {
            XLabels::From(first) => format!("{} {}", self.x_title, first + step as i64),
            XLabels::Named(names) => names[step].clone(),
        }
    }

    fn describe(&self, low: f64, high: f64) -> String {
        let names: Vec<&str> = self.series.iter().map(|s| s.name.as_str()).collect();
        let last = self.steps().saturating_sub(1);
        let mut text = format!(
            "Line chart of {} over {}, from {} to {}; values from {} to {}.",
            names.join(", "),
            self.x_title,
            self.step_name(0),
            self.step_name(last),
            number::short(low),
            number::short(high)
        );
        for (value, label) in &self.references {
            let _ = write!(text, " Line {label} at {}.", number::short(*value));
        }
        for m in &self.marks {
            let steps: Vec<String> = m.points.iter().map(|p| self.step_name(p.0)).collect();
            let list = if steps.is_empty() { "none".to_owned() } else { steps.join(", ") };
            let _ = write!(text, " {}: {list}.", m.name);
        }
        text
    }
}

const PREDICTED: Tone = Tone::Hue(1);
const ACTUAL: Tone = Tone::Hue(2);
