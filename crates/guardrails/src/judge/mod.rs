//! What a plain command asks for. Each file judges one field.

mod cloud;
mod database;
pub(crate) mod dotenv;
mod files;
mod find;
mod git;
mod network;
mod publish;
pub(crate) mod scripts;
mod secrets;
mod system;
mod written;

use crate::shell::{Feed, Shell};

/// A command without what only runs it.
pub(crate) struct Command<'a> {
    pub(crate) program: &'a str,
    /// With the program.
    pub(crate) argv: &'a [String],
    pub(crate) stdin: &'a Feed,
}

impl Command<'_> {
    /// Words behind the program.
    fn args(&self) -> &[String] {
        &self.argv[1..]
    }

    /// Words that are not options.
    fn plain(&self) -> Vec<&str> {
        let mut ended = false;
        let mut plain = Vec::new();
        for word in self.args() {
            match word.as_str() {
                "--" if !ended => ended = true,
                option if !ended && option.starts_with('-') && option.len() > 1 => {}
                word => plain.push(word),
            }
        }
        plain
    }

    /// Whether it has one of these options, written out.
    fn has(&self, options: &[&str]) -> bool {
        let is = |word: &String| {
            options
                .iter()
                .any(|o| word == o || (o.starts_with("--") && word.strip_prefix(o).is_some_and(|r| r.starts_with('='))))
        };
        self.args().iter().any(is)
    }

    /// Whether one of its groups of short options has this letter: `-xdf` has `f`.
    fn has_letter(&self, letter: char) -> bool {
        let options = self.args().iter().take_while(|word| *word != "--");
        options.filter(|word| word.starts_with('-') && !word.starts_with("--")).any(|word| word.contains(letter))
    }

    /// Whether its first words that are not options are these.
    fn begins(&self, words: &[&str]) -> bool {
        let plain = self.plain();
        words.iter().enumerate().all(|(n, word)| plain.get(n) == Some(word))
    }

    /// Whether it only shows what it would do, or how it is used.
    fn is_harmless(&self) -> bool {
        let only_asks = self.argv.len() == 2 && self.argv[1] == "--version";
        let is_off = self.args().iter().any(|word| word.ends_with("=false"));
        only_asks || (!is_off && self.has(&["--help", "--dry-run", "--dryrun", "--check", "--what-if"]))
    }
}

/// Judges a command, and says what it prints where that is known here.
pub(crate) fn command(shell: &mut Shell<'_>, program: &str, argv: &[String], stdin: &Feed) -> Option<Feed> {
    let command = Command { program, argv, stdin };
    if command.has(&["--help"]) {
        return Some(Feed::None);
    }
    files::judge(shell, &command);
    written::judge(shell, &command);
    system::judge(shell, &command);
    database::judge(shell, &command);
    network::judge(shell, &command);
    if !command.is_harmless() {
        publish::judge(shell, &command);
        cloud::judge(shell, &command);
    }
    match program {
        "git" | "hub" | "hg" | "svn" | "jj" | "bfg" => git::judge(shell, &command),
        "find" | "gfind" | "fd" | "fdfind" => Some(find::judge(shell, &command)),
        _ => secrets::judge(shell, &command),
    }
}
