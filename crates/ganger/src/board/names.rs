//! Which tickets and cards a person means: ids are understood by their number and in any case.

use super::open::Board;
use crate::failure::{Code, Failure};
use crate::foreman::Part;
use crate::os;
use crate::text;
use ganger_engine::{CardId, State, TicketId};

/// More ids than these are too many to name in a message.
const MANY: usize = 4;

impl Board {
    /// The tickets that these words name: ids, or their numbers, several in a word with commas between them. Each is
    /// named once.
    pub(crate) async fn named(&self, words: &[String]) -> Result<Vec<TicketId>, Failure> {
        if let Ok(exact) = each_once(words, |word| TicketId::parse(word).map_err(|e| Failure::usage(e.to_string()))) {
            let known = self.view(Part::Tickets(&exact)).await?.state;
            if exact.iter().all(|id| known.tickets.contains_key(id)) {
                return Ok(exact);
            }
        }
        let all = self.ids().await?;
        each_once(words, |word| meant(word, all.iter()))
    }

    /// The ticket that this word names.
    pub(crate) async fn named_one(&self, word: &str) -> Result<TicketId, Failure> {
        let found = self.named(&[word.to_owned()]).await?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(Failure::usage(format!("`{word}` names {} tickets; this takes one", found.len()))),
        }
    }

    /// The ids of all tickets, without their records.
    async fn ids(&self) -> Result<Vec<TicketId>, Failure> {
        if let Some((tables, _)) = self.tables().await?
            && let Ok(found) = os::block_in_place(|| tables.page(None, i64::MAX as usize))
        {
            return Ok(found);
        }
        Ok(self.state().await?.tickets.into_keys().collect())
    }
}

/// The ticket of this state that a word names.
pub(crate) fn ticket_named(state: &State, word: &str) -> Result<TicketId, Failure> {
    meant(word, state.tickets.keys())
}

/// The tickets of this state that words name, as [`Board::named`].
pub(crate) fn named_in(state: &State, words: &[String]) -> Result<Vec<TicketId>, Failure> {
    each_once(words, |word| ticket_named(state, word))
}

fn each_once(words: &[String], meant: impl Fn(&str) -> Result<TicketId, Failure>) -> Result<Vec<TicketId>, Failure> {
    let mut found: Vec<TicketId> = Vec::new();
    for word in words.iter().flat_map(|w| w.split(',')).map(str::trim) {
        let id = meant(word)?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The card that a word names: `C-4`, `c-4` or `4`.
pub(crate) fn card_named(state: &State, word: &str) -> Result<CardId, Failure> {
    let wanted = word.trim();
    let digits = wanted.strip_prefix(['C', 'c']).map_or(wanted, |rest| rest.trim_start_matches('-'));
    let id = CardId::new(format!("C-{digits}"));
    if state.cards.contains_key(&id) {
        return Ok(id);
    }
    Err(Failure::of(Code::UnknownCard, format!("there is no card {wanted}"))
        .hint("`ganger inbox` lists what is waiting for you"))
}

fn meant<'a>(word: &str, ids: impl Iterator<Item = &'a TicketId> + Clone) -> Result<TicketId, Failure> {
    if let Some(id) = ids.clone().find(|id| id.as_str() == word) {
        return Ok(id.clone());
    }
    let folded: Vec<&TicketId> = ids.clone().filter(|id| id.as_str().eq_ignore_ascii_case(word)).collect();
    let by_number = || ids.clone().filter(|id| number(word).is_some_and(|n| number_of(id.as_str()) == Some(n)));
    let found = if folded.is_empty() { by_number().collect() } else { folded };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unknown(word, ids)),
        many => {
            let many: Vec<&str> = many.iter().map(|id| id.as_str()).collect();
            Err(Failure::usage(format!("`{word}` is ambiguous: it may be {}", listed(&many)))
                .hint("name the ticket by its whole id"))
        }
    }
}

fn unknown<'a>(word: &str, ids: impl Iterator<Item = &'a TicketId>) -> Failure {
    let id = match TicketId::parse(word) {
        Ok(id) => id,
        Err(e) => return Failure::usage(e.to_string()),
    };
    let close = text::closest_ids(word, ids.map(TicketId::as_str));
    let hint = match close.as_slice() {
        [] => "`ganger ticket list --all` shows all tickets".to_owned(),
        close => format!("did you mean {}?", listed(close)),
    };
    Failure::of(Code::UnknownTicket, format!("there is no ticket {id}")).hint(hint)
}

fn listed(ids: &[&str]) -> String {
    let shown: Vec<&str> = ids.iter().take(MANY).copied().collect();
    let more = if ids.len() > MANY { ", …" } else { "" };
    match shown.as_slice() {
        [first, second] => format!("{first} or {second}"),
        shown => format!("{}{more}", shown.join(", ")),
    }
}

/// A word that is a number, without leading zeros.
fn number(word: &str) -> Option<&str> {
    let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| word.trim_start_matches('0'))
}

/// The number at the end of an id.
fn number_of(id: &str) -> Option<&str> {
    number(&id[id.trim_end_matches(|c: char| c.is_ascii_digit()).len()..])
}

#[cfg(test)]
mod tests {
    use super::meant;
    use ganger_engine::TicketId;

    fn told(word: &str, ids: &[&str]) -> Result<String, (String, Option<String>)> {
        let ids: Vec<TicketId> = ids.iter().map(|id| TicketId::new(*id)).collect();
        meant(word, ids.iter()).map(|id| id.to_string()).map_err(|e| (e.message, e.hint))
    }

    #[test]
    fn ids_are_understood_by_number_and_in_any_case() {
        let ids = ["T-1", "T-12", "REQ-007", "DOCS"];
        for (word, id) in [("T-1", "T-1"), ("t-12", "T-12"), ("1", "T-1"), ("7", "REQ-007"), ("docs", "DOCS")] {
            assert_eq!(told(word, &ids).as_deref(), Ok(id), "{word}");
        }
        assert_eq!(told("1", &["T-1", "1"]).as_deref(), Ok("1"), "the exact id comes first");
    }

    #[test]
    fn a_word_for_two_tickets_is_refused_with_both() {
        let (message, _) = told("1", &["REQ-1", "T-1"]).unwrap_err();
        assert_eq!(message, "`1` is ambiguous: it may be REQ-1 or T-1");
        let (message, _) = told("aa", &["AA", "Aa"]).unwrap_err();
        assert_eq!(message, "`aa` is ambiguous: it may be AA or Aa");
    }

    #[test]
    fn an_unknown_id_is_told_with_its_neighbours() {
        let hint = |word| told(word, &["T-1", "DOCS"]).unwrap_err().1.unwrap();
        assert_eq!(hint("T1"), "did you mean T-1?");
        assert_eq!(hint("doc"), "did you mean DOCS?");
        assert_eq!(hint("T-2"), "`ganger ticket list --all` shows all tickets");
        assert_eq!(hint("REQ-5"), "`ganger ticket list --all` shows all tickets");
    }
}
