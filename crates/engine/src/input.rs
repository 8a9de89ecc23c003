//! What the outside world tells the engine, and what it gets back.

use crate::{
    AssumptionId, AttemptId, AttemptOutcome, CallStatus, CardAnswer, CardId, Check, Commit, DecisionId,
    DeliveryEvidence, DeliveryId, DirectionKind, Event, Evidence, Hazard, HostId, HostReport, Lines, MailId, MailQuery,
    Mailbox, NewAssumption, NewCall, NewMail, PermissionRequest, Permit, Policy, Receipt, Report, SessionId, Speaker,
    TicketId, TicketPage, TicketQuery, TicketSpec, Urgency, Usage,
};
use serde::{Deserialize, Serialize};

/// An input with the id of the decision that it asks for: the same key twice has one effect and one outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Which decision it asks for.
    pub id: DecisionId,
    /// What led to it, for people.
    pub cause: String,
    /// The input.
    pub input: Input,
}

impl Envelope {
    /// Wraps an input.
    #[must_use]
    pub fn new(id: impl Into<DecisionId>, cause: impl Into<String>, input: Input) -> Self {
        Self { id: id.into(), cause: cause.into(), input }
    }
}

/// A ticket to be added, with an id where the person chose one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTicket {
    /// The wanted id.
    pub id: Option<TicketId>,
    /// What is asked for.
    pub spec: TicketSpec,
}

/// A change of a ticket: what is `None` stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of TicketSpec")]
pub struct TicketChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub done: Option<Vec<String>>,
    pub checks: Option<Vec<Check>>,
    pub priority: Option<crate::Priority>,
    pub after: Option<Vec<TicketId>>,
    pub files: Option<Vec<String>>,
    pub agent: Option<String>,
    pub labels: Option<Vec<String>>,
    pub links: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_tokens: Option<u64>,
    /// Added to what is there, key by key.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub metadata: std::collections::BTreeMap<String, String>,
}

/// A person's answer to a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The card.
    pub card: CardId,
    /// What is answered; [`crate::Card::parse_answer`] reads it.
    pub answer: CardAnswer,
    /// Who.
    pub by: String,
}

/// What a host knows at the end of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Head of the branch after everything left was committed.
    pub head: Option<Commit>,
    /// What the branch was based on.
    pub base: Option<Commit>,
    /// Files that the branch changes.
    pub files: Vec<String>,
    /// How many lines of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
    /// Signs that tests were weakened: deleted, skipped.
    pub tampering: Vec<String>,
    /// What a person should look at first: much is deleted, `.env` files are touched, secrets are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<Hazard>,
    /// Why it cannot be judged as it is: each says what the agent must fix, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfit: Vec<String>,
    /// Totals of the attempt.
    pub usage: Usage,
    /// A report made by other means than the tool.
    pub report: Option<Report>,
}

/// Everything that can make the engine decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the events")]
pub enum Input {
    /// A process holds the lease and wants to lead.
    Elect { foreman: String },
    /// The configuration was read.
    SetPolicy { policy: Policy },
    /// A person trusts what would be executed.
    Trust { hash: String, by: String },
    /// Tickets, all or none.
    AddTickets { tickets: Vec<NewTicket> },
    /// A change of one ticket.
    EditTicket { ticket: TicketId, change: Box<TicketChange> },
    /// A remark.
    NoteTicket { ticket: TicketId, text: String, by: String },
    /// Give a ticket up.
    CloseTicket { ticket: TicketId, reason: String, by: String },
    /// Work on it again.
    ReopenTicket { ticket: TicketId, reason: String, by: String },
    /// A person's answer.
    Answer(Answer),
    /// A person's answer to a question, which holds for the whole project from now on.
    AnswerAlways { card: CardId, answer: CardAnswer, by: String },
    /// What holds for the whole project.
    AddDirection { kind: DirectionKind, text: String, by: String },
    /// It does not hold any more.
    RemoveDirection { number: u64, by: String },
    /// A person says that an assumption is true.
    ConfirmAssumption { assumption: AssumptionId, by: String },
    /// A person says that it is not, and what is true instead.
    RejectAssumption { assumption: AssumptionId, correction: String, by: String },
    /// A person writes to the session of a ticket.
    Tell { ticket: TicketId, text: String, urgency: Urgency, by: String },
    /// A person stops a ticket; it waits until it is resumed.
    StopTicket { ticket: TicketId, why: String, by: String },
    /// A person lets a stopped ticket go on.
    ResumeTicket { ticket: TicketId, by: String },
    /// A person's approval to merge these, in dependency order.
    ApproveMerge { tickets: Vec<TicketId>, by: String },

    /// A host tells what it offers. A new incarnation proves that everything of the old one is dead.
    HostReport { host: HostId, report: HostReport },
    /// A host was silent for longer than its lease.
    HostLapsed { host: HostId, incarnation: String },
    /// A host wants to start what it was offered, in the incarnation in which it was offered.
    Claim { attempt: AttemptId, token: u64, host: HostId, incarnation: String },
    /// A host cannot start what it was offered.
    Decline { attempt: AttemptId, token: u64, why: String },
    /// The runtime's conversation is known.
    SessionStarted { attempt: AttemptId, token: u64, session: SessionId, runtime: String, directory: String },
    /// These texts are in the session.
    Delivered { attempt: AttemptId, token: u64, deliveries: Vec<DeliveryId>, evidence: DeliveryEvidence },
    /// Totals so far.
    Usage { attempt: AttemptId, token: u64, usage: Usage },
    /// The agent said what it did.
    AgentReport { attempt: AttemptId, token: u64, report: Report },
    /// A person takes a permit back.
    Revoke { permit: Permit, by: String },
    /// The agent asks a person. `call` makes a repeated call find the same card.
    Ask { attempt: AttemptId, token: u64, call: String, question: String, brief: String, options: Vec<String> },
    /// The agent calls other agents: all or none. `snapshot` is its workspace as it is now.
    Call { attempt: AttemptId, token: u64, calls: Vec<NewCall>, snapshot: Option<Commit> },
    /// The agent asks how its calls are.
    Gather { attempt: AttemptId, token: u64, calls: Vec<TicketId> },
    /// The agent took something for granted.
    Assume { attempt: AttemptId, token: u64, assumption: NewAssumption },
    /// The agent remarks.
    AgentNote { attempt: AttemptId, token: u64, text: String },
    /// Somebody writes a mail.
    SendMail { by: Speaker, mail: NewMail },
    /// A reader acknowledges a mail.
    ReadMail { by: Speaker, mail: MailId },
    /// A reader looks at its mail. Decides nothing.
    LookAtMail { by: Speaker, query: MailQuery },
    /// An agent, or a program for a person, wants a ticket on the board: a person is asked.
    FileTicket { by: Speaker, ticket: Box<TicketSpec> },
    /// Somebody looks at the board. Decides nothing.
    LookAtTickets { by: Speaker, query: TicketQuery },
    /// A model request had these texts in it.
    Seen { attempt: AttemptId, token: u64, deliveries: Vec<DeliveryId>, evidence: String },
    /// The runtime asks whether it may, and waits. `by` names a sub-agent.
    /// `hint` says which rule of the configuration would settle it from now on.
    AskPermission {
        attempt: AttemptId,
        token: u64,
        request_id: String,
        request: PermissionRequest,
        by: String,
        hint: String,
    },
    /// The runtime has the answer to its request.
    PermissionDelivered { attempt: AttemptId, token: u64, request_id: String },
    /// Nobody answered in time, or the runtime does not wait any more.
    PermissionLapsed { attempt: AttemptId, token: u64, request_id: String, why: String },
    /// An attempt ended.
    AttemptEnded { attempt: AttemptId, token: u64, end: Box<AttemptEnd> },
    /// A gate or a check ran on the head. `before` is what it said without the work, as far as that was asked.
    Evidence { token: u64, evidence: Box<Evidence>, before: Vec<Evidence> },
    /// The gates could not be run at all.
    VerificationFailed { ticket: TicketId, token: u64, why: String },
    /// The branch of accepted work has another head than was accepted.
    HeadMoved { ticket: TicketId, head: Commit },
    /// The merge is verified: may the main branch move now? Decides nothing.
    ConfirmMerge { ticket: TicketId, commit: Commit },
    /// The merge is on the main branch, or was found there.
    MergeDone { ticket: TicketId, commit: Commit, evidence: Vec<Evidence> },
    /// The merge did not come about.
    MergeFailed { ticket: TicketId, why: String, back_to_agent: bool, evidence: Vec<Evidence> },
    /// A person took merged work back: this commit on the main branch reverts it.
    Undone { ticket: TicketId, commit: Commit, by: String },
    /// A workspace of finished work is gone.
    WorkspaceRemoved { ticket: TicketId, host: HostId },
    /// A workspace of finished work cannot be removed without losing something.
    WorkspaceKept { ticket: TicketId, host: HostId, why: String },
    /// An agent reached into the person's repository; each line has the way back.
    RepositoryTouched { ticket: TicketId, changes: Vec<String> },
    /// Time passed: schedule, expire, clear.
    Tick {
        /// Whether new attempts may be offered.
        dispatch: bool,
        /// Only these tickets, where given.
        scope: Option<Vec<TicketId>>,
        /// A lower ceiling than the policy's, for this run.
        max_parallel: Option<u32>,
    },
}

/// What the caller wants to know of its input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Outcome {
    /// Done; nothing more to say.
    #[default]
    Done,
    /// It changed nothing.
    Nothing,
    /// Tickets were added.
    Tickets { ids: Vec<TicketId> },
    /// Calls were made, or looked at.
    Calls { calls: Vec<CallStatus> },
    /// A card was opened, or found.
    Card { card: CardId },
    /// An assumption was logged, or found; agents assume different things, or much depends on it: a card was opened.
    Assumed { assumption: AssumptionId, card: Option<CardId> },
    /// A person settled an assumption. These tickets are told; these have accepted work that may rest on it.
    Settled { told: Vec<TicketId>, accepted: Vec<TicketId> },
    /// A directive has this number. So many tickets that were begun are told.
    Directed { number: u64, told: usize },
    /// An attempt was granted.
    Granted { attempt: AttemptId },
    /// A person allowed it before.
    Permitted,
    /// A message waits to be delivered.
    Queued { delivery: DeliveryId },
    /// A mail was sent.
    Sent { receipt: Receipt },
    /// The mail of a reader.
    Mailbox { mailbox: Box<Mailbox> },
    /// A ticket was filed, and, where there is a card, waits for a person.
    Filed { ticket: TicketId, card: Option<CardId> },
    /// Tickets as agents see them.
    Page { page: Box<TicketPage> },
    /// These will be merged, in this order.
    Merging { order: Vec<TicketId> },
}

/// What was decided: facts to append, and the caller's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The facts; empty when nothing changes.
    pub events: Vec<Event>,
    /// The answer.
    pub outcome: Outcome,
}
