//! Where a path leads: into the workspace, into what is built or temporary, or out of both.

use crate::text::{Origin, has_origin, is_glob, is_known, unknown_parts, variable_of};

/// Where a line would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What belongs to whoever runs the line, and is kept by git.
    pub workspace: String,
    /// Where the line begins; usually the workspace.
    pub folder: String,
    /// The home of the user.
    pub home: String,
    /// Folders for temporary files.
    pub temporary: Vec<String>,
}

impl Place {
    /// A place in which nothing is known but the workspace.
    #[must_use]
    pub fn of_workspace(workspace: &str, home: &str) -> Self {
        let temporary = ["/tmp", "/var/tmp", "/private/tmp", "/var/folders", "/dev/shm"].map(str::to_owned).to_vec();
        Self { workspace: workspace.to_owned(), folder: workspace.to_owned(), home: home.to_owned(), temporary }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::of_workspace("/srv/project", "/home/user")
    }
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    /// What is built, cached or temporary.
    Rebuilt,
    /// A path in the workspace, from its top.
    Inside(Vec<String>),
    /// All of the workspace, or everything in it.
    Workspace,
    /// Out of the workspace.
    Outside,
    /// Nobody knows.
    Unknown,
}

/// What is made anew by the next build, test or installation.
const REBUILT: [&str; 92] = [
    "target",
    "node_modules",
    "dist",
    "build",
    "out",
    "output",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".output",
    ".parcel-cache",
    ".cache",
    "cache",
    "coverage",
    "htmlcov",
    ".nyc_output",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    "__pycache__",
    ".venv",
    "venv",
    "virtualenv",
    ".eggs",
    ".gradle",
    "bin",
    "obj",
    "tmp",
    "temp",
    ".tmp",
    ".temp",
    "logs",
    "log",
    ".terraform",
    ".serverless",
    ".angular",
    ".dart_tool",
    "Pods",
    "DerivedData",
    "_build",
    "deps",
    "CMakeFiles",
    "CMakeCache.txt",
    "playwright-report",
    "test-results",
    "storybook-static",
    ".vite",
    ".expo",
    "elm-stuff",
    "zig-cache",
    ".zig-cache",
    "zig-out",
    ".stack-work",
    "dist-newstyle",
    "_site",
    "pkg",
    "generated",
    ".coverage",
    ".eslintcache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".DS_Store",
    ".aws-sam",
    "cdk.out",
    ".vercel",
    ".netlify",
    ".wrangler",
    ".docusaurus",
    ".astro",
    ".vitepress",
    "bower_components",
    ".yarn",
    ".pnpm-store",
    "vendor",
    "__snapshots__",
    ".nx",
    ".rpt2_cache",
    ".rts2_cache",
    "artifacts",
    "wheels",
    "sdist",
    "site-packages",
    ".build",
    "cypress-videos",
    "screenshots",
    "scratch",
    ".sass-cache",
    "lcov-report",
    "tmp_build",
];

/// What ends or begins names of such things.
const REBUILT_ENDS: [&str; 28] = [
    ".bk",
    ".backup",
    ".pyc",
    ".pyo",
    ".o",
    ".obj",
    ".class",
    ".log",
    ".tmp",
    ".temp",
    ".bak",
    ".orig",
    ".rej",
    ".swp",
    ".swo",
    "~",
    ".egg-info",
    ".dist-info",
    ".tsbuildinfo",
    ".snap",
    ".gcda",
    ".gcno",
    ".profraw",
    ".pid",
    ".cache",
    ".lock",
    ".whl",
    ".map",
];
const REBUILT_BEGINS: [&str; 9] =
    ["cmake-build-", "bazel-", "tmp.", "tmp-", "tmp_", "temp-", "build-", "dist-", "npm-debug.log"];

/// Words in names of variables that hold such places.
const REBUILT_WORDS: [&str; 16] = [
    "test", "fixture", "workdir", "tmp", "temp", "build", "dist", "out", "cache", "scratch", "stage", "staging",
    "coverage", "artifact", "venv", "sandbox",
];

/// Caches in a home.
const HOME_CACHES: [&str; 14] = [
    ".cache",
    ".npm",
    ".cargo/registry",
    ".cargo/git",
    ".gradle/caches",
    ".m2/repository",
    "Library/Caches",
    ".pnpm-store",
    ".yarn/cache",
    ".bun/install/cache",
    ".nuget/packages",
    ".terraform.d/plugin-cache",
    ".pub-cache",
    ".local/share/Trash",
];

/// What makes a project up when it lies at the top of the workspace.
const PRECIOUS: [&str; 60] = [
    "project",
    "projects",
    "workspace",
    "code",
    "src",
    "source",
    "sources",
    "lib",
    "libs",
    "app",
    "apps",
    "packages",
    "crates",
    "modules",
    "services",
    "tests",
    "test",
    "spec",
    "specs",
    "docs",
    "doc",
    "include",
    "internal",
    "cmd",
    "server",
    "client",
    "frontend",
    "backend",
    "web",
    "api",
    "core",
    "components",
    "pages",
    "views",
    "models",
    "controllers",
    "migrations",
    "db",
    "database",
    "config",
    "conf",
    "data",
    "scripts",
    "assets",
    "static",
    "media",
    "uploads",
    "backup",
    "backups",
    "storage",
    "infra",
    "terraform",
    "k8s",
    "deploy",
    "charts",
    ".github",
    "content",
    "resources",
    "android",
    "ios",
];

/// Whether the next build makes it anew.
pub(crate) fn is_rebuilt_name(name: &str) -> bool {
    REBUILT.contains(&name)
        || REBUILT_ENDS.iter().any(|end| name.len() > end.len() && name.ends_with(end))
        || REBUILT_BEGINS.iter().any(|begin| name.starts_with(begin))
}

/// Whether a variable of this name holds a place for temporary or built files.
pub(crate) fn is_rebuilt_variable(name: &str) -> bool {
    let name = name.to_lowercase();
    if ["root", "home", "workspace", "project", "repo", "src"].iter().any(|word| name.contains(word)) {
        return false;
    }
    name.split('_').any(|word| REBUILT_WORDS.iter().any(|known| word.starts_with(known) || word.ends_with(known)))
}

/// Whether a pattern leaves nothing out that matters: `*`, `.*`, `*.*`, `s*`.
pub(crate) fn is_all(part: &str) -> bool {
    if is_rebuilt_name(part) {
        return false;
    }
    let bare: String = part
        .split('[')
        .enumerate()
        .map(|(n, p)| if n == 0 { p } else { p.split_once(']').map_or("", |(_, p)| p) })
        .collect();
    let literal = bare.chars().filter(|c| c.is_alphanumeric()).count();
    let ending = part.rsplit_once('.').is_some_and(|(_, ending)| ending.chars().all(char::is_alphanumeric));
    part == "!" || (is_glob(part) && (literal == 0 || (literal < 2 && !ending)))
}

/// A path without `.` and `..`, by its words alone.
pub(crate) fn absolute(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Place {
    /// Where a path leads from a folder, which may not be known.
    pub(crate) fn locate(&self, folder: Option<&str>, path: &str) -> Where {
        if !is_known(path) {
            return locate_unknown(path);
        }
        let whole = absolute(folder.unwrap_or(&self.workspace), path);
        let below = |root: &str| {
            let root = root.trim_end_matches('/');
            whole
                .strip_prefix(root)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(|rest| &rest[rest.len().min(1)..])
        };
        let last = whole.rsplit('/').find(|part| !is_all(part)).unwrap_or_default();
        // A tilde that nothing has resolved is the home all the same.
        let is_drive = path.get(1..2) == Some(":") && path.starts_with(|c: char| c.is_ascii_alphabetic());
        // The home, and what holds it, wherever it lies.
        let home = self.home.trim_end_matches('/');
        let whole_of_it = whole.trim_end_matches(['*', '/', '.']);
        let holds_home =
            !home.is_empty() && (home == whole_of_it || home.starts_with(&format!("{}/", whole.trim_end_matches('/'))));
        let is_home_itself = holds_home && !self.workspace.starts_with(&format!("{whole}/")) && whole != self.workspace;
        if is_drive || is_home_itself || path == "~" || path.starts_with("~/") {
            return Where::Outside;
        }
        if let Some(rest) = below(&self.workspace) {
            return inside(rest);
        }
        let mut in_temporary = self.temporary.iter().filter_map(|root| below(root));
        if in_temporary.any(|rest| rest.split('/').any(|part| !part.is_empty() && !is_all(part))) {
            return Where::Rebuilt;
        }
        let in_home = below(&self.home).is_some_and(|rest| {
            HOME_CACHES.iter().any(|cache| rest.strip_prefix(cache).is_some_and(|r| r.is_empty() || r.starts_with('/')))
        });
        let is_list = whole.starts_with("/var/lib/apt/lists") || whole.starts_with("/var/cache/");
        let works = ["/home/", "/Users/", "/root/", "/workspace", "/app/", "/repo/", "/src/", "/code/", "/usr/src/"];
        let is_work = !path.starts_with('/') || works.iter().any(|root| whole.starts_with(root));
        if in_home || is_list || (is_work && whole.matches('/').count() > 2 && REBUILT.contains(&last)) {
            return Where::Rebuilt;
        }
        Where::Outside
    }
}

fn inside(rest: &str) -> Where {
    let parts: Vec<String> = rest.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    match parts.as_slice() {
        parts if parts.iter().all(|part| is_all(part)) => Where::Workspace,
        [first, ..] if first == ".git" => Where::Inside(parts),
        parts if parts.iter().any(|part| is_rebuilt_name(part)) => Where::Rebuilt,
        _ => Where::Inside(parts),
    }
}

/// By the names of the variables, and by what follows them.
fn locate_unknown(path: &str) -> Where {
    let tail = path.rsplit('\u{E001}').next().unwrap_or_default();
    let leaves = tail.split('/').any(|part| part == "..");
    let known = tail.split('/').any(is_rebuilt_name);
    let mut names = unknown_parts(path).peekable();
    let is_plain = !has_origin(path, Origin::Network) && names.peek().is_some();
    let is_named =
        names.all(|part| variable_of(part).is_some_and(is_rebuilt_variable) || part == "$$" || part.contains("mktemp"));
    let absolute_start = path.starts_with('/');
    if !leaves && (known || (is_plain && is_named && !absolute_start) || path.starts_with("/tmp/")) {
        return Where::Rebuilt;
    }
    Where::Unknown
}

impl Where {
    /// Whether a folder there must not be removed.
    pub(crate) fn is_grave(&self) -> bool {
        match self {
            Self::Rebuilt => false,
            Self::Inside(parts) => is_core(parts),
            Self::Workspace | Self::Outside | Self::Unknown => true,
        }
    }
}

/// A folder that makes the project up, or git's own.
fn is_core(parts: &[String]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return true };
    if first == ".git" {
        return !rest.last().is_some_and(|last| last.ends_with(".lock")) && rest.first().is_none_or(|r| r != "hooks");
    }
    let is_schema = rest.last().is_some_and(|last| last == "migrations");
    is_schema || PRECIOUS.contains(&first.as_str()) && rest.iter().all(|part| is_all(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_a_home_wherever_it_lies() {
        let place = Place::of_workspace("/tmp/w", "/tmp/w/home");
        for path in ["/tmp/w/home", "/tmp/w/home/*"] {
            assert!(place.locate(Some("/tmp/w"), path).is_grave(), "{path}");
        }
        let place = Place::of_workspace("/w", "/tmp/home");
        assert!(place.locate(Some("/w"), "/tmp/home").is_grave());
    }

    #[test]
    fn paths_are_told_apart() {
        let place = Place::default();
        let at = |path: &str| place.locate(Some("/srv/project"), path);
        for path in ["dist", "./a/node_modules/x", "/tmp/x", "/home/user/.cache/pip", "x.pyc", "../a/node_modules"] {
            assert_eq!(at(path), Where::Rebuilt, "{path}");
        }
        for path in ["src/old", "notes.txt", "examples/demo", ".git/index.lock", "*.txt"] {
            assert!(!at(path).is_grave(), "{path}: {:?}", at(path));
        }
        for path in [".", "*", "src", "src/*", "..", "~x/../..", "/", "/tmp", "/tmp/../etc", "/home/user", ".git"] {
            assert!(at(path).is_grave(), "{path}: {:?}", at(path));
        }
    }
}
