//! One command: looks through programs that only run others, and has what is left judged.

use super::programs::{LIKELY, RUNNER_VALUES, RUNNERS, WRAPPERS, base};
use super::{Feed, Shell};
use crate::text::{Origin, fits, has_origin, is_glob, is_known};
use crate::{Kind, judge};

/// Why code from the network is stopped.
pub(super) const WHY_REMOTE: &str = "It runs code that comes over the network, unread.";
/// Why code that was decoded is stopped.
pub(super) const WHY_DECODED: &str = "It runs code that is encoded, so that nobody can read what it does.";

impl Shell<'_> {
    /// Runs a command and says what it prints.
    pub(crate) fn run(&mut self, argv: Vec<String>, stdin: &Feed) -> Feed {
        self.commands += 1;
        let mut argv = argv;
        while argv.first().is_some_and(|word| word == "!" || is_assignment(word)) {
            let word = argv.remove(0);
            if let Some((name, value)) = word.split_once('=') {
                self.set(name, vec![value.to_owned()]);
            }
        }
        let Some(first) = argv.first() else { return Feed::None };
        if self.commands > super::MOST_COMMANDS || !self.is_clear(first, &argv, Kind::Unclear) {
            return Feed::None;
        }
        if let Some(line) = self.scope.aliases.get(first).filter(|line| base(line) != first).cloned() {
            let line = format!("{line} {}", quoted(&argv[1..]));
            return self.line(&line, stdin);
        }
        if let Some(output) = self.call(&argv, stdin) {
            return output;
        }
        let mut program = base(first).trim_start_matches('\\').to_owned();
        if is_glob(&program)
            && let Some(likely) = LIKELY.iter().find(|name| fits(&program, name))
        {
            program = (*likely).to_owned();
        }
        if let Some(output) = self.made_file(first, &argv, stdin) {
            return output;
        }
        if let Some(rest) = self.unwrapped(&program, &argv) {
            return self.run(rest, stdin);
        }
        argv[0].clone_from(&program);
        if let Some(output) = self.nested(&program, &argv, stdin) {
            return output;
        }
        if let Some(output) = judge::command(self, &program, &argv, stdin) {
            return output;
        }
        self.output(&program, &argv[1..], stdin)
    }

    /// Whether a text that is run can be read; otherwise it is reported by where it comes from.
    pub(super) fn is_clear(&mut self, text: &str, argv: &[String], otherwise: Kind) -> bool {
        if is_known(text) {
            return true;
        }
        if has_origin(text, Origin::Network) {
            self.report(Kind::RemoteCode, argv, WHY_REMOTE);
        } else if has_origin(text, Origin::Decoded) {
            self.report(Kind::Hidden, argv, WHY_DECODED);
        } else {
            self.report(otherwise, argv, "What it runs is only known when it runs.");
        }
        false
    }

    /// A file that the line itself wrote, or downloaded, and now runs.
    fn made_file(&mut self, first: &str, argv: &[String], stdin: &Feed) -> Option<Feed> {
        if !first.contains('/') {
            return None;
        }
        let made = self.scope.files.get(&self.path(first)).cloned()?;
        self.run_made(&made, argv, stdin)
    }

    /// Runs what a file holds.
    pub(super) fn run_made(&mut self, made: &Feed, argv: &[String], stdin: &Feed) -> Option<Feed> {
        match made {
            Feed::Text(text) => {
                let text = text.clone();
                Some(self.subshell(|shell| shell.with_positional(argv.to_vec(), &text, stdin)))
            }
            Feed::Network => {
                self.report(Kind::RemoteCode, argv, WHY_REMOTE);
                Some(Feed::None)
            }
            Feed::Decoded => {
                self.report(Kind::Hidden, argv, WHY_DECODED);
                Some(Feed::None)
            }
            _ => None,
        }
    }

    /// What a program runs that only runs another.
    fn unwrapped(&mut self, program: &str, argv: &[String]) -> Option<Vec<String>> {
        if program == "env" {
            return self.after_env(argv);
        }
        if let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == program) {
            if matches!(program, "sudo" | "doas" | "run0" | "pkexec") {
                self.report(Kind::Privilege, argv, "It runs as another user.");
            }
            // `command -v git` only looks.
            if program == "command" && argv.get(1).is_some_and(|option| matches!(option.as_str(), "-v" | "-V")) {
                let name = argv.get(2).cloned().unwrap_or_default();
                return Some(vec!["which".to_owned(), name]);
            }
            let mut at = after_options(argv, 1, wrapper.with_value);
            at += wrapper.own_words;
            let rest: Vec<String> =
                argv.get(at..).unwrap_or_default().iter().skip_while(|word| word.as_str() == "--").cloned().collect();
            return (!rest.is_empty()).then_some(rest);
        }
        let (_, verbs) = RUNNERS.iter().find(|(name, _)| *name == program)?;
        let mut at = after_options(argv, 1, &RUNNER_VALUES);
        if !verbs.is_empty() {
            if !verbs.contains(&argv.get(at)?.as_str()) {
                return None;
            }
            at = after_options(argv, at + 1, &RUNNER_VALUES);
        }
        let rest = argv.get(at..).filter(|rest| !rest.is_empty())?;
        // `yarn run build` runs a script of the project's.
        let is_script = matches!(program, "yarn" | "bun") && argv.get(1).is_some_and(|word| word == "run");
        let rest: Vec<String> = rest.iter().map(|word| without_version(word)).collect();
        (!is_script || rest.len() > 1).then_some(rest)
    }

    /// `env` with its variables; `-S` takes a line.
    fn after_env(&mut self, argv: &[String]) -> Option<Vec<String>> {
        let mut at = 1;
        while let Some(word) = argv.get(at) {
            match word.as_str() {
                "-u" | "--unset" | "-C" | "--chdir" => at += 2,
                "-S" | "--split-string" => {
                    let line = argv.get(at + 1..).unwrap_or_default().join(" ");
                    return Some(line.split_whitespace().map(str::to_owned).collect());
                }
                "--" => at += 1,
                option if option.starts_with('-') => at += 1,
                variable if is_assignment(variable) => {
                    let (name, value) = variable.split_once('=').unwrap_or_default();
                    self.set(name, vec![value.to_owned()]);
                    at += 1;
                }
                _ => break,
            }
        }
        let rest = argv.get(at..).unwrap_or_default().to_vec();
        (!rest.is_empty()).then_some(rest)
    }

    /// A path from the top, as far as the folder is known.
    pub(crate) fn path(&self, path: &str) -> String {
        let folder = self.scope.folder.as_deref().unwrap_or(&self.place.workspace);
        crate::place::absolute(folder, path)
    }
}

/// `NAME=value`.
pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.chars().all(|c| c.is_alphanumeric() || c == '_') && name.chars().next().is_some_and(|c| !c.is_numeric())
    })
}

/// Where the words begin that are not options.
pub(super) fn after_options(argv: &[String], from: usize, with_value: &[&str]) -> usize {
    let mut at = from;
    while let Some(word) = argv.get(at) {
        if word == "--" {
            return at + 1;
        }
        // `sudo X=1 command`: a variable stands where an option may.
        let is_option = (word.starts_with('-') && word.len() > 1) || word.starts_with('+') || is_assignment(word);
        if !is_option {
            break;
        }
        at += if with_value.contains(&word.as_str()) { 2 } else { 1 };
    }
    at
}

/// `rimraf@5` is `rimraf`.
fn without_version(word: &str) -> String {
    match word.rfind('@') {
        Some(at) if at > 0 && !word.contains(['/', ' ', ':', '=']) => word[..at].to_owned(),
        _ => word.to_owned(),
    }
}

/// Words as a line that means them.
pub(super) fn quoted(words: &[String]) -> String {
    let quote = |word: &String| match word.chars().all(|c| c.is_alphanumeric() || "-_./=@:+,%~*?".contains(c))
        && !word.is_empty()
    {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
