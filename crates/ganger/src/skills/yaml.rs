//! Frontmatter as a tree that knows its lines. Whoever writes these files by hand forgets quotes: a value such as
//! `description: Use when: tests fail` is read as other clients read it, with a warning.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// A value with the line where it begins, counted from 1 in its own text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nothing,
    Switch(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// What was read, and which keys had to be quoted for it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Node,
    pub(super) quoted: Vec<(usize, String)>,
}

/// What is wrong, at which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Frontmatter is a few lines; what is nested deeper or refers to itself more often is none.
const DEEPEST: usize = 16;
const MOST_NODES: usize = 5_000;

pub(super) fn parse(text: &str) -> Result<Parsed, YamlError> {
    let first = match read(text) {
        Ok(root) => return Ok(Parsed { root, quoted: Vec::new() }),
        Err(error) => error,
    };
    let (repaired, quoted) = quote(text);
    match read(&repaired) {
        Ok(root) if !quoted.is_empty() => Ok(Parsed { root, quoted }),
        _ => Err(first),
    }
}

fn read(text: &str) -> Result<Node, YamlError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST, max_nodes: MOST_NODES, max_aliases: 0, max_documents: 1 },
    };
    let found = serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options);
    found.map(Node::from).map_err(|error| {
        let line = error.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(1).max(1);
        let said = error.without_snippet().to_string();
        let message = said.lines().next().unwrap_or_default().trim().to_owned();
        YamlError { line, message }
    })
}

/// Puts quotes around plain values of the top level that YAML would read as something else, and names their keys.
fn quote(text: &str) -> (String, Vec<(usize, String)>) {
    let mut quoted = Vec::new();
    let lines = text.lines().enumerate().map(|(n, line)| match plain_value(line) {
        Some((key, value)) => {
            quoted.push((n + 1, key.to_owned()));
            format!("{key}: '{}'", value.replace('\'', "''"))
        }
        None => line.to_owned(),
    });
    let repaired = lines.collect::<Vec<_>>().join("\n");
    (repaired, quoted)
}

/// Key and value of a line whose value is text that YAML stumbles over.
fn plain_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let value = value.strip_prefix(' ')?.trim();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    let first = value.chars().next()?;
    let is_written_out = match first {
        '"' | '\'' => value.len() > 1 && value.ends_with(first),
        // A list may go on in the next line.
        '[' => value.ends_with(']') || !value.contains(']'),
        '{' => value.ends_with('}') || !value.contains('}'),
        '|' | '>' => true,
        _ => false,
    };
    let stumbles = value.contains(": ") || value.ends_with(':') || "\"'[{@`%&*!".contains(first);
    (is_key && !is_written_out && stumbles).then_some((key, value))
}

impl From<Spanned<Value>> for Node {
    fn from(found: Spanned<Value>) -> Self {
        Self { line: usize::try_from(found.referenced.line()).unwrap_or(1).max(1), value: found.value }
    }
}

impl Node {
    /// A plain value as text: a version that looks like a number is one to YAML only.
    pub(super) fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Switch(switch) => Some(switch.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Nothing | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(super) fn switch(&self) -> Option<bool> {
        match &self.value {
            Value::Switch(switch) => Some(*switch),
            Value::Text(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn map(&self) -> Option<&[(String, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// A list of words, however it is written: as a list, or in one line with commas or blanks between them.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        match &self.value {
            Value::List(items) => Some(items.iter().filter_map(Self::text).collect()),
            Value::Text(text) => Some(split_words(text)),
            _ => None,
        }
    }

    /// What kind of value it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Nothing => "nothing",
            Value::Switch(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Words with commas or blanks between them; brackets hold together: `Bash(git log *), Read`.
fn split_words(text: &str) -> Vec<String> {
    let (mut depth, mut words, mut word) = (0_usize, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == ',' || c.is_whitespace()) {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_bool<E>(self, switch: bool) -> Result<Value, E> {
        Ok(Value::Switch(switch))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        // Whoever writes a number beyond 2^53 into frontmatter does not count with it.
        #[expect(clippy::cast_precision_loss, reason = "limits and temperatures")]
        Ok(Value::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "limits and temperatures")]
        Ok(Value::Number(number as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element::<Spanned<Value>>()? {
            items.push(Node::from(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = from.next_key::<String>()? {
            entries.push((key, Node::from(from.next_value::<Spanned<Value>>()?)));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines() {
        let text = "name: a\ntools:\n  write: false\n  bash: true\nmetadata:\n  tool_access: [read, write]\n";
        let root = parse(text).unwrap().root;
        assert_eq!(root.get("name").unwrap().text().unwrap(), "a");
        let tools = root.get("tools").unwrap();
        assert_eq!((tools.get("bash").unwrap().switch(), tools.get("bash").unwrap().line), (Some(true), 4));
        let access = root.get("metadata").unwrap().get("tool_access").unwrap();
        assert_eq!((access.words().unwrap(), access.line), (vec!["read".to_owned(), "write".to_owned()], 6));
    }

    #[test]
    fn a_value_that_forgot_its_quotes_is_read_with_a_warning() {
        for (line, value) in [
            ("description: Use when: tests fail", "Use when: tests fail"),
            ("description: It's \"quoted\": yes", "It's \"quoted\": yes"),
            ("description: [WIP] do: it", "[WIP] do: it"),
            ("description: `code` first", "`code` first"),
        ] {
            let parsed = parse(&format!("name: a\n{line}\n")).unwrap();
            assert_eq!(parsed.root.get("description").unwrap().text().as_deref(), Some(value));
            assert_eq!(parsed.quoted, [(2, "description".to_owned())], "{line}");
        }
        assert!(parse("name: a\ndescription: fine\n").unwrap().quoted.is_empty());
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let error = parse("name: a\nlist: [1, 2\nmore: x\n").unwrap_err();
        assert!((2..=4).contains(&error.line), "{error:?}");
        let alias = parse("a: &a [x]\nb: *a\n").unwrap().root;
        assert_eq!(alias.get("b").unwrap().text().as_deref(), Some("*a"), "aliases are not needed, and can be a bomb");
        let deep = "[".repeat(40);
        assert!(parse(&format!("a: {deep}")).is_err());
        assert!(parse("name: a\nname: b\n").is_err(), "a key that is there twice");
    }

    #[test]
    fn lists_are_read_in_either_form() {
        let words = |text: &str| parse(text).unwrap().root.get("tools").unwrap().words().unwrap();
        assert_eq!(words("tools: Read, Bash(git log *), Grep\n"), ["Read", "Bash(git log *)", "Grep"]);
        assert_eq!(words("tools: [Read, Grep]\n"), ["Read", "Grep"]);
        assert_eq!(words("tools: Read Grep\n"), ["Read", "Grep"]);
    }
}
