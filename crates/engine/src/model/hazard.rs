//! What work does that a person should look at before anything else is done with it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One hazard of the work on a branch, found by what happened to files and commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hazard", rename_all = "kebab-case")]
pub enum Hazard {
    /// Many files are deleted.
    Deletions {
        /// How many.
        deleted: u64,
        /// Of how many.
        of: u64,
        /// The first of them.
        files: Vec<String>,
    },
    /// Files of settings that hold secrets are added, changed or deleted: `.env` and its like.
    EnvFiles {
        /// Which.
        files: Vec<String>,
    },
    /// Files or commits hold what looks like secrets. Their values are nowhere here.
    Secrets {
        /// Where, and of what kind.
        found: Vec<String>,
        /// Whether the agent may take them out by itself, once, before a person is asked.
        send_back: bool,
    },
    /// Code changed, and no test did.
    Untested {
        /// Which files; the first of them.
        files: Vec<String>,
    },
}

impl fmt::Display for Hazard {
    /// Behind the name of a ticket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deletions { deleted, of, .. } => write!(f, "deletes {deleted} of {of} files"),
            Self::EnvFiles { files } => match files.as_slice() {
                [file] => write!(f, "changes {file}"),
                files => write!(f, "changes {} `.env` files", files.len()),
            },
            Self::Secrets { found, .. } => {
                write!(f, "holds what looks like {}", if found.len() == 1 { "a secret" } else { "secrets" })
            }
            Self::Untested { .. } => write!(f, "changes code and no test"),
        }
    }
}

impl Hazard {
    /// What there is to see, for whoever decides.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Deletions { deleted, files, .. } => {
                let more = deleted.saturating_sub(files.len() as u64);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("Deleted: {}{more}", files.join(", "))
            }
            Self::EnvFiles { files } => format!(
                "In the commits: {}. Such files hold secrets and belong in .gitignore; placeholders belong in .env.example",
                files.join(", ")
            ),
            Self::Secrets { found, .. } => format!("Found:{}", list(found)),
            Self::Untested { files } => format!("Changed without a test: {}", files.join(", ")),
        }
    }

    /// Whether its agent may settle it by itself, once, before a person is asked.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        match self {
            Self::Secrets { send_back, .. } => *send_back,
            Self::Untested { .. } => true,
            Self::Deletions { .. } | Self::EnvFiles { .. } => false,
        }
    }

    /// Whether it is about a missing test.
    #[must_use]
    pub fn is_untested(&self) -> bool {
        matches!(self, Self::Untested { .. })
    }

    /// Whether it is about secrets.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secrets { .. })
    }

    /// Whether both are of the same kind.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

pub(crate) fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n- {line}")).collect()
}
