//! Deliveries: texts on their way to a session, given at least once and recognisable the second time.

use super::is_default;
use crate::{AttemptId, DeliveryId, MailId, Millis, TicketId};
use serde::{Deserialize, Serialize};

/// Why a text is sent to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryKind {
    /// A person answered a question.
    Answer,
    /// A claim was rejected: a red gate, an unanswered item, nothing changed.
    Rejection,
    /// The mission has a new revision.
    Revision,
    /// A person wrote.
    Message,
    /// A call ended: this is its answer.
    Result,
    /// A person gave direction, or settled an assumption.
    Direction,
    /// An agent, or a person, wrote a mail, or one came back.
    Mail,
}

/// When a text may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// When the session is idle.
    #[default]
    Idle,
    /// In the turn that runs, where the runtime can; else when it is idle.
    Now,
    /// The turn is interrupted for it.
    Interrupt,
}

/// How a text came into a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryEvidence {
    /// It was said; nobody could look whether an earlier attempt had said it.
    #[default]
    SentUnchecked,
    /// It was said after the session's transcript had been searched for it in vain.
    SentOnce,
    /// The transcript had it: an earlier attempt said it and did not live to tell. It was not said again.
    FoundInTranscript,
}

/// The status of a person's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its delivery; it stands in the text that the session gets.
    pub id: DeliveryId,
    /// Who wrote it.
    pub by: String,
    /// The text.
    pub text: String,
    /// When it was written.
    pub sent: Millis,
    /// When it went into the session, and in which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<(Millis, AttemptId)>,
    /// When a model request had it, and how that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(Millis, String)>,
    /// It may have gone out twice: an attempt was lost before anybody knew, and no transcript could be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub possibly_repeated: bool,
    /// Why nobody will read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
}

/// A text for the session of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id; it stands in the text that the session gets.
    pub id: DeliveryId,
    /// The ticket.
    pub ticket: TicketId,
    /// Why it is sent.
    pub kind: DeliveryKind,
    /// The text.
    pub text: String,
    /// When it may be said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub urgency: Urgency,
    /// Who wrote it, if a person did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The mail that it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailId>,
}
