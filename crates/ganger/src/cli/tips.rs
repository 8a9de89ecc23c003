//! What a command that does not exist may have been meant as: other tools' words, one level too high, or a slip.

use crate::failure::Failure;
use crate::text;
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What other tools call it.
const OTHER_WORDS: [(&str, &str); 19] = [
    ("ls", "ticket list"),
    ("tickets", "ticket list"),
    ("board", "status"),
    ("new", "ticket add"),
    ("create", "ticket add"),
    ("view", "ticket show"),
    ("update", "ticket edit"),
    ("rm", "ticket close"),
    ("remove", "ticket close"),
    ("delete", "ticket close"),
    ("cancel", "ticket close"),
    ("start", "run"),
    ("pause", "stop"),
    ("continue", "resume"),
    ("logs", "log"),
    ("cards", "inbox"),
    ("approve", "merge"),
    ("mail", "message list"),
    ("check", "doctor"),
];

/// Says what may have been meant in place of clap's guesses, which know one level only and prefer short aliases.
pub(super) fn improve(mut error: clap::Error, root: &Command) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand).cloned() else { return error };
    if let Some(meant) = meant(&word, root) {
        let _guesses = error.remove(ContextKind::SuggestedSubcommand);
        let tip = format!("did you mean `ganger {meant}`?");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// As an error of ours: the first paragraph says what is wrong, and a tip what to do.
pub(super) fn as_failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let told = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let squeezed = told.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::usage(squeezed).hint(tip.unwrap_or("`ganger help` shows how each command is used"))
}

fn meant(word: &str, root: &Command) -> Option<String> {
    let commands = paths(root, "");
    let last = |path: &str| path.rsplit(' ').next().unwrap_or_default().to_owned();
    // The upper level first: `status` is more than a part of something. What comes to mind first is a ticket.
    let is_special = |path: &str| matches!(path, "skill new" | "direction remove");
    let named = |word: &str| commands.iter().find(|path| last(path) == word && !is_special(path)).cloned();
    let other = || OTHER_WORDS.iter().find(|(other, _)| *other == word).map(|(_, path)| (*path).to_owned());
    let names: Vec<String> = commands.iter().map(|path| last(path)).collect();
    named(word).or_else(other).or_else(|| named(text::closest(word, names.iter().map(String::as_str))?))
}

/// The words of each command that people may call, level by level.
fn paths(command: &Command, before: &str) -> Vec<String> {
    let shown: Vec<&Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    let own = |c: &&Command| format!("{before}{}", c.get_name());
    let (groups, single): (Vec<&Command>, Vec<&Command>) = shown.into_iter().partition(|c| c.has_subcommands());
    let mut paths: Vec<String> = single.iter().map(own).collect();
    paths.extend(groups.iter().map(own));
    paths.extend(groups.iter().flat_map(|group| self::paths(group, &format!("{} ", own(group)))));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_word_of_other_tools_leads_to_a_command() {
        let root = crate::cli::Cli::command();
        let known = paths(&root, "");
        for (word, path) in OTHER_WORDS {
            assert!(known.iter().any(|known| known == path), "{path}");
            assert_eq!(meant(word, &root).as_deref(), Some(path), "{word}");
        }
        assert_eq!(meant("statsu", &root).as_deref(), Some("status"));
        assert_eq!(meant("reopn", &root).as_deref(), Some("ticket reopen"));
        assert_eq!(meant("frobnicate", &root), None);
    }
}
