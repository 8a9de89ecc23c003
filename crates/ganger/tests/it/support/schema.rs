//! Holds JSON against a schema of docs/schemas, with the keywords that these use. Stricter than JSON Schema in one
//! respect: a key that the schema does not name is a fault.

use serde_json::Value;
use std::path::Path;

/// Asserts that a value has the documented shape.
#[track_caller]
pub(crate) fn assert_shape(name: &str, value: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schemas/{name}.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let mut faults = Vec::new();
    check(&schema, &schema, value, name, &mut faults);
    assert!(faults.is_empty(), "{}\n{value:#}", faults.join("\n"));
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return check(root, root.pointer(pointer).unwrap(), value, path, faults);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &Value| {
            let mut found = Vec::new();
            check(root, choice, value, path, &mut found);
            found.is_empty()
        };
        if !choices.iter().any(fits) {
            faults.push(format!("{path}: none of the choices fits {value}"));
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        other => panic!("{path}: a schema without a type: {other}"),
    };
    if !types.iter().any(|t| is_a(t, value)) {
        return faults.push(format!("{path}: {value} is not {types:?}"));
    }
    match value {
        Value::Object(map) => object(root, schema, map, path, faults),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                check(root, &schema["items"], item, &format!("{path}[{i}]"), faults);
            }
        }
        _ => {}
    }
}

fn object(root: &Value, schema: &Value, map: &serde_json::Map<String, Value>, path: &str, faults: &mut Vec<String>) {
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(required) {
            faults.push(format!("{path}: `{required}` is missing"));
        }
    }
    for (key, value) in map {
        let inner = [&schema["properties"][key], &schema["additionalProperties"]].into_iter().find(|s| s.is_object());
        match inner {
            Some(inner) => check(root, inner, value, &format!("{path}.{key}"), faults),
            // An object of somebody else's, such as a schema.
            None if schema["additionalProperties"] == true => {}
            None => faults.push(format!("{path}: `{key}` is not documented")),
        }
    }
}

fn is_a(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    }
}
