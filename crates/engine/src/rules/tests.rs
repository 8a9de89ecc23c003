//! The rule language, by example.

use super::*;

fn rules(allow: &[&str], ask: &[&str], deny: &[&str]) -> Rules {
    let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Rules { allow: words(allow), ask: words(ask), deny: words(deny) }
}

fn command(subject: &str) -> ToolRequest {
    ToolRequest {
        request_id: String::new(),
        class: ToolClass::Command,
        subjects: vec![subject.to_owned()],
        expected: true,
        by: String::new(),
        call: String::new(),
        dangers: Vec::new(),
    }
}

#[test]
fn what_the_guard_found_is_asked_for_unless_a_rule_was_written_for_it() {
    let danger = |command: &str| Danger { command: command.to_owned(), why: "It is gone.".to_owned() };
    let wipe = ToolRequest { dangers: vec![danger("rm -rf ~")], ..command("make; rm -rf ~") };
    for (allow, ruling) in [
        (&[][..], Ruling::Ask),
        (&["command"], Ruling::Ask),
        (&["command(*)"], Ruling::Ask),
        (&["command(make*)"], Ruling::Ask),
        (&["command(rm -rf *)"], Ruling::Allow),
    ] {
        assert_eq!(rules(allow, &[], &[]).judge(&wipe), ruling, "{allow:?}");
    }
    let hint = rules(&[], &[], &[]).hint("a", &wipe);
    assert_eq!(hint, "The guard stopped `rm -rf ~`. It is gone.");
    // A rule that forbids it is stricter than a question.
    assert!(matches!(rules(&[], &[], &["command(rm*)"]).judge(&wipe), Ruling::Deny(_)));
    let two = ToolRequest { dangers: vec![danger("rm -rf ~"), danger("git push -f")], ..command("x") };
    assert_eq!(rules(&["command(rm -rf *)"], &[], &[]).judge(&two), Ruling::Ask);
    let files = vec![".env".to_owned()];
    let edit =
        ToolRequest { class: ToolClass::Edit, subjects: files, dangers: vec![danger("edit .env")], ..command("") };
    assert_eq!(rules(&["edit"], &[], &[]).judge(&edit), Ruling::Ask);
    assert_eq!(rules(&["edit(.env)"], &[], &[]).judge(&edit), Ruling::Allow);
}

#[test]
fn the_strictest_rule_wins() {
    let agent = rules(&["command(curl*)"], &["command(curl*example*)"], &["command(rm -rf*)"]);
    assert_eq!(agent.judge(&command("make")), Ruling::Allow);
    assert_eq!(agent.judge(&command("curl -s http://example.org")), Ruling::Ask);
    assert!(matches!(agent.judge(&command("rm -rf /")), Ruling::Deny(_)));
    for push in ["git push origin main", "cd x && git -C . push", "timeout 60 git push", "echo $(git push)"] {
        assert!(matches!(agent.judge(&command(push)), Ruling::Deny(_)), "{push}");
    }
    let npm = rules(&["command(npm install*)"], &[], &[]);
    let shelled = ToolRequest { expected: false, ..command("/bin/bash -lc 'npm install x'") };
    assert_eq!(npm.judge(&shelled), Ruling::Allow);
    let everything = rules(&["command", "edit"], &[], &[]);
    for (class, subjects) in [(ToolClass::Edit, Vec::new()), (ToolClass::Command, vec!["bash -c".to_owned()])] {
        let unknown = ToolRequest { class, subjects, expected: false, ..command("") };
        assert_eq!(everything.judge(&unknown), Ruling::Ask);
    }
    let outside = ToolRequest { expected: false, ..command("curl there") };
    assert_eq!(agent.judge(&outside), Ruling::Allow);
    assert_eq!(agent.judge(&ToolRequest { expected: false, ..command("curl there; rm -r here") }), Ruling::Ask);
    let files = ["/shared/a", "/home/u/.ssh/authorized_keys"].map(str::to_owned).to_vec();
    let edit = ToolRequest { class: ToolClass::Edit, subjects: files, expected: false, ..command("") };
    let shared = rules(&["edit(/shared/*)"], &[], &[]);
    assert_eq!(shared.judge(&edit), Ruling::Ask);
    assert_eq!(agent.judge(&ToolRequest { expected: false, ..command("wget there") }), Ruling::Ask);
}

#[test]
fn a_hint_is_a_rule_that_settles_it() {
    let plain = rules(&[], &["command(rm*)"], &[]);
    let lines = ["curl -s there", "cd x && wget 'a b'", "npm publish | tee log"];
    for ask in lines.map(|line| ToolRequest { expected: false, ..command(line) }) {
        assert_eq!(plain.judge(&ask), Ruling::Ask);
        let said = plain.hint("a", &ask);
        let rule = said.split('`').nth(1).unwrap();
        let allow = serde_json::from_str(rule.strip_prefix("allow = ").unwrap()).unwrap();
        let allowing = Rules { allow, ..Rules::default() };
        assert_eq!(allowing.judge(&ask), Ruling::Allow, "{said}");
    }
    assert_eq!(
        plain.hint("a", &command("rm x")),
        "The rule `ask = [\"command(rm*)\"]` of [agent.a] asks for a person's approval."
    );
}

#[test]
fn a_tool_of_a_server_is_named_by_both() {
    let agent = rules(&["mcp(files/*)"], &[], &[]);
    let tool = |name: &str| ToolRequest { class: ToolClass::Tool(name.to_owned()), expected: false, ..command("") };
    assert_eq!(agent.judge(&tool("mcp__files__read")), Ruling::Allow);
    assert_eq!(agent.judge(&tool("files/read")), Ruling::Allow);
    assert_eq!(agent.judge(&tool("mcp__mail__send")), Ruling::Ask);
}
