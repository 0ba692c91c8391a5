//! Histograms, of one group of values or of several over the same bins.

use super::super::error::{ReportError, check_finite};
use super::super::number;
use super::super::scale;
use super::super::svg::{self, Element, PathData};
use super::axis::Axis;
use super::frame::{ABOVE, Frame, Layout};
use super::legend::{Key, Legend};
use super::{Chart, Size, TONES, Tone};
use std::fmt::Write;

/// A histogram.
#[derive(Debug, Clone)]
pub struct Histogram {
    title: String,
    x_title: String,
    size: Size,
    groups: Vec<(String, Vec<f64>)>,
    bins: usize,
    reference: Option<(f64, String)>,
    log: bool,
}

impl Histogram {
    /// An empty histogram of about 24 bins, whose edges are round numbers.
    pub fn new(title: &str, x_title: &str) -> Self {
        Self {
            title: title.to_owned(),
            x_title: x_title.to_owned(),
            size: Size::Half,
            groups: Vec::new(),
            bins: 24,
            reference: None,
            log: false,
        }
    }

    /// Sets the size.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Adds a group of values. With several groups, each is drawn as an outline over the same bins.
    #[must_use]
    pub fn group(mut self, name: &str, values: &[f64]) -> Self {
        self.groups.push((name.to_owned(), values.to_vec()));
        self
    }

    /// Sets about how many bins there are.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins.clamp(2, 200);
        self
    }

    /// Bins of equal ratio on a logarithmic axis; every value must then be above 0.
    #[must_use]
    pub fn log_x(mut self) -> Self {
        self.log = true;
        self
    }

    /// A vertical line with its label: a threshold.
    #[must_use]
    pub fn reference(mut self, value: f64, label: &str) -> Self {
        self.reference = Some((value, label.to_owned()));
        self
    }

    /// Draws the histogram; one with no values is a "no data" panel.
    ///
    /// # Errors
    /// A value is not finite, the axis is logarithmic and a value is not above 0, or there are more than six groups.
    pub fn render(self) -> Result<Chart, ReportError> {
        self.check()?;
        let count: usize = self.groups.iter().map(|g| g.1.len()).sum();
        if count == 0 {
            return Ok(Chart::no_data(&self.title, self.size));
        }
        let edges = self.edges();
        let counts: Vec<Vec<usize>> = self.groups.iter().map(|g| tally(&g.1, &edges)).collect();
        let most = counts.iter().flatten().copied().max().unwrap_or(0);
        let mut legend = Legend::default();
        if self.groups.len() > 1 {
            self.groups.iter().enumerate().for_each(|(i, g)| legend.add(&*g.0, Key::Line(tone(i))));
        }
        let mut layout = Layout::new(self.size, &self.x_title, "count");
        layout.above = if self.reference.is_some() { ABOVE } else { 0.0 };
        let y = Axis::loose(0.0, most as f64, 4.min(most.max(1)));
        let (frame, mut parts) = Frame::new(&layout, self.x_axis(&edges), y, &legend);
        if let [only] = counts.as_slice() {
            parts.push(draw_bars(&frame, &edges, only));
        } else {
            counts.iter().enumerate().for_each(|(i, c)| parts.extend(draw_outline(&frame, &edges, c, tone(i))));
        }
        if let Some((value, label)) = &self.reference {
            parts.extend(frame.labelled_vertical(*value, label));
        }
        let description = self.describe(count, &edges, most);
        Ok(frame.finish(&self.title, description, &parts, legend))
    }

    fn check(&self) -> Result<(), ReportError> {
        let what = format!("histogram {:?}", self.title);
        check_finite(&what, self.values())?;
        if let Some(v) = self.values().find(|v| self.log && *v <= 0.0) {
            let expected = "values above 0 on a logarithmic axis";
            return Err(ReportError::Range { what, expected, got: v.to_string() });
        }
        if self.groups.len() > TONES {
            return Err(ReportError::Range { what, expected: "at most 6 groups", got: self.groups.len().to_string() });
        }
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().flat_map(|g| g.1.iter().copied()).chain(self.reference.iter().map(|r| r.0))
    }

    fn edges(&self) -> Vec<f64> {
        let (low, high) = self.values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if !self.log {
            return scale::loose(low, high, self.bins).values;
        }
        let ticks = scale::loose(low.log10(), high.log10(), self.bins);
        ticks.values.iter().map(|v| 10f64.powf(*v)).collect()
    }

    fn x_axis(&self, edges: &[f64]) -> Axis {
        let wanted = if self.size == Size::Wide { 10 } else { 6 };
        match edges {
            [first, .., last] if self.log => Axis::log_tight(*first, *last, wanted),
            [first, .., last] => Axis::tight(*first, *last, wanted),
            _ => Axis::unit(),
        }
    }

    fn describe(&self, count: usize, edges: &[f64], most: usize) -> String {
        let ends = edges.first().zip(edges.last()).map_or((0.0, 0.0), |(a, b)| (*a, *b));
        let mut text = format!(
            "Histogram of {}: {} in {} from {} to {}, at most {} in one.",
            self.x_title,
            number::counted(count, "value"),
            number::counted(edges.len().saturating_sub(1), "bin"),
            number::short(ends.0),
            number::short(ends.1),
            number::count(most)
        );
        if let Some((value, label)) = &self.reference {
            let _ = write!(text, " Line {label} at {}.", number::short(*value));
        }
        text
    }
}

/// Blue, then vermillion: the two that are easiest to tell apart come first.
fn tone(group: usize) -> Tone {
    Tone::Hue(group)
}

/// How many values fall between neighbouring edges; the last bin includes its upper edge.
fn tally(values: &[f64], edges: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    for v in values {
        let after = edges.partition_point(|e| e <= v);
        let bin = after.saturating_sub(1).min(counts.len().saturating_sub(1));
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    counts
}

fn draw_bars(frame: &Frame, edges: &[f64], counts: &[usize]) -> Element {
    let mut data = PathData::new();
    for (pair, &count) in edges.windows(2).zip(counts).filter(|(_, c)| **c > 0) {
        let (left, right) = (frame.x(pair[0]) + 0.5, frame.x(pair[1]) - 0.5);
        let (top, bottom) = (frame.y(count as f64), frame.floor());
        data.move_to(left, bottom).down(top - bottom).across(right - left).down(bottom - top).close();
    }
    svg::path(data, "fill c0")
}

fn draw_outline(frame: &Frame, edges: &[f64], counts: &[usize], tone: Tone) -> [Element; 2] {
    let mut corners = vec![(frame.x(edges[0]), frame.floor())];
    for (pair, &count) in edges.windows(2).zip(counts) {
        corners.push((frame.x(pair[0]), frame.y(count as f64)));
        corners.push((frame.x(pair[1]), frame.y(count as f64)));
    }
    corners.push((frame.x(edges[edges.len() - 1]), frame.floor()));
    let (mut area, mut line) = (PathData::new(), PathData::new());
    area.polyline(&corners).close();
    line.polyline(&corners);
    [svg::path(area, format!("area {}", tone.class())), svg::path(line, format!("ln {}", tone.class()))]
}

#[cfg(test)]
mod tests {
    use super::tally;

    #[test]
    fn e20_histogram_counts_every_value_once() {
        let edges = [0.0, 1.0, 2.0, 3.0];
        assert_eq!(tally(&[0.0, 0.5, 1.0, 2.9, 3.0], &edges), [2, 1, 2]);
        assert_eq!(tally(&[], &edges), [0, 0, 0]);
    }
}
