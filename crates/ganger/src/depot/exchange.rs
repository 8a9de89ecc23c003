//! The exchange: a git remote that the person named, through which commits travel between the depots of one board. Each
//! has a ref of its own there, named by the ticket and the commit: nobody overwrites what another host pushed, however
//! late it comes. Only the depot's git talks to it, and every object that comes from it is checked.

use super::{Depot, Rescue, Workspace, hazards, note, transfer};
use crate::git::{Deed, Git, GitError, GitResult};
use crate::os;
use ganger_engine::{Commit, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where the depot keeps what it got.
const HERE: &str = "refs/ganger/exchange";
/// A remote that takes longer is tried again. A silent one is given up much earlier; the first push may be a whole
/// history.
const LIMIT: Duration = Duration::from_secs(3_600);
/// `ganger doctor` does not wait for longer.
const LOOK_LIMIT: Duration = Duration::from_secs(20);
/// Whoever cleans up there may take a ref away: what was pushed is believed to be there for so long.
const BELIEVED: Duration = Duration::from_secs(60);
/// No configuration, and no list of where a history is cut off, is larger.
const MOST_BYTES: u64 = 64 << 20;

/// Notes of the heads that were pushed.
const PUSHED: &str = "pushed";

/// What a commit is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    /// The main branch.
    Main,
    /// The work of a ticket.
    Ticket(TicketId),
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("the main branch"),
            Self::Ticket(id) => write!(f, "{id}"),
        }
    }
}

impl Of {
    fn folder(&self) -> String {
        match self {
            Self::Main => "main".to_owned(),
            Self::Ticket(id) => format!("work/{id}"),
        }
    }
}

/// A commit that travels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Traveller {
    pub(crate) of: Of,
    pub(crate) commit: Commit,
}

impl Traveller {
    pub(crate) fn main(commit: Commit) -> Self {
        Self { of: Of::Main, commit }
    }

    pub(crate) fn work(ticket: &TicketId, commit: Commit) -> Self {
        Self { of: Of::Ticket(ticket.clone()), commit }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.of.folder(), self.commit)
    }
}

/// Why commits are not here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBrought {
    /// The remote did not answer.
    #[error("cannot fetch commit {} of {} from the exchange {url}: {why}", wanted.commit.short(), wanted.of)]
    Unreachable { wanted: Box<Traveller>, url: String, why: String },
    /// The remote answers: it refuses, what it sent is damaged, or this machine could not store it.
    #[error("cannot fetch commit {} of {} from the exchange {url}: {why}", wanted.commit.short(), wanted.of)]
    Refused { wanted: Box<Traveller>, url: String, why: String },
    #[error("commit {} of {} is not in the exchange {url}, and not in this clone", wanted.commit.short(), wanted.of)]
    Missing { wanted: Box<Traveller>, url: String },
    #[error(
        "commit {} of {} is not in this clone: a host in another one made it. Name the exchange by which commits travel \
         with `ganger run --exchange URL`",
        wanted.commit.short(), wanted.of
    )]
    NoExchange { wanted: Box<Traveller> },
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The exchange of one board.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// As the person named it.
    url: String,
    /// Where the refs of the board are there.
    there: String,
    /// Names that were pushed, and when.
    pushed: Mutex<BTreeMap<String, Instant>>,
    /// What the depot began with has a name.
    named: AtomicBool,
    /// Commits that are here with all that they reach.
    whole: Mutex<BTreeSet<Commit>>,
}

impl Exchange {
    /// The exchange of the board of a project.
    pub(crate) fn new(url: impl Into<String>, project: &str) -> Self {
        Self {
            url: url.into(),
            there: format!("{HERE}/{project}"),
            pushed: Mutex::default(),
            named: AtomicBool::new(false),
            whole: Mutex::default(),
        }
    }

    /// Its address, without a password in it.
    pub(crate) fn shown(&self) -> String {
        crate::secrets::redact(&self.url).into_owned()
    }

    /// How many refs of the board are there. Fails when it cannot be reached.
    pub(crate) fn look(&self, depot: &Depot) -> GitResult<usize> {
        self.list(depot).map(|names| names.len())
    }

    /// Brings commits into the depot, with all that the exchange has of what they are of. What the depot has is not
    /// asked for.
    pub(crate) fn bring(&self, depot: &Depot, wanted: &[Traveller]) -> Result<(), NotBrought> {
        self.name_what_is_here(depot)?;
        let missing: Vec<&Traveller> = wanted.iter().filter(|w| !self.is_whole(depot, w)).collect();
        let Some(first) = missing.first() else { return Ok(()) };
        // What was merged meanwhile is on main, and has no ref of its own any more.
        let folders: BTreeSet<String> = missing.iter().map(|w| w.of.folder()).chain([Of::Main.folder()]).collect();
        if let Err(e) = self.fetch(depot, &folders.into_iter().collect::<Vec<_>>(), HERE) {
            let (wanted, url, why) = (Box::new((*first).clone()), self.shown(), e.message);
            // Git ends with the same code whatever failed.
            return Err(match self.look(depot) {
                Ok(_) => NotBrought::Refused { wanted, url, why },
                Err(_) => NotBrought::Unreachable { wanted, url, why },
            });
        }
        match missing.into_iter().find(|w| !self.is_whole(depot, w)) {
            None => Ok(()),
            Some(lost) => Err(NotBrought::Missing { wanted: Box::new(lost.clone()), url: self.shown() }),
        }
    }

    /// Pushes commits that the depot has. What was pushed just now is not pushed again.
    pub(crate) fn push(&self, depot: &Depot, commits: &[Traveller]) -> GitResult<()> {
        let fresh: Vec<&Traveller> = {
            let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
            let is_there = |name: &String| pushed.get(name).is_some_and(|at| at.elapsed() < BELIEVED);
            commits.iter().filter(|c| !is_there(&c.name())).collect()
        };
        let refspecs = fresh.iter().map(|c| format!("{}:{}/{}", c.commit, self.there, c.name()));
        self.send(depot, &refspecs.collect::<Vec<_>>())?;
        let names = fresh.iter().map(|c| (c.name(), Instant::now()));
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        Ok(())
    }

    /// Pushes a ticket's head, and what it was based on where that is not below it any more.
    pub(crate) fn push_work(&self, depot: &Depot, ticket: &TicketId, head: &Commit, base: &Commit) -> GitResult<()> {
        let mut commits = vec![Traveller::work(ticket, head.clone())];
        if !depot.repository.is_ancestor(base, head) {
            commits.push(Traveller::work(ticket, base.clone()));
        }
        self.push(depot, &commits)?;
        let noted = os::write_private(&note(depot, PUSHED, head.as_str()), b"");
        noted.map_err(|e| GitError::new("note what was pushed, in", depot.path(), e))
    }

    /// Pushes the rescues of a ticket, or all, that were not pushed before, but for those with secrets in them, which stay
    /// here: their names come back.
    pub(crate) fn push_rescues(
        &self,
        depot: &Depot,
        ticket: Option<&TicketId>,
        main: &Commit,
    ) -> GitResult<Vec<String>> {
        let is_of_ticket = |r: &Rescue| ticket.is_none_or(|ticket| r.name.split('/').next() == Some(ticket.as_str()));
        let sent = |name: &str| note(depot, "sent", name);
        let mut held_back = Vec::new();
        for rescue in Rescue::list(depot)?.into_iter().filter(is_of_ticket).filter(|r| !sent(&r.name).exists()) {
            if hazards::may_leave(depot, main, &Commit::new(rescue.commit.clone()))? {
                self.send(depot, &[format!("{}:{}/rescue/{}", rescue.commit, self.there, rescue.name)])?;
            } else {
                held_back.push(rescue.name.clone());
            }
            let noted = os::write_private(&sent(&rescue.name), b"");
            noted.map_err(|e| GitError::new("note what was pushed, in", depot.path(), e))?;
        }
        Ok(held_back)
    }

    /// Takes the rescues of other hosts over: they are rescues of this depot then, and leave the exchange.
    pub(crate) fn take_rescues(&self, depot: &Depot) -> GitResult<()> {
        let folder = format!("{}/rescue/", self.there);
        let there: Vec<String> = self.list(depot)?.into_iter().filter(|name| name.starts_with(&folder)).collect();
        if there.is_empty() {
            return Ok(());
        }
        self.fetch(depot, &["rescue".to_owned()], "refs/ganger")?;
        self.send(depot, &there.iter().map(|name| format!(":{name}")).collect::<Vec<_>>())
    }

    /// Removes what is not needed any more: the work of tickets that are done with, and every main but this one, which is
    /// pushed first.
    pub(crate) fn tidy(&self, depot: &Depot, main: &Commit, is_done: impl Fn(&str) -> bool) -> GitResult<()> {
        let there = self.list(depot)?;
        if there.is_empty() {
            return Ok(());
        }
        let main = Traveller::main(main.clone());
        self.push(depot, std::slice::from_ref(&main))?;
        let (main, of_main) = (format!("{}/{}", self.there, main.name()), format!("{}/main/", self.there));
        let work = format!("{}/work/", self.there);
        let is_old = |name: &&String| match name.strip_prefix(&work).and_then(|rest| rest.split('/').next()) {
            Some(ticket) => is_done(ticket),
            None => name.starts_with(&of_main) && **name != main,
        };
        let old: Vec<&String> = there.iter().filter(is_old).collect();
        self.send(depot, &old.iter().map(|name| format!(":{name}")).collect::<Vec<_>>())?;
        let here = old.iter().filter_map(|name| Some(format!("delete {HERE}{}\n", name.strip_prefix(&self.there)?)));
        depot.git().run_fed(&["update-ref", "--stdin"], here.collect::<String>().as_bytes())?;
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        for name in old.iter().filter_map(|name| name.strip_prefix(&self.there)?.strip_prefix('/')) {
            pushed.remove(name);
        }
        Ok(())
    }

    /// What is not there any more needs no name here.
    pub(crate) fn forget_what_left(&self, depot: &Depot) -> GitResult<()> {
        let here = depot.git().run(&["for-each-ref", "--format=%(refname)", HERE])?;
        if here.is_empty() {
            return Ok(());
        }
        let there = self.list(depot)?;
        let there: BTreeSet<&str> = there.iter().filter_map(|name| name.strip_prefix(&self.there)).collect();
        let gone = here.lines().filter(|name| name.strip_prefix(HERE).is_some_and(|rest| !there.contains(rest)));
        let gone: String = gone.map(|name| format!("delete {name}\n")).collect();
        depot.git().run_fed(&["update-ref", "--stdin"], gone.as_bytes()).map(|_| ())
    }

    /// Full names of the refs that the board has there.
    fn list(&self, depot: &Depot) -> GitResult<Vec<String>> {
        let pattern = format!("{}/*", self.there);
        let listed = depot.patient().run_within(&["ls-remote", "--refs", "--", &self.url, &pattern], LOOK_LIMIT);
        Ok(listed.map_err(|e| self.told(e))?.lines().filter_map(|l| l.split('\t').nth(1)).map(str::to_owned).collect())
    }

    /// The depot has the history of the clone without a ref to it, and what no ref names git would fetch once more.
    fn name_what_is_here(&self, depot: &Depot) -> GitResult<()> {
        if self.named.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        for (n, name) in ["HEAD", "refs/remotes/origin/HEAD"].iter().enumerate() {
            if let Some(commit) = depot.person.resolve(name).filter(|commit| depot.has(commit)) {
                depot.git().run(&["update-ref", &format!("refs/ganger/clone/{n}"), commit.as_str()])?;
            }
        }
        Ok(())
    }

    /// A process that was killed may leave a commit without what it reaches. What came whole has a ref.
    fn is_whole(&self, depot: &Depot, wanted: &Traveller) -> bool {
        let commit = &wanted.commit;
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.contains(commit) || !depot.has(commit) {
            return whole.contains(commit);
        }
        let has_ref = depot.repository.resolve(&format!("{HERE}/{}", wanted.name())).is_some();
        let reaches = ["rev-list", "--objects", "--quiet", commit.as_str(), "--not", "--all"];
        let is_whole = has_ref || depot.git().holds(&reaches);
        if is_whole {
            whole.insert(commit.clone());
        }
        is_whole
    }

    /// Fetches the refs below folders of the exchange, and brings what they reach into the depot in the way of all that
    /// comes from outside: checked, within limits, and not a pack each time.
    fn fetch(&self, depot: &Depot, folders: &[String], to: &str) -> GitResult<()> {
        let incoming =
            Incoming::new(depot).map_err(|e| GitError::new("make room for what is fetched, in", depot.path(), e))?;
        let plain = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--"];
        let refspecs: Vec<String> = folders.iter().map(|f| format!("+{}/{f}/*:{to}/{f}/*", self.there)).collect();
        let args: Vec<&str> =
            plain.into_iter().chain([self.url.as_str()]).chain(refspecs.iter().map(String::as_str)).collect();
        depot.patient_with(incoming.git()).run_within(&args, LIMIT).map_err(|e| self.told(e))?;
        let named = |git: Git, below: &[String]| -> GitResult<BTreeMap<String, Commit>> {
            let args = ["for-each-ref", "--format=%(refname) %(objectname)"].map(str::to_owned);
            let listed = git.run(&[&args[..], below].concat())?;
            let pairs = listed.lines().filter_map(|line| line.split_once(' '));
            Ok(pairs.map(|(name, id)| (name.to_owned(), Commit::new(id))).collect())
        };
        let below: Vec<String> = folders.iter().map(|f| format!("{to}/{f}/")).collect();
        let (there, here) = (named(incoming.git(), &below)?, named(depot.git(), &below)?);
        let commits: Vec<Commit> = there.values().cloned().collect();
        transfer::bring_in_synced(depot, &incoming.objects(), &commits, &depot.tips()?)?;
        let new = there.iter().filter(|(name, commit)| here.get(*name) != Some(commit));
        let mut updates: String = new.map(|(name, commit)| format!("update {name} {commit}\n")).collect();
        if to == HERE {
            // What left the exchange needs no name here any more.
            let gone = here.keys().filter(|name| !there.contains_key(*name));
            updates.extend(gone.map(|name| format!("delete {name}\n")));
        }
        depot.git().run_fed(&["update-ref", "--stdin"], updates.as_bytes()).map(|_| ())
    }

    fn send(&self, depot: &Depot, refspecs: &[String]) -> GitResult<()> {
        if refspecs.is_empty() {
            return Ok(());
        }
        // Whatever the person's settings say of their own pushes.
        let plain = ["-c", "push.pushOption=", "push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed"];
        let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
        let args = [&plain[..], &["--recurse-submodules=no", "--", &self.url], &refspecs].concat();
        depot.patient().run_within(&args, LIMIT).map(|_| ()).map_err(|e| self.told(e))
    }

    /// The command line holds the address and every ref: what git said is what counts.
    fn told(&self, error: GitError) -> GitError {
        let message =
            error.message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        let message = crate::secrets::redact(&message).into_owned();
        let Deed::Command(words) = &error.deed else { return GitError { message, ..error } };
        let command = words.split(' ').find(|w| ["fetch", "push", "ls-remote"].contains(w)).unwrap_or("fetch");
        GitError { deed: Deed::Command(format!("{command} {}", self.shown())), message, ..error }
    }
}

/// A repository for one fetch. It borrows from the depot, and is gone afterwards.
struct Incoming(PathBuf);

impl Incoming {
    fn new(depot: &Depot) -> io::Result<Self> {
        let all = depot.path().join("ganger/incoming");
        for left in all.read_dir().into_iter().flatten().flatten() {
            // Of a process that was killed.
            let owner = left.file_name().to_string_lossy().split('-').next().and_then(|pid| pid.parse().ok());
            if owner.is_none_or(|pid| !os::may_signal(pid)) {
                os::remove_tree(&left.path())?;
            }
        }
        let path = all.join(format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(path.join("objects/info"))?;
        std::fs::create_dir_all(path.join("refs"))?;
        std::fs::write(path.join("HEAD"), "ref: refs/ganger/nothing\n")?;
        let objects = transfer::in_list(&depot.repository.objects());
        std::fs::write(path.join("objects/info/alternates"), [objects.as_encoded_bytes(), b"\n"].concat())?;
        for file in ["config", "shallow"] {
            match os::read_regular(&depot.path().join(file), MOST_BYTES) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                content => std::fs::write(path.join(file), content?)?,
            }
        }
        Ok(Self(path))
    }

    fn git(&self) -> Git {
        Git::own(&self.0)
    }

    fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _removed_by_the_next_one = os::remove_tree(&self.0);
    }
}

impl Depot {
    pub(crate) fn has(&self, commit: &Commit) -> bool {
        self.repository.resolve(commit.as_str()).is_some()
    }

    /// Whether a head was pushed from here: it is not here alone.
    pub(super) fn was_pushed(&self, head: &Commit) -> bool {
        note(self, PUSHED, head.as_str()).exists()
    }

    /// Whether a commit of a ticket came here from the exchange.
    pub(crate) fn was_exchanged(&self, ticket: &TicketId, commit: &Commit) -> bool {
        let name = Traveller::work(ticket, commit.clone()).name();
        self.repository.resolve(&format!("{HERE}/{name}")).is_some()
    }
}

impl Workspace {
    /// Begins the branch at a commit that was made on another one, unless there is a branch already. Says whether it did.
    pub(crate) fn begin_from(&self, depot: &Depot, head: &Commit, base: Option<&Commit>) -> GitResult<bool> {
        if self.head(depot).is_some() { Ok(false) } else { self.go_on_from(depot, head, base) }
    }

    /// Another host worked on the ticket after this one: its head is the branch from now on, and what lies around here is
    /// kept. Says whether it was so.
    pub(crate) fn go_on_from(&self, depot: &Depot, head: &Commit, base: Option<&Commit>) -> GitResult<bool> {
        let own = self.head(depot);
        if own.as_ref().is_some_and(|own| own == head || depot.repository.is_ancestor(head, own)) {
            return Ok(false);
        }
        if depot.view(&self.ticket).exists() {
            self.retire(depot, None)?;
        }
        if let Some(own) = own.filter(|own| !depot.repository.is_ancestor(own, head)) {
            Rescue::keep(depot, self.ticket.as_str(), &own, "before another host continued")?;
        }
        if let Some(base) = base {
            self.note_base(depot, base)?;
        }
        depot.git().run(&["update-ref", &self.reference(), head.as_str()])?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
