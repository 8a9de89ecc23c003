//! `[[route]]`: which agent gets a ticket that names none. It chooses between agents that are trusted already, so it is no
//! part of what `ganger trust` asks about.

use super::model::Config;
use ganger_engine::Route;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteBlock {
    pub(crate) name: String,
    /// Whole words and phrases of title and description.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) words: Vec<String>,
    /// Files, folders with a trailing `/`, and patterns with `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) paths: Vec<String>,
    pub(crate) agent: String,
    /// Where its work is to be published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
}

/// What may stand within a word or phrase.
const JOINS: &str = "-_/'";

impl Config {
    /// As decisions need them, by the names of agents.
    pub(super) fn routes(&self) -> Vec<Route> {
        let route = |route: &RouteBlock| {
            let RouteBlock { name, words, paths, agent, subject } = route.clone();
            let agent = self.agent_called(&agent).map_or(agent, str::to_owned);
            Route { name, words, paths, agent, subject }
        };
        self.routes.iter().map(route).collect()
    }

    pub(super) fn route_faults(&self, faults: &mut Vec<(String, String)>) {
        for (i, route) in self.routes.iter().enumerate() {
            let key = |field: &str| format!("route[{i}].{field}");
            let mut fault = |field: &str, why: String| faults.push((key(field), why));
            if ganger_engine::TicketId::parse(&route.name).is_err() {
                fault("name", "must be a letter or digit, then letters, digits, `-`, `_`".to_owned());
            }
            if let Some(first) = self.routes[..i].iter().position(|r| r.name.eq_ignore_ascii_case(&route.name)) {
                fault("name", format!("`{}` is used twice: `route[{first}]` has it, too", route.name));
            }
            if let Some(word) = route.words.iter().find(|word| !word.contains(char::is_alphanumeric)) {
                fault("words", format!("holds `{word}`, which is no word"));
            }
            let lost = |word: &&String| {
                word.contains(|c: char| !c.is_alphanumeric() && !c.is_whitespace() && !JOINS.contains(c))
            };
            if let Some(word) = route.words.iter().find(lost) {
                fault("words", format!("holds `{word}`: words are letters, digits and {JOINS} only"));
            }
            let is_twice =
                |(n, word): &(usize, &String)| route.words[..*n].iter().any(|w| w.eq_ignore_ascii_case(word));
            if let Some((_, word)) = route.words.iter().enumerate().find(is_twice) {
                fault("words", format!("holds `{word}` twice"));
            }
            if let Some(path) = route.paths.iter().find(|path| is_outside(path)) {
                fault("paths", format!("holds `{path}`, which is no path in the repository"));
            }
        }
    }
}

fn is_outside(path: &str) -> bool {
    path.trim().is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..")
}
