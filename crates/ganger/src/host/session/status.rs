//! What a session is doing, from what its runtime's protocol says; never from its screen. What comes late changes
//! nothing: after the end of a turn only a new prompt makes it work again.

/// The word for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Starting,
    Working,
    PermissionBlocked,
    RateLimited,
    /// For background tasks or sub-agents of its own.
    Waiting,
    Stalled,
    Finished,
}

impl Doing {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::PermissionBlocked => "permission blocked",
            Self::RateLimited => "rate limited",
            Self::Waiting => "waiting on its own children",
            Self::Stalled => "stalled",
            Self::Finished => "finished",
        }
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A prompt was sent.
    Prompt,
    /// The runtime did anything else.
    Life,
    /// It waits for so many permissions.
    Waits(usize),
    /// It waits for so many background tasks or sub-agents of its own.
    Children(usize),
    /// Its service takes nothing just now.
    Limit,
    /// The stall watch gave it up.
    Stall,
    /// The terminal event of the turn, or the end of the process.
    End,
}

#[derive(Debug)]
pub(super) struct Status {
    doing: Doing,
    turn_open: bool,
    waits: usize,
    children: usize,
}

impl Default for Status {
    fn default() -> Self {
        Self { doing: Doing::Starting, turn_open: false, waits: 0, children: 0 }
    }
}

impl Status {
    /// The new word, when it is another one.
    pub(super) fn see(&mut self, seen: Seen) -> Option<Doing> {
        let before = self.doing;
        match seen {
            Seen::Prompt => (self.turn_open, self.doing) = (true, Doing::Working),
            Seen::End => *self = Self { doing: Doing::Finished, ..Self::default() },
            _ if !self.turn_open => {}
            Seen::Waits(n) => {
                self.waits = n;
                self.doing = self.at_work();
            }
            Seen::Children(n) => {
                self.children = n;
                self.doing = self.at_work();
            }
            Seen::Limit => self.doing = Doing::RateLimited,
            Seen::Stall => self.doing = Doing::Stalled,
            // A sub-agent may be busy while the agent waits.
            Seen::Life => self.doing = self.at_work(),
        }
        (self.doing != before).then_some(self.doing)
    }

    fn at_work(&self) -> Doing {
        match (self.waits, self.children) {
            (0, 0) => Doing::Working,
            (0, _) => Doing::Waiting,
            _ => Doing::PermissionBlocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen() -> impl Strategy<Value = Seen> {
        prop_oneof![
            Just(Seen::Prompt),
            Just(Seen::Life),
            (0_usize..3).prop_map(Seen::Waits),
            (0_usize..3).prop_map(Seen::Children),
            Just(Seen::Limit),
            Just(Seen::Stall),
            Just(Seen::End),
        ]
    }

    proptest! {
        /// Any order, any loss, any delay: what counts is the last prompt or end that was seen.
        #[test]
        fn never_working_after_the_end_and_never_finished_while_a_turn_runs(history in prop::collection::vec(seen(), 0..60)) {
            let mut status = Status::default();
            let mut open = None;
            for seen in history {
                status.see(seen);
                match seen {
                    Seen::Prompt => open = Some(true),
                    Seen::End => open = Some(false),
                    _ => {}
                }
                match open {
                    Some(true) => prop_assert!(!matches!(status.doing, Doing::Finished | Doing::Starting)),
                    Some(false) => prop_assert_eq!(status.doing, Doing::Finished),
                    None => prop_assert_eq!(status.doing, Doing::Starting),
                }
            }
        }

        /// While a permission is waited for, nothing but its answer, a limit, a stall or the end hides that.
        #[test]
        fn a_session_that_waits_for_a_permission_says_so(lives in 0_usize..20) {
            let mut status = Status::default();
            status.see(Seen::Prompt);
            status.see(Seen::Waits(1));
            let hidden = (0..lives).find_map(|_| status.see(Seen::Life));
            prop_assert_eq!(hidden, None);
            prop_assert_eq!(status.doing, Doing::PermissionBlocked);
            prop_assert_eq!(status.see(Seen::Waits(0)), Some(Doing::Working));
        }
    }
}
