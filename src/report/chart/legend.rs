//! Legends: an entry is a name and a drawn key.

use super::super::svg::{self, Element, PathData};
use super::super::text::{escape, fit, width};
use super::{Size, Tone};

/// The width of a key and the gap to its name.
const KEY: f64 = 22.0;
const KEY_GAP: f64 = 6.0;
const ENTRY_GAP: f64 = 18.0;
/// The height of one row of entries.
pub(super) const ROW: f64 = 18.0;

/// How an entry's key looks; the same functions draw the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Line(Tone),
    ThinLine(Tone),
    Area(Tone),
    Fill(Tone),
    Reference,
    Diamond(Tone),
    Ring(Tone),
    Point(Tone, usize),
    Shade,
}

/// The entries of one chart.
#[derive(Debug, Clone, Default)]
pub(super) struct Legend {
    entries: Vec<(String, Key)>,
}

impl Legend {
    pub(super) fn add(&mut self, name: impl Into<String>, key: Key) {
        self.entries.push((name.into(), key));
    }

    /// Rows of entries with their left edges, for a chart `limit` wide.
    fn rows(&self, limit: f64) -> Vec<Vec<(f64, String, Key)>> {
        let mut rows: Vec<Vec<(f64, String, Key)>> = Vec::new();
        let mut x = f64::INFINITY;
        for (name, key) in &self.entries {
            let name = fit(name, Size::Half.font(), limit - KEY - KEY_GAP);
            let wide = KEY + KEY_GAP + width(&name, Size::Half.font());
            if x + wide > limit {
                rows.push(Vec::new());
                x = 0.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((x, name, *key));
            }
            x += wide + ENTRY_GAP;
        }
        rows
    }

    /// How high the legend is.
    pub(super) fn height(&self, limit: f64) -> f64 {
        self.rows(limit).len() as f64 * ROW
    }

    /// The legend with its top left corner at the origin.
    pub(super) fn draw(&self, limit: f64) -> Vec<Element> {
        let mut parts = Vec::new();
        for (i, row) in self.rows(limit).into_iter().enumerate() {
            let y = i as f64 * ROW;
            for (x, name, key) in row {
                parts.push(draw_key(key, x, y + 8.0));
                parts.push(svg::label(x + KEY + KEY_GAP, y + 12.0, name));
            }
        }
        parts
    }

    /// The entries as HTML list items.
    pub(super) fn html(&self) -> Vec<String> {
        self.entries.iter().map(|(name, key)| html_entry(name, *key)).collect()
    }
}

fn html_entry(name: &str, key: Key) -> String {
    let mut drawn = String::new();
    draw_key(key, 0.0, 7.0).write(&mut drawn);
    format!("<li><svg viewBox=\"0 0 22 14\" aria-hidden=\"true\">{drawn}</svg>{}</li>", escape(name))
}

fn draw_key(key: Key, x: f64, y: f64) -> Element {
    let middle = x + KEY / 2.0;
    match key {
        Key::Line(tone) => stroke(x, y, format!("ln {}", tone.class())),
        Key::ThinLine(tone) => stroke(x, y, format!("ln thin {}", tone.class())),
        Key::Reference => stroke(x, y, "ref".to_owned()),
        Key::Area(tone) => svg::rect(x, y - 5.0, KEY, 10.0).class(format!("area {}", tone.class())),
        Key::Shade => svg::rect(x, y - 5.0, KEY, 10.0).class("span"),
        Key::Fill(tone) => {
            svg::rect(middle - 6.0, y - 6.0, 12.0, 12.0).attr("rx", "2").class(format!("fill {}", tone.class()))
        }
        Key::Diamond(tone) => diamond(middle, y, 6.0, tone),
        Key::Ring(tone) => ring(middle, y, 4.5, tone),
        Key::Point(tone, shape) => {
            let mut data = PathData::new();
            point(&mut data, shape, middle, y);
            svg::path(data, point_class(tone, shape))
        }
    }
}

fn stroke(x: f64, y: f64, class: String) -> Element {
    let mut data = PathData::new();
    data.move_to(x, y).across(KEY);
    svg::path(data, class)
}

/// A filled diamond: a predicted growth point.
pub(super) fn diamond(x: f64, y: f64, r: f64, tone: Tone) -> Element {
    let mut data = PathData::new();
    data.move_to(x, y - r).line_by(r, r).line_by(-r, r).line_by(-r, -r).close();
    svg::path(data, format!("mark {}", tone.class()))
}

/// A hollow circle: an actual growth point, or a cluster's centre.
pub(super) fn ring(x: f64, y: f64, r: f64, tone: Tone) -> Element {
    Element::new("circle").class(format!("ring {}", tone.class())).num("cx", x).num("cy", y).num("r", r)
}

/// Shape 0 is a dot drawn by a round line cap, which costs the fewest bytes; the others are outlines.
pub(super) fn point_class(tone: Tone, shape: usize) -> String {
    format!("{} {}", if shape.is_multiple_of(6) { "dots" } else { "pts" }, tone.class())
}

/// Adds a data point to a path, in one of six shapes.
pub(super) fn point(data: &mut PathData, shape: usize, x: f64, y: f64) {
    match shape % 6 {
        0 => data.move_to(x, y).across(0.0),
        1 => data.move_to(x - 2.0, y - 2.0).across(4.0).down(4.0).across(-4.0).close(),
        2 => data.move_to(x, y - 2.9).line_by(2.7, 4.8).across(-5.4).close(),
        3 => data.move_to(x, y - 3.0).line_by(3.0, 3.0).line_by(-3.0, 3.0).line_by(-3.0, -3.0).close(),
        4 => data.move_to(x, y + 2.9).line_by(2.7, -4.8).across(-5.4).close(),
        _ => data.move_to(x - 3.0, y - 1.0).across(6.0).down(2.0).across(-6.0).close(),
    };
}
