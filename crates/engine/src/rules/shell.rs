//! What a line for a shell runs, as rules are written. It errs towards too many: what is quoted may be run by whatever
//! it is given to. No reading of a line finds all that a shell can hide; it finds what agents write.

use std::collections::BTreeSet;

/// Words before a command that are not it.
const PREFIXES: [&str; 23] = [
    "sudo", "doas", "env", "exec", "command", "builtin", "nohup", "setsid", "time", "timeout", "nice", "ionice",
    "stdbuf", "xargs", "eval", "if", "then", "elif", "else", "while", "until", "do", "!",
];
/// Options of git that take the next word.
const GIT_WITH_VALUE: [&str; 6] = ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"];
/// What goes on reading commands from its standard input.
const SHELLS: [&str; 10] = ["sh", "bash", "zsh", "dash", "fish", "python", "python3", "node", "irb", "perl"];
/// What stands between commands. Quotes are the last two.
const SEPARATORS: [char; 11] = ['\n', ';', '&', '|', '`', '(', ')', '{', '}', '\'', '"'];
/// After an option of `sudo` and the like, so many words may be the command.
const MOST_READINGS: usize = 8;

/// The commands of a line, read as it stands: what is quoted is a command, too, and the shell that it is given to none.
pub(super) fn plain_commands(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let runs_next = |part: &String| {
        let (program, options) = part.split_once(' ').unwrap_or((part, ""));
        SHELLS.contains(&program) && options.starts_with('-') && options.ends_with('c') && !options.contains(' ')
    };
    let found = line.split(SEPARATORS).flat_map(|part| readings(part).into_iter().next());
    found.filter(|part| !runs_next(part)).collect()
}

/// All that a line may run, in every reading: quotes may stand within a word, or around a value.
pub(super) fn commands(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let apart = line.split(SEPARATORS).flat_map(readings);
    let (joined, hidden) = (line.replace(['\'', '"'], ""), without_quoted(&line));
    let unquoted = [joined.as_str(), hidden.as_str()].into_iter().flat_map(|l| l.split(&SEPARATORS[..9]));
    let found: BTreeSet<String> = apart.chain(unquoted.flat_map(readings)).collect();
    if found.is_empty() { vec![String::new()] } else { found.into_iter().collect() }
}

/// Each quoted piece as one word.
fn without_quoted(line: &str) -> String {
    let mut quote = None;
    let mut shown = String::new();
    for c in line.chars() {
        match quote {
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                shown.push('_');
            }
            None => shown.push(c),
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    shown
}

/// Whether a line begins a conversation with a shell: what is said in it later is judged by nobody.
pub fn opens_shell(line: &str) -> bool {
    let command = readings(line).into_iter().next().unwrap_or_default();
    let mut words = command.split_whitespace();
    let is_shell = words.next().is_some_and(|program| SHELLS.contains(&program));
    is_shell && words.all(|word| matches!(word, "-" | "-i" | "-l" | "-il" | "-li" | "-s" | "-q" | "-u" | "--login"))
}

/// A command as rules are written, without what may stand before it: variables, redirections, other programs that run
/// it. Which options of those take a value is not known: each word after one may be the command.
fn readings(command: &str) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (mut at, mut after_prefix) = (0, false);
    while let Some(word) = words.get(at) {
        let is_prefix = PREFIXES.contains(word);
        if !is_prefix && !stands_before(word) {
            break;
        }
        after_prefix |= is_prefix;
        // A bare arrow is followed by its file.
        let is_arrow = word.trim_start_matches(|c: char| c.is_ascii_digit()).chars().all(|c| matches!(c, '<' | '>'));
        at += if is_arrow && word.contains(['<', '>']) { 2 } else { 1 };
    }
    let rest = words.get(at..).unwrap_or_default();
    let is_unclear = after_prefix && rest.first().is_some_and(|word| word.starts_with('-'));
    let readings = if is_unclear { rest.len().min(MOST_READINGS) } else { rest.len().min(1) };
    (0..readings).map(|from| as_written(&rest[from..])).collect()
}

/// Its program without folder, git without its own options.
fn as_written(words: &[&str]) -> String {
    let mut words = words.iter().copied();
    let program = words.next().unwrap_or_default().trim_start_matches('\\');
    let program = program.rsplit('/').next().unwrap_or(program);
    let mut shown = vec![program];
    let mut words = words.peekable();
    if program == "git" {
        while let Some(option) = words.next_if(|w| w.starts_with('-')) {
            if GIT_WITH_VALUE.contains(&option) {
                words.next();
            }
        }
    }
    shown.extend(words);
    shown.join(" ")
}

/// A variable, a number (of seconds, of a file) or where something goes.
fn stands_before(word: &str) -> bool {
    let is_variable = word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains(['/', '-']));
    let is_number = word.trim_end_matches(['s', 'm', 'h']).parse::<f64>().is_ok();
    is_variable || is_number || word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_behind_whatever_stands_before_it() {
        for line in [
            "git push origin main",
            "cd x && git push origin main",
            "git -C . push origin main",
            "git --namespace x push origin main",
            "A=1 git push origin main",
            "/usr/bin/git push origin main",
            "/bin/bash -lc 'git push origin main'",
            "echo $(git push origin main)",
            "timeout 60 git push origin main",
            "timeout -s KILL 5m git push origin main",
            "if git push origin main; then echo yes; fi",
            "while ! git push origin main; do sleep 1; done",
            "xargs -n 1 git push origin main",
            "nice -n 10 git push origin main",
            "env -u X git push origin main",
            "sudo -E git push origin main",
            "2>&1 git push origin main",
            "> out git push origin main",
            "eval git push origin main",
            "\\git push origin main",
            "git \\\n push origin main",
            "git p''ush origin main",
            "'git' \"push\" origin main",
            "sudo -n git push origin main",
            "env -C dir git push origin main",
            "stdbuf -o L git push origin main",
            "1> out git push origin main",
            "2>> log git push origin main",
            "git -C \"/a b\" push origin main",
            "git -c 'user.name=A B' push origin main",
        ] {
            let found = commands(line);
            assert!(found.iter().any(|c| c == "git push origin main"), "{line}: {found:?}");
        }
        assert_eq!(commands("make -j 2"), ["make -j 2"]);
        assert_eq!(commands("7z x a.7z"), ["7z x a.7z"]);
        assert_eq!(plain_commands("bash -lc 'npm install x' && make"), ["npm install x", "make"]);
    }

    #[test]
    fn a_shell_that_is_only_opened_is_told_from_one_that_runs_something() {
        for line in ["bash", "/bin/bash -i", "exec python3 -q", "sh -l"] {
            assert!(opens_shell(line), "{line}");
        }
        for line in ["bash x.sh", "sh -c ls", "python3 -m pytest", "node server.js", "cat x | bash"] {
            assert!(!opens_shell(line), "{line}");
        }
    }
}
