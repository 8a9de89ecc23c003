//! Items without an id on a second import: an item is known by the file that it came from and by its title there.

use crate::cli::board::Board;
use crate::failure::{Code, Failure};
use crate::text::{self, counted};
use ganger_engine::{NewTicket, TicketId};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// The key of metadata that keeps both, whatever becomes of the title on the board.
const ORIGIN: &str = "importedFrom";

/// Gives items without an id the one that an earlier import gave them; of several alike, in the order of both. Notes on
/// the others where they are from.
pub(super) async fn recognise(board: &Board, file: &Path, tickets: &mut [NewTicket]) -> Result<(), Failure> {
    if tickets.iter().all(|ticket| ticket.id.is_some()) {
        return Ok(());
    }
    let state = board.state().await?;
    let mut by_age: Vec<_> = state.tickets.iter().collect();
    by_age.sort_by_key(|(_, ticket)| ticket.order);
    let mut known: BTreeMap<&str, VecDeque<&TicketId>> = BTreeMap::new();
    for (id, ticket) in by_age {
        if let Some(origin) = ticket.spec.metadata.get(ORIGIN) {
            known.entry(origin).or_default().push_back(id);
        }
    }
    let file = named(&board.project.repository.root, file);
    for ticket in tickets.iter_mut().filter(|ticket| ticket.id.is_none()) {
        let origin = text::clean(&format!("{file}: {}", ticket.spec.title));
        if let Some(id) = known.get_mut(origin.as_str()).and_then(VecDeque::pop_front) {
            ticket.id = Some(id.clone());
        }
        ticket.spec.metadata.insert(ORIGIN.to_owned(), origin);
    }
    Ok(())
}

/// # Errors
/// With all items of a file that are on the board, by the place of each: an import adds nothing twice.
pub(super) fn refuse(file: &Path, known: &[(&TicketId, &String)]) -> Result<(), Failure> {
    if known.is_empty() {
        return Ok(());
    }
    let lines: String = known.iter().map(|(id, place)| format!("\n  {place}: {id}")).collect();
    let (items, are) = (counted(known.len(), "item"), if known.len() == 1 { "is" } else { "are" });
    let words = format!("{items} of {} {are} on the board already:{lines}", file.display());
    Err(Failure::of(Code::NotImported, words)
        .hint("nothing was added; `--update` changes tickets that are on the board already, and adds what is new"))
}

/// A file of the repository by its path there, whatever folder the command was run in.
fn named(root: &Path, file: &Path) -> String {
    let whole = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    whole.strip_prefix(root).unwrap_or(&whole).display().to_string()
}
