//! How much agents, setup and gates are confined.

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// `sandbox = "required"`, or `[sandbox]` with more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sandbox {
    pub(crate) mode: SandboxMode,
    /// Paths that are readable besides; `~/` is your home.
    pub(crate) read: Vec<String>,
    /// Paths that are writable besides.
    pub(crate) write: Vec<String>,
}

/// When something runs in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SandboxMode {
    /// Never.
    Off,
    /// Where the system can, for all but agents of runtime `command`.
    #[default]
    Auto,
    /// Always; where the system cannot, nothing is started.
    Required,
}

impl SandboxMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Auto => "auto",
            Self::Required => "required",
        }
    }
}

/// A word, or a table with more.
pub(super) fn either_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sandbox, D::Error> {
    deserializer.deserialize_any(EitherForm)
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Sandbox;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"auto\", \"required\", \"off\", or a table with `mode`, `read` and `write`")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Sandbox, E> {
        let mode = SandboxMode::deserialize(StrDeserializer::new(word))?;
        Ok(Sandbox { mode, ..Sandbox::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sandbox, A::Error> {
        Sandbox::deserialize(MapAccessDeserializer::new(map))
    }
}
