//! Hooks before tool calls: how a runtime is told of ours, and what it tells by it. It is Claude Code's format, which
//! Codex speaks too.
//!
//! A runtime asks only for what its own rules or its sandbox do not settle. Where an agent has rules of its own, the
//! hook lets Ganger judge every call by them.

use super::Launch;
use crate::config::GuardPreset;
use crate::os;
use ganger_engine::rules::{ToolClass, ToolRequest, opens_shell};
use ganger_engine::session::Permission;
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// What `ganger hook` waits for longer than a person may take.
const SLACK: Duration = Duration::from_secs(30);

/// The value of `hooks` in a runtime's settings; none where it would have nothing to judge.
pub(super) fn settings(launch: &Launch) -> Option<Value> {
    // The guard judges every command, also of an agent without rules.
    if !launch.agent.rules().need_hook() && launch.guard == GuardPreset::Off {
        return None;
    }
    let file = launch.tools.token_file.display().to_string();
    let program = os::own_program().display().to_string();
    let limit = launch.patience + SLACK;
    let seconds = limit.as_secs().to_string();
    let words = [&program, "hook", "--url", &launch.tools.hook_url, "--token-file", &file, "--limit", &seconds];
    // A runtime makes the call when a hook fails in any other way than this.
    let blocked = "{ echo 'Ganger could not judge this call' >&2; exit 2; }";
    let command = format!("{} || {blocked}", words.map(os::shell_word).join(" "));
    // It would also make it when the hook is late: ours answers before.
    let hook = json!({"type": "command", "command": command, "timeout": (limit + SLACK).as_secs()});
    Some(json!({"PreToolUse": [{"hooks": [hook]}]}))
}

/// What a call is about that waits at the hook: all of it has to be allowed. The runtime's own rules come after it:
/// what no rule of the agent covers goes on to them.
pub(crate) fn requests(told: &Value) -> Vec<ToolRequest> {
    let call = &told["tool_input"];
    let word = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let folder = PathBuf::from(word("cwd"));
    let request = |class, subjects, expected| {
        let request_id = format!("hook-{}", uuid::Uuid::now_v7());
        ToolRequest {
            request_id,
            class,
            subjects,
            expected,
            by: word("agent_id"),
            call: word("tool_use_id"),
            dangers: Vec::new(),
        }
    };
    let patched = |patch: &str| {
        let files = files_of(patch, &folder);
        // What it would change is not known.
        let expected = !files.is_empty();
        request(ToolClass::Edit, files, expected)
    };
    match (class_of(&word("tool_name")), call["command"].as_str()) {
        (ToolClass::Edit, Some(patch)) => vec![patched(patch)],
        (ToolClass::Command, Some(line)) => {
            let command = request(ToolClass::Command, vec![line.to_owned()], !opens_shell(line));
            // Codex carries out by itself what looks like a call of `apply_patch`.
            let patch = line.contains("*** Begin Patch").then(|| patched(line));
            [command].into_iter().chain(patch).collect()
        }
        (class @ (ToolClass::Edit | ToolClass::Read), None) => {
            let path = path_of(call).map_or(folder.clone(), |path| plain(&folder.join(path)));
            vec![request(class, vec![path.display().to_string()], true)]
        }
        (class, _) => vec![request(class, vec![subject_of(call)], true)],
    }
}

/// What the runtime reads on the hook's stdout.
pub(crate) fn answer(permission: &Permission) -> String {
    match permission {
        Permission::Allow => String::new(),
        Permission::Deny(why) => json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": why,
        }})
        .to_string(),
    }
}

/// What a tool does, by its name.
pub(super) fn class_of(tool: &str) -> ToolClass {
    match tool {
        "Bash" => ToolClass::Command,
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" | "apply_patch" => ToolClass::Edit,
        "Read" | "Glob" | "Grep" => ToolClass::Read,
        "WebFetch" => ToolClass::Fetch,
        "Task" | "Agent" | "spawn_agent" => ToolClass::Tool("agent".to_owned()),
        other => ToolClass::Tool(other.to_owned()),
    }
}

/// What a call does it to.
pub(super) fn subject_of(input: &Value) -> String {
    let named = ["command", "url", "query"].iter().find_map(|k| input[*k].as_str());
    path_of(input).or(named).map_or_else(|| input.to_string(), str::to_owned)
}

fn path_of(input: &Value) -> Option<&str> {
    ["file_path", "notebook_path", "path"].iter().find_map(|k| input[*k].as_str())
}

/// The files that a patch names, in the format of `apply_patch`; a line may change the folder before it.
fn files_of(patch: &str, folder: &Path) -> Vec<String> {
    let first = patch.trim_start().strip_prefix("cd ").and_then(|rest| rest.split_whitespace().next());
    let folder = folder.join(first.unwrap_or_default().trim_matches(['\'', '"']));
    let marks = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    let file = |line: &str| marks.iter().find_map(|mark| line.trim().strip_prefix(mark)).map(str::to_owned);
    let files = patch.lines().filter_map(file);
    files.map(|file| plain(&folder.join(file.trim())).display().to_string()).collect()
}

/// Without `.` and `..`, by the words alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tool: &str, input: Value) -> Vec<(ToolClass, String, bool)> {
        let told = json!({"cwd": "/w", "tool_name": tool, "tool_input": input});
        requests(&told)
            .into_iter()
            .map(|request| (request.class, request.subjects.join(" "), request.expected))
            .collect()
    }

    #[test]
    fn a_patch_is_an_edit_of_its_files_in_every_form() {
        let patch = "*** Begin Patch\n*** Update File: a.rs\n  *** Move to: ./x/../b.rs\n@@\n-x\n+y\n*** End Patch\n";
        let edit = |files: &str, usual| (ToolClass::Edit, files.to_owned(), usual);
        assert_eq!(asked("apply_patch", json!({"command": patch})), [edit("/w/a.rs /w/b.rs", true)]);
        for (line, files) in [
            (format!("apply_patch <<'EOF'; rm -rf src\n{patch}EOF\n"), "/w/a.rs /w/b.rs"),
            (format!("cd sub && applypatch <<'EOF'\n{patch}EOF\n"), "/w/sub/a.rs /w/sub/b.rs"),
        ] {
            let command = (ToolClass::Command, line.clone(), true);
            assert_eq!(asked("Bash", json!({"command": line})), [command, edit(files, true)]);
        }
        assert_eq!(asked("apply_patch", json!({"command": "*** Begin Patch"})), [edit("", false)]);
    }

    #[test]
    fn paths_are_whole_and_plain() {
        let read = (ToolClass::Read, "/w/src".to_owned(), true);
        assert_eq!(asked("Grep", json!({"pattern": "x", "path": "lib/../src"})), [read]);
        let edit = (ToolClass::Edit, "/etc/passwd".to_owned(), true);
        assert_eq!(asked("Write", json!({"file_path": "/w/../etc/passwd"})), [edit]);
    }
}
