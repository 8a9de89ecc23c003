//! Deliveries: texts on their way to a session, given at least once and recognisable the second time.

use crate::{AttemptId, DeliveryId, Millis, TicketId};
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

/// What became of a person's message.
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
    /// It went out twice, because nobody could say whether the first time was heard.
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
    /// The attempt that delivered it.
    pub delivered: Option<AttemptId>,
    /// When it may be said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub urgency: Urgency,
    /// Who wrote it, if a person did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_default(urgency: &Urgency) -> bool {
    *urgency == Urgency::default()
}
