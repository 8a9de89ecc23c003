//! Rules such as `command(git push*)`: one language for all runtimes, put into each runtime's own words where it has
//! some, and enforced here for what it asks.
//!
//! A rule is a tool, and a pattern in brackets where one is meant; `*` stands for any characters. Tools are `command`,
//! `edit`, `read`, `fetch`, `agent` (the runtime's own sub-agents) and `mcp(server/tool)`; every other word is the
//! runtime's own name of a tool.

use super::{Ask, AskKind, shell};
use crate::config::Agent;
use std::collections::BTreeSet;

/// What the rules say of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    Allow,
    /// A person has to say.
    Ask,
    /// With the reason for the model.
    Deny(String),
}

/// Never, in an unattended worktree: what publishes, and what leaves it.
pub(crate) const DENIED: [&str; 2] = ["command(git push*)", "command(git worktree*)"];

/// The strictest rule wins; what no rule names is allowed where unattended work is expected to do it. A request of
/// several parts (a chain of commands, a patch of several files) is denied or asked for when a rule covers any of them,
/// and allowed by rules only when they cover all.
pub(crate) fn judge(agent: &Agent, ask: &Ask) -> Judgement {
    let parts = parts(ask);
    let any = |rule: &&str| parts.iter().any(|part| covers(rule, ask, part));
    let denied = DENIED.iter().copied().chain(agent.deny.iter().map(String::as_str)).find(any);
    if let Some(rule) = denied {
        return Judgement::Deny(why_denied(rule));
    }
    if agent.ask.iter().any(|rule| any(&rule.as_str())) {
        return Judgement::Ask;
    }
    let allowed = || {
        let plain = plain_parts(ask);
        // Of what is not known nothing is allowed.
        !plain.is_empty() && plain.iter().all(|part| agent.allow.iter().any(|rule| covers(rule, ask, part)))
    };
    if ask.usual || allowed() { Judgement::Allow } else { Judgement::Ask }
}

/// A hint of more rules than this helps nobody.
const MOST_HINTS: usize = 5;

/// Which rule of the configuration asks for it, or would allow it from now on.
pub(crate) fn hint(name: &str, agent: &Agent, ask: &Ask) -> String {
    let parts = parts(ask);
    if let Some(rule) = agent.ask.iter().find(|rule| parts.iter().any(|part| covers(rule, ask, part))) {
        return format!("The rule `ask = [{rule:?}]` of [agent.{name}] wants a person's word.");
    }
    let tool = ask.kind.name();
    let rules: BTreeSet<String> = match ask.kind {
        AskKind::Tool(_) => BTreeSet::from([tool.to_owned()]),
        _ => plain_parts(ask).iter().map(|part| format!("{tool}({part})")).collect(),
    };
    if rules.is_empty() || rules.len() > MOST_HINTS {
        return String::new();
    }
    format!("In ganger.toml, `allow = {:?}` in [agent.{name}] allows it.", Vec::from_iter(rules))
}

fn why_denied(rule: &str) -> String {
    format!("the rule `deny = [\"{rule}\"]` of this project forbids it; find another way")
}

fn covers(rule: &str, ask: &Ask, part: &str) -> bool {
    let (tool, pattern) = parse(rule);
    let name = ask.kind.name();
    let of_server = tool == "mcp" && matches!(ask.kind, AskKind::Tool(_));
    match (tool == name, of_server, pattern) {
        (true, _, None) => true,
        (true, _, Some(pattern)) | (_, true, Some(pattern)) => glob(pattern, part),
        _ => false,
    }
}

/// What a request consists of when it is read as it stands: what has to be allowed.
fn plain_parts(ask: &Ask) -> Vec<String> {
    match &ask.kind {
        AskKind::Command => ask.subjects.iter().flat_map(|line| shell::plain_commands(line)).collect(),
        _ => parts(ask),
    }
}

/// What a request may consist of, each part as rules are written: what must not be denied.
fn parts(ask: &Ask) -> Vec<String> {
    match &ask.kind {
        AskKind::Tool(name) => vec![name.replace("mcp__", "").replace("__", "/")],
        AskKind::Command => ask.subjects.iter().flat_map(|command| shell::commands(command)).collect(),
        _ => ask.subjects.clone(),
    }
}

/// Tool and pattern.
fn parse(rule: &str) -> (&str, Option<&str>) {
    match rule.trim().split_once('(') {
        Some((tool, pattern)) => (tool.trim(), Some(pattern.strip_suffix(')').unwrap_or(pattern).trim())),
        None => (rule.trim(), None),
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whether the runtime's own sub-agents are denied altogether.
pub(super) fn denies_agents(agent: &Agent) -> bool {
    agent.deny.iter().any(|rule| parse(rule).0 == "agent")
}

/// Whether the agent has rules that its runtime might not enforce by itself.
pub(super) fn need_hook(agent: &Agent) -> bool {
    !agent.ask.is_empty() || agent.deny.iter().any(|rule| parse(rule).0 != "agent")
}

/// In the words of Claude Code.
pub(super) fn for_claude(rule: &str) -> Vec<String> {
    let (tool, pattern) = parse(rule);
    let path = |p: &str| if p.starts_with('/') { format!("/{p}") } else { p.to_owned() };
    match (tool, pattern) {
        ("command", None) => vec!["Bash".to_owned()],
        ("command", Some(p)) => vec![format!("Bash({p})")],
        ("edit", None) => vec!["Edit".to_owned(), "Write".to_owned(), "NotebookEdit".to_owned()],
        ("edit", Some(p)) => vec![format!("Edit({})", path(p))],
        ("read", None) => vec!["Read".to_owned()],
        ("read", Some(p)) => vec![format!("Read({})", path(p))],
        ("fetch", None) => vec!["WebFetch".to_owned()],
        ("fetch", Some(p)) => vec![format!("WebFetch(domain:{p})")],
        ("agent", _) => vec!["Task".to_owned(), "Agent".to_owned()],
        ("mcp", Some(p)) => vec![format!("mcp__{}", p.replace('/', "__"))],
        _ => vec![rule.to_owned()],
    }
}

/// In the words of opencode: permission and pattern.
pub(super) fn for_opencode(rule: &str) -> (String, String) {
    let (tool, pattern) = parse(rule);
    let all = pattern.unwrap_or("*").to_owned();
    match tool {
        "command" => ("bash".to_owned(), all),
        "fetch" => ("webfetch".to_owned(), all),
        "agent" => ("task".to_owned(), all),
        "mcp" => (all.replace('/', "_"), "*".to_owned()),
        other => (other.to_owned(), all),
    }
}

/// A denial in the words of Gemini CLI's policies; for other tools it asks in any case, and is answered by the rules.
pub(super) fn for_gemini(rule: &str) -> Option<String> {
    let (tool, pattern) = parse(rule);
    let which = match tool {
        "agent" => "toolName = \"invoke_agent\"".to_owned(),
        "command" => {
            let regex = toml::Value::String(regex_of(pattern.unwrap_or("*")));
            format!("toolName = \"run_shell_command\"\ncommandRegex = {regex}")
        }
        _ => return None,
    };
    let why = toml::Value::String(why_denied(rule));
    Some(format!("[[rule]]\n{which}\ndecision = \"deny\"\npriority = 900\ndenyMessage = {why}\n\n"))
}

/// A pattern as a regular expression.
fn regex_of(pattern: &str) -> String {
    let special = |c: char| r"\.+?()[]{}|^$".contains(c);
    let escaped = pattern.chars().map(|c| match c {
        '*' => ".*".to_owned(),
        c if special(c) => format!("\\{c}"),
        c => c.to_string(),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(allow: &[&str], ask: &[&str], deny: &[&str]) -> Agent {
        let words = |list: &[&str]| format!("{list:?}");
        let text =
            format!("runtime = \"claude\"\nallow = {}\nask = {}\ndeny = {}", words(allow), words(ask), words(deny));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    fn command(subject: &str) -> Ask {
        let (request, by) = (String::new(), String::new());
        Ask {
            request,
            kind: AskKind::Command,
            subjects: vec![subject.to_owned()],
            usual: true,
            by,
            call: String::new(),
        }
    }

    #[test]
    fn the_strictest_rule_wins() {
        let agent = agent(&["command(curl*)"], &["command(curl*example*)"], &["command(rm -rf*)"]);
        assert_eq!(judge(&agent, &command("make")), Judgement::Allow);
        assert_eq!(judge(&agent, &command("curl -s http://example.org")), Judgement::Ask);
        assert!(matches!(judge(&agent, &command("rm -rf /")), Judgement::Deny(_)));
        for push in ["git push origin main", "cd x && git -C . push", "timeout 60 git push", "echo $(git push)"] {
            assert!(matches!(judge(&agent, &command(push)), Judgement::Deny(_)), "{push}");
        }
        let npm = super::tests::agent(&["command(npm install*)"], &[], &[]);
        let shelled = Ask { usual: false, ..command("/bin/bash -lc 'npm install x'") };
        assert_eq!(judge(&npm, &shelled), Judgement::Allow);
        let everything = super::tests::agent(&["command", "edit"], &[], &[]);
        for (kind, subjects) in [(AskKind::Edit, Vec::new()), (AskKind::Command, vec!["bash -c".to_owned()])] {
            let unknown = Ask { kind, subjects, usual: false, ..command("") };
            assert_eq!(judge(&everything, &unknown), Judgement::Ask);
        }
        let outside = Ask { usual: false, ..command("curl there") };
        assert_eq!(judge(&agent, &outside), Judgement::Allow);
        assert_eq!(judge(&agent, &Ask { usual: false, ..command("curl there; rm -r here") }), Judgement::Ask);
        let files = ["/shared/a", "/home/u/.ssh/authorized_keys"].map(str::to_owned).to_vec();
        let edit = Ask { kind: AskKind::Edit, subjects: files, usual: false, ..command("") };
        let shared = super::tests::agent(&["edit(/shared/*)"], &[], &[]);
        assert_eq!(judge(&shared, &edit), Judgement::Ask);
        assert_eq!(judge(&agent, &Ask { usual: false, ..command("wget there") }), Judgement::Ask);
    }

    #[test]
    fn a_hint_is_a_rule_that_settles_it() {
        let plain = agent(&[], &["command(rm*)"], &[]);
        let lines = ["curl -s there", "cd x && wget 'a b'", "npm publish | tee log"];
        for ask in lines.map(|line| Ask { usual: false, ..command(line) }) {
            assert_eq!(judge(&plain, &ask), Judgement::Ask);
            let said = hint("a", &plain, &ask);
            let rule = said.split('`').nth(1).unwrap();
            let allowing: Agent = toml::from_str(&format!("runtime = \"claude\"\n{rule}")).unwrap();
            assert_eq!(judge(&allowing, &ask), Judgement::Allow, "{said}");
        }
        assert_eq!(
            hint("a", &plain, &command("rm x")),
            "The rule `ask = [\"command(rm*)\"]` of [agent.a] wants a person's word."
        );
    }

    #[test]
    fn a_tool_of_a_server_is_named_by_both() {
        let agent = agent(&["mcp(files/*)"], &[], &[]);
        let tool = |name: &str| Ask { kind: AskKind::Tool(name.to_owned()), usual: false, ..command("") };
        assert_eq!(judge(&agent, &tool("mcp__files__read")), Judgement::Allow);
        assert_eq!(judge(&agent, &tool("files/read")), Judgement::Allow);
        assert_eq!(judge(&agent, &tool("mcp__mail__send")), Judgement::Ask);
    }

    #[test]
    fn rules_are_put_into_the_words_of_each_runtime() {
        assert_eq!(for_claude("command(git push*)"), ["Bash(git push*)"]);
        assert_eq!(for_claude("edit(/etc/*)"), ["Edit(//etc/*)"]);
        assert_eq!(for_claude("mcp(files/read)"), ["mcp__files__read"]);
        assert_eq!(for_claude("WebSearch"), ["WebSearch"]);
        assert_eq!(for_opencode("command(git push*)"), ("bash".to_owned(), "git push*".to_owned()));
        let push = for_gemini("command(git push*)").unwrap();
        assert!(push.contains("commandRegex = \"git push.*\""), "{push}");
        assert!(for_gemini("command(a.b*)").is_some_and(|rule| rule.contains(r"a\.b.*")));
        assert_eq!(for_gemini("fetch"), None);
        assert_eq!(for_opencode("mcp(files/read)"), ("files_read".to_owned(), "*".to_owned()));
    }
}
