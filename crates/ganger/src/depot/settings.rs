//! Which of the person's settings hold for Ganger's own git: an explicit list. It is what decides how files look on
//! disk, what a commit is, and how a remote is reached. Everything else (hooks, monitors, pagers, aliases, diff
//! programs) stays the person's alone.

use super::OWN_FILES;
use crate::git::{GitError, GitResult, Repository, zero_separated};
use crate::os;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Settings about files and commits: for the depot and for the workspaces of agents.
const OF_FILES: [&str; 17] = [
    "core.attributesfile",
    "core.autocrlf",
    "core.bigfilethreshold",
    "core.checkstat",
    "core.eol",
    "core.filemode",
    "core.ignorecase",
    "core.longpaths",
    "core.precomposeunicode",
    "core.protecthfs",
    "core.protectntfs",
    "core.safecrlf",
    "core.symlinks",
    "core.trustctime",
    "i18n.commitencoding",
    "user.email",
    "user.name",
];
/// Sections about files and commits.
const SECTIONS_OF_FILES: [&str; 4] = ["filter.", "lfs.", "merge.", "submodule."];
/// Settings and sections by which a remote is reached: for the depot alone.
const OF_REMOTES: [&str; 8] =
    ["core.gitproxy", "core.sshcommand", "credential.", "http.", "https.", "protocol.", "ssh.", "url."];

/// The settings that are taken over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    of_files: Vec<(String, String)>,
    of_remotes: Vec<(String, String)>,
    /// The address of `origin`, as the person wrote it.
    pub(crate) origin: Option<String>,
    /// Where a relative address of it begins.
    pub(crate) origin_from: PathBuf,
    /// `sha1` or `sha256`.
    object_format: String,
    attributes: Option<Vec<u8>>,
    exclude: Option<Vec<u8>>,
    excludes_file: Option<PathBuf>,
    /// What the person ignores everywhere.
    ignored_everywhere: Vec<u8>,
}

impl Settings {
    /// Reads them from the repository of the person, as git sees them there.
    pub(super) fn of(person: &Repository) -> GitResult<Self> {
        let listed = person.git().run(&["config", "--list", "-z"])?;
        let mut settings = Self { object_format: "sha1".to_owned(), ..Self::default() };
        for entry in zero_separated(&listed) {
            // A name without a value means true.
            let (name, value) = entry.split_once('\n').unwrap_or((entry, "true"));
            let known = |list: &[&str]| list.iter().any(|n| name == *n || n.ends_with('.') && name.starts_with(n));
            let promises = name.starts_with("remote.") && name.contains(".p") && name.contains("partial")
                || name.ends_with(".promisor");
            if known(&OF_FILES) || known(&SECTIONS_OF_FILES) && is_of_files(name) || promises {
                settings.of_files.push((name.to_owned(), value.to_owned()));
            } else if known(&OF_REMOTES) {
                settings.of_remotes.push((name.to_owned(), value.to_owned()));
            } else if name == "core.excludesfile" {
                settings.excludes_file = Some(in_home(value, &person.root));
            } else if name == "remote.origin.url" {
                settings.origin = Some(value.to_owned());
            } else if name == "extensions.objectformat" {
                value.clone_into(&mut settings.object_format);
            }
        }
        let told = settings.excludes_file.take().map_or_else(default_excludes_file, Some);
        if let Some(file) = told {
            // Without its patterns an agent would commit what the person ignores everywhere.
            settings.ignored_everywhere = match std::fs::read(&file) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                read => read.map_err(|e| {
                    GitError::new(
                        "read what you ignore everywhere, for",
                        &person.root,
                        format!("{}: {e}", file.display()),
                    )
                })?,
            };
        }
        let lfs = person.common.join("lfs");
        if lfs.is_dir() && !settings.of_files.iter().any(|(name, _)| name == "lfs.storage") {
            settings.of_files.push(("lfs.storage".to_owned(), lfs.display().to_string()));
        }
        settings.attributes = std::fs::read(person.common.join("info/attributes")).ok();
        settings.exclude = std::fs::read(person.common.join("info/exclude")).ok();
        settings.origin_from.clone_from(&person.root);
        Ok(settings)
    }

    /// Names of what is taken over, for people.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.of_files.iter().chain(&self.of_remotes).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Writes the depot's configuration, if it is another than before.
    pub(super) fn write_for_depot(&self, depot: &Repository) -> std::io::Result<()> {
        let mut text = self.head(true);
        text.push_str("[core]\n\tlogAllRefUpdates = false\n[fetch]\n\tfsckObjects = true\n[gc]\n\tauto = 0\n");
        for (name, value) in self.of_files.iter().chain(&self.of_remotes) {
            text.push_str(&setting(name, value));
        }
        if let Some(origin) = &self.origin {
            text.push_str(&setting("remote.origin.url", origin));
        }
        replace(&depot.common.join("config"), Some(text.as_bytes()))?;
        replace(&depot.common.join("info/attributes"), self.attributes.as_deref())?;
        replace(&depot.common.join("info/exclude"), self.exclude.as_deref())?;
        let ours: String = OWN_FILES.iter().map(|file| format!("/{file}\n")).collect();
        let excludes = [&self.ignored_everywhere[..], b"\n", ours.as_bytes()].concat();
        replace(&depot.common.join("ganger/excludes"), Some(&excludes))
    }

    /// The configuration of a repository that borrows the depot's objects.
    pub(super) fn for_borrower(&self) -> String {
        let mut text = self.head(false);
        text.push_str("[core]\n\tlogAllRefUpdates = true\n[gc]\n\tauto = 0\n");
        for (name, value) in &self.of_files {
            text.push_str(&setting(name, value));
        }
        // Nobody but a person can sign, and nobody sees a question.
        text.push_str("[commit]\n\tgpgSign = false\n[tag]\n\tgpgSign = false\n");
        if let Some(origin) = self.origin_for_elsewhere() {
            text.push_str(&setting("remote.origin.url", &origin));
            text.push_str(&setting("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"));
        }
        text
    }

    pub(super) fn attributes(&self) -> Option<&[u8]> {
        self.attributes.as_deref()
    }

    pub(super) fn exclude(&self) -> Option<&[u8]> {
        self.exclude.as_deref()
    }

    /// A relative path means something in the person's folder only.
    fn origin_for_elsewhere(&self) -> Option<String> {
        let origin = self.origin.as_deref()?;
        let is_relative = origin.starts_with("./") || origin.starts_with("../");
        Some(if is_relative { self.origin_from.join(origin).display().to_string() } else { origin.to_owned() })
    }

    fn head(&self, bare: bool) -> String {
        let promisor = self.of_files.iter().find_map(|(name, value)| {
            let remote = name.strip_prefix("remote.")?.strip_suffix(".promisor")?;
            (value == "true").then(|| remote.to_owned())
        });
        let extended = self.object_format != "sha1" || promisor.is_some();
        let mut text = format!("[core]\n\trepositoryFormatVersion = {}\n\tbare = {bare}\n", u8::from(extended));
        if self.object_format != "sha1" {
            // Writing to a String cannot fail.
            let _ok = write!(text, "[extensions]\n\tobjectFormat = {}\n", self.object_format);
        }
        if let Some(remote) = promisor {
            text.push_str(&setting("extensions.partialClone", &remote));
        }
        text
    }
}

/// Of these sections only what says how files are read and written, and joined.
fn is_of_files(name: &str) -> bool {
    match name.split_once('.') {
        Some(("merge", rest)) => rest.contains('.') || rest == "renamelimit",
        Some(("submodule", rest)) => rest.ends_with(".url"),
        _ => true,
    }
}

/// A path as git reads it in a configuration file.
fn in_home(path: &str, root: &Path) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    match (path.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => home.join(below),
        _ => root.join(path),
    }
}

/// Where git looks for patterns when no setting says so (gitignore).
fn default_excludes_file() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = set.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    Some(folder.join("git/ignore"))
}

/// A setting as git's own configuration files have it.
fn setting(name: &str, value: &str) -> String {
    let (section, key) = name.rsplit_once('.').unwrap_or(("core", name));
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", escaped.replace('\n', "\\n").replace('\t', "\\t"))
    };
    let head = match section.split_once('.') {
        Some((section, of)) => format!("[{section} \"{}\"]", of.replace('\\', "\\\\").replace('"', "\\\"")),
        None => format!("[{section}]"),
    };
    format!("{head}\n\t{key} = {}\n", quoted(value))
}

/// Leaves a file alone that says the same already: whoever has read it goes by its time.
fn replace(file: &Path, content: Option<&[u8]>) -> std::io::Result<()> {
    let old = std::fs::read(file).ok();
    match content {
        _ if old.as_deref() == content => Ok(()),
        // An empty file after a power cut would be no repository any more.
        Some(content) => os::write_durable(file, content),
        None => std::fs::remove_file(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Git;

    #[test]
    fn only_what_is_listed_is_taken_over_and_git_reads_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.run(&["init", "--quiet", "person"]).unwrap();
        let person = Repository::discover(&folder.path().join("person")).unwrap();
        let filter = "sed 's/\"a\"\\t/b/' # not a comment; no end";
        for (name, value) in [
            ("filter.odd name.v1.clean", filter),
            ("core.fsmonitor", "/tmp/evil"),
            ("diff.external", "/tmp/evil"),
            ("merge.union.driver", "true"),
            ("merge.verifySignatures", "true"),
            ("core.autocrlf", "input"),
            ("alias.x", "!evil"),
            ("remote.origin.url", "../else\"where"),
        ] {
            person.git().run(&["config", name, value]).unwrap();
        }
        git.run(&["init", "--quiet", "--bare", "depot"]).unwrap();
        let depot = Repository::own(folder.path().join("depot"));
        let settings = Settings::of(&person).unwrap();
        settings.write_for_depot(&depot).unwrap();
        let got = |name: &str| depot.git().run(&["config", "--get", name]).ok();
        assert_eq!(got("filter.odd name.v1.clean").as_deref(), Some(filter));
        assert_eq!(got("merge.union.driver").as_deref(), Some("true"));
        assert_eq!(got("core.autocrlf").as_deref(), Some("input"));
        assert_eq!(got("remote.origin.url").as_deref(), Some("../else\"where"));
        for name in ["diff.external", "merge.verifySignatures", "alias.x"] {
            assert_eq!(got(name), None, "{name}");
        }
        // The command line turns it off.
        assert_eq!(got("core.fsmonitor").as_deref(), Some("false"));
        let before = std::fs::metadata(depot.common.join("config")).unwrap().modified().unwrap();
        settings.write_for_depot(&depot).unwrap();
        assert_eq!(std::fs::metadata(depot.common.join("config")).unwrap().modified().unwrap(), before);
    }
}
