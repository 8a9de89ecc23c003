//! What happened to one ticket, read from the journal: the state holds what decisions need, not what scrolls away.

use super::open::read_only;
use crate::failure::Failure;
use crate::protocol::JOURNAL;
use ganger_bus::Bus;
use ganger_engine::{Assumption, Card, Event, Evidence, Note, Record, TicketId};
use std::sync::Arc;

/// Journal messages read at once.
const PAGE: usize = 1_000;

/// The history of one ticket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) cards: Vec<PastCard>,
    pub(crate) notes: Vec<Note>,
    pub(crate) assumptions: Vec<Assumption>,
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

/// Reads the history of a ticket from the journal. Only batches that name the ticket, or a card of it, are decoded.
pub(crate) async fn history(bus: &Arc<dyn Bus>, ticket: &TicketId) -> Result<History, Failure> {
    let mut history = History::default();
    let mut names = vec![format!("\"{ticket}\"")];
    let mut next = bus.info(JOURNAL).await?.first_sequence;
    loop {
        let page = bus.read(JOURNAL, next, ">", PAGE).await?;
        let Some(last) = page.last() else { return Ok(history) };
        next = last.sequence + 1;
        for message in &page {
            let text = String::from_utf8_lossy(&message.payload);
            if !names.iter().any(|name| text.contains(name.as_str())) {
                continue;
            }
            let records = Record::decode_batch(&message.payload, 0).map_err(|e| read_only(&e.to_string()))?;
            for record in records {
                record.events.into_iter().for_each(|event| history.add(ticket, record.now, event, &mut names));
            }
        }
    }
}

impl History {
    fn add(&mut self, wanted: &TicketId, at: u64, event: Event, names: &mut Vec<String>) {
        match event {
            Event::EvidenceRecorded { evidence } if &evidence.ticket == wanted => self.evidence.push(evidence),
            Event::TicketNoted { ticket, text, by } if &ticket == wanted => self.notes.push(Note { text, by, at }),
            Event::AssumptionLogged { ticket, assumption } if &ticket == wanted => self.assumptions.push(assumption),
            Event::CardOpened { card, .. } if &card.ticket == wanted => {
                names.push(format!("\"{}\"", card.id));
                self.cards.push(PastCard { card, answer: None });
            }
            Event::CardAnswered { card, answer, by } => {
                if let Some(past) = self.cards.iter_mut().find(|past| past.card.id == card) {
                    past.answer = Some(Answered { by, answer: answer.to_string() });
                }
            }
            _ => {}
        }
    }
}
