//! Definitions of tests in source text: what a runner would find there, and whether it checks anything.

use super::language::{Blank, Language, code, is_word};

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: String,
    /// It has no body, leaves it at once, or states only what is always true.
    pub(super) is_empty: bool,
}

/// The tests that a file defines.
pub(super) fn definitions(language: Language, text: &str) -> Vec<Definition> {
    let code = code(language, text, Blank::CommentsAndStrings);
    match language {
        Language::Python => python(&code),
        Language::JavaScript => calls(&code, text, &["it", "test", "specify"]),
        Language::Ruby => {
            [calls(&code, text, &["it", "test", "specify", "scenario"]), functions(&code, "def test_")].concat()
        }
        Language::Go => functions(&code, "func ").into_iter().filter(|d| go_runs(&d.name)).collect(),
        Language::Php => [functions(&code, "function test"), attributes(&code, "#[", &["Test"])].concat(),
        Language::Rust => rust(&code),
        Language::Java => {
            attributes(&code, "@", &["Test", "ParameterizedTest", "RepeatedTest", "TestFactory", "Property"])
        }
        Language::CSharp => {
            attributes(&code, "[", &["Test", "TestCase", "Fact", "Theory", "TestMethod", "DataTestMethod"])
        }
    }
}

/// A block of Python.
enum Scope {
    TestClass(String),
    /// Nothing in it is collected.
    Other,
    Plain,
}

fn python(code: &str) -> Vec<Definition> {
    let (mut found, mut scopes, mut depth, mut at) = (Vec::<Definition>::new(), Vec::<(usize, Scope)>::new(), 0_i32, 0);
    for line in code.split_inclusive('\n') {
        let (begin, begins_in) = (at, depth);
        at += line.len();
        depth += brackets(line);
        let words = line.trim();
        if begins_in > 0 || words.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        while scopes.last().is_some_and(|(outer, _)| *outer >= indent) {
            scopes.pop();
        }
        let is_collected = scopes.iter().all(|(_, scope)| !matches!(scope, Scope::Other));
        let scope = if let Some(class) = words.strip_prefix("class ") {
            let name = identifier(class);
            let bases = class.split_once('(').map_or("", |(_, bases)| bases.split(')').next().unwrap_or(bases)).trim();
            let is_test = name.starts_with("Test")
                || bases.contains("Test")
                || name.contains("Test") && !bases.is_empty() && bases != "object";
            if is_test { Scope::TestClass(name.to_owned()) } else { Scope::Other }
        } else if let Some(function) = words.strip_prefix("async ").unwrap_or(words).trim_start().strip_prefix("def ") {
            let name = identifier(function);
            if name.starts_with("test") && is_collected {
                let classes = scopes.iter().filter_map(|(_, s)| match s {
                    Scope::TestClass(name) => Some(name.as_str()),
                    _ => None,
                });
                let name = classes.chain([name]).collect::<Vec<_>>().join(".");
                // Of two with the same name there is only the last.
                found.retain(|earlier| earlier.name != name);
                found.push(Definition { name, is_empty: python_is_empty(&code[begin..], indent) });
            }
            Scope::Other
        } else if ["if False", "if 0", "if TYPE_CHECKING", "while False", "if not True"]
            .iter()
            .any(|c| words.strip_prefix(c).is_some_and(|rest| rest.starts_with(':')))
        {
            Scope::Other
        } else if let Some(removed) = words.strip_prefix("del ") {
            found.retain(|d| d.name != removed.trim());
            Scope::Plain
        } else {
            Scope::Plain
        };
        scopes.push((indent, scope));
    }
    found
}

fn brackets(line: &str) -> i32 {
    line.bytes()
        .map(|b| match b {
            b'(' | b'[' | b'{' => 1,
            b')' | b']' | b'}' => -1,
            _ => 0,
        })
        .sum()
}

/// Of the function that begins there.
fn python_is_empty(code: &str, indent: usize) -> bool {
    let mut depth = 0;
    let colon = code.bytes().position(|b| {
        depth += brackets(std::str::from_utf8(&[b]).unwrap_or_default());
        depth == 0 && b == b':'
    });
    let body = &code[colon.map_or(code.len(), |at| at + 1)..];
    let mut lines = body.split('\n');
    let first = lines.next().unwrap_or_default().trim();
    let inner = lines.take_while(|l| l.trim().is_empty() || l.len() - l.trim_start().len() > indent).map(str::trim);
    let statements: Vec<&str> = std::iter::once(first).chain(inner).filter(|line| !line.is_empty()).collect();
    let leaves = statements.first().is_some_and(|s| *s == "return" || s.starts_with("return "));
    leaves
        || statements.iter().all(|statement| match statement.strip_prefix("assert") {
            Some(stated) => {
                stated.trim().replace("True", "").bytes().all(|b| b.is_ascii_digit() || b" =+".contains(&b))
            }
            None => matches!(*statement, "pass" | "..." | "self.assertTrue(True)"),
        })
}

/// Tests that are calls with a title: `it('adds', …)`.
fn calls(code: &str, text: &str, names: &[&str]) -> Vec<Definition> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for name in names {
        for (at, _) in code.match_indices(name) {
            let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
            if is_word(before) || before == b'.' {
                continue;
            }
            let rest = &code[at + name.len()..];
            let method = rest.len() - rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_alphanumeric()).len();
            if method > 0 && !rest.starts_with('.') {
                continue;
            }
            let opens = rest[method..].trim_start();
            let title = title(&text[at + name.len() + method..]);
            // Ruby has no parentheses, and tables of JavaScript are strings, which are blank.
            let is_call = opens.starts_with('(')
                || title.is_some() && !rest.starts_with(['=', ',', ';', ')']) && rest.starts_with([' ', '.']);
            if !is_call || opens.starts_with(['=', ',', ';', '.']) {
                continue;
            }
            let from = text.len() - opens.len();
            let is_empty = opens.starts_with('(') && call_is_empty(&code[from.min(code.len())..]);
            found.push(Definition { name: title.unwrap_or(name).to_owned(), is_empty });
        }
    }
    found
}

/// The first string soon after.
fn title(text: &str) -> Option<&str> {
    let start = text.char_indices().take(400).find(|(_, c)| matches!(c, '\'' | '"' | '`'))?;
    let inner = &text[start.0 + 1..];
    inner.find(start.1).map(|end| &inner[..end])
}

/// Whether the function that is given to a call does nothing.
fn call_is_empty(code: &str) -> bool {
    let arguments = between(code, b'(', b')');
    let function = ["=>", "function"].iter().filter_map(|word| Some(arguments.find(word)? + word.len())).min();
    let Some(from) = function else {
        // A title alone is a plan, not a test.
        return arguments.trim().trim_end_matches(',').trim().is_empty();
    };
    let rest = arguments[from..].trim_start();
    let is_block = rest.starts_with('{') || !arguments[..from].ends_with("=>");
    is_block && rest.find('{').is_some_and(|at| body_is_empty(between(&rest[at..], b'{', b'}')))
}

/// Functions that begin with these words.
fn functions(code: &str, words: &str) -> Vec<Definition> {
    let name_begins = words.rfind(' ').map_or(0, |at| at + 1);
    let found = code.match_indices(words).map(|(at, _)| {
        let rest = &code[at + name_begins..];
        Definition { name: identifier(rest).to_owned(), is_empty: function_is_empty(rest) }
    });
    found.collect()
}

fn go_runs(name: &str) -> bool {
    ["Test", "Fuzz", "Example"]
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix))
        .any(|rest| name != "TestMain" && !rest.starts_with(char::is_lowercase))
}

/// Functions with one of these attributes.
fn attributes(code: &str, opens: &str, names: &[&str]) -> Vec<Definition> {
    let found = code.match_indices(opens).filter_map(|(at, _)| {
        let rest = &code[at + opens.len()..];
        let path = rest.split(|c: char| !(is_word_char(c) || c == ':' || c == '.')).next()?;
        let last = path.rsplit([':', '.']).next()?;
        names.contains(&last).then(|| following(&rest[path.len()..])).flatten()
    });
    found.collect()
}

/// The function after an attribute: the first name before a parenthesis that is no attribute's.
fn following(mut rest: &str) -> Option<Definition> {
    if rest.starts_with('(') {
        rest = after(rest, b'(', b')');
    }
    let declared = rest.match_indices('(').take(12).find_map(|(at, _)| {
        let head = rest[..at].trim_end();
        let name = &head[head.trim_end_matches(is_word_char).len()..];
        let before = head[..head.len() - name.len()].chars().next_back().unwrap_or(' ');
        (before.is_whitespace() || before == '`').then_some((at, name))
    });
    let (at, name) = declared?;
    Some(Definition { name: name.to_owned(), is_empty: function_is_empty(&rest[at..]) })
}

fn rust(code: &str) -> Vec<Definition> {
    const TESTS: [&str; 6] = ["test", "rstest", "test_case", "quickcheck", "wasm_bindgen_test", "test_log"];
    let found = code.match_indices("#[").filter_map(|(at, _)| {
        let attribute = between(&code[at + 1..], b'[', b']');
        let path = attribute.split(['(', ' ', '=']).next()?.trim();
        let rest = after(&code[at + 1..], b'[', b']');
        let is_test = TESTS.contains(&path.rsplit(':').next()?);
        let name = rest.find("fn ").map(|at| &rest[at + 3..])?;
        is_test.then(|| Definition { name: identifier(name).to_owned(), is_empty: function_is_empty(name) })
    });
    // Modules of tests, which nobody compiles when nobody declares them.
    let modules = code.lines().filter_map(|line| {
        let name = line.trim().trim_start_matches("pub ").strip_prefix("mod ")?;
        let name = identifier(name);
        (name.starts_with("test") || name.ends_with("_test") || name.ends_with("_tests"))
            .then(|| Definition { name: format!("mod {name}"), is_empty: false })
    });
    found.chain(modules).collect()
}

/// Of a function whose parameters come first.
fn function_is_empty(code: &str) -> bool {
    let Some(open) = code.find('(') else { return false };
    let after = after(&code[open..], b'(', b')');
    after
        .find(['{', ';', '='])
        .is_some_and(|at| after[at..].starts_with('{') && body_is_empty(between(&after[at..], b'{', b'}')))
}

fn body_is_empty(body: &str) -> bool {
    const NOTHING: [&str; 12] = [
        "",
        "Ok(())",
        "assert!(true)",
        "assert_eq!(1,1)",
        "assert(true)",
        "assert.ok(true)",
        "expect(true).toBe(true)",
        "expect(true).toBeTruthy()",
        "expect(1).toBe(1)",
        "assertTrue(true)",
        "Assert.True(true)",
        "$this->assertTrue(true)",
    ];
    let words: String = body.split_whitespace().collect::<Vec<_>>().concat();
    words.starts_with("return;") || words == "return" || words.split(';').all(|statement| NOTHING.contains(&statement))
}

/// What stands between a bracket and the one that closes it.
fn between(code: &str, open: u8, close: u8) -> &str {
    let mut depth = 0_usize;
    let start = code.bytes().position(|b| b == open).map_or(code.len(), |at| at + 1);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        if byte == open {
            depth += 1;
        } else if byte == close {
            if depth == 0 {
                return &code[start..at];
            }
            depth -= 1;
        }
    }
    &code[start..]
}

/// What follows the bracket that closes the first one.
fn after(code: &str, open: u8, close: u8) -> &str {
    let begins = code.bytes().position(|b| b == open).map_or(code.len(), |at| at + 1);
    code.get(begins + between(code, open, close).len() + 1..).unwrap_or_default()
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.bytes().position(|b| !is_word(b)).unwrap_or(text.len())]
}
