//! What a foreman asks of a host. Each order may come late, twice and out of order; tokens and incarnations tell.

use crate::{
    AttemptId, Bases, Check, Commit, Delivery, DeliveryId, Directive, GatePolicy, PermissionAnswer, SessionId, State,
    TicketId, TicketSpec,
};
use serde::{Deserialize, Serialize};

/// One order to one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Order {
    /// An attempt to be claimed.
    Offer(Box<Offer>),
    /// Stop an attempt, or say that it does not run.
    Cancel { attempt: AttemptId, token: u64 },
    /// Run gates on a commit.
    Verify(Box<VerifyJob>),
    /// A text for a session that is at work.
    Deliver { attempt: AttemptId, token: u64, text: Box<SessionMessage> },
    /// The answer to a request of a running process.
    AnswerPermission { token: u64, answer: PermissionAnswer },
    /// Remove the workspace as so many attempts left it, in this incarnation and under this lease of the host only: an old
    /// message must not remove what is worked in again, here or on another host.
    Retire { ticket: TicketId, attempts: u32, incarnation: String, lease: u64 },
    /// Make a workspace ahead of need.
    Prepare { ticket: TicketId },
}

/// Everything of the board that a host needs to run an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fencing token.
    pub token: u64,
    /// The ticket.
    pub ticket: TicketId,
    /// What is asked for.
    pub spec: TicketSpec,
    /// The revision of the mission.
    pub revision: u32,
    /// Which attempt of the ticket this is, from 1.
    pub number: u32,
    /// The agent by name.
    pub agent: String,
    /// The session to resume.
    pub session: Option<SessionId>,
    /// To be delivered with the prompt.
    pub deliveries: Vec<Delivery>,
    /// Delivered before, for runtimes that remember nothing.
    pub told: Vec<String>,
    /// Accepted work to build on, in order.
    pub bases: Vec<(TicketId, Commit)>,
    /// What the branch was based on before.
    pub base: Option<Commit>,
    /// Where it begins if it is not there: the entry that a contest took has another branch.
    pub begins_at: Option<Commit>,
    /// What people said holds for the whole project.
    pub direction: Vec<Directive>,
}

impl Offer {
    /// The offer of an attempt that is on the board.
    #[must_use]
    pub fn of(state: &State, id: &AttemptId) -> Option<Self> {
        let attempt = state.attempts.get(id)?;
        let ticket = state.tickets.get(&attempt.ticket)?;
        let accepted = |d: &TicketId| Some((d.clone(), state.tickets.get(d)?.accepted.clone()?));
        let mut bases: Vec<(TicketId, Commit)> = ticket.spec.after.iter().filter_map(accepted).collect();
        // A join contains what it joined: taken first, the others have nothing to add.
        let is_join = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.spec.kind.work().bases == Bases::First);
        bases.sort_by_key(|(id, _)| !is_join(id));
        Some(Self {
            attempt: id.clone(),
            token: attempt.token,
            ticket: attempt.ticket.clone(),
            spec: ticket.spec.clone(),
            revision: ticket.revision,
            number: ticket.attempts,
            agent: attempt.agent.clone(),
            session: attempt.session.clone(),
            deliveries: attempt.deliveries.iter().filter_map(|d| state.deliveries.get(d)).cloned().collect(),
            told: ticket.delivered_texts.clone(),
            bases,
            base: ticket.base.clone(),
            begins_at: ticket.head.clone().filter(|_| ticket.contest.taken.is_some()),
            direction: state.chief.direction.clone(),
        })
    }
}

/// Gates and checks to be run on a commit, one after the other, until the first red one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyJob {
    /// The ticket.
    pub ticket: TicketId,
    /// Token of this verification.
    pub token: u64,
    /// The commit.
    pub commit: Commit,
    /// The revision of the mission that it was made for.
    pub revision: u32,
    /// What the branch was based on.
    pub base: Option<Commit>,
    /// The gates without evidence, in order. Definitions are matched by digest.
    pub gates: Vec<GatePolicy>,
    /// The checks of the ticket without evidence, in order. They run after the gates.
    pub checks: Vec<Check>,
    /// Digests of gates and checks of which it is known what they say at the base.
    pub known_before: Vec<String>,
    /// Whether what is red on the work is asked without it, too.
    pub blames_base: bool,
}

/// A text that came while an attempt ran, with the mission as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionMessage {
    /// The text.
    pub delivery: Delivery,
    /// What the ticket asks for.
    pub spec: TicketSpec,
    /// The revision of the mission.
    pub revision: u32,
}

impl SessionMessage {
    /// A text that waits to be delivered.
    #[must_use]
    pub fn of(state: &State, id: &DeliveryId) -> Option<Self> {
        let delivery = state.deliveries.get(id)?.clone();
        let ticket = state.tickets.get(&delivery.ticket)?;
        Some(Self { delivery, spec: ticket.spec.clone(), revision: ticket.revision })
    }
}
