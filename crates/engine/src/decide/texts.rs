//! What the cards say about a ticket or a runtime that cannot continue by itself: what happened, how often, with what
//! evidence, and what each answer does. They are read by a person: nothing in them speaks to the agent.

use super::{NewCard, open_card};
use crate::{AgentPolicy, CardKind, CardOption, EscalationReason, Event, FailureClass, Millis, State, TicketId, text};

/// How much of what a runtime said is in the brief.
const SAID: usize = 2_000;
const RESUMES: &str = "resume the same session, reset the counters";

/// A claim that was refused too often.
pub(super) struct Rejection<'a> {
    pub(super) id: &'a TicketId,
    pub(super) times: u32,
    pub(super) why: &'a str,
    pub(super) brief: &'a str,
    pub(super) retry_gates: bool,
}

impl Rejection<'_> {
    pub(super) fn card(&self, state: &State, now: Millis) -> Event {
        let Self { id, times, why, brief, retry_gates } = *self;
        let why = text::line(why, 120);
        let question = match times {
            1 => format!("{id} was rejected: {why}. Keep trying?"),
            n => format!("{id} was rejected {n} times in a row, last: {why}. Keep trying?"),
        };
        let gates = "\n`retry-gates`: Ganger runs the gates on the same commit again, without the agent.";
        let brief = format!(
            "{}\n`retry`: its agent resumes the same session with this, and the counters are reset.{}\n{}",
            brief.trim_end(),
            if retry_gates { gates } else { "" },
            cancel(id)
        );
        let why = EscalationReason::Rejected { times, retry_gates };
        held(state, now, id, why, question, brief, (Some(CardOption::Retry), RESUMES))
    }
}

/// The card of a ticket that cannot continue by itself.
pub(super) fn escalation(state: &State, now: Millis, id: &TicketId, why: EscalationReason, brief: String) -> Event {
    let question = match &why {
        EscalationReason::Failed { class, times } => {
            format!("{id} {} {}. Try again?", failed(*class), in_a_row(*times))
        }
        EscalationReason::Unverifiable { times } => {
            format!("The gates of {id} could not be run, {}. Try again?", in_a_row(*times))
        }
        EscalationReason::Budget { .. } => format!("{id} has used up its budget. Continue?"),
        EscalationReason::TooLarge { files, bytes } => {
            format!("{id} made {files} files ({bytes} bytes) in one turn. Try again?")
        }
        EscalationReason::Blocked { agents } => format!("{} cannot do {id}. Try again?", agents.join(" and ")),
        EscalationReason::Stopped => format!("{id} is stopped. Resume it?"),
        // These have cards of their own.
        EscalationReason::Rejected { .. }
        | EscalationReason::LoggedOut { .. }
        | EscalationReason::Stage { .. }
        | EscalationReason::RedBase { .. } => {
            format!("{id} cannot continue. Try again?")
        }
    };
    let default = match &why {
        EscalationReason::Stopped => (None, "it keeps waiting"),
        EscalationReason::Unverifiable { .. } => (None, "it keeps waiting, with its work kept on its branch"),
        _ => (Some(CardOption::Retry), RESUMES),
    };
    held(state, now, id, why, question, brief, default)
}

/// The card about a runtime that is not logged in: `agent` met it, and this is what its program said.
pub(super) fn login_card(state: &State, now: Millis, id: &TicketId, agent: &AgentPolicy, said: &str) -> Event {
    let runtime = &agent.runtime;
    let how = match agent.login.as_str() {
        "" => "Log in by the agent's own program, or set its key in the environment of `ganger run`.".to_owned(),
        login => format!("Log in: {login}"),
    };
    let brief = format!(
        "It said: {}\n{how}\nNo attempt of {id} is counted, and Ganger starts no agent on {runtime} until you answer.\n\
         `retry`: you have logged in; the same sessions resume.",
        text::cap(said.trim(), SAID)
    );
    let why = EscalationReason::LoggedOut { runtime: runtime.clone() };
    let question = format!("{runtime} is not logged in. Have you logged in?");
    held(state, now, id, why, question, brief, (Some(CardOption::Retry), "start agents on it again"))
}

/// Lines of a list that a brief shows.
pub(super) const SIGNS: usize = 5;

/// The first lines of a list, and how many there are.
pub(super) fn in_short(id: &TicketId, lines: &[String]) -> String {
    match lines.len().checked_sub(SIGNS) {
        None | Some(0) => lines.join("\n"),
        Some(more) => format!(
            "{} findings, the first {SIGNS}:\n{}\n… and {more} more: `ganger ticket show {id}` lists all of them",
            lines.len(),
            lines[..SIGNS].join("\n")
        ),
    }
}

/// What each answer to a failure does.
pub(super) fn after_failure(id: &TicketId) -> String {
    format!("`retry`: its agent resumes the same session, and the counters are reset.\n{}", cancel(id))
}

fn cancel(id: &TicketId) -> String {
    format!("`cancel`: close {id}; its branch is kept.")
}

fn held(
    state: &State,
    now: Millis,
    ticket: &TicketId,
    why: EscalationReason,
    question: String,
    brief: String,
    (default, consequence): (Option<CardOption>, &str),
) -> Event {
    let kind = CardKind::Escalation { why };
    open_card(state, now, NewCard { ticket, attempt: None, kind, question, brief, default, consequence })
}

/// What an attempt did that failed.
fn failed(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Transient => "was turned away by its model's service",
        FailureClass::Disconnected => "lost the connection to its model's service",
        FailureClass::Stalled => "stalled",
        FailureClass::Runaway => "was looping",
        FailureClass::Setup => "could not be set up",
        FailureClass::Auth | FailureClass::Crashed | FailureClass::SessionLost | FailureClass::Refused => "failed",
    }
}

/// "once", "2 times in a row".
pub(super) fn in_a_row(n: u32) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times in a row") }
}
