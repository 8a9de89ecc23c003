//! The opening of the session: whoever watches is told what a start that takes long waits for.

use super::{ActivityKind, Machine, Phase};
use crate::Millis;

/// What takes longer than this is shown.
const SHOWN_AFTER: Millis = 2_000;

/// What the opening waits for.
pub(super) struct OpeningStep {
    pub(super) what: String,
    since: Millis,
    shown: bool,
}

impl OpeningStep {
    /// Until the driver says what it does.
    pub(super) fn first(runtime: &str, now: Millis) -> Self {
        Self { what: format!("{runtime} to open its session"), since: now, shown: false }
    }

    /// When it has to be shown.
    pub(super) fn deadline(&self) -> Option<Millis> {
        (!self.shown).then_some(self.since + SHOWN_AFTER)
    }
}

impl Machine {
    /// The driver has come to another step.
    pub(super) fn opening_step(&mut self, what: String) {
        if matches!(self.phase, Phase::Opening { .. }) {
            self.opening = OpeningStep { what, since: self.now, shown: false };
        }
    }

    pub(super) fn show_opening(&mut self) {
        if self.opening.deadline().is_some_and(|at| self.now >= at) {
            self.opening.shown = true;
            self.activity(ActivityKind::Status, format!("starting (waiting for {})", self.opening.what));
        }
    }
}
