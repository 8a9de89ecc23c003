//! git: pushes that replace what others have, and commands that lose work.

use super::Command;
use crate::Kind;
use crate::shell::{Feed, Shell};
use crate::text::is_glob;

/// git's own options that take the next word.
const WITH_VALUE: [&str; 8] =
    ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--config-env", "--exec-path", "--super-prefix"];

const WHY_CHANGES: &str = "It throws away changes that are not committed.";
const WHY_HISTORY: &str = "It removes what git would give lost work back from.";

/// Judges it, and says what it prints.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) -> Option<Feed> {
    match command.program {
        "git" | "hub" => return git(shell, command),
        "hg" if command.begins(&["push"]) && (command.has_letter('f') || command.has(&["--force"])) => {
            shell.report(Kind::ForcePush, command.argv, "It replaces commits that others may have.");
        }
        "hg" if command.begins(&["strip"]) || (command.has(&["--clean", "-C"]) && !command.begins(&["log"])) => {
            shell.report(Kind::LossOfWork, command.argv, WHY_CHANGES);
        }
        "svn" if command.begins(&["revert"]) && command.has(&["-R", "--recursive"]) => {
            shell.report(Kind::LossOfWork, command.argv, WHY_CHANGES);
        }
        "jj" if command.begins(&["op", "abandon"])
            || command.begins(&["abandon"])
            || command.begins(&["util", "gc"]) =>
        {
            shell.report(Kind::LossOfWork, command.argv, WHY_HISTORY);
        }
        "bfg" => shell.report(Kind::LossOfWork, command.argv, "It rewrites the whole history."),
        _ => {}
    }
    None
}

fn git(shell: &mut Shell<'_>, command: &Command<'_>) -> Option<Feed> {
    let args = command.args();
    let (mut at, mut aliases) = (0, Vec::new());
    while let Some(option) = args.get(at).filter(|word| word.starts_with('-')) {
        if option == "-c" {
            let alias = args.get(at + 1).and_then(|word| word.strip_prefix("alias.")?.split_once('='));
            aliases.extend(alias.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        at += if WITH_VALUE.contains(&option.as_str()) { 2 } else { 1 };
    }
    let verb = args.get(at)?.clone();
    shell.scope.git_aliases.extend(aliases);
    if let Some(line) = shell.scope.git_aliases.remove(&verb) {
        let rest = super::scripts::quoted(&args[at + 1..]);
        let line = match line.strip_prefix('!') {
            Some(line) => format!("{line} {rest}"),
            None => format!("git {line} {rest}"),
        };
        return Some(shell.line(&line, command.stdin));
    }
    // Seen from here the verb is the program.
    let argv: Vec<String> = args[at..].to_vec();
    let verb_command = Command { program: &verb, argv: &argv, stdin: command.stdin };
    judge_verb(shell, command.argv, &verb_command)
}

fn judge_verb(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>) -> Option<Feed> {
    let plain = verb.plain();
    let first = plain.first().copied().unwrap_or_default();
    let lose = |shell: &mut Shell<'_>, why: &str| shell.report(Kind::LossOfWork, whole, why);
    let forced = verb.has_letter('f') || verb.has(&["--force"]);
    match verb.program {
        "push" | "send-pack" => push(shell, whole, verb),
        "reset" if verb.has(&["--hard"]) => lose(shell, WHY_CHANGES),
        "reset" if verb.has(&["--merge", "--keep"]) && !plain.is_empty() => lose(shell, WHY_CHANGES),
        "checkout" => checkout(shell, whole, verb),
        "restore" => restore(shell, whole, verb),
        "switch" if forced || verb.has(&["--discard-changes"]) => lose(shell, WHY_CHANGES),
        "clean" => clean(shell, whole, verb),
        "stash" if matches!(first, "drop" | "clear") => lose(shell, "It throws away stashed changes."),
        "branch" if is_branch_deletion(verb, forced) => {
            lose(shell, "It deletes branches even when nothing else has their commits.");
        }
        "branch" if forced && plain.len() > 1 => lose(shell, "It moves a branch away from its commits."),
        "tag" if verb.has_letter('d') || verb.has(&["--delete"]) => lose(shell, "It deletes tags."),
        "update-ref" if verb.has_letter('d') || verb.has(&["--stdin"]) => {
            lose(shell, "It deletes refs past every check.");
        }
        "symbolic-ref" if verb.has_letter('d') || verb.has(&["--delete"]) => {
            lose(shell, "It deletes refs past every check.");
        }
        "reflog" if matches!(first, "expire" | "delete") => lose(shell, WHY_HISTORY),
        "gc" if verb
            .args()
            .iter()
            .any(|w| w.starts_with("--prune=") && !w.contains("week") && !w.contains("month")) =>
        {
            lose(shell, WHY_HISTORY);
        }
        "prune" if !verb.has_letter('n') && !verb.is_harmless() => lose(shell, WHY_HISTORY),
        "filter-branch" | "filter-repo" => lose(shell, "It rewrites the whole history."),
        "replace" if verb.has_letter('d') => {}
        "worktree" if first == "remove" && forced => {
            lose(shell, "It deletes a worktree with changes that are not committed.");
        }
        "rm" => removed(shell, whole, verb, forced),
        "submodule" if first == "deinit" && forced => lose(shell, "It deletes submodules with their changes."),
        "read-tree" if verb.has(&["--reset"]) && verb.has_letter('u') => lose(shell, WHY_CHANGES),
        "checkout-index" if forced && (verb.has_letter('a') || verb.has(&["--all"])) => lose(shell, WHY_CHANGES),
        "config" => configured(shell, verb),
        "credential" if first == "fill" => shell.report(Kind::SecretRead, whole, "It shows a stored password."),
        "submodule" if first == "foreach" => {
            let rest = verb.args().iter().skip_while(|word| *word != "foreach").skip(1);
            let line = rest.skip_while(|word| word.starts_with("--")).cloned().collect::<Vec<_>>().join(" ");
            let _output = shell.line(&line, &Feed::None);
        }
        "bisect" if first == "run" => {
            let _output = shell.run(verb.argv.get(2..).unwrap_or_default().to_vec(), &Feed::None);
        }
        "rebase" => {
            for line in super::written::values(verb, &["-x", "--exec"]) {
                let _output = shell.line(&line, &Feed::None);
            }
        }
        "ls-files" => return Some(listed(verb, &plain)),
        _ => {}
    }
    None
}

/// What `git ls-files` prints: everything, unless it is asked for some.
fn listed(verb: &Command<'_>, plain: &[&str]) -> Feed {
    let narrow = verb.has_letter('d') || verb.has(&["--deleted"]);
    match plain {
        _ if narrow => Feed::Paths(vec!["deleted.tmp".to_owned()]),
        [] => Feed::Paths(vec!["*".to_owned()]),
        some => Feed::Paths(some.iter().map(|name| (*name).to_owned()).collect()),
    }
}

fn push(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>) {
    let plain = verb.plain();
    let dry = verb.has(&["--dry-run"]) || verb.has_letter('n');
    if dry {
        return;
    }
    let is_forced = verb.has_letter('f')
        || verb
            .args()
            .iter()
            .any(|word| word == "--force" || word.starts_with("--force-with-lease") || word.starts_with("--forc"))
            && !verb.args().iter().all(|word| word == "--force-if-includes" || !word.starts_with("--forc"));
    if is_forced || plain.iter().any(|refspec| refspec.starts_with('+') && refspec.len() > 1) {
        shell.report(Kind::ForcePush, whole, "It replaces commits on the remote that others may have.");
    }
    let deletes =
        verb.has_letter('d') || plain.iter().skip(1).any(|refspec| refspec.starts_with(':') && refspec.len() > 1);
    if deletes || verb.has(&["--delete", "--mirror", "--prune"]) {
        shell.report(Kind::RewriteRemote, whole, "It removes branches or tags of the remote.");
    }
    shell.report(Kind::Push, whole, "It pushes to a remote.");
}

/// Whether a path means more than single files: the whole tree, a folder, a pattern.
fn is_wide(path: &str) -> bool {
    matches!(path, "." | "..")
        || path.starts_with(":/")
        || path.starts_with(":(")
        || path.ends_with('/')
        || is_glob(path)
}

/// Folders that are known by their names; where a branch may stand such a name says nothing.
fn is_known_folder(path: &str) -> bool {
    ["src", "lib", "tests", "test", "docs", "app", "packages", "crates"].contains(&path)
}

fn checkout(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>) {
    let plain = verb.plain();
    let forced = verb.has_letter('f') || verb.has(&["--force"]);
    let makes_branch = verb.has(&["-b", "-B", "--orphan"]);
    let from_merge = verb.has(&["--ours", "--theirs"]);
    let names_paths = verb.args().iter().any(|word| word == "--") || plain.len() > 1;
    let is_path = |path: &&str| (is_wide(path) || (names_paths && is_known_folder(path))) && !path.contains('@');
    if (forced && !from_merge) || (!makes_branch && !from_merge && plain.iter().any(is_path)) {
        shell.report(Kind::LossOfWork, whole, WHY_CHANGES);
    }
}

fn restore(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>) {
    let staged = verb.has(&["--staged"]) || verb.has_letter('S');
    let worktree = verb.has(&["--worktree"]) || verb.has_letter('W') || !staged;
    let names: Vec<&str> = verb.plain();
    if worktree && names.iter().any(|path| is_wide(path) || is_known_folder(path)) {
        shell.report(Kind::LossOfWork, whole, WHY_CHANGES);
    }
}

fn clean(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>) {
    let forced = verb.has_letter('f') || verb.has(&["--force"]);
    let dry = verb.has_letter('n') || verb.has(&["--dry-run"]);
    let plain = verb.plain();
    let rebuilt = |path: &&str| shell.place.locate(shell.scope.folder.as_deref(), path) == crate::place::Where::Rebuilt;
    let forced = forced || verb.has_letter('i');
    let only_rebuilt = !plain.is_empty() && plain.iter().all(rebuilt);
    if forced && !dry && !only_rebuilt {
        shell.report(Kind::LossOfWork, whole, "It deletes files that git does not keep.");
    }
}

fn is_branch_deletion(verb: &Command<'_>, forced: bool) -> bool {
    verb.has_letter('D') || ((verb.has_letter('d') || verb.has(&["--delete"])) && forced)
}

fn removed(shell: &mut Shell<'_>, whole: &[String], verb: &Command<'_>, forced: bool) {
    let plain = verb.plain();
    let cached = verb.has(&["--cached"]);
    if cached || verb.has_letter('n') {
        return;
    }
    let all = plain.iter().any(|path| matches!(*path, "." | "*" | "./" | ":/" | "./*"));
    let core = forced && plain.iter().any(|path| shell.place.locate(shell.scope.folder.as_deref(), path).is_grave());
    if all || core {
        shell.report(Kind::LossOfWork, whole, "It deletes the whole work tree, or a whole part of it.");
    }
}

/// `git config alias.x '…'`: what it will run is kept in mind.
fn configured(shell: &mut Shell<'_>, verb: &Command<'_>) {
    let plain = verb.plain();
    let at = plain.iter().position(|word| word.starts_with("alias."));
    if let Some((name, value)) = at.and_then(|at| Some((plain.get(at)?.strip_prefix("alias.")?, plain.get(at + 1)?))) {
        shell.scope.git_aliases.insert(name.to_owned(), (*value).to_owned());
    }
}
