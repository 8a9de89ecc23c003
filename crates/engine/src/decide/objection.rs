//! Objections: a person tells an agent that something was assumed wrongly.

use super::chief::{Told, rejection};
use crate::{AssumptionId, Event, State, TicketId, text};

/// What a person's words to a ticket say of what its agent assumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// Nothing.
    None,
    /// That this one is wrong; what is true instead may follow.
    To(AssumptionId, String),
    /// That one of these is wrong, and not which.
    Unclear(Vec<AssumptionId>),
}

/// How a person says that something was assumed wrongly.
const OBJECTIONS: [&str; 2] = ["that's wrong", "not what i asked"];

/// Reads what a person writes to a ticket: whether it begins with an objection, and to what.
#[must_use]
pub fn objection(state: &State, id: &TicketId, words: &str) -> Objection {
    let Some(rest) = after_objection(words) else { return Objection::None };
    let own = state.tickets.get(id).map_or(&[][..], |ticket| ticket.assumptions.as_slice());
    let open: Vec<AssumptionId> = own.iter().filter(|a| a.is_open()).map(|a| a.id).collect();
    match open.as_slice() {
        [] => Objection::None,
        [one] => Objection::To(*one, rest),
        _ => Objection::Unclear(open),
    }
}

/// What follows an objection at the beginning of a text.
fn after_objection(words: &str) -> Option<String> {
    let words = words.trim().replace('\u{2019}', "'");
    let begins = |said: &&&str| words.get(..said.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(said));
    let rest = &words[OBJECTIONS.iter().find(begins)?.len()..];
    let is_whole = rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '\'');
    let is_mark =
        |c: char| c.is_whitespace() || matches!(c, ',' | '.' | ':' | ';' | '!' | '-' | '\u{2013}' | '\u{2014}');
    is_whole.then(|| text::clean(rest.trim_start_matches(is_mark).trim_end()))
}

/// An objection at the beginning of what a person writes to a ticket rejects its one open assumption.
pub(super) fn objected(state: &State, id: &TicketId, words: &str, by: &str, before: Told<'_>) -> Vec<Event> {
    match objection(state, id, words) {
        Objection::To(number, correction) => rejection(state, number, &correction, by, before),
        Objection::None | Objection::Unclear(_) => Vec::new(),
    }
}
