//! What only the person's own file may set: `[env]` and `[exchange]`.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Environment {
    /// Variables that agents get besides their runtime's usual ones.
    pub(crate) pass: Vec<String>,
}

/// How commits travel to hosts in other clones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exchange {
    /// A git remote; empty: there is none.
    pub(crate) url: String,
}
