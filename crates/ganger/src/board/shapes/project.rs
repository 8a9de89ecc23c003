//! Shapes of what belongs to the project rather than to a ticket: `config`, `doctor`, `permit list`, `rescue list`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Every setting.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Config {
    pub(crate) values: Vec<Setting>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Setting {
    pub(crate) key: String,
    /// null: unset.
    #[schemars(schema_with = "setting_value")]
    pub(crate) value: serde_json::Value,
    /// The file or variable that sets it, or `default`.
    pub(crate) origin: String,
}

/// What TOML has beside tables and dates.
fn setting_value(_: &mut SchemaGenerator) -> Schema {
    let plain = ["string", "number", "boolean"];
    let item =
        json_schema!({"type": ["string", "number", "boolean", "object"], "additionalProperties": {"type": plain}});
    json_schema!({"type": ["string", "number", "boolean", "array", "null"], "items": item})
}

/// What was checked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Doctor {
    pub(crate) version: &'static str,
    pub(crate) healthy: bool,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) ok: bool,
    pub(crate) detail: String,
}

/// What agents, setup and gates may reach of the file system.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Sandbox {
    /// `fully`, `partly` where the kernel knows only a part of it, or `no`.
    pub(crate) enforced: &'static str,
    /// Paths with all below them.
    pub(crate) write: Vec<String>,
    /// Besides those.
    pub(crate) read: Vec<String>,
}

/// Permissions that you have granted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Permissions {
    pub(crate) permits: Vec<Permission>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Permission {
    pub(crate) id: String,
    /// Who has it: `once`, `ticket`, `agent` or `project`.
    pub(crate) scope: &'static str,
    /// The ticket or agent that has it.
    pub(crate) holder: Option<String>,
    pub(crate) tool: String,
    pub(crate) subject: String,
}

/// What was kept before something was removed, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rescues {
    pub(crate) rescues: Vec<Rescued>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rescued {
    /// `<ticket>/<time>`.
    pub(crate) name: String,
    pub(crate) commit: String,
    pub(crate) when: String,
    pub(crate) subject: String,
}
