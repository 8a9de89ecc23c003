//! `ganger doctor`: checks everything that could be wrong, and says what to do about it.

use super::board::{self, Board, require_person};
use super::out::{counted, data, json, span};
use super::{gates, sandbox, trust};
use crate::agents::{Driver, Drivers, Found, capability_names};
use crate::board::{no_agent_in_a_line, shapes};
use crate::config::{Gate, GuardPreset};
use crate::depot::{Rescue, stands_in_the_way};
use crate::failure::{Exit, Failure};
use crate::foreman::{self, Loaded};
use crate::git::Git;
use crate::os::{self, now_ms};
use crate::project::Project;
use crate::setup::{Named, OwnFiles};
use crate::wire::{DeadLetter, dead_letters};
use ganger_bus::Bus;
use ganger_engine::{State, check_all};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Run one short session of this agent or runtime with its real model: it has to write a file and call a tool
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    prove: Option<String>,
    /// Run the gates on the main branch as it is now
    #[arg(long)]
    gates: bool,
    /// Break a tree of main in one way after the other, to see whether each gate can be red
    #[arg(long)]
    challenge: bool,
    /// Look whether this git remote can be reached, by which commits travel to hosts in other clones [default: exchange.url]
    #[arg(long, value_name = "URL")]
    exchange: Option<String>,
    /// Print the table of what each runtime's driver can do, as Markdown
    #[arg(long, hide = true)]
    capabilities: bool,
}

struct Finding {
    what: &'static str,
    result: Result<String, String>,
    /// It is no fault yet, and may become one.
    warns: bool,
}

impl Finding {
    fn of(what: &'static str, result: Result<String, String>) -> Self {
        Self { what, result, warns: false }
    }
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(name) = &args.prove {
        return super::prove::run(name).await;
    }
    if args.capabilities {
        data!("{}", capabilities().trim_end());
        return Ok(Exit::Done);
    }
    let mut findings = vec![git_version()];
    findings.extend(Drivers::default().found().await.iter().map(|Found { driver, version }| {
        let kind = driver.runtime();
        let found = super::login::found(kind);
        let login = found.as_ref().map_or_else(|| super::login::missing(kind), |l| format!("login by {l}"));
        let place = os::place_of_program(kind.as_str()).map_or_else(String::new, |place| format!(" at {place}"));
        let detail = format!("{version}{place}, driven by {}, {login}", driver.surface());
        Finding { warns: found.is_none(), ..Finding::of(kind.as_str(), Ok(detail)) }
    }));
    match Project::open() {
        Ok(mut project) => {
            project.use_exchange(args.exchange.clone())?;
            let place = format!("{} at {}", project.id, project.repository.root.display());
            findings.push(Finding::of("project", Ok(place)));
            findings.push(agents(&project).await);
            findings.push(configured_gates(&project));
            findings.extend(own_files(&project));
            findings.push(Finding::of("sandbox", sandbox::found(project.config()).await));
            findings.push(Finding::of("confined", Ok(sandbox::who_is_confined(project.config()))));
            findings.push(Finding::of("groups", Ok(groups())));
            findings.push(Finding::of("store", check_store(&project)));
            findings.push(branches(&project));
            findings.push(depot(&project));
            findings.push(rescues(&project));
            findings.extend(exchange(&project));
            if findings.iter().all(|f| f.what != "store" || f.result.is_ok()) {
                findings.extend(board(project, args).await);
            }
        }
        Err(e) => findings.push(Finding::of("project", Err(e.message))),
    }
    let healthy = findings.iter().all(|f| f.result.is_ok());
    if args.json {
        let findings = findings.iter().map(|f| shapes::Finding {
            what: f.what.to_owned(),
            ok: f.result.is_ok(),
            detail: f.result.as_ref().unwrap_or_else(|e| e).clone(),
        });
        json(shapes::Doctor { version: env!("CARGO_PKG_VERSION"), healthy, findings: findings.collect() })?;
    } else {
        for finding in &findings {
            match &finding.result {
                Ok(detail) if finding.warns => data!("warn  {:<10} {detail}", finding.what),
                Ok(detail) => data!("ok    {:<10} {detail}", finding.what),
                Err(detail) => data!("BAD   {:<10} {detail}", finding.what),
            }
        }
        data!("{}", conclusion(&findings));
    }
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

/// All of it in a line.
fn conclusion(findings: &[Finding]) -> String {
    let problems = findings.iter().filter(|f| f.result.is_err()).count();
    let warnings = findings.iter().filter(|f| f.warns && f.result.is_ok()).count();
    match (problems, warnings) {
        (0, 0) => "ok".to_owned(),
        (0, warnings) => format!("ok, {}", counted(warnings, "warning")),
        (problems, 0) => counted(problems, "problem"),
        (problems, warnings) => format!("{}, {}", counted(problems, "problem"), counted(warnings, "warning")),
    }
}

fn git_version() -> Finding {
    let found = Git::at("/").run(&["version"]).map_err(|e| e.message);
    let result = found.and_then(|version| {
        let numbers = version.split_whitespace().nth(2).unwrap_or_default().split('.');
        let mut numbers = numbers.filter_map(|n| n.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) if (major, minor) >= (2, 38) => Ok(version),
            _ => Err(format!("{version} is too old: Ganger needs 2.38 or later")),
        }
    });
    Finding::of("git", result)
}

async fn agents(project: &Project) -> Finding {
    let agents = &project.config().agents;
    let drivers = Drivers::default();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (name, agent) in agents {
        let runtime = agent.runtime.as_str();
        let driver = drivers.of(agent).await;
        let guard = project.config().policy.guard;
        let is_unguarded = guard != GuardPreset::Off && !driver.holds_guard();
        found.push(format!("{name} ({runtime}{})", if is_unguarded { ", commands not seen by the guard" } else { "" }));
        match project.config().missing_program_of(agent, &project.repository.root) {
            Some(missing) => faults.push(format!("agent {name}: {missing}")),
            None => faults.extend(driver.cannot_hold_rules(name, agent, guard)),
        }
    }
    let result = match (agents.is_empty(), faults.is_empty()) {
        (true, _) => Err(no_agent_in_a_line()),
        (false, false) => Err(faults.join("; ")),
        (false, true) => Ok(found.join(", ")),
    };
    Finding::of("agents", result)
}

/// The table of docs/runtimes.md: made from the flags that the program itself goes by.
fn capabilities() -> String {
    let drivers = Driver::ALL;
    let header: Vec<String> = drivers.iter().map(|d| format!("`{}`", d.runtime().as_str())).collect();
    let mut table = format!("| | {} |\n|---|{}\n", header.join(" | "), "---|".repeat(drivers.len()));
    let surfaces: Vec<&str> = drivers.iter().map(|d| d.surface()).collect();
    table.push_str(&format!("| driven by | {} |\n", surfaces.join(" | ")));
    let flags: Vec<_> = drivers.iter().map(|d| capability_names(d.capabilities())).collect();
    for (row, (name, _)) in flags[0].iter().enumerate() {
        let words: Vec<&str> = flags.iter().map(|f| if f[row].1 { "yes" } else { "no" }).collect();
        table.push_str(&format!("| {name} | {} |\n", words.join(" | ")));
    }
    table
}

fn configured_gates(project: &Project) -> Finding {
    let gates = &project.config().gates;
    let names: Vec<&str> = gates.iter().map(|g| g.name.as_str()).collect();
    let missing = project.config().missing_programs(&project.repository.root);
    let result = match (missing.is_empty(), names.is_empty()) {
        (false, _) => Err(missing.join("; ")),
        (true, true) => Ok("none: you have to approve every result".to_owned()),
        (true, false) => Ok(names.join(", ")),
    };
    Finding::of("gates", result)
}

/// Files of yours that agents and gates get, and those that they do not.
fn own_files(project: &Project) -> Option<Finding> {
    let config = project.config();
    let of_gates = config.gates.iter().flat_map(|gate| gate.files.iter().cloned());
    let patterns: Vec<String> = config.project.own_files().into_iter().chain(of_gates).collect();
    let named = OwnFiles::new(&project.repository.root, &patterns).find();
    let result = match named {
        Err(e) => Err(e.to_string()),
        Ok(Named { not_ignored, .. }) if !not_ignored.is_empty() => Err(format!(
            "{} would be committed by agents, so nobody gets it: add it to .gitignore, or commit it",
            not_ignored.join(", ")
        )),
        Ok(Named { ignored, .. }) if ignored.is_empty() => Ok(format!("none is named by {}", patterns.join(", "))),
        Ok(Named { ignored, .. }) => Ok(format!("copied to agents and gates: {}", ignored.join(", "))),
    };
    (!patterns.is_empty()).then_some(Finding::of("files", result))
}

/// Whether the kernel keeps the processes of an attempt together.
fn groups() -> String {
    match os::try_groups() {
        Ok(own) => format!("the processes of each attempt are in a group of their own, in {}", own.display()),
        Err(why) => format!("none: {why}; processes are found by environment, folder and parent"),
    }
}

fn check_store(project: &Project) -> Result<String, String> {
    crate::board::check_store(project).map(|()| project.state.display().to_string()).map_err(in_one_line)
}

/// A failure with the way out of it.
fn in_one_line(failure: Failure) -> String {
    match failure.hint {
        Some(hint) => format!("{}; {hint}", failure.message),
        None => failure.message,
    }
}

fn branches(project: &Project) -> Finding {
    let template = &project.config().project.branch;
    let in_the_way = stands_in_the_way(&project.repository, template);
    Finding::of("branches", in_the_way.map_or_else(|| Ok(template.clone()), Err))
}

/// Which of your git settings hold for Ganger's git, too.
fn depot(project: &Project) -> Finding {
    let described = || -> Result<String, String> {
        let Some(depot) = project.depot_if_made().map_err(|e| e.to_string())? else {
            return Ok("the first run makes it".to_owned());
        };
        let (path, settings) = (depot.path().display(), depot.settings());
        if let Some(missing) = depot.damage().map_err(|e| e.to_string())? {
            return Err(format!(
                "{path} is damaged ({missing}); move it away while no run is active, and Ganger makes another one from your \
                 repository, without the rescues that only this one held"
            ));
        }
        Ok(format!("{path}; your settings that hold there: {}", settings.names().join(", ")))
    };
    Finding::of("depot", described())
}

fn rescues(project: &Project) -> Finding {
    let listed = project.depot_if_made().and_then(|depot| depot.map_or_else(|| Ok(Vec::new()), Rescue::list));
    let result = listed.map(|r| format!("{} kept", r.len())).map_err(|e| e.to_string());
    Finding::of("rescue", result)
}

/// Whether commits reach hosts in other clones.
fn exchange(project: &Project) -> Option<Finding> {
    let exchange = project.exchange()?;
    let shown = exchange.shown();
    let looked = project.depot_if_made().map(|depot| depot.map(|depot| exchange.look(depot)));
    let result = match looked {
        Ok(None) => Ok(format!("{shown}; it is tried when the first run has made the depot")),
        Ok(Some(Ok(refs))) => Ok(format!("{shown} holds {refs} refs of this board")),
        Ok(Some(Err(e))) => Err(format!(
            "{shown} cannot be reached: {}; it must be a git repository that you may push to (`git init --bare` makes one)",
            e.message
        )),
        Err(e) => Err(e.to_string()),
    };
    Some(Finding::of("exchange", result))
}

/// The whole journal from its first record: the tables would hide what was changed before them.
async fn chain(bus: &Arc<dyn Bus>) -> Result<String, String> {
    let records = foreman::read_records(bus).await.map_err(|e| e.to_string())?;
    let mut state = State::default();
    records.iter().try_for_each(|record| state.apply_record(record)).map_err(|e| e.to_string())?;
    Ok(format!("{} records, none changed or left out", records.len()))
}

/// What running the gates shows, and the names of those that it ran and of those that were red.
struct Tried {
    findings: Vec<Finding>,
    ran: BTreeSet<String>,
    red: BTreeSet<String>,
    challenged: bool,
}

async fn tried(board: &Board, state: &State, args: &Args) -> Result<Tried, Failure> {
    let (mut findings, mut ran, mut red) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    if args.gates || args.challenge {
        require_person("doctor --gates", Some(&board.project))?;
        trust::require(board, state).await?;
    }
    if args.gates {
        let (trial, results) = gates::run_on_main(board, true).await?;
        ran.extend(results.iter().map(|e| e.name.clone()));
        red.extend(results.iter().filter(|e| !e.is_green()).map(|e| e.name.clone()));
        findings.extend(results.iter().map(|e| {
            let words = format!("{} at {} ({})", e.name, trial.commit.short(), span(e.duration_ms));
            let known = gates::is_known_red(board, state, e);
            let result = match (e.is_green(), known) {
                (true, _) => Ok(format!("{words}: green")),
                (false, true) => Ok(format!("{words}: red, as is known")),
                (false, false) => Err(format!("{words}: red; its output: {}", e.log)),
            };
            Finding::of("gate", result)
        }));
    }
    if args.challenge {
        let found = gates::challenge(board).await?;
        for gates::Challenged { name, was_red, result } in found {
            red.extend(was_red.then(|| name.clone()));
            let named = |words: String| format!("{name} {words}");
            findings.push(Finding::of("challenge", result.map(named).map_err(named)));
            ran.insert(name);
        }
    }
    Ok(Tried { findings, ran, red, challenged: args.challenge })
}

/// A gate that was never red in this project has not shown yet that it can be.
fn never_red(project: &Project, state: &State, tried: &Tried) -> Vec<Finding> {
    let is_recorded = |g: &Gate| state.evidence.values().flatten().any(|e| e.key.gate == g.digest());
    let never = project.config().gates.iter().filter(|g| !state.seen_red.contains(&g.digest()));
    let never = never.filter(|g| !tried.red.contains(&g.name));
    let (ran, not_run): (Vec<&Gate>, Vec<&Gate>) = never.partition(|g| tried.ran.contains(&g.name) || is_recorded(g));
    let found = |what, gates: &[&Gate], words: &str| {
        let names: Vec<&str> = gates.iter().map(|g| g.name.as_str()).collect();
        (!names.is_empty()).then(|| Finding::of(what, Ok(format!("{}: {words}", names.join(", ")))))
    };
    let hint = match tried.challenged {
        true => "",
        false => "; `ganger doctor --challenge` shows whether a broken tree turns it red",
    };
    let findings = [
        found("never red", &ran, &format!("never red so far{hint}")),
        found("not run", &not_run, &format!("not run on a ticket's work yet{hint}")),
    ];
    findings.into_iter().flatten().collect()
}

async fn board(project: Project, args: &Args) -> Vec<Finding> {
    let opened = async {
        let board = board::of(project).await?;
        let loaded = foreman::load(&board.bus, &board.project.state).await?;
        let run = board.active_run()?;
        let mut tried = tried(&board, &loaded.state, args).await?;
        let never = never_red(&board.project, &loaded.state, &tried);
        tried.findings.extend(never);
        Ok::<_, Failure>((loaded, chain(&board.bus).await, run, dead_letters(&board.bus).await?, tried.findings))
    };
    let (Loaded { state, fault, restored, .. }, chain, run, letters, tried) = match opened.await {
        Ok(opened) => opened,
        Err(e) => {
            return vec![Finding::of("board", Err(in_one_line(e)))];
        }
    };
    let journal = match (fault, restored) {
        (Some(fault), _) => Err(format!("read-only as of record {}: {fault}", state.n)),
        (None, Some(words)) => Err(format!("{words}; the next command that changes the board goes on from here")),
        (None, None) => Ok(format!("{} records, {}", state.n, counted(state.tickets.len(), "ticket"))),
    };
    let rules = check_all(&state).map(|()| "every invariant holds".to_owned()).map_err(|b| b.to_string());
    let run = run.map_or("none is active".to_owned(), |run| format!("`{}` is active ({run})", run.command));
    let mut findings = vec![
        Finding::of("journal", journal),
        Finding::of("chain", chain),
        Finding::of("rules", rules),
        Finding::of("run", Ok(run)),
        wire(&letters),
    ];
    findings.extend(tried);
    findings
}

/// How long a message that nobody could read is a fault; it is kept for longer.
const FRESH_MS: u64 = 86_400_000;

fn wire(letters: &[DeadLetter]) -> Finding {
    let result = match letters.last() {
        None => Ok("every message was read".to_owned()),
        Some(last) => {
            let all = format!("{} messages could not be read; the last one: {last}", letters.len());
            if now_ms().saturating_sub(last.at) < FRESH_MS { Err(all) } else { Ok(all) }
        }
    };
    Finding::of("wire", result)
}
