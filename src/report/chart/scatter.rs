//! Points in a plane: the class map and the cluster map (G8). Thousands of points stay small: one path a group,
//! coordinates to a tenth of a pixel, points that fall on one spot drawn once.

use super::super::error::{ReportError, check_finite};
use super::super::number;
use super::super::svg::{self, Element, PathData, tenths};
use super::axis::Axis;
use super::frame::{Frame, Layout};
use super::legend::{Key, Legend, point, point_class, ring};
use super::{Chart, Size, TONES, Tone};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Points drawn at most, unless the caller says otherwise.
const POINTS_MAX: usize = 4000;

#[derive(Debug, Clone)]
struct Group {
    name: String,
    points: Vec<(f64, f64)>,
}

/// A scatter plot with named groups.
#[derive(Debug, Clone)]
pub struct ScatterPlot {
    title: String,
    x_title: String,
    y_title: String,
    size: Size,
    groups: Vec<Group>,
    centres: Option<Group>,
    background: Option<Group>,
    points_max: usize,
    log: bool,
}

impl ScatterPlot {
    /// An empty plot.
    pub fn new(title: &str, x_title: &str, y_title: &str) -> Self {
        Self {
            title: title.to_owned(),
            x_title: x_title.to_owned(),
            y_title: y_title.to_owned(),
            size: Size::Half,
            groups: Vec::new(),
            centres: None,
            background: None,
            points_max: POINTS_MAX,
            log: false,
        }
    }

    /// Sets the size.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// Adds a group, with a colour and a shape of its own. There are six; beyond them, see [`Self::background`].
    #[must_use]
    pub fn group(mut self, name: &str, points: &[(f64, f64)]) -> Self {
        self.groups.push(Group { name: name.to_owned(), points: points.to_vec() });
        self
    }

    /// Grey points behind the others: the clusters that are not named.
    #[must_use]
    pub fn background(mut self, name: &str, points: &[(f64, f64)]) -> Self {
        self.background = Some(Group { name: name.to_owned(), points: points.to_vec() });
        self
    }

    /// Rings above the others: the clusters' centres. They are never thinned out.
    #[must_use]
    pub fn centres(mut self, name: &str, points: &[(f64, f64)]) -> Self {
        self.centres = Some(Group { name: name.to_owned(), points: points.to_vec() });
        self
    }

    /// Draws at most this many points; beyond it every group is thinned out evenly, and the chart says so.
    #[must_use]
    pub fn points_max(mut self, points: usize) -> Self {
        self.points_max = points.max(1);
        self
    }

    /// Logarithmic axes, both of them; every coordinate must then be above 0.
    #[must_use]
    pub fn log_axes(mut self) -> Self {
        self.log = true;
        self
    }

    /// Draws the plot; one with no points is a "no data" panel.
    ///
    /// # Errors
    /// A coordinate is not finite, the axes are logarithmic and a coordinate is not above 0, or there are more than six
    /// groups.
    pub fn render(self) -> Result<Chart, ReportError> {
        let what = format!("scatter plot {:?}", self.title);
        for group in self.all() {
            let name = format!("{what}, group {:?}", group.name);
            check_finite(&name, group.points.iter().map(|p| p.0))?;
            check_finite(&name, group.points.iter().map(|p| p.1))?;
        }
        let coordinates = || self.all().flat_map(|g| &g.points).flat_map(|p| [p.0, p.1]);
        if let Some(value) = coordinates().find(|v| self.log && *v <= 0.0) {
            let expected = "values above 0 on logarithmic axes";
            return Err(ReportError::Range { what, expected, got: value.to_string() });
        }
        if self.groups.len() > TONES {
            return Err(ReportError::Range { what, expected: "at most 6 groups", got: self.groups.len().to_string() });
        }
        if self.all().all(|g| g.points.is_empty()) {
            return Ok(Chart::no_data(&self.title, self.size));
        }
        let legend = self.legend();
        let mut layout = Layout::new(self.size, &self.x_title, &self.y_title);
        let (total, kept) = self.thinning();
        layout.above = if kept < total { 16.0 } else { 0.0 };
        layout.vertical_grid = true;
        let (x, y) = (self.axis(|p| p.0), self.axis(|p| p.1));
        let (frame, mut parts) = Frame::new(&layout, x, y, &legend);
        if kept < total {
            let text = format!("{} of {} shown", number::count(kept), number::counted(total, "point"));
            parts.push(svg::label(frame.right, frame.top - 6.0, text).class("e"));
        }
        parts.extend(self.draw(&frame, total, kept));
        Ok(frame.finish(&self.title, self.describe(total, kept), &parts, legend))
    }

    fn all(&self) -> impl Iterator<Item = &Group> {
        self.background.iter().chain(&self.groups).chain(&self.centres)
    }

    /// How many points there are besides the centres, and how many are drawn.
    fn thinning(&self) -> (usize, usize) {
        let total = self.background.iter().chain(&self.groups).map(|g| g.points.len()).sum::<usize>();
        if total <= self.points_max {
            return (total, total);
        }
        let kept = self.background.iter().chain(&self.groups).map(|g| share(g.points.len(), self.points_max, total));
        (total, kept.sum())
    }

    fn axis(&self, pick: impl Fn(&(f64, f64)) -> f64) -> Axis {
        let values = self.all().flat_map(|g| &g.points).map(pick);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if self.log { Axis::log(low, high, 5) } else { Axis::loose(low, high, 5) }
    }

    fn legend(&self) -> Legend {
        let mut legend = Legend::default();
        let with_count = |g: &Group| format!("{} ({})", g.name, number::count(g.points.len()));
        for (i, group) in self.groups.iter().enumerate() {
            legend.add(with_count(group), Key::Point(Tone::Hue(i), i));
        }
        self.background.iter().for_each(|g| legend.add(with_count(g), Key::Point(Tone::Muted, 0)));
        self.centres.iter().for_each(|g| legend.add(with_count(g), Key::Ring(Tone::Hue(5))));
        legend
    }

    fn draw(&self, frame: &Frame, total: usize, kept: usize) -> Vec<Element> {
        let thin =
            |g: &Group| if kept < total { share(g.points.len(), self.points_max, total) } else { g.points.len() };
        let mut parts = Vec::new();
        let background = self.background.iter().map(|g| (g, Tone::Muted, 0));
        let groups = self.groups.iter().enumerate().map(|(i, g)| (g, Tone::Hue(i), i));
        for (group, tone, shape) in background.chain(groups) {
            let mut data = PathData::new();
            for (x, y) in spots(frame, &group.points, thin(group)) {
                point(&mut data, shape, x, y);
            }
            if !data.is_empty() {
                parts.push(svg::path(data, point_class(tone, shape)));
            }
        }
        for centre in self.centres.iter().flat_map(|g| &g.points) {
            let (x, y) = frame.point(*centre);
            parts.push(ring(x, y, 4.5, Tone::Hue(5)));
        }
        parts
    }

    fn describe(&self, total: usize, kept: usize) -> String {
        let names: Vec<String> = self.all().map(|g| format!("{} {}", g.name, number::count(g.points.len()))).collect();
        let mut text = format!("Scatter plot of {} against {}: {}.", self.y_title, self.x_title, names.join("; "));
        if kept < total {
            let _ = write!(text, " {} of {} are drawn.", number::count(kept), number::counted(total, "point"));
        }
        text
    }
}

/// A group's share of the points drawn; no group that has points disappears.
fn share(points: usize, max: usize, total: usize) -> usize {
    if points == 0 { 0 } else { (points * max / total).max(1) }
}

/// The drawn positions of `keep` evenly chosen points, each position once.
fn spots(frame: &Frame, points: &[(f64, f64)], keep: usize) -> Vec<(f64, f64)> {
    let mut seen = BTreeSet::new();
    (0..keep)
        .map(|i| frame.point(points[i * points.len() / keep]))
        .filter(|&(x, y)| seen.insert((tenths(x), tenths(y))))
        .collect()
}
