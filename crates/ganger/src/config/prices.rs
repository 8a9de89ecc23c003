//! `[price."MODEL*"]`: what models cost.

use ganger_engine::Usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What models cost, by patterns of their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Prices(pub(crate) BTreeMap<String, Price>);

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    pub(crate) input: f64,
    pub(crate) output: f64,
    #[serde(default)]
    pub(crate) cache_read: f64,
    #[serde(default)]
    pub(crate) cache_write: f64,
}

impl Default for Prices {
    /// The list that is built in.
    fn default() -> Self {
        #[derive(Deserialize)]
        struct File {
            price: BTreeMap<String, Price>,
        }
        let file = toml::from_str::<File>(include_str!("../../assets/prices.toml"));
        Self(file.map(|f| f.price).unwrap_or_default())
    }
}

impl Price {
    /// What so many tokens cost, in millionths of a dollar: dollars for a million are that for one.
    pub(crate) fn micro_usd(&self, usage: &Usage) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "tokens of one project")]
        let cost = |tokens: u64, price: f64| tokens as f64 * price;
        let sum = cost(usage.input, self.input)
            + cost(usage.output, self.output)
            + cost(usage.cache_read, self.cache_read)
            + cost(usage.cache_write, self.cache_write);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "money of one project")]
        let micro = sum.round().max(0.0) as u64;
        micro
    }
}
