//! Texts that come while the session is at work: said at once where the runtime takes them, else when it is idle.
//! Never while it waits for a permission.

use super::prompt::{delivery_text, is_in_transcript};
use super::{Action, Control, Machine, Phase, SessionMessage, Setup};
use crate::mutant::mutant;
use crate::text::Clean;
use crate::{DecisionId, Delivery, DeliveryEvidence, DeliveryId, DeliveryKind, Input, Urgency, text};
use std::collections::{BTreeMap, BTreeSet};

/// Where each text is on its way into the session.
pub(super) struct Outbox {
    /// All that ever came: the plan sends each again until it is delivered.
    known: BTreeSet<DeliveryId>,
    /// To be said when the session is idle.
    waiting: Vec<Delivery>,
    /// Remarks of Ganger that are to be said with them.
    remarks: Vec<String>,
    /// Handed to the driver for the current turn.
    steering: BTreeMap<String, Delivery>,
    /// Likewise, remarks of Ganger.
    pub(super) steering_remarks: BTreeMap<String, String>,
    /// In the prompt that was sent last.
    prompted: Vec<DeliveryId>,
    /// Read by the runtime at the end of the next tool call.
    steered: Vec<DeliveryId>,
    /// In the session; the next thing that the model does proves that it has seen them.
    unseen: Vec<DeliveryId>,
    /// The current turn, from 1.
    pub(super) turn: u32,
    /// Reported as delivered: said again when the foreman asks again, for the first report may have been lost.
    reported: BTreeMap<DeliveryId, DeliveryEvidence>,
    /// The start was reported as over.
    started: bool,
    /// How it is known that what is said now was not said before.
    evidence: DeliveryEvidence,
}

impl Outbox {
    pub(super) fn new(setup: &Setup) -> Self {
        // A session that begins was told nothing yet.
        let is_new = setup.session.is_none();
        let evidence = if is_new { DeliveryEvidence::SentOnce } else { DeliveryEvidence::SentUnchecked };
        Self {
            known: setup.deliveries.iter().map(|delivery| delivery.id.clone()).collect(),
            waiting: Vec::new(),
            remarks: Vec::new(),
            steering: BTreeMap::new(),
            steering_remarks: BTreeMap::new(),
            prompted: Vec::new(),
            steered: Vec::new(),
            unseen: Vec::new(),
            turn: 0,
            reported: BTreeMap::new(),
            started: false,
            evidence,
        }
    }

    /// To be said when the session is idle.
    pub(super) fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    pub(super) fn first_prompt(&mut self, deliveries: &[Delivery]) {
        self.prompted = deliveries.iter().map(|delivery| delivery.id.clone()).collect();
    }

    /// Whatever waits, as one text for the next turn. Until the model has answered, the first prompt goes with it.
    pub(super) fn take_waiting(&mut self, answered: bool) -> Option<String> {
        self.waiting.extend(std::mem::take(&mut self.steering).into_values());
        self.remarks.extend(std::mem::take(&mut self.steering_remarks).into_values());
        let waiting = std::mem::take(&mut self.waiting);
        let remarks = std::mem::take(&mut self.remarks);
        let texts: Vec<String> = remarks.into_iter().chain(waiting.iter().map(delivery_text)).collect();
        if texts.is_empty() {
            return None;
        }
        if answered {
            self.prompted.clear();
        }
        self.prompted.extend(waiting.into_iter().map(|delivery| delivery.id));
        Some(texts.join("\n\n"))
    }
}

impl Machine {
    pub(super) fn handle_message(&mut self, message: SessionMessage) {
        let SessionMessage { delivery, spec, revision } = message;
        if let Some(evidence) = self.outbox.reported.get(&delivery.id).copied() {
            return self.report_delivered(vec![delivery.id], evidence);
        }
        let is_new = self.outbox.known.insert(delivery.id.clone());
        if !self.setup.capabilities.prompt_again || mutant!(MessageSaidTwice, !is_new, false) {
            return;
        }
        if delivery.kind == DeliveryKind::Revision {
            self.actions.push(Action::WriteMission { spec: Box::new(spec), revision });
        }
        let urgency = delivery.urgency;
        self.outbox.waiting.push(delivery);
        match urgency {
            Urgency::Idle => {}
            Urgency::Now => self.steer_waiting(),
            Urgency::Interrupt if self.phase == Phase::Turn => {
                self.interrupted_to_speak = true;
                self.note("interrupted by a person");
                self.stop_turn();
            }
            // There is no turn, and it is said with the next one.
            Urgency::Interrupt => {}
        }
    }

    /// Hands what is urgent to the current turn, where the runtime can take it.
    pub(super) fn steer_waiting(&mut self) {
        if !self.setup.capabilities.steer || !self.permissions.is_empty() || self.phase != Phase::Turn {
            return;
        }
        let waiting = std::mem::take(&mut self.outbox.waiting);
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|d| d.urgency == Urgency::Now);
        self.outbox.waiting = later;
        for delivery in now {
            let (id, text) = (delivery.id.to_string(), delivery_text(&delivery));
            self.outbox.steering.insert(id.clone(), delivery);
            self.control(Control::Steer { id, text: Clean::of(&text) });
        }
    }

    pub(super) fn steered(&mut self, id: &str) {
        self.outbox.steering_remarks.remove(id);
        let Some(delivery) = self.outbox.steering.remove(id) else { return };
        self.note(format!("told in the current turn: {}", text::line(&delivery.text, 200)));
        self.outbox.steered.push(delivery.id.clone());
        self.report_delivered(vec![delivery.id], self.outbox.evidence);
    }

    /// There was no turn that could take it: it is said when the session is idle, and after it.
    pub(super) fn not_steered(&mut self, id: &str) {
        self.outbox.waiting.extend(self.outbox.steering.remove(id));
        if let Some(remark) = self.outbox.steering_remarks.remove(id) {
            self.outbox.remark(remark);
        }
    }

    /// The prompt went in: the texts of the offer with the first one, later ones with theirs.
    pub(super) fn prompted(&mut self) {
        if self.outbox.turn == 0 {
            return;
        }
        if !std::mem::replace(&mut self.outbox.started, true) {
            self.actions.push(Action::Prompted);
        }
        let delivered = std::mem::take(&mut self.outbox.prompted);
        if !delivered.is_empty() {
            self.outbox.unseen.extend(delivered.iter().cloned());
            self.report_delivered(delivered, self.outbox.evidence);
        }
    }

    /// What an earlier attempt said and did not live to report is not said again.
    pub(super) fn handle_transcript(&mut self, texts: &[String]) {
        // An empty one is no transcript: the session was told its mission. After the first prompt it comes too late.
        if texts.is_empty() || self.outbox.turn > 0 {
            return;
        }
        let deliveries = std::mem::take(&mut self.setup.deliveries);
        let (before, fresh): (Vec<_>, _) = deliveries.into_iter().partition(|d| is_in_transcript(d, texts));
        self.setup.deliveries = fresh;
        self.outbox.evidence = DeliveryEvidence::SentOnce;
        if !before.is_empty() {
            let before: Vec<DeliveryId> = before.into_iter().map(|d| d.id).collect();
            self.outbox.unseen.extend(before.iter().cloned());
            self.report_delivered(before, DeliveryEvidence::FoundInTranscript);
        }
    }

    fn report_delivered(&mut self, deliveries: Vec<DeliveryId>, evidence: DeliveryEvidence) {
        self.outbox.reported.extend(deliveries.iter().map(|id| (id.clone(), evidence)));
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let names: Vec<&str> = deliveries.iter().map(DeliveryId::as_str).collect();
        let id = format!("delivered-{attempt}-{token}-{}", names.join("-"));
        self.tell(id, "a text went in", Input::Delivered { attempt, token, deliveries, evidence });
    }

    /// What was steered in is read at the next boundary between tool calls.
    pub(super) fn at_tool_boundary(&mut self) {
        let steered = std::mem::take(&mut self.outbox.steered);
        self.outbox.unseen.extend(steered);
    }

    /// The model answers: it has seen everything that was in its request.
    pub(super) fn model_acted(&mut self, how: &str) {
        self.answered |= self.setup.capabilities.remembers_interrupted;
        if self.outbox.unseen.is_empty() {
            return;
        }
        let deliveries = std::mem::take(&mut self.outbox.unseen);
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let evidence = format!("turn {} of {attempt}: {how}", self.outbox.turn);
        let id = DecisionId::unkeyed(format!("seen-{attempt}-{token}-{}", self.next_question()));
        self.tell(id, "the model has seen it", Input::Seen { attempt, token, deliveries, evidence });
    }
}
