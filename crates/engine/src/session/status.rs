//! What a session is doing, from what its runtime's protocol says; never from its screen. What comes late changes
//! nothing: after the end of a turn only a new prompt makes it work again.

use super::Setback;

/// The word for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionStatus {
    Starting,
    Working,
    PermissionBlocked,
    Retrying(Setback),
    /// For background tasks or sub-agents of its own.
    Waiting,
    Stalled,
    Finished,
}

impl SessionStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::PermissionBlocked => "permission blocked",
            Self::Retrying(Setback::Limit) => "rate limited",
            Self::Retrying(Setback::Connection) => "connection lost",
            Self::Retrying(Setback::Other) => "retrying",
            Self::Waiting => "waiting on its own children",
            Self::Stalled => "stalled",
            Self::Finished => "finished",
        }
    }
}

/// What was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Observation {
    /// A prompt was sent.
    Prompted,
    /// The runtime did anything else.
    Alive,
    /// It waits for this many permissions.
    Permissions(usize),
    /// It waits for this many background tasks or sub-agents of its own.
    Children(usize),
    /// Its runtime has to try again.
    Retrying(Setback),
    /// The stall watch gave it up.
    Stalled,
    /// The terminal event of the turn, or the end of the process.
    Ended,
}

#[derive(Debug)]
pub(super) struct StatusTracker {
    status: SessionStatus,
    turn_open: bool,
    permissions: usize,
    children: usize,
}

impl Default for StatusTracker {
    fn default() -> Self {
        Self { status: SessionStatus::Starting, turn_open: false, permissions: 0, children: 0 }
    }
}

impl StatusTracker {
    /// The new status, when it is another one.
    pub(super) fn observe(&mut self, observation: Observation) -> Option<SessionStatus> {
        let before = self.status;
        match observation {
            Observation::Prompted => (self.turn_open, self.status) = (true, SessionStatus::Working),
            Observation::Ended => *self = Self { status: SessionStatus::Finished, ..Self::default() },
            _ if !self.turn_open => {}
            Observation::Permissions(n) => {
                self.permissions = n;
                self.status = self.at_work();
            }
            Observation::Children(n) => {
                self.children = n;
                self.status = self.at_work();
            }
            Observation::Retrying(setback) => self.status = SessionStatus::Retrying(setback),
            Observation::Stalled => self.status = SessionStatus::Stalled,
            // A sub-agent may be busy while the agent waits.
            Observation::Alive => self.status = self.at_work(),
        }
        (self.status != before).then_some(self.status)
    }

    fn at_work(&self) -> SessionStatus {
        match (self.permissions, self.children) {
            (0, 0) => SessionStatus::Working,
            (0, _) => SessionStatus::Waiting,
            _ => SessionStatus::PermissionBlocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn observation() -> impl Strategy<Value = Observation> {
        prop_oneof![
            Just(Observation::Prompted),
            Just(Observation::Alive),
            (0_usize..3).prop_map(Observation::Permissions),
            (0_usize..3).prop_map(Observation::Children),
            Just(Observation::Retrying(Setback::Limit)),
            Just(Observation::Retrying(Setback::Connection)),
            Just(Observation::Stalled),
            Just(Observation::Ended),
        ]
    }

    proptest! {
        /// Any order, any loss, any delay: what counts is the last prompt or end that was seen.
        #[test]
        fn never_working_after_the_end_and_never_finished_during_a_turn(
            history in prop::collection::vec(observation(), 0..60)
        ) {
            let mut tracker = StatusTracker::default();
            let mut open = None;
            for observation in history {
                tracker.observe(observation);
                match observation {
                    Observation::Prompted => open = Some(true),
                    Observation::Ended => open = Some(false),
                    _ => {}
                }
                match open {
                    Some(true) => {
                        prop_assert!(!matches!(tracker.status, SessionStatus::Finished | SessionStatus::Starting));
                    }
                    Some(false) => prop_assert_eq!(tracker.status, SessionStatus::Finished),
                    None => prop_assert_eq!(tracker.status, SessionStatus::Starting),
                }
            }
        }

        /// While a permission is waited for, nothing but its answer, a limit, a stall or the end hides that.
        #[test]
        fn a_session_that_waits_for_a_permission_says_so(signs_of_life in 0_usize..20) {
            let mut tracker = StatusTracker::default();
            tracker.observe(Observation::Prompted);
            tracker.observe(Observation::Permissions(1));
            let hidden = (0..signs_of_life).find_map(|_| tracker.observe(Observation::Alive));
            prop_assert_eq!(hidden, None);
            prop_assert_eq!(tracker.status, SessionStatus::PermissionBlocked);
            prop_assert_eq!(tracker.observe(Observation::Permissions(0)), Some(SessionStatus::Working));
        }
    }
}
