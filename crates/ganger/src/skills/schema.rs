//! The JSON Schema of what an agent hands back: one that cannot be used is found when it is read, and not when an agent
//! is done; results are checked against it.

use boon::{Compiler, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;
use std::error::Error;

/// Where the schema is said to be: a name, no place.
const NAME: &str = "https://schema.invalid/output.json";

/// Schemas stand for themselves: nothing is read from a disk or a network for them.
struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("{url} is not part of the schema").into())
    }
}

/// What is wrong with it, and at which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
}

pub(super) fn read(text: &str) -> Result<Value, Fault> {
    let schema: Value =
        serde_json::from_str(text).map_err(|e| Fault { line: e.line(), message: format!("is no valid JSON: {e}") })?;
    match fault_of(&schema) {
        None => Ok(schema),
        Some(why) => Err(Fault { line: 1, message: format!("is no valid JSON Schema: {why}") }),
    }
}

fn fault_of(schema: &Value) -> Option<String> {
    compile(schema).err()
}

/// Checks a result against the schema of the agent that hands it in. What is wrong is said so that a model can act on it.
///
/// # Errors
/// With what is wrong with the value, or with the schema itself.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let (schemas, compiled) =
        compile(schema).map_err(|why| format!("the schema of this agent cannot be used: {why}"))?;
    schemas
        .validate(value, compiled)
        .map_err(|e| format!("`output` does not have the form that is asked for: {}", without_name(&e.to_string())))
}

fn compile(schema: &Value) -> Result<(Schemas, SchemaIndex), String> {
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(NoLoader));
    let mut schemas = Schemas::new();
    compiler.add_resource(NAME, schema.clone()).map_err(|fault| without_name(&format!("{fault:#}")))?;
    let index = compiler.compile(NAME, &mut schemas).map_err(|fault| without_name(&format!("{fault:#}")))?;
    Ok((schemas, index))
}

/// The first line names the schema, which nobody knows by that name.
fn without_name(told: &str) -> String {
    let places = told.lines().skip(1).map(|line| {
        let place = line.trim().trim_start_matches("- ");
        place.strip_prefix("at '': ").unwrap_or(place)
    });
    let places: Vec<&str> = places.collect();
    if places.is_empty() { told.to_owned() } else { places.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::{check, read};
    use serde_json::json;

    #[test]
    fn a_result_of_the_wrong_form_is_refused_with_the_place() {
        let schema =
            json!({"type": "object", "required": ["verdict"], "properties": {"verdict": {"enum": ["PASS", "FAIL"]}}});
        assert_eq!(check(&schema, &json!({"verdict": "PASS"})), Ok(()));
        let wrong = check(&schema, &json!({"verdict": "maybe"})).unwrap_err();
        assert!(wrong.contains("/verdict") && wrong.contains("PASS"), "{wrong}");
        let missing = check(&schema, &json!({})).unwrap_err();
        assert!(missing.contains("missing properties 'verdict'"), "{missing}");
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_refused_when_it_is_read() {
        assert!(read(r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#).is_ok());
        for (text, line, words) in [
            ("{\n\"type\": }", 2, "no valid JSON:"),
            (r#"{"type": "strng"}"#, 1, "no valid JSON Schema: at '/type'"),
            (r#"{"$ref": "file:///etc/passwd"}"#, 1, "is not part of the schema"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.line == line && fault.message.contains(words), "{fault:?}");
        }
    }
}
