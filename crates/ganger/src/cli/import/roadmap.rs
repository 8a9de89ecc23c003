//! Markdown roadmaps: table rows `| REQ-1 | Title | Status | … |`, headings `### REQ-1: Title` with
//! `**Status:** Pending` and the text below them, and list items `- [ ] Title`.
//!
//! What stands in code fences and comments is text, never a ticket. What belongs to no ticket is counted and named.

use super::Reading;
use super::draft::{Draft, Field};
use super::ids::{prefix, prefixes_in, ticket_heading};
use super::inline;
use super::markdown::{Fence, Item, cells, dedent, heading, indent, is_separator, item, underline};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn read(name: &str, text: &str) -> Reading {
    let lines: Vec<&str> = text.lines().collect();
    let mut roadmap = Roadmap { name, lines: &lines, prefixes: prefixes_in(&lines), ..Roadmap::default() };
    let mut at = front_matter(&lines);
    roadmap.outside.extend((0..at).filter(|n| !lines[*n].trim().is_empty()));
    while at < lines.len() {
        at += roadmap.read(at);
        roadmap.after_blank = lines[at - 1].trim().is_empty();
    }
    roadmap.close();
    let mut notes = roadmap.notes;
    notes.extend(match roadmap.outside.as_slice() {
        [] => None,
        [one] => Some(format!("Not imported: 1 line that belongs to no ticket ({name}:{}).", one + 1)),
        [first, ..] => {
            let number = roadmap.outside.len();
            Some(format!("Not imported: {number} lines that belong to no ticket (the first is {name}:{}).", first + 1))
        }
    });
    Reading { entries: roadmap.entries, notes }
}

/// Lines of settings at the top, between `---`.
fn front_matter(lines: &[&str]) -> usize {
    if lines.first().is_none_or(|l| l.trim_end() != "---") {
        return 0;
    }
    let end = lines.iter().skip(1).position(|l| ["---", "..."].contains(&l.trim_end()));
    end.map_or(0, |end| end + 2)
}

/// The ticket that lines belong to.
struct Current {
    draft: Draft,
    from: From,
    /// What list items and lines below a label or a sub-heading go to.
    collects: Option<Field>,
    /// Whether something was collected for it already.
    has_collected: bool,
    /// Indent of the item of the definition of done that may go on in the next line.
    open_item: Option<usize>,
}

/// What a ticket began with.
#[derive(Clone, Copy)]
enum From {
    Heading { level: usize },
    Item { indent: usize },
}

#[derive(Default)]
struct Roadmap<'a> {
    name: &'a str,
    lines: &'a [&'a str],
    entries: Vec<super::draft::Parsed>,
    current: Option<Current>,
    fence: Option<Fence>,
    in_comment: bool,
    after_blank: bool,
    in_list: bool,
    /// Lines that belong to no ticket.
    outside: Vec<usize>,
    /// What ids of this file begin with.
    prefixes: BTreeSet<String>,
    /// What was not understood as it may have been meant.
    notes: Vec<String>,
}

impl Roadmap<'_> {
    /// Reads what begins at a line, and says how many lines it had.
    fn read(&mut self, at: usize) -> usize {
        let line = self.lines[at];
        let was_verbatim = self.fence.is_some() || self.in_comment;
        if self.is_verbatim(line) {
            if !was_verbatim {
                self.leave_ticket_item(line);
            }
            self.leave_item(line);
            self.text(at);
            return 1;
        }
        if line.trim().is_empty() {
            self.text(at);
            return 1;
        }
        if let Some((level, title)) = heading(line) {
            self.heading(at, level, title);
            return 1;
        }
        if let Some(level) = self.lines.get(at + 1).and_then(|next| underline(next))
            && item(line).is_none()
            && ticket_heading(line.trim()).is_some()
        {
            self.heading(at, level, line.trim());
            return 2;
        }
        if let Some(rows) = self.table(at) {
            return rows;
        }
        let found = item(line);
        let is_code = !self.in_list && self.current.is_none() && indent(line) >= 4;
        self.in_list = found.is_some() || (self.in_list && indent(line) > 0);
        match found {
            Some(found) if !is_code => self.item(at, &found),
            _ => {
                self.leave_item(line);
                self.line(at);
            }
        }
        1
    }

    /// Whether a line is in a code fence or a comment.
    fn is_verbatim(&mut self, line: &str) -> bool {
        if let Some(fence) = &self.fence {
            if fence.is_closed_by(line) {
                self.fence = None;
            }
            return true;
        }
        if self.in_comment || line.trim_start().starts_with("<!--") {
            self.in_comment = !line.contains("-->");
            return true;
        }
        self.fence = Fence::opened_by(line);
        self.fence.is_some()
    }

    fn heading(&mut self, at: usize, level: usize, title: &str) {
        self.in_list = false;
        let outer = match &self.current {
            Some(Current { draft, from: From::Heading { level: outer }, .. }) if level > *outer => {
                Some(draft.id.clone().unwrap_or_default())
            }
            _ => None,
        };
        let ticket = ticket_heading(title).filter(|found| match &outer {
            None => true,
            // Below a ticket most headings are parts of it, such as `#### UTF-8 names`.
            Some(outer) => found.id != *outer && (prefix(&found.id) == prefix(outer) || self.has_status(at + 1)),
        });
        match (ticket, outer) {
            (Some(found), _) => {
                let mut draft = Draft::new(&self.place(at));
                draft.id = Some(found.id);
                draft.take_title(&found.title);
                self.open(draft, From::Heading { level });
                self.tick(found.tick);
            }
            (None, Some(_)) => {
                let field = Field::named(title.trim_end_matches(':')).filter(|f| is_collected(*f));
                if let Some(current) = &mut self.current {
                    current.collects = field;
                    current.has_collected = false;
                    current.open_item = None;
                }
                if field.is_none() {
                    self.text(at);
                }
            }
            // A chapter.
            (None, None) => self.close(),
        }
    }

    /// Whether a status follows before the next heading.
    fn has_status(&self, from: usize) -> bool {
        let body = self.lines[from.min(self.lines.len())..].iter().take_while(|l| heading(l).is_none());
        body.filter_map(|l| key_and_value(l)).any(|(key, _)| Field::named(&key) == Some(Field::Status))
    }

    fn item(&mut self, at: usize, found: &Item<'_>) {
        let is_top = match &self.current {
            None => true,
            Some(Current { from: From::Item { indent }, .. }) => found.indent < indent + 2,
            Some(Current { from: From::Heading { .. }, .. }) => false,
        };
        if is_top {
            return match found.tick {
                Some(_) => self.ticket_item(at, found),
                None => {
                    self.close();
                    self.outside.push(at);
                }
            };
        }
        let line = self.lines[at];
        if found.tick.is_none() && self.key_line(line) {
            return;
        }
        let Some(current) = &mut self.current else { return };
        if found.tick.is_none() && current.collects.is_none() && current.open_item.is_none() {
            match inline::facts(found.text, false) {
                Some(facts) => return current.draft.take_facts(facts),
                None => current.draft.note_unknown_key(found.text),
            }
        }
        let is_deeper = current.open_item.is_some_and(|outer| found.indent >= outer + 2);
        match (found.tick, current.collects) {
            // A part of the item above.
            (None, _) if is_deeper => current.extend_item(found.text),
            (Some(' '), _) if !found.text.is_empty() => {
                current.draft.spec.done.push(found.text.to_owned());
                current.open_item = Some(found.indent);
                current.has_collected = true;
            }
            (None, Some(field)) => {
                current.collect(field, found.text);
                current.open_item = (field == Field::Done).then_some(found.indent);
            }
            _ => {
                current.open_item = None;
                self.text(at);
            }
        }
    }

    fn ticket_item(&mut self, at: usize, found: &Item<'_>) {
        let mut draft = Draft::new(&self.place(at));
        match ticket_heading(found.text) {
            Some(ticket) if ticket.is_marked || self.prefixes.contains(prefix(&ticket.id)) => {
                draft.id = Some(ticket.id);
                draft.take_title(&ticket.title);
            }
            other => {
                if let Some(ticket) = other {
                    let (place, id) = (self.place(at), ticket.id);
                    self.notes.push(format!("`{id}` is part of a title ({place}); if it is the id, write `{id}: …`."));
                }
                draft.take_title(found.text);
            }
        }
        self.open(draft, From::Item { indent: found.indent });
        self.tick(found.tick);
    }

    /// What a box says of the status.
    fn tick(&mut self, tick: Option<char>) {
        let status = match tick {
            None | Some(' ') => return,
            Some(c) => format!("[{c}]"),
        };
        if let Some(current) = &mut self.current {
            current.draft.take("status", Value::String(status));
        }
    }

    /// A line that is no item.
    fn line(&mut self, at: usize) {
        let line = self.lines[at];
        self.leave_ticket_item(line);
        if self.current.is_none() && is_rule(line) {
            return;
        }
        if self.key_line(line) {
            return;
        }
        let after_blank = self.after_blank;
        let Some(current) = &mut self.current else { return self.outside.push(at) };
        if current.open_item.is_some() && !after_blank {
            return current.extend_item(line.trim());
        }
        match current.collects {
            Some(field) if field == Field::Status || field == Field::Priority || field == Field::Agent => {
                current.collect(field, line.trim());
                current.collects = None;
            }
            Some(_) if current.has_collected && indent(line) == 0 => {
                current.collects = None;
                self.text(at);
            }
            _ => self.text(at),
        }
    }

    /// A line such as `**Status:** Pending`, `- Files: a, b`, or a label alone for what is below it.
    fn key_line(&mut self, line: &str) -> bool {
        let Some(current) = &mut self.current else { return false };
        // `**Status:** Pending | **Priority:** high`
        let parts: Vec<&str> = line.split('|').collect();
        let is_row = parts.len() > 1 && parts.iter().all(|p| key_of(p).is_some());
        let mut is_key = false;
        for part in if is_row { parts } else { vec![line] } {
            let Some((field, key, value)) = key_of(part) else { continue };
            is_key = true;
            current.open_item = None;
            current.has_collected = false;
            current.collects = value.is_empty().then_some(field);
            if !value.is_empty() {
                current.draft.take(&key, Value::String(value));
            }
        }
        is_key
    }

    /// An item of the definition of done ends with a line that is not indented below it.
    fn leave_item(&mut self, line: &str) {
        let after_blank = self.after_blank;
        if let Some(current) = &mut self.current
            && current.open_item.is_some_and(|outer| after_blank || indent(line) <= outer)
        {
            current.open_item = None;
        }
    }

    /// A ticket that is an item ends with a line, behind an empty one, that is not indented below it.
    fn leave_ticket_item(&mut self, line: &str) {
        if let Some(Current { from: From::Item { indent: outer }, .. }) = &self.current
            && self.after_blank
            && indent(line) < outer + 2
        {
            self.close();
        }
    }

    /// Keeps a line as it is, in the text of the ticket that it belongs to.
    fn text(&mut self, at: usize) {
        let line = self.lines[at];
        let is_empty = line.trim().is_empty();
        match &mut self.current {
            Some(current) => {
                let text = &mut current.draft.spec.description;
                if !(is_empty && text.is_empty()) {
                    let most = match current.from {
                        From::Heading { .. } => 0,
                        From::Item { indent } => indent + 2,
                    };
                    text.push_str(dedent(line, most).trim_end());
                    text.push('\n');
                }
            }
            None if !is_empty => self.outside.push(at),
            None => {}
        }
    }

    /// Reads a table of tickets, and says how many lines it had.
    fn table(&mut self, at: usize) -> Option<usize> {
        let columns = cells(self.lines[at])?;
        let is_table = self.lines[at].trim().starts_with('|')
            || self.lines.get(at + 1).and_then(|l| cells(l)).is_some_and(|next| is_separator(&next));
        let fields: Vec<Option<Field>> = columns.iter().map(|c| Field::named(c)).collect();
        let has = |field| fields.contains(&Some(field));
        // In the text of a ticket a table is text, unless it lists tickets beyond doubt.
        let lists_tickets = match &self.current {
            None => has(Field::Title) || has(Field::Description),
            Some(_) => has(Field::Id) && has(Field::Title) && has(Field::Status),
        };
        if !is_table || !lists_tickets || is_separator(&columns) {
            return None;
        }
        self.close();
        let rows = self.lines[at + 1..].iter().map_while(|l| cells(l)).collect::<Vec<_>>();
        for (n, row) in rows.iter().enumerate().filter(|(_, row)| !is_separator(row)) {
            self.row(at + 1 + n, &columns, row);
        }
        Some(rows.len() + 1)
    }

    fn row(&mut self, at: usize, columns: &[String], cells: &[String]) {
        let mut draft = Draft::new(&self.place(at));
        let has_title = columns.iter().any(|c| Field::named(c) == Some(Field::Title));
        let names = columns.iter().cloned().chain((columns.len() + 1..).map(|n| format!("column {n}")));
        let mut fields = serde_json::Map::new();
        for (name, cell) in names.zip(cells).filter(|(_, c)| !c.is_empty() && *c != "-") {
            let is_title = !has_title && Field::named(&name) == Some(Field::Description);
            fields.insert(if is_title { "title".to_owned() } else { name }, Value::String(cell.clone()));
        }
        if !fields.is_empty() {
            draft.take_all(fields);
            draft.split_title();
            self.entries.push(draft.finish());
        }
    }

    fn open(&mut self, draft: Draft, from: From) {
        self.close();
        self.current = Some(Current { draft, from, collects: None, has_collected: false, open_item: None });
    }

    fn close(&mut self) {
        let Some(Current { mut draft, from, .. }) = self.current.take() else { return };
        if let From::Item { .. } = from {
            // Below an item everything is indented.
            let text = &draft.spec.description;
            let least = text.lines().filter(|l| !l.trim().is_empty()).map(indent).min().unwrap_or(0);
            let lines: Vec<&str> = text.lines().map(|line| dedent(line, least)).collect();
            draft.spec.description = lines.join("\n");
        }
        self.entries.push(draft.finish());
    }

    fn place(&self, at: usize) -> String {
        format!("{}:{}", self.name, at + 1)
    }
}

impl Current {
    fn collect(&mut self, field: Field, text: &str) {
        let key = match field {
            Field::Done => {
                self.draft.spec.done.push(text.to_owned());
                self.has_collected = true;
                return;
            }
            Field::After => "after",
            Field::Files => "files",
            Field::Labels => "labels",
            Field::Status => "status",
            Field::Priority => "priority",
            Field::Agent => "agent",
            _ => return,
        };
        self.has_collected = true;
        self.draft.take(key, Value::String(text.to_owned()));
    }

    /// The item above goes on.
    fn extend_item(&mut self, text: &str) {
        if let Some(last) = self.draft.spec.done.last_mut() {
            last.push(' ');
            last.push_str(text);
        }
    }
}

/// Fields that a label alone may introduce.
fn is_collected(field: Field) -> bool {
    use Field::{After, Agent, Done, Files, Labels, Priority, Status};
    matches!(field, After | Agent | Done | Files | Labels | Priority | Status)
}

/// A field of a roadmap with its key and value.
fn key_of(line: &str) -> Option<(Field, String, String)> {
    let (key, value) = key_and_value(line)?;
    // A contest names several agents; else the word is one of a sentence.
    let is_taken = |f: &Field| is_collected(*f) || *f == Field::Tokens || *f == Field::Contest && value.contains(',');
    let field = Field::named(&key).filter(is_taken)?;
    Some((field, key, value))
}

/// `**Key:** value`, `- Key: value`.
fn key_and_value(line: &str) -> Option<(String, String)> {
    let bare = line.trim().trim_start_matches(['-', '*', '+', '_', ' ']);
    let (key, value) = bare.split_once(':')?;
    let is_mark = |c| ['*', '_', ' ', '`'].contains(&c);
    Some((key.trim_matches(is_mark).to_owned(), value.trim_matches(is_mark).to_owned()))
}

/// A line that only separates.
fn is_rule(line: &str) -> bool {
    let bare = line.trim();
    bare.len() >= 3 && ['-', '*', '_', '='].iter().any(|c| bare.chars().all(|b| b == *c || b == ' '))
}
