//! Charts: checked builders that give a [`Chart`], drawn as inline SVG with the page's colours.
//!
//! Every builder takes its data as it comes and checks it in `render`, so that a chart either is right or is an error.
//! No chart tells its parts apart by colour alone: lines differ in dashes, points in shape, and the six hues are those
//! of Okabe and Ito ("Color Universal Design", 2008), darkened or lightened until each stands out from the page.

mod axis;
mod bar;
mod calibration;
mod confusion;
mod frame;
mod heat;
mod histogram;
mod legend;
mod line;
mod roc;
mod scatter;
mod training;

pub use bar::BarChart;
pub use calibration::{CalibrationBin, CalibrationPlot};
pub use confusion::ConfusionMatrix;
pub use heat::HeatMap;
pub use histogram::Histogram;
pub use line::{LineChart, MarkKind, XLabels};
pub use roc::RocCurve;
pub use scatter::ScatterPlot;
pub use training::TrainingCurves;

use super::svg::Element;
use super::text::escape;
use legend::Legend;
use std::fmt::Write;

/// How many hues there are.
pub(super) const TONES: usize = 6;

/// How large a chart is drawn, in the pixels of its own coordinates; on the page it fits its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Half the page: 480 x 320.
    Half,
    /// The page's full width: 960 x 360.
    Wide,
    /// For a grid of small multiples: 320 x 180, no legend of its own.
    Small,
}

impl Size {
    fn pixels(self) -> (f64, f64) {
        match self {
            Self::Half => (480.0, 320.0),
            Self::Wide => (960.0, 360.0),
            Self::Small => (320.0, 180.0),
        }
    }

    fn font(self) -> f64 {
        if self == Self::Small { 11.0 } else { 12.0 }
    }
}

/// A hue, by its place in the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Hue(usize),
    Muted,
}

impl Tone {
    fn class(self) -> &'static str {
        const CLASSES: [&str; TONES] = ["c0", "c1", "c2", "c3", "c4", "c5"];
        match self {
            Self::Hue(i) => CLASSES[i % TONES],
            Self::Muted => "cm",
        }
    }
}

/// A finished chart.
#[derive(Debug, Clone)]
pub struct Chart {
    title: String,
    description: String,
    size: Size,
    height: f64,
    content: String,
    legend: Legend,
}

impl Chart {
    pub(super) fn new(title: &str, description: String, size: Size, parts: &[Element]) -> Self {
        let mut content = String::new();
        for part in parts {
            part.write(&mut content);
        }
        let legend = Legend::default();
        Self { title: title.to_owned(), description, size, height: size.pixels().1, content, legend }
    }

    /// A panel for a chart that has nothing to show.
    pub(super) fn no_data(title: &str, size: Size) -> Self {
        let (width, height) = size.pixels();
        let panel = super::svg::rect(0.5, 0.5, width - 1.0, height - 1.0).attr("rx", "6").class("gl");
        let text = super::svg::label(width / 2.0, height / 2.0 + 4.0, "no data").class("m");
        Self::new(title, "No data.".to_owned(), size, &[panel, text])
    }

    fn with_height(mut self, height: f64) -> Self {
        self.height = height;
        self
    }

    fn with_legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }

    /// The chart's title, which the page prints above it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the chart shows, in words, for those who cannot see it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether the chart wants the page's full width.
    pub fn is_wide(&self) -> bool {
        self.size == Size::Wide
    }

    /// The SVG element. `id` must be unique in the page; the page's style sheet gives the colours.
    pub fn svg(&self, id: &str) -> String {
        let mut out = String::new();
        self.write_svg(id, &mut out);
        out
    }

    pub(super) fn write_svg(&self, id: &str, out: &mut String) {
        let (width, id) = (self.size.pixels().0, escape(id));
        let class = if self.size == Size::Small { " class=\"small\"" } else { "" };
        // A String cannot fail to be written to.
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {:.0}\" role=\"img\"{class} \
             aria-labelledby=\"{id}.t {id}.d\"><title id=\"{id}.t\">{}</title><desc id=\"{id}.d\">{}</desc>{}</svg>",
            self.height,
            escape(&self.title),
            escape(&self.description),
            self.content
        );
    }

    /// The legend's entries as HTML list items, for the shared legend of a grid.
    pub(super) fn legend_html(&self) -> Vec<String> {
        self.legend.html()
    }
}
