//! How Claude Code is started: its command line, and the files that it names.

use super::super::{Launch, hook, rules};
use crate::os;
use ganger_engine::SessionId;
use ganger_engine::rules::ALWAYS_DENIED;
use serde_json::json;
use std::ffi::OsString;

/// Tools that need no question. Edits are not among them: mode `acceptEdits` settles those inside the
/// workspace, and those outside are asked for.
const ALLOWED: [&str; 7] = ["Bash", "Glob", "Grep", "TodoWrite", "Task", "Skill", "mcp__ganger"];
/// Never, in an unattended workspace, besides what the rules deny everywhere: what leaves it, and what waits for a
/// person nobody sees.
const DENIED: [&str; 5] = ["AskUserQuestion", "EnterWorktree", "ExitWorktree", "EnterPlanMode", "ExitPlanMode"];

pub(super) fn of(launch: &Launch, session: &SessionId) -> std::io::Result<Vec<OsString>> {
    let mcp = json!({"mcpServers": {"ganger": {
        "type": "http",
        "url": launch.tools.url,
        "headers": {"Authorization": format!("Bearer {}", launch.tools.token)},
    }}});
    let mcp_file = launch.scratch.join("mcp.json");
    os::write_private(&mcp_file, mcp.to_string().as_bytes())?;
    let own = |list: &[String]| list.iter().flat_map(|r| rules::for_claude(r)).collect::<Vec<_>>();
    let together = |defaults: &[&str], more: Vec<String>| {
        defaults.iter().map(ToString::to_string).chain(more).collect::<Vec<_>>().join(",")
    };
    let denied = ALWAYS_DENIED.iter().flat_map(|r| rules::for_claude(r)).chain(own(&launch.agent.deny));
    let resume = if launch.session.is_some() { "--resume" } else { "--session-id" };
    let mut argv: Vec<OsString> = [
        launch.program(),
        "-p",
        "--output-format",
        "stream-json",
        "--input-format",
        "stream-json",
        "--verbose",
        "--permission-prompt-tool",
        "stdio",
        "--permission-mode",
        "acceptEdits",
        "--strict-mcp-config",
    ]
    .map(OsString::from)
    .to_vec();
    argv.extend(["--mcp-config".into(), mcp_file.into_os_string()]);
    argv.extend(["--allowedTools".into(), together(&ALLOWED, own(&launch.agent.allow)).into()]);
    argv.extend(["--disallowedTools".into(), together(&DENIED, denied.collect()).into()]);
    let mut settings = serde_json::Map::new();
    if let Some(hooks) = hook::settings(launch) {
        // What is asked for by rules in its own words is still its own business; the hook is not to be turned off by
        // settings of the user, or of the agent.
        settings.insert("permissions".to_owned(), json!({"ask": own(&launch.agent.ask)}));
        settings.insert("hooks".to_owned(), hooks);
        settings.insert("disableAllHooks".to_owned(), json!(false));
    }
    if launch.sandbox.is_some() {
        // Sandboxes do not nest.
        settings.insert("sandbox".to_owned(), json!({"enabled": false}));
    }
    if !settings.is_empty() {
        let file = launch.scratch.join("settings.json");
        os::write_private(&file, serde_json::Value::Object(settings).to_string().as_bytes())?;
        argv.extend(["--settings".into(), file.into_os_string()]);
    }
    if !launch.agent.prompt.is_empty() {
        let file = launch.scratch.join("system-prompt.md");
        os::write_private(&file, launch.agent.prompt.as_bytes())?;
        argv.extend(["--append-system-prompt-file".into(), file.into_os_string()]);
    }
    argv.extend([resume.into(), session.as_str().into()]);
    if !launch.agent.model.is_empty() {
        argv.extend(["--model".into(), launch.agent.model.clone().into()]);
    }
    Ok(argv)
}
