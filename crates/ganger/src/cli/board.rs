//! The board as commands see it: they read the journal themselves, and they decide through the foreman,
//! or as the foreman for one decision when there is none.

use crate::client::{Client, SendError};
use crate::failure::Failure;
use crate::foreman::{self, AppendError, Loaded, Taken};
use crate::os;
use crate::project::Project;
use crate::protocol::{declare_streams, now_ms};
use ganger_bus::{Bus, LargePayloads, SqliteBus, SqliteOptions};
use ganger_engine::{Envelope, Input, Ledger, Outcome, Refusal, State};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

/// A foreman that is busy with a batch answers in milliseconds; one that is starting takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a lease that is just changing hands.
const RETRY: Duration = Duration::from_millis(50);
const RETRIES: u32 = 40;

/// An opened board.
pub(super) struct Board {
    pub(super) project: Arc<Project>,
    pub(super) bus: Arc<dyn Bus>,
}

impl Board {
    /// Opens the board of the current folder's project.
    pub(super) async fn open() -> Result<Self, Failure> {
        Self::of(Project::open()?).await
    }

    pub(super) async fn of(project: Project) -> Result<Self, Failure> {
        let store = Arc::new(SqliteBus::open(&SqliteOptions::new(&project.state))?);
        let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(store));
        declare_streams(&bus).await?;
        Ok(Self { project: Arc::new(project), bus })
    }

    /// The state as of now. A journal that cannot be followed to its end is shown as far as it can,
    /// with a warning, never as an empty board.
    pub(super) async fn state(&self) -> Result<State, Failure> {
        let Loaded { state, fault, .. } = foreman::load(&self.bus).await?;
        if let Some(fault) = fault {
            super::out::talk!("warning: the board is shown as of record {}: {fault}", state.n);
        }
        Ok(state)
    }

    /// As [`Board::state`], for commands that end right after they printed it. It is never freed: ten thousand
    /// tickets take longer to free than to print.
    pub(super) async fn last_state(&self) -> Result<ManuallyDrop<State>, Failure> {
        self.state().await.map(ManuallyDrop::new)
    }

    /// Has one input decided, durably.
    pub(super) async fn decide(&self, cause: &str, input: Input) -> Result<Outcome, Failure> {
        let envelope = Envelope::new(format!("cli-{}", uuid::Uuid::now_v7()), cause, input);
        for _ in 0..RETRIES {
            match foreman::take(&self.project.state, "a command")? {
                Taken::Held(lease) => {
                    let decided = self.decide_alone(&envelope).await;
                    drop(lease);
                    if let Some(outcome) = decided? {
                        return Ok(outcome);
                    }
                }
                Taken::ByOther(_) => match self.ask_foreman(&envelope).await {
                    Err(SendError::Silent(_)) => {}
                    Err(SendError::Rejected(rejected)) => return Err(rejected.into()),
                    Err(SendError::Bus(e)) => return Err(e.into()),
                    Ok(outcome) => return Ok(outcome),
                },
            }
            tokio::time::sleep(RETRY).await;
        }
        Err(Failure::failed("the foreman does not answer").hint("`ganger doctor` shows who holds the lease"))
    }

    /// `None` when somebody else appended in between.
    async fn decide_alone(&self, envelope: &Envelope) -> Result<Option<Outcome>, Failure> {
        let Loaded { state, mut journal, fault } = foreman::load(&self.bus).await?;
        if let Some(fault) = fault {
            return Err(Failure::failed(format!("the journal cannot be followed: {fault}"))
                .hint("the board is read-only; `ganger doctor` says more"));
        }
        let mut ledger = Ledger::new(state);
        let refused = |refusal: Refusal| match refusal {
            Refusal::Rejected(rejected) => Failure::from(rejected),
            bug => Failure::failed(bug.to_string()),
        };
        for opening in foreman::opening(&self.project) {
            ledger.decide(now_ms(), &opening).map_err(refused)?;
        }
        let before = ledger.pending().len();
        let outcome = ledger.decide(now_ms(), envelope).map_err(refused)?;
        if ledger.pending().len() == before {
            return Ok(Some(outcome));
        }
        os::crash::point("answer");
        match journal.append_alone(ledger.pending()).await {
            Ok(()) => {
                journal.snapshot_if_due(ledger.state()).await;
                Ok(Some(outcome))
            }
            Err(AppendError::Overtaken) => Ok(None),
            Err(AppendError::Bus(e)) => Err(e.into()),
        }
    }

    async fn ask_foreman(&self, envelope: &Envelope) -> Result<Outcome, SendError> {
        let client = Client::open(&self.bus, envelope.id.as_str()).await?;
        client.ask(envelope.clone(), PATIENCE).await
    }

    /// Who acts, for the record.
    pub(super) fn person(&self) -> String {
        let configured = self.project.repository.git().run(&["config", "user.name"]).ok().filter(|n| !n.is_empty());
        configured.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "somebody".to_owned())
    }
}

/// Commands that are a person's alone refuse to be run by an agent, however deep.
pub(super) fn require_person(command: &str) -> Result<(), Failure> {
    if os::ancestors_have_marker() {
        return Err(Failure::refused(format!("`ganger {command}` is for people, and this was started by an agent"))
            .hint("ask with the tool `ask_user`"));
    }
    Ok(())
}
