//! Agents of the simulated world: they do good work and bad, ask, hang, die, exit twice, speak after their end and lie.

use crate::world::{Occurrence, World};
use ganger_engine::host::{Remains, Run, Work};
use ganger_engine::{
    AttemptOutcome, Commit, DecisionId, DeliveryEvidence, DoneAnswer, FailureClass, Input, Offer, PermissionRequest,
    Report, TicketId, Usage,
};

/// The next thing that an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stir {
    /// Its session is known, and it has read what it was told.
    Begins,
    AsksPermission,
    /// It used tokens.
    Uses,
    /// Its turn comes to an end.
    Ends,
}

/// What it will turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Good,
    Red,
    NoChange,
    Unanswered,
    Asks,
    Tampers,
    TooLarge,
    Fails(FailureClass),
    Limited,
    /// It never ends by itself.
    Hangs,
}

pub(crate) struct Agent {
    pub(crate) ticket: TicketId,
    pub(crate) offer: Offer,
    pub(crate) behaviour: Behaviour,
    /// It was told to stop, and has not been asked what it did.
    pub(crate) interrupted: bool,
    pub(crate) ended: bool,
}

impl Agent {
    pub(crate) fn start(world: &mut World, host: usize, life: u64, run: &Run, offer: &Offer) -> Self {
        let behaviour = choose(world, offer.number);
        let begins = world.now + world.rng.below(300);
        world.at(begins, Occurrence::Agent(host, life, run.clone(), Stir::Begins));
        if behaviour != Behaviour::Hangs {
            let ends = world.now + world.rng.between(500, 90_000);
            world.at(ends, Occurrence::Agent(host, life, run.clone(), Stir::Ends));
        }
        if world.rng.one_in(4) {
            let asks = world.now + world.rng.between(300, 20_000);
            world.at(asks, Occurrence::Agent(host, life, run.clone(), Stir::AsksPermission));
        }
        let uses = world.now + world.rng.between(300, 10_000);
        world.at(uses, Occurrence::Agent(host, life, run.clone(), Stir::Uses));
        Self { ticket: offer.ticket.clone(), offer: offer.clone(), behaviour, interrupted: false, ended: false }
    }

    pub(crate) fn begins(&self, world: &mut World, run: &Run) {
        let session = Input::SessionStarted {
            attempt: run.attempt.clone(),
            token: run.token,
            session: format!("session-{}", self.ticket).as_str().into(),
            runtime: "sim".to_owned(),
            directory: format!("/worktrees/{}", self.ticket),
        };
        world.input(format!("session-{}", run.attempt), session);
        let deliveries = self.offer.deliveries.iter().map(|d| d.id.clone()).collect();
        let all = [DeliveryEvidence::SentOnce, DeliveryEvidence::FoundInTranscript, DeliveryEvidence::SentUnchecked];
        let evidence = all[world.rng.below(3) as usize];
        let delivered = Input::Delivered { attempt: run.attempt.clone(), token: run.token, deliveries, evidence };
        world.input(format!("delivered-{}", run.attempt), delivered);
    }

    /// Its runtime asks whether it may; some do not wait for the answer.
    pub(crate) fn asks_permission(&self, world: &mut World, run: &Run) {
        let request = PermissionRequest { tool: "command".to_owned(), subject: format!("make {}", world.rng.below(3)) };
        let (attempt, token, request_id) = (run.attempt.clone(), run.token, "1".to_owned());
        let (by, hint) = (String::new(), String::new());
        let asked =
            Input::AskPermission { attempt: attempt.clone(), token, request_id: request_id.clone(), request, by, hint };
        world.input(format!("asked-{attempt}-{token}"), asked);
        if world.fault("permission lapses", 3) {
            let lapsed =
                Input::PermissionLapsed { attempt: attempt.clone(), token, request_id, why: "late".to_owned() };
            world.input(format!("lapsed-{attempt}-{token}"), lapsed);
        }
    }

    pub(crate) fn uses(&self, world: &mut World, run: &Run) {
        let usage = Usage { input: 10 * u64::from(self.offer.number), ..Usage::default() };
        world.input(
            DecisionId::unkeyed(format!("usage-{}", run.attempt)),
            Input::Usage { attempt: run.attempt.clone(), token: run.token, usage },
        );
    }

    pub(crate) fn ends(&self, world: &mut World, run: &Run) -> Remains {
        if self.behaviour == Behaviour::Asks && !self.interrupted {
            let ask = Input::Ask {
                attempt: run.attempt.clone(),
                token: run.token,
                call: "ask_user".to_owned(),
                question: format!("Which one, in {}?", run.attempt),
                brief: String::new(),
                options: Vec::new(),
            };
            world.input(format!("ask-{}", run.attempt), ask);
        }
        let outcome = match self.behaviour {
            _ if self.interrupted => AttemptOutcome::Interrupted,
            Behaviour::Fails(class) => AttemptOutcome::failed(class, "failed"),
            // A limit of the service, or a hiccup.
            Behaviour::Limited => AttemptOutcome::Failed {
                class: FailureClass::Transient,
                message: "429".to_owned(),
                retry_at: world.rng.one_in(2).then(|| world.now + 60_000),
                model: world.rng.one_in(4).then(|| "large".to_owned()),
            },
            _ => AttemptOutcome::Finished,
        };
        let answer = DoneAnswer { item: "1".to_owned(), how: "done".to_owned() };
        let done = if self.behaviour == Behaviour::Unanswered { Vec::new() } else { vec![answer] };
        let usage =
            Usage { input: 100 * u64::from(self.offer.number), output: world.rng.below(50), ..Usage::default() };
        Remains { outcome, usage, report: Some(Report { summary: "done".to_owned(), done, output: None }) }
    }

    /// The name of a commit tells what the gates will find: the hidden truth.
    pub(crate) fn work(&self, run: &Run) -> Work {
        let base = Commit::from("base");
        let head = match self.behaviour {
            Behaviour::TooLarge => return Work::TooLarge { files: 10_000, bytes: 1 << 30 },
            Behaviour::Good | Behaviour::Unanswered | Behaviour::Tampers => {
                Commit::new(format!("good-{}", run.attempt))
            }
            Behaviour::Red => Commit::new(format!("red-{}", run.attempt)),
            _ => self.offer.base.clone().unwrap_or_else(|| base.clone()),
        };
        let tampering =
            if self.behaviour == Behaviour::Tampers { vec!["a test was deleted".to_owned()] } else { Vec::new() };
        Work::Committed { head, base, files: vec![format!("file-{}", self.ticket)], tampering }
    }
}

fn choose(world: &mut World, number: u32) -> Behaviour {
    // In calm times agents are good in the end, or nothing would ever come to rest.
    if !world.faults && number > 2 {
        return Behaviour::Good;
    }
    match world.rng.below(24) {
        0 | 1 => Behaviour::Red,
        2 => Behaviour::NoChange,
        3 => Behaviour::Unanswered,
        4 | 5 => Behaviour::Asks,
        6 => Behaviour::Fails(FailureClass::Crashed),
        7 => Behaviour::Limited,
        8 => Behaviour::Hangs,
        9 => Behaviour::Tampers,
        10 => Behaviour::TooLarge,
        11 => Behaviour::Fails(FailureClass::Auth),
        12 => Behaviour::Fails(FailureClass::Stalled),
        13 => Behaviour::Fails(FailureClass::Runaway),
        14 => Behaviour::Fails(FailureClass::SessionLost),
        _ => Behaviour::Good,
    }
}
