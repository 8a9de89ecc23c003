//! Where a board is that is not of this clone: a host works for it from a clone of its own, with a state folder of its
//! own.

use super::{JournalMark, Project, find_repository, new_id, read_id, repository_at, state_home};
use crate::config::{self, SandboxMode};
use crate::failure::{Code, Failure};
use crate::git::Repository;
use crate::{os, text};
use std::path::{Path, PathBuf};

/// The file of a store by which a state folder is known.
const STORE: &str = "ganger.db";

/// A board that is on this machine.
#[derive(Debug)]
pub(crate) struct BoardPlace {
    /// Id of the board's project.
    pub(crate) project: String,
    /// Its state folder.
    pub(crate) state: PathBuf,
    /// Id of its store, where that is known.
    pub(crate) store: Option<String>,
}

impl BoardPlace {
    /// By the foreman's clone, or by the state folder of its board.
    pub(crate) fn find(path: &Path) -> Result<Self, Failure> {
        let path = path.canonicalize().map_err(|e| Failure::usage(format!("--board {}: {e}", path.display())))?;
        if path.join(STORE).is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            ganger_engine::TicketId::parse(&name)
                .map_err(|_| Failure::usage(format!("{} is not the state folder of a board", path.display())))?;
            return Ok(Self { project: name, state: path, store: None });
        }
        let none = |why: &str| {
            Failure::usage(format!("{} {why}", path.display()))
                .hint("`--board` takes the clone in which you start `ganger run`, or its state folder: `ganger doctor` shows both there")
        };
        let repository = repository_at(&path)?;
        let project = read_id(&repository).ok_or_else(|| none("has no board"))?;
        let mark = JournalMark::read(&repository.common, &project);
        let known = mark.as_ref().map(|mark| mark.state.clone()).filter(|state| !state.as_os_str().is_empty());
        let state = match known {
            Some(state) => state,
            None => state_home()?.join("ganger").join(&project),
        };
        if !state.join(STORE).is_file() {
            return Err(none(&format!("has its board in {}, and there is none", state.display())));
        }
        Ok(Self { project, state, store: mark.map(|mark| mark.store).filter(|id| !id.is_empty()) })
    }
}

impl Project {
    /// The clone of the current folder as a host of a board elsewhere; `None` when the board is its own.
    pub(crate) fn of_host(place: &BoardPlace) -> Result<Option<Self>, Failure> {
        let repository = find_repository()?;
        if let Some(own) = read_id(&repository) {
            if own == place.project {
                return Ok(None);
            }
            return Err(Failure::usage(format!("{} has a board of its own, {own}", repository.root.display()))
                .hint("a host of another board needs a clone of its own: `git clone` the repository once more"));
        }
        let id = match id_for(&repository, &place.project) {
            Some(id) => id,
            None => {
                let (id, file) = (new_id(&repository), id_file(&repository, &place.project));
                let written = os::write_private(&file, id.as_bytes()).and_then(|()| os::sync(&file));
                written.map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?;
                id
            }
        };
        let project = Self::assemble(repository, id)?;
        let again = format!(
            "remove {} here: the copy is a host of its own then",
            id_file(&project.repository, &place.project).display()
        );
        project.check_place(|other| id_for(other, &place.project), &again)?;
        Ok(Some(project))
    }

    /// What the repository's own file says of the sandbox was trusted for another clone, if at all: here it can make it
    /// stricter, and no wider.
    pub(crate) fn distrust_sandbox(&mut self) -> Result<(), Failure> {
        let own = config::load_own(&self.repository.root)?.config.sandbox;
        let asked = self.layered.config.sandbox.mode;
        let mode: SandboxMode = own.mode.max(asked);
        self.layered.config.sandbox = config::Sandbox { mode, ..own };
        Ok(())
    }

    /// The flag of a command, which wins over the configuration. A path is one of this folder.
    pub(crate) fn use_exchange(&mut self, url: Option<String>) -> Result<(), Failure> {
        let Some(url) = url else { return Ok(()) };
        if url.trim().is_empty() || url.starts_with('-') {
            return Err(Failure::of(Code::Usage, format!("--exchange `{url}` is no address of a git repository")));
        }
        let path = Path::new(&url).canonicalize().ok();
        let url = path.map_or(url, |path| path.display().to_string());
        self.set_exchange(url, "--exchange");
        Ok(())
    }

    /// Notes the exchange of a run, for `ganger merge` without one.
    pub(crate) fn note_exchange(&self) -> Result<(), Failure> {
        let (url, file) = (&self.config().exchange.url, self.state.join(LAST_EXCHANGE));
        if url.is_empty() {
            return Ok(());
        }
        os::write_private(&file, url.as_bytes()).map_err(|e| Failure::failed(format!("{}: {e}", file.display())))
    }

    /// The exchange that a run was given last, where the configuration names none.
    pub(crate) fn use_last_exchange(&mut self) {
        if self.config().exchange.url.is_empty()
            && let Ok(url) = os::read_text(&self.state.join(LAST_EXCHANGE), 1 << 16)
        {
            self.set_exchange(url, "--exchange of an earlier run");
        }
    }

    fn set_exchange(&mut self, url: String, origin: &str) {
        self.layered.origins.insert("exchange.url".to_owned(), (url.clone().into(), origin.to_owned()));
        self.layered.config.exchange.url = url;
    }
}

/// In the project's folder: the address of the exchange that a run had last.
const LAST_EXCHANGE: &str = "exchange";

/// What is true of a clone without a board, and what to do there.
pub(super) fn without_board(repository: &Repository) -> Failure {
    let root = repository.root.display();
    if os::ancestors_have_marker() {
        let words = format!("{root} has no board: an agent works here, and does not reach the board by commands");
        return Failure::of(Code::PersonOnly, words)
            .hint("use the tools of the session, such as `ask_user` and `ticket_note`");
    }
    if let Some(project) = workspace_of(repository) {
        return Failure::usage(format!("{root} is a workspace of {project}, and has no board of its own"))
            .hint(format!("run the command in {project}"));
    }
    let missing = Failure::usage(format!("{root} is not a Ganger project yet"));
    if repository.common.join("ganger/hosts").is_dir() {
        missing.hint("this clone is a host's (`ganger host --board`): run other commands in the clone in which you start `ganger run`")
    } else {
        missing.hint("run `ganger init` first")
    }
}

/// The repository of a project whose depot a workspace borrows objects from. An agent may write anything there: it is only
/// shown.
fn workspace_of(repository: &Repository) -> Option<String> {
    let alternates = os::read_text(&repository.objects().join("info/alternates"), 4096).ok()?;
    let depot = alternates.lines().map(Path::new).find_map(|objects| objects.parent()?.parent());
    os::read_text(&depot?.join("root"), 4096).ok().map(|root| text::name(root.trim()))
}

fn id_file(repository: &Repository, board: &str) -> PathBuf {
    repository.common.join("ganger/hosts").join(board)
}

fn id_for(repository: &Repository, board: &str) -> Option<String> {
    let id = os::read_text(&id_file(repository, board), 4096).ok()?;
    ganger_engine::TicketId::parse(id.trim()).ok().map(|_| id.trim().to_owned())
}
