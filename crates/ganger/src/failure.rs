//! Errors as people see them: what, why, a hint, and an exit code.

use std::fmt;

/// What the program ends with. README.md, docs/errors.md and the manual pages are this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NeedsYou = 3,
    Refused = 4,
    Interrupted = 130,
}

impl Exit {
    pub(crate) const ALL: &[Self] =
        &[Self::Done, Self::Failed, Self::Usage, Self::NeedsYou, Self::Refused, Self::Interrupted];

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "wrong usage or configuration",
            Self::NeedsYou => "waits for you",
            Self::Refused => "refused by policy",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The list of error codes: variant, stable word, exit code, meaning. docs/errors.md is this table.
macro_rules! codes {
    ($($variant:ident $word:literal $exit:ident $meaning:literal,)*) => {
        /// A stable code for each kind of error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($variant,)* }

        impl Code {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub(crate) fn exit(self) -> Exit {
                match self { $(Self::$variant => Exit::$exit,)* }
            }

            #[cfg(test)]
            fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    Failed "failed" Failed "Something failed that has no code of its own; the message says what.",
    Usage "usage" Usage "The command line or the place where it was run is wrong.",
    Config "config" Usage "A configuration file or a variable has an invalid value.",
    NeedsYou "needs-you" NeedsYou "You have to do something first; the message says what.",
    Refused "refused" Refused "Policy forbids it.",
    Interrupted "interrupted" Interrupted "You stopped it.",
    PersonOnly "person-only" Refused "The command is for people, and an agent started it.",
    NotTrusted "not-trusted" NeedsYou "You have not confirmed what the project runs.",
    NoTerminal "no-terminal" NeedsYou "It has to ask you, and stdin is not a terminal.",
    ActiveRun "active-run" Failed "Another process runs the project.",
    ActiveHost "active-host" Failed "Another process is the host of this name.",
    LeaseHeld "lease-held" Failed "Another process has locked the board for too long.",
    NoAnswer "no-answer" Failed "The active run did not answer in time; the command was withdrawn.",
    Expired "expired" Failed "The command reached the run after its sender had given up; it was not carried out.",
    JournalFault "journal-fault" Failed "A record of the journal cannot be read; the board is read-only.",
    Store "store" Failed "The store cannot be read or written.",
    StoreLost "store-lost" Failed "The journal of this project is not where it was, or is another one; no board is shown in its place.",
    NoSpace "no-space" Failed "The disk is full.",
    Git "git" Failed "A git command failed.",
    NotImported "not-imported" Failed "A file has errors; nothing was imported.",
    NoAgent "no-agent" Usage "No agent is configured.",
    UnknownTicket "unknown-ticket" Failed "There is no such ticket.",
    UnknownCard "unknown-card" Failed "There is no such card.",
    UnknownAssumption "unknown-assumption" Failed "There is no such assumption.",
    UnknownDirection "unknown-direction" Failed "There is no such goal, constraint or priority.",
    InvalidDirection "invalid-direction" Failed "A goal, constraint or priority is empty or too long, or there are too many.",
    UnknownPermit "unknown-permit" Failed "There is no such permission.",
    InvalidTickets "invalid-tickets" Failed "Tickets have errors: a taken id, an unknown dependency, a dependency cycle.",
    InvalidEdit "invalid-edit" Failed "The change has errors: an unknown dependency, a dependency cycle.",
    Final "final" Failed "The ticket is merged or closed.",
    UnknownMail "unknown-mail" Failed "There is no such mail, or it is none of yours.",
    UnknownRecipient "unknown-recipient" Failed "Mail goes to a ticket, an agent, the person or everybody at work, and this is none of them.",
    MailRefused "mail-refused" Failed "The mail is too long, goes to nobody, or would go beyond a limit.",
    CallRefused "call-refused" Failed "An agent may not call any more agents, or not this one.",
    Cancelled "cancelled" Failed "The attempt was cancelled.",
    NotStopped "not-stopped" Failed "The ticket is not stopped.",
    NotRunning "not-running" Failed "The ticket has no turn in progress.",
    NotAccepted "not-accepted" Failed "The ticket is not accepted.",
    NotApproved "not-approved" Failed "You have not approved this merge.",
    CannotMerge "cannot-merge" Failed "The ticket cannot be merged yet.",
    NotMerged "not-merged" Failed "The ticket is not merged, so there is nothing to undo.",
    CannotReopen "cannot-reopen" Failed "The ticket cannot be reopened.",
    NotAnOption "not-an-option" Failed "The answer is not one of the options.",
    AlreadyAnswered "already-answered" Failed "The card has an answer already.",
    Withdrawn "withdrawn" Failed "The card was withdrawn.",
    EmptyAnswer "empty-answer" Failed "The answer is empty.",
    EmptyMessage "empty-message" Failed "The message is empty.",
    NoSession "no-session" Failed "The ticket has no session that could get a message or be opened.",
    TooManyTickets "too-many-tickets" Failed "Too many tickets were to be added at once.",
    TooManyFiled "too-many-filed" Failed "An agent may not file any more tickets.",
    Rejected "rejected" Failed "The rules of the board refuse it; the message says why.",
}

impl Code {
    /// The code of a refusal by the engine.
    fn of_rejection(word: &str) -> Self {
        Self::ALL.iter().copied().find(|code| code.as_str() == word).unwrap_or(Self::Rejected)
    }
}

/// An error on its way to a person.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn of(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::of(Code::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::of(Code::Usage, message)
    }

    pub(crate) fn needs_you(message: impl Into<String>) -> Self {
        Self::of(Code::NeedsYou, message)
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
        let failure = Self::of(Code::Config, e.to_string());
        match e.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Results whose error says what the system or git refused, but not what it was for.
pub(crate) trait OrCannot<T> {
    /// `cannot <do something>: why`. For git's errors there is no other way to a person.
    fn or_cannot(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T> OrCannot<T> for crate::git::GitResult<T> {
    fn or_cannot(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|e| Failure::of(Code::Git, format!("cannot {what}: {e}")))
    }
}

const MAKE_ROOM: &str = "free some space, then run the command again: nothing was lost";

impl<T> OrCannot<T> for std::io::Result<T> {
    fn or_cannot(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|e| {
            let failure = Failure::from(e);
            Failure { message: format!("cannot {what}: {failure}"), ..failure }
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::StorageFull => {
                Self::of(Code::NoSpace, format!("the disk is full: {e}")).hint(MAKE_ROOM)
            }
            _ => Self::failed(e.to_string()),
        }
    }
}

impl From<ganger_bus::BusError> for Failure {
    fn from(e: ganger_bus::BusError) -> Self {
        use ganger_bus::BusError;
        match &e {
            BusError::Full(_) => Self::of(Code::NoSpace, e.to_string()).hint(MAKE_ROOM),
            BusError::NetworkFileSystem { .. } => {
                Self::usage(e.to_string()).hint("set XDG_STATE_HOME to a folder on a local disk")
            }
            BusError::Foreign { .. } | BusError::Corrupt { .. } => Self::of(Code::Store, e.to_string())
                .hint("the file was not touched; run `ganger doctor`, or move the file away and restore a copy"),
            BusError::Missing { .. } | BusError::Lost(_) => Self::of(Code::StoreLost, e.to_string()).hint(
                "`ganger restore FILE` brings back a copy; `ganger init --new-board` begins a new board; `ganger doctor` says more",
            ),
            _ => Self::of(Code::Store, e.to_string()),
        }
    }
}

impl From<ganger_engine::Rejected> for Failure {
    fn from(e: ganger_engine::Rejected) -> Self {
        Self { code: Code::of_rejection(e.code.as_str()), message: e.message, hint: e.hint }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Exit};
    use std::fmt::Write;

    #[test]
    fn the_documentation_lists_every_exit_code() {
        let mut table = String::from("| exit | meaning |\n|---|---|\n");
        for exit in Exit::ALL {
            writeln!(table, "| {} | {} |", *exit as u8, exit.meaning()).expect("a string");
        }
        let page = include_str!("../../../docs/errors.md");
        assert!(page.contains(&table), "docs/errors.md must hold this table:\n{table}");
        let readme = include_str!("../../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        let listed: Vec<String> = Exit::ALL.iter().map(|e| format!("{} {}", *e as u8, e.meaning())).collect();
        assert!(readme.contains(&listed.join(", ")), "README.md must list: {}", listed.join(", "));
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let mut table = String::from("| code | exit | meaning |\n|---|---|---|\n");
        for code in Code::ALL {
            writeln!(table, "| `{}` | {} | {} |", code.as_str(), code.exit() as u8, code.meaning()).expect("a string");
        }
        let page = include_str!("../../../docs/errors.md");
        assert!(page.contains(&table), "docs/errors.md must hold this table:\n{table}");
    }

    #[test]
    fn a_code_has_one_meaning() {
        let mut words: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
