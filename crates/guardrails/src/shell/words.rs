//! Words: what a piece of the line becomes, as far as it is literal.

use super::{Feed, MOST_VALUES, Shell};
use crate::text::{Origin, unescaped, unknown};
use tree_sitter::Node;

/// Where an unquoted space came out of a variable.
const SPLIT: char = '\u{E002}';
/// Unquoted braces and commas.
const BRACES: [(char, char); 3] = [('{', '\u{E003}'), (',', '\u{E004}'), ('}', '\u{E005}')];

/// Named children of a node.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

impl Shell<'_> {
    /// The words that a node becomes.
    pub(super) fn words(&mut self, node: Node<'_>, source: &str) -> Vec<String> {
        let values = self.values(node, source, false);
        let split = values.iter().flat_map(|value| value.split(SPLIT));
        let words: Vec<String> = split.flat_map(in_braces).take(MOST_VALUES).collect();
        // `$EMPTY` is no word at all, `""` is an empty one.
        let is_bare = matches!(node.kind(), "simple_expansion" | "expansion" | "command_substitution");
        let was_split = values.iter().any(|value| value.contains(SPLIT));
        words
            .into_iter()
            .filter(|word| !(is_bare || was_split) || !word.is_empty())
            .map(|word| self.at_home(&word))
            .collect()
    }

    /// What a node stands for where words are not split: values of variables, here-documents.
    pub(super) fn plain(&mut self, node: Node<'_>, source: &str) -> Vec<String> {
        let values = self.values(node, source, false);
        values.into_iter().map(|value| self.at_home(&restored(&value.replace(SPLIT, " ")))).collect()
    }

    /// `~` is the home only where nothing quotes it.
    fn at_home(&self, word: &str) -> String {
        let Some(rest) = word.strip_prefix('\u{E006}') else { return restored(word) };
        let (user, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match user {
            "" => restored(&format!("{}{path}", self.place.home)),
            "+" => restored(&format!("{}{path}", self.place.folder)),
            user => restored(&format!("/home/{user}{path}")),
        }
    }

    /// All values that a node may have.
    fn values(&mut self, node: Node<'_>, source: &str, quoted: bool) -> Vec<String> {
        let too_deep = vec![unknown(Origin::Unknown, "$(…)")];
        let mut values = self.nested_within(too_deep, |shell| shell.values_themselves(node, source, quoted));
        // A word that doubles itself again and again.
        for value in
            values.iter_mut().filter(|value| value.len() > super::LONGEST_WORD && node.kind() != "heredoc_body")
        {
            *value = unknown(Origin::Unknown, "$(…)");
        }
        values
    }

    fn values_themselves(&mut self, node: Node<'_>, source: &str, quoted: bool) -> Vec<String> {
        let text = &source[node.byte_range()];
        match node.kind() {
            "raw_string" => vec![text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_owned()],
            "ansi_c_string" => vec![unescaped(text.get(2..text.len().saturating_sub(1)).unwrap_or_default())],
            "string" | "translated_string" => self.in_quotes(node, source),
            "heredoc_body" => self.joined(node, source, true, (node.start_byte(), node.end_byte())),
            "concatenation" | "command_name" => self.joined(node, source, quoted, (node.start_byte(), node.end_byte())),
            "simple_expansion" => self.variable(text.trim_start_matches('$'), text, quoted),
            "expansion" => self.expansion(node, source, quoted),
            "command_substitution" => {
                let output = self.substitution(node, source);
                vec![output_as_word(&output, text, quoted)]
            }
            "process_substitution" => {
                let output = self.substitution(node, source);
                let name = format!("/dev/fd/{}", node.start_byte());
                self.scope.files.insert(name.clone(), output);
                vec![name]
            }
            "arithmetic_expansion" => {
                for child in children(node) {
                    let _only_for_what_it_runs = self.values(child, source, true);
                }
                vec!["1".to_owned()]
            }
            "array" => {
                let words: Vec<String> = children(node).into_iter().flat_map(|c| self.words(c, source)).collect();
                vec![words.join(&SPLIT.to_string())]
            }
            "string_content" | "heredoc_content" => vec![within_quotes(text)],
            _ if node.named_child_count() > 0 => {
                self.joined(node, source, quoted, (node.start_byte(), node.end_byte()))
            }
            _ => vec![unquoted(text)],
        }
    }

    fn in_quotes(&mut self, node: Node<'_>, source: &str) -> Vec<String> {
        let text = &source[node.byte_range()];
        let begin = node.start_byte() + text.find('"').map_or(0, |at| at + 1);
        let end = if text.len() > 1 && text.ends_with('"') { node.end_byte() - 1 } else { node.end_byte() };
        self.joined(node, source, true, (begin, end.max(begin)))
    }

    /// The parts of a node and what stands between them.
    fn joined(&mut self, node: Node<'_>, source: &str, quoted: bool, (begin, end): (usize, usize)) -> Vec<String> {
        let mut values = vec![String::new()];
        let mut at = begin;
        let between = |from: usize, to: usize| match source.get(from..to) {
            Some(gap) if quoted => within_quotes(gap),
            Some(gap) => unquoted(gap),
            None => String::new(),
        };
        for child in children(node) {
            if child.start_byte() < at {
                continue;
            }
            let gap = between(at, child.start_byte());
            let parts = if quoted && matches!(child.kind(), "string_content" | "heredoc_content" | "word") {
                vec![within_quotes(&source[child.byte_range()])]
            } else {
                self.values(child, source, quoted)
            };
            at = child.end_byte();
            let longer = |value: &String| parts.iter().map(|part| format!("{value}{gap}{part}")).collect::<Vec<_>>();
            values = values.iter().flat_map(longer).take(MOST_VALUES).collect();
        }
        let gap = between(at, end);
        values.into_iter().map(|value| format!("{value}{gap}")).collect()
    }

    fn variable(&self, name: &str, shown: &str, quoted: bool) -> Vec<String> {
        let split = |value: &str| match quoted {
            true => value.to_owned(),
            false => split_at_spaces(&value.replace(self.scope.separators.as_slice(), " ")),
        };
        match (name, &self.scope.positional) {
            ("@" | "*", Some(all)) => return vec![all.get(1..).unwrap_or_default().join(&SPLIT.to_string())],
            (digits, Some(all)) if digits.chars().all(|c| c.is_ascii_digit()) => {
                let at = digits.parse::<usize>().unwrap_or_default();
                return vec![all.get(at).map_or_else(String::new, |value| split(value))];
            }
            _ => {}
        }
        match self.scope.variables.get(name) {
            // The only white space is what separates: it stays.
            Some(_) if name == "IFS" && !quoted => vec![SPLIT.to_string()],
            Some(values) => values.iter().map(|value| split(value)).collect(),
            None => vec![unknown(Origin::Unknown, shown)],
        }
    }

    /// `${…}` in its forms.
    fn expansion(&mut self, node: Node<'_>, source: &str, quoted: bool) -> Vec<String> {
        let text = &source[node.byte_range()];
        let inner = text.trim_start_matches("${").trim_end_matches('}');
        if inner.starts_with('#') {
            return vec!["1".to_owned()];
        }
        let end =
            inner.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '!' | '@' | '*')).unwrap_or(inner.len());
        let (name, operator) = inner.split_at(end);
        let operator = operator.strip_prefix("[@]").or_else(|| operator.strip_prefix("[*]")).unwrap_or(operator);
        let parts: Vec<Node<'_>> = children(node).into_iter().skip(1).collect();
        let mut alternative = Vec::new();
        for part in parts {
            alternative = self.values(part, source, quoted);
        }
        if let Some(pointed) = name.strip_prefix('!') {
            let names = self.variable(pointed, text, true);
            return names.iter().flat_map(|name| self.variable(name, text, quoted)).collect();
        }
        let is_set = self.scope.variables.contains_key(name);
        match operator.chars().find(|c| *c != ':') {
            None => self.variable(name, text, quoted),
            Some('-' | '=') if !is_set && !alternative.is_empty() => {
                if operator.contains('=') {
                    self.scope.variables.insert(name.to_owned(), alternative.clone());
                }
                alternative
            }
            Some('-' | '=' | '?') => self.variable(name, text, quoted),
            Some('+') => alternative,
            // Cut or replaced: what is left is not known.
            Some(_) => vec![unknown(Origin::Unknown, text)],
        }
    }

    /// Runs what stands in a substitution, and says what it prints.
    pub(super) fn substitution(&mut self, node: Node<'_>, source: &str) -> Feed {
        // `$(< file)` reads a file.
        self.captured += 1;
        let output = self.subshell(|shell| shell.all(&children(node), source, &Feed::None));
        self.captured -= 1;
        output
    }

    /// Sets a variable.
    pub(super) fn assign(&mut self, node: Node<'_>, source: &str) -> (String, Vec<String>) {
        let name = node.child_by_field_name("name").map_or("", |n| &source[n.byte_range()]).to_owned();
        let values = node.child_by_field_name("value").map_or_else(Vec::new, |value| match value.kind() {
            "array" => self.values(value, source, false),
            _ => self.plain(value, source),
        });
        let values = if values.is_empty() { vec![String::new()] } else { values };
        let appends = source[node.byte_range()][name.len()..].starts_with("+=");
        let values = match self.scope.variables.get(&name) {
            Some(before) if appends => {
                before.iter().flat_map(|b| values.iter().map(move |v| format!("{b}{v}"))).take(MOST_VALUES).collect()
            }
            _ => values,
        };
        (name.split('[').next().unwrap_or_default().to_owned(), values)
    }

    /// Sets a variable to what it may be.
    pub(super) fn set(&mut self, name: &str, values: Vec<String>) {
        if name == "IFS" {
            self.scope.separators = values.iter().flat_map(|value| value.chars()).collect();
        } else {
            self.scope.variables.insert(name.to_owned(), values);
        }
    }
}

fn output_as_word(output: &Feed, shown: &str, quoted: bool) -> String {
    match output {
        Feed::Text(text) if quoted => text.trim_end_matches('\n').to_owned(),
        Feed::Text(text) => split_at_spaces(text.trim_end_matches('\n')),
        Feed::Paths(paths) => paths.join(&SPLIT.to_string()),
        Feed::Network => unknown(Origin::Network, shown),
        Feed::Decoded => unknown(Origin::Decoded, shown),
        Feed::Secret | Feed::Environment => unknown(Origin::Secret, shown),
        Feed::None | Feed::Processes => unknown(Origin::Unknown, shown),
    }
}

/// Each space ends a word, also one at the beginning.
fn split_at_spaces(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { SPLIT } else { c }).collect()
}

/// Without the escapes that count between double quotes.
fn within_quotes(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => drop(chars.next()),
            ('\\', Some('$' | '`' | '"' | '\\')) => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain
}

/// Without escapes; braces and a leading tilde are marked.
fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => plain.push(escaped),
            },
            '~' if plain.is_empty() => plain.push('\u{E006}'),
            c => plain.push(BRACES.iter().find(|(brace, _)| *brace == c).map_or(c, |(_, mark)| *mark)),
        }
    }
    plain
}

fn restored(word: &str) -> String {
    let word = word.replace('\u{E006}', "~");
    BRACES.iter().fold(word, |word, (brace, mark)| word.replace(*mark, &brace.to_string()))
}

/// `{a,b}` becomes two words.
fn in_braces(word: &str) -> Vec<String> {
    let (open, comma, close) = (BRACES[0].1, BRACES[1].1, BRACES[2].1);
    let Some(begin) = word.find(open) else { return vec![word.to_owned()] };
    let (mut depth, mut parts, mut from, mut end) = (0, Vec::new(), begin + open.len_utf8(), None);
    for (at, c) in word[begin..].char_indices().map(|(at, c)| (at + begin, c)) {
        if c == open {
            depth += 1;
        } else if c == comma && depth == 1 {
            parts.push(&word[from..at]);
            from = at + comma.len_utf8();
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                parts.push(&word[from..at]);
                end = Some(at + close.len_utf8());
                break;
            }
        }
    }
    let Some(end) = end.filter(|_| parts.len() > 1) else { return vec![word.to_owned()] };
    let (before, after) = (&word[..begin], &word[end..]);
    parts.iter().flat_map(|part| in_braces(&format!("{before}{part}{after}"))).take(MOST_VALUES).collect()
}
