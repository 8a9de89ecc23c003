//! Work that is judged by what happened: mass deletes, `.env` files, secrets; and secrets in what agents and gates print.

use super::{turns, worked};
use crate::support::Place;
use std::path::Path;

/// A token of GitHub's shape that no file of ours holds.
fn token() -> String {
    let drawn: String =
        (0..36_u32).map(|n| char::from(b"k7Qz2mWx9RtB4vNc8LpHs3YdGf6J"[(n * 11 % 28) as usize])).collect();
    format!("ghp_{drawn}")
}

/// A place with so many files on main.
fn with_files(number: usize, settings: &str, commands: &[&str]) -> Place {
    let place = Place::new();
    (0..number).for_each(|n| place.write(&format!("src/{n}.txt"), &format!("file {n} of the shop\n")));
    place.make_project("true", &turns(commands));
    if !settings.is_empty() {
        let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        let (section, key) = settings.split_once('.').unwrap();
        let found = format!("[{section}]\n");
        place.write("ganger.toml", &config.replace(&found, &format!("{found}{key}\n")));
        place.commit("settings");
        place.ganger(&["trust", "--yes"]).exits(0);
    }
    place.add(&["work"]);
    let _judged_by_what_it_left = place.ganger(&["run"]);
    place
}

/// Files below a folder that hold a text, packed or not.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn deleting_much_is_a_card_and_the_answer_counts() {
    let place =
        with_files(30, "", &["git rm -q src/1*.txt src/2*.txt", "git checkout HEAD~1 -- src; echo more > new.txt"]);
    place.assert_status("T-1", "needs-you");
    place
        .ganger(&["inbox"])
        .says("T-1 deletes 22 of 32 files. Verify it anyway?")
        .says("src/1.txt")
        .says("git restore");
    place.ganger(&["answer", "C-1", "reject"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["show", "ganger/T-1:src/11.txt"]), "file 11 of the shop");

    let place = with_files(30, "", &["git rm -q src/1*.txt src/2*.txt"]);
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn renames_and_small_deletes_are_ordinary_work() {
    for how in ["git mv src lib", "git rm -q src/1*.txt", "mkdir lib; mv src/*.txt lib"] {
        with_files(30, "", &[how]).assert_status("T-1", "accepted");
    }
}

#[test]
fn how_much_may_be_deleted_is_set() {
    let how = "git rm -q src/1*.txt";
    for (settings, status) in [
        ("limits.deleted_files = 10", "needs-you"),
        ("limits.deleted_files = 11", "accepted"),
        ("policy.guard = \"strict\"", "needs-you"),
        ("policy.guard = \"off\"", "accepted"),
    ] {
        let place = with_files(30, settings, &[how]);
        assert_eq!(place.ticket("T-1")["status"], status, "{settings}: {}", place.ganger(&["inbox"]).stdout);
    }
}

#[test]
fn env_files_in_commits_are_a_card() {
    for (file, status) in [(".env", "needs-you"), ("web/.env.local", "needs-you"), (".env.example", "accepted")] {
        let place = worked("true", &[&format!("mkdir -p web; echo COLOUR=red > {file}")]);
        assert_eq!(place.ticket("T-1")["status"], status, "{file}");
    }
    // One that git ignores stays where it is.
    worked("true", &["echo .env > .gitignore; echo COLOUR=red > .env; echo work > work.txt"])
        .assert_status("T-1", "accepted");
}

#[test]
fn a_secret_goes_back_to_the_same_session_and_its_history_with_it() {
    let leak = format!("echo 'key = \"{}\"' > config.py; git add .; git commit -qm one; echo 2 > two.txt", token());
    let hide = "grep -q 'config.py:1.*github token' \"$GANGER_MISSION\" || exit 1; echo 'key = os.environ[\"KEY\"]' > config.py";
    let repair = "git reset -q --soft main; echo 'key = os.environ[\"KEY\"]' > config.py; echo KEY=your-key > .env.example; \
                  git add .; git commit -qm clean";
    let place = worked("true", &[&leak, repair]);
    place.assert_status("T-1", "accepted");
    let published = place.git(&["log", "--patch", "ganger/T-1"]);
    assert!(published.contains("KEY=your-key") && !published.contains(&token()), "{published}");
    assert_eq!(place.ticket("T-1")["attempts"], 2);

    // A later commit that removes it leaves it in the history.
    let place = worked("true", &[&leak, hide]);
    place.assert_status("T-1", "needs-you");
    place.ganger(&["inbox"]).says("holds what looks like a secret").says("config.py:1 in commit").says("github token");
    let all = place.git(&["log", "--all", "--patch"]);
    assert!(!all.contains(&token()), "it is not in the person's repository: {all}");
    let seen =
        format!("{}{}", place.ganger(&["inbox", "--json"]).stdout, place.ganger(&["log", "T-1", "--json"]).stdout);
    assert!(!seen.contains(&token()), "{seen}");

    // It can be looked at nevertheless, from where it is kept, without the secret itself.
    let diff = place.ganger(&["diff", "T-1"]).exits(0).says("+2").says("it holds what looks like a secret");
    let diff = diff.says("This is T-1 at ").says("hint: `ganger answer C-1").says("+++ b/two.txt");
    let review = place.ganger(&["review", "T-1"]).exits(3).says("it holds what looks like a secret");
    assert!(!format!("{diff:?}{review:?}").contains(&token()), "{diff:?}{review:?}");
    place.ganger(&["diff", "T-1", "--stat"]).exits(0).says("config.py");

    // What a person lets pass is published.
    place.ganger(&["answer", "C-1", "accept"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert!(place.git(&["log", "--patch", "ganger/T-1"]).contains(&token()));
    let diff = place.ganger(&["diff", "T-1"]).exits(0);
    assert!(!diff.stderr.contains("depot"), "{diff:?}");
}

#[test]
fn where_the_policy_is_strict_a_secret_is_a_card_at_once() {
    let leak = format!("echo 'key = \"{}\"' > config.py", token());
    let place = with_files(1, "policy.guard = \"strict\"", &[&leak]);
    place.assert_status("T-1", "needs-you");
    assert_eq!(place.ticket("T-1")["attempts"], 1);
}

#[test]
fn secrets_are_seen_behind_attributes_and_in_merges_and_messages() {
    let token = token();
    for how in [
        format!("echo '* -diff' > .gitattributes; echo {token} > key.txt"),
        format!("echo work > work.txt; git add .; git commit -qm 'with {token}'"),
        format!(
            "git checkout -q -b side; echo side > a.txt; git add .; git commit -qm side; git checkout -q ganger/T-1; \
             echo ours > a.txt; git add .; git commit -qm ours; git merge -q side; echo {token} > a.txt; git add .; \
             git commit -qm merged; echo both > a.txt"
        ),
    ] {
        let place = worked("true", &[&how, "true"]);
        assert_eq!(place.ticket("T-1")["status"], "needs-you", "{how}: {}", place.ganger(&["log", "T-1"]).stdout);
    }
}

#[test]
fn a_secret_that_was_there_before_is_no_news() {
    let place = Place::new();
    place.write("config.py", &format!("a = 1\nkey = \"{}\"\n", token()));
    place.make_project("true", &turns(&["mkdir app; git mv config.py app/; sed -i 's/^key/    key/' app/config.py"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn what_agents_and_gates_print_is_kept_without_secrets() {
    let (printed, known) = (token(), "an-opaque value of mine");
    let step = serde_json::json!({"*": [[
        {"say": format!("the key is {printed}")},
        {"run": format!("echo 'key {printed} {known}' >&2; echo {known}; echo work > work.txt")},
        {"tool": "ticket_note", "args": {"text": format!("I used {printed}")}},
        {"tool": "log_assumption", "args": {"assumed": format!("{printed} is right"), "confidence": 0.5}},
        {"tool": "ask_user", "args": {"question": format!("Is {printed} right?")}},
    ], [
        {"report": {"summary": format!("with {printed} and {known}"), "done": []}},
        {"exit": 1},
    ], [{"report": {"summary": format!("with {printed} and {known}"), "done": []}}]]});
    let gate = format!("echo 'gate prints {printed}'; for n in 1 2 3; do echo '{known}'; done; false");
    let place = Place::new();
    // A file: what a gate's command says is configuration, and is shown.
    std::fs::write(place.path("gate.sh"), &gate).unwrap();
    place.make_project(&format!("sh {}", place.path("gate.sh").display()), &step);
    let env = [("MY_SERVICE_TOKEN", known)];
    place.add(&["work"]);
    place.ganger_with(&["run"], &env).exits(3).says("[redacted: github token]");
    place.ganger(&["answer", "C-1", "yes"]).exits(0);
    let _rejected = place.ganger_with(&["run"], &env);
    let shown: Vec<String> = [
        &["log", "T-1"][..],
        &["log", "--json"],
        &["ticket", "show", "T-1"],
        &["ticket", "show", "T-1", "--json"],
        &["export"],
        &["inbox"],
        &["inbox", "--json"],
    ]
    .iter()
    .map(|args| place.ganger(args).stdout)
    .collect();
    assert_ne!(holding(&place.state(), "I used [redacted: github token]"), Vec::<String>::new());
    for secret in [printed.as_str(), known] {
        assert!(shown.iter().all(|text| !text.contains(secret)), "{secret}: {shown:?}");
        assert_eq!(holding(&place.state(), secret), Vec::<String>::new(), "{secret}");
    }
    let all = shown.concat();
    for kind in ["github token", "value of MY_SERVICE_TOKEN"] {
        assert!(all.contains(&format!("[redacted: {kind}]")), "{kind} is not in {all}");
    }
}

#[test]
fn your_own_words_stay_yours_and_go_to_no_model() {
    let place = Place::scripted("true", &turns(&["cp \"$GANGER_MISSION\" mission.txt"]));
    place.add(&["work", "--description", &format!("The key is {}.", token())]);
    place.ganger(&["run"]).exits(0);
    assert!(place.git(&["show", "ganger/T-1:mission.txt"]).contains("The key is [redacted: github token]."));
    place.ganger(&["ticket", "show", "T-1"]).says("[redacted: github token]");
    assert!(!place.ganger(&["export"]).stdout.contains(&token()));
}

#[test]
fn refs_of_yours_that_an_agent_moves_are_a_card_with_the_way_back() {
    let place = Place::new();
    let reach = "git -C ../../shop branch -qf kept HEAD~1; git -C ../../shop branch -qD gone; echo work > work.txt";
    place.make_project("true", &turns(&[reach]));
    place.git(&["branch", "kept"]);
    place.git(&["branch", "gone"]);
    let was = place.git(&["rev-parse", "main"]);
    place.add(&["work"]);
    let _with_a_notice = place.ganger(&["run"]);
    place.assert_status("T-1", "accepted");
    place
        .ganger(&["inbox"])
        .says("An agent moved branches or tags of your repository while T-1 was at work")
        .says(&format!("git update-ref refs/heads/kept {was}"));
    place.ganger(&["log", "T-1"]).says(&format!("refs/heads/gone is gone: `git update-ref refs/heads/gone {was}`"));
    place.ganger(&["answer", "C-1", "ok"]).exits(0);
}
