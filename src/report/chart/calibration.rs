//! Calibration: how often what was predicted with a probability came true (G3).

use super::super::error::{ReportError, check_share};
use super::super::number;
use super::super::svg::{self, Element, PathData};
use super::axis::Axis;
use super::frame::{Frame, Layout};
use super::legend::{Key, Legend};
use super::{Chart, Size, Tone};

/// Nearly square, plus the strip of counts.
const HEIGHT: f64 = 440.0;
const STRIP: f64 = 70.0;

/// The predictions whose probability fell into one bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// The mean predicted probability.
    pub predicted: f64,
    /// The share that came true.
    pub observed: f64,
    /// How many predictions.
    pub count: usize,
}

/// A calibration plot with the number of predictions of each bin below it.
#[derive(Debug, Clone)]
pub struct CalibrationPlot {
    title: String,
    bins: Vec<CalibrationBin>,
}

impl CalibrationPlot {
    /// A plot of bins; those with no predictions are left out.
    pub fn new(title: &str, bins: &[CalibrationBin]) -> Self {
        Self { title: title.to_owned(), bins: bins.iter().copied().filter(|b| b.count > 0).collect() }
    }

    /// Draws the plot; with no predictions, a "no data" panel.
    ///
    /// # Errors
    /// A probability or a share is outside [0, 1] or not finite.
    pub fn render(mut self) -> Result<Chart, ReportError> {
        let what = format!("calibration plot {:?}", self.title);
        check_share(&format!("{what}, predicted"), self.bins.iter().map(|b| b.predicted))?;
        check_share(&format!("{what}, observed"), self.bins.iter().map(|b| b.observed))?;
        if self.bins.is_empty() {
            return Ok(Chart::no_data(&self.title, Size::Half));
        }
        self.bins.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
        let mut legend = Legend::default();
        legend.add("model", Key::Line(Tone::Hue(0)));
        legend.add("perfectly calibrated", Key::Reference);
        let mut layout = Layout::new(Size::Half, "predicted probability", "observed share");
        layout.height = HEIGHT + legend.height(Size::Half.pixels().0);
        layout.vertical_grid = true;
        let (frame, mut parts) = Frame::new(&layout, Axis::unit(), Axis::unit(), &legend);
        parts.extend(self.draw(&frame));
        parts.extend(self.draw_counts(&frame, layout.height));
        let chart = frame.finish(&self.title, self.describe(), &parts, legend);
        Ok(chart.with_height(layout.height + STRIP))
    }

    fn draw(&self, frame: &Frame) -> Vec<Element> {
        let (mut diagonal, mut line) = (PathData::new(), PathData::new());
        diagonal.polyline(&[frame.point((0.0, 0.0)), frame.point((1.0, 1.0))]);
        let points: Vec<(f64, f64)> = self.bins.iter().map(|b| frame.point((b.predicted, b.observed))).collect();
        line.polyline(&points);
        let mut parts = vec![svg::path(diagonal, "ref"), svg::path(line, "ln c0")];
        for (b, (x, y)) in self.bins.iter().zip(points) {
            let dot = Element::new("circle").class("mark c0").num("cx", x).num("cy", y).num("r", 4.5);
            parts.push(dot.tip(bin_text(b)));
        }
        parts
    }

    /// Thin bars under the plot, at the same x positions: how much each point rests on.
    fn draw_counts(&self, frame: &Frame, top: f64) -> Vec<Element> {
        let most = self.bins.iter().map(|b| b.count).max().unwrap_or(1) as f64;
        let (high, bottom) = (STRIP - 26.0, top + STRIP - 4.0);
        let mut bars = PathData::new();
        for b in &self.bins {
            let height = (b.count as f64 / most * high).max(1.0);
            bars.move_to(frame.x(b.predicted) - 5.0, bottom).down(-height).across(10.0).down(height).close();
        }
        let mut base = PathData::new();
        base.move_to(frame.left, bottom).across(frame.right - frame.left);
        let text = format!("predictions (tallest {})", number::count(most as usize));
        vec![svg::label(frame.left, top + 14.0, text), svg::path(bars, "over c0"), svg::path(base, "ax")]
    }

    fn describe(&self) -> String {
        let list: Vec<String> = self.bins.iter().map(bin_text).collect();
        format!("Calibration plot with the diagonal. {}.", list.join("; "))
    }
}

fn bin_text(b: &CalibrationBin) -> String {
    format!("predicted {:.2}, observed {:.2}, {}", b.predicted, b.observed, number::counted(b.count, "prediction"))
}
