//! Statements: what a line is made of, in the order in which it would run.

use super::words::children;
use super::{Feed, MOST_COMMANDS, Shell};
use crate::Kind;
use crate::text::{Origin, unknown};
use tree_sitter::{Node, Parser, Tree};

/// What stands around a command.
#[derive(Default)]
struct Redirects<'t> {
    stdin: Option<Feed>,
    /// Files that are written, and whether what they held is kept.
    written: Vec<(String, bool)>,
    /// Words that the grammar takes for names of files: `rm 2> /dev/null -rf x`.
    more_words: Vec<String>,
    /// What stands behind a here-document on its first line: the stages of a pipeline, or what runs next.
    stages: Vec<Node<'t>>,
    next: Vec<Node<'t>>,
}

/// The tree of a line.
pub(crate) fn parse(line: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    parser.parse(line, None)
}

impl Shell<'_> {
    /// Parses a line and walks through it.
    pub(super) fn parse_and_walk(&mut self, line: &str, stdin: &Feed) -> Feed {
        // The grammar does not know of `>|`, nor of a carriage return.
        let line = braced_variables(&braced_commands(&line.replace(">|", "> ").replace('\r', "")));
        let Some(tree) = parse(&line) else {
            self.report(Kind::Hidden, &[line], "It cannot be parsed.");
            return Feed::None;
        };
        if tree.root_node().has_error() {
            self.report(
                Kind::Unclear,
                std::slice::from_ref(&line),
                "It is not a line that bash would understand as a whole.",
            );
        }
        self.statement(tree.root_node(), &line, stdin)
    }

    /// Statements one after the other; what the last one prints counts, and what others print that is not understood.
    pub(super) fn all(&mut self, nodes: &[Node<'_>], source: &str, stdin: &Feed) -> Feed {
        let mut output = Feed::None;
        for node in nodes {
            output = output.followed_by(self.statement(*node, source, stdin));
        }
        output
    }

    fn statement(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        self.nested_within(Feed::None, |shell| shell.statement_itself(node, source, stdin))
    }

    fn statement_itself(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        self.commands += 1;
        if self.commands > MOST_COMMANDS {
            self.report(Kind::Hidden, &[], "It runs more commands than can be judged.");
            return Feed::None;
        }
        match node.kind() {
            "comment" | "heredoc_start" | "heredoc_end" | "file_descriptor" => Feed::None,
            "command" => self.command(node, source, stdin, None),
            "redirected_statement" => self.redirected(node, source, stdin),
            "pipeline" => self.pipeline(node, source, stdin),
            "subshell" => self.subshell(|shell| shell.all(&children(node), source, stdin)),
            "function_definition" => self.function(node, source),
            "for_statement" | "c_style_for_statement" => self.for_loop(node, source, stdin),
            "variable_assignment" => {
                let (name, values) = self.assign(node, source);
                self.set(&name, values);
                Feed::None
            }
            "declaration_command" => self.declaration(node, source),
            "unset_command" => Feed::None,
            "while_statement" => {
                if let Feed::Paths(paths) = stdin {
                    self.read_names(node, source, paths.clone());
                }
                self.all(&children(node), source, stdin)
            }
            "ERROR" => self.error(node, source, stdin),
            "word"
            | "string"
            | "raw_string"
            | "concatenation"
            | "simple_expansion"
            | "expansion"
            | "command_substitution"
            | "process_substitution"
            | "ansi_c_string"
            | "arithmetic_expansion"
            | "unary_expression"
            | "binary_expression"
            | "variable_name"
            | "number"
            | "regex"
            | "extglob_pattern" => {
                let _only_for_what_it_runs = self.words(node, source);
                Feed::None
            }
            _ => self.all(&children(node), source, stdin),
        }
    }

    fn pipeline(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        let mut feed = stdin.clone();
        let stages = children(node);
        let outer = self.piped;
        for (at, stage) in stages.iter().enumerate() {
            self.piped = outer || at + 1 < stages.len();
            // `|&` binds a list too strongly in the grammar: what is piped goes to its first command.
            feed = self.subshell(|shell| shell.statement(*stage, source, &feed));
        }
        self.piped = outer;
        if feed == Feed::Secret && !self.piped && !self.is_captured() {
            let line = source[node.byte_range()].to_owned();
            self.report(Kind::SecretRead, &[line], "It prints a key, a token or a password.");
        }
        feed
    }

    fn function(&mut self, node: Node<'_>, source: &str) -> Feed {
        let text = |field: &str| node.child_by_field_name(field).map_or("", |n| &source[n.byte_range()]);
        let (name, body) = (text("name"), text("body"));
        let calls: Vec<&str> =
            body.split(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';')).filter(|w| !w.is_empty()).collect();
        let is_bomb = body.replace(' ', "").contains(&format!("{name}|{name}"))
            || (calls.first() == Some(&name) && body.contains('&') && !body.contains("&&"));
        if is_bomb {
            self.report(
                Kind::System,
                &[source[node.byte_range()].to_owned()],
                "It starts itself again and again, until the machine stands still.",
            );
            return Feed::None;
        }
        self.scope.functions.insert(name.to_owned(), body.to_owned());
        self.scope.called.remove(name);
        Feed::None
    }

    fn for_loop(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        let name = node.child_by_field_name("variable").map(|n| source[n.byte_range()].to_owned());
        let mut cursor = node.walk();
        let nodes: Vec<Node<'_>> = node.children_by_field_name("value", &mut cursor).collect();
        let mut values: Vec<String> = nodes.into_iter().flat_map(|value| self.words(value, source)).collect();
        values.truncate(super::MOST_VALUES);
        if let Some(name) = name.filter(|_| !values.is_empty()) {
            self.set(&name, values);
        }
        node.child_by_field_name("body").map_or(Feed::None, |body| self.all(&children(body), source, stdin))
    }

    /// `find … | while read name`: the variable holds each of the paths.
    fn read_names(&mut self, node: Node<'_>, source: &str, paths: Vec<String>) {
        let Some(condition) = node.child_by_field_name("condition") else { return };
        let words: Vec<String> = source[condition.byte_range()].split_whitespace().map(str::to_owned).collect();
        let Some(at) = words.iter().position(|word| word == "read") else { return };
        if let Some(name) =
            words[at..].iter().skip(1).rfind(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'))
        {
            self.set(name, paths);
        }
    }

    fn declaration(&mut self, node: Node<'_>, source: &str) -> Feed {
        let parts = children(node);
        if parts.iter().all(|part| part.kind() == "word" && source[part.byte_range()].starts_with('-')) {
            return Feed::Environment;
        }
        for child in children(node) {
            match child.kind() {
                "variable_assignment" => {
                    let (name, values) = self.assign(child, source);
                    self.set(&name, values);
                }
                _ => drop(self.words(child, source)),
            }
        }
        Feed::None
    }

    /// Where the grammar gave up: a line of words is a command.
    fn error(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        let mut argv = Vec::new();
        let mut output = Feed::None;
        for child in children(node) {
            match child.kind() {
                "word"
                | "string"
                | "raw_string"
                | "concatenation"
                | "simple_expansion"
                | "expansion"
                | "command_substitution"
                | "command_name"
                | "ansi_c_string"
                | "number" => {
                    argv.extend(self.words(child, source));
                }
                _ => {
                    let before = std::mem::take(&mut argv);
                    output = output.followed_by(self.run(before, stdin));
                    output = output.followed_by(self.statement(child, source, stdin));
                }
            }
        }
        output.followed_by(self.run(argv, stdin))
    }

    fn redirected(&mut self, node: Node<'_>, source: &str, stdin: &Feed) -> Feed {
        let mut redirects = Redirects::default();
        let mut cursor = node.walk();
        let found: Vec<Node<'_>> = node.children_by_field_name("redirect", &mut cursor).collect();
        for redirect in found {
            self.redirect(redirect, source, &mut redirects);
        }
        let input = redirects.stdin.take().unwrap_or_else(|| stdin.clone());
        let mut output = match node.child_by_field_name("body") {
            Some(body) if body.kind() == "command" => self.command(body, source, &input, Some(&mut redirects)),
            Some(body) => self.statement(body, source, &input),
            // `< file` alone prints it within a substitution.
            None => input,
        };
        self.write(&redirects, &output);
        for stage in std::mem::take(&mut redirects.stages) {
            output = self.statement(stage, source, &output);
        }
        output.followed_by(self.all(&redirects.next, source, &Feed::None))
    }

    fn redirect<'t>(&mut self, node: Node<'t>, source: &str, redirects: &mut Redirects<'t>) {
        match node.kind() {
            "file_redirect" => self.file_redirect(node, source, redirects),
            "herestring_redirect" => {
                let given = children(node).into_iter().next_back();
                let words = given.map(|word| self.plain(word, source)).unwrap_or_default();
                redirects.stdin = Some(Feed::Text(words.join("\n")));
            }
            "heredoc_redirect" => self.heredoc(node, source, redirects),
            _ => {}
        }
    }

    fn file_redirect(&mut self, node: Node<'_>, source: &str, redirects: &mut Redirects<'_>) {
        let text = &source[node.byte_range()];
        let mut cursor = node.walk();
        let nodes: Vec<Node<'_>> = node.children_by_field_name("destination", &mut cursor).collect();
        let mut words = Vec::new();
        for destination in nodes {
            words.extend(self.words(destination, source));
        }
        let mut words = words.into_iter();
        let Some(target) = words.next() else { return };
        redirects.more_words.extend(words);
        // Here-strings after another redirection are not known to the grammar.
        let is_string = source[..node.start_byte()].trim_end().ends_with("<<") || text.starts_with("<<<");
        let operator = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let operator: String = operator.chars().take_while(|c| matches!(c, '<' | '>' | '&' | '|')).collect();
        if is_string {
            redirects.stdin = Some(Feed::Text(target));
        } else if operator.starts_with('<') && !operator.contains('>') {
            redirects.stdin = Some(self.read_file(&target));
        } else if !target.chars().all(|c| c.is_ascii_digit() || c == '-') {
            redirects.written.push((target, operator.contains(">>")));
        }
    }

    fn heredoc<'t>(&mut self, node: Node<'t>, source: &str, redirects: &mut Redirects<'t>) {
        let right = node.child_by_field_name("right");
        let mut is_quoted = false;
        for child in children(node) {
            match child.kind() {
                "heredoc_start" => is_quoted = source[child.byte_range()].contains(['\'', '"', '\\']),
                "heredoc_body" => {
                    let body = match is_quoted {
                        true => source[child.byte_range()].to_owned(),
                        false => self.plain(child, source).join("\n"),
                    };
                    redirects.stdin = Some(Feed::Text(body));
                }
                "heredoc_end" => {}
                "file_redirect" | "herestring_redirect" | "heredoc_redirect" => {
                    self.redirect(child, source, redirects);
                }
                "pipeline" if right != Some(child) => redirects.stages.extend(children(child)),
                _ if right == Some(child) => redirects.next.push(child),
                _ => redirects.more_words.extend(self.words(child, source)),
            }
        }
    }

    /// What a redirection of a file writes.
    fn write(&mut self, redirects: &Redirects<'_>, output: &Feed) {
        for (target, appends) in &redirects.written {
            self.judge_written(target, *appends, output);
            let path = self.path(target);
            let kept = match (self.scope.files.get(&path), appends) {
                (Some(before), true) => before.clone().followed_by(output.clone()),
                _ => output.clone(),
            };
            self.scope.files.insert(path, kept);
        }
    }

    fn command(&mut self, node: Node<'_>, source: &str, stdin: &Feed, redirects: Option<&mut Redirects<'_>>) -> Feed {
        let mut argv = Vec::new();
        let mut assigned = Vec::new();
        let mut own = Redirects::default();
        for child in children(node) {
            match child.kind() {
                "variable_assignment" => assigned.push(self.assign(child, source)),
                "file_redirect" | "herestring_redirect" | "heredoc_redirect" => {
                    self.redirect(child, source, &mut own);
                }
                _ => argv.extend(self.words(child, source)),
            }
        }
        argv.append(&mut own.more_words);
        if let Some(redirects) = redirects {
            argv.append(&mut redirects.more_words);
            // What it writes is known before it runs: a reverse shell is told by it.
            if redirects
                .written
                .iter()
                .any(|(target, _)| target.starts_with("/dev/tcp/") || target.starts_with("/dev/udp/"))
            {
                self.judge_socket(&argv, stdin);
            }
        }
        if argv.is_empty() {
            for (name, values) in assigned {
                self.set(&name, values);
            }
            return Feed::None;
        }
        // `X=1 command`: only for that command, but it does no harm to remember it.
        for (name, values) in assigned {
            self.set(&name, values);
        }
        let input = own.stdin.take().unwrap_or_else(|| stdin.clone());
        let output = self.run(argv, &input);
        self.write(&own, &output);
        output
    }

    /// What a file holds, as far as the line itself has written it.
    pub(crate) fn read_file(&mut self, target: &str) -> Feed {
        if let Some(feed) = self.scope.files.get(&self.path(target)) {
            return feed.clone();
        }
        self.judge_read(target, &["<".to_owned(), target.to_owned()])
    }

    /// Parameters for a line that is given words of its own.
    pub(crate) fn with_positional(&mut self, words: Vec<String>, line: &str, stdin: &Feed) -> Feed {
        let before = self.scope.positional.replace(words);
        let output = self.line(line, stdin);
        self.scope.positional = before;
        output
    }

    /// Calls a function of the line, when there is one of that name.
    pub(super) fn call(&mut self, argv: &[String], stdin: &Feed) -> Option<Feed> {
        let body = self.scope.functions.get(&argv[0])?.clone();
        if !self.scope.called.insert(argv[0].clone()) && self.depth > 3 {
            return Some(Feed::None);
        }
        Some(self.with_positional(argv.to_vec(), &body, stdin))
    }

    /// A word that stands for what is read from stdin.
    pub(super) fn from_stdin(feed: &Feed) -> Vec<String> {
        match feed {
            Feed::Text(text) => text.split_whitespace().map(str::to_owned).take(super::MOST_VALUES).collect(),
            Feed::Paths(paths) => paths.clone(),
            Feed::Network => vec![unknown(Origin::Network, "what was downloaded")],
            Feed::Decoded => vec![unknown(Origin::Decoded, "what was decoded")],
            Feed::Secret => vec![unknown(Origin::Secret, "a secret")],
            Feed::Processes => vec![unknown(Origin::Unknown, "$(all processes)")],
            Feed::None | Feed::Environment => vec![unknown(Origin::Unknown, "$(stdin)")],
        }
    }
}

/// `{rm,-rf,/}` where a command begins, as the words that it becomes: the grammar takes the brace for that of a group.
fn braced_commands(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('{') {
        let (before, braced) = rest.split_at(at);
        plain.push_str(before);
        let end = braced.find('}').filter(|end| {
            let inner = &braced[1..*end];
            let begins = before.trim_end_matches([' ', '\t']);
            let is_command =
                if begins.is_empty() { plain.trim().is_empty() } else { begins.ends_with([';', '|', '&', '(', '\n']) };
            is_command && inner.contains(',') && !inner.contains([' ', '\n', '\t', ';'])
        });
        match end {
            Some(end) => {
                plain.push_str(&braced[1..end].replace(',', " "));
                rest = &braced[end + 1..];
            }
            None => {
                plain.push('{');
                rest = &braced[1..];
            }
        }
    }
    plain + rest
}

/// `rm$IFS-rf$IFS/` as `rm${IFS}-rf${IFS}/`: in the middle of a word the grammar loses the second variable.
fn braced_variables(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        let is_within = plain.chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | '}'));
        let name: String = after[1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let is_name = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if is_within && is_name {
            plain.push_str(&format!("${{{name}}}"));
            rest = &after[1 + name.len()..];
        } else {
            plain.push('$');
            rest = &after[1..];
        }
    }
    plain + rest
}
