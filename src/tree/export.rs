//! A tree in words.

use std::fmt::Write;

use super::node::{Rule, Split, Tree};

/// What the numbers of a tree are called.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The features.
    pub features: &'a [String],
    /// Each feature's categories; empty for numbers.
    pub categories: &'a [Vec<String>],
    /// The classes; empty for a tree of numbers.
    pub classes: &'a [String],
}

/// Categories that a rule names before it only counts them.
const NAMED: usize = 6;

impl Names<'_> {
    /// A rule in words, as it is for rows that go left, or for those that go right.
    pub fn rule(&self, split: &Split, left: bool) -> String {
        let name = self.features.get(split.feature).map_or("?", String::as_str);
        let missing = if split.missing_left == left { " or missing" } else { "" };
        match &split.rule {
            Rule::AtMost(threshold) if *threshold == f64::MAX => {
                if left {
                    format!("{name} is there")
                } else {
                    format!("{name} is missing")
                }
            }
            Rule::AtMost(threshold) => {
                let sign = if left { "<=" } else { ">" };
                format!("{name} {sign} {}{missing}", short(*threshold))
            }
            Rule::In(categories) => {
                let known = self.categories.get(split.feature);
                let one =
                    |c: &u8| known.and_then(|k| k.get(usize::from(*c))).map_or_else(|| c.to_string(), Clone::clone);
                let mut words: Vec<String> = categories.iter().take(NAMED).map(one).collect();
                if categories.len() > NAMED {
                    words.push(format!("{} more", categories.len() - NAMED));
                }
                let verb = if left { "in" } else { "not in" };
                format!("{name} {verb} {{{}}}{missing}", words.join(", "))
            }
        }
    }

    /// What a node says: the class and its share, or the number.
    pub fn value(&self, value: &[f64]) -> String {
        if self.classes.is_empty() {
            return value.iter().map(|v| short(*v)).collect::<Vec<_>>().join(", ");
        }
        let mut best = 0;
        for (class, share) in value.iter().enumerate() {
            if *share > value[best] {
                best = class;
            }
        }
        let name = self.classes.get(best).map_or("?", String::as_str);
        format!("{name} ({}%)", short(value.get(best).copied().unwrap_or(0.0) * 100.0))
    }
}

/// Four digits that count.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The whole tree as indented text: a line for each side of a split, with what a leaf says and its rows.
pub fn text(tree: &Tree, names: &Names<'_>) -> String {
    let mut out = String::new();
    let mut open = vec![(0, 0, String::new())];
    while let Some((at, depth, rule)) = open.pop() {
        let node = &tree.nodes[at];
        let indent = "|   ".repeat(depth);
        // A String cannot fail to be written to.
        let _ = match (&node.split, rule.is_empty()) {
            (None, true) => writeln!(out, "{}: {} rows", names.value(&node.value), node.rows),
            (None, false) => writeln!(out, "{indent}{rule}: {}, {} rows", names.value(&node.value), node.rows),
            (Some(_), true) => Ok(()),
            (Some(_), false) => writeln!(out, "{indent}{rule}"),
        };
        if let Some(split) = &node.split {
            let below = if rule.is_empty() { 0 } else { depth + 1 };
            open.push((split.right, below, names.rule(split, false)));
            open.push((split.left, below, names.rule(split, true)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Names, short, text};
    use crate::tree::{FeatureKind, Features, Impurity, Target, TreeSpec};

    #[test]
    fn e15_a_tree_reads_as_rules() {
        let values = [1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 3.0, 1.0, f32::NAN, 2.0, 3.0, 2.0];
        let kinds = [FeatureKind::Number, FeatureKind::Category(3)];
        let features = Features::new(&values, &kinds).expect("fine");
        let target = Target::Classes(&[0, 0, 1, 0, 0, 1], 2);
        let tree = TreeSpec::new(Impurity::Gini).fit(&features, target, None).expect("fits");
        let names = Names {
            features: &["age".to_owned(), "town".to_owned()],
            categories: &[vec![], vec!["Rome".to_owned(), "Oslo".to_owned(), "Bern".to_owned()]],
            classes: &["no".to_owned(), "yes".to_owned()],
        };
        let expected = "age <= 2.5 or missing: no (100%), 3 rows\nage > 2.5\n|   town in {Rome, Bern} or missing: yes (100%), 2 \
                        rows\n|   town not in {Rome, Bern}: no (100%), 1 rows\n";
        assert_eq!(text(&tree, &names), expected);
        let leaf = TreeSpec { depth_max: Some(0), ..TreeSpec::new(Impurity::Gini) };
        let leaf = leaf.fit(&features, target, None).expect("fits");
        assert_eq!(text(&leaf, &names), "no (66.67%): 6 rows\n");
    }

    #[test]
    fn e15_thresholds_show_the_digits_that_count() {
        assert_eq!(
            [0.0, 1.0, -2.5, 1234.5678, 0.000_123_456, 2_000_000.0].map(short),
            ["0", "1", "-2.5", "1235", "0.0001235", "2000000"]
        );
    }
}
