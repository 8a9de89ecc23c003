//! Tools and permissions of every dialect in one form: the rules of Ganger, where the strictest one wins.

use super::yaml::{Node, Value};
use ganger_engine::rules::{Rules, glob};

/// What is granted when a permission is not mentioned, and whoever lists tools grants no other.
const GUARDED: [&str; 5] = ["edit", "command", "fetch", "agent", "websearch"];

/// Our words for a tool of any runtime. `*` stands for all that can do harm. What has no word of ours keeps its own.
fn rule_words(tool: &str) -> Vec<String> {
    let plain = tool.to_ascii_lowercase();
    let own: &[&str] = match plain.as_str() {
        "edit" | "write" | "patch" | "apply_patch" | "multiedit" | "notebookedit" => &["edit"],
        "bash" | "shell" | "command" => &["command"],
        "read" => &["read"],
        "webfetch" | "fetch" => &["fetch"],
        "websearch" => &["websearch", "WebSearch"],
        "task" | "subagent" | "agent" => &["agent"],
        "glob" => &["glob", "Glob"],
        "grep" => &["grep", "Grep"],
        "*" => &["edit", "command", "fetch", "agent", "websearch", "WebSearch"],
        _ => return vec![of_server(tool)],
    };
    own.iter().map(ToString::to_string).collect()
}

/// `mcp__server__tool` as `mcp(server/tool)`.
fn of_server(tool: &str) -> String {
    match tool.strip_prefix("mcp__") {
        Some(rest) => format!("mcp({})", rest.replacen("__", "/", 1)),
        None => tool.to_owned(),
    }
}

/// A tool with a pattern, as Claude Code writes it: `Bash(git log *)`.
fn with_pattern(entry: &str) -> Vec<String> {
    let (tool, pattern) = ganger_engine::rules::parse(entry);
    let pattern = pattern.filter(|p| *p != "*").map_or(String::new(), |p| format!("({})", p.replace(":*", "*")));
    rule_words(tool).into_iter().map(|word| format!("{word}{pattern}")).collect()
}

/// What a file says of permissions: rules, and what of it these cannot say.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    pub(super) rules: Rules,
    /// Line of the block, and what to know.
    pub(super) notes: Vec<(usize, String)>,
}

impl Permissions {
    fn add(&mut self, effect: &str, rules: impl IntoIterator<Item = String>) {
        let list = match effect {
            "allow" => &mut self.rules.allow,
            "ask" => &mut self.rules.ask,
            _ => &mut self.rules.deny,
        };
        for rule in rules {
            if !list.contains(&rule) {
                list.push(rule);
            }
        }
    }

    /// `tools: {write: false}`: what is switched on needs no rule.
    pub(super) fn switches(&mut self, tools: &Node) {
        for (tool, node) in tools.map().unwrap_or_default() {
            match node.switch() {
                Some(false) => self.add("deny", rule_words(tool)),
                Some(true) => {}
                None => self
                    .notes
                    .push((node.line, format!("`tools.{tool}` is {}, and must be true or false", node.kind()))),
            }
        }
    }

    /// A list, at this line, of what an agent may use: everything else that can do harm is denied. A tool that is granted
    /// for a pattern alone is denied, too: where the strictest rule wins, no rule allows only a part.
    pub(super) fn only(&mut self, granted: &[String], line: usize) {
        let parsed = || granted.iter().map(|entry| (entry, ganger_engine::rules::parse(entry)));
        let is_whole = |pattern: Option<&str>| pattern.is_none_or(|pattern| pattern == "*");
        let whole: Vec<&str> = parsed().filter(|(_, (_, p))| is_whole(*p)).map(|(_, (tool, _))| tool).collect();
        let words: Vec<String> = whole.iter().flat_map(|tool| rule_words(tool)).collect();
        let is_granted = |tool: &str| {
            let patterns = whole.iter().filter(|entry| entry.contains('*'));
            words.iter().any(|word| word == tool) || patterns.into_iter().any(|pattern| glob(pattern, tool))
        };
        for (entry, (tool, _)) in parsed().filter(|(_, (_, pattern))| !is_whole(*pattern)) {
            let denied = rule_words(tool).into_iter().find(|w| GUARDED.contains(&w.as_str()) && !is_granted(w));
            if let Some(denied) = denied {
                let note =
                    format!("the strictest rule wins: only `{entry}` cannot be granted, so `{denied}` is denied");
                self.notes.push((line, note));
            }
        }
        let denied = GUARDED.into_iter().filter(|tool| !is_granted(tool)).flat_map(rule_words).collect::<Vec<_>>();
        self.add("deny", denied);
    }

    /// A list of what it may not use.
    pub(super) fn denied(&mut self, entries: &[String]) {
        self.add("deny", entries.iter().flat_map(|entry| with_pattern(entry)));
    }

    /// `permission: {edit: deny, bash: {"*": ask, "git log*": allow}}`, or one word for everything.
    pub(super) fn by_tool(&mut self, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for (tool, of) in entries {
                    self.of_tool(tool, of);
                }
            }
            _ => self.of_tool("*", node),
        }
    }

    fn of_tool(&mut self, tool: &str, node: &Node) {
        let Value::Map(patterns) = &node.value else { return self.effect(node, tool, "*") };
        for (pattern, of) in patterns {
            self.effect(of, tool, pattern);
        }
        let is = |effect: &str, of: &Node| of.text().is_some_and(|word| word == effect);
        let widest = patterns.iter().find(|(pattern, _)| pattern == "*").map(|(_, of)| of);
        let loosened = widest.is_some_and(|of| !is("allow", of)) && patterns.iter().any(|(_, of)| is("allow", of));
        if loosened {
            let note =
                format!("the strictest rule wins: what `{tool}` allows below `\"*\"` stays as strict as `\"*\"`");
            self.notes.push((node.line, note));
        }
    }

    /// The second shape of opencode: `permissions: [{action: shell, resource: "*", effect: deny}]`.
    pub(super) fn by_entry(&mut self, node: &Node) {
        let Value::List(entries) = &node.value else {
            return self.by_tool(node);
        };
        for entry in entries {
            let of = |key: &str| entry.get(key).and_then(Node::text);
            match (of("action"), entry.get("effect")) {
                (Some(tool), Some(effect)) => self.effect(effect, &tool, of("resource").as_deref().unwrap_or("*")),
                _ => self.notes.push((entry.line, "a permission needs `action` and `effect`".to_owned())),
            }
        }
    }

    fn effect(&mut self, node: &Node, tool: &str, pattern: &str) {
        let effect = node.text().unwrap_or_default();
        if !["allow", "ask", "deny"].contains(&effect.as_str()) {
            let note = format!(
                "the permission of `{tool}` is `{effect}`, which is none of allow, ask and deny: taken as deny"
            );
            self.notes.push((node.line, note));
        }
        let entry = if pattern == "*" { tool.to_owned() } else { format!("{tool}({pattern})") };
        // All of everything is no rule: it would pass over what a person has asked to be asked for.
        if effect != "allow" || tool != "*" {
            self.add(&effect, with_pattern(&entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skills::yaml::parse;

    fn of(text: &str, read: fn(&mut Permissions, &Node)) -> (Rules, usize) {
        let mut permissions = Permissions::default();
        read(&mut permissions, &parse(text).unwrap().root);
        (permissions.rules, permissions.notes.len())
    }

    fn rules(allow: &[&str], ask: &[&str], deny: &[&str]) -> Rules {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Rules { allow: owned(allow), ask: owned(ask), deny: owned(deny) }
    }

    #[test]
    fn every_dialect_comes_to_the_same_rules() {
        assert_eq!(
            of("write: false\nedit: false\nbash: true\n", Permissions::switches),
            (rules(&[], &[], &["edit"]), 0)
        );
        assert_eq!(of("bash: allow\nedit: deny\n", Permissions::by_tool), (rules(&["command"], &[], &["edit"]), 0));
        let patterns = "bash:\n  \"git push*\": deny\n  \"npm publish*\": ask\n";
        let wanted = rules(&[], &["command(npm publish*)"], &["command(git push*)"]);
        assert_eq!(of(patterns, Permissions::by_tool), (wanted, 0));
        let entries = "- {action: shell, resource: \"rm *\", effect: deny}\n- {action: edit, effect: ask}\n";
        assert_eq!(of(entries, Permissions::by_entry), (rules(&[], &["edit"], &["command(rm *)"]), 0));
        let everything = rules(&[], &[], &["edit", "command", "fetch", "agent", "websearch", "WebSearch"]);
        assert_eq!(of("deny\n", Permissions::by_tool), (everything, 0));
        assert_eq!(of("allow\n", Permissions::by_tool), (Rules::default(), 0));
    }

    #[test]
    fn what_rules_cannot_say_is_stricter_and_noted() {
        let (found, notes) = of("bash:\n  \"*\": deny\n  \"git log*\": allow\n", Permissions::by_tool);
        assert_eq!((found.deny.as_slice(), notes), (&["command".to_owned()][..], 1));
        assert_eq!(of("edit: never\n", Permissions::by_tool), (rules(&[], &[], &["edit"]), 1));
    }

    #[test]
    fn whoever_lists_tools_grants_no_others() {
        let only = |granted: &[&str]| {
            let mut permissions = Permissions::default();
            permissions.only(&granted.iter().map(ToString::to_string).collect::<Vec<_>>(), 1);
            assert_eq!(permissions.notes.len(), usize::from(granted.contains(&"write")), "{:?}", permissions.notes);
            permissions.rules.deny
        };
        let denied = only(&["read", "write", "Bash(git log *)"]);
        assert_eq!(denied, ["command", "fetch", "agent", "websearch", "WebSearch"]);
        assert_eq!(only(&["Edit", "Bash(*)", "Bash(git log *)"]), ["fetch", "agent", "websearch", "WebSearch"]);
        assert_eq!(only(&["Read", "Grep"]), ["edit", "command", "fetch", "agent", "websearch", "WebSearch"]);
        assert!(only(&["*"]).is_empty());
        let mut permissions = Permissions::default();
        permissions.denied(&["Bash(git push:*)".to_owned(), "mcp__files__write".to_owned()]);
        assert_eq!(permissions.rules.deny, ["command(git push*)", "mcp(files/write)"]);
    }
}
