//! Requests of the runtime: settled by the rules, by what a person allowed before, or by a card.

use super::super::attempt::PATIENCE;
use super::Conversation;
use super::status::Seen;
use crate::agents::{Ask, AskKind, Control, Judgement, Verdict, hint, judge};
use crate::protocol::ActivityKind;
use crate::text;
use ganger_engine::{DecisionId, Envelope, Input, Outcome, PermissionRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;
use tokio::sync::oneshot;

/// Requests that wait for a person, by the runtime's own id.
#[derive(Default)]
pub(super) struct Asks {
    open: BTreeMap<String, Waiting>,
    /// Those that wait at a hook for their answer.
    hooked: BTreeMap<String, oneshot::Sender<Verdict>>,
    /// Tool calls that were allowed at the hook, not by rules: the runtime may ask for them again by its own.
    passed: BTreeSet<String>,
}

/// Why a call is not made.
pub(super) const INTERRUPTED: &str = "the turn was interrupted";

struct Waiting {
    since: Instant,
    shown: String,
    ask: Ask,
}

impl Asks {
    /// A person allowed it.
    fn pass(&mut self, ask: &Ask) {
        if self.hooked.contains_key(&ask.request) && !ask.call.is_empty() {
            self.passed.insert(ask.call.clone());
        }
    }

    fn is_passed(&mut self, ask: &Ask) -> bool {
        !self.hooked.contains_key(&ask.request) && self.passed.remove(&ask.call)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

impl Conversation<'_> {
    pub(super) async fn asked(&mut self, mut ask: Ask) {
        if matches!(ask.kind, AskKind::Edit | AskKind::Read) {
            self.shorten_paths(&mut ask.subjects);
        }
        let judgement = if self.asks.is_passed(&ask) { Judgement::Allow } else { judge(&self.agent, &ask) };
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

    /// As rules are written: what lies in the worktree is named from there.
    fn shorten_paths(&self, paths: &mut [String]) {
        for path in paths {
            if let Ok(inside) = Path::new(path).strip_prefix(&self.ready.worktree.path) {
                *path = inside.display().to_string();
            }
        }
    }

    /// A call that waits at the hook.
    pub(super) async fn hooked(&mut self, ask: Ask, answer: oneshot::Sender<Verdict>) {
        self.watch.alive();
        if ask.by.is_empty() {
            self.model_acted("it called a tool").await;
        }
        self.asks.hooked.insert(ask.request.clone(), answer);
        self.asked(ask).await;
    }

    /// Nobody waits at the hook any more: it has its answer, or the call was given up.
    pub(super) async fn unhooked(&mut self, request: String) {
        if self.asks.hooked.remove(&request).is_some() {
            self.unasked(request).await;
        }
    }

    async fn ask_person(&mut self, ask: Ask, shown: String) {
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let tool = ask.kind.name().to_owned();
        let wanted = PermissionRequest { tool, subject: subject(&ask.subjects) };
        let (request, by) = (ask.request.clone(), ask.by.clone());
        let hint = hint(&self.task.offer.agent, &self.agent, &ask);
        let input = Input::AskPermission { attempt, token, request_id: request, request: wanted, by, hint };
        let id = DecisionId::unkeyed(format!("asked-{}-{}", self.task.offer.attempt, uuid::Uuid::now_v7()));
        let asked = self.task.shared.client.ask(Envelope::new(id, "a permission is needed", input), PATIENCE).await;
        match asked {
            Ok(Outcome::Permitted) => {
                self.task.note(ActivityKind::Note, format!("allowed before: {shown}")).await;
                self.asks.pass(&ask);
                self.permit(ask.request, Verdict::Allow).await;
            }
            Ok(Outcome::Card { card, .. }) => {
                self.task.note(ActivityKind::Note, format!("asks for permission [{card}]: {shown}")).await;
                self.asks.open.insert(ask.request.clone(), Waiting { since: Instant::now(), shown, ask });
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
    pub(super) async fn settle(&mut self, verdict: ganger_engine::PermissionAnswer) {
        if let Some(waiting) = self.asks.open.remove(&verdict.request_id) {
            let hooked = self.asks.hooked.contains_key(&verdict.request_id);
            let (word, answer) = match verdict.denied {
                None => {
                    self.asks.pass(&waiting.ask);
                    ("allowed", Verdict::Allow)
                }
                Some(why) => {
                    if !self.can.reasons && !hooked {
                        self.mail.remark(format!("A person denied your request ({}): {why}", waiting.shown));
                    }
                    ("denied", Verdict::Deny(why))
                }
            };
            self.task.note(ActivityKind::Note, format!("{word}: {}", waiting.shown)).await;
            self.permit(verdict.request_id.clone(), answer).await;
            self.goes_on("a person answered").await;
        }
        let (attempt, token) = (self.task.offer.attempt.clone(), self.task.offer.token);
        let id = DecisionId::unkeyed(format!("settled-{attempt}-{}", uuid::Uuid::now_v7()));
        let input = Input::PermissionDelivered { attempt, token, request_id: verdict.request_id };
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
        let limit = self.task.shared.project.config().limits.permission_limit();
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

    /// Calls that wait at the hook are not made.
    pub(super) async fn drop_hooked(&mut self) {
        for (request, answer) in std::mem::take(&mut self.asks.hooked) {
            let _gave_up = answer.send(Verdict::Deny(INTERRUPTED.to_owned()));
            if self.asks.open.remove(&request).is_some() {
                self.lapsed(request, INTERRUPTED).await;
            }
        }
        self.see(Seen::Waits(self.asks.open.len()), INTERRUPTED).await;
    }

    /// No request outlives the turn that made it.
    pub(super) async fn drop_asks(&mut self) {
        self.asks.hooked.clear();
        self.asks.passed.clear();
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
        let input = Input::PermissionLapsed { attempt, token, request_id: request, why: why.to_owned() };
        let _lost = self.task.shared.client.tell(Envelope::new(id, "a request lapsed", input)).await;
    }

    async fn permit(&mut self, request: String, verdict: Verdict) {
        if let Some(answer) = self.asks.hooked.remove(&request) {
            let _gave_up = answer.send(verdict);
            return;
        }
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
