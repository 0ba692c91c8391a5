//! ROC curves: the share of growth products found against the share of steady ones taken for growth (G3).

use super::super::error::{ReportError, check_share};
use super::super::svg::{self, PathData};
use super::axis::Axis;
use super::frame::{Frame, Layout};
use super::legend::{Key, Legend};
use super::{Chart, Size, TONES, Tone};

/// Nearly square, so that the diagonal is one.
const HEIGHT: f64 = 440.0;

#[derive(Debug, Clone)]
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    auc: f64,
}

/// One or more ROC curves with the diagonal of chance.
#[derive(Debug, Clone)]
pub struct RocCurve {
    title: String,
    curves: Vec<Curve>,
}

impl RocCurve {
    /// No curve yet.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), curves: Vec::new() }
    }

    /// Adds a curve of (false positive rate, true positive rate), ascending, with the area under it.
    #[must_use]
    pub fn curve(mut self, name: &str, points: &[(f64, f64)], auc: f64) -> Self {
        self.curves.push(Curve { name: name.to_owned(), points: points.to_vec(), auc });
        self
    }

    /// Draws the curves; with none, a "no data" panel.
    ///
    /// # Errors
    /// A rate or an area is outside [0, 1] or not finite, a curve goes back, or there are more than six.
    pub fn render(self) -> Result<Chart, ReportError> {
        self.check()?;
        if self.curves.iter().all(|c| c.points.is_empty()) {
            return Ok(Chart::no_data(&self.title, Size::Half));
        }
        let mut legend = Legend::default();
        for (i, c) in self.curves.iter().enumerate() {
            legend.add(format!("{}, AUC {:.3}", c.name, c.auc), Key::Line(tone(i)));
        }
        legend.add("chance, AUC 0.5", Key::Reference);
        let mut layout = Layout::new(Size::Half, "false positive rate", "true positive rate");
        layout.height = HEIGHT + legend.height(Size::Half.pixels().0);
        layout.vertical_grid = true;
        let (frame, mut parts) = Frame::new(&layout, Axis::unit(), Axis::unit(), &legend);
        let mut diagonal = PathData::new();
        diagonal.polyline(&[frame.point((0.0, 0.0)), frame.point((1.0, 1.0))]);
        parts.push(svg::path(diagonal, "ref"));
        for (i, c) in self.curves.iter().enumerate().rev() {
            let points = visible(c.points.iter().map(|&p| frame.point(p)).collect());
            let mut data = PathData::new();
            data.polyline(&points);
            parts.push(svg::path(data, format!("ln {}", tone(i).class())));
        }
        Ok(frame.finish(&self.title, self.describe(), &parts, legend))
    }

    fn check(&self) -> Result<(), ReportError> {
        for c in &self.curves {
            let what = format!("ROC curve {:?}, {:?}", self.title, c.name);
            check_share(&what, c.points.iter().map(|p| p.0))?;
            check_share(&what, c.points.iter().map(|p| p.1))?;
            check_share(&format!("{what}, AUC"), [c.auc])?;
            if let Some(i) = c.points.windows(2).position(|w| w[1].0 < w[0].0 || w[1].1 < w[0].1) {
                let got = format!("{:?} after {:?}", c.points[i + 1], c.points[i]);
                return Err(ReportError::Range { what, expected: "ascending rates", got });
            }
        }
        if self.curves.len() > TONES {
            let (what, got) = (format!("ROC curve {:?}", self.title), self.curves.len().to_string());
            return Err(ReportError::Range { what, expected: "at most 6 curves", got });
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let list: Vec<String> = self.curves.iter().map(|c| format!("{} {:.3}", c.name, c.auc)).collect();
        format!("ROC curves with the diagonal of chance. Area under the curve: {}.", list.join("; "))
    }
}

/// Leaves out corners less than a pixel from the one before: a curve over 100,000 products becomes some 800 corners.
fn visible(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let last = points.last().copied();
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if kept.last().is_none_or(|&(a, b)| (x - a).abs() + (y - b).abs() >= 1.0) {
            kept.push((x, y));
        }
    }
    kept.extend(last);
    kept
}

fn tone(i: usize) -> Tone {
    Tone::Hue(i)
}
