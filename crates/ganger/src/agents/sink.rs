//! Where drivers report to: everything that a runtime says comes in through here, and leaves without secrets.

use crate::text::{redact_in, redact_report};
use ganger_engine::SessionId;
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use tokio::sync::mpsc;

/// Where a driver reports to.
#[derive(Clone)]
pub(super) struct EventSink {
    sender: mpsc::Sender<RuntimeEvent>,
}

impl EventSink {
    pub(super) fn new(sender: mpsc::Sender<RuntimeEvent>) -> Self {
        Self { sender }
    }

    pub(super) async fn send(&self, event: RuntimeEvent) {
        // The host may have given the attempt up; then nobody has to know.
        let _gone = self.sender.send(without_secrets(event)).await;
    }

    /// What opening the session waits for now.
    pub(super) async fn opening(&self, what: impl Into<String>) {
        self.send(RuntimeEvent::Opening(what.into())).await;
    }

    /// The session is known, and the texts that it was sent before where that matters and can be read.
    pub(super) async fn session(&self, session: SessionId, transcript: Option<Vec<String>>) {
        if let Some(transcript) = transcript {
            self.send(RuntimeEvent::Transcript(transcript)).await;
        }
        self.send(RuntimeEvent::Session(session)).await;
    }

    pub(super) async fn end_turn(&self, end: TurnEnd) {
        self.send(RuntimeEvent::TurnEnded(end)).await;
    }
}

/// Before anything is cut or quoted. What rules judge, and what tells one call from another, stays as it is: it is kept
/// nowhere.
fn without_secrets(mut event: RuntimeEvent) -> RuntimeEvent {
    match &mut event {
        RuntimeEvent::Opening(text)
        | RuntimeEvent::Text(text)
        | RuntimeEvent::ToolStarted { input: text, .. }
        | RuntimeEvent::ToolEnded { output: text, .. }
        | RuntimeEvent::Retrying { why: text, .. }
        | RuntimeEvent::TurnEnded(TurnEnd::Failed { message: text, .. }) => redact_in(text),
        RuntimeEvent::Report(report) => redact_report(report),
        RuntimeEvent::OfSubAgent(inner) => {
            let said = std::mem::replace(inner.as_mut(), RuntimeEvent::Alive);
            **inner = without_secrets(said);
        }
        RuntimeEvent::Session(_)
        | RuntimeEvent::Transcript(_)
        | RuntimeEvent::Prompted
        | RuntimeEvent::SubAgent { .. }
        | RuntimeEvent::Background(_)
        | RuntimeEvent::Usage(_)
        | RuntimeEvent::PermissionRequested(_)
        | RuntimeEvent::PermissionWithdrawn { .. }
        | RuntimeEvent::Steered { .. }
        | RuntimeEvent::NotSteered { .. }
        | RuntimeEvent::Alive
        | RuntimeEvent::TurnEnded(TurnEnd::Completed | TurnEnd::Interrupted) => {}
    }
    event
}
