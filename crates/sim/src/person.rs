//! A person: adds tickets, answers late and in every way there is, changes their mind, writes, stops, closes, reopens,
//! edits, changes the configuration, and merges.

use crate::mail;
use crate::policy;
use crate::world::World;
use ganger_engine::{
    Answer, ApprovalReason, AssumptionId, Card, CardAnswer, CardKind, CardOption, CardState, Check, Commit,
    DirectionKind, EscalationReason, Expects, Input, Kind, NewTicket, Phase, Priority, Speaker, State, SurfacingReason,
    Ticket, TicketChange, TicketId, TicketSpec, Urgency,
};
use std::collections::BTreeMap;

const NAME: &str = "person";
/// A check that is red without the work.
pub(crate) const DIFFERENCE: &str = "shows the difference";

pub(crate) struct Person {
    to_add: u64,
    actions: u64,
    is_calm: bool,
}

impl Person {
    pub(crate) fn new(tickets: u64) -> Self {
        Self { to_add: tickets, actions: 0, is_calm: false }
    }

    pub(crate) fn is_done(&self, state: &State) -> bool {
        self.to_add == 0 && state.open_cards().all(|c| !c.kind.holds_ticket() && c.surfacing().is_none())
    }

    pub(crate) fn step(&mut self, world: &mut World, state: &State) {
        if self.to_add > 0 && world.rng.one_in(30) {
            self.add(world, state);
        }
        // Sometimes quick, sometimes after a long lunch.
        if world.rng.one_in(300) {
            self.answer(world, state);
        }
        if world.rng.one_in(1_500) {
            self.merge(world, state);
        }
        if !world.faults && !std::mem::replace(&mut self.is_calm, true) {
            world.policy = policy::calm(&world.policy);
        }
        // Also when an older configuration overtook it on its way.
        if !world.faults && state.policy != world.policy && world.rng.one_in(100) {
            let calm = world.policy.clone();
            self.configure(world, calm);
        }
        if world.rng.one_in(600) {
            self.resume(world, state);
        }
        if world.faults && world.rng.one_in(100) {
            self.changes_mind(world, state);
        }
    }

    fn tell(&mut self, world: &mut World, input: Input) {
        self.actions += 1;
        world.input(format!("person-{}", self.actions), input);
    }

    /// One of the many things that a person does while others work.
    fn changes_mind(&mut self, world: &mut World, state: &State) {
        let by = NAME.to_owned();
        let open = |t: &Ticket| !t.phase.is_final();
        match world.rng.below(26) {
            0 | 15 => {
                let Some(ticket) = pick(world, state, open) else { return };
                self.tell(world, Input::CloseTicket { ticket, reason: "changed my mind".to_owned(), by });
            }
            1 | 2 => {
                let can = |t: &Ticket| {
                    matches!(t.phase, Phase::Cancelled | Phase::Accepted | Phase::Reviewing | Phase::NeedsYou)
                };
                let Some(ticket) = pick(world, state, can) else { return };
                let reason = ["", "once more"][world.rng.below(2) as usize].to_owned();
                self.tell(world, Input::ReopenTicket { ticket, reason, by });
            }
            16 | 17 => {
                let Some(ticket) = pick(world, state, |t| t.phase == Phase::Cancelled) else { return };
                self.tell(world, Input::ReopenTicket { ticket, reason: String::new(), by });
            }
            3 | 4 => {
                let Some(ticket) = pick(world, state, open) else { return };
                let change = Box::new(change(world, state, &ticket));
                self.tell(world, Input::EditTicket { ticket, change });
            }
            5..=7 => self.write(world, state),
            8 | 9 => self.stop(world, state),
            10 => {
                let policy = policy::changed(&world.policy, &mut world.rng);
                self.configure(world, policy);
            }
            11 => {
                let Some(ticket) = pick(world, state, |_| true) else { return };
                let is_merged = state.tickets.get(&ticket).is_some_and(|t| t.phase == Phase::Merged);
                if is_merged && world.rng.one_in(2) {
                    let commit = Commit::new(format!("good-without-{ticket}"));
                    return self.tell(world, Input::Undone { ticket, commit, by });
                }
                self.tell(world, Input::NoteTicket { ticket, text: "a remark".to_owned(), by });
            }
            18..=21 => self.judges(world, state),
            22 => self.directs(world, state),
            12 => {
                let hash = format!("trusted-{}", world.rng.below(3));
                self.tell(world, Input::Trust { hash, by });
            }
            13 => {
                // The person commits on the branch of finished work.
                let checked = |t: &Ticket| matches!(t.phase, Phase::Accepted | Phase::Reviewing | Phase::Verifying);
                let Some(ticket) = pick(world, state, checked) else { return };
                let head = Commit::new(format!("good-moved-{ticket}-{}", self.actions));
                self.tell(world, Input::HeadMoved { ticket, head });
            }
            24 => {
                let mail = mail::sent(world, Speaker::Person { name: by }, None);
                self.tell(world, mail);
            }
            25 => {
                let read = mail::read(world, Speaker::Person { name: by }, None);
                self.tell(world, read);
            }
            _ => {
                if let Some(permit) = state.permits.first().cloned() {
                    self.tell(world, Input::Revoke { permit, by });
                }
            }
        }
    }

    fn configure(&mut self, world: &mut World, policy: ganger_engine::Policy) {
        world.policy = policy.clone();
        self.tell(world, Input::SetPolicy { policy });
    }

    fn add(&mut self, world: &mut World, state: &State) {
        self.to_add -= 1;
        let mut after = Vec::new();
        for _ in 0..2 {
            let known = pick(world, state, |t| t.phase != Phase::Cancelled).filter(|_| world.rng.one_in(2));
            after.extend(known.filter(|id| !after.contains(id)));
        }
        let agent = policy::AGENTS[world.rng.below(policy::AGENTS.len() as u64) as usize].0;
        let agent = (!world.rng.one_in(2)).then(|| agent.to_owned());
        // Few files for many tickets: overlaps are common.
        let file = format!("file-{}", world.rng.below(6));
        let kind = match world.rng.below(16) {
            0 | 1 => Kind::Goal,
            2 => Kind::Contest,
            _ => Kind::Change,
        };
        let contest = if kind == Kind::Contest { competitors(world) } else { Vec::new() };
        let spec = TicketSpec {
            kind,
            title: format!("ticket {}", self.to_add),
            done: vec!["it works".to_owned()],
            checks: if kind == Kind::Goal { Vec::new() } else { checks(world) },
            files: vec![file],
            after,
            agent: agent.filter(|_| kind != Kind::Contest),
            contest,
            metadata: type_of_work(self.to_add),
            ..TicketSpec::default()
        };
        self.tell(world, Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] });
    }

    fn answer(&mut self, world: &mut World, state: &State) {
        // Now and then an answer comes when its process is gone: it counts for the next request.
        let is_late = world.faults && world.rng.one_in(8);
        let late = |c: &&Card| c.permission().is_some() && matches!(c.state, CardState::Withdrawn { .. });
        let cards: Vec<&Card> =
            if is_late { state.cards.values().filter(late).collect() } else { state.open_cards().collect() };
        let Some(card) = cards.get(world.rng.below(cards.len() as u64) as usize) else { return };
        let answer = if world.faults { any_answer(world, card) } else { helpful_answer(card) };
        let by = NAME.to_owned();
        if world.faults && card.is_question() && world.rng.one_in(5) {
            self.tell(world, Input::AnswerAlways { card: card.id.clone(), answer, by });
        } else {
            self.tell(world, Input::Answer(Answer { card: card.id.clone(), answer, by }));
        }
        // A slip is corrected at once, where no session has the first answer yet.
        if world.faults && card.is_question() && world.rng.one_in(3) {
            let other = CardAnswer::Text("no, the right one".to_owned());
            self.tell(world, Input::Answer(Answer { card: card.id.clone(), answer: other, by: NAME.to_owned() }));
        }
        if world.faults && card.permission().is_some() && world.rng.one_in(10) {
            let (ticket, by) = (card.ticket.clone(), NAME.to_owned());
            self.tell(world, Input::CloseTicket { ticket, reason: "better not".to_owned(), by });
        }
    }

    fn write(&mut self, world: &mut World, state: &State) {
        let Some(ticket) = pick(world, state, |t| !t.phase.is_final()) else { return };
        let text = if world.rng.one_in(3) { "That's wrong: do it like this" } else { "hurry" };
        let (text, by) = (text.to_owned(), NAME.to_owned());
        let urgency = [Urgency::Idle, Urgency::Now, Urgency::Interrupt][world.rng.below(3) as usize];
        self.tell(world, Input::Tell { ticket, text, urgency, by });
    }

    /// Says whether an assumption is true, and sometimes the contrary later.
    fn judges(&mut self, world: &mut World, state: &State) {
        let all: Vec<AssumptionId> = state.tickets.values().flat_map(|t| t.assumptions.iter().map(|a| a.id)).collect();
        let Some(assumption) = all.get(world.rng.below(all.len() as u64) as usize).copied() else { return };
        let by = NAME.to_owned();
        if world.rng.one_in(3) {
            return self.tell(world, Input::ConfirmAssumption { assumption, by });
        }
        let correction = ["", "it is like that"][world.rng.below(2) as usize].to_owned();
        self.tell(world, Input::RejectAssumption { assumption, correction, by });
    }

    /// Gives direction, or takes it back.
    fn directs(&mut self, world: &mut World, state: &State) {
        let by = NAME.to_owned();
        if let Some(directive) = state.chief.direction.first().filter(|_| world.rng.one_in(2)) {
            return self.tell(world, Input::RemoveDirection { number: directive.number, by });
        }
        let kind = DirectionKind::ALL[world.rng.below(3) as usize];
        let text = format!("direction {}", world.rng.below(20));
        self.tell(world, Input::AddDirection { kind, text, by });
    }

    /// Stops a ticket; now and then lets it go on again before it has stopped.
    fn stop(&mut self, world: &mut World, state: &State) {
        let Some(ticket) = pick(world, state, |t| !t.phase.is_over()) else {
            return;
        };
        let by = NAME.to_owned();
        self.tell(world, Input::StopTicket { ticket: ticket.clone(), why: String::new(), by: by.clone() });
        if world.rng.one_in(3) {
            self.tell(world, Input::ResumeTicket { ticket, by });
        }
    }

    /// What was stopped waits for nobody else.
    fn resume(&mut self, world: &mut World, state: &State) {
        let Some(ticket) = pick(world, state, |t| t.stopped.is_some()) else { return };
        self.tell(world, Input::ResumeTicket { ticket, by: NAME.to_owned() });
    }

    fn merge(&mut self, world: &mut World, state: &State) {
        let accepted = state.tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted).map(|(id, _)| id.clone());
        let tickets: Vec<TicketId> = accepted.collect();
        if !tickets.is_empty() {
            self.tell(world, Input::ApproveMerge { tickets, by: NAME.to_owned() });
        }
    }
}

fn pick(world: &mut World, state: &State, fits: impl Fn(&Ticket) -> bool) -> Option<TicketId> {
    let all: Vec<&TicketId> = state.tickets.iter().filter(|(_, t)| fits(t)).map(|(id, _)| id).collect();
    let at = world.rng.below(all.len() as u64) as usize;
    all.get(at).map(|id| (*id).clone())
}

/// Most say nothing of it.
fn type_of_work(nth: u64) -> BTreeMap<String, String> {
    let kind = [(1, "frontend"), (2, "both"), (5, "other")].into_iter().find(|(of, _)| *of == nth % 8);
    kind.map(|(_, kind)| ("type".to_owned(), kind.to_owned())).into_iter().collect()
}

/// Two agents: more take longer, and show nothing else.
fn competitors(world: &mut World) -> Vec<String> {
    let first = world.rng.below(policy::AGENTS.len() as u64) as usize;
    let agents = policy::AGENTS.iter().cycle().skip(first).take(2);
    agents.map(|(name, _)| (*name).to_owned()).collect()
}

/// Some prove the work, some do not, and some tickets have none.
fn checks(world: &mut World) -> Vec<Check> {
    let all = [(DIFFERENCE, Expects::RedThenGreen), ("hollow", Expects::RedThenGreen), ("still", Expects::StaysGreen)];
    let check = |(command, expects): (&str, Expects)| Check { command: command.to_owned(), expects };
    all.into_iter().filter(|_| world.rng.one_in(6)).map(check).collect()
}

fn change(world: &mut World, state: &State, ticket: &TicketId) -> TicketChange {
    let old = state.tickets.get(ticket).map(|t| t.spec.clone()).unwrap_or_default();
    let mut change = TicketChange::default();
    match world.rng.below(7) {
        6 => change.checks = Some(checks(world)),
        0 => change.title = Some(format!("{}!", old.title)),
        1 => change.done = Some(vec!["it works".to_owned(), "and well".to_owned()]),
        2 => change.files = Some(vec![format!("file-{}", world.rng.below(6))]),
        3 => change.priority = Some(Priority::High),
        4 => change.agent = Some("plain".to_owned()),
        5 if world.rng.one_in(2) => change.after = Some(Vec::new()),
        _ => {
            // A cycle is refused.
            let other = pick(world, state, |t| t.phase != Phase::Cancelled);
            change.after = Some(old.after.into_iter().chain(other.filter(|o| o != ticket)).collect());
        }
    }
    change
}

/// Any answer that the card takes.
fn any_answer(world: &mut World, card: &Card) -> CardAnswer {
    let options = card.kind.options();
    let texts = usize::from(card.kind.free_text().is_some());
    let nth = world.rng.below((options.len() + texts) as u64) as usize;
    match options.get(nth) {
        None if let CardKind::Contest { agents, .. } = &card.kind => {
            CardAnswer::Text(agents[world.rng.below(agents.len() as u64) as usize].clone())
        }
        None => match card.surfacing() {
            Some(SurfacingReason::Conflict { values, .. }) if !world.rng.one_in(4) => {
                CardAnswer::Text(values[world.rng.below(values.len() as u64) as usize].clone())
            }
            _ => CardAnswer::Text("the left one".to_owned()),
        },
        Some(CardOption::Deny) => CardAnswer::Deny(["", "no"][world.rng.below(2) as usize].to_owned()),
        // Most people do not give up at once.
        Some(CardOption::Cancel) if !world.rng.one_in(3) => CardAnswer::Option(options[0]),
        Some(option) => CardAnswer::Option(*option),
    }
}

/// The answer that lets things come to rest.
fn helpful_answer(card: &Card) -> CardAnswer {
    CardAnswer::Option(match &card.kind {
        CardKind::Question { .. } => return CardAnswer::Text("the left one".to_owned()),
        CardKind::Permission { .. } => CardOption::Once,
        CardKind::Notice { .. } => CardOption::Ok,
        CardKind::Surfacing { why: SurfacingReason::Conflict { values, .. } } => {
            return CardAnswer::Text(values.first().cloned().unwrap_or_default());
        }
        CardKind::Surfacing { .. } => CardOption::Continue,
        CardKind::Approval {
            why: ApprovalReason::NoGate | ApprovalReason::Review | ApprovalReason::ProvesNothing { .. },
            ..
        } => CardOption::Accept,
        CardKind::Approval { why: ApprovalReason::Tampering { .. } | ApprovalReason::Hazards { .. }, .. } => {
            CardOption::Reject
        }
        CardKind::Stage { .. } => CardOption::Accept,
        CardKind::Contest { agents, .. } => match agents.first() {
            Some(first) => return CardAnswer::Text(first.clone()),
            None => CardOption::Retry,
        },
        CardKind::Orphaned { .. } => CardOption::Continue,
        CardKind::Proposal => CardOption::Yes,
        CardKind::Escalation { why: EscalationReason::Stopped } => CardOption::Resume,
        CardKind::Escalation { .. } => CardOption::Retry,
    })
}
