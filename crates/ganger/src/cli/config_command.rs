//! `ganger config`: every value and its origin.

use super::out::{json, table};
use crate::board::shapes;
use crate::failure::{Exit, Failure};
use crate::project::Project;
use crate::text;

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
    let all = project.layered.settings();
    let wanted = |key: &str| args.prefix.as_deref().is_none_or(|p| key.starts_with(p));
    let values: Vec<_> = all.iter().filter(|(key, _)| wanted(key)).collect();
    if let Some(prefix) = args.prefix.as_deref().filter(|_| values.is_empty()) {
        let sections = all.keys().filter_map(|key| key.split_once('.')).map(|(section, _)| section);
        let meant = text::did_you_mean(prefix, all.keys().map(String::as_str).chain(sections));
        return Err(Failure::usage(format!("no setting begins with `{prefix}`"))
            .hint(meant.unwrap_or_else(|| "`ganger config` lists all of them".to_owned())));
    }
    if args.json {
        let setting = |(key, (value, origin)): (&String, &(Option<toml::Value>, String))| {
            let value = serde_json::to_value(value)?;
            Ok(shapes::Setting { key: key.clone(), value, origin: origin.clone() })
        };
        let values: Result<_, serde_json::Error> = values.into_iter().map(setting).collect();
        json(shapes::Config { values: values.map_err(|e| Failure::failed(format!("cannot write a setting: {e}")))? })?;
        return Ok(Exit::Done);
    }
    // The value comes last, for it may be long.
    let root = project.repository.root.join("");
    let origin = |o: &str| o.strip_prefix(&*root.to_string_lossy()).unwrap_or(o).to_owned();
    let value = |v: &Option<toml::Value>| v.as_ref().map_or_else(|| "unset".to_owned(), toml::Value::to_string);
    table(&values.iter().map(|(k, (v, o))| vec![(*k).clone(), origin(o), value(v)]).collect::<Vec<_>>());
    Ok(Exit::Done)
}
