//! Deleting files, in all the ways that there are.

use super::Command;
use crate::Kind;
use crate::place::{Where, is_all};
use crate::shell::Shell;
use crate::text::{is_glob, is_known};

const WHY_ALL: &str = "It deletes the workspace, or everything in it.";
const WHY_OUTSIDE: &str = "It deletes files outside of the workspace, where git cannot give them back.";
const WHY_UNKNOWN: &str = "It deletes whatever a variable or another command names, which is only known when it runs.";
const WHY_CORE: &str = "It deletes a whole part of the project at once.";
const WHY_GIT: &str = "It deletes git's own files, and with them the history.";
const WHY_EMPTIED: &str = "It overwrites what the file held.";

/// Judges what deletes.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    match command.program {
        "rm" | "grm" | "srm" | "unlink" | "rmdir" | "trash" => rm(shell, command),
        "rimraf" | "del-cli" | "del" => {
            let is_deleted = |word: &&str| !word.starts_with("preserve");
            let targets: Vec<&str> = command.plain().into_iter().filter(is_deleted).collect();
            remove(shell, command, &targets, true);
        }
        "shred" | "wipe" => emptied(shell, command, &command.plain()),
        "truncate" => truncate(shell, command),
        "dd" => dd(shell, command),
        "rsync" => rsync(shell, command),
        "mv" | "gmv" => moved(shell, command),
        "cp" if command.plain().first() == Some(&"/dev/null") => {
            emptied(shell, command, command.plain().get(1..).unwrap_or_default());
        }
        "tar" | "gtar" if command.has(&["--remove-files"]) => {
            let plain = command.plain();
            remove(shell, command, plain.get(1..).unwrap_or_default(), true);
        }
        "rclone" if command.begins(&["sync"]) || command.begins(&["move"]) => {}
        _ => {}
    }
}

fn rm(shell: &mut Shell<'_>, command: &Command<'_>) {
    let is_recursive = (command.has_letter('r') || command.has_letter('R') || command.has(&["--recursive"]))
        && matches!(command.program, "rm" | "grm" | "srm");
    let plain = command.plain();
    if command.has(&["--no-preserve-root"]) {
        shell.report(Kind::MassDelete, command.argv, "It deletes the whole machine.");
    }
    if matches!(command.program, "rmdir" | "trash") {
        return;
    }
    remove(shell, command, &plain, is_recursive);
}

/// Judges targets of a delete.
pub(super) fn remove(shell: &mut Shell<'_>, command: &Command<'_>, targets: &[&str], is_recursive: bool) {
    for target in targets {
        let place = shell.place.locate(shell.scope.folder.as_deref(), target);
        let name = target.rsplit('/').next().unwrap_or_default();
        let is_database = [".db", ".sqlite", ".sqlite3"].iter().any(|end| name.ends_with(end)) && name.contains("prod");
        if is_database {
            shell.report(Kind::Database, command.argv, "It deletes a database with all that is in it.");
        }
        if let Some(why) = grave(&place, target, is_recursive) {
            shell.report(Kind::MassDelete, command.argv, why);
        } else if is_recursive && place != Where::Rebuilt {
            shell.report(Kind::Delete, command.argv, "It deletes a folder that the next build does not make anew.");
        }
    }
}

/// Why a target must not be deleted.
fn grave(place: &Where, target: &str, is_recursive: bool) -> Option<&'static str> {
    match place {
        Where::Rebuilt => None,
        Where::Workspace if is_recursive || is_glob(target) || target.ends_with('!') => Some(WHY_ALL),
        Where::Workspace => None,
        Where::Outside => Some(WHY_OUTSIDE),
        // `rm "$file"` means one file; `rm "$folder"/*` means many.
        Where::Unknown => {
            let is_many = is_recursive
                || target.rsplit('\u{E001}').next().is_some_and(|tail| is_glob(tail) && tail.contains('/'));
            let is_listed = !is_known(target) && target.contains("$(stdin)");
            (is_many || is_listed).then_some(WHY_UNKNOWN)
        }
        Where::Inside(parts) if parts.first().is_some_and(|part| part == ".git") => {
            (place.is_grave() && (is_recursive || parts.len() < 3)).then_some(WHY_GIT)
        }
        // Wherever in the workspace `cd` has led: everything that is there.
        Where::Inside(_)
            if is_recursive && target.split('/').all(|part| matches!(part, "" | "." | "..") || is_all(part)) =>
        {
            Some(WHY_CORE)
        }
        // `src/*` without `-r` takes the files of one folder, all of them.
        Where::Inside(_) => (place.is_grave() && (is_recursive || is_glob(target))).then_some(WHY_CORE),
    }
}

/// Files that lose what they held.
fn emptied(shell: &mut Shell<'_>, command: &Command<'_>, targets: &[&str]) {
    for target in targets {
        let place = shell.place.locate(shell.scope.folder.as_deref(), target);
        if place != Where::Rebuilt {
            shell.report(Kind::MassDelete, command.argv, WHY_EMPTIED);
        }
    }
}

fn truncate(shell: &mut Shell<'_>, command: &Command<'_>) {
    let args = command.args();
    let at = args.iter().position(|word| word == "-s" || word == "--size");
    let size = at.and_then(|at| args.get(at + 1)).cloned().or_else(|| {
        args.iter().find_map(|word| word.strip_prefix("--size=").or_else(|| word.strip_prefix("-s"))).map(str::to_owned)
    });
    let shrinks = size.as_deref().is_some_and(|size| size == "0" || size.starts_with(['-', '<', '/']));
    let plain = command.plain();
    let targets: Vec<&str> = plain.into_iter().filter(|word| Some(*word) != size.as_deref()).collect();
    if shrinks {
        emptied(shell, command, &targets);
    }
}

fn dd(shell: &mut Shell<'_>, command: &Command<'_>) {
    let Some(target) = command.args().iter().find_map(|word| word.strip_prefix("of=")) else { return };
    if matches!(target, "/dev/null" | "/dev/stdout" | "/dev/stderr") {
        return;
    }
    let place = shell.place.locate(shell.scope.folder.as_deref(), target);
    let is_image = ["img", "bin", "iso", "dat", "raw", "qcow2", "zero", "test"].iter().any(|end| target.ends_with(end));
    if target.starts_with("/dev/") {
        shell.report(Kind::MassDelete, command.argv, "It writes to a disk past its file system.");
    } else if place.is_grave() || (!is_image && place != Where::Rebuilt) {
        shell.report(Kind::MassDelete, command.argv, WHY_EMPTIED);
    }
}

fn rsync(shell: &mut Shell<'_>, command: &Command<'_>) {
    let deletes = command.args().iter().any(|word| word.starts_with("--del") || word == "--remove-source-files");
    if !deletes || command.is_harmless() || command.has_letter('n') {
        return;
    }
    let Some(target) = command.plain().last().copied() else { return };
    let is_remote = target.contains(':');
    let place = shell.place.locate(shell.scope.folder.as_deref(), target);
    let source = command.plain().first().map(|s| s.trim_end_matches('/').to_owned()).unwrap_or_default();
    let is_site = matches!(place, Where::Inside(_)) && !place.is_grave() && crate::place::is_rebuilt_name(&source);
    if is_remote || (place != Where::Rebuilt && !is_site) {
        shell.report(
            Kind::MassDelete,
            command.argv,
            "It deletes everything in the target that the source does not have.",
        );
    }
}

fn moved(shell: &mut Shell<'_>, command: &Command<'_>) {
    let plain = command.plain();
    let Some((target, sources)) = plain.split_last() else { return };
    let into_nothing = target.starts_with("/dev/null");
    for source in sources {
        let place = shell.place.locate(shell.scope.folder.as_deref(), source);
        let leaves = !matches!(shell.place.locate(shell.scope.folder.as_deref(), target), Where::Inside(_));
        let is_git =
            matches!(&place, Where::Inside(parts) if parts.first().is_some_and(|p| p == ".git")) && place.is_grave();
        let why = match place {
            _ if into_nothing => Some("What is moved to /dev/null is gone."),
            Where::Workspace if leaves => Some("It moves the whole workspace away."),
            Where::Outside if !shell.place.home.is_empty() && is_glob(source) => {
                Some("It moves files outside of the workspace.")
            }
            Where::Outside if shell.path(source).matches('/').count() < 3 => {
                Some("It moves files outside of the workspace.")
            }
            _ if is_git => Some(WHY_GIT),
            _ => None,
        };
        if let Some(why) = why {
            shell.report(Kind::MassDelete, command.argv, why);
        }
    }
}
