//! Settings that have no value where nobody gave them one: they are listed, too.

use super::Layered;
use std::collections::BTreeMap;
use toml::Value;

/// By section; each is a whole number.
pub(super) const NUMBERS: [(&str, &str); 4] = [
    ("budget", "ticket_tokens"),
    ("budget", "agent_day_tokens"),
    ("budget", "day_tokens"),
    ("limits", "attempt_tokens"),
];

/// Of each agent.
const OF_AGENT: [&str; 9] =
    ["description", "model", "temperature", "prompt", "command", "driver", "fallback", "output", "sandbox"];
const FLAGS_OF_AGENT: [&str; 1] = ["may_add_tickets"];
const LISTS_OF_AGENT: [&str; 5] = ["aliases", "allow", "ask", "deny", "tool_access"];

impl Layered {
    /// Every setting there is: its value, `None` where it has none, and where that comes from.
    pub(crate) fn settings(&self) -> BTreeMap<String, (Option<Value>, String)> {
        let by_default = |value: Option<Value>| (value, "default".to_owned());
        let mut all: BTreeMap<String, (Option<Value>, String)> = BTreeMap::new();
        all.extend(NUMBERS.map(|(section, key)| (format!("{section}.{key}"), by_default(None))));
        for agent in self.config.agents.keys() {
            all.extend(OF_AGENT.map(|key| (format!("agent.{agent}.{key}"), by_default(None))));
            let none = || by_default(Some(Value::Array(Vec::new())));
            all.extend(
                FLAGS_OF_AGENT.map(|key| (format!("agent.{agent}.{key}"), by_default(Some(Value::Boolean(false))))),
            );
            all.extend(LISTS_OF_AGENT.map(|key| (format!("agent.{agent}.{key}"), none())));
        }
        let known = self.origins.iter();
        all.extend(known.map(|(key, (value, origin))| (key.clone(), (Some(value.clone()), origin.clone()))));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{FLAGS_OF_AGENT, LISTS_OF_AGENT, NUMBERS, OF_AGENT};
    use crate::config::{Agent, Config};
    use serde::de::DeserializeOwned;
    use std::collections::BTreeSet;
    use toml::{Table, Value};

    /// What serde would take, by the words in which it refuses another key.
    fn keys_of<T: DeserializeOwned + std::fmt::Debug>(section: &str) -> BTreeSet<String> {
        let text =
            if section.is_empty() { "no-such-key = 1".to_owned() } else { format!("[{section}]\nno-such-key = 1") };
        let refused = toml::from_str::<T>(&text).unwrap_err();
        let (_, expected) = refused.message().split_once(", expected").unwrap();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_setting_is_listed() {
        let defaults = Table::try_from(Config::default()).unwrap();
        for section in ["project", "limits", "budget", "policy", "sandbox", "env", "exchange"] {
            let unset = NUMBERS.iter().filter(|(of, _)| *of == section).map(|(_, key)| (*key).to_owned());
            let known =
                defaults.get(section).and_then(Value::as_table).into_iter().flat_map(|table| table.keys().cloned());
            let mut listed: BTreeSet<String> = unset.chain(known).collect();
            if section == "project" {
                // Another name of `workspaces`.
                listed.insert("worktrees".to_owned());
            }
            let all = keys_of::<Config>(section);
            assert!(all.is_subset(&listed), "{section}: {all:?} {listed:?}");
        }
        let listed = ["runtime"]
            .iter()
            .chain(&OF_AGENT)
            .chain(&LISTS_OF_AGENT)
            .chain(&FLAGS_OF_AGENT)
            .map(|key| (*key).to_owned());
        assert_eq!(keys_of::<Agent>(""), listed.collect());
    }
}
