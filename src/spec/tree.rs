//! A TOML document whose every key and value knows where it stands.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and the byte at which it (or its table's header) starts.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) node: Node,
}

/// A byte offset and what is wrong there.
pub(super) type Fault = (usize, String);

/// Parses TOML; every syntax error that the parser can tell apart is reported.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> =
        errors.iter().map(|e| (e.span().map_or(0, |s| s.start), format!("not valid TOML: {}", e.message()))).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let root = Node { start: 0, value: Value::Table(entries(table.get_ref(), &mut faults)) };
    if faults.is_empty() { Ok(root) } else { Err(faults) }
}

fn entries(table: &DeTable<'_>, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut list: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_start: key.span().start,
            node: node(value, faults),
        })
        .collect();
    list.sort_by_key(|e| e.key_start);
    list
}

fn node(spanned: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Node {
    let start = spanned.span().start;
    let value = match spanned.get_ref() {
        DeValue::String(s) => Value::Text(s.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(d) => Value::Date(d.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|i| node(i, faults)).collect()),
        DeValue::Table(t) => Value::Table(entries(t, faults)),
        DeValue::Integer(n) => Value::Int(i64::from_str_radix(n.as_str(), n.radix()).unwrap_or_else(|_| {
            faults.push((start, format!("whole numbers go from {} to {}, got {n}", i64::MIN, i64::MAX)));
            0
        })),
        DeValue::Float(x) => {
            Value::Float(x.as_str().parse().ok().filter(|x: &f64| x.is_finite()).unwrap_or_else(|| {
                faults.push((start, format!("expected a finite number, got {x}")));
                0.0
            }))
        }
    };
    Node { start, value }
}

impl Node {
    /// The byte at which the value of a key path (`cnn.layers[2].width`) starts; where the path leads past what the
    /// file holds (a default was used), the innermost table that is there.
    pub(super) fn find(&self, path: &str) -> usize {
        let mut at = self;
        for step in path.split(['.', '[', ']']).filter(|s| !s.is_empty()) {
            let next = match &at.value {
                Value::Table(entries) => entries.iter().find(|e| e.key == step).map(|e| &e.node),
                Value::List(items) => step.parse().ok().and_then(|i: usize| items.get(i)),
                _ => None,
            };
            match next {
                Some(node) => at = node,
                None => break,
            }
        }
        at.start
    }

    /// A table with only the entries that `keep` accepts; any other value as it is.
    pub(super) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        match &self.value {
            Value::Table(entries) => Self {
                start: self.start,
                value: Value::Table(entries.iter().filter(|e| keep(&e.key)).cloned().collect()),
            },
            _ => self.clone(),
        }
    }
}

/// Line and column, both from 1, of a byte; columns count characters.
pub(super) fn place(text: &str, byte: usize) -> (usize, usize) {
    let byte = text.floor_char_boundary(byte);
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e16_every_syntax_error_of_a_pass_is_reported() {
        let faults = parse("a = \nb = 1\nc = [1,,2]\n").unwrap_err();
        assert!(faults.len() >= 2, "{faults:?}");
        assert!(faults.iter().all(|(_, m)| m.starts_with("not valid TOML: ")));
    }

    #[test]
    fn e16_numbers_out_of_range_are_faults() {
        let faults = parse("a = 9223372036854775808\nb = nan\nc = 1e999\nd = 0x7fffffffffffffff\n").unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].1.contains("9223372036854775808"));
    }

    #[test]
    fn e16_paths_lead_to_values_or_the_innermost_table() {
        let text = "x = 1\n[cnn]\nlayers = [{ width = 3 }, { width = 4 }]\n";
        let root = parse(text).unwrap();
        let at = |path| place(text, root.find(path));
        assert_eq!(at("x"), (1, 5));
        assert_eq!(at("cnn.layers[1].width"), (3, 36));
        assert_eq!(at("cnn.epochs"), at("cnn"));
        assert_eq!(at("cnn").0, 2);
        assert_eq!(at("nothing"), (1, 1));
    }

    #[test]
    fn e16_columns_count_characters() {
        let text = "name = \"\u{4ea7}\u{54c1}\" # x\n";
        assert_eq!(place(text, text.find('#').unwrap()), (1, 13));
    }
}
