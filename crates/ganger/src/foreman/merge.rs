//! Landing approved work: the gates run on the merged result before main moves.

use super::objects::{Needs, Objects};
use crate::client::Client;
use crate::depot::{self, Depot, Landing as Landed};
use crate::gates::{self, GateRun, Tree};
use crate::git;
use crate::os::{self, crash};
use crate::project::Project;
use crate::sandbox::Sandboxes;
use crate::setup::{Setup, Store};
use crate::wire::{self, Command, FOREMAN, ToForeman};
use futures_util::FutureExt;
use ganger_bus::Bus;
use ganger_engine::foreman::Landing;
use ganger_engine::{Check, Commit, DecisionId, Envelope, Evidence, HostId, Input};
use std::panic::AssertUnwindSafe;
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
pub(super) fn start(
    project: Arc<Project>,
    bus: Arc<dyn Bus>,
    objects: Arc<Objects>,
    landing: Landing,
    marker: String,
) -> JoinHandle<()> {
    let job = Arc::new(Job { landing, marker });
    tokio::spawn(async move {
        let mut evidence = Vec::new();
        let working = AssertUnwindSafe(work(&project, &bus, &objects, &job, &mut evidence)).catch_unwind().await;
        // Whoever waits for the landing hears of a bug, too.
        let verdict = working.unwrap_or_else(|_| Err(anyhow::anyhow!("Ganger itself failed: a bug, please report it")));
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
    objects: &Objects,
    job: &Arc<Job>,
    evidence: &mut Vec<Evidence>,
) -> anyhow::Result<Verdict> {
    let at = Arc::clone(project);
    let main = os::blocking(move || at.main_branch()).await?;
    // Another host may have made it.
    if let Err(why) = objects.bring(&Needs::of_merge(&job.landing.ticket, &job.landing.commit)).await {
        return Ok(Verdict::Failed { why: why.to_string(), back_to_agent: false });
    }
    for _ in 0..TRIES {
        let (shared, order, branch) = (Arc::clone(project), Arc::clone(job), main.clone());
        let (old, merged) = match os::blocking(move || build(&shared, &order, &branch)).await? {
            Built::Merge { old, merged } => (old, merged),
            Built::Ends(verdict) => return Ok(verdict),
        };
        if let Some(red) = verify(project, job, &old, &merged, evidence).await? {
            let what = if Check::is_evidence(&red) { "check" } else { "gate" };
            let why = format!(
                "{what} `{}` fails on the result of merging it with {main}:\n{}",
                red.name,
                red.tail.trim_end()
            );
            return Ok(Verdict::Failed { why, back_to_agent: true });
        }
        let (shared, order) = (Arc::clone(project), Arc::clone(job));
        let holder = os::blocking(move || shared.holder(&order.landing.ticket)).await?;
        if let Some(holder) = holder {
            return Ok(Verdict::Failed { why: holder.words(&job.landing.ticket), back_to_agent: false });
        }
        confirm(bus, job).await?;
        crash::point("merge");
        let (shared, branch) = (Arc::clone(project), main.clone());
        if let Some(verdict) = os::blocking(move || land(shared.depot()?, &branch, &old, &merged)).await? {
            if matches!(verdict, Verdict::Merged(_)) {
                let (shared, order) = (Arc::clone(project), Arc::clone(job));
                os::blocking(move || {
                    gates::land_cache(&shared.state, &order.landing.ticket);
                    // Main's files make it anew: what the ticket's made is no longer looked for.
                    let _goes_with_the_workspace = Store::of(&shared.state).forget(&order.landing.ticket);
                })
                .await;
            }
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
    let depot = project.depot()?;
    let Some(old) = project.repository.branch(main) else {
        anyhow::bail!("there is no branch {main}");
    };
    depot.bring_from_person(&old)?;
    // The probe: it is on main already.
    if depot.repository.is_ancestor(&job.landing.commit, &old) {
        return Ok(Built::Ends(Verdict::Merged(old)));
    }
    let back_to_agent = |why: String| Ok(Built::Ends(Verdict::Failed { why, back_to_agent: true }));
    let head = project.workspace(&job.landing.ticket).take_from_person(depot)?;
    if head.is_some_and(|h| h != job.landing.commit) {
        return back_to_agent("the branch has moved since it was accepted".to_owned());
    }
    let message = format!(
        "{} ({})\n\nGanger-Ticket: {}\nGanger-Accepted: {}\nApproved-by: {}",
        job.landing.title, job.landing.ticket, job.landing.ticket, job.landing.commit, job.landing.approved_by
    );
    match depot::merge_commit(&depot.repository, &old, &job.landing.commit, &message)? {
        Ok(merged) => {
            // Gates take their time, and whoever cleans up must not take it for nothing.
            depot.git().run(&[
                "update-ref",
                &format!("refs/ganger/merging/{}", job.landing.ticket),
                merged.as_str(),
            ])?;
            Ok(Built::Merge { old, merged })
        }
        Err(files) => back_to_agent(format!("conflicts with {main} in {}", files.join(", "))),
    }
}

/// Moves main; `None` when another moved it meanwhile, and the merge must be built anew.
fn land(depot: &Depot, main: &str, old: &Commit, merged: &Commit) -> anyhow::Result<Option<Verdict>> {
    match depot::land(depot, main, old, merged)? {
        Landed::Landed => Ok(Some(Verdict::Merged(merged.clone()))),
        Landed::Moved => Ok(None),
        refused => {
            let why = refused.refusal(main).unwrap_or_default();
            let remedy = refused.remedy();
            let why = match refused {
                Landed::InTheWay(_) => {
                    format!("{why}: {remedy}, or run `ganger merge --keep`, which keeps them as a rescue")
                }
                _ => format!("{why}: {remedy}, then merge again"),
            };
            Ok(Some(Verdict::Failed { why, back_to_agent: false }))
        }
    }
}

/// Gates take their time, and a person may have taken the approval back meanwhile.
async fn confirm(bus: &Arc<dyn Bus>, job: &Job) -> anyhow::Result<()> {
    let id = DecisionId::unkeyed(format!("confirm-{}-{}", job.landing.ticket, uuid::Uuid::now_v7()));
    let input = Input::ConfirmMerge { ticket: job.landing.ticket.clone(), commit: job.landing.commit.clone() };
    let client = Client::open(bus, id.as_str()).await?;
    client.ask(Envelope::new(id, "a merge is verified", input), PATIENCE).await?;
    Ok(())
}

/// Runs every gate, and every check of the ticket, on the merged result; returns the first red one.
async fn verify(
    project: &Arc<Project>,
    job: &Job,
    old: &Commit,
    merged: &Commit,
    evidence: &mut Vec<Evidence>,
) -> anyhow::Result<Option<Evidence>> {
    let host = HostId::from("local");
    let toolchain = gates::toolchain(project.config());
    let trees = project.gate_trees(&project.config().project.gate_trees);
    let shared = Arc::clone(project);
    let sandboxes = os::blocking(move || Sandboxes::of(&shared, &shared.state.join("landing"))).await?;
    let tree = Tree::take(&project.state, &trees, &job.landing.ticket).await?;
    let mut tree = check_out(project, tree, merged.clone(), old).await?;
    let setup = Setup::of(&project.config().project, &project.repository.root);
    let gates = project.config().gates.iter().map(|gate| (gate.digest(), gate.clone()));
    let checks = job.landing.checks.iter().map(|check| (check.digest(), gates::of_check(check)));
    for (digest, gate) in gates.chain(checks) {
        let at = |commit| GateRun {
            ticket: &job.landing.ticket,
            revision: job.landing.revision,
            commit,
            digest: &digest,
            host: &host,
            marker: &job.marker,
            toolchain: &toolchain,
            folder: &project.state,
            sandboxes: &sandboxes,
            setup: &setup,
            last_line: None,
        };
        let result = gates::run(&tree, &gate, &at(merged)).await?;
        evidence.push(result.clone());
        if result.is_green() {
            continue;
        }
        if !job.landing.known_red.contains(&digest) {
            return Ok(Some(result));
        }
        // Known to be red on main: it may be so only for as long as it is.
        tree = check_out(project, tree, old.clone(), old).await?;
        let before = gates::run(&tree, &gate, &at(old)).await?;
        tree = check_out(project, tree, merged.clone(), old).await?;
        let was_green = before.is_green();
        evidence.push(before);
        if was_green {
            return Ok(Some(result));
        }
    }
    Ok(None)
}

async fn check_out(project: &Arc<Project>, tree: Tree, commit: Commit, main: &Commit) -> anyhow::Result<Tree> {
    let (shared, main) = (Arc::clone(project), main.clone());
    let checked_out = os::blocking(move || -> git::GitResult<_> {
        let depot = shared.depot()?;
        tree.check_out(depot, &commit, &[], Some(&main)).map(|()| tree)
    });
    Ok(checked_out.await?)
}
