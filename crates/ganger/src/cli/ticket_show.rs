//! `ganger ticket show` and `why`.

use super::board::Board;
use super::out::{clock, data, json, money, span, tokens};
use super::ticket::find;
use super::ticket_judged;
use crate::board::{History, Part, PastCard, View, shapes};
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;
use ganger_engine::{CallResult, Check, CheckResult, Evidence, Expects, State, Ticket, TicketId};

fn show_messages(ticket: &Ticket) {
    if !ticket.messages.is_empty() {
        data!("\nMessages");
    }
    for m in &ticket.messages {
        let became = match (&m.returned, &m.seen, &m.delivered) {
            (Some(why), ..) => format!("not delivered: {why}"),
            (_, Some((at, evidence)), _) => format!("seen {} ({evidence})", clock(*at)),
            (_, _, Some((at, attempt))) => format!("delivered {} to {attempt}", clock(*at)),
            _ => format!("sent {}, not delivered yet", clock(m.sent)),
        };
        let twice = if m.possibly_repeated { ", possibly repeated" } else { "" };
        data!("  {}  {}: {}\n        {became}{twice}", m.id, m.by, text::line(&m.text, 200));
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
        ticket.phase.as_str(),
        clock(ticket.since),
        span(now_ms().saturating_sub(ticket.since))
    );
    if let (Some(merged), Some(undone)) = (&ticket.merged, &ticket.undone) {
        data!("undone     merged as {}, reverted as {}", merged.short(), undone.short());
    }
    data!("priority   {}   revision {}   agent {}", spec.priority.as_str(), ticket.revision, state.agent_of(ticket));
    let line = |name: &str, values: &[String]| {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| text::name(value)).collect();
            data!("{name:<10} {}", values.join(", "));
        }
    };
    line("called by", &spec.parent.iter().filter(|_| spec.call.is_some()).map(ToString::to_string).collect::<Vec<_>>());
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
        data!("workspace   {}", workspace.path.display());
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
    show_history(&state, &id, ticket, &board.history(&id).await?);
    Ok(Exit::Done)
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
    let open = ticket.unanswered();
    for (i, item) in ticket.spec.done.iter().enumerate() {
        let answers = ticket.report.iter().flat_map(|r| &r.done);
        let number = (i + 1).to_string();
        let answer = answers.into_iter().find(|a| a.item.trim() == item.trim() || a.item.trim() == number);
        match answer {
            Some(answer) if !open.contains(&item.as_str()) => {
                data!("  [x] {item}: {}", text::line(&answer.how, 200));
            }
            _ => data!("  [ ] {item}"),
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
        CallResult::Success { output } => serde_json::to_string_pretty(output).unwrap_or_default(),
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
    for assumption in &history.assumptions {
        data!("\nAssumption by {} ({:.0} %)\n  {}", assumption.by, assumption.confidence * 100.0, assumption.assumed);
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
    let found = board.around()?.causes(&state, &id);
    if as_json {
        let reasons = found.iter().map(shapes::Reason::of).collect();
        json(shapes::Why { id: id.to_string(), ready: found.is_empty(), reasons })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        data!("{id} is ready: `ganger run` starts it");
    }
    for cause in &found {
        data!("{id}: {}\n{:w$}next: `{}`", cause.text, "", cause.next, w = id.as_str().len() + 2);
    }
    Ok(Exit::Done)
}
