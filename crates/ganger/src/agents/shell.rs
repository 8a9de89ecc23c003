//! What a line for a shell runs, as rules are written. It errs towards too many: what is quoted may be run by whatever
//! it is given to. No reading of a line finds all that a shell can hide; it finds what agents write.

/// Words before a command that are not it.
const PREFIXES: [&str; 23] = [
    "sudo", "doas", "env", "exec", "command", "builtin", "nohup", "setsid", "time", "timeout", "nice", "ionice",
    "stdbuf", "xargs", "eval", "if", "then", "elif", "else", "while", "until", "do", "!",
];
/// Options of those that take the next word.
const WITH_VALUE: [&str; 7] = ["-u", "-s", "-k", "-n", "-g", "-I", "-P"];
/// Options of git that do.
const GIT_WITH_VALUE: [&str; 6] = ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env"];
/// What goes on reading commands from its standard input.
const SHELLS: [&str; 10] = ["sh", "bash", "zsh", "dash", "fish", "python", "python3", "node", "irb", "perl"];

/// The commands of a line, without what may stand before them: other folders, variables, git's options.
pub(super) fn commands(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let separators = ['\n', ';', '&', '|', '`', '(', ')', '{', '}', '\'', '"'];
    let mut found: Vec<String> = line.split(separators).map(bare).filter(|part| !part.is_empty()).collect();
    // Quotes may as well stand within one word.
    let unquoted = line.replace(['\'', '"'], "");
    found.extend(unquoted.split(&separators[..9]).map(bare).filter(|part| !part.is_empty()));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|part| seen.insert(part.clone()));
    if found.is_empty() { vec![String::new()] } else { found }
}

/// Whether a line begins a conversation with a shell: what is said in it later is judged by nobody.
pub(super) fn opens_shell(line: &str) -> bool {
    let command = bare(line);
    let mut words = command.split_whitespace();
    let is_shell = words.next().is_some_and(|program| SHELLS.contains(&program));
    is_shell && words.all(|word| matches!(word, "-" | "-i" | "-l" | "-il" | "-li" | "-s" | "-q" | "-u" | "--login"))
}

/// A command as rules are written: its program without folder, git without its own options.
fn bare(command: &str) -> String {
    let mut words = command.split_whitespace().peekable();
    let mut after_prefix = false;
    while let Some(word) = words.peek() {
        let takes_value = after_prefix && WITH_VALUE.contains(word);
        let prefix = PREFIXES.contains(word);
        if !(prefix || stands_before(word) || (after_prefix && word.starts_with('-'))) {
            break;
        }
        after_prefix |= prefix;
        let opens_file = matches!(*word, ">" | ">>" | "<" | "2>");
        words.next();
        if takes_value || opens_file {
            words.next();
        }
    }
    let Some(program) = words.next() else { return String::new() };
    let program = program.trim_start_matches('\\');
    let program = program.rsplit('/').next().unwrap_or(program);
    let mut shown = vec![program];
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
        ] {
            let found = commands(line);
            assert!(found.iter().any(|c| c == "git push origin main"), "{line}: {found:?}");
        }
        assert_eq!(commands("make -j 2"), ["make -j 2"]);
        assert_eq!(commands("7z x a.7z"), ["7z x a.7z"]);
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
