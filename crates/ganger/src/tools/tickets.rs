//! `ticket_list`, `ticket_show` and `ticket_add`: the board as tools. What an agent files waits for a person, unless the
//! configuration trusts it.

use super::{Answer, Desk, Said, Tool, list as list_of, maybe_text, object, text};
use crate::text as texts;
use ganger_engine::{
    Input, Outcome, Phase, Priority, Speaker, TicketId, TicketPage, TicketQuery, TicketSpec, TicketView,
};
use serde_json::{Value, json};

pub(crate) const LIST: &str = "ticket_list";
pub(crate) const SHOW: &str = "ticket_show";
pub(crate) const ADD: &str = "ticket_add";
pub(super) const NAMES: [&str; 3] = [LIST, SHOW, ADD];

/// Tickets of a page, usually and at most.
const PAGE: (u32, u32) = (20, 100);
/// The longest title, in characters, and description, in bytes.
const LONGEST: (usize, usize) = (200, 20_000);

pub(super) fn tools() -> Vec<Tool> {
    let statuses = Phase::ALL.map(Phase::as_str);
    let listed = json!({
        "status": {"type": "string", "enum": statuses, "description": "Without it, all that are not finished"},
        "agent": {"type": "string", "description": "Only those of this agent"},
        "label": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1, "maximum": PAGE.1},
        "cursor": {"type": "string", "description": "`next_cursor` of the page before"},
    });
    let strings = |what: &str| json!({"type": "array", "items": {"type": "string"}, "description": what});
    let added = json!({
        "title": {"type": "string", "description": "What to do, in one line"},
        "description": {"type": "string", "description": "All that whoever does it needs to know, in Markdown"},
        "done": strings("The definition of done, item by item"),
        "files": strings("Files that are expected to change; a trailing / means a folder"),
        "after": strings("Tickets that must be accepted first"),
        "priority": {"type": "string", "enum": Priority::ALL.map(Priority::as_str)},
        "agent": {"type": "string", "description": "Who should do it; otherwise the default agent"},
    });
    let id = json!({"id": {"type": "string", "description": "The ticket, such as T-3"}});
    vec![
        Tool {
            name: LIST,
            description: "List the tickets of this project, in the order in which they were added.",
            schema: object(&listed, &[]),
            reads_only: true,
            output: Some(page_schema()),
        },
        Tool {
            name: SHOW,
            description: "Show one ticket with its text, its definition of done, remarks and report.",
            schema: object(&id, &["id"]),
            reads_only: true,
            output: Some(ticket_schema()),
        },
        Tool {
            name: ADD,
            description: "File a ticket for work that you found and that is not part of your mission: a bug, a missing test. It \
                          waits until a person lets it in. Do not wait for it, and do not do that work yourself.",
            schema: object(&added, &["title"]),
            reads_only: false,
            output: Some(added_schema()),
        },
    ]
}

fn line_properties() -> Value {
    json!({
        "id": text(), "status": text(), "title": text(), "agent": text(), "priority": text(),
        "after": list_of(&text()), "labels": list_of(&text()), "filed_by": maybe_text(),
        "waits_for_person": {"type": "boolean"},
    })
}

const LINE: [&str; 9] =
    ["id", "status", "title", "agent", "priority", "after", "labels", "filed_by", "waits_for_person"];

fn page_schema() -> Value {
    let line = object(&line_properties(), &LINE);
    object(&json!({"tickets": list_of(&line), "next_cursor": maybe_text()}), &["tickets", "next_cursor"])
}

fn ticket_schema() -> Value {
    let note = object(&json!({"by": text(), "text": text()}), &["by", "text"]);
    let mut all = line_properties();
    all["description"] = text();
    all["done"] = list_of(&text());
    all["files"] = list_of(&text());
    all["links"] = list_of(&text());
    all["notes"] = list_of(&note);
    all["report"] = maybe_text();
    let required = [&LINE[..], &["description", "done", "files", "links", "notes", "report"]].concat();
    object(&all, &required)
}

fn added_schema() -> Value {
    object(&json!({"id": text(), "card": maybe_text(), "message": text()}), &["id", "card", "message"])
}

pub(super) async fn list<D: Desk>(call: &D) -> Answer {
    let phase = call.optional("status")?.map(|word| status(&word)).transpose()?;
    let after = call.optional("cursor")?.map(|cursor| id("cursor", &cursor)).transpose()?;
    let (agent, label) = (call.optional("agent")?, call.optional("label")?);
    let query = TicketQuery { id: None, phase, agent, label, limit: call.page(PAGE)?, after };
    let page = look(call, query).await?;
    let lines: Vec<Value> = page.tickets.iter().map(line).collect();
    Ok(data(json!({"tickets": lines, "next_cursor": page.next})))
}

pub(super) async fn show<D: Desk>(call: &D) -> Answer {
    let id = id("id", &call.text("id")?)?;
    let page = look(call, TicketQuery { id: Some(id), ..TicketQuery::default() }).await?;
    let shown = page.tickets.first().ok_or("the ticket is not on the board")?;
    Ok(data(whole(shown)))
}

pub(super) async fn add<D: Desk>(call: &D) -> Answer {
    let input = Input::FileTicket { by: call.speaker(), ticket: Box::new(wanted(call)?) };
    match call.decide("an agent files a ticket", input).await? {
        Outcome::Filed { ticket, card } => {
            let said = match &card {
                Some(card) => format!("A person decides about it on card {card}."),
                None => "It is on the board.".to_owned(),
            };
            // A program that a person started has no mission.
            let message = match call.speaker() {
                Speaker::Agent { .. } => format!("{said} Go on with your mission."),
                Speaker::Person { .. } | Speaker::Program { .. } => said,
            };
            Ok(Said::Data(json!({"id": ticket, "card": card, "message": message})))
        }
        other => Err(format!("the foreman answered {other:?}; try again")),
    }
}

fn wanted<D: Desk>(call: &D) -> Result<TicketSpec, String> {
    let title = call.text("title")?.trim().to_owned();
    if title.chars().count() > LONGEST.0 {
        return Err(format!(
            "argument `title` has {} characters, and {} are allowed",
            title.chars().count(),
            LONGEST.0
        ));
    }
    let description = call.optional("description")?.unwrap_or_default();
    if description.len() > LONGEST.1 {
        return Err(format!("argument `description` has {} bytes, and {} are allowed", description.len(), LONGEST.1));
    }
    let priority = match call.optional("priority")? {
        None => Priority::default(),
        Some(word) => Priority::parse(&word).ok_or_else(|| {
            format!("argument `priority` must be one of {}", Priority::ALL.map(Priority::as_str).join(", "))
        })?,
    };
    let after = call.words("after")?;
    let after = after.iter().map(|word| id("after", word)).collect::<Result<_, _>>()?;
    let (done, files, agent) = (call.words("done")?, call.words("files")?, call.optional("agent")?);
    Ok(TicketSpec { title, description, done, files, after, priority, agent, ..TicketSpec::default() })
}

async fn look<D: Desk>(call: &D, query: TicketQuery) -> Result<TicketPage, String> {
    match call.look("an agent looks at the board", Input::LookAtTickets { by: call.speaker(), query }).await? {
        Outcome::Page { page } => Ok(*page),
        other => Err(format!("the foreman answered {other:?}; try again")),
    }
}

fn id(argument: &str, word: &str) -> Result<TicketId, String> {
    TicketId::parse(word.trim()).map_err(|e| format!("argument `{argument}`: {e}"))
}

fn status(word: &str) -> Result<Phase, String> {
    let known = Phase::ALL.map(Phase::as_str);
    Phase::parse(word).ok_or_else(|| {
        let meant = texts::closest(word, known).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        format!("there is no status `{}` (known: {}){meant}", texts::line(word, 40), known.join(", "))
    })
}

/// Texts of the board go to a model: without secrets.
fn data(mut said: Value) -> Said {
    texts::clean_json(&mut said);
    Said::Data(said)
}

fn line(ticket: &TicketView) -> Value {
    json!({
        "id": ticket.id, "status": ticket.phase.as_str(), "title": ticket.title, "agent": ticket.agent,
        "priority": ticket.priority.as_str(), "after": ticket.after, "labels": ticket.labels,
        "filed_by": ticket.filed_by, "waits_for_person": ticket.waits_for_person,
    })
}

fn whole(ticket: &TicketView) -> Value {
    let mut shown = line(ticket);
    shown["description"] = json!(ticket.description);
    shown["done"] = json!(ticket.done);
    shown["files"] = json!(ticket.files);
    shown["links"] = json!(ticket.links);
    shown["notes"] = ticket.notes.iter().map(|(by, text)| json!({"by": by, "text": text})).collect();
    shown["report"] = json!(ticket.report);
    shown
}
