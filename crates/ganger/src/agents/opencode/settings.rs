//! What opencode is told: permissions, tools, and on top of the user's inline configuration what unattended work needs.

use super::super::{Launch, rules};
use crate::config::GuardPreset;
use ganger_engine::rules::ALWAYS_DENIED;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;

const INLINE: &str = "OPENCODE_CONFIG_CONTENT";

/// A permission, a pattern, and what is done.
struct Rule {
    permission: String,
    pattern: String,
    action: &'static str,
}

/// Rules for unattended work inside the workspace; the last match wins.
fn all_rules(launch: &Launch, asks: bool) -> Vec<Rule> {
    // Every command is asked for where the guard is on, and answered at once when it finds nothing.
    let is_guarded = asks && launch.guard != GuardPreset::Off;
    let rule = |permission: &str, action| Rule { permission: permission.to_owned(), pattern: "*".to_owned(), action };
    let mut all = vec![
        rule("edit", "allow"),
        rule("bash", if is_guarded { "ask" } else { "allow" }),
        rule("external_directory", "ask"),
        rule("doom_loop", "deny"),
        rule("question", "deny"),
        rule("plan_enter", "deny"),
        rule("plan_exit", "deny"),
    ];
    if is_guarded {
        let env_files = ["*.env", "*.env.*"].map(str::to_owned);
        all.extend(env_files.map(|pattern| Rule { permission: "edit".to_owned(), pattern, action: "ask" }));
    }
    let denied: Vec<String> = ALWAYS_DENIED.iter().map(ToString::to_string).chain(launch.agent.deny.clone()).collect();
    for (own, action) in [(&launch.agent.allow, "allow"), (&launch.agent.ask, "ask"), (&denied, "deny")] {
        for entry in own {
            let (permission, pattern) = rules::for_opencode(entry);
            // What it allowed by itself would never reach the guard.
            if is_guarded && action == "allow" && matches!(permission.as_str(), "bash" | "edit") {
                continue;
            }
            all.push(Rule { permission, pattern, action });
        }
    }
    all
}

/// For one session of a server.
pub(super) fn rules(launch: &Launch) -> Value {
    let all = all_rules(launch, true).into_iter();
    all.map(|r| json!({"permission": r.permission, "pattern": r.pattern, "action": r.action})).collect()
}

/// The agent of opencode's own that works as its usual one does, at a temperature.
pub(super) fn agent_at(temperature: f64) -> String {
    format!("ganger-at-{temperature}")
}

/// Adds such agents to a configuration.
pub(super) fn add_agents(config: &mut Value, temperatures: impl IntoIterator<Item = f64>) {
    // What the user says of the usual one holds for these, too.
    let usual = Some(config["agent"]["build"].clone()).filter(Value::is_object);
    if !config["agent"].is_object() {
        config["agent"] = json!({});
    }
    for temperature in temperatures {
        let mut agent = usual.clone().unwrap_or_else(|| json!({}));
        agent["mode"] = json!("primary");
        agent["temperature"] = json!(temperature);
        config["agent"][agent_at(temperature)] = agent;
    }
}

/// What goes with every prompt. `knows` says whether the server has the agent of that name.
pub(super) fn prompt_options(launch: &Launch, knows: impl Fn(&str) -> bool) -> Value {
    let mut options = json!({});
    if let Some(agent) = launch.agent.temperature.map(agent_at).filter(|agent| knows(agent)) {
        options["agent"] = json!(agent);
    }
    if let Some((provider, model)) = launch.agent.model.split_once('/') {
        options["model"] = json!({"providerID": provider, "modelID": model});
    }
    if !launch.agent.prompt.is_empty() {
        options["system"] = json!(launch.agent.prompt);
    }
    options
}

/// For a configuration: patterns by permission, in their order.
fn rules_by_permission(launch: &Launch, asks: bool) -> Value {
    let mut by_permission = Map::new();
    for Rule { permission, pattern, action } in all_rules(launch, asks) {
        // Where nobody can be asked the program would end its turn.
        let action = if action == "ask" && !asks { "deny" } else { action };
        match by_permission.get_mut(&permission) {
            // Some permissions take no patterns.
            None if pattern == "*" => drop(by_permission.insert(permission, json!(action))),
            None => drop(by_permission.insert(permission, json!({pattern: action}))),
            Some(patterns) => {
                if !patterns.is_object() {
                    *patterns = json!({"*": patterns});
                }
                patterns[pattern] = json!(action);
            }
        }
    }
    Value::Object(by_permission)
}

/// The user's inline configuration, with self-updates and sharing turned off.
pub(super) fn configuration() -> Value {
    let own = std::env::var(INLINE).ok().and_then(|c| serde_json::from_str(&c).ok());
    let mut config: Value = own.filter(Value::is_object).unwrap_or_else(|| json!({}));
    config["autoupdate"] = json!(false);
    config["share"] = json!("disabled");
    config
}

pub(super) fn environment(config: &Value) -> BTreeMap<OsString, OsString> {
    BTreeMap::from([(INLINE.into(), config.to_string().into()), ("OPENCODE_DISABLE_AUTOUPDATE".into(), "1".into())])
}

fn configuration_of(launch: &Launch, asks: bool) -> Value {
    let mut config = configuration();
    add_agents(&mut config, launch.agent.temperature);
    config["permission"] = rules_by_permission(launch, asks);
    if !launch.agent.model.is_empty() {
        config["model"] = json!(launch.agent.model);
    }
    config
}

/// For `opencode acp`, which gets its tools by the protocol, and cannot be told an agent by it.
pub(in super::super) fn environment_of_acp(launch: &Launch) -> BTreeMap<OsString, OsString> {
    let mut config = configuration_of(launch, true);
    if let Some(temperature) = launch.agent.temperature {
        config["default_agent"] = json!(agent_at(temperature));
    }
    environment(&config)
}

/// For `opencode run`.
pub(super) fn environment_of_run(launch: &Launch) -> BTreeMap<OsString, OsString> {
    let mut config = configuration_of(launch, false);
    config["mcp"]["ganger"] = remote_tools(launch);
    environment(&config)
}

/// Ganger's tools as an MCP server.
pub(super) fn remote_tools(launch: &Launch) -> Value {
    json!({
        "type": "remote", "url": launch.tools.url, "enabled": true, "oauth": false,
        "headers": {"Authorization": format!("Bearer {}", launch.tools.token)},
    })
}

#[cfg(test)]
mod tests {
    use super::{add_agents, agent_at};
    use serde_json::json;

    #[test]
    fn a_temperature_is_an_agent_that_works_as_the_usual_one() {
        let mut config = json!({"agent": {"build": {"prompt": "Be brief."}, "mine": {"mode": "primary"}}});
        add_agents(&mut config, [0.2]);
        let made = json!({"prompt": "Be brief.", "mode": "primary", "temperature": 0.2});
        assert_eq!((&config["agent"][agent_at(0.2)], &config["agent"]["mine"]), (&made, &json!({"mode": "primary"})));
        let mut plain = json!({});
        add_agents(&mut plain, [1.0]);
        assert_eq!(plain, json!({"agent": {"ganger-at-1": {"mode": "primary", "temperature": 1.0}}}));
    }
}
