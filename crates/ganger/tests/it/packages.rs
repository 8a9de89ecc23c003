//! What comes with packages besides the program: manual pages and completions.

use crate::support::Place;
use std::process::Command;

#[test]
fn every_command_has_a_manual_page_that_mandoc_finds_clean() {
    let place = Place::new();
    place.ganger(&["man-pages", "../man", "--date", "2026-01-31"]).exits(0);
    let folder = place.path("man");
    let mut pages: Vec<String> =
        folder.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    assert!(pages.contains(&"ganger.1".to_owned()) && pages.contains(&"ganger-ticket-add.1".to_owned()), "{pages:?}");
    // Each page that a page names is there, and nothing that people do not call.
    for page in &pages {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        let named = text.lines().filter_map(|line| line.strip_suffix("(1)"));
        for name in named.map(|name| name.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")) {
            assert!(pages.contains(&format!("{name}.1")), "{page} names {name}");
        }
    }
    assert!(!pages.iter().any(|page| page.contains("hook") || page.contains("man-pages")), "{pages:?}");
    let mut lint = Command::new("mandoc");
    lint.args(["-T", "lint"]).args(pages.iter().map(|page| folder.join(page)));
    let lint = place.outside(lint);
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    let shown = |page: &str| {
        let mut show = Command::new("mandoc");
        show.args(["-T", "ascii"]).arg(folder.join(page));
        let shown = String::from_utf8_lossy(&place.outside(show).stdout).into_owned();
        // Bold is a letter, a backspace, and the letter again.
        let mut plain = String::new();
        for c in shown.chars() {
            if c == '\u{8}' {
                plain.pop();
            } else {
                plain.push(c);
            }
        }
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let main = shown("ganger.1");
    assert!(main.contains("ganger-run(1) Work through the board") && main.contains("3 waits for you"), "{main}");
    let sub = shown("ganger-ticket-add.1");
    assert!(sub.contains("ganger ticket add [--id]") && sub.contains("SEE ALSO ganger-ticket(1)"), "{sub}");
}

#[test]
fn a_shell_completes_commands_and_options() {
    let place = Place::new();
    std::fs::write(place.path("script"), place.ganger(&["completions", "bash"]).exits(0).stdout).unwrap();
    let offers = |words: &str| {
        let ask = "source ../script; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
                   _ganger ganger \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"; echo ${COMPREPLY[@]}";
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-c", ask, "bash", words]);
        let output = place.outside(bash);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(offers("ganger tick"), "ticket");
    assert_eq!(offers("ganger ticket reo"), "reopen");
    assert_eq!(offers("ganger merge --a"), "--all");
    for shell in ["zsh", "fish"] {
        place.ganger(&["completions", shell]).exits(0).says("reopen");
    }
}
