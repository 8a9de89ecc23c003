//! You in the session of a ticket: `ganger attach` holds the ticket for as long as its process lives. The kernel keeps
//! the hold, a POSIX record lock on a file, so that no crash leaves one behind.

use crate::failure::{Code, Failure};
use crate::os;
use crate::text::clock;
use ganger_engine::{Ticket, TicketId};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::PathBuf;

/// Until this is dropped, or its process dies. The lock ends when this process closes any handle of the file: whoever
/// has one asks for no holder of the same ticket.
#[derive(Debug)]
pub(crate) struct Hold {
    file: File,
}

impl Hold {
    /// The session was left in order. What is dropped without it counts as left open.
    pub(crate) fn end(self) -> std::io::Result<()> {
        self.file.set_len(0)
    }
}

/// A session that somebody opened.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A process is in it.
    Held(Holder),
    Left(Left),
}

/// A session that nobody left in order.
#[derive(Debug)]
pub(crate) struct Left {
    /// When it was opened, in milliseconds.
    since: u64,
    /// By a printed command: nobody knows when it is left.
    pub(crate) by_hand: bool,
}

impl Left {
    /// Whether the ticket has moved on since: what is in its workspace now may be anybody's.
    pub(crate) fn is_over(&self, ticket: &Ticket) -> bool {
        ticket.since > self.since
    }
}

/// Behind the time in the file of a session that was opened by a printed command.
const BY_HAND: &str = " by hand";

/// The process that holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// `None` when it lives in another process namespace, such as a container.
    pub(crate) pid: Option<u32>,
    /// In milliseconds; 0 when it has just begun.
    pub(crate) since: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`ganger attach` (")?;
        match self.pid {
            Some(pid) => write!(f, "pid {pid}")?,
            None => f.write_str("in another container")?,
        }
        match self.since {
            0 => f.write_str(")"),
            since => write!(f, ", since {})", clock(since)),
        }
    }
}

impl Holder {
    /// Why something is not done to the ticket now.
    pub(crate) fn words(&self, ticket: &TicketId) -> String {
        format!("{ticket} is open in {self}")
    }
}

impl super::Project {
    /// Holds a ticket.
    ///
    /// # Errors
    /// `refused` when another process holds it.
    pub(crate) fn hold(&self, ticket: &TicketId) -> Result<Hold, Failure> {
        let path = self.hold_file(ticket);
        let unusable = |e: Error| Failure::failed(format!("{}: {e}", path.display()));
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(unusable)?;
        let mut file = os::open_private(&path).map_err(unusable)?;
        if !os::try_record_lock(&file).map_err(unusable)? {
            let holder = holder_of(file).map_err(unusable)?;
            return Err(refused(ticket, &holder.unwrap_or(Holder { pid: None, since: 0 })));
        }
        file.set_len(0).and_then(|()| write!(file, "{}", os::now_ms())).map_err(unusable)?;
        Ok(Hold { file })
    }

    /// Who holds a ticket.
    pub(crate) fn holder(&self, ticket: &TicketId) -> Result<Option<Holder>, Failure> {
        let path = self.hold_file(ticket);
        if !path.exists() {
            return Ok(None);
        }
        let found = os::open_private(&path).and_then(holder_of);
        found.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))
    }

    /// Notes that a session is opened by a printed command.
    pub(crate) fn note_opened_by_hand(&self, ticket: &TicketId) -> Result<(), Failure> {
        let mut hold = self.hold(ticket)?;
        let noted = hold.file.write_all(BY_HAND.as_bytes());
        noted.map_err(|e| Failure::failed(format!("{}: {e}", self.hold_file(ticket).display())))
    }

    /// All sessions that are open, or that nobody left in order.
    pub(crate) fn opened_sessions(&self) -> Result<BTreeMap<TicketId, Opened>, Failure> {
        let folder = self.state.join(FOLDER);
        let unusable = |e: Error| Failure::failed(format!("{}: {e}", folder.display()));
        let entries = match folder.read_dir() {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries.map_err(unusable)?,
        };
        let mut found = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(unusable)?;
            let Ok(ticket) = TicketId::parse(&entry.file_name().to_string_lossy()) else { continue };
            let opened = os::open_private(&entry.path()).and_then(opened).map_err(unusable)?;
            found.extend(opened.map(|opened| (ticket, opened)));
        }
        Ok(found)
    }

    /// While you are in its session, nothing else moves a ticket.
    ///
    /// # Errors
    /// `refused` while a process holds it.
    pub(crate) fn require_not_held(&self, ticket: &TicketId) -> Result<(), Failure> {
        self.holder(ticket)?.map_or(Ok(()), |holder| Err(refused(ticket, &holder)))
    }

    fn hold_file(&self, ticket: &TicketId) -> PathBuf {
        self.state.join(FOLDER).join(ticket.as_str())
    }
}

/// In the project's folder: a file for each ticket whose session was ever opened.
const FOLDER: &str = "attached";

fn opened(mut file: File) -> std::io::Result<Option<Opened>> {
    let mut noted = String::new();
    (&mut file).take(64).read_to_string(&mut noted)?;
    if let Some(pid) = os::record_lock_holder(&file)? {
        return Ok(Some(Opened::Held(Holder { pid, since: since(&noted) })));
    }
    let left = Left { since: since(&noted), by_hand: noted.ends_with(BY_HAND) };
    Ok((!noted.is_empty()).then_some(Opened::Left(left)))
}

fn since(noted: &str) -> u64 {
    noted.split_whitespace().next().and_then(|since| since.parse().ok()).unwrap_or(0)
}

fn holder_of(file: File) -> std::io::Result<Option<Holder>> {
    let Some(pid) = os::record_lock_holder(&file)? else { return Ok(None) };
    let mut noted = String::new();
    file.take(64).read_to_string(&mut noted)?;
    Ok(Some(Holder { pid, since: since(&noted) }))
}

fn refused(ticket: &TicketId, holder: &Holder) -> Failure {
    Failure::of(Code::Refused, holder.words(ticket)).hint("leave that session first")
}
