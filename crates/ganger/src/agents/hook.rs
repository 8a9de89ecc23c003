//! Hooks before tool calls: how a runtime is told of ours, and what it tells by it. It is Claude Code's format, which
//! Codex speaks too.
//!
//! A runtime asks only for what its own rules or its sandbox do not settle. Where an agent has rules of its own, the
//! hook lets Ganger judge every call by them.

use super::{Ask, AskKind, Launch, Verdict, rules};
use serde_json::{Value, json};
use std::time::Duration;

/// A hook that is not answered in its time is passed over by the runtime: ours is always answered before.
const MARGIN: Duration = Duration::from_secs(60);

/// The value of `hooks` in a runtime's settings; none where it would have nothing to judge.
pub(super) fn settings(launch: &Launch) -> Option<Value> {
    let program = std::env::current_exe().ok()?.display().to_string();
    let file = launch.tools.token_file.display().to_string();
    let words = [program.as_str(), "hook", "--url", &launch.tools.hook_url, "--token-file", &file];
    let command = words.map(quoted).join(" ");
    let timeout = (launch.patience + MARGIN).as_secs();
    let hook = json!({"type": "command", "command": command, "timeout": timeout});
    rules::need_hook(&launch.agent).then(|| json!({"PreToolUse": [{"hooks": [hook]}]}))
}

/// One word of a shell's command line.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What a call is about that waits at the hook. The runtime's own rules come after it: what no rule of the agent
/// covers goes on to them.
pub(crate) fn ask(input: &Value) -> Ask {
    let call = &input["tool_input"];
    let kind = kind_of(input["tool_name"].as_str().unwrap_or("?"));
    let (kind, subjects) = match call["command"].as_str() {
        Some(patch) if kind == AskKind::Edit || is_patch(patch) => (AskKind::Edit, files_of(patch)),
        _ => (kind, vec![subject_of(call)]),
    };
    let by = input["agent_id"].as_str().unwrap_or_default().to_owned();
    let request = format!("hook-{}", uuid::Uuid::now_v7());
    Ask { request, kind, subjects, usual: true, by }
}

/// What the runtime reads on the hook's stdout.
pub(crate) fn answer(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow => String::new(),
        Verdict::Deny(why) => json!({"hookSpecificOutput": {
            "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": why,
        }})
        .to_string(),
    }
}

/// What a tool does, by its name.
pub(super) fn kind_of(tool: &str) -> AskKind {
    match tool {
        "Bash" => AskKind::Command,
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" | "apply_patch" => AskKind::Edit,
        "Read" | "Glob" | "Grep" => AskKind::Read,
        "WebFetch" => AskKind::Fetch,
        "Task" | "Agent" => AskKind::Tool("agent".to_owned()),
        other => AskKind::Tool(other.to_owned()),
    }
}

/// What a call does it to.
pub(super) fn subject_of(input: &Value) -> String {
    let named = ["command", "file_path", "url", "query"].iter().find_map(|k| input[*k].as_str());
    named.map_or_else(|| input.to_string(), str::to_owned)
}

/// Whether it is a command in form only: Codex carries it out itself, and nothing comes after it.
fn is_patch(command: &str) -> bool {
    let rest = command.trim().rsplit_once("*** End Patch").map_or("", |(_, rest)| rest);
    command.trim_start().starts_with("apply_patch <<") && rest.trim_start().lines().count() == 1
}

/// The files that a patch names, in the format of `apply_patch`.
fn files_of(patch: &str) -> Vec<String> {
    let marks = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    let file = |line: &str| marks.iter().find_map(|mark| line.strip_prefix(mark)).map(|f| f.trim().to_owned());
    patch.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tool: &str, input: Value) -> (AskKind, Vec<String>) {
        let ask = ask(&json!({"tool_name": tool, "tool_input": input}));
        (ask.kind, ask.subjects)
    }

    #[test]
    fn a_patch_is_an_edit_of_its_files_in_every_form() {
        let patch = "*** Begin Patch\n*** Update File: a.rs\n*** Move to: b.rs\n@@\n-x\n+y\n*** End Patch\n";
        let edit = (AskKind::Edit, vec!["a.rs".to_owned(), "b.rs".to_owned()]);
        assert_eq!(asked("apply_patch", json!({"command": patch})), edit);
        let command = format!("apply_patch <<'EOF'\n{patch}EOF\n");
        assert_eq!(asked("Bash", json!({"command": command})), edit);
        let more = format!("{command}rm -rf src");
        assert_eq!(asked("Bash", json!({"command": more})), (AskKind::Command, vec![more]));
    }
}
