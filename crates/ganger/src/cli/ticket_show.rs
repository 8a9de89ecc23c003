//! `ganger ticket show` and `why`, and the JSON shape of a ticket.

use super::board::Board;
use super::out::{clock, count, data, json, rfc3339, span};
use super::ticket::find;
use crate::failure::{Exit, Failure};
use crate::protocol::now_ms;
use crate::text;
use ganger_engine::{Reason, State, Ticket, TicketId, why};
use serde_json::{Value, json as object};

/// The documented JSON shape of a ticket, schema 1.
pub(super) fn ticket_json(state: &State, id: &TicketId, ticket: &Ticket) -> Value {
    let spec = &ticket.spec;
    let waiting: Vec<String> = why(state, now_ms(), id).iter().map(in_words).collect();
    let evidence: Vec<Value> = state
        .evidence
        .get(id)
        .into_iter()
        .flatten()
        .map(|e| {
            object!({
                "gate": e.name, "command": e.command, "exit_code": e.exit_code, "timed_out": e.timed_out,
                "duration_ms": e.duration_ms, "commit": e.key.commit, "revision": e.revision, "log": e.log,
                "green": e.is_green(), "at": rfc3339(e.at),
            })
        })
        .collect();
    let cards: Vec<Value> =
        state.open_cards_of(id).map(|c| object!({"id": c.id, "kind": c.kind, "question": c.question})).collect();
    object!({
        "schema": 1, "id": id, "status": ticket.phase.as_str(), "title": spec.title, "description": spec.description,
        "kind": spec.kind, "parent": spec.parent, "done": spec.done, "priority": spec.priority, "after": spec.after,
        "files": spec.files, "agent": state.agent_of(ticket), "labels": spec.labels, "links": spec.links,
        "metadata": spec.metadata, "revision": ticket.revision, "added": rfc3339(ticket.added),
        "since": rfc3339(ticket.since), "attempts": ticket.attempts, "rejections": ticket.rejections,
        "head": ticket.head, "base": ticket.base, "accepted": ticket.accepted, "merged": ticket.merged,
        "observed_files": ticket.observed, "sessions": ticket.sessions, "live_attempt": ticket.live,
        "report": ticket.report, "usage": ticket.usage, "notes": ticket.notes, "assumptions": ticket.assumptions,
        "stopped_by": ticket.stopped.as_ref().map(|(by, _)| by), "messages": messages_json(ticket),
        "waiting": waiting, "evidence": evidence, "cards": cards,
    })
}

fn messages_json(ticket: &Ticket) -> Vec<Value> {
    let shown = ticket.messages.iter().map(|m| {
        object!({
            "id": m.id, "by": m.by, "text": m.text, "sent": rfc3339(m.sent),
            "delivered": m.delivered.as_ref().map(|(at, attempt)| object!({"at": rfc3339(*at), "attempt": attempt})),
            "seen": m.seen.as_ref().map(|(at, evidence)| object!({"at": rfc3339(*at), "evidence": evidence})),
            "possibly_repeated": m.possibly_repeated, "returned": m.returned,
        })
    });
    shown.collect()
}

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
        data!("\nWas not allowed; an answer counts for the next time");
    }
    for card in cards {
        data!("  {}  {}", card.id, card.question);
    }
}

pub(super) async fn show(board: &Board, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let state = board.state().await?;
    let (id, ticket) = find(&state, id)?;
    if as_json {
        json(&ticket_json(&state, &id, ticket))?;
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
    data!("priority   {}   revision {}   agent {}", spec.priority.as_str(), ticket.revision, state.agent_of(ticket));
    let line = |name: &str, values: &[String]| {
        if !values.is_empty() {
            data!("{name:<10} {}", values.join(", "));
        }
    };
    line("after", &spec.after.iter().map(ToString::to_string).collect::<Vec<_>>());
    line("files", &spec.files);
    line("changed", &ticket.observed.iter().cloned().collect::<Vec<_>>());
    line("labels", &spec.labels);
    line("links", &spec.links);
    let worktree = board.project.worktree(&id);
    if let Some(head) = &ticket.head {
        data!("branch     {} at {}", worktree.branch, head.short());
    }
    if worktree.path.exists() {
        data!("worktree   {}", worktree.path.display());
    }
    for (agent, session) in &ticket.sessions {
        data!("session    {agent}: {} {}", session.runtime, session.id);
    }
    if ticket.attempts > 0 {
        let money =
            ticket.usage.micro_usd.map_or_else(|| "cost unknown".to_owned(), |m| format!("${:.4}", m as f64 / 1e6));
        data!("attempts   {} ({} tokens, {money})", ticket.attempts, count(ticket.usage.tokens()));
    }
    if !spec.description.is_empty() {
        data!("\n{}", spec.description.trim_end());
    }
    show_done(ticket);
    show_history(&state, &id, ticket);
    Ok(Exit::Done)
}

fn show_done(ticket: &Ticket) {
    if !ticket.spec.done.is_empty() {
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
}

fn show_history(state: &State, id: &TicketId, ticket: &Ticket) {
    if let Some(report) = &ticket.report {
        data!("\nReport\n  {}", report.summary.trim().replace('\n', "\n  "));
    }
    let evidence = state.evidence.get(id).map(Vec::as_slice).unwrap_or_default();
    if !evidence.is_empty() {
        data!("\nEvidence");
    }
    for e in evidence {
        let code = e.exit_code.map_or_else(|| "no exit code".to_owned(), |c| format!("exit {c}"));
        let verdict = if e.is_green() { "green" } else { "red" };
        data!(
            "  {verdict:<5} {} `{}` {code}, {}, at {}, revision {}\n        {}",
            e.name,
            e.command,
            span(e.duration_ms),
            e.key.commit.short(),
            e.revision,
            e.log
        );
    }
    let cards: Vec<_> = state.open_cards_of(id).collect();
    if !cards.is_empty() {
        data!("\nWaits for you");
    }
    for card in cards {
        data!("  {}  {}", card.id, card.question);
    }
    show_lapsed(state, id);
    show_messages(ticket);
    for assumption in &ticket.assumptions {
        data!("\nAssumption by {} ({:.0} %)\n  {}", assumption.by, assumption.confidence * 100.0, assumption.assumed);
    }
    for note in &ticket.notes {
        data!("\nNote by {}\n  {}", note.by, note.text);
    }
}

/// A reason with times as people read them.
fn in_words(reason: &Reason) -> String {
    match reason {
        Reason::NotBefore { at } => format!("it is not tried again before {}", clock(*at)),
        Reason::Paused { runtime, until, why } => format!("{runtime} is limited until {}: {why}", clock(*until)),
        other => other.to_string(),
    }
}

pub(super) async fn explain(board: &Board, id: &str, as_json: bool) -> Result<Exit, Failure> {
    let state = board.state().await?;
    let (id, _) = find(&state, id)?;
    let mut reasons = why(&state, now_ms(), &id);
    // Without a run there is no host, and that is no reason of the ticket.
    if state.hosts.values().all(|h| !h.alive) {
        reasons.retain(|r| !matches!(r, Reason::NoHost { .. }));
    }
    if as_json {
        let texts: Vec<String> = reasons.iter().map(in_words).collect();
        json(&object!({"schema": 1, "id": id, "ready": reasons.is_empty(), "reasons": reasons, "texts": texts}))?;
        return Ok(Exit::Done);
    }
    match reasons.as_slice() {
        [] => data!("{id} is ready; `ganger run` starts it"),
        reasons => reasons.iter().for_each(|r| data!("{id}: {}", in_words(r))),
    }
    Ok(Exit::Done)
}
