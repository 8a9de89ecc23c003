//! What each runtime keeps of its own: its login, settings and sessions.

use super::places::home;
use crate::config::{Agent, RuntimeKind};
use std::path::{Path, PathBuf};

/// A runtime's own files, for this person.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct OwnFiles {
    /// Read, and not written: settings, instructions, commands, skills, plugins. They would be carried out for the person
    /// later.
    pub(super) read: Vec<PathBuf>,
    /// Folders that it writes to. They are made when they are missing: it could not make them itself.
    folders: Vec<PathBuf>,
    /// Files that it writes to, where they exist.
    files: Vec<PathBuf>,
}

const CLAUDE_FOLDERS: [&str; 18] = [
    "projects",
    "sessions",
    "todos",
    "tasks",
    "teams",
    "plans",
    "jobs",
    "shell-snapshots",
    "session-env",
    "file-history",
    "paste-cache",
    "image-cache",
    "cache",
    "statsig",
    "telemetry",
    "debug",
    "ide",
    "backups",
];
const CLAUDE_FILES: [&str; 3] = [".credentials.json", "stats-cache.json", "history.jsonl"];
const GEMINI_FILES: [&str; 4] =
    ["oauth_creds.json", "google_accounts.json", "gemini-credentials.json", "installation_id"];

impl OwnFiles {
    pub(super) fn of(agent: &Agent) -> Self {
        Self::of_runtime(agent.runtime, &agent.command)
    }

    fn of_runtime(runtime: RuntimeKind, command: &str) -> Self {
        match runtime {
            RuntimeKind::Claude => claude(),
            RuntimeKind::Codex => codex(),
            RuntimeKind::Opencode => opencode(),
            RuntimeKind::Gemini => gemini(),
            RuntimeKind::Acp => by_command(command),
            RuntimeKind::Command => Self::default(),
        }
    }

    /// What may be written to.
    pub(super) fn written(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().chain(&self.files).cloned()
    }

    /// Makes what it needs and has not yet. Where that cannot be done it says so itself.
    pub(super) fn make_missing(&self) {
        for folder in &self.folders {
            let _said_by_the_runtime = std::fs::create_dir_all(folder);
        }
    }
}

/// Where a runtime keeps what is the person's: settings, login, sessions. `None` for those that do not have one folder.
pub(crate) fn folder_of(runtime: RuntimeKind) -> Option<PathBuf> {
    let set = |variable| std::env::var_os(variable).map(PathBuf::from);
    let below_home = |name| Some(std::env::home_dir()?.join(name));
    match runtime {
        RuntimeKind::Claude => set("CLAUDE_CONFIG_DIR").or_else(|| below_home(".claude")),
        RuntimeKind::Codex => set("CODEX_HOME").or_else(|| below_home(".codex")),
        RuntimeKind::Gemini => Some(set("GEMINI_CLI_HOME").or_else(std::env::home_dir)?.join(".gemini")),
        RuntimeKind::Opencode | RuntimeKind::Acp | RuntimeKind::Command => None,
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn below(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.join(name)).collect()
}

fn claude() -> OwnFiles {
    let Some(own) = folder_of(RuntimeKind::Claude) else { return OwnFiles::default() };
    OwnFiles {
        folders: below(&own, &CLAUDE_FOLDERS),
        files: below(&own, &CLAUDE_FILES),
        read: home().map(|home| home.join(".local/share/claude")).into_iter().chain([own]).collect(),
    }
}

/// Its home lies in Ganger's state, as a set of links; in the person's it reads all and renews the login.
fn codex() -> OwnFiles {
    let Some(own) = folder_of(RuntimeKind::Codex) else { return OwnFiles::default() };
    OwnFiles { files: vec![own.join("auth.json")], read: vec![own], ..OwnFiles::default() }
}

fn opencode() -> OwnFiles {
    let Some(home) = home() else { return OwnFiles::default() };
    let standard =
        [("XDG_DATA_HOME", ".local/share"), ("XDG_STATE_HOME", ".local/state"), ("XDG_CACHE_HOME", ".cache")];
    let folder = |(variable, usual): (&str, &str)| named(variable).unwrap_or_else(|| home.join(usual)).join("opencode");
    let settings = folder(("XDG_CONFIG_HOME", ".config"));
    OwnFiles {
        // It installs the package of its plugin interface beside its settings.
        folders: standard.map(folder).into_iter().chain([settings.join("node_modules")]).collect(),
        files: below(&settings, &["package.json", "bun.lock", "package-lock.json", ".gitignore"]),
        read: [settings, home.join(".opencode")].into_iter().chain(named("OPENCODE_CONFIG")).collect(),
    }
}

/// As Codex.
fn gemini() -> OwnFiles {
    let Some(own) = folder_of(RuntimeKind::Gemini) else { return OwnFiles::default() };
    OwnFiles { files: below(&own, &GEMINI_FILES), read: vec![own], ..OwnFiles::default() }
}

/// One of the runtimes behind another program, or a program that keeps things where it is custom.
fn by_command(command: &str) -> OwnFiles {
    let known = [RuntimeKind::Claude, RuntimeKind::Codex, RuntimeKind::Opencode, RuntimeKind::Gemini];
    if let Some(behind) = known.into_iter().find(|runtime| command.contains(runtime.as_str())) {
        return OwnFiles::of_runtime(behind, command);
    }
    let (Some(home), Some(program)) = (home(), command.split_whitespace().next()) else { return OwnFiles::default() };
    let name = program.rsplit('/').next().unwrap_or(program).trim_end_matches("-acp");
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return OwnFiles::default();
    }
    let files = [format!(".{name}"), format!(".local/share/{name}"), format!(".local/state/{name}")];
    OwnFiles {
        read: vec![home.join(".config").join(name)],
        files: files.iter().map(|path| home.join(path)).collect(),
        ..OwnFiles::default()
    }
}
