//! Where the depot is, how it is made, and whose repository it serves.

use super::settings::Settings;
use super::transfer;
use crate::git::{Git, GitError, GitResult, Repository};
use crate::os;
use ganger_engine::{Commit, TicketId};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The depot of a project.
#[derive(Debug)]
pub(crate) struct Depot {
    /// The depot's own.
    pub(crate) repository: Repository,
    /// The person's, which it serves.
    pub(crate) person: Repository,
    settings: Mutex<Settings>,
}

impl Depot {
    /// Opens the depot in a state folder, or makes it: a local clone, whose objects are hard links.
    pub(crate) fn open(state: &Path, person: &Repository) -> GitResult<Self> {
        let path = state.join("depot.git");
        if !is_whole(&path) {
            make(state, &path, person)?;
        }
        let depot = Self { repository: Repository::own(path), person: person.clone(), settings: Mutex::default() };
        depot.take_over_settings()?;
        Ok(depot)
    }

    pub(crate) fn is_made(state: &Path) -> bool {
        is_whole(&state.join("depot.git"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.repository.common
    }

    pub(crate) fn git(&self) -> Git {
        self.repository.git()
    }

    /// What the person's settings say that holds for the depot, too.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ignore patterns: the person's own and ours.
    pub(crate) fn excludes(&self) -> PathBuf {
        self.path().join("ganger/excludes")
    }

    /// Whether a commit is main's, or was.
    pub(crate) fn is_on_main(&self, commit: &Commit, main: &Commit) -> bool {
        commit == main || self.repository.is_ancestor(commit, main)
    }

    /// The tree of a commit.
    pub(super) fn tree_of(&self, commit: &Commit) -> Option<String> {
        self.repository.object(&format!("{commit}^{{tree}}"))
    }

    /// Takes over those settings of the person that say what files and commits look like, and how a remote is reached.
    pub(crate) fn take_over_settings(&self) -> GitResult<()> {
        let settings = Settings::of(&self.person)?;
        let failed = |e: std::io::Error| GitError::new("take over your settings into", self.path(), e);
        settings.write_for_depot(&self.repository).map_err(failed)?;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    /// The git directory of Ganger's that looks at a workspace: its own index and head, which no agent can write, and
    /// the depot for all else (gitrepository-layout: `commondir`).
    pub(crate) fn view(&self, ticket: &TicketId) -> PathBuf {
        self.path().join("worktrees").join(ticket.as_str())
    }

    /// Makes sure that the depot has a commit that the person's repository has.
    pub(crate) fn bring_from_person(&self, commit: &Commit) -> GitResult<()> {
        if self.repository.resolve(commit.as_str()).is_some() {
            return Ok(());
        }
        let failed = |e: std::io::Error| GitError::new("read what is shallow in", &self.person.root, e);
        self.take_over_shallow().map_err(failed)?;
        let known = self.tips()?;
        transfer::bring_in(self, &self.person.objects(), std::slice::from_ref(commit), &known)?;
        let kept = format!("refs/ganger/person/{commit}");
        self.git().run(&["update-ref", &kept, commit.as_str()]).map(|_| ())
    }

    /// Commits that the depot has, and much of what it has below them.
    pub(super) fn tips(&self) -> GitResult<Vec<Commit>> {
        let listed = self.git().run(&["for-each-ref", "--format=%(objectname)", "refs/ganger", "refs/heads"])?;
        Ok(listed.lines().map(Commit::new).collect())
    }

    /// What is missing in it, if something is: the newest commits are looked at, and the trees of branches and rescues.
    pub(crate) fn damage(&self) -> GitResult<Option<String>> {
        let newest = format!("--max-count={COMMITS_LOOKED_AT}");
        if let Err(e) = self.git().run(&["rev-list", "--all", "--count", &newest]) {
            return Ok(Some(e.message));
        }
        // A tag may name what has no tree.
        let named = ["refs/heads", "refs/ganger/rescue", "refs/ganger/person"];
        let tips = self.git().run(&[&["for-each-ref", "--format=%(objectname)^{tree}"][..], &named].concat())?;
        let found = self.git().run_fed(&["cat-file", "--batch-check", "--buffer"], tips.as_bytes())?;
        Ok(found.lines().find(|line| line.ends_with(" missing")).map(str::to_owned))
    }

    /// Where the person's history is cut off, the depot's is, too, unless it has more.
    fn take_over_shallow(&self) -> std::io::Result<()> {
        let Ok(theirs) = std::fs::read_to_string(self.person.common.join("shallow")) else { return Ok(()) };
        let file = self.path().join("shallow");
        let mut ours = std::fs::read_to_string(&file).unwrap_or_default();
        let before = ours.len();
        for id in theirs.lines().filter(|id| self.repository.object(id).is_none()) {
            if !ours.lines().any(|known| known == id) {
                ours.push_str(id);
                ours.push('\n');
            }
        }
        if ours.len() == before { Ok(()) } else { os::write_private(&file, ours.as_bytes()) }
    }
}

fn make(state: &Path, path: &Path, person: &Repository) -> GitResult<()> {
    let failed = |e: std::io::Error| GitError::new("make the depot in", state, e);
    std::fs::create_dir_all(state).map_err(failed)?;
    let lock = os::open_private(&state.join("depot.lock")).map_err(failed)?;
    os::lock(&lock).map_err(failed)?;
    if is_whole(path) {
        return Ok(());
    }
    if path.exists() {
        // It was never made to its end, or is a repository no longer. What is left of it is kept.
        let aside = path.with_extension(format!("broken-{}", jiff::Timestamp::now().as_millisecond()));
        std::fs::rename(path, aside).map_err(failed)?;
    }
    let (from, to) = (person.common.to_string_lossy(), path.to_string_lossy());
    // The person's own settings hold: whether this repository may be read at all is among them.
    let git = Git::at(state).env("GIT_DEFAULT_REF_FORMAT", "files");
    git.run(&["clone", "--quiet", "--bare", "--template=", &from, &to])?;
    keep_tags_only(path).map_err(failed)?;
    // All that is brought into it later relies on what is in it now.
    sync_all(path).map_err(failed)?;
    os::write_durable(&path.join(WHOLE), b"").map_err(failed)?;
    [path, state].into_iter().try_for_each(os::sync).map_err(failed)
}

/// So many are walked through in a moment.
const COMMITS_LOOKED_AT: u32 = 20_000;

/// A file of the depot: it was made to its end.
const WHOLE: &str = "ganger/whole";

/// Whether it was made to its end, and nobody has taken away what makes a folder a repository.
fn is_whole(depot: &Path) -> bool {
    depot.join(WHOLE).is_file()
        && depot.join("HEAD").is_file()
        && ["objects", "refs"].iter().all(|folder| depot.join(folder).is_dir())
}

fn sync_all(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { sync_all(&entry.path())? } else { os::sync(&entry.path())? }
    }
    os::sync(folder)
}

/// A depot begins without branches: those of the person, of other boards and of lost ones are not this board's work.
fn keep_tags_only(depot: &Path) -> std::io::Result<()> {
    let file = depot.join("packed-refs");
    if let Ok(packed) = std::fs::read_to_string(&file) {
        let mut is_tag = true;
        let keep = |line: &&str| {
            if !line.starts_with('^') {
                is_tag = line.starts_with('#') || line.contains(" refs/tags/");
            }
            is_tag
        };
        let kept: String = packed.lines().filter(keep).map(|line| format!("{line}\n")).collect();
        os::write_private(&file, kept.as_bytes())?;
    }
    match std::fs::remove_dir_all(depot.join("refs/heads")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => std::fs::create_dir_all(depot.join("refs/heads"))?,
    }
    os::write_private(&depot.join("HEAD"), b"ref: refs/ganger/nothing\n")
}
