//! A project: a repository, its configuration, and its folder in the user's state directory.

mod hold;
mod mark;
mod place;

pub(crate) use hold::{Hold, Holder, Left, Opened};
pub(crate) use mark::JournalMark;
pub(crate) use place::BoardPlace;

use crate::config::{self, Config, Layered};
use crate::depot::{Depot, Exchange, Workspace};
use crate::failure::{Code, Failure};
use crate::git::{GitResult, Repository};
use crate::os;
use crate::skills::{self, Catalogue, Places};
use etcetera::BaseStrategy;
use ganger_engine::TicketId;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Everything that commands need to know of where they are.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) repository: Repository,
    /// Lies in the git common directory, so that `git clean` loses nothing.
    pub(crate) id: String,
    /// `$XDG_STATE_HOME/ganger/<id>`, mode 0700.
    pub(crate) state: PathBuf,
    pub(crate) layered: Layered,
    depot: OnceLock<Depot>,
}

impl Project {
    /// Opens the project of the current folder.
    pub(crate) fn open() -> Result<Self, Failure> {
        let repository = find_repository()?;
        let id = read_id(&repository).ok_or_else(|| place::without_board(&repository))?;
        let project = Self::assemble(repository, id)?;
        project.check_place(read_id, NEW_ID)?;
        Ok(project)
    }

    /// Opens the project, or makes one of the repository.
    pub(crate) fn open_or_create(repository: Repository, new_id: bool) -> Result<Self, Failure> {
        let id = match read_id(&repository) {
            Some(id) if !new_id => id,
            _ => create_id(&repository)?,
        };
        let project = Self::assemble(repository, id)?;
        project.check_place(read_id, NEW_ID)?;
        Ok(project)
    }

    fn assemble(repository: Repository, id: String) -> Result<Self, Failure> {
        let mut layered = config::load(&repository.root)?;
        let catalogue = Catalogue::read(&Places::of_project(&repository.root));
        skills::complete(&mut layered, &repository.root, &catalogue)?;
        let state = state_home()?.join("ganger").join(&id);
        Ok(Self { repository, id, state, layered, depot: OnceLock::new() })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.layered.config
    }

    /// The repository in which Ganger's git works; made when it is needed first.
    pub(crate) fn depot(&self) -> GitResult<&Depot> {
        if let Some(depot) = self.depot.get() {
            return Ok(depot);
        }
        let opened = Depot::open(&self.state, &self.repository)?;
        Ok(self.depot.get_or_init(|| opened))
    }

    /// As [`Project::depot`], but nothing is made in order to look.
    pub(crate) fn depot_if_made(&self) -> GitResult<Option<&Depot>> {
        if Depot::is_made(&self.state) { self.depot().map(Some) } else { Ok(None) }
    }

    /// What is known of the project's journal, if it ever had one.
    pub(crate) fn journal_mark(&self) -> Option<JournalMark> {
        JournalMark::read(&self.repository.common, &self.id)
    }

    /// Notes that the project's journal is in this store.
    pub(crate) fn mark_journal(&self, store: &str) -> std::io::Result<()> {
        let mark = JournalMark { project: self.id.clone(), store: store.to_owned(), state: self.state.clone() };
        mark.write(&self.repository.common)
    }

    /// State folders of other boards that this folder had.
    pub(crate) fn earlier_boards(&self) -> Vec<PathBuf> {
        let siblings = self.state.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
        let here = self.repository.root.display().to_string();
        let is_of_here = |state: &PathBuf| {
            *state != self.state && os::read_text(&state.join("root"), 1 << 16).is_ok_and(|root| root == here)
        };
        siblings.map(|entry| entry.path()).filter(is_of_here).collect()
    }

    /// The main branch.
    pub(crate) fn main_branch(&self) -> Result<String, Failure> {
        match self.config().project.main.as_str() {
            "" => self
                .repository
                .guess_main()
                .ok_or_else(|| Failure::usage("cannot find the main branch").hint("set `project.main` in ganger.toml")),
            named => Ok(named.to_owned()),
        }
    }

    /// The workspace and branch of a ticket, by the templates.
    pub(crate) fn workspace(&self, ticket: &TicketId) -> Workspace {
        let project = &self.config().project;
        self.workspace_in(&project.workspaces, &project.branch, ticket)
    }

    /// The workspace and branch of a ticket, by templates that came from elsewhere.
    pub(crate) fn workspace_in(&self, workspaces: &str, branch: &str, ticket: &TicketId) -> Workspace {
        let fill = |t: &str| t.replace("{repo}", &self.repository.name()).replace("{id}", ticket.as_str());
        let path = normalize(&self.repository.root.join(fill(workspaces)));
        Workspace { ticket: ticket.clone(), path, branch: fill(branch) }
    }

    /// By which commits travel to hosts in other clones, for the board of this project.
    pub(crate) fn exchange(&self) -> Option<Exchange> {
        let url = &self.config().exchange.url;
        (!url.is_empty()).then(|| Exchange::new(url, &self.id))
    }

    /// Where the trees are in which gates run, by a template.
    pub(crate) fn gate_trees(&self, template: &str) -> PathBuf {
        normalize(&self.repository.root.join(template.replace("{repo}", &self.repository.name())))
    }

    /// A repository that was moved keeps its board; one that was copied must not share it.
    fn check_place(&self, id_of: impl Fn(&Repository) -> Option<String>, way_out: &str) -> Result<(), Failure> {
        // Nothing is laid into a folder from which the journal is gone: `Board::open` says so.
        if self.journal_mark().is_some() && !self.state.join("ganger.db").exists() {
            return Ok(());
        }
        let marker = self.state.join("root");
        let here = self.repository.root.display().to_string();
        let known = os::read_text(&marker, 1 << 16).ok();
        if known.as_ref() == Some(&here) {
            return Ok(());
        }
        if let Some(known) = known {
            let there = Repository::discover(Path::new(&known)).ok().and_then(|r| id_of(&r));
            if there.as_deref() == Some(&self.id) {
                return Err(Failure::usage(format!(
                    "{here} is a copy of {known}: both have the project id {}",
                    self.id
                ))
                .hint(way_out));
            }
        }
        os::write_private(&marker, here.as_bytes()).map_err(|e| {
            // Whoever cannot gain privileges and may not write here is kept from it.
            if e.kind() == std::io::ErrorKind::PermissionDenied && os::is_deprived() {
                return Failure::of(Code::PersonOnly, "this process runs in a sandbox, which keeps the board from it")
                    .hint("agents reach the board by their tools, such as `ask_user`");
            }
            Failure::failed(format!("{}: {e}", marker.display()))
        })
    }
}

/// What to do with a copy of a project.
const NEW_ID: &str = "run `ganger init --new-id` here to give this copy a board of its own";

fn find_repository() -> Result<Repository, Failure> {
    let here = std::env::current_dir().map_err(|e| Failure::usage(format!("cannot read the current folder: {e}")))?;
    repository_at(&here)
}

/// The repository of a folder.
pub(crate) fn repository_at(folder: &Path) -> Result<Repository, Failure> {
    let repository = Repository::discover(folder).map_err(|e| {
        if e.code.is_none() {
            return Failure::usage("cannot run git").hint("install git 2.38 or later");
        }
        if e.message.contains("dubious ownership") {
            return Failure::usage(format!("git refuses {}: {}", folder.display(), e.message))
                .hint("if you trust it: `git config --global --add safe.directory <that folder>`");
        }
        if !e.message.contains("not a git repository") {
            return Failure::usage(format!("git cannot read the repository of {}: {}", folder.display(), e.message));
        }
        Failure::usage(format!("{} is not in a git repository", folder.display()))
            .hint("run `git init` first, or change to your repository")
    })?;
    if !repository.root.join(".git").exists() {
        return Err(Failure::usage(format!("{} is a bare repository", repository.root.display()))
            .hint("clone it and run Ganger in the clone"));
    }
    Ok(repository)
}

fn state_home() -> Result<PathBuf, Failure> {
    let strategy = etcetera::choose_base_strategy().map_err(|e| Failure::usage(format!("no home folder: {e}")))?;
    strategy.state_dir().ok_or_else(|| Failure::usage("cannot find the folder for state").hint("set XDG_STATE_HOME"))
}

fn id_file(repository: &Repository) -> PathBuf {
    repository.common.join("ganger/project-id")
}

fn read_id(repository: &Repository) -> Option<String> {
    let known = |id: &str| ganger_engine::TicketId::parse(id).ok().map(|_| id.to_owned());
    let id = os::read_text(&id_file(repository), 4096).ok().and_then(|id| known(id.trim()));
    // Without the file the mark of the journal still knows whose it is.
    id.or_else(|| known(&JournalMark::project_of(&repository.common)?))
}

fn new_id(repository: &Repository) -> String {
    let name: String = repository.name().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let name = name.trim_start_matches('-');
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", if name.is_empty() { "repo" } else { name }, &random[..8])
}

fn create_id(repository: &Repository) -> Result<String, Failure> {
    let id = new_id(repository);
    let file = id_file(repository);
    let written = JournalMark::remove(&repository.common);
    let written = written.and_then(|()| os::write_private(&file, id.as_bytes())).and_then(|()| os::sync(&file));
    written.map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?;
    Ok(id)
}

/// Resolves `..` by name: the folder need not exist yet.
fn normalize(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}
