//! Every fact that can be journaled, in one closed enum.
//!
//! This is the stored format: it is kept for ever, a variant once released keeps its name and its
//! fields, new fields get a serde default. `tests/golden` holds one record of every variant.

use crate::model::is_default;
use crate::{
    Assumption, AttemptCount, AttemptId, AttemptOutcome, Blocker, CallResult, Card, CardAnswer, CardId, Commit,
    Delivery, DeliveryEvidence, DeliveryId, Directive, DirectiveRemoval, Evidence, Finding, Hazard, HostId, HostReport,
    Lines, Mail, MailId, Millis, PermissionAnswer, Permit, Policy, Report, Routing, Session, SessionId, Settlement,
    TicketId, TicketSpec, Usage,
};
use serde::{Deserialize, Serialize};

/// One fact. `now` of the enclosing record is when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "fields without a word are named after what they hold")]
pub enum Event {
    /// A process took the lease. Writers that see a higher epoch than theirs step down.
    ForemanElected {
        /// Counts elections, from 1.
        epoch: u64,
        /// Who, for people.
        foreman: String,
    },
    /// The trusted configuration as of now.
    PolicySet { policy: Policy },
    /// A person trusted what this project executes.
    TrustRecorded {
        /// Digest of everything that would be executed.
        hash: String,
        by: String,
    },

    /// A ticket came to the board.
    TicketAdded {
        /// Its id.
        ticket: TicketId,
        /// Counts tickets, from 1: the order of creation.
        number: u64,
        spec: TicketSpec,
    },
    /// A person changed what is asked for.
    TicketEdited {
        ticket: TicketId,
        /// The whole new text.
        spec: TicketSpec,
        /// Counts the texts of a ticket; the first is 1.
        revision: u32,
    },
    /// A ticket that names no agent has one.
    TicketRouted {
        ticket: TicketId,
        /// Which, and why.
        routing: Routing,
    },
    /// Its agent cannot do it.
    TicketBlocked {
        ticket: TicketId,
        /// Who, and why.
        blocker: Blocker,
    },
    /// A remark.
    TicketNoted {
        ticket: TicketId,
        /// The remark.
        text: String,
        by: String,
    },
    /// An agent took something for granted.
    AssumptionLogged {
        ticket: TicketId,
        /// What and how sure.
        assumption: Assumption,
    },
    /// A person said whether an assumption is true.
    AssumptionSettled(Settlement),
    /// A person said what holds for the whole project.
    DirectionAdded(Directive),
    /// It does not hold any more.
    DirectionRemoved(DirectiveRemoval),
    /// A person gave a ticket up.
    TicketClosed { ticket: TicketId, reason: String, by: String },
    /// The ticket is to be worked on again.
    TicketReopened { ticket: TicketId, reason: String, by: String },

    /// A host joined, or its report changed.
    HostReported {
        host: HostId,
        /// What it offers.
        report: HostReport,
    },
    /// A host was silent for longer than its lease.
    HostLapsed { host: HostId },

    /// The service of a runtime takes nothing before a time: its agents wait.
    RuntimePaused {
        runtime: String,
        /// Only agents whose model has this in its name, or is the runtime's own choice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Until then.
        until: Millis,
        /// What the service said.
        why: String,
    },

    /// An attempt was placed on one credit of one host, and its budget set aside.
    AttemptOffered {
        attempt: AttemptId,
        ticket: TicketId,
        /// Counts the attempts of the ticket, from 1.
        number: u32,
        /// The revision of the ticket that it works from.
        revision: u32,
        /// Fencing token.
        token: u64,
        host: HostId,
        /// The incarnation of the host that may claim it.
        incarnation: String,
        agent: String,
        /// The session to resume.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// Texts to deliver.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deliveries: Vec<DeliveryId>,
        /// Tokens set aside.
        reserved: u64,
    },
    /// The host's claim was granted: now, and only now, it may start the agent.
    AttemptGranted { attempt: AttemptId },
    /// The offer came to nothing; the ticket is open again.
    AttemptDeclined { attempt: AttemptId, why: String },
    /// The runtime's conversation is known. It replaces an earlier one only with a reason.
    SessionStarted {
        attempt: AttemptId,
        session: Session,
        /// Why an earlier session was given up, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// These texts are in the session.
    Delivered {
        attempt: AttemptId,
        deliveries: Vec<DeliveryId>,
        /// How they came there.
        #[serde(default, skip_serializing_if = "is_default")]
        evidence: DeliveryEvidence,
    },
    /// Measured so far in this attempt (totals, not differences).
    UsageReported { attempt: AttemptId, usage: Usage },
    /// The agent said what it did.
    ReportMade {
        attempt: AttemptId,
        /// Its words.
        report: Report,
    },
    /// A person or a rule wants a live attempt stopped.
    AttemptCancelled { attempt: AttemptId, why: String },
    /// An attempt ended; everything it left is on its branch or in a rescue ref.
    AttemptEnded {
        attempt: AttemptId,
        /// How.
        outcome: AttemptOutcome,
        /// Head of the branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<Commit>,
        /// What the branch was based on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Commit>,
        /// Files that the branch changes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
        /// How many lines of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Lines>,
        /// Those with code that changed without a test, where its ticket needs one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        untested: Vec<String>,
        /// Where the ticket goes from here.
        next: crate::Phase,
        /// What the end counts as.
        counts: AttemptCount,
        /// The session that cannot be resumed any more: the next attempt starts a new one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        session_lost: bool,
        /// Not before this time.
        not_before: Millis,
    },
    /// The host of an attempt fell silent, or its process came back without it.
    AttemptLost {
        attempt: AttemptId,
        /// When nothing of it can be alive any more.
        clear_at: Millis,
        /// Why it is believed lost.
        why: String,
    },
    /// Nothing of a lost attempt is alive; the ticket is open again.
    AttemptCleared { attempt: AttemptId },

    /// A host was asked to run the gates on the head commit.
    VerificationStarted {
        ticket: TicketId,
        host: HostId,
        /// Fencing token.
        token: u64,
    },
    /// The verification came to nothing; another one is needed.
    VerificationLost {
        ticket: TicketId,
        why: String,
        /// The gates could not be run: it counts towards asking a person.
        counts: bool,
        /// Not before this time.
        #[serde(default, skip_serializing_if = "is_default")]
        not_before: Millis,
    },
    /// A gate ran.
    EvidenceRecorded {
        /// The result.
        evidence: Evidence,
    },
    /// A person does not believe earlier results for this commit.
    EvidenceDiscarded { ticket: TicketId },
    /// Work that was done must be verified again (head moved, gates changed).
    VerificationNeeded {
        ticket: TicketId,
        /// The head to prove.
        head: Commit,
        why: String,
    },
    /// Green, but it has to be reviewed.
    ReviewRequested { ticket: TicketId },
    /// Reviewers found what its author must answer.
    ReviewFailed {
        ticket: TicketId,
        /// With ids.
        findings: Vec<Finding>,
    },
    /// A claim was refused.
    TicketRejected {
        ticket: TicketId,
        /// Why, in one line.
        why: String,
        /// Whether it counts towards the breaker.
        counts: bool,
    },
    /// Its agent should settle this by itself.
    HazardSentBack { ticket: TicketId, hazard: Hazard },
    /// A limit was reached; a card holds the ticket.
    TicketHeld {
        ticket: TicketId,
        /// The card, where it may be that of another ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardId>,
    },
    /// A person let a held or suspended ticket go on, with fresh counters.
    TicketResumed { ticket: TicketId },
    /// A person approved this commit.
    ApprovedByPerson { ticket: TicketId, commit: Commit, by: String },
    /// Proven and reviewed.
    TicketAccepted { ticket: TicketId, commit: Commit },

    /// A call ended.
    CallEnded {
        /// The ticket of the call.
        ticket: TicketId,
        /// How.
        result: CallResult,
    },
    /// An agent asked for results of calls, and was given them.
    CallResultsRead {
        /// The attempt that asked.
        attempt: AttemptId,
        calls: Vec<TicketId>,
    },
    /// The results of these calls are on their way to the session of their caller, or the caller is over.
    CallsReturned {
        /// The caller.
        ticket: TicketId,
        calls: Vec<TicketId>,
    },
    /// A stage of a goal handed in what is taken.
    StagePassed {
        ticket: TicketId,
        stage: String,
        /// The ticket that holds its output.
        by: TicketId,
    },
    /// A person approved what a stage wrote.
    StageApproved { ticket: TicketId, stage: String },
    /// A goal goes back to a stage.
    StageReturned {
        ticket: TicketId,
        /// Which is done again, with all that came after it.
        to: String,
        /// What has to change.
        why: String,
        /// Whether it counts towards asking a person.
        counts: bool,
    },
    /// The plan of a goal became tickets.
    GoalExpanded {
        ticket: TicketId,
        /// Those that it became.
        tickets: Vec<TicketId>,
        /// Those that a person lets in, in batches and in this order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unapproved: Vec<TicketId>,
    },
    /// Nothing of a goal is left to do.
    GoalReached { ticket: TicketId },
    /// A contest began: each of its agents has an entry.
    ContestBegun {
        /// The contest.
        ticket: TicketId,
        /// The entries.
        entries: Vec<TicketId>,
    },
    /// An entry of a contest ended without being accepted.
    EntryGaveUp { ticket: TicketId, why: String },
    /// An entry of a contest was taken: the contest is its work from now on.
    EntryTaken {
        /// The contest.
        ticket: TicketId,
        /// The entry.
        entry: TicketId,
        /// Who said so.
        by: String,
        /// Why it.
        why: String,
    },
    /// A text is to be given to the session of a ticket.
    DeliveryQueued {
        /// The text.
        delivery: Delivery,
        /// Counts deliveries, from 1.
        number: u64,
    },
    /// A mail was sent.
    MailSent {
        /// The mail, with a copy for each reader.
        mail: Mail,
        /// Counts mails, from 1.
        number: u64,
    },
    /// A reader acknowledged a mail.
    MailRead {
        /// The mail.
        mail: MailId,
        /// The ticket whose agent did; nothing: the person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
        /// Who.
        by: String,
    },
    /// Nobody of this ticket will read a mail.
    MailReturned {
        /// The mail.
        mail: MailId,
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: String,
    },
    /// Something waits for a person.
    CardOpened {
        card: Card,
        /// Counts cards, from 1.
        number: u64,
    },
    /// A person answered.
    CardAnswered { card: CardId, answer: CardAnswer, by: String },
    /// A card no longer matters.
    CardWithdrawn { card: CardId, why: String },

    /// Nobody answered a request in time and it was denied, or its runtime does not wait any more.
    PermissionLapsed { card: CardId, why: String },
    /// A person answered a request that waits.
    PermissionAnswered { answer: PermissionAnswer },
    /// The process that asked has its answer.
    PermissionDelivered { answer: PermissionAnswer },
    /// From now on this is allowed.
    PermitGranted {
        /// What, and to whom.
        permit: Permit,
        /// Who said so.
        by: String,
    },
    /// A permit for one request was used up.
    PermitUsed { permit: Permit },
    /// It is not allowed any more.
    PermitRevoked {
        permit: Permit,
        /// Who said so.
        by: String,
    },
    /// A model request had these messages in it.
    MessageSeen {
        ticket: TicketId,
        deliveries: Vec<DeliveryId>,
        /// How that is known.
        evidence: String,
    },
    /// No session will read these messages any more.
    DeliveryReturned { ticket: TicketId, deliveries: Vec<DeliveryId>, why: String },
    /// A person stopped the ticket; it waits until a person resumes it.
    TicketStopped { ticket: TicketId, why: String, by: String },
    /// A person lets it go on.
    StopLifted { ticket: TicketId, by: String },

    /// A person's approval to merge.
    MergeApproved {
        ticket: TicketId,
        /// The commit it holds for.
        commit: Commit,
        by: String,
    },
    /// It is on the main branch.
    Merged {
        ticket: TicketId,
        /// The commit on the main branch.
        commit: Commit,
    },
    /// A person took it back: it is reverted on the main branch.
    MergeUndone {
        ticket: TicketId,
        /// The commit on the main branch that reverts it.
        commit: Commit,
        by: String,
    },
    /// The merge did not come about; the approval is spent.
    MergeFailed { ticket: TicketId, why: String },
    /// The workspace is gone; everything in it is kept.
    WorkspaceRemoved { ticket: TicketId },
    /// The workspace of finished work could not be removed with everything in it kept: it stays, for a person.
    WorkspaceKept { ticket: TicketId, why: String },
}
