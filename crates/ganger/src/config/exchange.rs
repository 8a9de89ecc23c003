//! `[exchange]`: how commits travel to hosts in other clones.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exchange {
    /// A git remote; empty: there is none.
    pub(crate) url: String,
}
