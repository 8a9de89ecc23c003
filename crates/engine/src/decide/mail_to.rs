//! Who a mail goes to: tickets, agents by the tickets on which they work, the person, everybody at work.

use super::mail::refused;
use crate::text::{closest, name};
use crate::{Author, Mail, NewMail, RejectCode, Rejected, State, Ticket, TicketId};
use std::collections::BTreeSet;

/// A mail goes to no more tickets.
const MOST_READERS: usize = 50;
/// Who keeps the books of what agents take for granted, and how that is said.
const CHIEF: &str = "chief-of-staff";
const ASSUMPTION: &str = "assumption made";
/// Words for the person, and for everybody at work.
const PERSON: [&str; 2] = ["you", "person"];
const EVERYBODY: [&str; 2] = ["all", "broadcast"];

#[derive(Default)]
pub(super) struct Readers {
    pub(super) tickets: BTreeSet<TicketId>,
    pub(super) person: bool,
    /// It is journaled as an assumption.
    pub(super) assumption: bool,
}

impl Readers {
    pub(super) fn is_empty(&self) -> bool {
        self.tickets.is_empty() && !self.person
    }

    /// Tickets, and nothing for the person.
    pub(super) fn all(&self) -> impl Iterator<Item = Option<&TicketId>> {
        self.tickets.iter().map(Some).chain(self.person.then_some(None))
    }

    fn add(&mut self, state: &State, from: &Author, word: &str, subject: &str) -> Result<(), Rejected> {
        let word = word.trim();
        let is = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        let is_chief = is(&[CHIEF]) || word.rsplit('/').next() == Some(CHIEF);
        if is(&PERSON) {
            if from.ticket.is_none() {
                return Err(refused("a person writes to agents: name a ticket, an agent, or `all`"));
            }
            self.person = true;
        } else if is_chief && subject.trim().eq_ignore_ascii_case(ASSUMPTION) && from.ticket.is_some() {
            self.assumption = true;
        } else if is(&EVERYBODY) {
            let at_work = |t: &Ticket| t.attempts > 0 || t.live.is_some();
            self.tickets.extend(others(state, from).filter(|(_, t)| at_work(t)).map(|(id, _)| id.clone()));
            if self.is_empty() {
                return Err(refused("nobody else is at work"));
            }
        } else if let Some(id) = ticket_of(state, word) {
            if Some(id) == from.ticket.as_ref() {
                return Err(refused(format!("{id} is your own ticket"))
                    .hint("`ticket_note` leaves a remark for people; `you` writes to the person"));
            }
            if let Some(whole) = state.tickets.get(id).filter(|t| t.is_delegated()) {
                return Err(refused(format!("{id} is a {}: no agent works on it", whole.spec.kind.as_str()))
                    .hint("write to one of its tickets: `ticket_list` and `ganger status` show them"));
            }
            self.tickets.insert(id.clone());
        } else {
            self.add_agent(state, from, word)?;
        }
        Ok(())
    }

    /// Every ticket on which an agent works, or will.
    fn add_agent(&mut self, state: &State, from: &Author, word: &str) -> Result<(), Rejected> {
        let agent = agent_of(state, word).ok_or_else(|| unknown(state, word))?;
        let runs = |t: &Ticket| t.live.as_ref().and_then(|a| state.attempts.get(a)).is_some_and(|a| a.agent == agent);
        let works = |t: &Ticket| state.agent_of(t) == agent || runs(t);
        let theirs: Vec<TicketId> = others(state, from).filter(|(_, t)| works(t)).map(|(id, _)| id.clone()).collect();
        if theirs.is_empty() {
            return Err(refused(format!("`{agent}` has no open ticket now: nobody would read it"))
                .hint("write to a ticket, or to `you`, the person"));
        }
        self.tickets.extend(theirs);
        Ok(())
    }
}

/// Tickets that are not over and have an agent, the sender's own aside.
fn others<'a>(state: &'a State, from: &Author) -> impl Iterator<Item = (&'a TicketId, &'a Ticket)> {
    let own = from.ticket.clone();
    let is_read = |ticket: &Ticket| !ticket.phase.is_over() && !ticket.is_delegated();
    state.tickets.iter().filter(move |(id, ticket)| own.as_ref() != Some(*id) && is_read(ticket))
}

fn ticket_of<'a>(state: &'a State, word: &str) -> Option<&'a TicketId> {
    let exact = state.tickets.get_key_value(&TicketId::new(word)).map(|(id, _)| id);
    exact.or_else(|| {
        let mut alike = state.tickets.keys().filter(|id| id.as_str().eq_ignore_ascii_case(word));
        alike.next().filter(|_| alike.next().is_none())
    })
}

/// By its whole name, or by the last part of it where only one has that.
fn agent_of<'a>(state: &'a State, word: &str) -> Option<&'a str> {
    let agents = || state.policy.agents.keys().map(String::as_str);
    let mut ending = agents().filter(|agent| agent.rsplit('/').next() == Some(word));
    agents().find(|agent| *agent == word).or_else(|| ending.next().filter(|_| ending.next().is_none()))
}

fn unknown(state: &State, word: &str) -> Rejected {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let tickets = state.tickets.keys().map(TicketId::as_str);
    let agents =
        state.policy.agents.keys().flat_map(|agent| [agent.as_str(), agent.rsplit('/').next().unwrap_or(agent)]);
    let words = PERSON.into_iter().chain(EVERYBODY).chain([CHIEF]);
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let alike = state.tickets.keys().map(TicketId::as_str).find(|id| plain(id) == plain(word));
    // Another number is another ticket, and no slip.
    let known = tickets.chain(agents).chain(words).filter(|known| digits(known) == digits(word));
    let meant =
        alike.or_else(|| closest(word, known)).map(|meant| format!(" Did you mean `{meant}`?")).unwrap_or_default();
    let message = format!("there is no ticket or agent `{}`.{meant}", name(word));
    Rejected::new(RejectCode::UnknownRecipient, message)
        .hint("mail goes to a ticket such as T-3, to an agent, to `you` (the person), or to `all`")
}

/// Who should read a mail: those that it names, or, for an answer that names nobody, whoever is answered.
pub(super) fn readers(
    state: &State,
    from: &Author,
    new: &NewMail,
    answered: Option<&Mail>,
) -> Result<Readers, Rejected> {
    let mut readers = Readers::default();
    for word in &new.to {
        readers.add(state, from, word, &new.subject)?;
    }
    if let (true, Some(mail)) = (new.to.is_empty(), answered) {
        let own = mail.from.ticket == from.ticket;
        let wrote = (!own).then_some(mail.from.ticket.as_ref());
        let got = mail.copies.iter().map(|copy| copy.to.as_ref()).filter(|_| own);
        for reader in wrote.into_iter().chain(got) {
            match reader {
                Some(ticket) => drop(readers.tickets.insert(ticket.clone())),
                None => readers.person = from.ticket.is_some(),
            }
        }
    }
    if readers.is_empty() && !readers.assumption {
        return Err(refused("it names nobody in `to`")
            .hint("mail goes to a ticket such as T-3, to an agent, to `you` (the person), or to `all`"));
    }
    if readers.tickets.len() > MOST_READERS {
        return Err(refused(format!("it goes to {} tickets, and {MOST_READERS} are allowed", readers.tickets.len())));
    }
    Ok(readers)
}
