//! Requests of the runtime: settled by the rules, by what a person allowed before, or by a card.

use super::prompt::OVERDUE;
use super::status::Observation;
use super::{Action, Control, Machine, Permission, Phase, Reply};
use crate::rules::{Ruling, ToolClass, ToolRequest};
use crate::{DecisionId, Input, Millis, Outcome, PermissionAnswer, PermissionRequest, text};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Why a call is not made.
pub(super) const INTERRUPTED: &str = "the turn was interrupted";
pub(super) const TURN_OVER: &str = "the turn that asked is over";

/// Requests that have no answer yet.
#[derive(Default)]
pub(super) struct Permissions {
    /// Those that a person has to answer, by the runtime's own id.
    open: BTreeMap<String, OpenRequest>,
    /// Calls that wait at a hook.
    hooks: BTreeSet<String>,
    /// Tool calls that were allowed at the hook, not by rules: the runtime may ask for them again by its own.
    passed: BTreeSet<String>,
}

struct OpenRequest {
    since: Millis,
    /// The question to the foreman, while it is not answered.
    question: Option<u64>,
    shown: String,
    request: ToolRequest,
}

impl Permissions {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When the first of them will have waited for too long.
    pub(super) fn deadline(&self, limit: Millis) -> Option<Millis> {
        self.open.values().map(|open| open.since + limit).min()
    }

    /// A person allowed it.
    fn pass(&mut self, request: &ToolRequest) {
        if self.hooks.contains(&request.request_id) && !request.call.is_empty() {
            self.passed.insert(request.call.clone());
        }
    }

    fn is_passed(&mut self, request: &ToolRequest) -> bool {
        !self.hooks.contains(&request.request_id) && self.passed.remove(&request.call)
    }
}

impl Machine {
    /// A call that waits at the hook.
    pub(super) fn handle_hook(&mut self, request: ToolRequest) {
        if matches!(self.phase, Phase::Interrupting { .. } | Phase::Closing { .. } | Phase::Ended) {
            let permission = Permission::Deny(INTERRUPTED.to_owned());
            return self.actions.push(Action::AnswerHook { request_id: request.request_id, permission });
        }
        self.watch.alive(self.now);
        if request.by.is_empty() {
            self.model_acted("it called a tool");
        }
        if self.permissions.hooks.insert(request.request_id.clone()) {
            self.handle_request(request);
        }
    }

    pub(super) fn handle_request(&mut self, mut request: ToolRequest) {
        if self.permissions.open.contains_key(&request.request_id) {
            return;
        }
        if !matches!(self.phase, Phase::Turn | Phase::Opening { .. } | Phase::Recording { .. } | Phase::Checking { .. })
        {
            return self.answer(request.request_id, Permission::Deny(INTERRUPTED.to_owned()));
        }
        if matches!(request.class, ToolClass::Edit | ToolClass::Read) {
            self.shorten_paths(&mut request.subjects);
        }
        let is_passed = self.permissions.is_passed(&request);
        let ruling = if is_passed { Ruling::Allow } else { self.setup.rules.judge(&request) };
        let subjects = text::visible(&request.subjects.join(" "));
        let shown = text::line(&format!("{} {subjects}", request.class.name()), 160);
        match ruling {
            Ruling::Allow => self.answer(request.request_id, Permission::Allow),
            Ruling::Deny(why) => {
                self.note(format!("denied: {shown} ({why})"));
                self.answer(request.request_id, Permission::Deny(why));
            }
            Ruling::Ask => self.ask_person(request, shown),
        }
    }

    /// As rules are written: what lies in the workspace is named from there.
    fn shorten_paths(&self, paths: &mut [String]) {
        for path in paths {
            let inside = path.strip_prefix(&self.setup.directory).and_then(|rest| rest.strip_prefix('/'));
            if let Some(inside) = inside {
                *path = inside.to_owned();
            }
        }
    }

    fn ask_person(&mut self, request: ToolRequest, shown: String) {
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let wanted = PermissionRequest { tool: request.class.name().to_owned(), subject: subject(&request.subjects) };
        let hint = self.setup.rules.hint(&self.setup.agent, &request);
        let (request_id, by) = (request.request_id.clone(), request.by.clone());
        let id = DecisionId::unkeyed(format!("asked-{attempt}-{token}-{}", self.questions + 1));
        let input = Input::AskPermission { attempt, token, request_id: request_id.clone(), request: wanted, by, hint };
        let question = Some(self.ask(id, "a permission is needed", input));
        self.permissions.open.insert(request_id, OpenRequest { since: self.now, question, shown, request });
    }

    /// What the foreman made of a request.
    pub(super) fn permission_replied(&mut self, question: u64, reply: Reply) {
        let found = self.permissions.open.iter_mut().find(|(_, open)| open.question == Some(question));
        // It is not waited for any more.
        let Some((request_id, open)) = found else { return };
        let request_id = request_id.clone();
        let why = match reply {
            Reply::Decided(Outcome::Card { card, .. }) => {
                open.question = None;
                let said = format!("asks for permission [{card}]: {}", open.shown);
                self.note(said);
                return self.observe_permissions(&format!("the runtime waits for the answer to {card}"));
            }
            Reply::Decided(Outcome::Permitted) => {
                if let Some(open) = self.permissions.open.remove(&request_id) {
                    self.note(format!("allowed before: {}", open.shown));
                    self.permissions.pass(&open.request);
                }
                self.answer(request_id, Permission::Allow);
                return self.resumed("it was allowed before");
            }
            Reply::Decided(other) => format!("{other:?}"),
            Reply::Refused(why) => why,
            Reply::Silent => "the foreman did not answer".to_owned(),
        };
        self.permissions.open.remove(&request_id);
        self.answer(request_id.clone(), Permission::Deny(text::line(&format!("nobody could be asked: {why}"), 300)));
        // Late is not never: a card may have been opened all the same.
        self.lapse(&request_id, "it was denied, as nobody could be asked");
        self.resumed("the request was denied");
    }

    /// A person's answer.
    pub(super) fn permission_answered(&mut self, answer: PermissionAnswer) {
        let request_id = answer.request_id;
        if let Some(open) = self.permissions.open.remove(&request_id) {
            let at_hook = self.permissions.hooks.contains(&request_id);
            let (word, permission) = match answer.denied {
                None => {
                    self.permissions.pass(&open.request);
                    ("allowed", Permission::Allow)
                }
                Some(why) => {
                    if !self.setup.capabilities.reasons && !at_hook {
                        self.outbox.remark(format!("A person denied your request ({}): {why}", open.shown));
                    }
                    ("denied", Permission::Deny(why))
                }
            };
            self.note(format!("{word}: {}", open.shown));
            self.answer(request_id.clone(), permission);
            self.resumed("a person answered");
        }
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let id = DecisionId::unkeyed(format!("settled-{attempt}-{token}-{}", self.next_question()));
        // If it is lost, the plan asks again.
        self.tell(id, "the runtime has its answer", Input::PermissionDelivered { attempt, token, request_id });
    }

    /// Nobody waits at the hook any more: it has its answer, or the call was given up.
    pub(super) fn hook_withdrawn(&mut self, request_id: &str) {
        if self.permissions.hooks.contains(request_id) {
            self.answer(request_id.to_owned(), Permission::Deny("the call was given up".to_owned()));
            self.request_withdrawn(request_id);
        }
    }

    /// The runtime does not wait any more.
    pub(super) fn request_withdrawn(&mut self, request_id: &str) {
        if self.permissions.open.remove(request_id).is_some() {
            self.lapse(request_id, "the runtime does not wait for an answer any more");
            self.resumed("the request is gone");
        }
    }

    /// What nobody answered in time is denied, and the agent goes on.
    pub(super) fn deny_overdue(&mut self) {
        let (now, limit) = (self.now, self.setup.limits.permission);
        let overdue = self.permissions.open.iter().filter(|(_, open)| now >= open.since + limit);
        let overdue: Vec<String> = overdue.map(|(request_id, _)| request_id.clone()).collect();
        for request_id in overdue {
            let Some(open) = self.permissions.open.remove(&request_id) else { continue };
            self.note(format!("denied, as nobody answered: {}", open.shown));
            self.answer(request_id.clone(), Permission::Deny(OVERDUE.to_owned()));
            self.lapse(&request_id, "nobody answered in time, and it was denied");
            self.resumed("the request was denied");
        }
    }

    /// Calls that wait at the hook are not made.
    pub(super) fn deny_hooks(&mut self, why: &str) {
        let open = self.permissions.open.len();
        for request_id in std::mem::take(&mut self.permissions.hooks) {
            let permission = Permission::Deny(why.to_owned());
            self.actions.push(Action::AnswerHook { request_id: request_id.clone(), permission });
            if self.permissions.open.remove(&request_id).is_some() {
                self.lapse(&request_id, why);
            }
        }
        if self.permissions.open.len() != open {
            self.observe_permissions(why);
        }
    }

    /// No request outlives the turn that made it.
    pub(super) fn drop_requests(&mut self, why: &str) {
        self.deny_hooks(why);
        self.permissions.passed.clear();
        for (request_id, _) in std::mem::take(&mut self.permissions.open) {
            self.lapse(&request_id, why);
        }
    }

    fn observe_permissions(&mut self, source: &str) {
        self.observe(Observation::Permissions(self.permissions.open.len()), source);
    }

    fn resumed(&mut self, source: &str) {
        self.observe_permissions(source);
        if self.permissions.is_empty() {
            self.watch.waited_for_person(self.now);
            self.steer_waiting();
        }
    }

    fn lapse(&mut self, request_id: &str, why: &str) {
        let (attempt, token) = (self.setup.attempt.clone(), self.setup.token);
        let id = format!("lapsed-{attempt}-{token}-{request_id}");
        let (request_id, why) = (request_id.to_owned(), why.to_owned());
        self.tell(id, "a request lapsed", Input::PermissionLapsed { attempt, token, request_id, why });
    }

    fn answer(&mut self, request_id: String, permission: Permission) {
        if self.permissions.hooks.remove(&request_id) {
            self.actions.push(Action::AnswerHook { request_id, permission });
        } else {
            self.control(Control::Permit { request_id, permission });
        }
    }
}

/// What a permit is compared by: two requests that differ anywhere are two.
fn subject(subjects: &[String]) -> String {
    // What is allowed is what is shown: nothing is left out of it because it cannot be seen.
    let all = text::visible(&subjects.join(" "));
    let shown = text::cap(&all, 2_000);
    if shown == all {
        return all;
    }
    let digest: String = Sha256::digest(&all).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{shown} [{digest}]")
}
