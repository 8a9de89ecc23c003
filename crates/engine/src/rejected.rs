//! Refusals: an input that the rules do not allow, with a code from one closed list.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! reject_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why an input was refused, for programs. The texts are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum RejectCode {
            $($(#[$doc])* $name,)*
        }

        impl RejectCode {
            /// Every code, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reject_codes! {
    /// No ticket has this id.
    UnknownTicket = "unknown-ticket",
    /// No card has this id.
    UnknownCard = "unknown-card",
    /// No assumption has this id.
    UnknownAssumption = "unknown-assumption",
    /// No directive has this number.
    UnknownDirection = "unknown-direction",
    /// A directive is empty or too long, or there are too many.
    InvalidDirection = "invalid-direction",
    /// A person rejected the same assumption before.
    AssumptionRejected = "assumption-rejected",
    /// An assumption has faults.
    InvalidAssumption = "invalid-assumption",
    /// No such permit was granted.
    UnknownPermit = "unknown-permit",
    /// The attempt or verification with this token is over.
    Stale = "stale",
    /// It came too late: its sender had given up waiting.
    Expired = "expired",
    /// A report that its host sent before its lease ran out.
    StaleReport = "stale-report",
    /// The attempt was not granted, so it can say nothing.
    NotGranted = "not-granted",
    /// The attempt was offered to another host, or to another incarnation of this one.
    NotYours = "not-yours",
    /// The attempt was granted before.
    AlreadyGranted = "already-granted",
    /// No mail has this id, or it is none of the caller's.
    UnknownMail = "unknown-mail",
    /// A mail goes to nobody who is known.
    UnknownRecipient = "unknown-recipient",
    /// A mail has faults, or would go beyond a limit.
    MailRefused = "mail-refused",
    /// An agent may not call any more agents, or not this one.
    CallRefused = "call-refused",
    /// The attempt was cancelled.
    Cancelled = "cancelled",
    /// A confidence is not between 0 and 1.
    InvalidConfidence = "invalid-confidence",
    /// Too many tickets were to be added at once.
    TooManyTickets = "too-many-tickets",
    /// An agent may not file any more tickets.
    TooManyFiled = "too-many-filed",
    /// The tickets to add have faults.
    InvalidTickets = "invalid-tickets",
    /// The edit has faults.
    InvalidEdit = "invalid-edit",
    /// The ticket is merged or closed.
    Final = "final",
    /// The ticket is in no phase from which it can be reopened.
    CannotReopen = "cannot-reopen",
    /// The card was answered before.
    AlreadyAnswered = "already-answered",
    /// The card was withdrawn.
    Withdrawn = "withdrawn",
    /// An answer is empty.
    EmptyAnswer = "empty-answer",
    /// An answer is none of the card's options.
    NotAnOption = "not-an-option",
    /// A message is empty.
    EmptyMessage = "empty-message",
    /// No session will read a message for this ticket.
    NoSession = "no-session",
    /// Nothing of the ticket runs.
    NotRunning = "not-running",
    /// The ticket was not stopped.
    NotStopped = "not-stopped",
    /// The tickets cannot be merged as asked.
    CannotMerge = "cannot-merge",
    /// There is nothing on the main branch to be taken back.
    NotMerged = "not-merged",
    /// The ticket is not accepted.
    NotAccepted = "not-accepted",
    /// The merge is not approved.
    NotApproved = "not-approved",
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an input was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// For programs.
    pub code: RejectCode,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Rejected {
    /// A refusal.
    #[must_use]
    pub fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
