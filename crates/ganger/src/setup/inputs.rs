//! What a setup depends on. An install by a package manager depends on what that reads: lock files, manifests, its
//! settings. Anything else may read every file of the tree.

use super::Setup;
use crate::config::commands_in;
use crate::digest;
use crate::os;

/// Package managers with the words that install, and the program that is behind what they install.
const MANAGERS: [(&str, &[&str], &str); 9] = [
    ("npm", &["ci", "install", "i"], "node"),
    ("pnpm", &["install", "i"], "node"),
    ("yarn", &["install"], "node"),
    ("bun", &["install"], "bun"),
    ("uv", &["sync"], "python3"),
    ("poetry", &["install"], "python3"),
    ("pdm", &["install", "sync"], "python3"),
    ("bundle", &["install"], "ruby"),
    ("composer", &["install"], "php"),
];

/// Lock files, manifests and settings that they read, wherever in the tree.
const READ: [&str; 40] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "Cargo.lock",
    "go.sum",
    "go.work.sum",
    "Gemfile.lock",
    "composer.lock",
    "package.json",
    "pnpm-workspace.yaml",
    ".pnpmfile.cjs",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "bunfig.toml",
    "pyproject.toml",
    "poetry.toml",
    "uv.toml",
    "requirements.txt",
    "setup.py",
    "setup.cfg",
    "Cargo.toml",
    "go.mod",
    "go.work",
    "Gemfile",
    "composer.json",
    ".nvmrc",
    ".node-version",
    ".python-version",
    ".ruby-version",
    ".tool-versions",
    "mise.toml",
    "schema.prisma",
];

/// Patches that an install applies.
const READ_FOLDERS: [&str; 2] = ["patches/", ".yarn/"];

/// Folders that hold what a manager installed, and nothing that was made from sources.
const INSTALLED: [&str; 7] = ["node_modules", ".venv", "venv", "vendor", ".yarn", ".pnp.cjs", ".pnp.loader.mjs"];

/// Under which names what a setup made is kept.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// By what it is known to depend on, where that is known.
    pub(super) inputs: Option<String>,
    /// By every file of the tree.
    pub(super) whole: String,
    /// Whether a person said what it depends on.
    is_said: bool,
}

impl Keys {
    pub(super) fn of(setup: &Setup, files: &[(String, String)], own: &[String]) -> Self {
        let (tools, own) = (tools(&setup.command), setup.own.stamp(own));
        let key = |of: &str, is_input: &dyn Fn(&str) -> bool| {
            let inputs = files.iter().filter(|(name, _)| is_input(name));
            let inputs = inputs.flat_map(|(name, id)| [name.as_str(), id.as_str()]);
            let all: Vec<&str> = [of, &setup.command, &tools, &own].into_iter().chain(inputs).collect();
            digest::full(&all)
        };
        let is_said = !setup.inputs.is_empty();
        let inputs = if is_said {
            Some(key("said", &|name| setup.inputs.iter().any(|input| is_at(input, name))))
        } else {
            installs_only(&setup.command).then(|| key("read", &is_read))
        };
        Self { inputs, whole: key("whole", &|_| true), is_said }
    }

    /// The name for what was made: only what a manager installed depends on what managers read alone.
    pub(super) fn of_made(&self, made: &[String]) -> &str {
        match &self.inputs {
            Some(inputs) if self.is_said || made.iter().all(|path| is_installed(path)) => inputs,
            _ => &self.whole,
        }
    }

    /// In the order in which they are looked for.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(String::as_str).chain([self.whole.as_str()])
    }
}

/// Whether a file is what a person named, or lies in it.
fn is_at(named: &str, file: &str) -> bool {
    let named = named.trim_start_matches("./").trim_end_matches('/');
    file == named || file.strip_prefix(named).is_some_and(|rest| rest.starts_with('/'))
}

fn is_read(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let is_requirements = name.starts_with("requirements") && name.ends_with(".txt");
    READ.contains(&name)
        || is_requirements
        || READ_FOLDERS.iter().any(|folder| file.starts_with(folder) || file.contains(&format!("/{folder}")))
}

/// Whether it lies in a folder of a manager, or is its lock file.
fn is_installed(path: &str) -> bool {
    let is_lock = path.rsplit('/').next().is_some_and(|name| READ.contains(&name));
    is_lock || path.split('/').any(|part| INSTALLED.contains(&part))
}

/// Whether a command does nothing but have managers install.
fn installs_only(command: &str) -> bool {
    let Some(commands) = commands_in(command) else { return false };
    let installs = |words: &Vec<String>| {
        let mut words = words.iter().map(String::as_str).skip_while(|word| word.contains('='));
        let manager = words.next();
        let verb = words.next();
        let is_plain = words.all(|word| word.starts_with('-') && !word.starts_with("--prefix"));
        is_plain
            && MANAGERS.iter().any(|(name, verbs, _)| {
                manager == Some(name) && verb.map_or(*name == "yarn", |verb| verbs.contains(&verb))
            })
    };
    !commands.is_empty() && commands.iter().all(installs)
}

/// The programs that it starts and what is behind them, as they are on this machine.
fn tools(command: &str) -> String {
    let commands = commands_in(command).unwrap_or_default();
    let first = commands.iter().filter_map(|words| words.iter().find(|word| !word.contains('=')));
    let behind = |name: &str| MANAGERS.iter().find(|(manager, ..)| *manager == name).map(|(_, _, behind)| *behind);
    let named = first.flat_map(|name| [Some(name.as_str()), behind(name)]).flatten();
    named.map(os::describe_program).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::OwnFiles;
    use std::path::Path;

    fn keys(command: &str, inputs: &[&str], files: &[(&str, &str)]) -> Keys {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        let setup =
            Setup { command: command.to_owned(), timeout_s: 1, inputs, own: OwnFiles::new(Path::new("/"), &[]) };
        let files: Vec<_> = files.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect();
        Keys::of(&setup, &files, &[])
    }

    #[test]
    fn an_install_depends_on_what_managers_read_and_anything_else_on_every_file() {
        let (old, new) =
            ([("a/package-lock.json", "1"), ("src/a.js", "1")], [("a/package-lock.json", "1"), ("src/a.js", "2")]);
        let locked = [("a/package-lock.json", "2"), ("src/a.js", "1")];
        for command in ["npm ci", "A=1 npm ci --no-audit && pnpm install", "yarn", "yarn install --immutable"] {
            let of = |files| keys(command, &[], files).inputs.unwrap();
            assert_eq!(of(&old), of(&new), "{command}");
            assert_ne!(of(&old), of(&locked), "{command}");
        }
        for command in
            ["npm run build", "npm ci && npm run build", "npm ci --prefix web", "./setup.sh", "npm install $X", "'"]
        {
            let of = |files: &[(&str, &str)]| keys(command, &[], files);
            assert_eq!(of(&old).inputs, None, "{command}");
            assert_ne!(of(&old).whole, of(&new).whole, "{command}");
        }
        let said = |files: &[(&str, &str)]| keys("make deps", &["./src/"], files).inputs.unwrap();
        assert_ne!(said(&old), said(&new));
        assert_eq!(said(&old), said(&locked));
    }

    #[test]
    fn what_was_built_is_kept_by_every_file() {
        let keys = keys("npm ci", &[], &[("package.json", "1")]);
        let of =
            |made: &[&str]| keys.of_made(&made.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).to_owned();
        let inputs = keys.inputs.clone().unwrap();
        assert_eq!(of(&["node_modules", "web/node_modules", "package-lock.json"]), inputs);
        assert_eq!(of(&["node_modules", "dist"]), keys.whole);
    }
}
