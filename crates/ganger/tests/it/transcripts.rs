//! What a person sees: whole sessions at the command line, with output and exit codes.

use crate::support::Place;
use expect_test::{Expect, expect};
use serde_json::json;
use std::fmt::Write;

/// Plays commands and compares everything that they print.
#[track_caller]
fn transcript(place: &Place, commands: &[&[&str]], expected: &Expect) {
    let mut shown = String::new();
    for args in commands {
        let output = place.ganger(args);
        write!(shown, "$ ganger {}\n{}", args.join(" "), output.stdout).unwrap();
        if !output.stderr.is_empty() {
            writeln!(shown, "--\n{}", output.stderr.trim_end()).unwrap();
        }
        if output.code != 0 {
            writeln!(shown, "=> {}", output.code).unwrap();
        }
    }
    expected.assert_eq(&plain(place, &shown));
}

/// Without what differs from run to run: folders, times, commits.
fn plain(place: &Place, shown: &str) -> String {
    let shown = shown.replace(&place.path("").display().to_string(), "/place/");
    let is_hash = |w: &str| w.len() >= 10 && w.chars().all(|c| c.is_ascii_hexdigit()) && w.contains(char::is_numeric);
    let is_time = |w: &str| w.len() == 8 && w.split(':').filter(|p| p.len() == 2).count() == 3;
    let word = |w: &str| -> String {
        match w.trim_matches(|c: char| !c.is_alphanumeric()) {
            bare if is_hash(bare) => w.replace(bare, "COMMIT"),
            bare if is_time(bare) => w.replace(bare, "TIME"),
            _ => w.to_owned(),
        }
    };
    // A slow machine makes a run say what it waits for.
    let lines = shown.lines().filter(|line| !line.contains("  waits for "));
    let lines = lines.map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" "));
    lines.map(|line| age(&line) + "\n").collect()
}

/// `12 ms`, `1.2 s`: how long something took.
fn age(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for i in 1..words.len() {
        let number = words[i - 1].trim_start_matches('(').to_owned();
        let unit = words[i].trim_end_matches([')', ',']).to_owned();
        if number.parse::<f64>().is_ok() && ["ms", "s"].contains(&unit.as_str()) {
            words[i - 1] = words[i - 1].replace(&number, "N");
            words[i] = words[i].replacen(&unit, "ms", 1);
        }
    }
    // On a slow machine what was just now is some time ago.
    words.join(" ").replace("N ms ago", "just now")
}

#[test]
fn a_board_is_filled_and_asked() {
    let place = Place::scripted("true", &json!({}));
    transcript(
        &place,
        &[
            &["ticket", "list"],
            &["ticket", "add", "Reject negative amounts", "--done", "a test covers it", "--priority", "high"],
            &["ticket", "add", "Say so in the docs", "--after", "T-1"],
            &["ticket", "add", "Lost", "--after", "T-9"],
            &["ticket", "edit", "T-1", "--after", "T-2"],
            &["ticket", "list"],
            &["ticket", "why", "T-2"],
            &["ticket", "show", "T-7"],
            &["ticket", "close", "T-1", "--reason", "not needed"],
            &["inbox"],
            &["answer", "C-1", "perhaps"],
            &["answer", "C-1", "continue"],
            &["status"],
        ],
        &expect![[r#"
            $ ganger ticket list
            --
            No tickets. Add one with `ganger ticket add "…"`.
            $ ganger ticket add Reject negative amounts --done a test covers it --priority high
            T-1
            $ ganger ticket add Say so in the docs --after T-1
            T-2
            $ ganger ticket add Lost --after T-9
            --
            error: there is no ticket T-9
            hint: `ganger ticket list --all` shows all tickets
            => 1
            $ ganger ticket edit T-1 --after T-2
            --
            error: dependency cycle: T-1 → T-2 → T-1
            => 1
            $ ganger ticket list
            T-1  open  high    Reject negative amounts
            T-2  open  medium  Say so in the docs  (waits for T-1, which is open)
            $ ganger ticket why T-2
            T-2: waits for T-1, which is open
                 next: `ganger ticket why T-1`
            $ ganger ticket show T-7
            --
            error: there is no ticket T-7
            hint: `ganger ticket list --all` shows all tickets
            => 1
            $ ganger ticket close T-1 --reason not needed
            --
            Closed T-1.
            T-2 depends on it and waits for your answer to C-1: `ganger answer C-1`.
            $ ganger inbox
            C-1  T-2  T-2 depends on T-1, which was closed. Continue without it?
                 just now, blocks 1 ticket
                 It will not start or merge until you answer. If its branch already exists, it contains the closed work.
                 answer: continue | cancel
                 if unanswered: it keeps waiting
                 ganger answer C-1 continue
                 ganger answer C-1 cancel

            $ ganger answer C-1 perhaps
            --
            error: `perhaps` is not an answer to C-1
            hint: answer with one of: continue, cancel
            => 1
            $ ganger answer C-1 continue
            --
            Answered C-1.
            No run is active: `ganger run` continues the work.
            $ ganger status
            No run is active.
            1 open
            T-2  open  Say so in the docs  ready (just now)
            1 ready: run `ganger run`
        "#]],
    );
}

#[test]
fn a_run_is_watched_and_merged() {
    let place = Place::scripted(
        "test -e good.txt",
        &json!({"*": [
            [{"write": "bad.txt", "text": "b"}],
            [{"write": "good.txt", "text": "g"}, {"report": {"summary": "mended", "done": []}}],
        ]}),
    );
    place.work_makes_gates_green();
    place.add(&["Make it good"]);
    transcript(
        &place,
        &[&["run"], &["merge", "T-1"], &["merge", "--all"], &["rescue", "list"], &["zzz"]],
        &expect![[r#"
            $ ganger run
            TIME T-1  scripted starts (T-1-a1)
            TIME T-1  says it is done, at COMMIT
            TIME T-1  gate check red at COMMIT (N ms)
            TIME T-1  rejected: gate `check` failed with exit code 1
            TIME T-1  scripted starts (T-1-a2)
            TIME T-1  reports: mended
            TIME T-1  says it is done, at COMMIT
            TIME T-1  gate check green at COMMIT (N ms)
            TIME T-1  accepted at COMMIT
            --

            1 accepted
            hint: T-1 is accepted: review it with `ganger review T-1`, land it with `ganger merge T-1`
            $ ganger merge T-1
            TIME T-1  gate check green at COMMIT (N ms)
            TIME T-1  merged as COMMIT
            --

            1 merged
            $ ganger merge --all
            --
            Nothing to merge.
            $ ganger rescue list
            --
            Nothing to rescue.
            $ ganger zzz
            --
            error: unrecognized subcommand 'zzz'

            Usage: ganger <COMMAND>

            For more information, try '--help'.
            => 2
        "#]],
    );
}
