//! The hands of verification: a clean tree at the commit, and one gate run in it.

use super::Shared;
use crate::gates::{self, GateRun, Workspace};
use crate::git;
use crate::os;
use crate::protocol::{Activity, ActivityKind, now_ms, publish_json};
use ganger_engine::{AttemptId, Evidence, GatePolicy, VerifyJob};
use std::sync::Arc;
use std::time::Duration;

/// How long a program takes to load and begin its work.
const LOADING: Duration = Duration::from_millis(3);

/// Makes a clean tree at the commit.
pub(super) async fn prepare(shared: &Arc<Shared>, job: &VerifyJob) -> anyhow::Result<Workspace> {
    // The agent that begins next is small at first, and gates are heavy: it goes before.
    shared.quiet().await;
    tokio::time::sleep(LOADING).await;
    let workspace = Workspace::take(&shared.project, "head").await?;
    let (repository, commit, base) = (shared.project.repository.clone(), job.commit.clone(), job.base.clone());
    let synced = shared.is_synced(&commit);
    let reference = shared.project.worktree(&job.ticket).reference();
    os::blocking(move || -> anyhow::Result<Workspace> {
        if !synced {
            git::sync_commit(&repository, &commit, base.as_ref(), &reference)?;
        }
        workspace.check_out(&commit)?;
        Ok(workspace)
    })
    .await
}

/// Runs one gate. Which one is told by the digest of its definition, not by its name.
pub(super) async fn run_gate(
    shared: &Arc<Shared>,
    job: &VerifyJob,
    workspace: &Workspace,
    gate: &GatePolicy,
) -> anyhow::Result<Evidence> {
    let gates = &shared.project.config().gates;
    let Some(definition) = gates.iter().find(|g| g.digest() == gate.digest) else {
        anyhow::bail!("this host has another definition of gate `{}`", gate.name);
    };
    note(shared, job, format!("{}: running `{}`", definition.name, definition.command)).await;
    let run = GateRun {
        ticket: &job.ticket,
        revision: job.revision,
        commit: &job.commit,
        host: &shared.id,
        marker: &shared.incarnation,
    };
    let evidence = gates::run(&shared.project, workspace, definition, &run).await?;
    let verdict = if evidence.is_green() { "green" } else { "red" };
    note(shared, job, format!("{}: {verdict} after {} ms", definition.name, evidence.duration_ms)).await;
    Ok(evidence)
}

async fn note(shared: &Shared, job: &VerifyJob, text: String) {
    let attempt = AttemptId::new(format!("{}-gates", job.ticket));
    let activity =
        Activity { at: now_ms(), ticket: job.ticket.clone(), attempt: attempt.clone(), kind: ActivityKind::Gate, text };
    let _lost = publish_json(&shared.bus, format!("activity.{attempt}"), &activity, None).await;
}
