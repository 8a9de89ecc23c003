//! What reviewers and checks said, by books of their own: nothing is accepted that a reviewer sent back, no plan becomes
//! tickets that nobody approved, and no ticket starts about which a person is still to be asked.

use ganger_engine::{
    CallResult, CardAnswer, CardKind, CardOption, Commit, Event, Kind, Phase, Record, Review, State, TicketId,
};
use std::collections::{BTreeMap, BTreeSet};

/// The books.
#[derive(Default)]
pub(crate) struct Judgements {
    /// What reviewers said of a commit of a ticket, each once.
    verdicts: BTreeMap<(TicketId, Commit), Vec<bool>>,
    /// Goals whose plan a person approved, and that did not go back since.
    approved: BTreeSet<TicketId>,
    /// Tickets of plans that no person has let in yet.
    undecided: BTreeSet<TicketId>,
}

impl Judgements {
    /// A fact.
    ///
    /// # Errors
    /// With what must not be.
    pub(crate) fn fact(&mut self, before: &State, record: &Record, event: &Event) -> Result<(), String> {
        match event {
            Event::CallEnded { ticket, result: CallResult::Success { output, .. } } => {
                self.verdict(before, ticket, output)
            }
            Event::TicketAdded { ticket, spec, .. } if spec.kind == Kind::Review => {
                let of = spec.parent.as_ref().and_then(|of| before.tickets.get(of));
                let agent = spec.agent.as_deref().unwrap_or_default();
                if of.is_some_and(|of| of.sessions.contains_key(agent)) {
                    return Err(format!("invariant 5: {ticket} asks {agent} to review its own work"));
                }
                Ok(())
            }
            Event::TicketAccepted { ticket, commit } => self.accepted(before, record, ticket, commit),
            Event::EntryTaken { ticket, entry, .. } => reviewed_when_taken(before, record, ticket, entry),
            Event::StageApproved { ticket, .. } => {
                self.approved.insert(ticket.clone());
                Ok(())
            }
            Event::StageReturned { ticket, .. } => {
                self.approved.remove(ticket);
                Ok(())
            }
            Event::GoalExpanded { unapproved, .. } if !unapproved.is_empty() => {
                self.undecided.extend(unapproved.iter().cloned());
                Ok(())
            }
            Event::CardAnswered { card, answer, .. } if answer != &CardAnswer::Option(CardOption::No) => {
                let about = before.cards.get(card).filter(|card| card.kind == CardKind::Proposal);
                about.map(|card| self.undecided.remove(&card.ticket));
                Ok(())
            }
            // A person wants it after all, when nobody is left to ask.
            Event::TicketReopened { ticket, .. } => {
                let of = before.tickets.get(ticket).and_then(|t| before.tickets.get(t.spec.parent.as_ref()?));
                if of.is_some_and(|goal| goal.phase == Phase::Done) {
                    self.undecided.remove(ticket);
                }
                Ok(())
            }
            Event::AttemptOffered { ticket, .. } if self.undecided.contains(ticket) => {
                Err(format!("invariant 6: {ticket} of a plan starts, and no person was asked about it"))
            }
            Event::GoalExpanded { ticket, .. } if !self.approved.contains(ticket) => {
                Err(format!("invariant 6: the plan of {ticket} becomes tickets, and no person approved it"))
            }
            _ => Ok(()),
        }
    }

    fn verdict(&mut self, before: &State, review: &TicketId, output: &serde_json::Value) -> Result<(), String> {
        let Some(spec) = before.tickets.get(review).map(|t| &t.spec).filter(|s| s.kind == Kind::Review) else {
            return Ok(());
        };
        let commit = spec.call.as_ref().and_then(|call| call.snapshot.clone());
        let (Some(of), Some(commit)) = (spec.parent.clone(), commit) else {
            return Err(format!("{review} reviews no commit"));
        };
        let passes = output.get("verdict").and_then(|v| v.as_str()) == Some("PASS");
        self.verdicts.entry((of, commit)).or_default().push(passes);
        Ok(())
    }

    /// 5: accepted is what the policy's reviewers passed, or a person approved.
    fn accepted(&self, before: &State, record: &Record, ticket: &TicketId, commit: &Commit) -> Result<(), String> {
        let says_so =
            |e: &Event| matches!(e, Event::ApprovedByPerson { ticket: t, commit: c, .. } if t == ticket && c == commit);
        let approved = record.events.iter().any(says_so)
            || before.tickets.get(ticket).is_some_and(|t| t.approved_by_person.as_ref() == Some(commit));
        let said = self.verdicts.get(&(ticket.clone(), commit.clone()));
        // What was said last counts: a finding may have been disputed since.
        let passed = said.and_then(|said| said.last()).is_some_and(|passes| *passes);
        // A person looks at an entry beside the others, when one is taken.
        let is_entry = before.tickets.get(ticket).is_some_and(|t| t.spec.kind == Kind::Entry);
        let holds = match before.policy.review {
            Review::Off => true,
            Review::Person if is_entry => true,
            Review::AgentAndPerson if is_entry => approved || passed,
            Review::Person | Review::AgentAndPerson => approved,
            Review::Agent => approved || passed,
        };
        if holds {
            return Ok(());
        }
        Err(format!("invariant 5: {ticket} is accepted at {commit} without the review that the policy asks for"))
    }
}

/// 5: where the policy asks for a person's review, a person takes the entry.
fn reviewed_when_taken(before: &State, record: &Record, contest: &TicketId, entry: &TicketId) -> Result<(), String> {
    let commit = before.tickets.get(entry).and_then(|t| t.accepted.as_ref());
    let approves = |e: &Event| matches!(e, Event::ApprovedByPerson { ticket, commit: c, .. } if ticket == contest && Some(c) == commit);
    let asks = matches!(before.policy.review, Review::Person | Review::AgentAndPerson);
    if !asks || record.events.iter().any(approves) {
        return Ok(());
    }
    Err(format!("invariant 5: {entry} is taken for {contest}, and no person looked at it"))
}
