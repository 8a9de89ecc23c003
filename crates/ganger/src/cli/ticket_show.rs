//! `ganger ticket show` and `why`.

use super::board::Board;
use super::out::{clock, data, json, money, span, tokens};
use super::ticket::find;
use super::ticket_judged;
use super::ticket_list::shown_status;
use crate::board::{FailedAttempt, History, Part, PastCard, View, shapes};
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;
use ganger_engine::{CallResult, Check, CheckResult, Evidence, Expects, Kind, State, Ticket, TicketId, status_of};

fn show_messages(ticket: &Ticket) {
    if !ticket.messages.is_empty() {
        data!("\nMessages");
    }
    for m in &ticket.messages {
        let became = match (&m.returned, &m.seen, &m.delivered) {
            (Some(why), ..) if why.starts_with("handed on to ") => why.clone(),
            (Some(why), ..) => format!("not delivered: {why}"),
            (_, Some((at, evidence)), _) => format!("seen {} ({evidence})", clock(*at)),
            (_, _, Some((at, attempt))) => format!("delivered {} to {attempt}", clock(*at)),
            _ => format!("sent {}, not delivered yet", clock(m.sent)),
        };
        let twice = if m.possibly_repeated { ", possibly repeated" } else { "" };
        data!("  {}  {}: {}\n        {became}{twice}", m.id, m.by, text::line(&m.text, 200));
    }
}

fn show_mail(state: &State, id: &TicketId) {
    let mail: Vec<_> = state.mail.values().filter(|mail| mail.concerns(Some(id))).collect();
    if !mail.is_empty() {
        data!("\nMail");
    }
    for mail in mail {
        let from = mail.from.ticket.as_ref().map_or_else(|| mail.from.name.clone(), ToString::to_string);
        let copy = |copy: &ganger_engine::MailCopy| {
            let to = copy.to.as_ref().map_or_else(|| "you".to_owned(), ToString::to_string);
            format!("{to} ({})", copy.status().as_str())
        };
        let to: Vec<String> = mail.copies.iter().map(copy).collect();
        data!("  {}  {from} → {}: {}", mail.id, to.join(", "), text::line(&mail.subject, 120));
    }
}

/// Requests that were denied because nobody answered, or died with their process: an answer still counts.
fn show_lapsed(state: &State, id: &TicketId) {
    let lapsed = |c: &&ganger_engine::Card| matches!(c.state, ganger_engine::CardState::Withdrawn { .. });
    let cards: Vec<_> =
        state.cards.values().filter(|c| &c.ticket == id && c.permission().is_some()).filter(lapsed).collect();
    if !cards.is_empty() {
        data!("\nDenied without an answer; your answer counts for the next request");
    }
    for card in cards {
        data!("  {}  {}", card.id, card.question);
    }
}

pub(super) async fn show(board: &Board, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let id = board.named_one(id).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let (id, ticket) = find(&state, id.as_str())?;
    if as_json {
        json(shapes::Ticket::of(&state, &id, ticket, &board.around()?))?;
        return Ok(Exit::Done);
    }
    let spec = &ticket.spec;
    data!("{id}  {}", spec.title);
    data!(
        "status     {} since {} ({})",
        shown_status(&state, &id, ticket),
        clock(ticket.since),
        span(now_ms().saturating_sub(ticket.since))
    );
    if let (Some(merged), Some(undone)) = (&ticket.merged, &ticket.undone) {
        data!("undone     merged as {}, reverted as {}", merged.short(), undone.short());
    }
    let agent = match ticket.spec.kind {
        Kind::Contest if ticket.is_delegated() => format!("agents {}", spec.contest.join(", ")),
        _ => format!("agent {}", state.agent_of(ticket)),
    };
    data!("priority   {}   revision {}   {agent}", spec.priority.as_str(), ticket.revision);
    let line = |name: &str, values: &[String]| {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| text::name(value)).collect();
            data!("{name:<10} {}", values.join(", "));
        }
    };
    if let Some(routed) = &ticket.routed {
        data!("routed     {}", routed.why);
    }
    line("entry of", &ticket.contest().map(ToString::to_string).into_iter().collect::<Vec<_>>());
    let above = match spec.kind {
        Kind::Stage => "stage of",
        Kind::Review => "review of",
        _ => "called by",
    };
    line(above, &spec.parent.iter().filter(|_| spec.call.is_some()).map(ToString::to_string).collect::<Vec<_>>());
    line("waits for", &ticket.calls.unanswered.iter().map(ToString::to_string).collect::<Vec<_>>());
    line("after", &spec.after.iter().map(ToString::to_string).collect::<Vec<_>>());
    line("files", &spec.files);
    line("changed", &ticket.observed.iter().cloned().collect::<Vec<_>>());
    line("labels", &spec.labels);
    line("links", &spec.links);
    let workspace = board.project.workspace(&id);
    // After the merge the branch is gone.
    if let Some(head) = ticket.head.as_ref().filter(|_| ticket.merged.is_none() && spec.call.is_none()) {
        data!("branch     {} at {}", workspace.branch, head.short());
    }
    if let Some(merged) = ticket.merged.as_ref().filter(|_| ticket.undone.is_none()) {
        data!("merged     as {}", merged.short());
    }
    if workspace.path.exists() {
        data!("workspace  {}", workspace.path.display());
    }
    for (agent, session) in &ticket.sessions {
        data!("session    {agent}: {} {}", session.runtime, session.id);
    }
    if ticket.attempts > 0 {
        let (tokens, money) = (tokens(&ticket.usage), money(ticket.usage.micro_usd));
        data!("attempts   {} ({tokens}, {money})", ticket.attempts);
    }
    if !spec.description.is_empty() {
        data!("\n{}", spec.description.trim_end());
    }
    show_done(&state, &id, ticket);
    show_signs(&state, &id);
    let history = board.history(&id).await?;
    show_history(&state, &id, ticket, &history);
    show_failures(&history.failures);
    show_calls(board, &id, ticket).await.map(|()| Exit::Done)
}

fn show_failures(failures: &[FailedAttempt]) {
    if !failures.is_empty() {
        data!("\nFailed attempts");
    }
    for FailedAttempt { attempt, at, class, message } in failures {
        data!("  {attempt}  {}  {class}: {}", clock(*at), text::line(message, 300));
    }
}

/// All calls that its agents ever made: by their ids, which are its own with a number.
async fn show_calls(board: &Board, id: &TicketId, ticket: &Ticket) -> Result<(), Failure> {
    let ids = (1..=ticket.calls.made).map(|n| TicketId::new(format!("{id}-c{n}")));
    let ids: Vec<TicketId> = ids.chain(ticket.calls.unanswered.iter().cloned()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let View { state, .. } = board.view(Part::Tickets(&ids)).await?;
    let called = |(_, t): &(&TicketId, &Ticket)| t.spec.call.is_some() && t.spec.parent.as_ref() == Some(id);
    let mut calls: Vec<_> = state.tickets.iter().filter(called).collect();
    calls.sort_by_key(|(_, call)| call.added);
    if !calls.is_empty() {
        data!("\nCalls");
    }
    for (id, call) in calls {
        let ended = match &call.calls.result {
            None => status_of(&state, id, call).as_str().to_owned(),
            Some(CallResult::Success { .. }) => "success".to_owned(),
            Some(CallResult::Failure { error, message }) => {
                format!("failure ({}): {}", error.as_str(), text::line(message, 200))
            }
        };
        data!("  {id}  {}  {ended}", state.agent_of(call));
    }
    Ok(())
}

/// What a card has only in short.
fn show_signs(state: &State, id: &TicketId) {
    for card in state.open_cards_of(id).filter(|card| !card.signs().is_empty()) {
        data!("\n{} is about:", card.id);
        card.signs().iter().for_each(|sign| data!("  {sign}"));
    }
}

fn show_done(state: &State, id: &TicketId, ticket: &Ticket) {
    if !ticket.spec.done.is_empty() || !ticket.spec.checks.is_empty() {
        data!("\nDefinition of done");
    }
    for (i, item) in ticket.spec.done.iter().enumerate() {
        match ticket.report.as_ref().and_then(|report| report.said_of(i + 1, item)) {
            Some(said) => data!("  [x] {item}: {}", text::line(&said.how, 200)),
            None => data!("  [ ] {item}"),
        }
    }
    for (check, result) in state.check_results(id, ticket) {
        let base = ticket.base.as_ref().map_or("the base", |base| base.short());
        let (mark, words) = match result {
            CheckResult::Unknown => (" ", "not run yet".to_owned()),
            CheckResult::Red => (" ", "red".to_owned()),
            CheckResult::Green => ("x", "green".to_owned()),
            CheckResult::Proven => ("x", format!("red at {base}, green with the work")),
            CheckResult::ProvesNothing => ("!", format!("green, but it proves nothing: it was not red at {base}")),
        };
        let kind = match check.expects {
            Expects::RedThenGreen => "check",
            Expects::StaysGreen => "regression",
        };
        data!("  [{mark}] {kind} `{}`: {words}", text::name(&check.command));
    }
}

fn call_result(result: &CallResult) -> String {
    match result {
        CallResult::Success { output, .. } => serde_json::to_string_pretty(output).unwrap_or_default(),
        CallResult::Failure { error, message } => format!("none ({}): {message}", error.as_str()),
    }
}

fn show_history(state: &State, id: &TicketId, ticket: &Ticket, history: &History) {
    if let Some(report) = &ticket.report {
        data!("\nReport\n  {}", report.summary.trim().replace('\n', "\n  "));
    }
    if let Some(result) = &ticket.calls.result {
        data!("\nResult\n  {}", call_result(result).replace('\n', "\n  "));
    }
    ticket_judged::show_goal(state, ticket);
    ticket_judged::show_contest(state, id, ticket);
    ticket_judged::show_findings(ticket);
    show_evidence(state, &history.evidence);
    let cards: Vec<_> = state.open_cards_of(id).collect();
    if !cards.is_empty() {
        data!("\nWaiting for you");
    }
    for card in cards {
        data!("  {}  {}", card.id, card.question);
    }
    show_answers(&history.cards);
    show_lapsed(state, id);
    show_messages(ticket);
    show_mail(state, id);
    for a in &ticket.assumptions {
        let status = if a.is_open() { String::new() } else { format!(", {}", a.status.as_str()) };
        data!("\nAssumption {} by {} ({:.0} %{status})\n  {}", a.id, a.by, a.confidence * 100.0, a.assumed);
        if !a.correction.is_empty() {
            data!("  instead: {}", a.correction);
        }
    }
    for note in &history.notes {
        data!("\nNote by {}\n  {}", note.by, note.text);
    }
}

fn show_evidence(state: &State, evidence: &[Evidence]) {
    if !evidence.is_empty() {
        data!("\nEvidence");
    }
    for e in evidence {
        let code = e.exit_code.map_or_else(|| "no exit code".to_owned(), |c| format!("exit {c}"));
        let verdict = if e.is_green() { "green" } else { "red" };
        let tests = e.tests.map_or_else(String::new, |n| format!(", {n} {}", if n == 1 { "test" } else { "tests" }));
        // A regression has nothing to be red for.
        let never = !Check::is_evidence(e) && !state.seen_red.contains(&e.key.gate);
        let never = if never { ", never red so far" } else { "" };
        data!(
            "  {verdict:<5} {} `{}` {code}{tests}, {}, at {}, revision {}{never}\n        {}",
            if Check::is_evidence(e) { "check" } else { &e.name },
            text::name(&e.command),
            span(e.duration_ms),
            e.key.commit.short(),
            e.revision,
            e.log
        );
    }
}

fn show_answers(cards: &[PastCard]) {
    let answered: Vec<_> = cards.iter().filter_map(|past| Some((&past.card, past.answer.as_ref()?))).collect();
    if !answered.is_empty() {
        data!("\nAnswers");
    }
    for (card, answer) in answered {
        data!("  {}  {}\n        {}: {}", card.id, card.question, answer.by, text::line(&answer.answer, 200));
    }
}

pub(super) async fn explain(board: &Board, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let id = board.named_one(id).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let (id, ticket) = find(&state, id.as_str())?;
    let found = board.around()?.causes(&state, &id);
    let routing = shapes::Routing::of(&state, ticket);
    if as_json {
        let reasons = found.iter().map(shapes::Reason::of).collect();
        json(shapes::Why { id: id.to_string(), ready: found.is_empty(), reasons, routing })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        data!("{id} is ready: `ganger run` starts it");
    }
    for cause in &found {
        data!("{id}: {}\n{:w$}next: `{}`", cause.text, "", cause.next, w = id.as_str().len() + 2);
    }
    if !state.policy.routes.is_empty() {
        data!("{id}: for {}: {}", routing.agent, routing.reason);
    }
    Ok(Exit::Done)
}
