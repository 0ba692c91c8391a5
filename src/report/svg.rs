//! SVG elements: names are fixed in the program, values are escaped, coordinates are rounded to a tenth of a pixel.

use super::text::escape;
use std::fmt::Write;

/// One element with its attributes and children.
#[derive(Debug, Clone)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// An empty element.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// Adds an attribute; the value is escaped when written.
    #[must_use]
    pub fn attr(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Adds a coordinate or a length.
    #[must_use]
    pub fn num(self, name: &'static str, value: f64) -> Self {
        self.attr(name, coordinate(value))
    }

    /// Adds the `class` attribute.
    #[must_use]
    pub fn class(self, value: impl Into<String>) -> Self {
        self.attr("class", value)
    }

    /// Adds text content.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// Adds one child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// Adds children in order.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Adds a `<title>`, which browsers show as a tool tip.
    #[must_use]
    pub fn tip(self, text: impl Into<String>) -> Self {
        self.child(Self::new("title").text(text))
    }

    /// Appends the element to `out`.
    pub fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            out.push_str(&escape(value));
            out.push('"');
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(out),
                Node::Text(text) => out.push_str(&escape(text)),
            }
        }
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
    }
}

/// A rectangle.
pub fn rect(x: f64, y: f64, width: f64, height: f64) -> Element {
    Element::new("rect").num("x", x).num("y", y).num("width", width).num("height", height)
}

/// A text at a position.
pub fn label(x: f64, y: f64, text: impl Into<String>) -> Element {
    Element::new("text").num("x", x).num("y", y).text(text)
}

/// A path with its class.
pub fn path(data: PathData, class: impl Into<String>) -> Element {
    Element::new("path").class(class).attr("d", data.0)
}

/// The `d` attribute of a path.
#[derive(Debug, Clone, Default)]
pub struct PathData(String);

impl PathData {
    /// An empty path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a new line at a point.
    pub fn move_to(&mut self, x: f64, y: f64) -> &mut Self {
        self.pair('M', x, y)
    }

    /// Draws to a point.
    pub fn line_to(&mut self, x: f64, y: f64) -> &mut Self {
        self.pair('L', x, y)
    }

    /// Draws to a point given from the current one.
    pub fn line_by(&mut self, dx: f64, dy: f64) -> &mut Self {
        self.pair('l', dx, dy)
    }

    /// Draws sideways by a distance.
    pub fn across(&mut self, dx: f64) -> &mut Self {
        self.single('h', dx)
    }

    /// Draws down by a distance.
    pub fn down(&mut self, dy: f64) -> &mut Self {
        self.single('v', dy)
    }

    /// Returns to the start of the line.
    pub fn close(&mut self) -> &mut Self {
        self.0.push('z');
        self
    }

    /// A line through points, leaving out those that lie on the segment between their neighbours.
    pub fn polyline(&mut self, points: &[(f64, f64)]) -> &mut Self {
        for (i, (x, y)) in straighten(points).into_iter().enumerate() {
            if i == 0 {
                self.move_to(x, y)
            } else {
                self.line_to(x, y)
            };
        }
        self
    }

    /// Whether nothing was drawn.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn pair(&mut self, command: char, x: f64, y: f64) -> &mut Self {
        // A String cannot fail to be written to.
        let _ = write!(self.0, "{command}{} {}", coordinate(x), coordinate(y));
        self
    }

    fn single(&mut self, command: char, d: f64) -> &mut Self {
        let _ = write!(self.0, "{command}{}", coordinate(d));
        self
    }
}

/// A coordinate rounded to a tenth: `12.0` is `12`, `-0.01` is `0`.
pub fn coordinate(value: f64) -> String {
    let tenths = tenths(value);
    let (sign, size) = (if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs());
    if size.is_multiple_of(10) { format!("{sign}{}", size / 10) } else { format!("{sign}{}.{}", size / 10, size % 10) }
}

/// A coordinate in tenths of a pixel.
pub(super) fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

/// Drops points that add nothing at a tenth of a pixel: a ROC curve of 20,000 steps becomes a few hundred corners.
fn straighten(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(i64, i64)> = Vec::with_capacity(points.len());
    for &(x, y) in points {
        let next = (tenths(x), tenths(y));
        if kept.last() == Some(&next) {
            continue;
        }
        while let [.., a, b] = kept.as_slice()
            && is_between(*a, *b, next)
        {
            kept.pop();
        }
        kept.push(next);
    }
    kept.into_iter().map(|(x, y)| (x as f64 / 10.0, y as f64 / 10.0)).collect()
}

/// Whether `b` lies on the straight way from `a` to `c`.
fn is_between(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> bool {
    let (first, second) = ((b.0 - a.0, b.1 - a.1), (c.0 - b.0, c.1 - b.1));
    first.0 * second.1 == first.1 * second.0 && first.0 * second.0 + first.1 * second.1 > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e20_coordinates_are_short_and_stable() {
        let cases = [(12.0, "12"), (12.34, "12.3"), (-0.01, "0"), (-3.25, "-3.3"), (0.06, "0.1"), (-0.4, "-0.4")];
        for (value, expected) in cases {
            assert_eq!(coordinate(value), expected);
        }
    }

    #[test]
    fn e20_elements_escape_text_and_attributes() {
        let mut out = String::new();
        Element::new("text").attr("data-id", "\"><script>").text("a < b & 商品").write(&mut out);
        assert_eq!(out, "<text data-id=\"&quot;&gt;&lt;script&gt;\">a &lt; b &amp; 商品</text>");
    }

    #[test]
    fn e20_polyline_keeps_only_corners() {
        let mut data = PathData::new();
        data.polyline(&[(0.0, 0.0), (0.0, 0.01), (1.0, 0.0), (2.0, 0.0), (2.0, 5.0), (2.0, 4.0)]);
        assert_eq!(data.0, "M0 0L2 0L2 5L2 4", "a turn back is kept");
    }
}
