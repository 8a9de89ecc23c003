//! Checks a result against the JSON Schema of the agent that hands it in. What is wrong is said so that a model can act
//! on it.

use boon::{Compiler, Schemas, UrlLoader};
use serde_json::Value;
use std::error::Error;

/// Where the schema is said to be: a name, no place.
const NAME: &str = "https://schema.invalid/output.json";

/// Schemas stand for themselves: nothing is read from a disk or a network for them.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        Err(format!("{url} is not part of the schema").into())
    }
}

/// What is wrong with a value, or with the schema itself.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let unusable = |e: &dyn std::fmt::Display| format!("the schema of this agent cannot be used: {e}");
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Nothing));
    compiler.add_resource(NAME, schema.clone()).map_err(|e| unusable(&e))?;
    let mut schemas = Schemas::new();
    let compiled = compiler.compile(NAME, &mut schemas).map_err(|e| unusable(&e))?;
    schemas.validate(value, compiled).map_err(|e| {
        // The first line names the schema, which the model does not know by that name.
        let told = e.to_string();
        let faults = told.lines().skip(1).map(|line| {
            let fault = line.trim().trim_start_matches("- ");
            fault.strip_prefix("at '': ").unwrap_or(fault)
        });
        format!("`output` does not have the form that is asked for: {}", faults.collect::<Vec<_>>().join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
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
    fn a_schema_reads_nothing_from_elsewhere() {
        let elsewhere = check(&json!({"$ref": "file:///etc/passwd"}), &json!({})).unwrap_err();
        assert!(elsewhere.contains("is not part of the schema"), "{elsewhere}");
    }
}
