//! The hands of verification: a clean tree at the commit, and one gate run in it.

use super::Shared;
use super::objects::{self, Purpose};
use super::watching::publish_last_line;
use crate::config;
use crate::depot::Traveller;
use crate::gates::{self, GateRun, Tree};
use crate::git;
use crate::os;
use crate::wire::{self, Activity, ActivityKind, Elsewhere, Gate, Layout, activity_subject};
use ganger_engine::{AttemptId, Check, Commit, Evidence, GatePolicy, VerifyJob};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a program takes to load and begin its work.
const LOADING: Duration = Duration::from_millis(3);

/// Makes a clean tree at the commit, and says where the main branch is.
pub(super) async fn prepare(
    shared: &Arc<Shared>,
    job: &VerifyJob,
    layout: &Layout,
) -> anyhow::Result<(Tree, Option<Commit>)> {
    // The agent that begins next is small at first, and gates are heavy: it goes before.
    shared.quiet().await;
    tokio::time::sleep(LOADING).await;
    if let Some(elsewhere) = shared.elsewhere(layout)? {
        bring(shared, job, elsewhere, layout).await?;
    }
    let trees = shared.project.gate_trees(&layout.gate_trees);
    let tree = Tree::take(&shared.project.state, &trees, &job.ticket).await?;
    let (project, commit, base) = (Arc::clone(&shared.project), job.commit.clone(), job.base.clone());
    let (synced, layout, is_away) = (shared.is_synced(&commit), layout.clone(), shared.exchange.is_some());
    let has_setup = !layout.setup.trim().is_empty();
    let workspace = project.workspace_in(&layout.workspaces, &layout.branch, &job.ticket);
    let reference = workspace.reference();
    os::blocking(move || -> anyhow::Result<_> {
        let depot = project.depot()?;
        if !synced {
            git::sync_commit(&depot.repository, &commit, base.as_ref(), &reference)?;
        }
        // What was not shown because of a hazard is now: a person let it pass.
        if !is_away
            && depot.repository.branch(&workspace.branch).as_ref() == Some(&commit)
            && let Err(e) = depot.publish(&workspace.branch, &commit, base.as_ref())
        {
            crate::log::note(&project, &format!("{}: not shown in your repository: {}", workspace.ticket, e.message));
        }
        let tip = objects::main_by(&project, &layout)?;
        // Whether it is a commit of main is asked for the sake of the setup alone.
        let main = tip.as_ref().filter(|_| has_setup);
        tree.check_out(depot, &commit, &objects::refs_by(&project, &layout)?, main)?;
        Ok((tree, tip))
    })
    .await
}

/// The commit may be of another host; if it is of this one and was held back because of a hazard, a person let it pass.
async fn bring(shared: &Shared, job: &VerifyJob, elsewhere: &Elsewhere, layout: &Layout) -> anyhow::Result<()> {
    let attempt = AttemptId::new(format!("{}-gates", job.ticket));
    let purpose = Purpose { ticket: &job.ticket, attempt: &attempt };
    let workspace = shared.project.workspace_in(&layout.workspaces, &layout.branch, &job.ticket);
    let project = Arc::clone(&shared.project);
    let own = os::blocking(move || project.depot().map(|depot| workspace.head(depot))).await?;
    if own.as_ref() == Some(&job.commit) {
        let pushed = shared.push(purpose, &job.commit, job.base.as_ref().unwrap_or(&job.commit)).await;
        pushed.map_err(anyhow::Error::msg)?;
    }
    let work = job.base.iter().chain([&job.commit]).map(|commit| Traveller::work(&job.ticket, commit.clone()));
    let wanted = work.chain([Traveller::main(elsewhere.main.clone())]).collect();
    Ok(shared.bring(purpose, wanted).await?)
}

/// What is to be run, and on what.
pub(super) struct Wanted {
    definition: config::Gate,
    /// What stands for the definition in the key of evidence.
    digest: String,
    commit: Commit,
}

impl Wanted {
    /// By the definition that came with the order.
    pub(super) fn find(wanted: &GatePolicy, gates: &[Gate], checks: &[Check], commit: Commit) -> Option<Self> {
        let digest = wanted.digest.clone();
        let gate = gates.iter().find(|g| g.digest() == digest).map(|g| g.definition().clone());
        let of_check = || checks.iter().find(|c| c.digest() == digest).map(gates::of_check);
        Some(Self { definition: gate.or_else(of_check)?, digest, commit })
    }
}

/// Runs one gate or check.
pub(super) async fn run_gate(
    shared: &Arc<Shared>,
    job: &VerifyJob,
    tree: &Arc<Tree>,
    wanted: &Wanted,
    layout: &Layout,
) -> anyhow::Result<Evidence> {
    let Wanted { definition, digest, commit } = wanted;
    if !tree.holds(commit) {
        let (project, tree, commit, layout) =
            (Arc::clone(&shared.project), Arc::clone(tree), commit.clone(), layout.clone());
        os::blocking(move || -> anyhow::Result<()> {
            let depot = project.depot()?;
            if layout.elsewhere.is_none() && !depot.has(&commit) {
                // Main moved since the work began.
                depot.bring_from_person(&commit)?;
            }
            let main = objects::main_by(&project, &layout)?;
            Ok(tree.check_out(depot, &commit, &objects::refs_by(&project, &layout)?, main.as_ref())?)
        })
        .await?;
    }
    let place = if commit == &job.commit { String::new() } else { format!(" at {}", commit.short()) };
    note(shared, job, format!("{}{place}: running `{}`", definition.name, definition.command)).await;
    let (said, last) = watch::channel(String::new());
    let run = GateRun {
        ticket: &job.ticket,
        revision: job.revision,
        commit,
        digest,
        host: &shared.id,
        marker: &shared.incarnation,
        toolchain: &shared.toolchain,
        folder: shared.folder.path(),
        sandboxes: &shared.sandboxes,
        setup: &layout.setup_in(&shared.project.repository.root),
        last_line: Some(&said),
    };
    let what = format!("gate {}{place}", definition.name);
    let evidence = tokio::select! {
        evidence = gates::run(tree, definition, &run) => evidence?,
        never = publish_last_line(&shared.bus, &job.ticket, &what, last) => match never {},
    };
    let verdict = if evidence.is_green() { "green" } else { "red" };
    note(shared, job, format!("{}{place}: {verdict} after {} ms", definition.name, evidence.duration_ms)).await;
    Ok(evidence)
}

async fn note(shared: &Shared, job: &VerifyJob, text: String) {
    let attempt = AttemptId::new(format!("{}-gates", job.ticket));
    let activity = Activity::now(&job.ticket, &attempt, ActivityKind::Gate, &text);
    let _lost = wire::publish(&shared.bus, activity_subject(&attempt), &activity, None).await;
}
