//! Landing in the simulated world: the probe looks at main, the gates take their time, the approval is asked for again,
//! then main moves. It dies with its foreman.

use crate::fault::Fault;
use crate::world::{Occurrence, World};
use ganger_engine::foreman::Landing;
use ganger_engine::{Commit, DecisionId, Envelope, Evidence, EvidenceKey, HostId, Input, Outcome, Rejected};

/// What comes next.
#[derive(Debug)]
pub(crate) enum LandingStep {
    /// The gates on the merged result are through.
    Verified,
    /// Nobody has confirmed it for too long.
    Unanswered(String),
}

/// What an answer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It was for nobody here, or the landing goes on.
    Nothing,
    /// The landing has come to its end.
    Ended,
    /// Main moved, and the foreman dies before it can say so: the next probe finds it there.
    Crashes,
}

/// The landing of a foreman, if one is under way.
#[derive(Default)]
pub(crate) struct Landings {
    current: Option<Landing>,
    /// Where the confirmation is awaited.
    awaits: Option<String>,
    /// Whether it was approved when the confirmation was asked for.
    was_approved: bool,
    /// How long main was when the merge was built: it lands on that or not at all.
    built_on: usize,
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
            LandingStep::Verified if world.fault(Fault::MergeFails) => self.end(world, false),
            LandingStep::Verified => {
                self.was_approved = approved;
                self.built_on = world.main.len();
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
        (foreman, life): (usize, u64),
        to: &str,
        result: &Result<Outcome, Rejected>,
        still: bool,
    ) -> Answered {
        if self.awaits.as_deref() != Some(to) {
            return Answered::Nothing;
        }
        self.awaits = None;
        let Some(landing) = &self.current else { return Answered::Nothing };
        if result.is_err() {
            self.end(world, false);
            return Answered::Ended;
        }
        if !still && !self.was_approved {
            let Landing { ticket, commit, .. } = landing;
            world.checks.fail(format!("invariant 6: main moves to {commit} of {ticket} without approval"));
        }
        if world.main.len() != self.built_on {
            // Another moved it meanwhile: the merge is built anew.
            let at = world.now + world.rng.between(200, 9_000);
            world.at(at, Occurrence::Landing(foreman, life, LandingStep::Verified));
            return Answered::Nothing;
        }
        world.checks.lands(&world.main, landing);
        world.main.push(landing.commit.to_string());
        world.say(format!("main moves to {}", landing.commit));
        if world.fault(Fault::ForemanCrashesAfterLanding) {
            return Answered::Crashes;
        }
        self.end(world, true);
        Answered::Ended
    }

    fn end(&mut self, world: &mut World, landed: bool) -> bool {
        self.awaits = None;
        let Some(landing) = self.current.take() else { return false };
        let id = format!("merge-{}-{}", landing.ticket, world.now);
        let back_to_agent = !landed && world.rng.one_in(2);
        let evidence = if landed || back_to_agent { gates(world, &landing, landed) } else { Vec::new() };
        let ticket = landing.ticket;
        let input = if landed {
            Input::MergeDone { ticket, commit: landing.commit, evidence }
        } else {
            Input::MergeFailed { ticket, why: "conflict".to_owned(), back_to_agent, evidence }
        };
        world.input(id, input);
        true
    }
}

/// What the gates say of the merged result: all is green, or the first is red.
fn gates(world: &mut World, landing: &Landing, is_green: bool) -> Vec<Evidence> {
    let commit = Commit::new(format!("merged-{}", landing.commit));
    let gates = world.policy.gates.clone();
    let ran = gates.iter().take(if is_green { gates.len() } else { 1 });
    ran.map(|gate| {
        world.checks.gate_ran(&commit, &gate.digest, is_green);
        Evidence {
            key: EvidenceKey { commit: commit.clone(), gate: gate.digest.clone(), toolchain: "tools".to_owned() },
            ticket: landing.ticket.clone(),
            revision: landing.revision,
            name: gate.name.clone(),
            command: gate.name.clone(),
            exit_code: Some(i32::from(!is_green)),
            timed_out: false,
            duration_ms: 1,
            tests: None,
            log: String::new(),
            tail: String::new(),
            host: HostId::new("local"),
            at: world.now,
        }
    })
    .collect()
}
