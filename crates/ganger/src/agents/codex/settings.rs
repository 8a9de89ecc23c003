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
        config["projects"] = distrust(&launch.worktree);
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

/// It may write to the worktree and to the two folders without which it could not commit there.
fn sandbox(launch: &Launch) -> Value {
    json!({
        "writable_roots": git_folders(&launch.worktree),
        "network_access": true,
        // Else it could write to every worktree of a repository that lies there.
        "exclude_slash_tmp": launch.worktree.starts_with("/tmp"),
    })
}

/// The repository, by all names under which Codex might have been told to trust it.
fn distrust(worktree: &Path) -> Value {
    let folders = git_folders(worktree);
    let root = folders.first().and_then(|common| Path::new(common).parent()).map(Path::to_owned);
    let names = root.into_iter().chain([worktree.to_owned()]);
    names.map(|name| (name.display().to_string(), json!({"trust_level": "untrusted"}))).collect()
}

/// The repository's folder and the one of this worktree in it.
fn git_folders(worktree: &Path) -> Vec<String> {
    let Ok(link) = crate::os::read_text(&worktree.join(".git"), 4096) else {
        return Vec::new();
    };
    let own = Path::new(link.trim().strip_prefix("gitdir: ").unwrap_or_default()).to_owned();
    let common = own.parent().and_then(Path::parent).map(Path::to_owned);
    common.into_iter().chain([own]).map(|p| p.display().to_string()).collect()
}
