//! Which program a command begins with, and whether it is there: a gate whose program is missing says nothing about
//! the work. The command is read, never run, and where reading does not tell, nothing is claimed.

use super::{Agent, Config, RuntimeKind};
use crate::os;
use std::path::{Path, PathBuf};

/// Commands of the shell itself that let what follows them run as it would without them.
const BUILTINS: [&str; 14] =
    ["cd", "echo", "export", "set", "unset", "umask", "ulimit", "test", "[", "printf", "true", ":", "pwd", "trap"];
/// Words before a command that leave its program to be found as before.
const PREFIXES: [&str; 6] = ["exec", "time", "nohup", "env", "{", "("];

/// What is missing.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    NotOnPath(String),
    NoFile(String),
    NotExecutable(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotOnPath(program) => write!(f, "`{program}` is not on PATH"),
            Self::NoFile(program) => write!(f, "`{program}` does not exist"),
            Self::NotExecutable(program) => write!(f, "`{program}` is not executable"),
        }
    }
}

impl Config {
    /// Why the program of an agent cannot be started, as far as that can be known before.
    pub(crate) fn missing_program_of(&self, agent: &Agent, root: &Path) -> Option<String> {
        let runtime = agent.runtime;
        if runtime.program(Some(agent)).is_none() {
            let program = if agent.command.is_empty() { runtime.as_str() } else { &agent.command };
            let program = program.split_whitespace().next().unwrap_or(program).to_owned();
            return Some(Missing::NotOnPath(program).to_string());
        }
        // A line of the shell, run in the workspace.
        let makes_files = !self.project.setup.trim().is_empty();
        let on_path = |program: &str| os::program_on_path(program).is_some();
        let is_line = runtime == RuntimeKind::Command;
        let missing = is_line.then(|| missing(&agent.command, root, makes_files, &on_path)).flatten();
        missing.map(|missing| missing.to_string())
    }

    /// The gates, and the setup, whose first program is not there: `test: `uv` is not on PATH`.
    pub(crate) fn missing_programs(&self, root: &Path) -> Vec<String> {
        let setup = &self.project.setup;
        // What it makes is in workspaces only.
        let makes_files = !setup.trim().is_empty();
        let on_path = |program: &str| os::program_on_path(program).is_some();
        let of_setup = missing(setup, root, false, &on_path).map(|m| ("setup", m));
        let of_gates = self.gates.iter().filter_map(|gate| {
            Some((gate.name.as_str(), missing(&gate.command, &root.join(&gate.dir), makes_files, &on_path)?))
        });
        // One program is often missing for several of them.
        let mut found: Vec<(Vec<&str>, Missing)> = Vec::new();
        for (name, missing) in of_setup.into_iter().chain(of_gates) {
            match found.iter_mut().find(|(_, known)| *known == missing) {
                Some((names, _)) => names.push(name),
                None => found.push((vec![name], missing)),
            }
        }
        found.iter().map(|(names, missing)| format!("{}: {missing}", names.join(", "))).collect()
    }
}

fn missing(command: &str, dir: &Path, makes_files: bool, on_path: &dyn Fn(&str) -> bool) -> Option<Missing> {
    let (program, dir) = first_program(command, dir)?;
    if !program.contains('/') {
        return (!on_path(&program)).then_some(Missing::NotOnPath(program));
    }
    let file = if program.starts_with('/') { PathBuf::from(&program) } else { dir?.join(&program) };
    if !file.exists() {
        let may_come = makes_files && !program.starts_with('/');
        return (!may_come).then_some(Missing::NoFile(program));
    }
    os::find_program(&file, None).is_none().then_some(Missing::NotExecutable(program))
}

/// The first program that a command starts, with the folder in which it does, as far as both can be read.
fn first_program(command: &str, dir: &Path) -> Option<(String, Option<PathBuf>)> {
    let mut dir = Some(dir.to_path_buf());
    for (words, ended_by) in simple_commands(command)? {
        let mut words = words.iter().map(String::as_str).peekable();
        let is_before = |word: &str| PREFIXES.contains(&word) || assigned(word).is_some();
        while let Some(word) = words.next_if(|word| is_before(word)) {
            // Programs are looked for elsewhere from here on.
            if assigned(word) == Some("PATH") {
                return None;
            }
        }
        let Some(program) = words.next() else { continue };
        if !BUILTINS.contains(&program) {
            return is_plain(program).then(|| (program.to_owned(), dir));
        }
        if words.clone().any(|word| assigned(word) == Some("PATH")) {
            return None;
        }
        match (program, words.next(), &mut dir) {
            ("cd", Some(to), Some(dir)) if is_plain(to) && to != "-" => *dir = dir.join(to),
            ("cd", ..) => dir = None,
            _ => {}
        }
        // Whether the next one runs depends on this one.
        if !matches!(ended_by, "&&" | ";" | "\n") {
            return None;
        }
    }
    None
}

/// The name in `NAME=value`.
fn assigned(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(name)
}

/// Whether a word names a program or a folder: not a variable, a pattern, an option or a word of the shell's language.
fn is_plain(word: &str) -> bool {
    const LANGUAGE: [&str; 14] =
        ["if", "for", "while", "until", "case", "function", ".", "source", "eval", "command", "!", "[[", "alias", "!!"];
    !word.is_empty()
        && !LANGUAGE.contains(&word)
        && !word.starts_with(['-', '~'])
        && !word.contains(['$', '`', '*', '?', '[', '<', '>', '(', ')', '='])
}

/// The words of each command in a command line; `None` where a quote is not closed.
pub(crate) fn commands_in(line: &str) -> Option<Vec<Vec<String>>> {
    Some(simple_commands(line)?.into_iter().map(|(words, _)| words).collect())
}

/// Words of each command in a list, with what stands behind it; `None` where a quote is not closed.
fn simple_commands(command: &str) -> Option<Vec<(Vec<String>, &'static str)>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        let ends = match c {
            '\\' => match chars.next()? {
                '\n' => continue,
                escaped => {
                    word.get_or_insert_default().push(escaped);
                    continue;
                }
            },
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => word.extend(chars.next()),
                        inner => word.push(inner),
                    }
                }
                continue;
            }
            '#' if word.is_none() => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            '&' if chars.next_if_eq(&'&').is_some() => "&&",
            '|' if chars.next_if_eq(&'|').is_some() => "||",
            '&' => "&",
            '|' => "|",
            ';' => ";",
            '\n' => "\n",
            '(' if word.is_none() => {
                words.push("(".to_owned());
                continue;
            }
            ')' => continue,
            c if c.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            c => {
                word.get_or_insert_default().push(c);
                continue;
            }
        };
        words.extend(word.take());
        commands.push((std::mem::take(&mut words), ends));
    }
    words.extend(word);
    commands.push((words, ";"));
    commands.retain(|(words, _)| !words.is_empty());
    Some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing where only `sh` and `git` are on PATH.
    fn of(command: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("web")).unwrap();
        std::fs::write(at("plain"), "").unwrap();
        crate::os::symlink(Path::new("/bin/sh"), &at("gradlew")).unwrap();
        crate::os::symlink(Path::new("/bin/sh"), &at("web/go")).unwrap();
        let found = missing(command, folder.path(), false, &|p| ["sh", "git"].contains(&p));
        found.map(|m| m.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_first_program_is_found_behind_what_stands_before_it() {
        for command in [
            "uv run pytest",
            "A=1 B='x y' uv run",
            "cd web && uv run",
            "cd web; uv run",
            "export A=1\nuv run",
            "# first\nuv run",
            "(cd web && uv run)",
            "exec uv run",
            "env A=1 uv run",
            "set -e; uv run",
            "'uv' run",
            "u\\\nv run",
            "uv run | tee log",
        ] {
            assert_eq!(of(command), "`uv` is not on PATH", "{command}");
        }
        assert_eq!(of("git fetch && uv run"), "", "only the first one");
    }

    #[test]
    fn paths_are_looked_for_in_the_folder_of_the_command() {
        assert_eq!(of("./gradlew test"), "");
        assert_eq!(of("./mvnw test"), "`./mvnw` does not exist");
        assert_eq!(of("./plain test"), "`./plain` is not executable");
        assert_eq!(of("cd web && ./go"), "");
        assert_eq!(of("cd web && ./gradlew"), "`./gradlew` does not exist");
        assert_eq!(of("/bin/sh -c true"), "");
        assert_eq!(of("/nowhere/x"), "`/nowhere/x` does not exist");
        assert_eq!(missing("./made", Path::new("/"), true, &|_| false), None, "setup may make it");
    }

    #[test]
    fn where_reading_does_not_tell_nothing_is_claimed() {
        for command in [
            "",
            "true",
            "$RUNNER test",
            "if x; then y; fi",
            "for x in a; do y; done",
            ". .venv/bin/activate && uv run",
            "PATH=/x uv run",
            "export PATH=/x; uv run",
            "cd $x && ./go",
            "test -e x || uv run",
            "command -v uv && uv run",
            "! uv run",
            "~/bin/x",
            "'not closed",
            "f() { uv; }; f",
        ] {
            assert_eq!(of(command), "", "{command}");
        }
    }
}
