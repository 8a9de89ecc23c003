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
    assert!(sub.contains("ganger ticket add [--like] [--id]") && sub.contains("SEE ALSO ganger-ticket(1)"), "{sub}");
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

#[test]
fn the_readme_shows_commands_and_pages_that_there_are() {
    let place = Place::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let in_blocks = readme.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap().lines());
    let shown: Vec<&str> = in_blocks.filter_map(|line| line.strip_prefix("ganger ")).collect();
    assert!(shown.len() > 8, "{shown:?}");
    for line in shown {
        let words: Vec<&str> =
            line.split_whitespace().take_while(|word| word.starts_with(char::is_alphabetic)).collect();
        let path = if words[0] == "ticket" { &words[..2] } else { &words[..1] };
        let help = place.ganger(&[path, &["--help"]].concat()).exits(0).stdout;
        let options = line.split('#').next().unwrap().split_whitespace().filter(|word| word.starts_with("--"));
        options.for_each(|option| assert!(help.contains(option), "{line}"));
    }
    let table = readme.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    for words in table.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        let name = words.split_whitespace().next().unwrap();
        let below = words.strip_prefix("ticket ").map_or(vec![name], |list| list.split(", ").collect());
        let path = |word| if words.starts_with("ticket ") { vec!["ticket", word] } else { vec![word] };
        below.into_iter().for_each(|word| drop(place.ganger(&[path(word), vec!["--help"]].concat()).exits(0)));
    }
    for link in readme.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
        assert!(root.join(link).exists(), "{link}");
    }
    // What developers are told to run is what CI runs.
    assert!(readme.contains("\ncargo run --release -- demo\n") && readme.contains("\n./dev test\n"));
    assert!(std::fs::read_to_string(root.join(".ci/run")).unwrap().contains("exec ./dev test"));
}
