//! `ganger review`: comments by file and line, sent to the session as one message.

use crate::support::{GANGER, Place, wait_until};
use crate::terminal::{OnTerminal, SIZES};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// One accepted ticket that added `a.txt` with two lines.
fn reviewable() -> Place {
    let write = |text: &str| json!([{"write": "a.txt", "text": text}]);
    let place = Place::scripted("true", &json!({"*": [write("one\ntwo\n"), write("one\n2\n")]}));
    place.add(&["numbers"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place
}

#[test]
fn comments_on_the_command_line_send_accepted_work_back() {
    let place = reviewable();
    place.ganger(&["review", "T-1", "--comment", "b.txt:1", "why"]).exits(2).says("T-1 does not change b.txt");
    place.ganger(&["review", "T-1", "--comment", "a.tx", "why"]).exits(2).says("did you mean a.txt?");
    place
        .ganger(&["review", "T-1", "--comment", "a.txt:3", "why"])
        .exits(2)
        .says("a.txt has no line 3")
        .says("hint: with T-1 it has 2 lines");
    place.ganger(&["review", "T-1", "--comment", "a.txt:0", "why"]).exits(2).says("a.txt has no line 0");
    place.ganger(&["review", "T-1", "--comment", "README.md", "why"]).exits(2).says("T-1 does not change README.md");
    place.ganger(&["review", "T-1"]).exits(3).says("stdin is not a terminal").says("--comment FILE:LINE TEXT");
    place.ganger(&["review", "T-1", "--accept"]).exits(0).says("T-1 is accepted already. `ganger merge T-1`");
    let args = ["review", "1", "--comment", "a.txt:2", "use digits", "--comment", "a.txt", "and a title", "--json"];
    let review = place.ganger(&args).exits(0).json();
    crate::support::assert_shape("review", &review);
    assert_eq!(review["outcome"], "sent-back");
    assert_eq!(review["comments"][0], json!({"file": "a.txt", "line": 2, "text": "use digits"}));
    assert_eq!(review["comments"][1]["line"], Value::Null);
    place.assert_status("T-1", "open");
    place.ganger(&["run", "--dry-run"]).exits(0).says("- a.txt:2: use digits").says("- a.txt: and a title");
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.git(&["show", "ganger/T-1:a.txt"]), "one\n2");
    place.ganger(&["merge", "T-1"]).exits(0);
    place.ganger(&["review", "T-1", "--comment", "a.txt", "late"]).exits(4).says("T-1 is merged");
}

#[test]
fn files_go_by_their_real_names() {
    let place =
        Place::scripted("true", &json!({"*": [[{"run": "printf x > 'ä\t\"b:1.txt'; echo more >> README.md"}]]}));
    place.add(&["odd names"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["review", "T-1", "--comment", "c.txt", "why"]).exits(2).says("it changes README.md, ä");
    let args = ["review", "T-1", "--comment", "ä\t\"b:1.txt:1", "digits", "--comment", "README.md:1", "keep", "--json"];
    let review = place.ganger(&args).exits(0).json();
    assert_eq!(review["comments"][0]["line"], 1);
    assert_eq!(review["comments"][1], json!({"file": "README.md", "line": 1, "text": "keep"}));
    let mission = place.ganger(&["run", "--dry-run"]).exits(0).stdout;
    assert!(mission.contains("b:1.txt:1: digits") && !mission.contains("\\303"), "{mission}");
}

#[test]
fn comments_in_the_editor_belong_to_the_lines_above_them() {
    let mut place = reviewable();
    let editor = place.path("editor");
    std::fs::write(&editor, "cp \"$1\" ../shown.diff\nsed -i -e 's/^+two$/&\\n# digits, please/' \"$1\"\n").unwrap();
    place.set_env("VISUAL", &format!("sh {}", editor.display()));
    let mut review = OnTerminal::start(&place, &["review", "T-1"], SIZES[1]);
    assert_eq!(review.code(), 0, "{:#?}", review.rows());
    wait_until("it says so", LIMIT, || review.shows("Sent 1 comment to the session of T-1."));
    let shown = std::fs::read_to_string(place.path("shown.diff")).unwrap();
    assert!(shown.starts_with("# Review of T-1: numbers\n#\n# Write comments"), "{shown}");
    place.ganger(&["run", "--dry-run"]).exits(0).says("- a.txt:2: digits, please").says("> +two");
    place.ganger(&["run"]).exits(0);

    place.set_env("VISUAL", "true");
    let mut review = OnTerminal::start(&place, &["review", "T-1"], SIZES[1]);
    review.wait_for("No comments. Accept T-1? [y/N]");
    review.type_line("n");
    assert_eq!(review.code(), 0);
    wait_until("it says so", LIMIT, || review.shows("Nothing was sent"));
    place.assert_status("T-1", "accepted");
}

#[test]
fn typed_comments_are_kept_when_they_cannot_be_sent() {
    let mut place = reviewable();
    let editor = place.path("editor");
    let script = |after: &str| {
        let write = "sed -i -e 's/^+one$/&\\n# digits, please/' \"$1\"";
        std::fs::write(&editor, format!("{write}\n{after}\n")).unwrap();
    };
    place.set_env("VISUAL", &format!("sh {}", editor.display()));
    place.set_env("TMPDIR", &place.path("").display().to_string());
    let on_screen = |words: &str| {
        let mut review = OnTerminal::start(&place, &["review", "T-1"], SIZES[2]);
        let code = review.code();
        review.wait_for(words);
        code
    };
    script("exit 3");
    assert_eq!(on_screen("hint: what you typed is in /"), 1);
    // The ticket is sent back, and goes on, while the editor is open: the comments reach it anyway.
    script(&format!("'{GANGER}' ticket reopen T-1"));
    assert_eq!(on_screen("Sent 1 comment to the session of T-1."), 0);
    place.ganger(&["run"]).exits(0);
    script(&format!("'{GANGER}' merge T-1"));
    assert_eq!(on_screen("your comments are in "), 4);
    let kept = std::fs::read_dir(place.state().join("reviews")).unwrap().next().unwrap().unwrap();
    let words = std::fs::read_to_string(kept.path()).unwrap();
    assert!(words.contains("digits, please"), "{words}");
}

#[test]
fn a_review_accepts_what_asks_to_be_accepted() {
    let place = Place::scripted("true", &json!({"*": [[{"write": "a.txt", "text": "x"}]]}));
    place.write("ganger.toml", &{
        let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        config.split("[[gate]]").next().unwrap().to_owned()
    });
    place.commit("no gates");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    place.ganger(&["review", "T-1", "--accept"]).exits(4).says("T-1 is open: it does not ask to be accepted");
    place.ganger(&["run"]).exits(3);
    place.ganger(&["review", "T-1", "--accept"]).exits(0).says("Accepted T-1. Land it with `ganger merge T-1`.");
    place.assert_status("T-1", "accepted");
}
