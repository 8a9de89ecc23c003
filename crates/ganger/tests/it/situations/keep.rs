//! `ganger merge --keep`: files of the person's that are in the way go to a rescue, and come back.

use super::turns;
use crate::support::Place;

/// An accepted ticket that adds `notes/a.txt` and `plan`, where the person has files that git does not know.
fn in_the_way(gate: &str) -> Place {
    let place = Place::scripted(gate, &turns(&["mkdir notes; echo theirs > notes/a.txt; echo theirs > plan"]));
    place.add(&["one"]);
    place.ganger(&["run"]).exits(0);
    place.write(".git/info/exclude", "plan\n");
    place.write("notes/a.txt", "mine\n");
    place.write("plan", "my plan\n");
    place
}

#[test]
fn what_is_in_the_way_is_kept_and_given_back() {
    let place = in_the_way("true");
    place.ganger(&["merge", "T-1"]).exits(1).says("are in the way: notes/a.txt, plan").says("--keep");
    let merged = place.ganger(&["merge", "T-1", "--keep"]).exits(0);
    assert!(merged.stderr.contains("Moved 2 files of yours out of the way: notes/a.txt, plan."), "{}", merged.stderr);
    place.assert_status("T-1", "merged");
    assert_eq!(std::fs::read_to_string(place.repo().join("plan")).unwrap(), "theirs\n");
    let rescues = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    let name = rescues["rescues"][0]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("yours/"), "{rescues}");
    place.ganger(&["rescue", "show", "yours"]).exits(0).says("notes/a.txt");
    let folder = place.ganger(&["rescue", "restore", &name]).exits(0).stdout.trim().to_owned();
    let back = |file: &str| std::fs::read_to_string(std::path::Path::new(&folder).join(file)).unwrap();
    assert_eq!((back("notes/a.txt"), back("plan")), ("mine\n".to_owned(), "my plan\n".to_owned()));
}

#[test]
fn what_did_not_land_gives_the_files_back() {
    let place = in_the_way("test ! -e README.md || ! grep -q later README.md");
    place.write("README.md", "later\n");
    place.git(&["commit", "--quiet", "--all", "--message", "main is red with it"]);
    place.ganger(&["merge", "T-1", "--keep"]).exits(1).says("Put 2 files of yours back.");
    assert_eq!(std::fs::read_to_string(place.repo().join("plan")).unwrap(), "my plan\n");
    assert_eq!(std::fs::read_to_string(place.repo().join("notes/a.txt")).unwrap(), "mine\n");
}

#[test]
fn files_come_back_as_they_were_also_after_a_merge_that_was_killed() {
    let place = in_the_way("true");
    let plan = place.repo().join("plan");
    std::fs::remove_file(&plan).unwrap();
    place.write("plan/secret", "mine\n");
    std::fs::create_dir(plan.join("empty")).unwrap();
    let mut make = std::process::Command::new("sh");
    make.args(["-c", "chmod 600 plan/secret; chmod 700 plan; touch -d 2001-02-03T00:00:00Z plan/secret"]);
    assert!(make.current_dir(place.repo()).status().unwrap().success());
    let look = || {
        let mut look = std::process::Command::new("sh");
        look.args(["-c", "stat -c '%n %a %Y' plan/secret plan plan/empty"]).current_dir(place.repo());
        String::from_utf8(look.output().unwrap().stdout).unwrap()
    };
    let before = look().replace(char::is_whitespace, " ");
    let folder = |seen: &str| seen.split(' ').step_by(3).map(str::to_owned).collect::<Vec<_>>();
    place.ganger_with(&["merge", "T-1", "--keep"], &[("GANGER_CRASH_AT", "merge")]);
    assert!(!plan.exists());
    place.write("README.md", "main is dirty: nothing lands\n");
    place.ganger(&["run"]).says("Put 2 files of yours back, which an interrupted merge had moved.");
    let after = look().replace(char::is_whitespace, " ");
    assert_eq!(folder(&after), folder(&before));
    assert!(after.contains("plan/secret 600 981158400") && after.contains("plan 700"), "{after}");
}

#[test]
fn nothing_is_removed_that_a_rescue_cannot_hold() {
    let place = in_the_way("true");
    std::fs::remove_file(place.repo().join("plan")).unwrap();
    let inner = place.repo().join("plan");
    std::fs::create_dir(&inner).unwrap();
    place.git_in(&inner, &["init", "--quiet"]);
    std::fs::write(inner.join("work"), "mine").unwrap();
    place.ganger(&["merge", "T-1", "--keep"]).exits(1).says("git cannot keep it; move it elsewhere yourself");
    assert!(inner.join("work").exists() && place.repo().join("notes/a.txt").exists());
    place.assert_status("T-1", "accepted");
}
