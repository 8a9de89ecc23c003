//! The inputs that travel. Those that only a foreman makes have no form here. What agents, gates and git said is freed
//! of secrets here, before it is stored anywhere.

use super::Unreadable;
use crate::text::{redact_in, redact_report};
use ganger_engine::{
    self as engine, AssumptionId, AttemptEnd, AttemptId, AttemptOutcome, CardAnswer, CardId, Commit, DeliveryEvidence,
    DeliveryId, DirectionKind, Evidence, HostId, HostReport, MailId, MailQuery, NewAssumption, NewCall, NewMail,
    NewTicket, PermissionRequest, Permit, Report, SessionId, Speaker, TicketChange, TicketId, TicketQuery, TicketSpec,
    Urgency, Usage,
};
use serde::{Deserialize, Serialize};

/// Declares [`Input`] with its conversions from and to the engine's: a variant that is new there does not compile until
/// it is decided here whether it travels.
macro_rules! inputs_that_travel {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* },)*) => {
        /// An input of the foreman. The fields are those of the engine's inputs.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "input", rename_all = "kebab-case")]
        pub(super) enum Input {
            Answer { card: CardId, answer: CardAnswer, by: String },
            $($name { $($(#[$attribute])* $field: $type),* },)*
        }

        impl TryFrom<engine::Input> for Input {
            type Error = Unreadable;

            fn try_from(input: engine::Input) -> Result<Self, Unreadable> {
                match input {
                    engine::Input::Answer(engine::Answer { card, answer, by }) => Ok(Self::Answer { card, answer, by }),
                    $(engine::Input::$name { $($field),* } => Ok(Self::$name { $($field),* }),)*
                    engine::Input::Elect { .. } => Err(Unreadable::Stays("elect")),
                    engine::Input::SetPolicy { .. } => Err(Unreadable::Stays("set-policy")),
                    engine::Input::HostLapsed { .. } => Err(Unreadable::Stays("host-lapsed")),
                    engine::Input::HeadMoved { .. } => Err(Unreadable::Stays("head-moved")),
                    engine::Input::Tick { .. } => Err(Unreadable::Stays("tick")),
                }
            }
        }

        impl From<Input> for engine::Input {
            fn from(input: Input) -> Self {
                match input {
                    Input::Answer { card, answer, by } => Self::Answer(engine::Answer { card, answer, by }),
                    $(Input::$name { $($field),* } => Self::$name { $($field),* },)*
                }
            }
        }
    };
}

impl Input {
    /// Takes secrets out of everything that no person wrote. A person's own words are theirs: they stay as they are in the
    /// journal, and are redacted where they are shown and where they go to a model.
    pub(super) fn without_secrets(mut self) -> Self {
        match &mut self {
            Self::Answer { .. }
            | Self::Trust { .. }
            | Self::AddTickets { .. }
            | Self::EditTicket { .. }
            | Self::NoteTicket { .. }
            | Self::CloseTicket { .. }
            | Self::ReopenTicket { .. }
            | Self::Tell { .. }
            | Self::StopTicket { .. }
            | Self::ResumeTicket { .. }
            | Self::ApproveMerge { .. }
            | Self::AnswerAlways { .. }
            | Self::AddDirection { .. }
            | Self::RemoveDirection { .. }
            | Self::ConfirmAssumption { .. }
            | Self::RejectAssumption { .. }
            | Self::Revoke { .. } => {}
            Self::HostReport { .. }
            | Self::Claim { .. }
            | Self::SessionStarted { .. }
            | Self::Delivered { .. }
            | Self::Usage { .. }
            | Self::Seen { .. }
            | Self::PermissionDelivered { .. }
            | Self::ConfirmMerge { .. }
            | Self::Gather { .. }
            | Self::ReadMail { .. }
            | Self::LookAtMail { .. }
            | Self::LookAtTickets { .. }
            | Self::Undone { .. }
            // A name with a secret in it would be no way back.
            | Self::RepositoryTouched { .. }
            | Self::WorkspaceRemoved { .. } => {}
            Self::SendMail { by: Speaker::Person { .. }, .. } => {}
            Self::SendMail { mail, .. } => {
                redact_in(&mut mail.subject);
                redact_in(&mut mail.body);
            }
            Self::FileTicket { ticket, .. } => {
                redact_in(&mut ticket.title);
                redact_in(&mut ticket.description);
                ticket.done.iter_mut().for_each(redact_in);
            }
            Self::AgentReport { report, .. } => redact_report(report),
            Self::Call { calls, .. } => calls.iter_mut().for_each(|call| {
                redact_in(&mut call.title);
                redact_in(&mut call.prompt);
            }),
            Self::Ask { question, brief, options, .. } => {
                redact_in(question);
                redact_in(brief);
                options.iter_mut().for_each(redact_in);
            }
            Self::Assume { assumption, .. } => {
                redact_in(&mut assumption.assumed);
                assumption.topic.iter_mut().chain(&mut assumption.value).for_each(redact_in);
            }
            Self::AgentNote { text, .. }
            | Self::Decline { why: text, .. }
            | Self::PermissionLapsed { why: text, .. }
            | Self::VerificationFailed { why: text, .. }
            | Self::WorkspaceKept { why: text, .. } => redact_in(text),
            // An answer for more than this once holds for the same request with another secret, too.
            Self::AskPermission { request, hint, .. } => {
                redact_in(&mut request.subject);
                redact_in(hint);
            }
            Self::AttemptEnded { end, .. } => redact_end(end),
            Self::Evidence { evidence, .. } => redact_in(&mut evidence.tail),
            Self::MergeDone { evidence, .. } => evidence.iter_mut().for_each(|e| redact_in(&mut e.tail)),
            Self::MergeFailed { why, evidence, .. } => {
                redact_in(why);
                evidence.iter_mut().for_each(|e| redact_in(&mut e.tail));
            }
        }
        self
    }
}

/// Names of files stay what they are: rules and overlaps go by them.
fn redact_end(end: &mut AttemptEnd) {
    if let AttemptOutcome::Failed { message, .. } = &mut end.outcome {
        redact_in(message);
    }
    end.tampering.iter_mut().chain(&mut end.unfit).for_each(redact_in);
    if let Some(report) = &mut end.report {
        redact_report(report);
    }
}

inputs_that_travel! {
    Trust { hash: String, by: String },
    AddTickets { tickets: Vec<NewTicket> },
    EditTicket { ticket: TicketId, change: Box<TicketChange> },
    NoteTicket { ticket: TicketId, text: String, by: String },
    CloseTicket { ticket: TicketId, reason: String, by: String },
    ReopenTicket { ticket: TicketId, reason: String, by: String },
    AnswerAlways { card: CardId, answer: CardAnswer, by: String },
    AddDirection { kind: DirectionKind, text: String, by: String },
    RemoveDirection { number: u64, by: String },
    ConfirmAssumption { assumption: AssumptionId, by: String },
    RejectAssumption { assumption: AssumptionId, correction: String, by: String },
    Tell { ticket: TicketId, text: String, urgency: Urgency, by: String },
    StopTicket { ticket: TicketId, why: String, by: String },
    ResumeTicket { ticket: TicketId, by: String },
    ApproveMerge { tickets: Vec<TicketId>, by: String },
    HostReport { host: HostId, report: HostReport },
    Claim { attempt: AttemptId, token: u64, host: HostId, incarnation: String },
    Decline { attempt: AttemptId, token: u64, why: String },
    SessionStarted { attempt: AttemptId, token: u64, session: SessionId, runtime: String, directory: String },
    Delivered { attempt: AttemptId, token: u64, deliveries: Vec<DeliveryId>, evidence: DeliveryEvidence },
    Usage { attempt: AttemptId, token: u64, usage: Usage },
    AgentReport { attempt: AttemptId, token: u64, report: Report },
    Revoke { permit: Permit, by: String },
    Ask { attempt: AttemptId, token: u64, call: String, question: String, brief: String, options: Vec<String> },
    Call {
        attempt: AttemptId,
        token: u64,
        calls: Vec<NewCall>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Commit>
    },
    Gather { attempt: AttemptId, token: u64, calls: Vec<TicketId> },
    Assume {
        attempt: AttemptId,
        token: u64,
        #[serde(flatten)]
        assumption: NewAssumption
    },
    AgentNote { attempt: AttemptId, token: u64, text: String },
    SendMail { by: Speaker, mail: NewMail },
    ReadMail { by: Speaker, mail: MailId },
    LookAtMail { by: Speaker, query: MailQuery },
    FileTicket { by: Speaker, ticket: Box<TicketSpec> },
    LookAtTickets { by: Speaker, query: TicketQuery },
    Seen { attempt: AttemptId, token: u64, deliveries: Vec<DeliveryId>, evidence: String },
    AskPermission { attempt: AttemptId, token: u64, request_id: String, request: PermissionRequest, by: String, hint: String },
    PermissionDelivered { attempt: AttemptId, token: u64, request_id: String },
    PermissionLapsed { attempt: AttemptId, token: u64, request_id: String, why: String },
    AttemptEnded { attempt: AttemptId, token: u64, end: Box<AttemptEnd> },
    Evidence {
        token: u64,
        evidence: Box<Evidence>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        before: Vec<Evidence>
    },
    VerificationFailed { ticket: TicketId, token: u64, why: String },
    ConfirmMerge { ticket: TicketId, commit: Commit },
    MergeDone { ticket: TicketId, commit: Commit, evidence: Vec<Evidence> },
    MergeFailed { ticket: TicketId, why: String, back_to_agent: bool, evidence: Vec<Evidence> },
    Undone { ticket: TicketId, commit: Commit, by: String },
    WorkspaceRemoved { ticket: TicketId, host: HostId },
    WorkspaceKept { ticket: TicketId, host: HostId, why: String },
    RepositoryTouched { ticket: TicketId, changes: Vec<String> },
}
