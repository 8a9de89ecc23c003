//! The world of one sequence: a person's repository, a library beside it, the depot, and one workspace in which an
//! agent's shell runs.

use crate::depot::{Depot, Workspace};
use crate::git::Repository;
use ganger_engine::{Commit, TicketId};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where everything of a sequence lies, and how far it has come.
pub(super) struct World {
    pub(super) depot: Depot,
    pub(super) workspace: Workspace,
    pub(super) base: Commit,
    /// Verbs so far: contents and dates are named after it.
    pub(super) step: usize,
    folder: TempDir,
}

/// The repositories that every sequence begins with, made once.
pub(super) struct Template(TempDir);

impl Template {
    pub(super) fn make() -> Self {
        let folder = folder();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        let made = shell(folder.path(), folder.path(), 0, 0, PERSON).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self(folder)
    }
}

/// In memory where there is such a place: Ganger syncs much, and what a power cut leaves is tested elsewhere.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl World {
    pub(super) fn new(template: &Template) -> Self {
        let folder = folder();
        crate::os::copy_tree(&template.0.path().join("."), folder.path()).unwrap();
        let person = Repository::discover(&folder.path().join("person")).unwrap();
        let depot = Depot::open(&folder.path().join("state"), &person).unwrap();
        let workspace = Workspace {
            ticket: TicketId::new("T-1"),
            path: folder.path().join("work/T-1"),
            branch: "ganger/T-1".to_owned(),
        };
        let base = depot.person.branch("main").unwrap();
        let world = Self { depot, workspace, base, step: 0, folder };
        world.ensure().unwrap();
        world
    }

    /// Makes the workspace, or makes sure that it is there.
    pub(super) fn ensure(&self) -> Result<(), crate::git::GitError> {
        self.depot.bring_from_person(&self.base)?;
        let refs = self.depot.refs_to_compare_with("main");
        self.workspace.ensure(&self.depot, &self.base, &refs)
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// What an agent does there. Much of it fails, as it does for agents: whether it did not.
    pub(super) fn agent(&self, script: &str, n: u8) -> bool {
        self.workspace.path.is_dir()
            && shell(self.root(), &self.workspace.path, self.step, n, script).output().unwrap().status.success()
    }

    /// What a command of the agent's prints; `None` when it fails.
    pub(super) fn ask_agents_git(&self, script: &str) -> Option<String> {
        let output = shell(self.root(), &self.workspace.path, self.step, 0, script).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What the person does in their repository.
    pub(super) fn person(&self, script: &str) {
        let done = shell(self.root(), &self.depot.person.root, self.step, 0, script).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Whatever is configured to be run by git leaves this behind.
    pub(super) fn marker(&self) -> PathBuf {
        self.root().join("executed")
    }
}

/// A shell with a home of its own, a clock that counts verbs, and a name for each content.
fn shell(root: &Path, dir: &Path, step: usize, n: u8, script: &str) -> Command {
    let date = format!("{} +0000", 1_700_000_000 + 60 * step);
    // An agent's git waits for ever for a pipe; agents give up at some time.
    let mut command = Command::new("timeout");
    command.args(["2", "sh", "-c"]).arg(format!("{PRELUDE}\n{script}")).current_dir(dir).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", root.join("home"));
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C")
        .env("GIT_EDITOR", "true")
        .env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).env("EMAIL", "agent@example.org");
    // Submodules and clones of folders.
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "protocol.file.allow");
    command.env("GIT_CONFIG_VALUE_0", "always");
    command.env("ROOT", root).env("STEP", step.to_string()).env("N", n.to_string());
    command.env("F", FILES[usize::from(n) % FILES.len()]).env("BRANCH", format!("side-{}", n % 3));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Names of files, some of them odd.
const FILES: [&str; 17] = [
    "a.txt",
    "src/lib.txt",
    "src/new.txt",
    "README",
    "docs/deep/er/x.txt",
    "with space.txt",
    "ünïcode.txt",
    "new\nline.txt",
    "./-dash",
    "quo\"te.txt",
    "tab\there",
    "back\\slash",
    "./:(top)magic",
    "*glob*",
    "[x]",
    "tests/test_one.txt",
    " ",
];

/// `put FILE` writes a content that nobody wrote before; `more FILE` appends such a line. `spy` makes a program that
/// says that it was run, and passes on what it reads.
const PRELUDE: &str = r#"
K=0
unique() { K=$((K+1)); printf 'written %s.%s\n' "$STEP" "$K"; }
put() { mkdir -p -- "$(dirname -- "$1")"; unique > "$1"; }
more() { mkdir -p -- "$(dirname -- "$1")"; unique >> "$1"; }
spy() { mkdir -p -- "$(dirname -- "$1")"; printf '#!/bin/sh\necho "$0" >> "%s/executed"\ncat\n' "$ROOT" > "$1"; chmod +x "$1"; }
"#;

/// A library to clone and to build on, and the person's repository, with much in it that must stay as it is.
const PERSON: &str = r#"
set -e
git config --global init.defaultBranch main
git config --global user.name Person
git config --global user.email person@example.org
git init -q lib
cd lib; put lib.txt; git add .; git commit -q -m one; more lib.txt; git commit -q -a -m two; cd ..
git init -q person
cd person
printf 'ignored/\nbig/\n*.log\n' > .gitignore
put README; put src/lib.txt; put tests/test_one.txt; git add .; git commit -q -m one
git tag v1
more src/lib.txt; git commit -q -a -m two
git branch other
git tag -a -m annotated v2
more README; git stash -q
mkdir ignored; put ignored/of-the-person; put note-of-the-person
for hook in post-checkout post-commit pre-commit reference-transaction post-index-change; do spy .git/hooks/$hook; done
rm -f "$ROOT/executed"
"#;
