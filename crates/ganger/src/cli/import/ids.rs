//! Ids at the beginning of headings and list items.

use super::inline;
use super::markdown::{item, ticked};
use ganger_engine::TicketId;
use std::collections::{BTreeMap, BTreeSet};

/// An id with the title behind it.
pub(super) struct TicketHeading {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) tick: Option<char>,
    /// Something shows that it is meant as an id: a colon, a dash, bold letters, brackets, a priority behind it.
    pub(super) is_marked: bool,
}

/// Only headings that begin with an id are tickets: others are chapters.
pub(super) fn ticket_heading(text: &str) -> Option<TicketHeading> {
    let (tick, whole) = ticked(text.trim());
    let text = whole.trim_start_matches(['*', '_', '`', '[', ' ']);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(text.len());
    let (id, rest) = text.split_at(end);
    let has_digit = id.chars().any(|c| c.is_ascii_digit());
    let has_letter = id.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if !(has_digit && has_letter && id.contains('-') && TicketId::parse(id).is_ok()) {
        return None;
    }
    let marks = rest.trim_start_matches(['*', '_', '`', ']']);
    if !(marks.is_empty() || marks.starts_with([':', ' ', '(', '\t'])) {
        return None;
    }
    let is_set_off = marks.len() < rest.len() && text.len() < whole.len();
    let mut is_marked = is_set_off || marks.trim_start().starts_with([':', '–', '—']) || marks.starts_with(" - ");
    // The address of a link is no title.
    let marks = match (rest.contains(']'), marks.strip_prefix('(').and_then(|m| m.split_once(')'))) {
        (true, Some((_, after))) => after,
        _ => marks,
    };
    let title = marks.trim_start_matches([':', '-', '–', '—', '*', '_', ' ', '\t']).trim();
    let title = if rest.len() == marks.len() || !title.ends_with("**") { title } else { title.trim_end_matches('*') };
    is_marked |= inline::in_front(title).is_some();
    Some(TicketHeading { id: id.to_owned(), title: title.to_owned(), tick, is_marked })
}

/// `REQ` of `REQ-7`.
pub(super) fn prefix(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(prefix, _)| prefix)
}

/// Prefixes that ids have in this file: one that is marked, or several list items with different ones.
pub(super) fn prefixes_in(lines: &[&str]) -> BTreeSet<String> {
    let mut marked = BTreeSet::new();
    let mut plain: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in lines.iter().filter_map(|line| item(line)).filter(|item| item.tick.is_some()) {
        let Some(TicketHeading { id, is_marked, .. }) = ticket_heading(found.text) else { continue };
        if is_marked {
            marked.insert(prefix(&id).to_owned());
        }
        plain.entry(prefix(&id).to_owned()).or_default().insert(id);
    }
    marked.extend(plain.into_iter().filter(|(_, ids)| ids.len() > 1).map(|(prefix, _)| prefix));
    marked
}
