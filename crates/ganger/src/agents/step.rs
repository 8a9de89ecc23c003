//! What the protocol of a runtime wants its driver to do. A protocol does no IO: lines of the runtime and controls of
//! the session go in, steps come out, and the driver moves the bytes. Recorded streams are tested through it.

use ganger_engine::session::{RuntimeEvent, TurnEnd};

/// One step; they are carried out in their order.
#[derive(Debug)]
pub(super) enum Step<M> {
    /// Report this to the session.
    Report(RuntimeEvent),
    /// Send this to the runtime.
    Send(M),
}

impl<M> Step<M> {
    pub(super) fn turn_ended(end: TurnEnd) -> Self {
        Self::Report(RuntimeEvent::TurnEnded(end))
    }
}

/// Reports without anything to send.
pub(super) fn reports<M>(events: Vec<RuntimeEvent>) -> Vec<Step<M>> {
    events.into_iter().map(Step::Report).collect()
}
