//! Requirement JSON and JSONL, and the same entries in TOML.

use super::Reading;
use super::draft::{Draft, Parsed, plain};
use ganger_engine::{Kind, TicketId};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Keys under which a file holds its entries.
const LISTS: [&str; 12] = [
    "requirements",
    "requirement",
    "tickets",
    "ticket",
    "tasks",
    "task",
    "issues",
    "issue",
    "items",
    "stories",
    "userStories",
    "todos",
];

pub(super) fn json(name: &str, text: &str) -> Reading {
    match serde_json::from_str::<Exact>(text) {
        Ok(Exact(value)) => entries(name, value),
        Err(whole) => lines(name, text).unwrap_or_else(|| Reading::fault(format!("{name}:{}: {whole}", whole.line()))),
    }
}

/// One value per line.
fn lines(name: &str, text: &str) -> Option<Reading> {
    let lines: Vec<(usize, &str)> = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).collect();
    let is_jsonl = lines.len() > 1
        && lines.iter().all(|(_, l)| l.trim_start().starts_with('{'))
        && lines.first().is_some_and(|(_, l)| serde_json::from_str::<Value>(l).is_ok());
    let one = |(i, line): &(usize, &str)| {
        let place = format!("{name}:{}", i + 1);
        serde_json::from_str(line).map_err(|e| format!("{place}: {e}")).and_then(|Exact(v)| entry(&place, v))
    };
    is_jsonl.then(|| Reading { entries: lines.iter().map(one).collect(), notes: Vec::new() })
}

/// A value of which nothing is lost: a key that an object has twice is an error.
struct Exact(Value);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Exact;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Exact, E> {
                Ok(Exact(Value::Null))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Exact, E> {
                Ok(Exact(yes.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Exact, E> {
                Ok(Exact(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Exact, E> {
                Ok(Exact(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Exact, E> {
                Ok(Exact(number.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Exact, E> {
                Ok(Exact(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Exact, A::Error> {
                let mut read = Vec::new();
                while let Some(Exact(item)) = items.next_element()? {
                    read.push(item);
                }
                Ok(Exact(Value::Array(read)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Exact, A::Error> {
                let mut read = Map::new();
                while let Some(key) = fields.next_key::<String>()? {
                    let Exact(value) = fields.next_value()?;
                    if read.contains_key(&key) {
                        return Err(Error::custom(format!("the key `{key}` is there twice")));
                    }
                    read.insert(key, value);
                }
                Ok(Exact(Value::Object(read)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

pub(super) fn toml(name: &str, text: &str) -> Reading {
    match text.parse::<toml::Table>() {
        Ok(table) => entries(name, from_toml(toml::Value::Table(table))),
        Err(e) => {
            let line = e.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            Reading::fault(format!("{name}:{line}: {}", e.message()))
        }
    }
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(fields) => fields.into_iter().map(|(k, v)| (k, from_toml(v))).collect(),
    }
}

/// An array, an entry, or an object that holds entries.
fn entries(name: &str, value: Value) -> Reading {
    match value {
        Value::Array(items) => list(name, items),
        Value::Object(fields) if fields.contains_key("title") || !holds_lists(&fields) => {
            Reading { entries: vec![entry(name, Value::Object(fields))], notes: Vec::new() }
        }
        Value::Object(fields) => container(name, fields),
        _ => Reading::fault(format!("{name}: expected an object or an array")),
    }
}

fn list(name: &str, items: Vec<Value>) -> Reading {
    let one = |(i, v)| entry(&format!("{name}[{i}]"), v);
    Reading { entries: items.into_iter().enumerate().map(one).collect(), notes: Vec::new() }
}

fn is_list(key: &str, value: &Value) -> bool {
    LISTS.contains(&key) && (value.is_array() || value.is_object())
}

/// Whether it has a list of entries, or names objects that do.
fn holds_lists(fields: &Map<String, Value>) -> bool {
    let nested = |v: &Value| v.as_object().is_some_and(|fields| fields.iter().any(|(k, v)| is_list(k, v)));
    fields.iter().any(|(key, value)| is_list(key, value) || nested(value))
}

/// Its lists, also those of objects in it, as in `{"master": {"tasks": […]}}`. What else it has belongs to no ticket.
fn container(name: &str, fields: Map<String, Value>) -> Reading {
    let mut reading = Reading::default();
    let is_export = ["schema", "record", "project", "tickets"].iter().all(|key| fields.contains_key(*key));
    for (key, value) in fields {
        if is_export && ["schema", "record", "project", "cards"].contains(&key.as_str()) {
            continue;
        }
        let place = format!("{name}.{key}");
        match value {
            Value::Array(items) if LISTS.contains(&key.as_str()) => reading.extend(list(&place, items)),
            Value::Object(one) if LISTS.contains(&key.as_str()) && one.contains_key("title") => {
                reading.entries.push(entry(&place, Value::Object(one)));
            }
            Value::Object(named) if LISTS.contains(&key.as_str()) => {
                for (id, value) in named {
                    reading.entries.push(named_entry(&format!("{place}.{id}"), &id, value));
                }
            }
            Value::Object(inner) if holds_lists(&inner) => reading.extend(container(&place, inner)),
            _ => reading.notes.push(format!("Not imported, as it belongs to no ticket: `{key}` in {name}.")),
        }
    }
    reading
}

/// An entry whose id is its key.
fn named_entry(place: &str, id: &str, value: Value) -> Parsed {
    match value {
        Value::Object(mut fields) => {
            fields.entry("id").or_insert_with(|| id.into());
            entry(place, Value::Object(fields))
        }
        other => Err(format!("{place}: expected an object, found `{}`", plain(&other))),
    }
}

/// Whether an entry is a ticket as `ganger export` and `--json` print it.
fn is_own(fields: &Map<String, Value>) -> bool {
    ["revision", "sessions", "waiting", "observed_files"].iter().all(|key| fields.contains_key(*key))
}

/// A ticket of another board, as what was asked for there.
fn take_own(draft: &mut Draft, fields: Map<String, Value>) {
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let goal = fields.get("goal").cloned().unwrap_or_default();
    draft.take_all(of_export(fields));
    match kind.as_str() {
        "join" | "entry" | "call" | "stage" | "review" => {
            draft.is_made("Ganger makes it where it is needed", Vec::new());
        }
        "goal" => {
            let parts = goal["tickets"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let parts: Vec<TicketId> = parts.filter_map(|id| TicketId::parse(id).ok()).collect();
            if parts.is_empty() {
                (draft.spec.kind, draft.spec.agent) = (Kind::Goal, None);
            } else {
                draft.is_made("it is a goal that became tickets, and these are taken without it", parts);
            }
        }
        _ => {}
    }
}

/// The fields that say what was asked for: status and history belong to the other board.
fn of_export(fields: Map<String, Value>) -> Map<String, Value> {
    const ASKED: [&str; 12] = [
        "id",
        "title",
        "description",
        "status",
        "done",
        "priority",
        "after",
        "files",
        "agent",
        "labels",
        "links",
        "estimated_tokens",
    ];
    let contest = fields.get("contest").cloned();
    let is_final = |status: &Value| status == "merged" || status == "closed" || status == "cancelled";
    let taken = fields.into_iter().filter(|(key, value)| match key.as_str() {
        "metadata" => true,
        "status" => is_final(value),
        key => ASKED.contains(&key),
    });
    let mut taken: Map<String, Value> = taken.collect();
    // One that took an entry is the work of one agent by now.
    let is_open = |contest: &&Value| contest["taken"].is_null() && contest["agents"].is_array();
    if let Some(contest) = contest.as_ref().filter(is_open) {
        taken.insert("contest".to_owned(), contest["agents"].clone());
    }
    taken
}

fn entry(place: &str, value: Value) -> Parsed {
    let mut draft = Draft::new(place);
    match value {
        Value::Object(fields) if is_own(&fields) => take_own(&mut draft, fields),
        Value::Object(fields) => draft.take_all(fields),
        // A list of titles.
        Value::String(title) => draft.take("title", Value::String(title)),
        other => draft.fault(format!("expected an object, found `{}`", plain(&other))),
    }
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::super::tests::titles;

    #[test]
    fn requirements_are_read_as_list_object_and_lines() {
        let one = r#"{"id":"REQ-1","title":"One","priority":"HIGH","status":"PENDING","dependencies":[]}"#;
        let two = r#"{"id":"REQ-2","title":"Two","dependencies":["REQ-1"]}"#;
        let done = r#"{"id":"REQ-3","title":"Three","status":"COMPLETE"}"#;
        assert_eq!(titles("f", one), ["REQ-1 One"]);
        assert_eq!(titles("f", &format!("[{one},{two},{done}]")), ["REQ-1 One", "REQ-2 Two after REQ-1"]);
        assert_eq!(titles("f", &format!("{one}\n{two}\n")), ["REQ-1 One", "REQ-2 Two after REQ-1"]);
        assert_eq!(titles("f", r#"{"tickets":[{"title":"One"}]}"#), [" One"]);
        assert_eq!(titles("f", r#"{"master":{"tasks":[{"id":1,"title":"One"}]}}"#), ["1 One"]);
        assert_eq!(titles("f", r#"{"ticket":{"title":"One"}}"#), [" One"]);
        assert_eq!(titles("f", r#"{"tasks":{"A-1":{"title":"One"}}}"#), ["A-1 One"]);
    }

    #[test]
    fn marks_and_line_ends_of_other_editors_change_nothing() {
        let list = "\u{feff}[{\"id\":\"A-1\",\"title\":\"One\"},\r\n{\"id\":\"A-2\",\"title\":\"Two\"}]\r\n";
        assert_eq!(titles("f", list), ["A-1 One", "A-2 Two"]);
        let lines = "\u{feff}{\"id\":\"A-1\",\"title\":\"One\"}\r\n\r\n{\"id\":\"A-2\",\"title\":\"Two\"}\r\n";
        assert_eq!(titles("f", lines), ["A-1 One", "A-2 Two"]);
        assert_eq!(titles("f.toml", "\u{feff}[[ticket]]\r\ntitle = \"One\"\r\n"), [" One"]);
    }

    #[test]
    fn toml_holds_the_same_entries() {
        let text = "[[ticket]]\nid = 1\ntitle = \"One\"\n\n[[ticket]]\nid = 2\ntitle = \"Two\"\nafter = [1]\n";
        assert_eq!(titles("f.toml", text), ["1 One", "2 Two after 1"]);
        assert_eq!(titles("-", text), ["1 One", "2 Two after 1"], "by what it holds");
        assert_eq!(titles("f.toml", "[tickets.A-1]\ntitle = \"One\"\n"), ["A-1 One"]);
        let found = titles("f.toml", "[[ticket]]\ntitle = \n");
        assert!(found[0].starts_with("error f.toml:2: "), "{}", found[0]);
    }

    #[test]
    fn every_fault_has_its_place() {
        let text = "{\"id\":\"REQ-1\",\"title\":\"One\"}\n{\"id\":\"REQ 2\",\"title\":\"x\"}\n{\"id\":\"REQ-3\"}\n";
        let found = titles("f", text);
        assert_eq!(found[0], "REQ-1 One");
        assert!(found[1].starts_with("error f:2: `REQ 2` is not a valid id"), "{}", found[1]);
        assert!(found[2].starts_with("error f:3: missing field `title`"), "{}", found[2]);
        let found = titles("f", "[{\"title\":\"a\"},\n{\"title\":\"a\",\"title\":\"b\"}]");
        assert!(found[0].starts_with("error f:2: the key `title` is there twice"), "{}", found[0]);
        let found = titles("f", r#"[{"id":true,"title":"x"},7]"#);
        assert!(found[0].starts_with("error f[0]: the id `true`"), "{}", found[0]);
        assert!(found[1].starts_with("error f[1]: expected an object"), "{}", found[1]);
    }

    #[test]
    fn what_belongs_to_no_ticket_is_named() {
        let reading = super::json("f", r#"{"version":3,"tickets":[{"title":"One"}]}"#);
        assert_eq!(reading.notes, ["Not imported, as it belongs to no ticket: `version` in f."]);
    }
}
