//! A tree as an SVG picture of its own.

use std::fmt::Write;

use super::export::Names;
use super::node::Tree;

/// Levels that are drawn at most; what lies below is shown as `...`.
pub const DEPTH_DRAWN: usize = 5;

const BOX_WIDTH: f64 = 168.0;
const BOX_HEIGHT: f64 = 50.0;
const GAP: f64 = 14.0;
const LEVEL: f64 = 92.0;

/// Letters of a line in a box.
const LETTERS: usize = 26;

/// A node's place.
struct Place {
    node: usize,
    depth: usize,
    x: f64,
    parent: Option<(f64, bool)>,
}

/// Draws a tree from the root down to [`DEPTH_DRAWN`] levels. The same tree gives the same text.
pub fn svg(tree: &Tree, names: &Names<'_>) -> String {
    let mut places = vec![];
    let mut next = 0.0;
    place(tree, 0, 0, &mut next, &mut places);
    let depth = places.iter().map(|p| p.depth).max().unwrap_or(0);
    let (width, height) = (next.max(BOX_WIDTH) + GAP, (depth as f64) * LEVEL + BOX_HEIGHT + 2.0 * GAP);
    let mut out = String::new();
    // A String cannot fail to be written to.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\">\n<title>Decision tree</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
    );
    for p in &places {
        line(p, &mut out);
    }
    for p in &places {
        draw(tree, p, names, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// Leaves side by side, a parent in the middle of its children.
fn place(tree: &Tree, node: usize, depth: usize, next: &mut f64, places: &mut Vec<Place>) -> f64 {
    let own = places.len();
    places.push(Place { node, depth, x: 0.0, parent: None });
    let x = match &tree.nodes[node].split {
        Some(split) if depth < DEPTH_DRAWN => {
            let first = places.len();
            let left = place(tree, split.left, depth + 1, next, places);
            let second = places.len();
            let right = place(tree, split.right, depth + 1, next, places);
            let x = f64::midpoint(left, right);
            places[first].parent = Some((x, true));
            places[second].parent = Some((x, false));
            x
        }
        _ => {
            let x = *next + GAP;
            *next = x + BOX_WIDTH;
            x
        }
    };
    places[own].x = x;
    x
}

fn line(p: &Place, out: &mut String) {
    let Some((parent, left)) = p.parent else { return };
    let (x, y) = (p.x + BOX_WIDTH / 2.0, GAP + p.depth as f64 * LEVEL);
    let (from_x, from_y) = (parent + BOX_WIDTH / 2.0, y - LEVEL + BOX_HEIGHT);
    let _ = writeln!(
        out,
        "<path d=\"M{from_x:.1} {from_y:.1}C{from_x:.1} {:.1} {x:.1} {:.1} {x:.1} {y:.1}\" fill=\"none\" stroke=\"#888888\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555555\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(from_y, y),
        f64::midpoint(from_y, y),
        x + if left { -24.0 } else { 24.0 },
        y - 6.0,
        if left { "yes" } else { "no" }
    );
}

fn draw(tree: &Tree, p: &Place, names: &Names<'_>, out: &mut String) {
    let node = &tree.nodes[p.node];
    let y = GAP + p.depth as f64 * LEVEL;
    let cut = node.split.is_some() && p.depth >= DEPTH_DRAWN;
    let (first, fill) = match &node.split {
        Some(_) if cut => (format!("... {}", names.value(&node.value)), "#f2f2f2"),
        Some(split) => (names.rule(split, true), "#e8f1fb"),
        None => (names.value(&node.value), "#e9f6ec"),
    };
    let second = match &node.split {
        Some(_) if !cut => format!("{}, {} rows", names.value(&node.value), node.rows),
        _ => format!("{} rows", node.rows),
    };
    let middle = p.x + BOX_WIDTH / 2.0;
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"5\" fill=\"{fill}\" \
         stroke=\"#666666\"/><text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444444\">{}</text></g>",
        escape(&first),
        p.x,
        y + 20.0,
        escape(&shortened(&first)),
        y + 38.0,
        escape(&shortened(&second)),
    );
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    text.chars().take(LETTERS - 3).chain("...".chars()).collect()
}

/// What XML cannot hold as it is.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::tree::export::Names;
    use crate::tree::{FeatureKind, Features, Impurity, Target, TreeSpec};

    #[test]
    fn e15_a_picture_escapes_names_and_stops_at_its_depth() {
        let values: Vec<f32> = (0..256).map(|i| i as f32).collect();
        let numbers: Vec<f64> = (0..256).map(|i| f64::from(i * 37 % 256)).collect();
        let kinds = [FeatureKind::Number];
        let features = Features::new(&values, &kinds).expect("fine");
        let tree = TreeSpec::new(Impurity::SquaredError).fit(&features, Target::Numbers(&numbers), None).expect("fits");
        assert!(tree.depth() > 6);
        let names = Names { features: &["<a & b>".to_owned()], categories: &[vec![]], classes: &[] };
        let picture = svg(&tree, &names);
        assert!(picture.contains("&lt;a &amp; b&gt; &lt;= ") && !picture.contains("<a &"), "{picture}");
        let boxes = picture.matches("<g>").count();
        assert!(boxes > 11 && boxes <= 63, "{boxes} boxes");
        assert!(picture.contains("... ") && picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
        assert_eq!(picture, svg(&tree, &names));
    }
}
