//! Requests of the runtime: settled by the rules, by what a person allowed before, or by a card.

use super::super::attempt::PATIENCE;
use super::Conversation;
use super::status::Seen;
use crate::agents::{Ask, AskKind, Control, Judgement, Verdict, judge};
use crate::protocol::ActivityKind;
use crate::text;
use ganger_engine::{Envelope, Input, Outcome, Wish};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Requests that wait for a person, by the runtime's own id.
#[derive(Default)]
pub(super) struct Asks {
    open: BTreeMap<String, Waiting>,
}

struct Waiting {
    since: Instant,
    shown: String,
}

impl Asks {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl Conversation<'_> {
    pub(super) async fn asked(&mut self, ask: Ask) {
        let judgement = judge(&self.agent, &ask);
        let shown = text::line(&format!("{} {}", ask.kind.name(), ask.subjects.join(" ")), 160);
        match judgement {
            Judgement::Allow => self.permit(ask.request, Verdict::Allow).await,
            Judgement::Deny(why) => {
                self.task.note(ActivityKind::Note, format!("denied: {shown} ({why})")).await;
                self.permit(ask.request, Verdict::Deny(why)).await;
            }
            Judgement::Ask => self.ask_person(ask, shown).await,
        }
    }

    async fn ask_person(&mut self, ask: Ask, shown: String) {
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let tool = ask.kind.name().to_owned();
        let wish = Wish { tool, subject: subject(&ask.subjects) };
        let (request, by) = (ask.request.clone(), ask.by);
        let input = Input::AskPermission { attempt, token, request, wish, by };
        let id = format!("~asked-{}-{}", self.task.offer.attempt, uuid::Uuid::now_v7());
        let asked = self.task.shared.client.ask(Envelope::new(id, "a permission is needed", input), PATIENCE).await;
        match asked {
            Ok(Outcome::Permitted) => {
                self.task.note(ActivityKind::Note, format!("allowed before: {shown}")).await;
                self.permit(ask.request, Verdict::Allow).await;
            }
            Ok(Outcome::Card { card, .. }) => {
                self.task.note(ActivityKind::Note, format!("asks for permission [{card}]: {shown}")).await;
                self.asks.open.insert(ask.request, Waiting { since: Instant::now(), shown });
                self.see(Seen::Waits(self.asks.open.len()), &format!("the runtime waits for the answer to {card}"))
                    .await;
            }
            other => {
                let why = format!("nobody could be asked: {other:?}");
                self.permit(ask.request, Verdict::Deny(text::line(&why, 300))).await;
            }
        }
    }

    /// A person's answer.
    pub(super) async fn settle(&mut self, verdict: ganger_engine::Verdict) {
        if let Some(waiting) = self.asks.open.remove(&verdict.request) {
            let (word, answer) = match verdict.denied {
                None => ("allowed", Verdict::Allow),
                Some(why) => {
                    if !self.can.reasons {
                        self.mail.remark(format!("A person denied your request ({}): {why}", waiting.shown));
                    }
                    ("denied", Verdict::Deny(why))
                }
            };
            self.task.note(ActivityKind::Note, format!("{word}: {}", waiting.shown)).await;
            self.permit(verdict.request.clone(), answer).await;
            self.goes_on("a person answered").await;
        }
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let id = format!("~settled-{attempt}-{}", uuid::Uuid::now_v7());
        let input = Input::PermissionSettled { attempt, token, request: verdict.request };
        // If it is lost, the plan asks again.
        let _lost = self.task.shared.client.tell(Envelope::new(id, "the runtime has its answer", input)).await;
    }

    /// The runtime does not wait any more.
    pub(super) async fn unasked(&mut self, request: String) {
        if self.asks.open.remove(&request).is_some() {
            self.lapsed(request, "the runtime does not wait for an answer any more").await;
            self.goes_on("the request is gone").await;
        }
    }

    /// What nobody answered in time is denied, and the agent goes on.
    pub(super) async fn deny_overdue(&mut self) {
        let limit = Duration::from_secs_f64(self.task.shared.project.config().limits.permission_minutes * 60.0);
        let overdue = self.asks.open.iter().filter(|(_, w)| w.since.elapsed() >= limit);
        let overdue: Vec<String> = overdue.map(|(request, _)| request.clone()).collect();
        for request in overdue {
            let Some(waiting) = self.asks.open.remove(&request) else { continue };
            let why = "nobody answered in time, so it is not allowed now. Find another way, or ask with `ask_user`";
            self.task.note(ActivityKind::Note, format!("denied, as nobody answered: {}", waiting.shown)).await;
            self.permit(request.clone(), Verdict::Deny(why.to_owned())).await;
            self.lapsed(request, "nobody answered in time, and it was denied").await;
            self.goes_on("the request was denied").await;
        }
    }

    /// No request outlives the turn that made it.
    pub(super) async fn drop_asks(&mut self) {
        for (request, _) in std::mem::take(&mut self.asks.open) {
            self.lapsed(request, "the turn that asked is over").await;
        }
    }

    async fn goes_on(&mut self, source: &str) {
        self.see(Seen::Waits(self.asks.open.len()), source).await;
        if self.asks.is_empty() {
            self.watch.alive();
            self.steer_waiting().await;
        }
    }

    async fn lapsed(&mut self, request: String, why: &str) {
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let id = format!("lapsed-{attempt}-{token}-{request}");
        let input = Input::PermissionLapsed { attempt, token, request, why: why.to_owned() };
        let _lost = self.task.shared.client.tell(Envelope::new(id, "a request lapsed", input)).await;
    }

    async fn permit(&mut self, request: String, verdict: Verdict) {
        let _gone = self.live.control.send(Control::Permit { request, verdict }).await;
    }
}

/// What a permit is compared by: two requests that differ anywhere are two.
fn subject(subjects: &[String]) -> String {
    let all = text::clean(&subjects.join(" "));
    let shown = text::cap(&all, 2_000);
    if shown == all { all } else { format!("{shown} [{}]", crate::digest::short(&[&all])) }
}

impl AskKind {
    /// As rules and people call it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Command => "command",
            Self::Edit => "edit",
            Self::Read => "read",
            Self::Fetch => "fetch",
            Self::Tool(name) => name,
        }
    }
}
