//! Opening the board of a project and reading its state.

use crate::failure::{Code, Failure};
use crate::foreman::{self, Loaded, Runner};
use crate::project::Project;
use crate::wire::declare_streams;
use ganger_bus::{Bus, LargePayloads, SqliteBus, SqliteOptions};
use ganger_engine::State;
use std::mem::ManuallyDrop;
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
}

/// Where notices go.
pub(crate) type Notify = fn(&Notice);

/// An opened board.
pub(crate) struct Board {
    pub(crate) project: Arc<Project>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(super) notify: Notify,
}

impl Board {
    /// Opens the board of the current folder's project.
    pub(crate) async fn open(notify: Notify) -> Result<Self, Failure> {
        Self::of(Project::open()?, notify).await
    }

    pub(crate) async fn of(project: Project, notify: Notify) -> Result<Self, Failure> {
        let store = Arc::new(SqliteBus::open(&SqliteOptions::new(&project.state))?);
        let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(store));
        declare_streams(&bus).await?;
        Ok(Self { project: Arc::new(project), bus, notify })
    }

    /// The state as of now. A journal that cannot be followed to its end is shown as far as it can,
    /// with a notice, never as an empty board.
    pub(crate) async fn state(&self) -> Result<State, Failure> {
        let Loaded { state, fault, .. } = foreman::load(&self.bus, &self.project.state).await?;
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

    /// The process that runs the project now.
    pub(crate) fn active_run(&self) -> Result<Option<Runner>, Failure> {
        foreman::active_run(&self.project.state)
    }

    /// Who acts, for the record.
    pub(crate) fn person(&self) -> String {
        let configured = self.project.repository.git().run(&["config", "user.name"]).ok().filter(|n| !n.is_empty());
        configured.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "you".to_owned())
    }
}

/// The board must not be written.
pub(super) fn read_only(fault: &str) -> Failure {
    Failure::of(Code::JournalFault, format!("the journal cannot be read to its end: {fault}"))
        .hint("the board is read-only; run `ganger doctor`")
}
