//! `ganger clean`: lists what merged and closed tickets left and nobody needs, and removes it when you confirm.

use super::board::{self, Board};
use super::input;
use super::out::{counted, json, table, talk};
use crate::board::{Part, View, shapes};
use crate::depot::{Depot, Workspace};
use crate::failure::{Exit, Failure, OrCannot};
use crate::gates::caches_in;
use crate::git::GitResult;
use crate::host::Claim;
use crate::os::{self, now_ms};
use ganger_engine::{Commit, Phase, State, Ticket, TicketId};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// List it and remove nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Remove it without asking
    #[arg(long, short)]
    yes: bool,
    /// Logs of tickets that were merged or closed less than so many days ago stay
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    logs_older_than: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

const DAY_MS: u64 = 86_400_000;

/// Something that can go.
struct Item {
    ticket: TicketId,
    what: What,
    bytes: u64,
}

enum What {
    /// Everything in it is kept as a rescue first.
    Workspace(Workspace),
    /// A branch in your repository that is on main.
    Branch(Workspace),
    /// What its gates have built.
    Cache(PathBuf),
    Log(PathBuf),
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("clean").await?;
    let state = board.state().await?;
    let runs = board.active_run()?.is_some();
    let main = board.project.repository.branch(&board.project.main_branch()?);
    let items = os::block_in_place(|| found(&board, &state, args, runs, main.as_ref()))?;
    if args.json && (args.dry_run || !args.yes) {
        return print_json(&items, false);
    }
    if runs {
        talk!("A run is active: workspaces and caches stay.");
    }
    if items.is_empty() {
        talk!("Nothing to remove.");
        return if args.json { print_json(&items, true) } else { Ok(Exit::Done) };
    }
    let all = sum(&items);
    if !args.json {
        table(&items.iter().map(Item::row).collect::<Vec<_>>());
    }
    if args.dry_run {
        talk!("{all} could be removed. Rescues stay: `ganger rescue drop` deletes one.");
        return Ok(Exit::Done);
    }
    let otherwise = "use `--yes`, or `--dry-run` to look";
    if !args.yes && !input::confirm(&format!("Remove all of it ({all})?"), otherwise)? {
        talk!("Nothing was removed.");
        return Ok(Exit::Done);
    }
    let mut removed = Vec::new();
    for item in items {
        match stays(&board, &item).await? {
            Some(why) => talk!("{} stays: {why}.", item.words().1),
            None if os::block_in_place(|| item.remove(&board, main.as_ref()))? => removed.push(item),
            None => talk!("{} stays: a process works in it.", item.words().1),
        }
    }
    if args.json {
        return print_json(&removed, true);
    }
    talk!("Removed {}.", sum(&removed));
    Ok(Exit::Done)
}

/// Why something is no longer to be removed: time has passed since it was listed.
async fn stays(board: &Board, item: &Item) -> Result<Option<String>, Failure> {
    if board.active_run()?.is_some() && matches!(item.what, What::Workspace(_) | What::Cache(_)) {
        return Ok(Some("a run is active".to_owned()));
    }
    let id = &item.ticket;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(id))).await?;
    let phase = state.tickets.get(id).map_or("unknown", |t| t.phase.as_str());
    Ok((!is_over(&state, id)).then(|| format!("{id} is {phase}")))
}

fn is_over(state: &State, id: &TicketId) -> bool {
    state.tickets.get(id).is_some_and(|t| t.phase.is_final() && t.live.is_none())
}

fn sum(items: &[Item]) -> String {
    let bytes: u64 = items.iter().map(|item| item.bytes).sum();
    let sized = if bytes > 0 { format!(", {}", size(bytes)) } else { String::new() };
    format!("{}{sized}", counted(items.len(), "item"))
}

fn found(board: &Board, state: &State, args: &Args, runs: bool, main: Option<&Commit>) -> Result<Vec<Item>, Failure> {
    let Some(depot) = board.project.depot_if_made().or_cannot("open the depot")? else { return Ok(Vec::new()) };
    main.map_or(Ok(()), |main| depot.bring_from_person(main)).or_cannot("bring main into the depot")?;
    let mut items = Vec::new();
    if !runs {
        items.extend(workspaces(board, state, depot)?);
        let of_caches = caches_in(&board.project.state).into_iter().filter(|(id, _)| is_over(state, id));
        items.extend(of_caches.map(|(ticket, path)| Item { ticket, bytes: bytes_of(&path), what: What::Cache(path) }));
    }
    if let Some(main) = main {
        // The branch goes with the workspace.
        let with_workspace: BTreeSet<TicketId> =
            items.iter().filter(|i| matches!(i.what, What::Workspace(_))).map(|i| i.ticket.clone()).collect();
        let branches = branches(board, state, depot, main).or_cannot("look for branches that are merged")?;
        items.extend(branches.into_iter().filter(|i| !with_workspace.contains(&i.ticket)));
    }
    let old = |t: &Ticket| now_ms().saturating_sub(t.since) >= args.logs_older_than.saturating_mul(DAY_MS);
    let logs = logs_in(&board.project.state).into_iter();
    let logs = logs.filter(|(id, _)| is_over(state, id) && state.tickets.get(id).is_some_and(old));
    items.extend(logs.map(|(ticket, path)| Item { ticket, bytes: bytes_of(&path), what: What::Log(path) }));
    Ok(items)
}

/// Those that no host will remove any more, and in which nobody works.
fn workspaces(board: &Board, state: &State, depot: &Depot) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let over = state.tickets.iter().filter(|(_, t)| t.phase.is_final() && t.live.is_none());
    for (id, _) in over {
        let workspace = board.project.workspace(id);
        if !workspace.is_there(depot) || board.project.holder(id)?.is_some() {
            continue;
        }
        if os::is_in_use(&workspace.path) {
            talk!("{} stays: a process works in it.", workspace.path.display());
            continue;
        }
        let bytes = bytes_of(&workspace.path);
        items.push(Item { ticket: id.clone(), what: What::Workspace(workspace), bytes });
    }
    Ok(items)
}

/// Branches of merged tickets in your repository that are as Ganger made them, and on main.
fn branches(board: &Board, state: &State, depot: &Depot, main: &Commit) -> GitResult<Vec<Item>> {
    let person = &board.project.repository;
    let listed = person.git().run(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"])?;
    let there: BTreeSet<&str> = listed.lines().collect();
    let merged = state.tickets.iter().filter(|(_, t)| t.phase == Phase::Merged);
    let mut items = Vec::new();
    for (id, _) in merged {
        let workspace = board.project.workspace(id);
        if there.contains(workspace.branch.as_str()) && workspace.has_merged_branch(depot, main) {
            items.push(Item { ticket: id.clone(), what: What::Branch(workspace), bytes: 0 });
        }
    }
    Ok(items)
}

/// Logs of gates and of setup commands, by ticket, of this process and of hosts.
fn logs_in(state: &Path) -> Vec<(TicketId, PathBuf)> {
    let hosts = entries(&state.join("hosts"));
    let mut found = Vec::new();
    for folder in hosts.iter().map(PathBuf::as_path).chain([state]) {
        for path in ["logs/gates", "logs/setup"].iter().flat_map(|logs| entries(&folder.join(logs))) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let id = TicketId::parse(name.strip_suffix(".log").unwrap_or(&name));
            found.extend(id.ok().map(|id| (id, path.clone())));
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

impl Item {
    fn words(&self) -> (&'static str, String) {
        match &self.what {
            What::Workspace(workspace) => ("workspace", workspace.path.display().to_string()),
            What::Branch(workspace) => ("branch", workspace.branch.clone()),
            What::Cache(path) => ("cache", path.display().to_string()),
            What::Log(path) => ("log", path.display().to_string()),
        }
    }

    fn row(&self) -> Vec<String> {
        let (kind, name) = self.words();
        let bytes = if matches!(self.what, What::Branch(_)) { String::new() } else { size(self.bytes) };
        vec![self.ticket.to_string(), kind.to_owned(), bytes, name]
    }

    /// Whether it is gone: nobody is at work in it.
    fn remove(&self, board: &Board, main: Option<&Commit>) -> Result<bool, Failure> {
        let (kind, name) = self.words();
        let what = format!("remove the {kind} {name}");
        match &self.what {
            What::Workspace(workspace) => {
                board.project.require_not_held(&self.ticket)?;
                let claim = Claim::take_now(&board.project, &self.ticket).or_cannot(&what)?;
                let Some(claim) = claim.filter(|_| !os::is_in_use(&workspace.path)) else { return Ok(false) };
                let retired = board.project.depot().and_then(|depot| workspace.retire(depot, main));
                retired.or_cannot(&what)?;
                claim.give_up().or_cannot(&what)?;
            }
            What::Branch(workspace) => {
                let depot = board.project.depot().or_cannot(what)?;
                workspace.drop_merged_branch(depot, main);
            }
            What::Cache(path) | What::Log(path) => os::remove_tree(path).or_cannot(what)?,
        }
        Ok(true)
    }
}

fn print_json(items: &[Item], removed: bool) -> Result<Exit, Failure> {
    let shape = |item: &Item| {
        let (kind, name) = item.words();
        shapes::Leftover { ticket: item.ticket.to_string(), kind, name, bytes: item.bytes }
    };
    let bytes = items.iter().map(|item| item.bytes).sum();
    json(shapes::Leftovers { removed, bytes, items: items.iter().map(shape).collect() })?;
    Ok(Exit::Done)
}

fn bytes_of(path: &Path) -> u64 {
    os::files_in(path).flatten().map(|(_, found)| found.len()).sum()
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = bytes as f64 / 1e3;
    let mut unit = 0;
    while value >= 1e3 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    if bytes < 1_000 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
