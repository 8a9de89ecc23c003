//! What occurred in a run: each fact of the journal by the phase of its ticket, each fault, and each variant of what
//! machines are told and answer.

use crate::fault::Fault;
use crate::legal::{Pair, pair, pairs, shown};
use crate::variants::{Named, possible};
use ganger_engine::{AttemptOutcome, CallResult, CardAnswer, CardKind, Event, Input, MailStatus, RoutingReason, State};
use std::collections::BTreeMap;

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pairs: BTreeMap<Pair, u64>,
    faults: BTreeMap<Fault, u64>,
    variants: BTreeMap<&'static str, u64>,
}

impl Coverage {
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_insert(0) += 1;
    }

    pub(crate) fn saw(&mut self, value: &impl Named) {
        *self.variants.entry(value.name()).or_insert(0) += 1;
    }

    /// An input, with what is in it.
    pub(crate) fn input(&mut self, input: &Input) {
        self.saw(input);
        match input {
            Input::AttemptEnded { end, .. } => {
                self.saw(&end.outcome);
                if let AttemptOutcome::Failed { class, .. } = &end.outcome {
                    self.saw(class);
                }
                end.hazards.iter().for_each(|hazard| self.saw(hazard));
            }
            Input::Answer(answer) => {
                self.saw(&answer.answer);
                if let CardAnswer::Option(option) = &answer.answer {
                    self.saw(option);
                }
            }
            _ => {}
        }
    }

    /// A fact, with what is in it.
    fn fact(&mut self, event: &Event) {
        match event {
            Event::CardOpened { card, .. } => {
                self.saw(&card.kind);
                match &card.kind {
                    CardKind::Approval { why, .. } => self.saw(why),
                    CardKind::Escalation { why } => self.saw(why),
                    CardKind::Notice { why } => self.saw(why),
                    CardKind::Surfacing { why } => self.saw(why),
                    CardKind::Question { .. }
                    | CardKind::Permission { .. }
                    | CardKind::Stage { .. }
                    | CardKind::Contest { .. }
                    | CardKind::Orphaned { .. }
                    | CardKind::Proposal => {}
                }
            }
            Event::TicketRouted { routing, .. } => {
                self.saw(&routing.why);
                if let RoutingReason::Match { matches, .. } = &routing.why {
                    matches.iter().for_each(|found| self.saw(found));
                }
            }
            Event::PolicySet { policy } => self.saw(&policy.surfacing.mode),
            Event::AssumptionLogged { assumption, .. } => self.saw(&assumption.impact),
            Event::AssumptionSettled(settled) => self.saw(&settled.status),
            Event::DirectionAdded(directive) => self.saw(&directive.kind),
            Event::PermitGranted { permit, .. } => self.saw(&permit.scope),
            Event::DeliveryQueued { delivery, .. } => {
                self.saw(&delivery.kind);
                self.saw(&delivery.urgency);
            }
            Event::Delivered { evidence, .. } => self.saw(evidence),
            Event::CallEnded { result, .. } => self.saw(result),
            Event::MailSent { mail, .. } => mail.copies.iter().for_each(|copy| self.saw(&copy.status())),
            Event::MailRead { .. } => self.saw(&MailStatus::Read),
            Event::AttemptEnded { counts, .. } => self.saw(counts),
            _ => {}
        }
    }

    /// Why a call has no output, as its caller is told.
    fn answer(&mut self, before: &State, event: &Event) {
        let Event::CallsReturned { calls, .. } = event else { return };
        for call in calls {
            let result = before.tickets.get(call).and_then(|call| call.calls.result.as_ref());
            if let Some(CallResult::Failure { error, .. }) = result {
                self.saw(error);
            }
        }
    }

    /// A fact, by the state before it.
    ///
    /// # Errors
    /// When its ticket is in a phase in which it cannot be.
    pub(crate) fn event(&mut self, before: &State, event: &Event) -> Result<(), String> {
        self.fact(event);
        self.answer(before, event);
        *self.pairs.entry(pair(before, event)?).or_insert(0) += 1;
        Ok(())
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: &Self) {
        fn add<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            from.iter().for_each(|(key, n)| *to.entry(*key).or_insert(0) += n);
        }
        add(&mut self.pairs, &other.pairs);
        add(&mut self.faults, &other.faults);
        add(&mut self.variants, &other.variants);
    }

    /// What can occur and never did.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let unseen = pairs().filter(|pair| !self.pairs.contains_key(pair)).map(pair_line);
        let faults = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault)).map(|f| fault_line(*f));
        let variants = possible().filter(|name| !self.variants.contains_key(name)).map(variant_line);
        unseen.chain(faults).chain(variants).collect()
    }

    /// Everything, rarest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let seen = self.pairs.iter().map(|(pair, n)| (*n, pair_line(*pair)));
        let faults = self.faults.iter().map(|(fault, n)| (*n, fault_line(*fault)));
        let variants = self.variants.iter().map(|(name, n)| (*n, variant_line(name)));
        let mut all: Vec<(u64, String)> = seen.chain(faults).chain(variants).collect();
        all.sort();
        all.into_iter().map(|(n, line)| format!("{n:>9} {line}")).collect()
    }
}

fn pair_line((name, phase): Pair) -> String {
    format!("fact    {:<9} {name}", shown(phase))
}

fn fault_line(fault: Fault) -> String {
    format!("fault   {}", fault.name())
}

fn variant_line(name: &str) -> String {
    format!("variant {name}")
}
