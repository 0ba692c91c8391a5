//! The frame that charts with two axes share: margins, grid, ticks, axis titles, legend.

use super::super::svg::{self, Element, PathData};
use super::super::text::strong_width;
use super::axis::Axis;
use super::legend::Legend;
use super::{Chart, Size};

/// What a frame must make room for.
#[derive(Debug, Clone)]
pub(super) struct Layout<'a> {
    pub size: Size,
    pub height: f64,
    pub x_title: &'a str,
    pub y_title: &'a str,
    /// Room right of the plot for labels.
    pub right: f64,
    /// Room directly above the plot for labels.
    pub above: f64,
    /// Whether vertical grid lines help.
    pub vertical_grid: bool,
}

impl<'a> Layout<'a> {
    pub(super) fn new(size: Size, x_title: &'a str, y_title: &'a str) -> Self {
        Self { size, height: size.pixels().1, x_title, y_title, right: 0.0, above: 0.0, vertical_grid: false }
    }
}

/// Two axes placed in a chart.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    x: Axis,
    y: Axis,
    size: Size,
    height: f64,
}

/// The height of a line of text above or below the plot.
const LINE: f64 = 18.0;

/// The gap between the legend and what follows.
const LEGEND_GAP: f64 = 8.0;

impl Frame {
    /// Places the axes; gives the frame and what stands behind the data.
    pub(super) fn new(layout: &Layout, x: Axis, y: Axis, legend: &Legend) -> (Self, Vec<Element>) {
        let width = layout.size.pixels().0;
        let small = layout.size == Size::Small;
        let font = layout.size.font();
        let legend_height = match legend.height(width) {
            height if small || height == 0.0 => 0.0,
            height => height + LEGEND_GAP,
        };
        let has_title = !small && !layout.y_title.is_empty();
        let top = legend_height + if has_title { LINE + 6.0 } else { 8.0 } + layout.above;
        let below = 22.0 + if small || layout.x_title.is_empty() { 0.0 } else { LINE };
        let left = (y.widest_label(font).max(14.0) + 11.0).max(x.underhang(width, font));
        let overhang = x.overhang(width - left, font);
        let right = width - layout.right.max(overhang).max(8.0);
        let frame =
            Self { left, right, top, bottom: layout.height - below, x, y, size: layout.size, height: layout.height };
        let mut parts = if small { Vec::new() } else { legend.draw(width) };
        if has_title {
            parts.push(svg::label(0.0, legend_height + 12.0, layout.y_title));
        }
        parts.extend(frame.axes(layout.vertical_grid));
        if !small && !layout.x_title.is_empty() {
            let middle = f64::midpoint(frame.left, frame.right);
            parts.push(svg::label(middle, frame.height - 5.0, layout.x_title).class("m"));
        }
        (frame, parts)
    }

    /// A frame's chart.
    pub(super) fn finish(&self, title: &str, description: String, parts: &[Element], legend: Legend) -> Chart {
        Chart::new(title, description, self.size, parts).with_height(self.height).with_legend(legend)
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + self.x.share(value) * (self.right - self.left)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - self.y.share(value) * (self.bottom - self.top)
    }

    pub(super) fn point(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x(x), self.y(y))
    }

    /// Where heights start: the axis itself, or 0 where values of both signs are shown.
    pub(super) fn floor(&self) -> f64 {
        self.y(self.y.low().max(0.0))
    }

    fn axes(&self, vertical: bool) -> Vec<Element> {
        let (mut grid, mut base) = (PathData::new(), PathData::new());
        let mut labels = Vec::new();
        for (value, text) in self.y.ticks() {
            let y = self.y(*value);
            grid.move_to(self.left, y).across(self.right - self.left);
            labels.push(svg::label(self.left - 8.0, y + 4.0, text.as_str()).class("e"));
        }
        for (value, text) in self.x.ticks() {
            let x = self.x(*value);
            if vertical {
                grid.move_to(x, self.top).down(self.bottom - self.top);
            }
            base.move_to(x, self.bottom).down(4.0);
            labels.push(svg::label(x, self.bottom + 17.0, text.as_str()).class("m"));
        }
        base.move_to(self.left, self.bottom).across(self.right - self.left);
        let mut parts = vec![svg::path(grid, "gl"), svg::path(base, "ax")];
        parts.extend(labels);
        parts
    }

    /// A horizontal line over the whole plot.
    pub(super) fn horizontal(&self, value: f64) -> Element {
        let mut data = PathData::new();
        data.move_to(self.left, self.y(value)).across(self.right - self.left);
        svg::path(data, "ref")
    }

    /// A vertical line over the whole plot, beginning `above` pixels over it.
    pub(super) fn vertical(&self, x: f64, above: f64, class: &str) -> Element {
        let mut data = PathData::new();
        data.move_to(x, self.top - above).down(self.bottom - self.top + above);
        svg::path(data, class)
    }

    /// A vertical line with its label above the plot, on the side where there is room.
    pub(super) fn labelled_vertical(&self, value: f64, text: &str) -> Vec<Element> {
        let x = self.x(value);
        let fits_right = x + 5.0 + strong_width(text, self.size.font()) <= self.size.pixels().0;
        let label = if fits_right {
            svg::label(x + 5.0, self.top - 5.0, text).class("strong")
        } else {
            svg::label(x - 5.0, self.top - 5.0, text).class("strong e")
        };
        vec![self.vertical(x, ABOVE, "ref"), label]
    }
}

/// Room above the plot that a labelled vertical line needs.
pub(super) const ABOVE: f64 = 18.0;

/// Moves labels apart: each wanted position, in order, to one at least `gap` from the others, within the range.
pub(super) fn dodge(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    let mut next = low;
    for &i in &order {
        placed[i] = placed[i].max(next);
        next = placed[i] + gap;
    }
    let mut next = high;
    for &i in order.iter().rev() {
        placed[i] = placed[i].min(next);
        next = placed[i] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_labels_are_moved_apart() {
        assert_eq!(dodge(&[10.0, 12.0, 50.0], 14.0, 0.0, 100.0), [10.0, 24.0, 50.0]);
        assert_eq!(dodge(&[98.0, 97.0], 14.0, 0.0, 100.0), [100.0, 86.0]);
        assert_eq!(dodge(&[], 14.0, 0.0, 100.0), [0.0; 0]);
    }
}
