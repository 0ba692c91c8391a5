//! JSON Schemas of job files, made from the raw types, so that editors can complete and check them.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value, json};

use super::head::RawHead;

/// The schema of a whole job file of one kind: the shared head and the kind's raw type `T`.
pub fn job_schema<T: JsonSchema>(kind: &str) -> Value {
    let mut schema = schema_for!(T).to_value();
    let head = schema_for!(RawHead).to_value();
    let mut properties = take_map(&head, "properties");
    properties.insert("kind".to_owned(), json!({ "const": kind, "description": "The kind of job." }));
    properties.extend(take_map(&schema, "properties"));
    let mut definitions = take_map(&head, "$defs");
    definitions.extend(take_map(&schema, "$defs"));
    let required = |s: &Value| s["required"].as_array().cloned().unwrap_or_default();
    schema["required"] = [required(&head), required(&schema)].concat().into();
    schema["properties"] = properties.into();
    schema["$defs"] = definitions.into();
    schema["additionalProperties"] = false.into();
    schema["title"] = format!("nightloom job: {kind}").into();
    schema
}

/// One schema for all kinds: `oneOf` them. Each kind's definitions move to the top under `<kind>.<name>`.
pub fn all_kinds_schema(kinds: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for (kind, mut schema) in kinds {
        prefix_references(&mut schema, kind);
        if let Some(object) = schema.as_object_mut() {
            object.remove("$schema");
            if let Some(Value::Object(own)) = object.remove("$defs") {
                definitions.extend(own.into_iter().map(|(name, value)| (format!("{kind}.{name}"), value)));
            }
        }
        choices.push(schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nightloom job",
        "oneOf": choices,
        "$defs": definitions,
    })
}

fn take_map(schema: &Value, key: &str) -> Map<String, Value> {
    schema[key].as_object().cloned().unwrap_or_default()
}

fn prefix_references(value: &mut Value, kind: &str) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object.iter_mut() {
                match (key.as_str(), inner.as_str().and_then(|s| s.strip_prefix("#/$defs/"))) {
                    ("$ref", Some(name)) => *inner = format!("#/$defs/{kind}.{name}").into(),
                    _ => prefix_references(inner, kind),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|i| prefix_references(i, kind)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Raw {
        tea: Tea,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Tea {
        minutes: u32,
    }

    #[test]
    fn e16_a_kinds_schema_holds_head_and_kind() {
        let schema = job_schema::<Raw>("tea");
        assert_eq!(schema["properties"]["kind"]["const"], "tea");
        assert_eq!(schema["required"], json!(["kind", "tea"]));
        assert_eq!(schema["additionalProperties"], false);
        for key in super::super::head::HEAD_KEYS {
            assert!(schema["properties"].get(key).is_some(), "{key}");
        }
        assert_eq!(schema["$defs"]["Tea"]["properties"]["minutes"]["type"], "integer");
    }

    #[test]
    fn e16_references_of_all_kinds_resolve() {
        let all = all_kinds_schema([("a", job_schema::<Raw>("a")), ("b", job_schema::<Raw>("b"))]);
        let mut references = Vec::new();
        collect(&all, &mut references);
        assert!(references.len() >= 4, "{references:?}");
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(all.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|v| collect(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| collect(v, found)),
            _ => {}
        }
    }
}
