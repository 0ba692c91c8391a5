//! The hash of everything that decides a run's results.

use std::fmt::Write as _;

use serde_json::Value;

use crate::dataset::hash::sha256_bytes;

/// The SHA-256 of a JSON value, whatever the order of its objects' keys.
pub(super) fn sha256_json(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256_bytes(text.as_bytes())
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, inner) in entries {
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(inner, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        leaf => {
            let _ = write!(out, "{leaf}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn e17_json_hashes_ignore_the_order_of_keys_only() {
        let hash = |v: Value| sha256_json(&v);
        assert_eq!(hash(json!({"a": 1, "b": [1, 2]})), hash(json!({"b": [1, 2], "a": 1})));
        assert_ne!(hash(json!({"a": [1, 2]})), hash(json!({"a": [2, 1]})));
        assert_ne!(hash(json!({"a": 1})), hash(json!({"a": "1"})));
    }
}
