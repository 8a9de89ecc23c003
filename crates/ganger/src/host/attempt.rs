//! One attempt on this host: claim, worktree, mission, session, what it left, report. Its stages are the
//! functions of this file in the order in which they happen.

use super::session::{self, SessionRun};
use super::worktrees::{PrepareError, Ready};
use super::{Order, Shared, Starting, mission_text};
use crate::agents::{Driver, Launch, ToolAccess, TurnEnd};
use crate::client::SendError;
use crate::config::Agent;
use crate::git::{self, Change};
use crate::os::{self, Target, crash};
use crate::protocol::{Activity, ActivityKind, Offer, ToForeman, now_ms, publish_json};
use crate::{text, tools};
use ganger_engine::{AttemptEnd, AttemptOutcome, Commit, Envelope, FailureClass, Input, Kind, Outcome, Report, Usage};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The foreman decides in milliseconds; a busy disk may take seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries to publish the end of an attempt, on a full disk for example.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct AttemptTask {
    pub(super) shared: Arc<Shared>,
    pub(super) offer: Offer,
    pub(super) cancel: watch::Receiver<bool>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    /// Until the agent was prompted.
    pub(super) starting: Option<Starting>,
}

/// A folder of the attempt outside of the worktree, with its key to the tools.
struct Scratch {
    folder: PathBuf,
    access: ToolAccess,
}

/// What the session left behind, besides the worktree.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) end: TurnEnd,
    pub(super) usage: Usage,
    pub(super) report: Option<Report>,
}

impl AttemptTask {
    pub(super) async fn run(mut self) {
        // What only the file system does is done while the foreman decides.
        let (granted, scratch) = tokio::join!(self.claim(), self.lay_out_scratch());
        if granted {
            let end = self.work(scratch).await;
            self.publish_end(end).await;
        }
    }

    /// A delivery is only an offer: the agent starts when the foreman has granted the claim.
    async fn claim(&self) -> bool {
        let input = Input::Claim {
            attempt: self.offer.attempt.clone(),
            token: self.offer.token,
            host: self.shared.id.clone(),
            incarnation: self.shared.incarnation.clone(),
        };
        let id = format!("claim-{}-{}", self.offer.attempt, self.offer.token);
        let asked = std::time::Instant::now();
        let granted = self.shared.client.ask(Envelope::new(id, "a host claims its offer", input), PATIENCE).await;
        // A grant that is older than the lease (this process was stopped) may have been given up since.
        if asked.elapsed() > self.shared.lease {
            self.shared.decline(self.offer.attempt.clone(), self.offer.token, "the grant came too late");
            return false;
        }
        if let Err(SendError::Silent(_)) = granted {
            // It may have been granted all the same, and nobody would ever run it.
            self.shared.decline(self.offer.attempt.clone(), self.offer.token, "the grant was not heard");
        }
        matches!(granted, Ok(Outcome::Granted { .. }))
    }

    async fn work(&mut self, scratch: std::io::Result<Scratch>) -> AttemptEnd {
        let bases = match self.offer.spec.kind {
            // The agent merges the others itself: that is the work.
            Kind::Integration => self.offer.bases.get(..1).unwrap_or_default(),
            Kind::Task => &self.offer.bases,
        };
        let made = self.shared.worktrees.ensure(&self.offer.ticket, bases, self.offer.base.as_ref());
        let made = tokio::select! {
            made = made => made,
            _ = self.cancel.changed() => {
                self.shared.worktrees.stop_setup(&self.offer.ticket).await;
                return nothing_left(AttemptOutcome::Interrupted);
            }
        };
        let ready = match made {
            Ok(ready) => ready,
            Err(PrepareError::Conflict { with, files }) => {
                return nothing_left(AttemptOutcome::BaseConflict { with, files });
            }
            Err(PrepareError::Failed(message)) => return failed(FailureClass::Setup, message),
        };
        let Some(agent) = self.shared.project.config().agents.get(&self.offer.agent).cloned() else {
            return failed(FailureClass::Setup, format!("there is no agent `{}` in ganger.toml", self.offer.agent));
        };
        let left = match scratch {
            Ok(scratch) => self.run_session(&ready, &agent, scratch).await,
            Err(e) => Err(e),
        };
        match left {
            Ok(left) => self.conclude(&ready, left).await,
            Err(e) => failed(FailureClass::Setup, e.to_string()),
        }
    }

    async fn run_session(&mut self, ready: &Ready, agent: &Agent, scratch: Scratch) -> std::io::Result<Left> {
        let mission = mission_text(
            self.shared.project.config(),
            &ready.worktree,
            &self.offer.ticket,
            &self.offer.spec,
            self.offer.revision,
        );
        ready.write_own_file("MISSION.md", &mission)?;
        let driver = self.shared.drivers.of(agent).await;
        if let Some(why) = driver.cannot_hold_rules(&self.offer.agent, agent) {
            return Err(std::io::Error::other(why));
        }
        let ask_tool = driver.ask_tool();
        let identity = tools::Identity { attempt: self.offer.attempt.clone(), token: self.offer.token, ask_tool };
        let Scratch { folder, access } = scratch;
        self.shared.tools.admit(&access, identity);
        let launch = self.launch(ready, agent, driver, folder, access.clone());
        let left = session::run(SessionRun { task: self, ready, launch, mission }).await;
        self.shared.tools.revoke(&access.token);
        self.kill_tree(&ready.worktree.path).await;
        Ok(left)
    }

    fn launch(&self, ready: &Ready, agent: &Agent, driver: Driver, scratch: PathBuf, tools: ToolAccess) -> Launch {
        let project = &self.shared.project;
        Launch {
            marker: self.marker(),
            number: self.offer.number,
            ticket: self.offer.ticket.to_string(),
            agent_name: self.offer.agent.clone(),
            agent: agent.clone(),
            driver,
            worktree: ready.worktree.path.clone(),
            scratch,
            session: self.offer.session.clone(),
            recall: driver.capabilities().recall && !self.offer.deliveries.is_empty() && self.offer.session.is_some(),
            host_marker: self.shared.incarnation.clone(),
            tools,
            patience: project.config().limits.permission_limit(),
            pass_env: project.config().env.pass.clone(),
            excludes: self.shared.excludes.clone(),
            runtimes: project.state.join("runtimes"),
            opencode: Arc::clone(&self.shared.opencode),
        }
    }

    fn marker(&self) -> String {
        format!("{}/{}", self.shared.incarnation, self.offer.attempt)
    }

    async fn lay_out_scratch(&self) -> std::io::Result<Scratch> {
        let folder = self.shared.project.state.join("attempts").join(self.offer.attempt.as_str());
        let shared = Arc::clone(&self.shared);
        os::blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let access = shared.tools.key(&folder)?;
            Ok(Scratch { folder, access })
        })
        .await
    }

    async fn kill_tree(&self, worktree: &Path) {
        let target = Target::attempt(&self.marker(), worktree);
        let swept = os::blocking(move || os::sweep(&target)).await;
        if let Ok(killed @ 1..) = swept {
            self.note(ActivityKind::Note, format!("ended {killed} processes that the agent left running")).await;
        }
    }

    /// What is left is committed under the agent's name; what the branch holds is looked at.
    async fn conclude(&self, ready: &Ready, left: Left) -> AttemptEnd {
        let mut end = AttemptEnd { usage: left.usage, report: left.report, ..nothing_left(outcome_of(left.end)) };
        if end.outcome != AttemptOutcome::Finished {
            return end;
        }
        let (shared, offer, ready) = (Arc::clone(&self.shared), self.offer.clone(), ready.clone());
        let looked = os::blocking(move || look_at_work(&shared, &offer, &ready)).await;
        match looked {
            Ok(Looked::Too { files, bytes }) => end.outcome = AttemptOutcome::TooLarge { files, bytes },
            Ok(Looked::Work { head, base, files, tampering }) => {
                self.note(ActivityKind::Note, format!("{} files changed, head {}", files.len(), head.short())).await;
                (end.head, end.base, end.files, end.tampering) = (Some(head), Some(base), files, tampering);
            }
            Err(e) => return failed(FailureClass::Setup, e.to_string()),
        }
        end
    }

    async fn publish_end(&self, end: AttemptEnd) {
        let input =
            Input::AttemptEnded { attempt: self.offer.attempt.clone(), token: self.offer.token, end: Box::new(end) };
        let id = format!("end-{}-{}", self.offer.attempt, self.offer.token);
        let envelope = Envelope::new(id.clone(), format!("attempt {} ended", self.offer.attempt), input);
        let message = ToForeman { reply_to: None, envelope };
        let subject = format!("results.{}.{}", self.offer.agent, self.offer.ticket);
        // Nobody else can tell it: as long as it is not stored, the ticket would run for ever.
        while let Err(e) = publish_json(&self.shared.bus, subject.clone(), &message, Some(id.clone())).await {
            let note = format!("{}: its end could not be published yet: {e}", self.offer.attempt);
            crate::log::note(&self.shared.project, &note);
            tokio::time::sleep(PUBLISH_AGAIN).await;
        }
    }

    /// Tells screens and the log. Losing a line of it is no harm.
    pub(super) async fn note(&self, kind: ActivityKind, said: String) {
        let activity = Activity {
            at: now_ms(),
            ticket: self.offer.ticket.clone(),
            attempt: self.offer.attempt.clone(),
            kind,
            text: text::cap(&said, 8_000),
        };
        let _lost = publish_json(&self.shared.bus, format!("activity.{}", self.offer.attempt), &activity, None).await;
    }
}

fn outcome_of(end: TurnEnd) -> AttemptOutcome {
    match end {
        TurnEnd::Completed => AttemptOutcome::Finished,
        TurnEnd::Interrupted => AttemptOutcome::Interrupted,
        TurnEnd::Failed { class, message, limit } => {
            let (retry_at, model) = limit.map(|l| (l.until, l.model)).unzip();
            AttemptOutcome::Failed { class, message, retry_at, model: model.flatten() }
        }
    }
}

fn nothing_left(outcome: AttemptOutcome) -> AttemptEnd {
    AttemptEnd {
        outcome,
        head: None,
        base: None,
        files: Vec::new(),
        tampering: Vec::new(),
        usage: Usage::default(),
        report: None,
    }
}

fn failed(class: FailureClass, message: impl Into<String>) -> AttemptEnd {
    nothing_left(AttemptOutcome::failed(class, message))
}

enum Looked {
    Too { files: u64, bytes: u64 },
    Work { head: Commit, base: Commit, files: Vec<String>, tampering: Vec<String> },
}

fn look_at_work(shared: &Shared, offer: &Offer, ready: &Ready) -> git::GitResult<Looked> {
    let path = &ready.worktree.path;
    let limits = &shared.project.config().limits;
    let repository = &shared.project.repository;
    ready.worktree.return_to_branch(repository)?;
    let left = git::leftovers(path)?;
    if left.files > limits.commit_files || left.bytes > limits.commit_mb * 1_000_000 {
        git::Rescue::snapshot(repository, &offer.ticket, path)?;
        return Ok(Looked::Too { files: left.files, bytes: left.bytes });
    }
    if left.files > 0 {
        git::commit_leftovers(path, &offer.ticket, &offer.attempt, &offer.agent, &offer.spec.title, &shared.excludes)?;
    }
    let head = ready.worktree.head(repository).unwrap_or_else(|| ready.base.clone());
    git::sync_commit(repository, &head, Some(&ready.base), &ready.worktree.reference())?;
    crash::point("commit-synced");
    shared.note_synced(&head);
    let Change { files, tampering } = git::change(path, &ready.base, &head)?;
    Ok(Looked::Work { head, base: ready.base.clone(), files, tampering })
}

/// Ignore patterns for the agents' git: the user's own and ours.
pub(super) fn excludes_file(project: &crate::project::Project) -> std::io::Result<PathBuf> {
    let path = project.state.join("git-excludes");
    let users = git::Git::at(&project.repository.root).run(&["config", "--path", "core.excludesFile"]).ok();
    let users = users.and_then(|p| std::fs::read_to_string(p).ok()).unwrap_or_default();
    os::write_private(&path, format!("{users}\n/MISSION.md\n/.builder-session\n").as_bytes())?;
    Ok(path)
}
