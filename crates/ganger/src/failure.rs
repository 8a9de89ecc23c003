//! Errors as people see them: what, why, a hint, and an exit code.

use std::fmt;

/// What the program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NeedsYou = 3,
    Refused = 4,
    Interrupted = 130,
}

/// An error on its way to a person.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) exit: Exit,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn needs_you(message: impl Into<String>) -> Self {
        Self::new(Exit::NeedsYou, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<crate::config::ConfigError> for Failure {
    fn from(e: crate::config::ConfigError) -> Self {
        let failure = Self::usage(e.to_string());
        match e.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<crate::git::GitError> for Failure {
    fn from(e: crate::git::GitError) -> Self {
        Self::failed(e.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::StorageFull => Self::failed(format!("the disk is full: {e}"))
                .hint("free some space, then run it again: nothing was lost"),
            _ => Self::failed(e.to_string()),
        }
    }
}

impl From<ganger_bus::BusError> for Failure {
    fn from(e: ganger_bus::BusError) -> Self {
        use ganger_bus::BusError;
        match &e {
            BusError::Full(_) => {
                Self::failed(e.to_string()).hint("free some space, then run it again: nothing was lost")
            }
            BusError::NetworkFileSystem { .. } => {
                Self::usage(e.to_string()).hint("set XDG_STATE_HOME to a folder on a local disk")
            }
            BusError::Foreign { .. } | BusError::Corrupt { .. } => Self::failed(e.to_string())
                .hint("it was not touched; `ganger doctor` says more, or move it away and restore a copy"),
            _ => Self::failed(e.to_string()),
        }
    }
}

impl From<ganger_engine::Rejected> for Failure {
    fn from(e: ganger_engine::Rejected) -> Self {
        Self { message: e.message, hint: e.hint, exit: Exit::Failed }
    }
}
