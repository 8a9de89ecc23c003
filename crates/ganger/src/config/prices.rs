//! `[price."MODEL*"]`: what models cost.

use super::Config;
use ganger_engine::Usage;
use ganger_engine::rules::glob;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What models cost, by patterns of their names: what people wrote. [`Prices::of`] knows a built-in list besides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Prices(BTreeMap<String, Price>);

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

/// Read when it is first asked for: most commands never do.
static BUILT_IN: LazyLock<Prices> = LazyLock::new(Prices::built_in);

impl Config {
    /// What usage of an agent costs by your prices or the list, in millionths of a dollar, where its model has one.
    pub(crate) fn estimated_micro_usd(&self, agent: &str, usage: &Usage) -> Option<u64> {
        let price = self.prices.of(&self.agent(agent)?.model).filter(|_| *usage != Usage::default());
        price.map(|price| price.micro_usd(usage))
    }
}

impl Prices {
    /// What a model costs: by what people wrote, else by the built-in list. Of the patterns that fit, the longest says most.
    pub(crate) fn of(&self, model: &str) -> Option<Price> {
        // `provider/model` is how opencode names one.
        let bare = model.rsplit('/').next().unwrap_or(model);
        let fits = |pattern: &str| glob(pattern, model) || glob(pattern, bare);
        let longest = |prices: &Self| {
            let found = prices.0.iter().filter(|(pattern, _)| fits(pattern));
            found.max_by_key(|(pattern, _)| pattern.len()).map(|(_, price)| *price)
        };
        if model.is_empty() { None } else { longest(self).or_else(|| longest(&BUILT_IN)) }
    }

    fn built_in() -> Self {
        #[derive(Deserialize)]
        struct File {
            price: Prices,
        }
        let file = toml::from_str::<File>(include_str!("../../assets/prices.toml"));
        file.map(|f| f.price).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_tells_models_apart_whose_names_begin_alike() {
        let input = |model| Prices::default().of(model).map(|price| price.input);
        assert_eq!(input("claude-opus-4-1-20250805"), Some(15.0));
        assert_eq!(input("anthropic/claude-opus-4-5-20251101"), Some(5.0));
        assert_eq!(input("claude-sonnet-4-5-20250929[1m]"), Some(3.0));
        assert_eq!(input("openai/gpt-5"), Some(1.25));
        assert_eq!(input("gpt-5-mini"), Some(0.25));
        assert_eq!(input("mock-1"), None, "an unknown model costs \"unknown\"");
        assert_eq!(input(""), None);
    }

    #[test]
    fn what_people_wrote_goes_before_a_longer_pattern_of_the_list() {
        let own = Price { input: 1.0, output: 2.0, cache_read: 0.0, cache_write: 0.0 };
        let prices = Prices(BTreeMap::from([("claude*".to_owned(), own)]));
        assert_eq!(prices.of("claude-opus-4-1-20250805"), Some(own));
        assert_eq!(prices.of("gpt-5").map(|price| price.input), Some(1.25));
    }
}
