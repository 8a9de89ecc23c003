//! Verification: the gates, one after the other, in a clean workspace at the head commit. The first red
//! one ends it. Each result is published as evidence of this host.

use super::Shared;
use crate::gates::{self, GateRun, Workspace};
use crate::git;
use crate::protocol::{Activity, ActivityKind, ToForeman, now_ms, publish_json};
use ganger_engine::{AttemptId, Commit, Envelope, Evidence, Input, TicketId};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long a program takes to load and begin its work.
const LOADING: Duration = Duration::from_millis(3);

/// How often a gate that was killed from outside is run again.
const KILLED_RETRIES: usize = 2;

pub(super) struct Job {
    pub(super) ticket: TicketId,
    pub(super) token: u64,
    pub(super) commit: Commit,
    pub(super) revision: u32,
    pub(super) base: Option<Commit>,
    pub(super) gates: Vec<String>,
}

pub(super) async fn run(shared: Arc<Shared>, job: Job) {
    let outcome = work(&shared, &job).await;
    if let Err(e) = outcome {
        let input = Input::VerificationFailed { ticket: job.ticket.clone(), token: job.token, why: e.to_string() };
        let id = format!("unverified-{}-{}", job.ticket, job.token);
        publish(&shared, &job, id, input).await;
        crate::log::note(&shared.project, &format!("{}: the gates could not be run: {e}", job.ticket));
    }
    shared.verifying.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.token);
}

async fn work(shared: &Arc<Shared>, job: &Job) -> anyhow::Result<()> {
    let _slot = shared.gate_slots.acquire().await?;
    // The agent that begins next is small at first, and gates are heavy: it goes before.
    shared.quiet().await;
    tokio::time::sleep(LOADING).await;
    let workspace = Workspace::take(&shared.project, "head").await?;
    let (repository, commit, base) = (shared.project.repository.clone(), job.commit.clone(), job.base.clone());
    let synced = shared.is_synced(&commit);
    let reference = shared.project.worktree(&job.ticket).reference();
    let workspace = crate::os::blocking(move || -> anyhow::Result<Workspace> {
        if !synced {
            git::sync_commit(&repository, &commit, base.as_ref(), &reference)?;
        }
        workspace.check_out(&commit)?;
        Ok(workspace)
    })
    .await?;
    for gate in shared.project.config().gates.iter().filter(|g| job.gates.contains(&g.name)) {
        note(shared, job, format!("{}: running `{}`", gate.name, gate.command)).await;
        let run = GateRun {
            ticket: &job.ticket,
            revision: job.revision,
            commit: &job.commit,
            host: &shared.id,
            marker: &shared.incarnation,
        };
        let mut evidence = gates::run(&shared.project, &workspace, gate, &run).await?;
        // Ended by a signal from outside (the OOM killer, a person): that says nothing of the work.
        for _ in 0..KILLED_RETRIES {
            if evidence.exit_code.is_some() || evidence.timed_out {
                break;
            }
            note(shared, job, format!("{}: was killed; running it again", gate.name)).await;
            evidence = gates::run(&shared.project, &workspace, gate, &run).await?;
        }
        let green = evidence.is_green();
        let verdict = if green { "green" } else { "red" };
        note(shared, job, format!("{}: {verdict} after {} ms", gate.name, evidence.duration_ms)).await;
        publish_evidence(shared, job, evidence).await;
        if !green {
            break;
        }
    }
    Ok(())
}

async fn publish_evidence(shared: &Arc<Shared>, job: &Job, evidence: Evidence) {
    let id = format!("evidence-{}-{}-{}", job.ticket, job.token, evidence.key.gate);
    publish(shared, job, id, Input::Evidence { token: job.token, evidence: Box::new(evidence) }).await;
}

async fn publish(shared: &Arc<Shared>, job: &Job, id: String, input: Input) {
    let envelope = Envelope::new(id.clone(), format!("gates of {}", job.ticket), input);
    let message = ToForeman { reply_to: None, envelope };
    let subject = format!("evidence.{}.{}", shared.id, job.ticket);
    if let Err(e) = publish_json(&shared.bus, subject, &message, Some(id)).await {
        crate::log::note(&shared.project, &format!("{}: evidence could not be published: {e}", job.ticket));
    }
}

async fn note(shared: &Arc<Shared>, job: &Job, text: String) {
    let attempt = AttemptId::new(format!("{}-gates", job.ticket));
    let activity =
        Activity { at: now_ms(), ticket: job.ticket.clone(), attempt: attempt.clone(), kind: ActivityKind::Gate, text };
    let _lost = publish_json(&shared.bus, format!("activity.{attempt}"), &activity, None).await;
}
