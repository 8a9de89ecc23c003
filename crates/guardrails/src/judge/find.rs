//! `find` and `fd`: what they find, and what they do to it.

use super::Command;
use crate::Kind;
use crate::place::{Where, is_rebuilt_name};
use crate::shell::{Feed, Shell};
use crate::text::is_glob;

/// What names files, with the next word.
const NAMES: [&str; 7] = ["-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex"];

/// Judges it, and says what it prints.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) -> Feed {
    match command.program {
        "fd" | "fdfind" => fd(shell, command),
        _ => find(shell, command),
    }
}

fn find(shell: &mut Shell<'_>, command: &Command<'_>) -> Feed {
    let args = command.args();
    let is_expression = |word: &str| (word.starts_with('-') && word.len() > 1) || matches!(word, "(" | ")" | "!");
    let begins = args.iter().position(|word| is_expression(word) && !matches!(word.as_str(), "-L" | "-H" | "-P"));
    let (starts, tests) = args.split_at(begins.unwrap_or(args.len()));
    let starts: Vec<&str> = starts.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let starts = if starts.is_empty() { vec!["."] } else { starts };
    let names = names(tests);
    let paths = found(shell, &starts, &names, tests);
    for (at, test) in tests.iter().enumerate() {
        match test.as_str() {
            "-delete" => {
                let argv: Vec<String> =
                    ["rm", "-r"].into_iter().map(str::to_owned).chain(paths.iter().cloned()).collect();
                judge_removal(shell, command, &argv);
            }
            "-exec" | "-execdir" | "-ok" | "-okdir" => {
                let rest = &tests[at + 1..];
                let end = rest.iter().position(|word| word == ";" || word == "+").unwrap_or(rest.len());
                shell.exec_on(&rest[..end], &paths);
            }
            "-fprint" | "-fprintf" | "-fls" => {
                if let Some(file) = tests.get(at + 1) {
                    shell.judge_written(file, false, &Feed::None);
                }
            }
            _ => {}
        }
    }
    Feed::Paths(paths)
}

fn judge_removal(shell: &mut Shell<'_>, command: &Command<'_>, argv: &[String]) {
    let targets: Vec<&str> = argv[2..].iter().map(String::as_str).collect();
    super::files::remove(shell, command, &targets, true);
    for target in targets {
        if super::dotenv::is_env_file(target) {
            shell.report(Kind::EnvFile, command.argv, super::dotenv::WHY_WRITTEN);
        }
    }
}

/// The names that it looks for; what is behind `!` is what it leaves out.
fn names(tests: &[String]) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, test) in tests.iter().enumerate() {
        let is_negated = at > 0 && matches!(tests[at - 1].as_str(), "!" | "-not");
        if NAMES.contains(&test.as_str()) && !is_negated {
            names.extend(tests.get(at + 1).map(String::as_str));
        }
    }
    names
}

/// What is found, as targets of a delete: the names where they say enough, otherwise everything below the start.
fn found(shell: &Shell<'_>, starts: &[&str], names: &[&str], tests: &[String]) -> Vec<String> {
    let last = |name: &str| name.trim_end_matches("/*").rsplit('/').next().unwrap_or_default().to_owned();
    let is_junk = |name: &&str| {
        let name = last(name);
        is_rebuilt_name(name.trim_start_matches('*'))
            || is_rebuilt_name(&name.replace('*', "x"))
            || begins_with_junk(&name)
    };
    let is_one = |name: &&str| !is_glob(name) || last(name).starts_with(".env");
    let is_empty = tests.iter().any(|test| test == "-empty");
    let narrow = !names.is_empty() && names.iter().all(|name| is_junk(name) || is_one(name));
    let mut paths = Vec::new();
    for start in starts {
        let place = shell.place.locate(shell.scope.folder.as_deref(), start);
        let is_ours =
            matches!(place, Where::Rebuilt | Where::Inside(_) | Where::Workspace) || is_temporary(shell, start);
        match (is_ours, narrow) {
            (true, true) => paths.extend(names.iter().map(|name| last(name))),
            (true, false) if is_empty => {}
            // In a folder for temporary files any name means some of them.
            (true, false) if is_temporary(shell, start) && !names.is_empty() => {
                paths.extend(names.iter().map(|name| format!("{}/{}", start.trim_end_matches('/'), last(name))));
            }
            (_, true) if !is_ours => {
                paths.extend(names.iter().map(|name| format!("{}/{}", start.trim_end_matches('/'), last(name))));
            }
            _ => paths.push(format!("{}/*", start.trim_end_matches('/'))),
        }
    }
    paths
}

fn is_temporary(shell: &Shell<'_>, start: &str) -> bool {
    shell.place.temporary.iter().any(|root| root == start.trim_end_matches('/'))
}

fn begins_with_junk(name: &str) -> bool {
    name.trim_end_matches('*').len() > 3
        && ["pytest-", "tmp", "temp", ".tmp", "core."].iter().any(|begin| name.starts_with(begin))
}

fn fd(shell: &mut Shell<'_>, command: &Command<'_>) -> Feed {
    let args = command.args();
    let exec = args.iter().position(|word| matches!(word.as_str(), "-x" | "-X" | "--exec" | "--exec-batch"));
    let before = &args[..exec.unwrap_or(args.len())];
    let extension =
        before.iter().position(|word| word == "-e" || word == "--extension").and_then(|at| before.get(at + 1));
    let taken =
        |at: usize| at > 0 && matches!(before[at - 1].as_str(), "-e" | "--extension" | "-t" | "--type" | "-d" | "-E");
    let plain: Vec<&String> = before
        .iter()
        .enumerate()
        .filter(|(at, word)| !word.starts_with('-') && !taken(*at))
        .map(|(_, word)| word)
        .collect();
    let paths = match (extension, plain.first()) {
        (Some(extension), _) => {
            vec![if is_rebuilt_name(&format!("x.{extension}")) { format!("x.{extension}") } else { "./*".to_owned() }]
        }
        (None, Some(name))
            if name.as_str() != "." && is_rebuilt_name(name.trim_start_matches('^').trim_end_matches('$')) =>
        {
            vec![(*name).clone()]
        }
        _ => vec!["./*".to_owned()],
    };
    if let Some(exec) = exec {
        let command = &args[exec + 1..];
        let has_place = command.iter().any(|word| word.contains("{}"));
        let whole: Vec<String> =
            if has_place { command.to_vec() } else { command.iter().cloned().chain(["{}".to_owned()]).collect() };
        shell.exec_on(&whole, &paths);
    }
    Feed::Paths(paths)
}
