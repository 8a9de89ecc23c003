//! Mail: what agents and people write to each other. It is kept for ever, and each copy has a status.

use super::is_default;
use crate::{AttemptId, CardId, DeliveryId, MailId, Millis, TicketId};
use serde::{Deserialize, Serialize};

/// How soon it should be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Importance {
    /// Whenever it suits.
    Low,
    /// At the next idle moment.
    #[default]
    Normal,
    /// As that, and marked.
    High,
    /// In the turn that runs, where the runtime can; else at the next idle moment.
    Urgent,
}

impl Importance {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The word in arguments and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads the word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.as_str().eq_ignore_ascii_case(word.trim()))
    }
}

/// Who speaks. An agent is known by its attempt, and never says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum Speaker {
    /// The agent of an attempt.
    Agent {
        /// The attempt.
        attempt: AttemptId,
        /// Its fencing token.
        token: u64,
    },
    /// A person.
    Person {
        /// By this name.
        name: String,
    },
    /// A program that a person started, which reads the person's mail and is none.
    Program {
        /// By this name.
        name: String,
    },
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewMail {
    /// Tickets, agents, `you` for the person, `all` for everybody at work. Empty: whoever wrote what is answered.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// How soon it should be read.
    #[serde(skip_serializing_if = "is_default")]
    pub importance: Importance,
    /// The thread that it goes on with, by any of its mails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<MailId>,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MailId>,
}

/// Who wrote a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The agent, or the person.
    pub name: String,
    /// The ticket on which the agent worked; nothing: a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Its attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// A program of the person wrote it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub program: bool,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// The first mail of its thread, which may be itself.
    pub thread: MailId,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MailId>,
    /// Who wrote it.
    pub from: Author,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// How soon it should be read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub importance: Importance,
    /// When it was sent.
    pub sent: Millis,
    /// One for each that it goes to.
    pub copies: Vec<MailCopy>,
}

/// What became of a mail on the way to one reader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailCopy {
    /// The ticket; nothing: the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<TicketId>,
    /// The text that carries it into the session. Without one it waits for the ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// The notice that shows it to the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardId>,
    /// When it came there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Millis>,
    /// When its reader acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Millis>,
    /// Why nobody will read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
}

/// What became of a copy, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailStatus {
    /// On its way.
    Queued,
    /// In the session, or in the person's inbox.
    Delivered,
    /// Acknowledged.
    Read,
    /// Nobody will read it.
    Returned,
}

impl MailStatus {
    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Returned => "returned",
        }
    }
}

impl MailCopy {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> MailStatus {
        match self {
            Self { read: Some(_), .. } => MailStatus::Read,
            Self { delivered: Some(_), .. } => MailStatus::Delivered,
            Self { returned: Some(_), .. } => MailStatus::Returned,
            _ => MailStatus::Queued,
        }
    }

    /// Its ticket, as long as no session has it, none is about to, and it did not come back.
    pub(crate) fn waits_for(&self) -> Option<&TicketId> {
        self.to.as_ref().filter(|_| self.status() == MailStatus::Queued && self.delivery.is_none())
    }

    /// Whether its reader has not acknowledged it, and still may.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self.status(), MailStatus::Queued | MailStatus::Delivered)
    }
}

impl Mail {
    /// Whether a copy waits for its ticket.
    pub(crate) fn waits(&self) -> bool {
        self.copies.iter().any(|copy| copy.waits_for().is_some())
    }

    /// The copy for a ticket, or for the person.
    #[must_use]
    pub fn copy_for(&self, reader: Option<&TicketId>) -> Option<&MailCopy> {
        self.copies.iter().find(|copy| copy.to.as_ref() == reader)
    }

    /// Whether a ticket, or the person, wrote it or got it.
    #[must_use]
    pub fn concerns(&self, party: Option<&TicketId>) -> bool {
        self.from.ticket.as_ref() == party || self.copy_for(party).is_some()
    }

    /// The ticket whose history it belongs to: that of the agent that wrote it, or the first that a person wrote to.
    #[must_use]
    pub fn ticket(&self) -> Option<&TicketId> {
        self.from.ticket.as_ref().or_else(|| self.copies.iter().find_map(|copy| copy.to.as_ref()))
    }

    /// Its number: `M-12` has 12. Mails are in the order of their numbers.
    #[must_use]
    pub fn number(&self) -> u64 {
        number_of(&self.id)
    }
}

impl MailId {
    /// Reads `M-3`, `m-3` or `3`, as people and agents write it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        let digits = word.strip_prefix(['M', 'm']).map_or(word, |rest| rest.trim_start_matches('-'));
        digits.parse::<u64>().ok().map(|number| Self::new(format!("M-{number}")))
    }
}

/// The number in the id of a mail; nothing else has one.
pub(crate) fn number_of(id: &MailId) -> u64 {
    id.as_str().strip_prefix("M-").and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// How much may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailLimits {
    /// Mails of one thread.
    pub thread: u32,
    /// Mails that one attempt sends.
    pub attempt: u32,
    /// Mails that the agents of one ticket send, ever.
    pub ticket: u32,
    /// Mails that wait for one reader without being acknowledged.
    pub unread: u32,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self { thread: 20, attempt: 30, ticket: 200, unread: 50 }
    }
}

/// What a sender hears of its mail.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The mail; nothing, where it was an assumption and nothing else.
    pub mail: Option<MailId>,
    /// Its thread.
    pub thread: Option<MailId>,
    /// Where it went.
    pub to: Vec<ReceiptLine>,
    /// It was journaled as an assumption.
    #[serde(skip_serializing_if = "is_default")]
    pub assumption: bool,
}

/// One reader of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The ticket; nothing: the person.
    pub to: Option<TicketId>,
    /// The agent that works on it.
    pub agent: String,
    /// Why it came back at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
}

/// Which mail a reader wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailQuery {
    /// What it wrote, instead of what it got.
    #[serde(skip_serializing_if = "is_default")]
    pub sent: bool,
    /// Only what it has not acknowledged.
    #[serde(skip_serializing_if = "is_default")]
    pub unread_only: bool,
    /// At most so many.
    pub limit: u32,
    /// Only what came after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<MailId>,
}

/// The mail of one reader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mailbox {
    /// The ticket; nothing: the person.
    pub ticket: Option<TicketId>,
    /// The agent, or the person.
    pub name: String,
    /// How much is not acknowledged.
    pub unread: u32,
    /// Oldest first.
    pub mail: Vec<Mail>,
    /// There is more after this one.
    pub next: Option<MailId>,
    /// Who is at work, or will be: tickets with their agents.
    pub at_work: Vec<(TicketId, String)>,
    /// How much may be written.
    pub limits: MailLimits,
}
