//! Foreign text reaches a terminal, a file of ours or a prompt only as `text::Clean` makes it.

use super::{PROGRAM, Source, refuse_words, sources};

/// Ways to a terminal besides `data!`, `talk!` and the functions of `cli/out.rs`.
const WAYS: [&str; 9] = [
    "anstream::",
    "std::io::stdout",
    "std::io::stderr",
    "io::stdout()",
    "io::stderr()",
    ".println(",
    "set_message(",
    "set_prefix(",
    "with_message(",
];

/// Where, which, why.
const EXCEPTIONS: [(&str, &str, &str); 9] = [
    ("crates/ganger/src/cli/out.rs", "anstream::", "the way itself"),
    ("crates/ganger/src/cli/live.rs", ".println(", "lanes, of cleaned lines"),
    ("crates/ganger/src/cli/live.rs", "set_message(", "lanes, of cleaned lines"),
    ("crates/ganger/src/cli/input.rs", "anstream::", "a question of ours, without foreign text"),
    ("crates/ganger/src/agents/script.rs", "std::io::stdout", "a program of its own: the agent of demos and tests"),
    ("crates/ganger/src/agents/script.rs", "io::stdout()", "as above"),
    ("crates/ganger/src/mcp/hook.rs", "std::io::stdout", "a program of its own, called by a runtime"),
    ("crates/ganger/src/mcp/hook.rs", "io::stdout()", "as above"),
    ("crates/ganger/src/mcp/stdio.rs", "io::stdout()", "a program of its own, called by a runtime"),
];

#[test]
fn only_cleaned_text_reaches_a_terminal() {
    let asks = |_: &Source, line: &str| line.contains("is_terminal()");
    refuse_words(&PROGRAM, &WAYS, &EXCEPTIONS, asks, |word| format!("`{word}`: print with `data!` or `talk!`"));
}

/// What takes foreign text takes it as a type, or cleans it in the same file.
const SINKS: [(&str, &str); 15] = [
    ("crates/engine/src/session/runtime.rs", "Prompt(Clean)"),
    ("crates/engine/src/session/runtime.rs", "text: Clean,"),
    ("crates/ganger/src/host/mission.rs", "text::shown(&text)"),
    ("crates/ganger/src/log.rs", "text::shown(line)"),
    ("crates/engine/src/decide/board.rs", "title: clean(&spec.title)"),
    // Secrets are taken out where foreign text comes in, is kept, is shown, and goes to a model.
    ("crates/ganger/src/agents/sink.rs", "self.sender.send(without_secrets(event))"),
    ("crates/ganger/src/tools/mod.rs", "for_each(crate::text::clean_json)"),
    ("crates/ganger/src/os/recording.rs", "tape.write(&without_secrets)"),
    ("crates/ganger/src/wire/to_foreman.rs", "Input::try_from(input)?.without_secrets()"),
    ("crates/ganger/src/wire/activity.rs", "text::redact(said)"),
    ("crates/ganger/src/wire/dead.rs", "text::redact("),
    ("crates/ganger/src/host/session/mod.rs", "push_back(without_secrets(control))"),
    ("crates/ganger/src/cli/out.rs", "shown(&line.to_string())"),
    ("crates/ganger/src/cli/out.rs", "self.secrets.push(bytes)"),
    ("crates/ganger/src/text.rs", "Clean::of(&redact(&clean(text)))"),
];

#[test]
fn prompts_missions_logs_and_tickets_take_cleaned_text() {
    let all: Vec<_> = ["crates/ganger/src", "crates/engine/src"].into_iter().flat_map(sources).collect();
    for (path, words) in SINKS {
        let source = all.iter().find(|source| source.path == path).unwrap_or_else(|| panic!("{path} is gone"));
        assert!(source.program().contains(words), "{path}: `{words}` is gone");
    }
}
