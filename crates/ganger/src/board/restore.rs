//! Putting a copy of the board in the place of what is there, which is kept aside.

use super::store::{check_copy, way_back};
use crate::failure::{Code, Failure};
use crate::foreman::{self, Projection};
use crate::os;
use crate::project::Project;
use ganger_bus::{Parts, SqliteBus};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Commands hold the lease for milliseconds.
const LEASE_PATIENCE: Duration = Duration::from_secs(10);

/// The file that is the store.
const STORE: &str = "ganger.db";

/// What was restored.
pub(crate) struct Restored {
    pub(crate) records: usize,
    pub(crate) tickets: usize,
    /// Where what was there is kept, if anything was.
    pub(crate) aside: Option<PathBuf>,
}

/// Checks the copy whole, record by record, and only then touches what is there. Before a board is replaced, `agree` is asked
/// with the number of tickets of the copy; `None` when it says no.
pub(crate) async fn restore(
    project: &Project,
    copy: &Path,
    agree: impl FnOnce(usize) -> Result<bool, Failure>,
) -> Result<Option<Restored>, Failure> {
    let state = &project.state;
    std::fs::create_dir_all(state)?;
    if let Some(run) = foreman::active_run(state)? {
        let words = format!("`{}` is active ({run}): a board is not replaced under it", run.command);
        return Err(Failure::of(Code::ActiveRun, words).hint("stop it, then run this again"));
    }
    let _lease = foreman::acquire(state, "ganger restore", LEASE_PATIENCE).await?;
    let trial = tempfile::Builder::new().prefix("restore-").tempdir_in(state)?;
    let (from, to) = (copy.to_owned(), trial.path().to_owned());
    let placed = os::blocking(move || SqliteBus::put_in_place(&from, &to)).await;
    placed.map_err(|e| {
        Failure::of(Code::Store, format!("{} cannot be restored: {e}", copy.display())).hint("nothing was changed")
    })?;
    let (id, board) = check_copy(trial.path()).await.map_err(|e| {
        Failure::of(e.code, format!("{} cannot be restored: {}", copy.display(), e.message)).hint("nothing was changed")
    })?;
    let known = project.journal_mark().filter(|mark| !mark.store.is_empty() && mark.store != id);
    if known.is_some() {
        let words = format!("{} is a copy of another board", copy.display());
        return Err(Failure::of(Code::StoreLost, words).hint(way_back(state)));
    }
    let (records, tickets) = (usize::try_from(board.n).unwrap_or(usize::MAX), board.tickets.len());
    // One that is lost is not replaced.
    if state.join(STORE).exists() && !os::block_in_place(|| agree(tickets))? {
        return Ok(None);
    }
    let aside = state.join("aside").join(jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string());
    let (state, file, folder) = (state.clone(), trial.path().join(STORE), aside.clone());
    os::blocking(move || -> Result<(), Failure> {
        SqliteBus::set_aside(&state, &folder, Parts::All)?;
        Projection::remove(&state)?;
        Ok(SqliteBus::put_in_place(&file, &state)?)
    })
    .await?;
    project.mark_journal(&id)?;
    let is_empty = aside.read_dir().is_ok_and(|mut files| files.next().is_none());
    if is_empty {
        std::fs::remove_dir(&aside)?;
    }
    Ok(Some(Restored { records, tickets, aside: Some(aside).filter(|_| !is_empty) }))
}
