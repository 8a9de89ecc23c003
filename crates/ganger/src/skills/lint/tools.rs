//! Tools that exist: Ganger's, those of the runtimes, and well-known ones from outside.

use crate::text;
use ganger_engine::rules::{glob, parse};

const OF_GANGER: [&str; 22] = [
    "report_result",
    "ask_user",
    "ask_person",
    "log_assumption",
    "note",
    "skill_list",
    "skill_agent",
    "skill_spawn_batch",
    "skill_gather",
    "swarmmail_init",
    "swarmmail_send",
    "swarmmail_inbox",
    "swarmmail_ack",
    "ticket_list",
    "ticket_show",
    "ticket_add",
    "ticket_note",
    "memory-lane_find",
    "memory-lane_store",
    "memory-lane_feedback",
    "ledger_update",
    "recall_memories",
];

const OF_RUNTIMES: [&str; 70] = [
    // Claude Code
    "Bash",
    "BashOutput",
    "KillShell",
    "Read",
    "Write",
    "Edit",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "Glob",
    "Grep",
    "LS",
    "LSP",
    "WebFetch",
    "WebSearch",
    "TodoWrite",
    "Task",
    "TaskOutput",
    "Agent",
    "Skill",
    "SlashCommand",
    "ToolSearch",
    "AskUserQuestion",
    "EnterPlanMode",
    "ExitPlanMode",
    "EnterWorktree",
    "ExitWorktree",
    "Monitor",
    // opencode
    "patch",
    "list",
    "todoread",
    "question",
    "codesearch",
    "batch",
    "subagent",
    "external_directory",
    "doom_loop",
    "plan_enter",
    "plan_exit",
    // Codex
    "shell",
    "apply_patch",
    "update_plan",
    "view_image",
    "web_search",
    "exec_command",
    "write_stdin",
    "spawn_agent",
    "send_input",
    "wait_agent",
    "close_agent",
    "list_mcp_resources",
    "read_mcp_resource",
    // Gemini CLI
    "run_shell_command",
    "read_file",
    "read_many_files",
    "write_file",
    "replace",
    "search_file_content",
    "grep_search",
    "list_directory",
    "web_fetch",
    "google_web_search",
    "save_memory",
    "write_todos",
    "invoke_agent",
    "activate_skill",
    // Words of Ganger's rules
    "command",
    "fetch",
    "mcp",
    "*",
];

/// Servers and programs that many have; their tools begin with these.
const OUTSIDE: [&str; 28] = [
    "lsp",
    "gh",
    "git",
    "github",
    "gitlab",
    "context7",
    "playwright",
    "puppeteer",
    "chrome-devtools",
    "browser",
    "figma",
    "linear",
    "jira",
    "atlassian",
    "slack",
    "notion",
    "sentry",
    "postgres",
    "sqlite",
    "supabase",
    "filesystem",
    "fetch",
    "memory",
    "memory-lane",
    "sequential-thinking",
    "serena",
    "exa",
    "firecrawl",
];

/// Whether something has a tool of this name, or one that fits its pattern.
pub(super) fn is_known(entry: &str) -> bool {
    let (tool, _) = parse(entry);
    let plain = tool.to_ascii_lowercase();
    let of_server = plain.strip_prefix("mcp__").is_some_and(|rest| !rest.is_empty());
    let is_outside = |known: &&str| plain == **known || plain.strip_prefix(*known).is_some_and(|r| r.starts_with('_'));
    let fits = |known: &&str| {
        known.to_ascii_lowercase() == plain || (plain.contains('*') && glob(&plain, &known.to_ascii_lowercase()))
    };
    of_server || OF_GANGER.iter().chain(&OF_RUNTIMES).any(fits) || OUTSIDE.iter().any(is_outside)
}

/// What a tool that does not exist may be meant as.
pub(super) fn meant(entry: &str) -> Option<String> {
    let tool = parse(entry).0;
    let meant = text::closest(tool, OF_GANGER.into_iter().chain(OF_RUNTIMES).chain(OUTSIDE))?;
    // opencode and Ganger write tools small.
    let is_small = tool.chars().all(|c| !c.is_uppercase());
    let meant = if is_small { meant.to_lowercase() } else { meant.to_owned() };
    Some(format!("did you mean `{meant}`?"))
}
