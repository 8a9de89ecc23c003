//! Gates that decide nothing: on the main branch as it is, on the head of a ticket, and on trees that are broken on purpose.

use super::challenge::{self, Break, Challenge};
use super::{GateRun, Tree, run, toolchain};
use crate::config::Gate;
use crate::os::{self, MARKER_HOST, Target};
use crate::project::Project;
use crate::sandbox::Sandboxes;
use crate::setup::{Setup, Store};
use ganger_engine::{Commit, Evidence, HostId, TicketId};
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
        let (project, tree, commit) = (Arc::clone(&self.project), Arc::clone(&self.tree), self.commit.clone());
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
        let for_whom = GateRun {
            ticket: &self.ticket,
            revision: 0,
            commit: &self.commit,
            digest: &gate.digest(),
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
