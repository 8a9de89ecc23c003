//! You in the session of a ticket: `ganger attach` holds the ticket for as long as its process lives. The kernel keeps
//! the hold, a POSIX record lock on a file, so that no crash leaves one behind.

use crate::failure::{Code, Failure};
use crate::os;
use crate::text::clock;
use ganger_engine::TicketId;
use std::fmt;
use std::fs::File;
use std::io::{Error, Read, Write};
use std::path::{Path, PathBuf};

/// Until this is dropped, or its process dies. The lock ends when this process closes any handle of the file: whoever
/// has one asks for no holder of the same ticket.
#[derive(Debug)]
pub(crate) struct Hold {
    _file: File,
}

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
        Ok(Hold { _file: file })
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

    /// While you are in its session, nothing else moves a ticket.
    ///
    /// # Errors
    /// `refused` while a process holds it.
    pub(crate) fn require_not_held(&self, ticket: &TicketId) -> Result<(), Failure> {
        self.holder(ticket)?.map_or(Ok(()), |holder| Err(refused(ticket, &holder)))
    }

    fn hold_file(&self, ticket: &TicketId) -> PathBuf {
        Path::new(&self.state).join("attached").join(ticket.as_str())
    }
}

fn holder_of(file: File) -> std::io::Result<Option<Holder>> {
    let Some(pid) = os::record_lock_holder(&file)? else { return Ok(None) };
    let mut since = String::new();
    file.take(64).read_to_string(&mut since)?;
    Ok(Some(Holder { pid, since: since.trim().parse().unwrap_or(0) }))
}

fn refused(ticket: &TicketId, holder: &Holder) -> Failure {
    Failure::of(Code::Refused, holder.words(ticket)).hint("leave that session first")
}
