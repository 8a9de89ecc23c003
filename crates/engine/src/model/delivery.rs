//! Deliveries: texts on their way to a session, given at least once and recognisable the second time.

use crate::{AttemptId, DeliveryId, TicketId};
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
}
