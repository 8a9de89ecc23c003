//! Gates that decide nothing: on the main branch as it is, on the head of a ticket, and on trees that are broken on purpose.

use super::challenge::{self, Break, Challenge};
use super::{GateRun, Tree, of_check, run, toolchain};
use crate::config::Gate;
use crate::os::{self, MARKER_HOST, Target};
use crate::project::Project;
use crate::sandbox::Sandboxes;
use crate::setup::{Setup, Store};
use ganger_engine::{Check, CheckResult, Commit, Evidence, Expects, HostId, TicketId};
use std::sync::Arc;

/// Names the tree, the cache and the logs. No ticket has a name that begins like this.
const MAIN: &str = "_main";
/// The same for the work of tickets: what it leaves in a cache must not reach a run on main.
const HEAD: &str = "_head";

/// A tree of a commit. Nothing of it is in the person's checkout.
pub(crate) struct Trial {
    project: Arc<Project>,
    tree: Arc<Tree>,
    /// The commit.
    pub(crate) commit: Commit,
    /// On every process of it.
    marker: String,
    ticket: TicketId,
    host: HostId,
    toolchain: String,
    sandboxes: Arc<Sandboxes>,
}

/// What a check of a ticket said.
pub(crate) struct CheckRun {
    pub(crate) check: Check,
    pub(crate) at_head: Evidence,
    /// What it said without the work; `None` where it does not matter, or where there is no base to ask.
    pub(crate) before: Option<Evidence>,
}

impl CheckRun {
    pub(crate) fn result(&self) -> CheckResult {
        let was_red = self.before.as_ref().is_some_and(|before| !before.is_green());
        match (self.at_head.is_green(), self.check.expects) {
            (false, _) => CheckResult::Red,
            (true, Expects::StaysGreen) => CheckResult::Green,
            (true, Expects::RedThenGreen) if was_red => CheckResult::Proven,
            (true, Expects::RedThenGreen) => CheckResult::ProvesNothing,
        }
    }

    /// Whether it is green with the work, and was red without it where it must have been.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.result(), CheckResult::Green | CheckResult::Proven)
    }
}

impl Trial {
    /// On the main branch as it is now.
    pub(crate) async fn on_main(project: &Arc<Project>) -> anyhow::Result<Self> {
        let at = Arc::clone(project);
        let commit = os::blocking(move || -> anyhow::Result<Commit> {
            let main = at.main_branch()?;
            let Some(commit) = at.repository.branch(&main) else {
                anyhow::bail!("the branch {main} has no commit yet")
            };
            at.depot()?.bring_from_person(&commit)?;
            Ok(commit)
        })
        .await?;
        Self::at(project, MAIN, commit).await
    }

    /// On the last commit of a ticket.
    pub(crate) async fn on_head(project: &Arc<Project>, head: Commit) -> anyhow::Result<Self> {
        Self::at(project, HEAD, head).await
    }

    /// On a commit that is in the depot.
    async fn at(project: &Arc<Project>, name: &'static str, commit: Commit) -> anyhow::Result<Self> {
        let ticket = TicketId::new(name);
        let trees = project.gate_trees(&project.config().project.gate_trees);
        let tree = Arc::new(Tree::take(&project.state, &trees, &ticket).await?);
        let at = Arc::clone(project);
        let own = ticket.clone();
        // The tree is ours alone by now, and with it their temporary files. What an earlier one left is of another commit.
        let fresh = move || Store::of(&at.state).forget(&own).and_then(|()| Sandboxes::of(&at, &at.state.join(name)));
        let sandboxes = os::blocking(fresh).await?;
        let toolchain = toolchain(project.config());
        let marker = format!("gates-{}", uuid::Uuid::new_v4().simple());
        let host = HostId::from("local");
        Ok(Self {
            project: Arc::clone(project),
            tree,
            commit,
            marker,
            ticket,
            host,
            toolchain,
            sandboxes: Arc::new(sandboxes),
        })
    }

    /// Runs every gate, each whatever the others said.
    pub(crate) async fn run_all(&self, mut each: impl FnMut(&Gate, &Evidence)) -> anyhow::Result<Vec<Evidence>> {
        let mut all = Vec::new();
        self.make_anew(None).await?;
        for gate in &self.project.config().gates {
            let evidence = self.run(gate).await?;
            each(gate, &evidence);
            all.push(evidence);
        }
        Ok(all)
    }

    /// Runs the checks of a ticket. One that must have been red runs at the base, too, when it is green.
    pub(crate) async fn run_checks(
        &self,
        checks: &[Check],
        base: Option<&Commit>,
        mut each: impl FnMut(&CheckRun),
    ) -> anyhow::Result<Vec<CheckRun>> {
        let mut all = Vec::new();
        for check in checks {
            let at_head = self.run_check(check, &self.commit).await?;
            let asks = at_head.is_green() && check.expects == Expects::RedThenGreen;
            let base = base.filter(|base| asks && **base != self.commit);
            let before = match base {
                Some(base) => Some(self.run_check(check, base).await?),
                None => None,
            };
            let run = CheckRun { check: check.clone(), at_head, before };
            each(&run);
            all.push(run);
        }
        Ok(all)
    }

    async fn run_check(&self, check: &Check, commit: &Commit) -> anyhow::Result<Evidence> {
        if !self.tree.holds(commit) {
            self.check_out(commit, None).await?;
        }
        Ok(self.run_at(commit, &of_check(check), &check.digest()).await?)
    }

    /// Breaks the tree in one way after the other, until each gate was red, or there is no other way.
    pub(crate) async fn challenge(&self) -> anyhow::Result<Vec<(Gate, Challenge)>> {
        let mut results = Vec::new();
        self.make_anew(None).await?;
        let tree = Arc::clone(&self.tree);
        let ways = os::blocking(move || challenge::ways(&tree.path)).await?;
        for gate in &self.project.config().gates {
            self.make_anew(None).await?;
            results.push((gate.clone(), self.challenge_one(gate, &ways).await?));
        }
        Ok(results)
    }

    async fn challenge_one(&self, gate: &Gate, ways: &[Break]) -> anyhow::Result<Challenge> {
        let whole = self.run(gate).await?;
        if !whole.is_green() {
            return Ok(Challenge::RedAlready);
        }
        let own = challenge::program_of(gate).filter(|own| ways.iter().any(|way| way.concerns(own)));
        for way in ways {
            let Some(way) = way.without(own.as_deref()) else { continue };
            self.make_anew(Some(way.clone())).await?;
            if !self.run(gate).await?.is_green() {
                return Ok(Challenge::TurnsRed { when: way.to_string() });
            }
        }
        Ok(Challenge::StaysGreen { own })
    }

    async fn make_anew(&self, broken: Option<Break>) -> anyhow::Result<()> {
        self.check_out(&self.commit, broken).await
    }

    async fn check_out(&self, commit: &Commit, broken: Option<Break>) -> anyhow::Result<()> {
        let (project, tree, commit) = (Arc::clone(&self.project), Arc::clone(&self.tree), commit.clone());
        os::blocking(move || -> anyhow::Result<()> {
            let main = project.main_branch()?;
            let depot = project.depot()?;
            let tip = depot.person.branch(&main);
            tree.check_out(depot, &commit, &depot.refs_to_compare_with(&main), tip.as_ref())?;
            let Some(way) = broken else { return Ok(()) };
            tree.was_changed();
            Ok(way.apply(&tree.path)?)
        })
        .await
    }

    async fn run(&self, gate: &Gate) -> std::io::Result<Evidence> {
        self.run_at(&self.commit, gate, &gate.digest()).await
    }

    async fn run_at(&self, commit: &Commit, gate: &Gate, digest: &str) -> std::io::Result<Evidence> {
        let for_whom = GateRun {
            ticket: &self.ticket,
            revision: 0,
            commit,
            digest,
            host: &self.host,
            marker: &self.marker,
            toolchain: &self.toolchain,
            folder: &self.project.state,
            sandboxes: &self.sandboxes,
            setup: &Setup::of(&self.project.config().project, &self.project.repository.root),
            last_line: None,
        };
        run(&self.tree, gate, &for_whom).await
    }

    pub(crate) fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// The mark of all that it starts.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// Ends what runs.
    pub(crate) fn ender(&self) -> impl FnOnce() + Send + use<> {
        let target = Target { markers: vec![(MARKER_HOST.to_owned(), self.marker.clone())], folders: Vec::new() };
        move || drop(os::sweep(&target))
    }
}
