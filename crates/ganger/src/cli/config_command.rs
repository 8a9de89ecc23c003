//! `ganger config`: every value and its origin.

use super::out::{data, json, table};
use crate::failure::{Exit, Failure};
use crate::project::Project;
use serde_json::json as object;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only keys that begin with this
    prefix: Option<String>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let project = Project::open()?;
    let wanted = |key: &str| args.prefix.as_deref().is_none_or(|p| key.starts_with(p));
    let values: Vec<_> = project.layered.origins.iter().filter(|(key, _)| wanted(key)).collect();
    if args.json {
        let values: Vec<_> = values.iter().map(|(k, (v, o))| object!({"key": k, "value": v, "origin": o})).collect();
        json(&object!({"schema": 1, "values": values}))?;
        return Ok(Exit::Done);
    }
    table(&values.iter().map(|(k, (v, o))| vec![(*k).clone(), v.clone(), o.clone()]).collect::<Vec<_>>());
    if values.is_empty() {
        data!("no such key");
    }
    Ok(Exit::Done)
}
