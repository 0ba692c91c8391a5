//! `events.jsonl`: what happened, one JSON object a line, written as it happens.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::artifact::ArtifactError;

/// An event: when, what, and its fields.
pub(super) fn event(name: &str, fields: impl Serialize) -> Value {
    let mut object = Map::new();
    let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    object.insert("time".to_owned(), time.into());
    object.insert("event".to_owned(), name.into());
    match serde_json::to_value(fields) {
        Ok(Value::Object(fields)) => object.extend(fields),
        Ok(Value::Null) => {}
        Ok(other) => drop(object.insert("value".to_owned(), other)),
        Err(e) => drop(object.insert("unprintable".to_owned(), e.to_string().into())),
    }
    object.into()
}

/// The events of a log, in order. A line that a kill cut short is left out.
///
/// # Errors
/// The file cannot be read.
pub fn read_events(path: &Path) -> Result<Vec<Value>, ArtifactError> {
    let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
    Ok(bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e18_half_lines_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, b"{\"event\":\"a\"}\n{\"event\":\"\xe4\n{\"event\":\"c\"}\n{\"ev").unwrap();
        let names: Vec<Value> = read_events(&path).unwrap().into_iter().map(|e| e["event"].clone()).collect();
        assert_eq!(names, ["a", "c"]);
    }

    #[test]
    fn e17_events_hold_time_name_and_fields() {
        let e = event("epoch", json!({"loss": 0.5}));
        assert_eq!((e["event"].as_str(), e["loss"].as_f64()), (Some("epoch"), Some(0.5)));
        assert!(chrono::DateTime::parse_from_rfc3339(e["time"].as_str().unwrap()).is_ok());
        assert_eq!(event("x", ()).as_object().unwrap().len(), 2);
        assert_eq!(event("x", 3)["value"], 3);
    }
}
