//! Reading the layers and merging them, with the origin of every value.

use super::messages::{Fault, explain, locate};
use super::unset::NUMBERS;
use super::{Config, PROJECT_FILE};
use crate::os;
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct ConfigError {
    /// File and line, or the variable.
    pub(crate) place: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// The merged configuration.
#[derive(Debug)]
pub(crate) struct Layered {
    pub(crate) config: Config,
    /// Dotted key → value and where it comes from, for `ganger config`.
    pub(crate) origins: BTreeMap<String, (Value, String)>,
}

/// Reads all layers for a repository.
pub(crate) fn load(root: &Path) -> Result<Layered, ConfigError> {
    load_with(root, Some(root.join(PROJECT_FILE)))
}

/// As [`load`], without the repository's own file: nobody trusts it here.
pub(crate) fn load_own(root: &Path) -> Result<Layered, ConfigError> {
    load_with(root, None)
}

fn load_with(root: &Path, project: Option<PathBuf>) -> Result<Layered, ConfigError> {
    let mut merged = defaults();
    let mut origins = BTreeMap::new();
    note_origins(&mut origins, "", &merged, "default");
    let user = user_file();
    for (path, is_user) in user.into_iter().map(|p| (p, true)).chain(project.map(|p| (p, false))) {
        let Some(text) = read(&path)? else { continue };
        let mut table = parse(&path, &text)?;
        check_scope(&path, &text, &table, is_user)?;
        use_one_name(&mut table);
        note_origins(&mut origins, "", &table, &path.display().to_string());
        merge(&mut merged, table);
    }
    for (key, value, variable) in environment(&merged)? {
        check_variable(&key, &value, &variable)?;
        set(&mut merged, &key, value.clone());
        origins.insert(key, (value.clone(), variable));
    }
    let changes = super::blocks::changes(&merged);
    let mut config: Config = Value::Table(merged).try_into().map_err(|e: toml::de::Error| ConfigError {
        place: "configuration".to_owned(),
        message: e.message().to_owned(),
        hint: None,
    })?;
    config.changes = changes;
    let file = root.join(INCLUDE_FILE);
    let patterns = read_where_it_lies(&file)?.unwrap_or_default();
    config.project.included = patterns.lines().filter(|line| is_pattern(line)).map(str::to_owned).collect();
    if !config.project.included.is_empty() {
        let patterns = config.project.included.iter().map(|pattern| Value::from(pattern.as_str())).collect();
        origins.insert(INCLUDE_FILE.to_owned(), (Value::Array(patterns), file.display().to_string()));
    }
    refuse_faults(root, &config, &origins)?;
    Ok(Layered { config, origins })
}

/// Names files of the person that other tools copy into their worktrees, too.
const INCLUDE_FILE: &str = ".worktreeinclude";

fn is_pattern(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#')
}

/// A file of configuration is no larger.
const MOST_BYTES: u64 = 4 << 20;

/// The user's file.
pub(crate) fn user_file() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("ganger/config.toml"))
}

fn defaults() -> Table {
    Table::try_from(Config::default()).unwrap_or_default()
}

fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match os::read_linked_text(path, MOST_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let place = path.display().to_string();
            let message = format!("cannot be read: {}", e.to_string().trim_start_matches(&place).trim_start());
            Err(ConfigError { place, message, hint: None })
        }
    }
}

/// A file of the repository, whoever wrote that: through no link.
fn read_where_it_lies(path: &Path) -> Result<Option<String>, ConfigError> {
    let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    if is_link {
        let (place, message) = (path.display().to_string(), "is a link, and links are not followed".to_owned());
        return Err(ConfigError { place, message, hint: None });
    }
    read(path)
}

fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    // Read as the typed shape first: that finds unknown keys and wrong types, with their place.
    let typed = toml::from_str::<Config>(text).map(|_| ());
    typed.and_then(|()| toml::from_str::<Table>(text)).map_err(|e| {
        let Fault { line, message, hint } = explain(text, &e);
        ConfigError { place: format!("{}:{line}", path.display()), message, hint }
    })
}

/// Spec 2 calls workspaces worktrees. Where both are set, `parse` has refused the file. A sandbox may be said in a word.
fn use_one_name(table: &mut Table) {
    if let Some(sandbox) = table.get_mut("sandbox").filter(|sandbox| sandbox.is_str()) {
        *sandbox = Value::Table(Table::from_iter([("mode".to_owned(), sandbox.clone())]));
    }
    if let Some(project) = table.get_mut("project").and_then(Value::as_table_mut)
        && let Some(template) = project.remove("worktrees")
    {
        project.insert("workspaces".to_owned(), template);
    }
}

/// Some keys only the user's own file may set: a repository must not reach for secrets or other folders.
fn check_scope(path: &Path, text: &str, table: &Table, is_user: bool) -> Result<(), ConfigError> {
    if is_user {
        return Ok(());
    }
    let refuse = |key: &str, why: &str| {
        Err(ConfigError {
            place: format!("{}:{}", path.display(), locate(text, key)),
            message: format!("`{key}` {why}"),
            hint: user_file().map(|f| format!("put it into {}", f.display())),
        })
    };
    if table.contains_key("env") {
        return refuse("env", "can be set only in your own configuration, for it passes your environment to agents");
    }
    if table.contains_key("exchange") {
        return refuse("exchange", "can be set only in your own configuration, for your work is pushed to it");
    }
    for key in ["alerts", "channel"] {
        if table.contains_key(key) {
            return refuse(key, "can be set only in your own configuration, for it says what reaches you, and how");
        }
    }
    let project = table.get("project");
    let outside = |t: &str| {
        t.starts_with('/')
            || t.starts_with('~')
            || t.trim_start_matches("../").contains("..")
            || t.starts_with("../../")
    };
    for key in ["workspaces", "worktrees", "gate_trees"] {
        if project.and_then(|p| p.get(key)).and_then(Value::as_str).is_some_and(outside) {
            let key = format!("project.{key}");
            return refuse(&key, "leaves the parent folder; that can be set only in your own configuration");
        }
    }
    Ok(())
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn note_origins(origins: &mut BTreeMap<String, (Value, String)>, prefix: &str, table: &Table, origin: &str) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => note_origins(origins, &path, inner, origin),
            value => {
                origins.insert(path, (value.clone(), origin.to_owned()));
            }
        }
    }
}

/// `GANGER_LIMITS_PARALLEL=8` for `limits.parallel`: every plain value of the fixed sections.
fn environment(merged: &Table) -> Result<Vec<(String, Value, String)>, ConfigError> {
    let (mut found, mut variables) = (Vec::new(), BTreeSet::new());
    let optional = NUMBERS.map(|(section, key)| (section, key, Value::Integer(0)));
    let sections = ["project", "limits", "policy", "sandbox", "exchange"]
        .into_iter()
        .filter_map(|s| Some((s, merged.get(s)?.as_table()?)));
    let known = sections.flat_map(|(s, t)| t.iter().map(move |(k, v)| (s, k.as_str(), v.clone())));
    for (section, key, example) in known.chain(optional) {
        let variable = format!("GANGER_{}_{}", section.to_uppercase(), key.to_uppercase());
        variables.insert(variable.clone());
        let Ok(text) = std::env::var(&variable) else {
            continue;
        };
        let wrong = |wanted: &str| ConfigError {
            place: variable.clone(),
            message: format!("`{text}` is not {wanted}"),
            hint: None,
        };
        let value = match example {
            Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
            Value::Float(_) => Value::Float(text.parse().map_err(|_| wrong("a number"))?),
            Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
            Value::Array(_) => Value::Array(text.split(',').map(|t| Value::String(t.trim().to_owned())).collect()),
            _ => Value::String(text.clone()),
        };
        found.push((format!("{section}.{key}"), value, variable));
    }
    refuse_unknown_variables(&variables)?;
    Ok(found)
}

/// A word that its key does not take, in the words that a file gets.
fn check_variable(key: &str, value: &Value, variable: &str) -> Result<(), ConfigError> {
    let text = format!("{key} = {value}");
    toml::from_str::<Config>(&text).map(drop).map_err(|e| {
        let Fault { message, hint, .. } = explain(&text, &e);
        ConfigError { place: variable.to_owned(), message, hint }
    })
}

/// A variable of a section that has no such key is a slip, as it would be in a file.
fn refuse_unknown_variables(known: &BTreeSet<String>) -> Result<(), ConfigError> {
    let sections = ["PROJECT", "LIMITS", "POLICY", "SANDBOX", "BUDGET", "EXCHANGE"];
    let sections = sections.map(|section| format!("GANGER_{section}_"));
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let of_sections = set.filter(|name| sections.iter().any(|section| name.starts_with(section)));
    match of_sections.filter(|name| !known.contains(name)).min() {
        None => Ok(()),
        Some(name) => Err(ConfigError {
            message: "there is no such setting".to_owned(),
            hint: text::did_you_mean(&name, known.iter().map(String::as_str)),
            place: name,
        }),
    }
}

fn set(table: &mut Table, key: &str, value: Value) {
    if let Some((section, name)) = key.split_once('.') {
        let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(name.to_owned(), value);
        }
    }
}

impl Layered {
    /// What is wrong with the table of this key, which no layer can tell by itself.
    pub(crate) fn fault(&self, root: &Path, key: &str, message: String) -> ConfigError {
        let inside = format!("{key}.");
        let origin = self.origins.iter().find(|(known, _)| known.starts_with(&inside)).map(|(_, (_, origin))| origin);
        ConfigError { place: place_of(root, origin.cloned(), key), message, hint: None }
    }
}

/// File and line of a key that has this origin.
fn place_of(root: &Path, origin: Option<String>, key: &str) -> String {
    let file = origin.filter(|o| o != "default").unwrap_or_else(|| root.join(PROJECT_FILE).display().to_string());
    match os::read_linked_text(Path::new(&file), MOST_BYTES) {
        Ok(text) => format!("{file}:{}", locate(&text, key)),
        Err(_) => file,
    }
}

fn refuse_faults(root: &Path, config: &Config, origins: &BTreeMap<String, (Value, String)>) -> Result<(), ConfigError> {
    let place = |key: &str| {
        let top = key.split('[').next().unwrap_or(key);
        place_of(root, origins.get(key).or_else(|| origins.get(top)).map(|(_, o)| o.clone()), key)
    };
    let mut faults = config.faults().into_iter().map(|(key, why)| (place(&key), format!("`{key}` {why}")));
    let Some((place, mut message)) = faults.next() else { return Ok(()) };
    for (place, more) in faults {
        message.push_str(&format!("\n  {place}: {more}"));
    }
    Err(ConfigError { place, message, hint: None })
}

#[cfg(test)]
mod tests {
    use super::{Config, locate, parse};
    use std::path::Path;

    #[test]
    fn a_fault_is_told_with_file_and_line() {
        let cases = [
            ("[limits]\nparallel = 2\nparalel = 3\n", "f.toml:3", "unknown key `paralel`"),
            ("[limits]\n\nparallel = \"two\"\n", "f.toml:3", "must be a whole number"),
            ("[[gate]]\nname = \"t\"\n", "f.toml:1", "`gate[0]` has no `command`"),
            ("[limits\n", "f.toml:1", ""),
        ];
        for (text, place, message) in cases {
            let error = parse(Path::new("f.toml"), text).unwrap_err();
            assert_eq!(error.place, place, "{text}");
            assert!(error.message.contains(message), "{}", error.message);
        }
    }

    #[test]
    fn impossible_values_are_found_and_located() {
        let text = "[limits]\nattempts = 1\nparallel = 0\n\n[[gate]]\nname = \"a\"\ncommand = \"x\"\n\n[[gate]]\nname = \"b\"\ncommand = \" \"\n";
        let faults = toml::from_str::<Config>(text).unwrap().faults();
        let keys: Vec<(&str, usize)> = faults.iter().map(|(k, _)| (k.as_str(), locate(text, k))).collect();
        assert_eq!(keys, [("limits.parallel", 3), ("gate[1].command", 11)]);
    }
}
