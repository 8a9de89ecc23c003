//! What Codex is told of its sandbox, its tools and its sub-agents, as keys and values of its configuration.

use super::super::{Launch, hook};
use crate::os;
use serde_json::{Value, json};
use std::path::Path;

/// For a thread of the app-server: one object, with the token of this attempt.
pub(super) fn for_thread(launch: &Launch) -> Value {
    let mut config = json!({
        "sandbox_workspace_write": sandbox(launch),
        "mcp_servers": {"ganger": {
            "url": launch.tools.url,
            "http_headers": {"Authorization": format!("Bearer {}", launch.tools.token)},
            "default_tools_approval_mode": "approve",
        }},
    });
    if launch.agent.rules().deny_sub_agents() {
        config["features"]["multi_agent"] = json!(false);
    }
    if let Some(hooks) = hook::settings(launch) {
        // Ours would wait for a person's trust. With that passed over, the repository's own hooks must not be read.
        config["hooks"] = hooks;
        config["features"]["hooks"] = json!(true);
        config["bypass_hook_trust"] = json!(true);
        config["projects"] = distrust(&launch.workspace);
    }
    config
}

/// For a command line, where no token may stand: the tools come by a server that reads it from its file.
pub(super) fn for_exec(launch: &Launch) -> Vec<(String, Value)> {
    let arguments = super::super::stdio_arguments(&launch.tools);
    let mut settings = vec![
        ("approval_policy".to_owned(), json!("never")),
        ("mcp_servers.ganger.command".to_owned(), json!(os::own_program())),
        ("mcp_servers.ganger.args".to_owned(), json!(arguments)),
        ("mcp_servers.ganger.default_tools_approval_mode".to_owned(), json!("approve")),
    ];
    if launch.agent.rules().deny_sub_agents() {
        settings.push(("features.multi_agent".to_owned(), json!(false)));
    }
    let sandbox = sandbox(launch);
    let keys = sandbox.as_object().into_iter().flatten();
    settings.extend(keys.map(|(key, value)| (format!("sandbox_workspace_write.{key}"), value.clone())));
    settings
}

/// Sandboxes do not nest: inside ours its own is off.
pub(super) fn sandbox_mode(launch: &Launch) -> &'static str {
    if launch.sandbox.is_some() { "danger-full-access" } else { "workspace-write" }
}

/// It may write to the workspace, and to its git directory, which Codex would keep from it: it could not commit.
fn sandbox(launch: &Launch) -> Value {
    json!({
        "writable_roots": [launch.workspace.join(".git")],
        "network_access": true,
        // Else it could write to every workspace that lies there.
        "exclude_slash_tmp": launch.workspace.starts_with("/tmp"),
    })
}

/// The workspace is a repository of its own: Codex might have been told to trust what lies around it.
fn distrust(workspace: &Path) -> Value {
    json!({workspace.display().to_string(): {"trust_level": "untrusted"}})
}
