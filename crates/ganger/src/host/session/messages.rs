//! Texts that come while the session is at work: said at once where the runtime takes them, else when it is idle.
//! Never while it waits for a permission.

use super::super::attempt::PATIENCE;
use super::Conversation;
use crate::agents::Control;
use crate::host::mission::{mark_of, shown};
use crate::host::mission_text;
use crate::os::crash;
use crate::protocol::ActivityKind;
use crate::text;
use ganger_engine::{
    DecisionId, Delivery, DeliveryEvidence, DeliveryId, DeliveryKind, Envelope, Input, SessionId, SessionText, Urgency,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where each text is on its way into the session.
#[derive(Default)]
pub(super) struct Mail {
    /// All that ever came: the plan asks again until one is delivered.
    known: BTreeSet<DeliveryId>,
    /// To be said when the session is idle.
    waiting: Vec<Delivery>,
    /// Words of ours that are to be said with them.
    remarks: Vec<String>,
    /// Handed to the driver for the turn that runs.
    steering: BTreeMap<String, Delivery>,
    /// In the prompt that was sent last.
    said: Vec<DeliveryId>,
    /// Read by the runtime at the end of the next tool call.
    steered: Vec<DeliveryId>,
    /// In the session; the next thing that the model does proves that it has seen them.
    unseen: Vec<DeliveryId>,
    turn: u32,
    /// How what is said now comes into the session.
    told: DeliveryEvidence,
}

impl Mail {
    /// A session that begins was told nothing yet.
    pub(super) fn of(session: Option<&SessionId>) -> Self {
        Self {
            told: if session.is_none() { DeliveryEvidence::SentOnce } else { DeliveryEvidence::SentUnchecked },
            ..Self::default()
        }
    }

    /// To be said when the session is idle.
    pub(super) fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }
}

impl Conversation<'_> {
    pub(super) async fn news(&mut self, news: SessionText) {
        let delivery = news.delivery;
        if !self.can.prompt_again || !self.mail.known.insert(delivery.id.clone()) {
            return;
        }
        if delivery.kind == DeliveryKind::Revision {
            (self.task.offer.spec, self.task.offer.revision) = (news.spec, news.revision);
            self.write_mission().await;
        }
        let urgency = delivery.urgency;
        self.mail.waiting.push(delivery);
        match urgency {
            Urgency::Idle => {}
            Urgency::Now => self.steer_waiting().await,
            Urgency::Interrupt => {
                self.told_to_stop = true;
                self.task.note(ActivityKind::Note, "interrupted by a person".to_owned()).await;
                self.stop_turn().await;
            }
        }
    }

    async fn write_mission(&mut self) {
        let offer = &self.task.offer;
        let config = self.task.shared.project.config();
        let mission = mission_text(config, &self.ready.worktree, &offer.ticket, &offer.spec, offer.revision);
        if let Err(e) = self.ready.write_own_file("MISSION.md", &mission) {
            self.task.note(ActivityKind::Note, format!("MISSION.md could not be written: {e}")).await;
        }
    }

    /// Hands what is urgent to the turn that runs, where the runtime can take it.
    pub(super) async fn steer_waiting(&mut self) {
        if !self.can.steer || !self.asks.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.mail.waiting);
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|d| d.urgency == Urgency::Now);
        self.mail.waiting = later;
        for delivery in now {
            let (id, text) = (delivery.id.to_string(), shown(&delivery));
            self.mail.steering.insert(id.clone(), delivery);
            let _gone = self.live.control.send(Control::Steer { id, text }).await;
        }
    }

    pub(super) async fn steered(&mut self, id: &str) {
        let Some(delivery) = self.mail.steering.remove(id) else { return };
        self.task
            .note(ActivityKind::Note, format!("told in the running turn: {}", text::line(&delivery.text, 200)))
            .await;
        self.mail.steered.push(delivery.id.clone());
        self.tell_delivered(vec![delivery.id], self.mail.told).await;
    }

    /// There was no turn that could take it: it is said when the session is idle, and after it.
    pub(super) fn not_steered(&mut self, id: &str) {
        self.mail.waiting.extend(self.mail.steering.remove(id));
    }

    /// Whatever waits, as one text for the next turn.
    pub(super) fn take_waiting(&mut self) -> Option<String> {
        self.mail.waiting.extend(std::mem::take(&mut self.mail.steering).into_values());
        let waiting = std::mem::take(&mut self.mail.waiting);
        self.mail.said = waiting.iter().map(|d| d.id.clone()).collect();
        let remarks = std::mem::take(&mut self.mail.remarks);
        let texts: Vec<String> = remarks.into_iter().chain(waiting.iter().map(shown)).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }

    /// The prompt went in: the texts of the offer with the first one, later ones with theirs.
    pub(super) async fn prompted(&mut self) {
        self.task.starting = None;
        self.mail.turn += 1;
        let mut delivered = std::mem::take(&mut self.mail.said);
        if self.mail.turn == 1 {
            delivered.extend(self.task.offer.deliveries.iter().map(|d| d.id.clone()));
        }
        crash::point("prompted");
        if !delivered.is_empty() {
            self.mail.unseen.extend(delivered.iter().cloned());
            self.tell_delivered(delivered, self.mail.told).await;
        }
    }

    /// What an earlier attempt said and did not live to tell is not said again.
    pub(super) async fn recalled(&mut self, texts: &[String]) {
        if texts.is_empty() {
            // It was told its mission: this is no transcript.
            return;
        }
        let known = |d: &Delivery| {
            let mark = mark_of(&d.id);
            texts.iter().flat_map(|text| text.lines()).any(|line| line.starts_with(&mark))
        };
        let (before, fresh): (Vec<_>, _) = std::mem::take(&mut self.task.offer.deliveries).into_iter().partition(known);
        self.task.offer.deliveries = fresh;
        self.mail.told = DeliveryEvidence::SentOnce;
        if !before.is_empty() {
            let before: Vec<DeliveryId> = before.into_iter().map(|d| d.id).collect();
            self.mail.unseen.extend(before.iter().cloned());
            self.tell_delivered(before, DeliveryEvidence::FoundInTranscript).await;
        }
    }

    async fn tell_delivered(&mut self, deliveries: Vec<DeliveryId>, told: DeliveryEvidence) {
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let names: Vec<&str> = deliveries.iter().map(DeliveryId::as_str).collect();
        let id = format!("delivered-{attempt}-{token}-{}", names.join("-"));
        let input = Input::Delivered { attempt, token, deliveries, evidence: told };
        let _stale = self.task.shared.client.ask(Envelope::new(id, "a text went in", input), PATIENCE).await;
    }

    /// What was steered in is read at the next boundary between tool calls.
    pub(super) fn at_tool_boundary(&mut self) {
        let steered = std::mem::take(&mut self.mail.steered);
        self.mail.unseen.extend(steered);
    }

    /// The model answers: it has seen everything that was in its request.
    pub(super) async fn model_acted(&mut self, how: &str) {
        self.answered = true;
        if self.mail.unseen.is_empty() {
            return;
        }
        let deliveries = std::mem::take(&mut self.mail.unseen);
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let evidence = format!("turn {} of {attempt}: {how}", self.mail.turn);
        let id = DecisionId::unkeyed(format!("seen-{attempt}-{}", uuid::Uuid::now_v7()));
        let input = Input::Seen { attempt, token, deliveries, evidence };
        let _lost = self.task.shared.client.tell(Envelope::new(id, "the model has seen it", input)).await;
    }
}
