//! Whether a runtime looks logged in: by the names of variables and files, never by what they hold.

use crate::config::RuntimeKind;
use std::path::PathBuf;

/// Where a login was found; `None` when nothing says so.
pub(super) fn found(kind: RuntimeKind) -> Option<String> {
    let (variables, files): (&[&str], &[&str]) = match kind {
        RuntimeKind::Claude => (
            &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"],
            &[".claude/.credentials.json"],
        ),
        RuntimeKind::Opencode => (
            &["OPENCODE_CONFIG_CONTENT", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"],
            &[".local/share/opencode/auth.json"],
        ),
        RuntimeKind::Codex => (&["OPENAI_API_KEY", "CODEX_API_KEY"], &[".codex/auth.json", ".codex/config.toml"]),
        RuntimeKind::Gemini => (&["GEMINI_API_KEY", "GOOGLE_API_KEY"], &[".gemini/oauth_creds.json"]),
        RuntimeKind::Acp | RuntimeKind::Command => (&[], &[]),
    };
    let variable = variables.iter().find(|v| std::env::var_os(v).is_some_and(|v| !v.is_empty()));
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let file = files.iter().find(|f| home.as_ref().is_some_and(|h| h.join(f).exists()));
    variable.map(|v| format!("${v}")).or_else(|| file.map(|f| format!("~/{f}")))
}

/// That none was found, and the command that logs in. A runtime may know of one that Ganger does not find.
pub(super) fn missing(kind: RuntimeKind) -> String {
    let how = kind.login().map(|how| format!(": log in with {how}")).unwrap_or_default();
    format!("no login found{how}")
}
