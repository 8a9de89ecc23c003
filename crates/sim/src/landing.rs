//! Landing in the simulated world: the probe looks at main, the gates take their time, the approval is asked for again,
//! then main moves. It dies with its foreman.

use crate::world::{Occurrence, World};
use ganger_engine::foreman::Landing;
use ganger_engine::{Commit, DecisionId, Envelope, Input, Outcome, Rejected};

/// What comes next.
#[derive(Debug)]
pub(crate) enum LandingStep {
    /// The gates on the merged result are through.
    Verified,
    /// Nobody has confirmed it for too long.
    Unanswered(String),
}

/// The landing of a foreman, if one is under way.
#[derive(Default)]
pub(crate) struct Landings {
    current: Option<Landing>,
    /// Where the confirmation is awaited.
    awaits: Option<String>,
    /// Whether it was approved when the confirmation was asked for.
    was_approved: bool,
}

impl Landings {
    pub(crate) fn current(&self) -> Option<&Landing> {
        self.current.as_ref()
    }

    pub(crate) fn begin(&mut self, world: &mut World, foreman: usize, life: u64, landing: Landing) {
        if self.current.is_some() {
            world.checks.fail(format!("two landings at once: {} begins", landing.ticket));
        }
        self.current = Some(landing);
        let at = world.now + world.rng.between(200, 9_000);
        world.at(at, Occurrence::Landing(foreman, life, LandingStep::Verified));
    }

    /// Whether it has come to its end.
    pub(crate) fn step(
        &mut self,
        world: &mut World,
        (foreman, life): (usize, u64),
        step: LandingStep,
        approved: bool,
    ) -> bool {
        let Some(landing) = self.current.clone() else { return false };
        match step {
            LandingStep::Verified if world.main.contains(&landing.commit.to_string()) => self.end(world, true),
            LandingStep::Verified if world.fault("merge conflict", 6) => self.end(world, false),
            LandingStep::Verified => {
                self.was_approved = approved;
                let to = format!("landing-{foreman}-{life}-{}", world.now);
                let input = Input::ConfirmMerge { ticket: landing.ticket.clone(), commit: landing.commit };
                let envelope =
                    Envelope::new(DecisionId::unkeyed(format!("confirm-{}", landing.ticket)), "verified", input);
                world.tell_foreman(envelope, Some(to.clone()), Some(world.now + 30_000));
                self.awaits = Some(to.clone());
                world.at(world.now + 30_000, Occurrence::Landing(foreman, life, LandingStep::Unanswered(to)));
                false
            }
            LandingStep::Unanswered(to) => self.awaits.as_ref() == Some(&to) && self.end(world, false),
        }
    }

    /// The last word before main moves.
    pub(crate) fn answered(
        &mut self,
        world: &mut World,
        foreman: usize,
        life: u64,
        to: &str,
        result: &Result<Outcome, Rejected>,
        still: bool,
    ) {
        if self.awaits.as_deref() != Some(to) {
            return;
        }
        self.awaits = None;
        let Some(landing) = &self.current else { return };
        let confirmed = result.is_ok();
        if confirmed && !still && !self.was_approved {
            let Landing { ticket, commit, .. } = landing;
            world.checks.fail(format!("invariant 6: main moves to {commit} of {ticket} without approval"));
        }
        if confirmed {
            world.main.push(landing.commit.to_string());
            world.say(format!("main moves to {}", landing.commit));
            if world.fault("foreman crashes after main moved", 20) {
                // Its end is never told; the next probe finds it on main.
                self.current = None;
                return;
            }
        }
        self.end(world, confirmed);
        world.at(
            world.now + 1,
            Occurrence::Foreman(foreman, life, Box::new(ganger_engine::foreman::Event::LandingEnded)),
        );
    }

    fn end(&mut self, world: &mut World, landed: bool) -> bool {
        self.awaits = None;
        let Some(Landing { ticket, commit, .. }) = self.current.take() else { return false };
        let id = format!("merge-{ticket}-{}", world.now);
        let input = if landed {
            Input::MergeDone { ticket, commit: Commit::new(commit.as_str()), evidence: Vec::new() }
        } else {
            let back_to_agent = world.rng.one_in(2);
            Input::MergeFailed { ticket, why: "conflict".to_owned(), back_to_agent, evidence: Vec::new() }
        };
        world.input(id, input);
        true
    }
}
