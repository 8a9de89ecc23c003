//! Landing approved work: the gates run on the merged result before main moves.

use crate::client::Client;
use crate::gates::{self, GateRun};
use crate::git::{self, Landing as Landed, Repository};
use crate::os::{self, crash};
use crate::project::Project;
use crate::wire::{self, Command, FOREMAN, ToForeman};
use ganger_bus::Bus;
use ganger_engine::foreman::Landing;
use ganger_engine::{Commit, DecisionId, Envelope, Evidence, HostId, Input};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Main may be moved by others while the gates run.
const TRIES: usize = 3;
/// The foreman answers in milliseconds, but for a busy disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// A landing with the marker of the host whose guard ends its gates.
struct Job {
    landing: Landing,
    marker: String,
}

enum Verdict {
    Merged(Commit),
    Failed { why: String, back_to_agent: bool },
}

/// Works in the background; the outcome comes back as any other input does.
pub(super) fn start(project: Arc<Project>, bus: Arc<dyn Bus>, landing: Landing, marker: String) -> JoinHandle<()> {
    let job = Arc::new(Job { landing, marker });
    tokio::spawn(async move {
        let mut evidence = Vec::new();
        let verdict = work(&project, &bus, &job, &mut evidence).await;
        let input = match verdict {
            Ok(Verdict::Merged(commit)) => Input::MergeDone { ticket: job.landing.ticket.clone(), commit, evidence },
            Ok(Verdict::Failed { why, back_to_agent }) => {
                Input::MergeFailed { ticket: job.landing.ticket.clone(), why, back_to_agent, evidence }
            }
            Err(error) => {
                let why = error.to_string();
                Input::MergeFailed { ticket: job.landing.ticket.clone(), why, back_to_agent: false, evidence }
            }
        };
        let id = format!("merge-{}-{}", job.landing.ticket, uuid::Uuid::now_v7());
        let envelope = Envelope::new(id, format!("the merge of {}", job.landing.ticket), input);
        let Ok(command) = Command::try_from(envelope) else { return };
        let message = ToForeman::Command(Box::new(command));
        // If this is lost, the plan still wants the merge and its probe finds what was done.
        let _lost = wire::publish(&bus, FOREMAN.to_owned(), &message, None).await;
    })
}

async fn work(
    project: &Arc<Project>,
    bus: &Arc<dyn Bus>,
    job: &Arc<Job>,
    evidence: &mut Vec<Evidence>,
) -> anyhow::Result<Verdict> {
    let main = project.main_branch()?;
    for _ in 0..TRIES {
        let (shared, order, branch) = (Arc::clone(project), Arc::clone(job), main.clone());
        let (old, merged) = match os::blocking(move || build(&shared, &order, &branch)).await? {
            Built::Merge { old, merged } => (old, merged),
            Built::Ends(verdict) => return Ok(verdict),
        };
        if let Some(red) = prove(project, job, &merged, evidence).await? {
            let why =
                format!("gate `{}` fails on the result of merging it with {main}:\n{}", red.name, red.tail.trim_end());
            return Ok(Verdict::Failed { why, back_to_agent: true });
        }
        let (shared, from, to, branch) = (Arc::clone(project), old.clone(), merged.clone(), main.clone());
        os::blocking(move || git::sync_commit(&shared.repository, &to, Some(&from), &full_name(&branch))).await?;
        confirm(bus, job).await?;
        crash::point("merge");
        let (shared, branch) = (Arc::clone(project), main.clone());
        if let Some(verdict) = os::blocking(move || land(&shared.repository, &branch, &old, &merged)).await? {
            return Ok(verdict);
        }
    }
    let why = format!("{main} moved {TRIES} times while it was being merged");
    Ok(Verdict::Failed { why, back_to_agent: false })
}

/// The merge commit, or what makes one needless or impossible.
enum Built {
    Merge { old: Commit, merged: Commit },
    Ends(Verdict),
}

fn build(project: &Project, job: &Job, main: &str) -> anyhow::Result<Built> {
    let repository = &project.repository;
    let Some(old) = repository.branch(main) else {
        anyhow::bail!("there is no branch {main}");
    };
    // The probe: it is on main already.
    if repository.is_ancestor(&job.landing.commit, &old) {
        return Ok(Built::Ends(Verdict::Merged(old)));
    }
    let back_to_agent = |why: String| Ok(Built::Ends(Verdict::Failed { why, back_to_agent: true }));
    let head = project.worktree(&job.landing.ticket).head(repository);
    if head.is_some_and(|h| h != job.landing.commit) {
        return back_to_agent("the branch has moved since it was accepted".to_owned());
    }
    let message = format!(
        "{} ({})\n\nGanger-Ticket: {}\nGanger-Accepted: {}\nApproved-by: {}",
        job.landing.title, job.landing.ticket, job.landing.ticket, job.landing.commit, job.landing.approved_by
    );
    match git::merge_commit(repository, &old, &job.landing.commit, &message)? {
        Ok(merged) => Ok(Built::Merge { old, merged }),
        Err(files) => back_to_agent(format!("conflicts with {main} in {}", files.join(", "))),
    }
}

/// Moves main; `None` when another moved it meanwhile, and the merge must be built anew.
fn land(repository: &Repository, main: &str, old: &Commit, merged: &Commit) -> anyhow::Result<Option<Verdict>> {
    match git::land(repository, main, old, merged)? {
        Landed::Landed => {
            // What the journal calls merged is on main after a power cut, too.
            git::sync_commit(repository, merged, Some(merged), &full_name(main))?;
            Ok(Some(Verdict::Merged(merged.clone())))
        }
        Landed::Moved => Ok(None),
        Landed::Dirty(files) => {
            let why = format!("{main} is checked out with uncommitted changes: {}", files.join(", "));
            Ok(Some(Verdict::Failed { why, back_to_agent: false }))
        }
    }
}

fn full_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Gates take their time, and a person may have taken the approval back meanwhile.
async fn confirm(bus: &Arc<dyn Bus>, job: &Job) -> anyhow::Result<()> {
    let id = DecisionId::unkeyed(format!("confirm-{}-{}", job.landing.ticket, uuid::Uuid::now_v7()));
    let input = Input::ConfirmMerge { ticket: job.landing.ticket.clone(), commit: job.landing.commit.clone() };
    let client = Client::open(bus, id.as_str()).await?;
    client.ask(Envelope::new(id, "a merge is verified", input), PATIENCE).await?;
    Ok(())
}

/// Runs every gate on the merged result; returns the first red one.
async fn prove(
    project: &Arc<Project>,
    job: &Job,
    merged: &Commit,
    evidence: &mut Vec<Evidence>,
) -> anyhow::Result<Option<Evidence>> {
    let host = HostId::from("local");
    let toolchain = gates::toolchain(project.config());
    let workspace = gates::Workspace::take(&project.state, &project.repository.root, "merge").await?;
    let commit = merged.clone();
    let workspace = os::blocking(move || workspace.check_out(&commit).map(|()| workspace)).await?;
    for gate in &project.config().gates {
        let run = GateRun {
            ticket: &job.landing.ticket,
            revision: job.landing.revision,
            commit: merged,
            host: &host,
            marker: &job.marker,
            toolchain: &toolchain,
            folder: &project.state,
        };
        let result = gates::run(&workspace, gate, &run).await?;
        let red = !result.is_green();
        evidence.push(result.clone());
        if red {
            return Ok(Some(result));
        }
    }
    Ok(None)
}
