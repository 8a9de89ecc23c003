//! `ganger config`: every value and its origin.

use super::out::{json, table, talk};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use crate::project::Project;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only keys that begin with this
    prefix: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let project = Project::open()?;
    let wanted = |key: &str| args.prefix.as_deref().is_none_or(|p| key.starts_with(p));
    let values: Vec<_> = project.layered.origins.iter().filter(|(key, _)| wanted(key)).collect();
    if args.json {
        let setting = |(key, (value, origin)): &(&String, &(String, String))| shapes::Setting {
            key: (*key).clone(),
            value: value.clone(),
            origin: origin.clone(),
        };
        json(shapes::Config { values: values.iter().map(setting).collect() })?;
        return Ok(Exit::Done);
    }
    table(&values.iter().map(|(k, (v, o))| vec![(*k).clone(), v.clone(), o.clone()]).collect::<Vec<_>>());
    if values.is_empty() {
        talk!("No setting begins with `{}`.", args.prefix.as_deref().unwrap_or_default());
    }
    Ok(Exit::Done)
}
