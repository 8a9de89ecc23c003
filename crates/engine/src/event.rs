//! Every fact that can be journaled, in one closed enum.
//!
//! This is the stored format: it is kept for ever, a variant once released keeps its name and its
//! fields, new fields get a serde default. `tests/golden` holds one record of every variant.

use crate::model::is_default;
use crate::{
    Assumption, AttemptCount, AttemptId, AttemptOutcome, CallResult, Card, CardAnswer, CardId, Commit, Delivery,
    DeliveryEvidence, DeliveryId, Evidence, HostId, HostReport, Millis, PermissionAnswer, Permit, Policy, Report,
    Session, SessionId, TicketId, TicketSpec, Usage,
};
use serde::{Deserialize, Serialize};

/// One fact. `now` of the enclosing record is when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A process took the lease. Writers that see a higher epoch than theirs step down.
    ForemanElected {
        /// Counts elections, from 1.
        epoch: u64,
        /// Who, for people.
        foreman: String,
    },
    /// The trusted configuration as of now.
    PolicySet {
        /// The policy.
        policy: Policy,
    },
    /// A person trusted what this project executes.
    TrustRecorded {
        /// Digest of everything that would be executed.
        hash: String,
        /// Who.
        by: String,
    },

    /// A ticket came to the board.
    TicketAdded {
        /// Its id.
        ticket: TicketId,
        /// Counts tickets, from 1: the order of creation.
        number: u64,
        /// What is asked for.
        spec: TicketSpec,
    },
    /// A person changed what is asked for.
    TicketEdited {
        /// The ticket.
        ticket: TicketId,
        /// The whole new text.
        spec: TicketSpec,
        /// Counts the texts of a ticket; the first is 1.
        revision: u32,
    },
    /// A remark.
    TicketNoted {
        /// The ticket.
        ticket: TicketId,
        /// The remark.
        text: String,
        /// Who.
        by: String,
    },
    /// An agent took something for granted.
    AssumptionLogged {
        /// The ticket.
        ticket: TicketId,
        /// What and how sure.
        assumption: Assumption,
    },
    /// A person gave a ticket up.
    TicketClosed {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// The ticket is to be worked on again.
    TicketReopened {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },

    /// A host joined, or its report changed.
    HostReported {
        /// The host.
        host: HostId,
        /// What it offers.
        report: HostReport,
    },
    /// A host was silent for longer than its lease.
    HostLapsed {
        /// The host.
        host: HostId,
    },

    /// The service of a runtime takes nothing before a time: its agents wait.
    RuntimePaused {
        /// The runtime.
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
        /// The attempt.
        attempt: AttemptId,
        /// The ticket.
        ticket: TicketId,
        /// Counts the attempts of the ticket, from 1.
        number: u32,
        /// The revision of the ticket that it works from.
        revision: u32,
        /// Fencing token.
        token: u64,
        /// The host.
        host: HostId,
        /// The incarnation of the host that may claim it.
        incarnation: String,
        /// The agent by name.
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
    AttemptGranted {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The offer came to nothing; the ticket is open again.
    AttemptDeclined {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        why: String,
    },
    /// The runtime's conversation is known. It replaces an earlier one only with a reason.
    SessionStarted {
        /// The attempt.
        attempt: AttemptId,
        /// The session.
        session: Session,
        /// Why an earlier session was given up, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// These texts are in the session.
    Delivered {
        /// The attempt.
        attempt: AttemptId,
        /// The texts.
        deliveries: Vec<DeliveryId>,
        /// How they came there.
        #[serde(default, skip_serializing_if = "is_default")]
        evidence: DeliveryEvidence,
    },
    /// Measured so far in this attempt (totals, not differences).
    UsageReported {
        /// The attempt.
        attempt: AttemptId,
        /// Totals.
        usage: Usage,
    },
    /// The agent said what it did.
    ReportMade {
        /// The attempt.
        attempt: AttemptId,
        /// Its words.
        report: Report,
    },
    /// A person or a rule wants a live attempt stopped.
    AttemptCancelled {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        why: String,
    },
    /// An attempt ended; everything it left is on its branch or in a rescue ref.
    AttemptEnded {
        /// The attempt.
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
        /// The attempt.
        attempt: AttemptId,
        /// When nothing of it can be alive any more.
        clear_at: Millis,
        /// Why it is believed lost.
        why: String,
    },
    /// Nothing of a lost attempt is alive; the ticket is open again.
    AttemptCleared {
        /// The attempt.
        attempt: AttemptId,
    },

    /// A host was asked to run the gates on the head commit.
    VerificationStarted {
        /// The ticket.
        ticket: TicketId,
        /// The host.
        host: HostId,
        /// Fencing token.
        token: u64,
    },
    /// The verification came to nothing; another one is needed.
    VerificationLost {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: String,
        /// The gates could not be run: it counts towards asking a person.
        counts: bool,
        /// Not before this time.
        #[serde(default, skip_serializing_if = "is_zero")]
        not_before: Millis,
    },
    /// A gate ran.
    EvidenceRecorded {
        /// The result.
        evidence: Evidence,
    },
    /// A person does not believe earlier results for this commit.
    EvidenceDiscarded {
        /// The ticket.
        ticket: TicketId,
    },
    /// Work that was done must be verified again (head moved, gates changed).
    VerificationNeeded {
        /// The ticket.
        ticket: TicketId,
        /// The head to prove.
        head: Commit,
        /// Why.
        why: String,
    },
    /// Green, but a person's review is needed.
    ReviewRequested {
        /// The ticket.
        ticket: TicketId,
    },
    /// A claim was refused.
    TicketRejected {
        /// The ticket.
        ticket: TicketId,
        /// Why, in one line.
        why: String,
        /// Whether it counts towards the breaker.
        counts: bool,
    },
    /// Work holds what looks like secrets, and its agent should take them out.
    SecretsFound {
        /// The ticket.
        ticket: TicketId,
        /// Where, and of what kind; never the value.
        found: Vec<String>,
    },
    /// A limit was reached; a card holds the ticket.
    TicketHeld {
        /// The ticket.
        ticket: TicketId,
        /// The card, where it may be that of another ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<CardId>,
    },
    /// A person let a held or suspended ticket go on, with fresh counters.
    TicketResumed {
        /// The ticket.
        ticket: TicketId,
    },
    /// A person approved this commit.
    ApprovedByPerson {
        /// The ticket.
        ticket: TicketId,
        /// The commit.
        commit: Commit,
        /// Who.
        by: String,
    },
    /// Proven and reviewed.
    TicketAccepted {
        /// The ticket.
        ticket: TicketId,
        /// The commit.
        commit: Commit,
    },

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
        /// The calls.
        calls: Vec<TicketId>,
    },
    /// The results of these calls are on their way to the session of their caller, or the caller is over.
    CallsReturned {
        /// The caller.
        ticket: TicketId,
        /// The calls.
        calls: Vec<TicketId>,
    },
    /// A text is to be given to the session of a ticket.
    DeliveryQueued {
        /// The text.
        delivery: Delivery,
        /// Counts deliveries, from 1.
        number: u64,
    },
    /// Something waits for a person.
    CardOpened {
        /// The card.
        card: Card,
        /// Counts cards, from 1.
        number: u64,
    },
    /// A person answered.
    CardAnswered {
        /// The card.
        card: CardId,
        /// The answer.
        answer: CardAnswer,
        /// Who.
        by: String,
    },
    /// A card no longer matters.
    CardWithdrawn {
        /// The card.
        card: CardId,
        /// Why.
        why: String,
    },

    /// Nobody answered a request in time and it was denied, or its runtime does not wait any more.
    PermissionLapsed {
        /// The card.
        card: CardId,
        /// Why.
        why: String,
    },
    /// A person answered a request that waits.
    PermissionAnswered {
        /// The answer.
        answer: PermissionAnswer,
    },
    /// The process that asked has its answer.
    PermissionDelivered {
        /// The answer.
        answer: PermissionAnswer,
    },
    /// From now on this is allowed.
    PermitGranted {
        /// What, and to whom.
        permit: Permit,
        /// Who said so.
        by: String,
    },
    /// A permit for one request was used up.
    PermitUsed {
        /// The permit.
        permit: Permit,
    },
    /// It is not allowed any more.
    PermitRevoked {
        /// The permit.
        permit: Permit,
        /// Who said so.
        by: String,
    },
    /// A model request had these messages in it.
    MessageSeen {
        /// The ticket.
        ticket: TicketId,
        /// The messages.
        deliveries: Vec<DeliveryId>,
        /// How that is known.
        evidence: String,
    },
    /// No session will read these messages any more.
    DeliveryReturned {
        /// The ticket.
        ticket: TicketId,
        /// The messages.
        deliveries: Vec<DeliveryId>,
        /// Why.
        why: String,
    },
    /// A person stopped the ticket; it waits until a person resumes it.
    TicketStopped {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: String,
        /// Who.
        by: String,
    },
    /// A person lets it go on.
    StopLifted {
        /// The ticket.
        ticket: TicketId,
        /// Who.
        by: String,
    },

    /// A person's approval to merge.
    MergeApproved {
        /// The ticket.
        ticket: TicketId,
        /// The commit it holds for.
        commit: Commit,
        /// Who.
        by: String,
    },
    /// It is on the main branch.
    Merged {
        /// The ticket.
        ticket: TicketId,
        /// The commit on the main branch.
        commit: Commit,
    },
    /// A person took it back: it is reverted on the main branch.
    MergeUndone {
        /// The ticket.
        ticket: TicketId,
        /// The commit on the main branch that reverts it.
        commit: Commit,
        /// Who.
        by: String,
    },
    /// The merge did not come about; the approval is spent.
    MergeFailed {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: String,
    },
    /// The workspace is gone; everything in it is kept.
    WorkspaceRemoved {
        /// The ticket.
        ticket: TicketId,
    },
    /// The workspace of finished work could not be removed with everything in it kept: it stays, for a person.
    WorkspaceKept {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(time: &Millis) -> bool {
    *time == 0
}
