//! What is wrong in a file of configuration, in the words of the field, at the line where it is.

use crate::text;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A fault of a file.
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What the reader of TOML, or of our own shape, says of a text.
pub(super) fn explain(text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().unwrap_or_default();
    let said = error.message().trim();
    let path = path_at(text, span.start);
    let (message, hint) = duplicate(text, said, &span)
        .or_else(|| missing_key(said, &path))
        .or_else(|| unknown_key(said, &path))
        .or_else(|| unknown_word(said, &path))
        .or_else(|| wrong_type(said, &path))
        .unwrap_or_else(|| (said.to_owned(), None));
    Fault { line: line_of(text, span.start), message, hint }
}

type Words = (String, Option<String>);

fn duplicate(text: &str, said: &str, span: &Range<usize>) -> Option<Words> {
    let key = said.starts_with("duplicate key").then(|| text.get(span.clone()))??.trim();
    let bare = key.trim_matches(['"', '\'', '[', ']']);
    let bare = bare.rsplit('.').next().unwrap_or(bare);
    let mut first = None::<usize>;
    walk(text, &mut |_, name, at, _| {
        // The nearest one before: others of this name are in other tables.
        if name == bare && at.start < span.start {
            first = first.max(Some(at.start));
        }
    });
    // Of a table that is there twice, the second one is kept.
    let header = |line: &str| line.split_once(']').map(|(header, _)| header.replace(' ', ""));
    let own = text.lines().nth(line_of(text, span.start) - 1).and_then(header);
    let same =
        || text.lines().position(|line| own.is_some() && line.trim_start().starts_with('[') && header(line) == own);
    let first = first.map(|at| line_of(text, at)).or_else(|| same().map(|n| n + 1));
    let first = first.filter(|line| *line < line_of(text, span.start));
    let first = first.map_or(String::new(), |line| format!(": first in line {line}"));
    Some((format!("`{bare}` is set twice{first}"), Some("delete one of them".to_owned())))
}

/// ``unknown field `a`, expected one of `b`, `c` ``
fn unknown_key(said: &str, path: &str) -> Option<Words> {
    let (word, known) = unexpected(said, "unknown field ")?;
    // The path may lead further down than the key that is not known.
    let above = path.split('.').take_while(|part| *part != word).collect::<Vec<_>>();
    let whole = above.join(".");
    let section = if whole == path { path.rsplit_once('.').map_or("", |(section, _)| section) } else { &whole };
    let place = if section.is_empty() { String::new() } else { format!(" in `{section}`") };
    Some((format!("unknown key `{word}`{place}"), Some(meant(&word, &known, "docs/configuration.md lists every key"))))
}

/// ``missing field `a` ``
fn missing_key(said: &str, path: &str) -> Option<Words> {
    let key = said.strip_prefix("missing field ")?;
    Some((format!("`{path}` has no {key}, and needs it"), None)).filter(|_| !path.is_empty())
}

fn unknown_word(said: &str, path: &str) -> Option<Words> {
    let (word, known) = unexpected(said, "unknown variant ")?;
    let key = path.rsplit('.').next().filter(|key| !key.is_empty()).unwrap_or("word");
    let message = format!("unknown {key} `{word}` (known: {})", known.join(", "));
    Some((message, text::did_you_mean(&word, known.iter().map(String::as_str))))
}

fn meant(word: &str, known: &[String], otherwise: &str) -> String {
    match text::did_you_mean(word, known.iter().map(String::as_str)) {
        Some(meant) => meant,
        None if (1..=MOST_KEYS).contains(&known.len()) => format!("known keys: {}", known.join(", ")),
        None => otherwise.to_owned(),
    }
}

/// A hint of more keys helps nobody.
const MOST_KEYS: usize = 16;

/// The word that was not expected, and those that would have been.
fn unexpected(said: &str, begins: &str) -> Option<(String, Vec<String>)> {
    let mut quoted = said.strip_prefix(begins)?.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}

/// `invalid type: string "two", expected u64`
fn wrong_type(said: &str, path: &str) -> Option<Words> {
    let rest = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "))?;
    let (found, wanted) = rest.split_once(", expected ")?;
    let wanted = match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => "a list, such as [\"one\", \"two\"]",
        other if other.starts_with("struct ") || other == "a map" => "a table",
        other => other,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some((_, value)) if found.contains('`') => value.rsplit('`').nth(1).unwrap_or(value).to_owned(),
        _ if found == "map" => "a table".to_owned(),
        _ if found == "sequence" => "a list".to_owned(),
        _ => found.to_owned(),
    };
    let what = if path.is_empty() { "the value".to_owned() } else { format!("`{path}`") };
    Some((format!("{what} must be {wanted}, and is {found}"), None))
}

/// The line of a dotted key such as `limits.parallel` or `gate[1].command`, or of the nearest table above it; 1 where
/// there is none.
pub(super) fn locate(text: &str, key: &str) -> usize {
    let mut best = (0, 0);
    walk(text, &mut |path, _, at, _| {
        let fits = key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if fits && path.len() > best.0 {
            best = (path.len(), at.start);
        }
    });
    line_of(text, best.1)
}

/// The dotted key whose name or value is at a place.
fn path_at(text: &str, offset: usize) -> String {
    let mut found = String::new();
    walk(text, &mut |path, _, name, value| {
        if (name.contains(&offset) || value.contains(&offset)) && path.len() > found.len() {
            path.clone_into(&mut found);
        }
    });
    found
}

/// What is called for each key with its path, its name, its place, and that of its value.
type Visit<'a> = dyn FnMut(&str, &str, Range<usize>, Range<usize>) + 'a;

/// Goes through all keys of a text, also one that has faults.
fn walk(text: &str, visit: &mut Visit<'_>) {
    fn value(path: &str, of: &DeValue<'_>, visit: &mut Visit<'_>) {
        match of {
            DeValue::Table(inner) => table(path, inner, visit),
            DeValue::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    let path = format!("{path}[{n}]");
                    visit(&path, "", item.span(), item.span());
                    value(&path, item.get_ref(), visit);
                }
            }
            _ => {}
        }
    }
    fn table(path: &str, of: &DeTable<'_>, visit: &mut Visit<'_>) {
        for (key, inner) in of {
            let name = key.get_ref();
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            visit(&path, name, key.span(), inner.span());
            value(&path, inner.get_ref(), visit);
        }
    }
    let (document, _faults) = DeTable::parse_recoverable(text);
    table("", document.get_ref(), visit);
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn of(text: &str) -> String {
        let Fault { line, message, hint } = explain(text, &toml::from_str::<Config>(text).unwrap_err());
        format!("{line}: {message}{}", hint.map_or(String::new(), |hint| format!(" ({hint})")))
    }

    #[test]
    fn faults_are_told_in_the_words_of_the_field() {
        for (text, told) in [
            (
                "[limits]\nparallel = 2\nparalel = 3\n",
                "3: unknown key `paralel` in `limits` (did you mean `parallel`?)",
            ),
            ("[limit]\n", "1: unknown key `limit` (did you mean `limits`?)"),
            (
                "\n[limits]\nparallel = \"two\"\n",
                "3: `limits.parallel` must be a whole number, 0 or more, and is the text \"two\"",
            ),
            ("[limits]\nparallel = -1\n", "2: `limits.parallel` must be a whole number, 0 or more, and is -1"),
            ("[policy]\nfetch = 1\n", "2: `policy.fetch` must be true or false, and is 1"),
            (
                "[agent.a]\nruntime = \"claude\"\nallow = \"x\"\n",
                "3: `agent.a.allow` must be a list, such as [\"one\", \"two\"], and is the text \"x\"",
            ),
            (
                "[agent.a]\nruntime = \"opencod\"\n",
                "2: unknown runtime `opencod` (known: claude, opencode, codex, gemini, acp, command) (did you mean `opencode`?)",
            ),
            (
                "[policy]\nreview = \"human\"\n",
                "2: unknown review `human` (known: auto, off, person, agent, agent+person)",
            ),
            (
                "[limits]\nparallel = 1\n\nparallel = 2\n",
                "4: `parallel` is set twice: first in line 2 (delete one of them)",
            ),
            ("[limits]\n[policy]\n[limits]\n", "3: `limits` is set twice: first in line 1 (delete one of them)"),
            ("[[gate]]\nname = \"t\"\n", "1: `gate[0]` has no `command`, and needs it"),
            ("[agnet.a]\nruntime = \"claude\"\n", "1: unknown key `agnet` (did you mean `agent`?)"),
        ] {
            assert_eq!(of(text), told, "{text}");
        }
    }

    #[test]
    fn keys_are_found_whatever_stands_beside_them() {
        let text = "[limits]   # why\nattempts = 1\nparallel = 0\n\n[[gate]]   # found x\nname = \"a\"\ncommand = \"x\"\n\n\
                    [[ gate ]]\nname = \"b\"\ncommand = \" \"\n[agent]\nx = { runtime = \"claude\", fallback = \"y\" }\n";
        for (key, line) in [
            ("limits.parallel", 3),
            ("limits", 1),
            ("gate[1].command", 11),
            ("gate[1].timeout_s", 9),
            ("agent.x.fallback", 13),
            ("nothing", 1),
        ] {
            assert_eq!(locate(text, key), line, "{key}");
        }
    }
}
