//! Opening the store of a project. One that must be there, and is not, is said: it is never made anew in its place.

use super::open::{Notice, Notify};
use crate::failure::{Code, Failure};
use crate::foreman;
use crate::project::{BoardPlace, JournalMark, Project};
use crate::wire::declare_streams;
use ganger_bus::{Bus, BusError, LargePayloads, SqliteBus, SqliteOptions};
use ganger_engine::State;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a run saved of a store that was lost under it.
const SAVED: &str = "saved";

/// A store with its streams.
pub(super) async fn open(project: &Project, notify: Notify) -> Result<(Arc<SqliteBus>, Arc<dyn Bus>), Failure> {
    let mark = project.journal_mark();
    let expect = mark.as_ref().map(|mark| mark.store.clone()).filter(|id| !id.is_empty());
    let options = SqliteOptions { create: mark.is_none(), expect, ..SqliteOptions::new(&project.state) };
    let store = SqliteBus::open(&options).map_err(|e| explain(project, mark.as_ref(), e))?;
    let store = Arc::new(store);
    let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(Arc::clone(&store) as Arc<dyn Bus>));
    declare_streams(&bus).await?;
    let is_known = mark.is_some_and(|mark| mark.store == store.id() && mark.state == project.state);
    if !is_known {
        // The mark says that the one file is there: it must be, whatever happens to what lies beside it.
        store.settle()?;
        if let Err(e) = project.mark_journal(store.id()) {
            notify(&Notice::NotMarked(e.to_string()));
        }
    }
    Ok((store, bus))
}

/// The store of a board elsewhere. It is there, or there is no board.
pub(super) async fn open_at(place: &BoardPlace) -> Result<(Arc<SqliteBus>, Arc<dyn Bus>), Failure> {
    let options = SqliteOptions { create: false, expect: place.store.clone(), ..SqliteOptions::new(&place.state) };
    let store = Arc::new(SqliteBus::open(&options)?);
    let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(Arc::clone(&store) as Arc<dyn Bus>));
    declare_streams(&bus).await?;
    Ok((store, bus))
}

/// Looks at every page of the store, without changing it.
pub(crate) fn check(project: &Project) -> Result<(), Failure> {
    let mark = project.journal_mark();
    let must_be_there = mark.is_some();
    SqliteBus::check(&project.state, must_be_there).map_err(|e| explain(project, mark.as_ref(), e))
}

/// The id of a store in a folder of its own, and the board that its journal makes, followed from its first record.
pub(super) async fn check_copy(folder: &Path) -> Result<(String, State), Failure> {
    let store = SqliteBus::open(&SqliteOptions { create: false, poll: false, ..SqliteOptions::new(folder) })?;
    let id = store.id().to_owned();
    let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(Arc::new(store)));
    declare_streams(&bus).await?;
    let mut state = State::default();
    for record in foreman::read_records(&bus).await? {
        let applied = state.apply_record(&record);
        applied.map_err(|e| Failure::of(Code::JournalFault, format!("its journal cannot be followed: {e}")))?;
    }
    Ok((id, state))
}

/// What a failure to open means for a person.
fn explain(project: &Project, mark: Option<&JournalMark>, error: BusError) -> Failure {
    if let BusError::Corrupt { path, .. } | BusError::Foreign { path, .. } = &error {
        let is_volatile = path.ends_with("activity.db");
        let hint = if is_volatile {
            format!("it holds what agents said and how far messages were read, and can be missed: move {path}* away")
        } else {
            format!("the file was not touched; {}", way_back(&project.state))
        };
        return Failure::of(Code::Store, error.to_string()).hint(hint);
    }
    let BusError::Missing { path, why } = &error else { return error.into() };
    let elsewhere = mark.map(|mark| mark.state.as_path()).filter(|state| *state != project.state);
    if let Some(other) = elsewhere.filter(|state| state.join("ganger.db").exists()) {
        let words = format!("the board of this repository is in {}, and not in {path}", other.display());
        let home = other.parent().and_then(Path::parent).unwrap_or(other);
        let hint = format!("set XDG_STATE_HOME to {}, or HOME to what it was", home.display());
        return Failure::of(Code::StoreLost, words).hint(hint);
    }
    let words = format!("{path} {why}: this repository has a board ({}), and its journal is not there", project.id);
    Failure::of(Code::StoreLost, words).hint(way_back(&project.state))
}

/// How a lost journal is brought back.
pub(super) fn way_back(state: &Path) -> String {
    let anew = "`ganger init --new-board` begins a new board and leaves everything else as it is";
    match saved(state).pop() {
        Some(copy) => format!("`ganger restore {}` brings back what a run saved; {anew}", copy.display()),
        None => format!("`ganger restore FILE` brings back a copy that `ganger backup` made; {anew}"),
    }
}

/// Copies that runs saved, the newest last.
fn saved(state: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(state.join(SAVED)).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "db")).collect();
    found.sort();
    found
}

/// The store was lost while it was open: what can still be read of it is saved.
pub(super) fn save(store: &SqliteBus, state: &Path, lost: &BusError) -> Failure {
    let folder = state.join(SAVED);
    let name = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ.db").to_string();
    let path = folder.join(name);
    let written = std::fs::create_dir_all(&folder).map_err(|e| e.to_string());
    let written = written.and_then(|()| store.back_up(&path).map_err(|e| e.to_string()));
    let words = match written {
        Ok(()) => format!("{lost}; the journal as it was then is saved in {}", path.display()),
        Err(e) => format!("{lost}; what was decided since is lost, and a copy could not be saved: {e}"),
    };
    Failure::of(Code::StoreLost, words).hint(way_back(state))
}
