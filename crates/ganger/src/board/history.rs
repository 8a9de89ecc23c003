//! What happened to one ticket, read from the journal: the state holds what decisions need, not what scrolls away.

use super::open::{Board, read_only};
use crate::failure::Failure;
use crate::os;
use crate::wire::JOURNAL;
use ganger_bus::Message;
use ganger_engine::{AttemptId, AttemptOutcome, Card, Event, Evidence, Note, Record, TicketId};

/// Journal messages read at once.
const PAGE: usize = 1_000;

/// The history of one ticket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) cards: Vec<PastCard>,
    pub(crate) notes: Vec<Note>,
    pub(crate) failures: Vec<FailedAttempt>,
}

/// An attempt that did not come to its own end.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) attempt: AttemptId,
    pub(crate) at: u64,
    /// The word of its class; `lost` when its host fell silent.
    pub(crate) class: &'static str,
    pub(crate) message: String,
}

/// A card with its answer, where it got one.
#[derive(Debug)]
pub(crate) struct PastCard {
    pub(crate) card: Card,
    pub(crate) answer: Option<Answered>,
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) by: String,
    pub(crate) answer: String,
}

impl Board {
    /// Reads the history of a ticket from the journal: the messages that the tables name, or, without tables, all.
    pub(crate) async fn history(&self, ticket: &TicketId) -> Result<History, Failure> {
        let names = vec![format!("\"{ticket}\""), format!("\"{ticket}-a")];
        let mut reading = Reading { ticket, names, history: History::default() };
        if let Some((tables, last)) = self.tables().await?
            && let Ok(Some(sequences)) = os::block_in_place(|| tables.history(last, ticket))
        {
            for sequence in sequences {
                reading.add(self.bus.read(JOURNAL, sequence, ">", 1).await?.first())?;
            }
            return Ok(reading.history);
        }
        let mut next = self.bus.info(JOURNAL).await?.first_sequence;
        loop {
            let page = self.bus.read(JOURNAL, next, ">", PAGE).await?;
            let Some(last) = page.last() else { return Ok(reading.history) };
            next = last.sequence + 1;
            page.iter().try_for_each(|message| reading.add(Some(message)))?;
        }
    }
}

/// A history while it is read.
struct Reading<'a> {
    ticket: &'a TicketId,
    /// The ticket, its attempts and its cards, as they stand in the journal.
    names: Vec<String>,
    history: History,
}

impl Reading<'_> {
    /// Only batches that name the ticket, or a card of it, are decoded.
    fn add(&mut self, message: Option<&Message>) -> Result<(), Failure> {
        let Some(message) = message else { return Ok(()) };
        let text = String::from_utf8_lossy(&message.payload);
        if !self.names.iter().any(|name| text.contains(name.as_str())) {
            return Ok(());
        }
        let records = Record::decode_batch(&message.payload, 0).map_err(|e| read_only(&e.to_string()))?;
        for record in records {
            for event in record.events {
                self.history.add(self.ticket, record.now, event, &mut self.names);
            }
        }
        Ok(())
    }
}

impl History {
    fn add(&mut self, wanted: &TicketId, at: u64, event: Event, names: &mut Vec<String>) {
        match event {
            Event::EvidenceRecorded { evidence } if &evidence.ticket == wanted => self.evidence.push(evidence),
            Event::TicketNoted { ticket, text, by } if &ticket == wanted => self.notes.push(Note { text, by, at }),
            Event::CardOpened { card, .. } if &card.ticket == wanted => {
                names.push(format!("\"{}\"", card.id));
                self.cards.push(PastCard { card, answer: None });
            }
            Event::CardAnswered { card, answer, by } => {
                if let Some(past) = self.cards.iter_mut().find(|past| past.card.id == card) {
                    past.answer = Some(Answered { by, answer: answer.to_string() });
                }
            }
            Event::AttemptEnded { attempt, outcome: AttemptOutcome::Failed { class, message, .. }, .. }
                if &ticket_of_attempt(&attempt) == wanted =>
            {
                self.failures.push(FailedAttempt { attempt, at, class: class.as_str(), message });
            }
            Event::AttemptLost { attempt, why: message, .. } if &ticket_of_attempt(&attempt) == wanted => {
                self.failures.push(FailedAttempt { attempt, at, class: "lost", message });
            }
            _ => {}
        }
    }
}

/// `T-7-a2` → `T-7`. Ended attempts are gone from the state, but their id begins with the ticket's.
pub(crate) fn ticket_of_attempt(attempt: &AttemptId) -> TicketId {
    let id = attempt.as_str();
    TicketId::new(id.rsplit_once("-a").map_or(id, |(ticket, _)| ticket))
}
