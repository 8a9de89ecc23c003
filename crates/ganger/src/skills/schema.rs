//! The JSON Schema that lies beside an agent: one that cannot be used is found when it is read, and not when an agent is
//! done.

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
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Nothing));
    let added = compiler.add_resource(NAME, schema.clone()).err();
    let fault = added.or_else(|| compiler.compile(NAME, &mut Schemas::new()).err())?;
    let told = format!("{fault:#}");
    // The first line names the schema, which nobody knows by that name.
    let places: Vec<&str> = told.lines().skip(1).map(|line| line.trim().trim_start_matches("- ")).collect();
    Some(if places.is_empty() { told } else { places.join("; ") })
}

#[cfg(test)]
mod tests {
    use super::read;

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
