//! The rules of an agent in each runtime's own words, where it has some. What they mean is in the engine.

use crate::config::Agent;
use ganger_engine::rules::{Rules, denial_reason, parse};

impl Agent {
    /// Its rules, as the session judges by them.
    pub(crate) fn rules(&self) -> Rules {
        Rules { allow: self.allow.clone(), ask: self.ask.clone(), deny: self.deny.clone() }
    }
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
    let why = toml::Value::String(denial_reason(rule));
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
