//! An entry of an imported file while it is read. Whatever its format, it has the same fields under the same
//! spellings, and a key that is not known is kept in the text of the ticket.

use super::inline;
use crate::text;
use ganger_engine::{Kind, NewTicket, Priority, TicketId, TicketSpec};
use serde_json::Value;

/// An entry, or what is wrong at which place.
pub(super) type Parsed = Result<Entry, String>;

/// What a file holds.
pub(super) enum Entry {
    Open(Open),
    /// It is left out, and nothing waits for it.
    Complete {
        id: Option<TicketId>,
        name: String,
        status: String,
    },
    /// Ganger makes it by itself where it is needed; it is left out, and what waits for it waits for its parts.
    Made {
        id: Option<TicketId>,
        name: String,
        why: String,
        parts: Vec<TicketId>,
    },
    /// It is in progress or blocked elsewhere; it is left out.
    Elsewhere {
        id: Option<TicketId>,
        name: String,
        status: String,
    },
}

/// A ticket to be added.
pub(super) struct Open {
    pub(super) place: String,
    pub(super) ticket: Box<NewTicket>,
    /// Keys that no field of a ticket takes: they are in its text.
    pub(super) kept: Vec<String>,
    /// Whether its priority was said.
    pub(super) has_priority: bool,
}

/// What an entry may say of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Title,
    Description,
    Status,
    Priority,
    Agent,
    Contest,
    After,
    Files,
    Done,
    Tokens,
    Labels,
    Links,
    Kind,
    Metadata,
    Parts,
}

/// Spellings, in small letters and without anything between them.
const SPELLINGS: [(Field, &[&str]); 16] = [
    (Field::Id, &["id", "req", "ticket", "ticketid", "key"]),
    (Field::Title, &["title", "requirement", "name", "task", "summary", "subject", "feature", "item", "story"]),
    (Field::Description, &["description", "body", "text"]),
    (Field::Status, &["status", "state"]),
    (Field::Priority, &["priority"]),
    (Field::Agent, &["agent", "assignedagent", "owner", "assignee", "assigned", "assignedto"]),
    (Field::Contest, &["contest"]),
    (Field::After, &["dependencies", "dependson", "after", "blockedby", "dependency"]),
    (Field::Files, &["files", "filestomodify"]),
    (Field::Done, &["acceptancecriteria", "criteria", "acceptance", "definitionofdone", "done", "donewhen"]),
    (Field::Tokens, &["estimatedtokens"]),
    (Field::Labels, &["labels", "tags"]),
    (Field::Links, &["links"]),
    (Field::Kind, &["type"]),
    (Field::Metadata, &["metadata"]),
    (Field::Parts, &["subtasks"]),
];

impl Field {
    pub(super) fn named(key: &str) -> Option<Self> {
        let plain = plain_key(key);
        SPELLINGS.iter().find(|(_, spellings)| spellings.contains(&plain.as_str())).map(|(field, _)| *field)
    }
}

/// The key that one that is not known may be meant as.
pub(super) fn similar_key(key: &str) -> Option<&'static str> {
    text::closest(&plain_key(key), SPELLINGS.iter().flat_map(|(_, spellings)| spellings.iter().copied()))
}

/// The usual spellings first: of two that name one field, the more usual one counts.
fn rank(key: &str) -> usize {
    let plain = plain_key(key);
    let mut all = SPELLINGS.iter().flat_map(|(_, spellings)| spellings.iter());
    all.position(|s| *s == plain).unwrap_or(usize::MAX)
}

fn plain_key(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// An entry that is being read.
pub(super) struct Draft {
    pub(super) place: String,
    pub(super) id: Option<String>,
    status: Option<String>,
    faults: Vec<String>,
    pub(super) spec: TicketSpec,
    /// What is kept below the description.
    below: Vec<String>,
    kept: Vec<String>,
    set: Vec<Field>,
    /// Why it is not taken, and what there is instead, where Ganger makes it.
    made: Option<(String, Vec<TicketId>)>,
}

impl Draft {
    pub(super) fn new(place: &str) -> Self {
        Self {
            place: place.to_owned(),
            id: None,
            status: None,
            faults: Vec::new(),
            spec: TicketSpec::default(),
            below: Vec::new(),
            kept: Vec::new(),
            set: Vec::new(),
            made: None,
        }
    }

    /// Ganger makes it by itself where it is needed; `parts` are there instead.
    pub(super) fn is_made(&mut self, why: impl Into<String>, parts: Vec<TicketId>) {
        self.made = Some((why.into(), parts));
    }

    /// Takes the fields of an object.
    pub(super) fn take_all(&mut self, fields: serde_json::Map<String, Value>) {
        let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
        fields.sort_by_key(|(key, _)| rank(key));
        fields.into_iter().for_each(|(key, value)| self.take(&key, value));
    }

    /// Takes a value under its key; lists are added to, and of other fields the first value counts.
    pub(super) fn take(&mut self, key: &str, value: Value) {
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        let Some(field) = Field::named(key) else {
            if !is_empty {
                self.keep(key, &value);
            }
            return;
        };
        if is_empty {
            return;
        }
        let is_list =
            matches!(field, Field::After | Field::Files | Field::Done | Field::Labels | Field::Links | Field::Parts);
        if !is_list && self.set.contains(&field) {
            return self.keep(key, &value);
        }
        self.set.push(field);
        self.fill(field, key, value);
    }

    fn fill(&mut self, field: Field, key: &str, value: Value) {
        match field {
            Field::Id => match value {
                Value::String(text) => self.id = Some(text.trim().to_owned()),
                Value::Number(number) => self.id = Some(number.to_string()),
                other => self.faults.push(format!("the id `{other}` is neither text nor a number")),
            },
            Field::Title => self.spec.title = plain(&value),
            Field::Description => self.spec.description = plain(&value),
            Field::Status => self.status = Some(plain(&value)),
            Field::Priority => {
                let word = plain(&value);
                match Priority::parse(word.trim()) {
                    Some(priority) => self.spec.priority = priority,
                    None => {
                        self.faults
                            .push(format!("priority `{word}` is not one of CRITICAL, HIGH, MEDIUM, LOW (or P0 to P4)"));
                    }
                }
            }
            Field::Agent => self.spec.agent = Some(plain(&value)),
            // Several agents do it, and one result is taken.
            Field::Contest if value.is_array() || value.is_string() => {
                self.spec.contest = names(&value).collect();
                self.spec.kind = Kind::Contest;
            }
            Field::Contest => {
                self.faults.push(format!("{key}: `{}` names no agents: say `[\"one\", \"two\"]`", plain(&value)));
            }
            Field::After => {
                let nothing = ["none", "-", "—", "n/a", "nothing"];
                for name in names(&value).filter(|n| !nothing.iter().any(|w| n.eq_ignore_ascii_case(w))) {
                    let listed = inline::ids_in(&name).unwrap_or(name);
                    for id in listed.split(", ") {
                        match TicketId::parse(id) {
                            Ok(id) => self.spec.after.push(id),
                            Err(e) => self.faults.push(format!("{key}: {e}")),
                        }
                    }
                }
            }
            Field::Files => self.spec.files.extend(names(&value)),
            Field::Labels => self.spec.labels.extend(names(&value)),
            Field::Links => self.spec.links.extend(items(&value)),
            // A tick, not a definition.
            Field::Done if value.is_boolean() => {
                self.status = Some(if value == Value::Bool(true) { "done" } else { "open" }.to_owned());
            }
            Field::Done => self.spec.done.extend(items(&value)),
            Field::Tokens => match plain(&value).trim().trim_end_matches(".0").replace(['_', ','], "").parse() {
                Ok(tokens) => self.spec.estimated_tokens = Some(tokens),
                Err(_) => self.faults.push(format!("{key}: `{}` is not a whole number", plain(&value))),
            },
            Field::Kind => {
                self.spec.metadata.insert("type".to_owned(), plain(&value));
            }
            Field::Metadata => match value {
                Value::Object(fields) => self.spec.metadata.extend(fields.iter().map(|(k, v)| (k.clone(), plain(v)))),
                other => self.keep(key, &other),
            },
            Field::Parts => self.take_parts(key, &value),
        }
    }

    /// Parts of a ticket are items of its definition of done; what else is known of them is kept in the text.
    fn take_parts(&mut self, key: &str, value: &Value) {
        let Value::Array(parts) = value else { return self.keep(key, value) };
        for (number, part) in parts.iter().enumerate() {
            let title = part.get("title").map_or_else(|| plain(part), plain);
            let is_complete = part.get("status").is_some_and(|s| Standing::of(&plain(s)) == Standing::Complete);
            if !is_complete {
                self.spec.done.push(title.clone());
            }
            let fields = part.as_object().into_iter().flatten();
            let rest = fields.filter(|(k, v)| !["id", "title"].contains(&k.as_str()) && has_content(v));
            let lines: Vec<String> = rest.map(|(k, v)| line_of(k, v)).collect();
            if is_complete || !lines.is_empty() {
                self.below.push(format!("{key} {}: {title}\n{}", number + 1, lines.join("\n")).trim_end().to_owned());
            }
        }
    }

    /// Keeps a key that no field takes in the text, where the agent reads it.
    pub(super) fn keep(&mut self, key: &str, value: &Value) {
        self.kept.push(key.to_owned());
        self.below.push(line_of(key, value));
    }

    /// A title that may say other fields, too: `(HIGH) Title — depends on REQ-1`.
    pub(super) fn take_title(&mut self, text: &str) {
        let (title, facts) = inline::split(text);
        self.take("title", Value::String(title));
        self.take_facts(facts);
    }

    /// As [`Draft::take_title`], for a title that is there.
    pub(super) fn split_title(&mut self) {
        let (title, facts) = inline::split(&self.spec.title);
        self.spec.title = title;
        self.take_facts(facts);
    }

    pub(super) fn take_facts(&mut self, facts: Vec<inline::Fact>) {
        facts.into_iter().for_each(|(key, value)| self.take(key, Value::String(value)));
    }

    /// Notes the key of a line `Key: value` that no field takes; the line itself is kept as it is.
    pub(super) fn note_unknown_key(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else { return };
        let key = key.trim_matches(['*', '_', ' ', '`']);
        let is_key = key.starts_with(char::is_alphabetic) && key.split_whitespace().count() <= 3;
        if is_key && !key.contains(['`', '(', '/', '.']) && !value.starts_with(['/', ':']) && !value.trim().is_empty() {
            self.kept.push(key.to_owned());
        }
    }

    pub(super) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// # Errors
    /// With every fault of the entry.
    pub(super) fn finish(mut self) -> Parsed {
        let id = self.id.take().map(|id| TicketId::parse(&id)).transpose();
        let id = id.unwrap_or_else(|e| {
            self.faults.insert(0, e.to_string());
            None
        });
        let title = self.spec.title.trim().to_owned();
        let name = id.as_ref().map_or_else(|| title.clone(), ToString::to_string);
        if let Some((why, parts)) = self.made {
            return Ok(Entry::Made { id, name, why, parts });
        }
        let status = self.status.unwrap_or_default();
        let standing = Standing::of(&status);
        if standing == Standing::Complete {
            return Ok(Entry::Complete { id, name, status });
        }
        if title.is_empty() {
            self.faults.push("missing field `title`".to_owned());
        }
        if !self.faults.is_empty() {
            return Err(format!("{}: {}", self.place, self.faults.join("; ")));
        }
        if standing == Standing::Elsewhere {
            return Ok(Entry::Elsewhere { id, name, status });
        }
        let mut text = vec![self.spec.description.trim_matches('\n').trim_end().to_owned()];
        text.extend(self.below);
        text.retain(|part| !part.is_empty());
        // Each agent of a contest is named there.
        let agent = self.spec.agent.take().filter(|_| self.spec.contest.is_empty());
        let spec = TicketSpec { title, description: text.join("\n\n"), agent, ..self.spec };
        let has_priority = self.set.contains(&Field::Priority);
        let ticket = Box::new(NewTicket { id, spec });
        Ok(Entry::Open(Open { place: self.place, ticket, kept: self.kept, has_priority }))
    }
}

/// What a status means for the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    Complete,
    Elsewhere,
}

impl Standing {
    /// Words may be decorated: `✅ Done (v1.2)`, `**In progress**`, `IN_PROGRESS`.
    pub(super) fn of(status: &str) -> Self {
        let is_ticked = status.contains(['✅', '✓', '✔', '☑']);
        let status = status.split(['(', ',', ';', '–', '—']).next().unwrap_or_default();
        let letters = status.chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' });
        let letters: String = letters.flat_map(char::to_lowercase).collect();
        let word = letters.split_whitespace().collect::<Vec<_>>().join(" ");
        // A box with a sign of its own, such as `[-]` or `[~]`.
        let boxed = status.trim().strip_prefix('[').and_then(|s| s.strip_suffix(']')).map(str::trim);
        match word.as_str() {
            "" if boxed.is_some_and(|sign| !sign.is_empty()) && !is_ticked => Self::Elsewhere,
            "" | "x" if is_ticked || word == "x" => Self::Complete,
            "" | "pending" | "new" | "todo" | "to do" | "open" | "ready" | "planned" | "backlog" | "not started"
            | "unstarted" | "queued" | "proposed" => Self::Open,
            "complete" | "completed" | "done" | "closed" | "merged" | "cancelled" | "canceled" | "finished"
            | "resolved" | "shipped" | "implemented" => Self::Complete,
            _ => Self::Elsewhere,
        }
    }
}

/// Text as it is, other values as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn has_content(value: &Value) -> bool {
    !(value.is_null() || value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty))
}

fn line_of(key: &str, value: &Value) -> String {
    let text = match value {
        Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
            items.iter().map(|i| format!("\n- {}", plain(i))).collect()
        }
        Value::Array(_) | Value::Object(_) => {
            format!("\n{}", serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()))
        }
        other => plain(other),
    };
    let text = text.trim_end();
    if text.starts_with('\n') {
        format!("{key}:{text}")
    } else if text.contains('\n') {
        format!("{key}:\n{text}")
    } else {
        format!("{key}: {text}")
    }
}

/// Entries of a list, each of which is a text; one text is a list of one.
fn items(value: &Value) -> Vec<String> {
    let one = |v: &Value| {
        let named = ["title", "text", "criterion", "description"].iter().find_map(|k| v.get(*k)?.as_str());
        match (named, v.as_object()) {
            (Some(text), Some(fields)) if fields.len() == 1 => text.to_owned(),
            _ => plain(v),
        }
    };
    match value {
        Value::Array(all) => all.iter().filter(|v| has_content(v)).map(one).collect(),
        Value::String(text) if text.contains('\n') => {
            let lines = text.lines().map(|l| l.trim().trim_start_matches(['-', '*', '+', ' ']).to_owned());
            lines.filter(|l| !l.is_empty()).collect()
        }
        other => vec![one(other)],
    }
}

/// Names in a list, or between commas in a text.
fn names(value: &Value) -> impl Iterator<Item = String> {
    let all = match value {
        Value::Array(all) => all.iter().map(|v| v.get("id").map_or_else(|| plain(v), plain)).collect(),
        Value::String(text) => text.split([',', '\n']).map(str::to_owned).collect(),
        other => vec![plain(other)],
    };
    let bare = |n: String| n.trim().trim_matches(['`', '*', '[', ']', ' ']).to_owned();
    all.into_iter().map(bare).filter(|n: &String| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(entry: Value) -> Open {
        let mut draft = Draft::new("f");
        draft.take_all(entry.as_object().unwrap().clone());
        match draft.finish() {
            Ok(Entry::Open(open)) => open,
            Ok(_) => panic!("left out"),
            Err(fault) => panic!("{fault}"),
        }
    }

    #[test]
    fn unknown_keys_are_kept_in_the_text_and_named() {
        let read = open(json!({"id": "A-1", "title": "One", "description": "Do it.", "details": "first\nthen",
            "testStrategy": "unit", "effort": 3, "none": null, "watchers": ["ann", "bob"]}));
        assert_eq!(read.kept, ["details", "testStrategy", "effort", "watchers"]);
        assert_eq!(
            read.ticket.spec.description,
            "Do it.\n\ndetails:\nfirst\nthen\n\ntestStrategy: unit\n\neffort: 3\n\nwatchers:\n- ann\n- bob"
        );
    }

    #[test]
    fn numbers_are_ids_and_parts_are_items_of_done() {
        let read = open(json!({"id": 7, "title": "T", "dependencies": [3, "4"], "subtasks": [
            {"id": 1, "title": "open part", "details": "how"}, {"id": 2, "title": "past", "status": "done"}]}));
        assert_eq!(read.ticket.id.unwrap().as_str(), "7");
        assert_eq!(read.ticket.spec.after.iter().map(TicketId::as_str).collect::<Vec<_>>(), ["3", "4"]);
        assert_eq!(read.ticket.spec.done, ["open part"]);
        assert_eq!(
            read.ticket.spec.description,
            "subtasks 1: open part\ndetails: how\n\nsubtasks 2: past\nstatus: done"
        );
    }

    #[test]
    fn a_second_spelling_of_a_field_is_kept_or_added() {
        let read = open(json!({"title": "T", "depends_on": "A-1, A-2", "after": ["A-3"], "name": "other"}));
        assert_eq!(read.ticket.spec.after.len(), 3);
        assert_eq!((&*read.ticket.spec.title, &*read.ticket.spec.description), ("T", "name: other"));
    }

    #[test]
    fn a_status_may_be_decorated() {
        for (status, standing) in [
            ("", Standing::Open),
            ("**Pending**", Standing::Open),
            ("TO_DO", Standing::Open),
            ("✅", Standing::Complete),
            ("✅ Done (v1.2)", Standing::Complete),
            ("[x]", Standing::Complete),
            ("[ ]", Standing::Open),
            ("[-]", Standing::Elsewhere),
            ("IN_PROGRESS", Standing::Elsewhere),
            ("🔄 in-progress", Standing::Elsewhere),
        ] {
            assert_eq!(Standing::of(status), standing, "{status}");
        }
    }
}
