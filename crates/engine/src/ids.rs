//! Identifiers. All are short strings; the engine itself mints those it needs from counters in the
//! state, so the same inputs always give the same ids.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a valid id: use a letter or digit, then up to 63 letters, digits, `_` or `-`")]
pub struct IdError(pub String);

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text that is known to be valid.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id_type!(
    /// A ticket, such as `T-7`. It also names the branch and the workspace.
    TicketId
);
id_type!(
    /// One dispatch of one ticket, such as `T-7-a2`.
    AttemptId
);
id_type!(
    /// A host, chosen by whoever starts it.
    HostId
);
id_type!(
    /// A card in the inbox, such as `C-3`.
    CardId
);
id_type!(
    /// The id that a runtime gave to a conversation.
    SessionId
);
id_type!(
    /// A text on its way to a session, such as `D-12`. It stands in the text itself, so that a
    /// second delivery can be recognised.
    DeliveryId
);
id_type!(
    /// A mail, such as `M-4`. A thread is called by its first one.
    MailId
);
id_type!(
    /// A full git object id of a commit.
    Commit
);
id_type!(
    /// A SHA-256 digest in hex.
    Digest
);

/// Names a decision. An input with a key is decided once; its repetition gets the first outcome again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionId {
    /// An idempotency key.
    Keyed(String),
    /// A name for people. The input is decided again when it comes again.
    Unkeyed(String),
}

impl DecisionId {
    /// A decision that is made again when its input comes again: ticks, heartbeats, totals.
    #[must_use]
    pub fn unkeyed(name: impl Into<String>) -> Self {
        Self::Unkeyed(name.into())
    }

    /// The key of a tool call: the same call of the same attempt is one decision, however often it arrives.
    #[must_use]
    pub fn of_call(attempt: &AttemptId, call: &str) -> Self {
        Self::Keyed(format!("call/{attempt}/{call}"))
    }

    /// The key of a call by a program that a person started: the same request of the same session is one decision.
    #[must_use]
    pub fn of_program(session: &str, call: &str) -> Self {
        Self::Keyed(format!("program/{session}/{call}"))
    }

    /// The idempotency key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Keyed(key) => Some(key),
            Self::Unkeyed(_) => None,
        }
    }

    /// The text, key or not.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Keyed(text) | Self::Unkeyed(text) => text,
        }
    }
}

impl From<String> for DecisionId {
    fn from(key: String) -> Self {
        Self::Keyed(key)
    }
}

impl From<&str> for DecisionId {
    fn from(key: &str) -> Self {
        Self::Keyed(key.to_owned())
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TicketId {
    /// Checks the form `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, which is safe in paths, refs and subjects.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut chars = text.chars();
        let head = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let tail = chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if head && tail && text.len() <= 64 { Ok(Self::new(text)) } else { Err(IdError(text.to_owned())) }
    }
}

impl Commit {
    /// The first ten characters, as people read commits.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..10).unwrap_or(&self.0)
    }
}
