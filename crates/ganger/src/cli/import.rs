//! `ganger ticket import`: requirement JSON and JSONL, and Markdown roadmaps. All or nothing.

use super::board::Board;
use super::input;
use super::out::{counted, data, json, talk};
use crate::board::shapes;
use crate::failure::{Code, Exit, Failure};
use ganger_engine::{Input, NewTicket, Outcome, Priority, TicketId, TicketSpec};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A requirement on the wire, camelCase. Unknown keys are kept as metadata.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requirement {
    id: String,
    title: String,
    #[serde(default)]
    description: String,
    priority: Option<String>,
    assigned_agent: Option<String>,
    status: Option<String>,
    estimated_tokens: Option<u64>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    acceptance_criteria: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// An entry, or what is wrong at which place.
type Parsed = Result<Entry, String>;

/// What a file holds.
enum Entry {
    Open(Box<NewTicket>),
    /// It is left out, and nothing waits for it.
    Complete(Option<TicketId>),
    /// Somebody else works on it, or it is blocked; reported, and left out.
    Elsewhere {
        name: String,
        status: String,
    },
}

/// The open tickets, without dependencies on what is complete.
fn open_tickets(entries: Vec<Entry>) -> Vec<NewTicket> {
    let (mut tickets, mut complete) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Open(ticket) => tickets.push(*ticket),
            Entry::Complete(id) => complete.extend(id),
            Entry::Elsewhere { name, status } => talk!("Skipping {name}: its status is `{status}`."),
        }
    }
    for ticket in &mut tickets {
        ticket.spec.after.retain(|d| !complete.contains(d));
    }
    tickets
}

pub(super) async fn run(board: &Board, file: &Path, dry_run: bool, as_json: bool) -> Result<Exit, Failure> {
    let text = input::read(file)?;
    let parsed = parse(file, &text);
    let faults: Vec<&String> = parsed.iter().filter_map(|p| p.as_ref().err()).collect();
    if !faults.is_empty() {
        let lines: String = faults.iter().map(|f| format!("\n  {f}")).collect();
        let words = format!("{} in {}:{lines}", counted(faults.len(), "error"), file.display());
        return Err(Failure::of(Code::NotImported, words).hint("nothing was imported; fix them and try again"));
    }
    let mut tickets = open_tickets(parsed.into_iter().filter_map(Result::ok).collect());
    resolve_agents(board, &mut tickets);
    let number = tickets.len();
    if number == 0 {
        return Err(Failure::failed(format!("{} has no open tickets", file.display())));
    }
    if dry_run {
        tickets.iter().for_each(|t| data!("{}  {}", t.id.as_ref().map_or("-", TicketId::as_str), t.spec.title));
        talk!("Read {}; nothing was added.", counted(number, "ticket"));
        return Ok(Exit::Done);
    }
    let input = Input::AddTickets { tickets };
    let Outcome::Tickets { ids } = board.decide("you imported tickets", input).await? else {
        return Err(Failure::failed("nothing was added"));
    };
    if as_json {
        json(shapes::Imported { ids: ids.iter().map(ToString::to_string).collect() })?;
    } else {
        ids.iter().for_each(|id| data!("{id}"));
        talk!("Added {}.", counted(number, "ticket"));
    }
    Ok(Exit::Done)
}

/// An agent that is not configured here is kept as metadata, and the default agent does the work.
fn resolve_agents(board: &Board, tickets: &mut [NewTicket]) {
    let agents = &board.project.config().agents;
    for ticket in tickets {
        if let Some(agent) = ticket.spec.agent.take() {
            if agents.contains_key(&agent) {
                ticket.spec.agent = Some(agent);
            } else {
                ticket.spec.metadata.insert("assignedAgent".to_owned(), agent);
            }
        }
    }
}

fn parse(file: &Path, text: &str) -> Vec<Parsed> {
    let name = file.display().to_string();
    let trimmed = text.trim_start();
    if trimmed.starts_with('[') || trimmed.starts_with('{') {
        return parse_json(&name, text);
    }
    parse_roadmap(&name, text)
}

fn parse_json(name: &str, text: &str) -> Vec<Parsed> {
    // One value (an array, a requirement, or an object that holds them), or one per line.
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(items)) => {
            items.into_iter().enumerate().map(|(i, v)| requirement(&format!("{name}[{i}]"), v)).collect()
        }
        Ok(Value::Object(map)) => match map.get("requirements").or_else(|| map.get("tickets")) {
            Some(Value::Array(items)) => {
                items.iter().enumerate().map(|(i, v)| requirement(&format!("{name}[{i}]"), v.clone())).collect()
            }
            _ => vec![requirement(name, Value::Object(map))],
        },
        Ok(_) => vec![Err(format!("{name}: expected an object or an array"))],
        Err(whole) => {
            let lines: Vec<(usize, &str)> = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).collect();
            let is_jsonl = lines.len() > 1
                && lines.iter().all(|(_, l)| l.trim_start().starts_with('{'))
                && lines.first().is_some_and(|(_, l)| serde_json::from_str::<Value>(l).is_ok());
            if !is_jsonl {
                return vec![Err(format!("{name}:{}: {whole}", whole.line()))];
            }
            let one = |(i, line): &(usize, &str)| {
                let place = format!("{name}:{}", i + 1);
                serde_json::from_str(line).map_err(|e| format!("{place}: {e}")).and_then(|v| requirement(&place, v))
            };
            lines.iter().map(one).collect()
        }
    }
}

fn requirement(place: &str, value: Value) -> Parsed {
    let r: Requirement = serde_json::from_value(value).map_err(|e| format!("{place}: {e}"))?;
    if r.status.as_deref().is_some_and(is_complete) {
        return Ok(Entry::Complete(TicketId::parse(&r.id).ok()));
    }
    let priority = match r.priority.as_deref() {
        None => Priority::default(),
        Some(word) => Priority::parse(word)
            .ok_or_else(|| format!("{place}: priority `{word}` is not one of CRITICAL, HIGH, MEDIUM, LOW"))?,
    };
    let id = |text: &str| TicketId::parse(text).map_err(|e| format!("{place}: {e}"));
    let plain = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mut metadata: BTreeMap<String, String> = r.metadata.iter().map(|(k, v)| (k.clone(), plain(v))).collect();
    metadata.extend(r.kind.map(|k| ("type".to_owned(), k)));
    let spec = TicketSpec {
        title: r.title,
        description: r.description,
        done: r.acceptance_criteria,
        priority,
        after: r.dependencies.iter().map(|d| id(d)).collect::<Result<_, _>>()?,
        files: r.files,
        agent: r.assigned_agent,
        estimated_tokens: r.estimated_tokens,
        metadata,
        ..TicketSpec::default()
    };
    Ok(Entry::Open(Box::new(NewTicket { id: Some(id(&r.id)?), spec })))
}

fn is_complete(status: &str) -> bool {
    ["complete", "completed", "done", "closed", "merged", "cancelled"].iter().any(|w| status.eq_ignore_ascii_case(w))
}

/// A roadmap: table rows `| REQ-1 | Title | Status | … |`, headings `### REQ-1: Title` followed by
/// `**Status:** Pending`, and list items `- [ ] Title`.
fn parse_roadmap(name: &str, text: &str) -> Vec<Parsed> {
    let mut tickets: Vec<Parsed> = Vec::new();
    let mut columns: Option<Vec<String>> = None;
    let mut section: Option<Section> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        let trimmed = line.trim();
        if let Some(cells) = table_cells(trimmed) {
            if cells.iter().all(|c| c.chars().all(|c| "-: ".contains(c))) {
                continue;
            }
            match &columns {
                None => columns = Some(cells.iter().map(|c| c.to_lowercase()).collect()),
                Some(names) => tickets.push(table_row(&place, names, &cells)),
            }
            continue;
        }
        columns = None;
        if trimmed.starts_with('#') {
            tickets.extend(section.take().map(Section::finish));
            section = Section::open(&place, trimmed.trim_start_matches('#').trim());
        } else if let Some(open) = section.as_mut() {
            open.take(trimmed);
        } else if let Some(title) = trimmed.strip_prefix("- [ ] ") {
            let spec = TicketSpec { title: title.trim().to_owned(), ..TicketSpec::default() };
            tickets.push(Ok(Entry::Open(Box::new(NewTicket { id: None, spec }))));
        }
    }
    tickets.extend(section.take().map(Section::finish));
    tickets
}

fn table_cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|c| c.trim().trim_matches('*').to_owned()).collect())
}

fn table_row(place: &str, names: &[String], cells: &[String]) -> Parsed {
    let cell = |wanted: &[&str]| {
        let at = names.iter().position(|n| wanted.contains(&n.as_str()))?;
        cells.get(at).map(String::as_str).filter(|c| !c.is_empty() && *c != "-")
    };
    let mut fields =
        Section::new(place, cell(&["title", "requirement", "name", "task", "description"]).unwrap_or_default());
    fields.id = cell(&["id", "req", "ticket"]).map(str::to_owned);
    for (key, wanted) in KEYS {
        if let Some(value) = cell(wanted) {
            fields.set(key, value);
        }
    }
    fields.finish()
}

/// The keys of a roadmap entry and their spellings.
const KEYS: [(&str, &[&str]); 5] = [
    ("status", &["status", "state"]),
    ("priority", &["priority"]),
    ("agent", &["agent", "assigned agent", "assignedagent", "owner"]),
    ("after", &["dependencies", "depends on", "after", "blocked by"]),
    ("files", &["files"]),
];

/// A heading with the lines below it.
struct Section {
    place: String,
    id: Option<String>,
    status: Option<String>,
    fault: Option<String>,
    spec: TicketSpec,
}

impl Section {
    fn new(place: &str, title: &str) -> Self {
        let spec = TicketSpec { title: title.to_owned(), ..TicketSpec::default() };
        Self { place: place.to_owned(), id: None, status: None, fault: None, spec }
    }

    /// Only headings that begin with an id open one: others are chapters.
    fn open(place: &str, heading: &str) -> Option<Self> {
        let (id, title) = heading.split_once([':', ' ']).map(|(i, t)| (i.trim_matches(['[', ']']), t))?;
        let has_digit = id.chars().any(|c| c.is_ascii_digit());
        let has_letter = id.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        if !(has_digit && has_letter && id.contains('-') && TicketId::parse(id).is_ok()) {
            return None;
        }
        let mut section = Self::new(place, title.trim().trim_start_matches([':', '-', '–']).trim());
        section.id = Some(id.to_owned());
        Some(section)
    }

    fn take(&mut self, line: &str) {
        let bare = line.trim_start_matches(['-', '*', ' ']);
        if let Some((key, value)) = bare.split_once(':') {
            let key = key.trim_matches(['*', ' ']).to_lowercase();
            let known = KEYS.iter().find(|(_, spellings)| spellings.contains(&key.as_str()));
            if let Some((key, _)) = known {
                self.set(key, value.trim_matches(['*', ' ']));
                return;
            }
        }
        if let Some(item) = line.strip_prefix("- [ ] ") {
            self.spec.done.push(item.trim().to_owned());
        } else if !line.is_empty() || !self.spec.description.is_empty() {
            self.spec.description.push_str(line);
            self.spec.description.push('\n');
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let list = || value.split(',').map(|v| v.trim().trim_matches('`').to_owned()).filter(|v| !v.is_empty());
        match key {
            "status" => self.status = Some(value.to_owned()),
            "priority" => match Priority::parse(value) {
                Some(priority) => self.spec.priority = priority,
                None => self.fault = Some(format!("priority `{value}` is not one of critical, high, medium, low")),
            },
            "agent" => self.spec.agent = Some(value.to_owned()),
            "after" => {
                let ids = list().filter(|v| !v.eq_ignore_ascii_case("none"));
                match ids.map(|v| TicketId::parse(&v)).collect::<Result<_, _>>() {
                    Ok(after) => self.spec.after = after,
                    Err(e) => self.fault = Some(e.to_string()),
                }
            }
            "files" => self.spec.files = list().collect(),
            _ => {}
        }
    }

    fn finish(self) -> Parsed {
        if let Some(fault) = self.fault {
            return Err(format!("{}: {fault}", self.place));
        }
        let id = self.id.map(|id| TicketId::parse(&id)).transpose().map_err(|e| format!("{}: {e}", self.place))?;
        if self.status.as_deref().is_some_and(is_complete) {
            return Ok(Entry::Complete(id));
        }
        let pending = |s: &str| ["pending", "new", "todo", "open"].iter().any(|w| s.eq_ignore_ascii_case(w));
        if let Some(status) = self.status.filter(|s| !pending(s)) {
            return Ok(Entry::Elsewhere { name: id.map_or(self.spec.title, |id| id.to_string()), status });
        }
        let mut spec = self.spec;
        spec.description = spec.description.trim().to_owned();
        Ok(Entry::Open(Box::new(NewTicket { id, spec })))
    }
}

#[cfg(test)]
mod tests {
    use super::{open_tickets, parse};
    use std::path::Path;

    fn titles(text: &str) -> Vec<String> {
        let (read, faults): (Vec<_>, Vec<_>) = parse(Path::new("f"), text).into_iter().partition(Result::is_ok);
        let tickets = open_tickets(read.into_iter().filter_map(Result::ok).collect());
        let shown = tickets.into_iter().map(|t| {
            let after: String = t.spec.after.iter().map(|d| format!(" after {d}")).collect();
            format!("{} {}{after}", t.id.map(|i| i.to_string()).unwrap_or_default(), t.spec.title)
        });
        shown.chain(faults.into_iter().filter_map(Result::err).map(|e| format!("error {e}"))).collect()
    }

    #[test]
    fn requirements_are_read_as_list_object_and_lines() {
        let one = r#"{"id":"REQ-1","title":"One","priority":"HIGH","status":"PENDING","dependencies":[]}"#;
        let two = r#"{"id":"REQ-2","title":"Two","dependencies":["REQ-1"]}"#;
        let done = r#"{"id":"REQ-3","title":"Three","status":"COMPLETE"}"#;
        assert_eq!(titles(one), ["REQ-1 One"]);
        assert_eq!(titles(&format!("[{one},{two},{done}]")), ["REQ-1 One", "REQ-2 Two after REQ-1"]);
        assert_eq!(titles(&format!("{one}\n{two}\n")), ["REQ-1 One", "REQ-2 Two after REQ-1"]);
    }

    #[test]
    fn every_fault_has_its_place() {
        let text = "{\"id\":\"REQ-1\",\"title\":\"One\"}\n{\"id\":\"REQ 2\",\"title\":\"x\"}\n{\"id\":\"REQ-3\"}\n";
        let found = titles(text);
        assert_eq!(found[0], "REQ-1 One");
        assert!(found[1].starts_with("error f:2: `REQ 2` is not a valid id"), "{}", found[1]);
        assert!(found[2].starts_with("error f:3: missing field `title`"), "{}", found[2]);
    }

    #[test]
    fn a_roadmap_gives_what_is_pending_or_new() {
        let text = "# Roadmap\n\n## Phase 1\n\n| ID | Title | Status | Priority |\n|---|---|---|---|\n\
                    | REQ-001 | First | Pending | HIGH |\n| REQ-002 | Second | Complete | LOW |\n\n\
                    ### REQ-003: Third\n**Status:** New\n**Depends on:** REQ-001\nDo it.\n- [ ] is tested\n\n\
                    ### REQ-004: Fourth\n- Status: In Progress\n\n\
                    ### REQ-005: Fifth\n**Status:** Pending\n**Depends on:** REQ-001, REQ-002\n";
        assert_eq!(titles(text), ["REQ-001 First", "REQ-003 Third after REQ-001", "REQ-005 Fifth after REQ-001"]);
    }
}
