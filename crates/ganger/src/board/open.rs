//! Opening the board of a project and reading its state.

use super::store;
use crate::failure::{Code, Failure};
use crate::foreman::{self, Loaded, Runner};
use crate::os;
use crate::project::{BoardPlace, Project};
use ganger_bus::{Bus, SqliteBus};
use ganger_engine::State;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

/// Something that a person should hear while a call goes on.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The journal cannot be followed to its end; the state is that of the record.
    Truncated { record: u64, fault: String },
    /// A command has been waiting for the active run for a while.
    WaitsForRun(Runner),
    /// A command has been waiting for the end of another command for a while.
    WaitsForLease,
    /// The journal is older than, or another one than, what lies beside it.
    Restored(String),
    /// It could not be noted that the project has a journal.
    NotMarked(String),
}

/// Where notices go.
pub(crate) type Notify = fn(&Notice);

/// An opened board.
pub(crate) struct Board {
    pub(crate) project: Arc<Project>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(super) store: Arc<SqliteBus>,
    pub(super) notify: Notify,
}

impl Board {
    /// Opens the board of the current folder's project.
    pub(crate) async fn open(notify: Notify) -> Result<Self, Failure> {
        Self::of(Project::open()?, notify).await
    }

    pub(crate) async fn of(project: Project, notify: Notify) -> Result<Self, Failure> {
        let (store, bus) = Box::pin(store::open(&project, notify)).await?;
        Ok(Self { project: Arc::new(project), bus, store, notify })
    }

    /// A board elsewhere with its state, for a host in a clone of its own. `check` sees both before anything is done.
    pub(crate) async fn elsewhere(
        place: &BoardPlace,
        mut project: Project,
        notify: Notify,
        check: impl FnOnce(&State, &mut Project) -> Result<(), Failure>,
    ) -> Result<(Self, State), Failure> {
        let (store, bus) = Box::pin(store::open_at(place)).await?;
        let Loaded { state, fault, .. } = foreman::load(&bus, &project.state).await?;
        if let Some(fault) = fault {
            return Err(read_only(&fault));
        }
        check(&state, &mut project)?;
        Ok((Self { project: Arc::new(project), bus, store, notify }, state))
    }

    /// The state as of now. A journal that cannot be followed to its end is shown as far as it can,
    /// with a notice, never as an empty board.
    pub(crate) async fn state(&self) -> Result<State, Failure> {
        let Loaded { state, fault, restored, .. } = foreman::load(&self.bus, &self.project.state).await?;
        if let Some(restored) = restored {
            (self.notify)(&Notice::Restored(restored));
        }
        if let Some(fault) = fault {
            (self.notify)(&Notice::Truncated { record: state.n, fault });
        }
        Ok(state)
    }

    /// As [`Board::state`], for commands that end right after they printed it. It is never freed: ten thousand
    /// tickets take longer to free than to print.
    pub(crate) async fn last_state(&self) -> Result<ManuallyDrop<State>, Failure> {
        self.state().await.map(ManuallyDrop::new)
    }

    /// If the store was lost while it was open: why, with what could be saved of it.
    pub(crate) fn lost(&self) -> Option<Failure> {
        let lost = self.store.check_presence().err()?;
        Some(store::save(&self.store, &self.project.state, &lost))
    }

    /// The one file is the whole store from here on: it can be copied as it is.
    pub(crate) fn settle(&self) {
        // What is not moved today stays in the log beside it.
        let _busy = self.store.settle();
    }

    /// Writes a copy of the journal into a new file, beside whoever writes.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), Failure> {
        let (store, to) = (Arc::clone(&self.store), to.to_owned());
        Ok(os::blocking(move || store.back_up(&to)).await?)
    }

    /// The process that runs the project now.
    pub(crate) fn active_run(&self) -> Result<Option<Runner>, Failure> {
        foreman::active_run(&self.project.state)
    }

    /// Who acts, for the record.
    pub(crate) fn person(&self) -> String {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let configured = || self.project.repository.git().run(&["config", "user.name"]).ok().filter(|n| !n.is_empty());
        let login = || variable("USER").or_else(|| variable("LOGNAME"));
        variable("GIT_AUTHOR_NAME").or_else(configured).or_else(login).unwrap_or_else(|| "you".to_owned())
    }
}

/// The board must not be written.
pub(super) fn read_only(fault: &str) -> Failure {
    Failure::of(Code::JournalFault, format!("the journal cannot be read to its end: {fault}"))
        .hint("the board is read-only; run `ganger doctor`")
}
