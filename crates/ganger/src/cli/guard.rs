//! `ganger guard`: what the guard would say of a shell line.

use super::input;
use super::out::{data, json_line};
use crate::board::shapes::{Danger, GuardedLine};
use crate::config::GuardPreset;
use crate::failure::{Code, Exit, Failure};
use crate::project::Project;
use ganger_guardrails::{Guard, Place, judge};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A shell line; without one, each line of stdin is judged
    line: Option<String>,
    /// Judge by this preset instead of the project's
    #[arg(long, value_enum)]
    preset: Option<GuardPreset>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let guard = args.preset.map_or_else(configured, |preset| Ok(preset.level()))?;
    let place = here()?;
    let lines: Vec<String> = match &args.line {
        Some(line) => vec![line.clone()],
        None => input::read(Path::new("-"))?.lines().map(str::to_owned).collect(),
    };
    let mut exit = Exit::Done;
    for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
        let dangers = judge(&line, &place, guard);
        let verdict = if dangers.is_empty() { "allow" } else { "ask" };
        if !dangers.is_empty() {
            exit = Exit::Failed;
        }
        if args.json {
            let danger = |d: ganger_guardrails::Danger| Danger { kind: d.kind.name(), command: d.command, why: d.why };
            json_line(GuardedLine { line, verdict, dangers: dangers.into_iter().map(danger).collect() });
            continue;
        }
        data!("{verdict:5}  {line}");
        for danger in dangers {
            data!("       {}: {}\n         {}", danger.kind.name(), danger.command, danger.why);
        }
    }
    Ok(exit)
}

/// As the project has it; outside of one, the default.
fn configured() -> Result<Guard, Failure> {
    match Project::open() {
        Ok(project) => Ok(project.config().policy.guard.level()),
        Err(failure) if failure.code == Code::Config => Err(failure),
        Err(_no_project) => Ok(GuardPreset::default().level()),
    }
}

/// The current folder takes the place of a workspace.
fn here() -> Result<Place, Failure> {
    let folder = std::env::current_dir()?.display().to_string();
    let home = std::env::var("HOME").unwrap_or_default();
    Ok(Place::of_workspace(&folder, &home))
}
