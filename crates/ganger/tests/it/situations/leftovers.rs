//! What agents leave in a workspace that is no commit.

use super::{is_kept, rescues, turns, worked};
use crate::support::{Place, alive_with, kill, wait_until};

#[test]
fn a_repository_inside_the_work_goes_back_with_what_to_do() {
    let nested = "echo work > work.txt; git init -q app; echo hello > app/index.js";
    for how in [
        nested.to_owned(),
        format!("{nested}; (cd app; git add .; git commit -qm scaffold)"),
        format!("{nested}; (cd app; git add .; git commit -qm scaffold); git add . 2>/dev/null; git commit -qm all"),
        "git clone -q . app; echo hello > app/index.js".to_owned(),
    ] {
        let fixes = "grep -q 'app.*repository of its own' \"$GANGER_MISSION\" || exit 1; rm -rf app/.git; \
                      git rm -q --cached app 2>/dev/null; true";
        let place = worked("true", &[&how, fixes]);
        assert_eq!(place.ticket("T-1")["status"], "accepted", "{how}: {}", place.ganger(&["log", "T-1"]).stdout);
        assert_eq!(place.git(&["show", "ganger/T-1:app/index.js"]), "hello", "{how}");
    }
}

#[test]
fn work_of_subagents_in_worktrees_of_their_own_is_kept() {
    for place_of_it in [".claude/worktrees/helper", "../helper-of-T-1"] {
        let how = format!(
            "echo '.claude/' > .gitignore; git worktree add -q {place_of_it} -b helper; echo precious > {place_of_it}/p.txt"
        );
        let place = worked("true", &[&how]);
        place.assert_status("T-1", "accepted");
        assert!(!place.workspace("T-1").exists());
        assert!(is_kept(&place, "precious\n"), "{place_of_it}: {:?}", rescues(&place));
    }
}

#[test]
fn everything_that_git_does_not_ignore_is_kept_whatever_its_name_is() {
    let how = "mkdir -p src/target node_modules/own __pycache__ .venv; for f in src/target/a node_modules/own/b \
               __pycache__/c .venv/d; do echo precious-$f > $f; done; echo staged > staged.txt; git add staged.txt; \
               echo unstaged > staged.txt; exit 1";
    let place = worked("true", &[how, how, how]);
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert!(!place.workspace("T-1").exists());
    for file in ["src/target/a", "node_modules/own/b", "__pycache__/c", ".venv/d"] {
        assert!(is_kept(&place, &format!("precious-{file}\n")), "{file}");
    }
    assert!(is_kept(&place, "staged\n") && is_kept(&place, "unstaged\n"));
}

#[test]
fn stashes_and_branches_of_an_agent_are_kept() {
    let how = "echo work > work.txt; echo stashed > README.md; git stash -q; git checkout -q -b side; \
               echo side > side.txt; git add side.txt; git commit -qm side; git checkout -q ganger/T-1; echo work > work.txt";
    let place = worked("test -f work.txt", &[how]);
    place.assert_status("T-1", "accepted");
    assert!(!place.workspace("T-1").exists());
    for content in ["stashed\n", "side\n", "work\n"] {
        assert!(is_kept(&place, content), "{content}: {:?}", rescues(&place));
    }
}

#[test]
fn work_that_was_collected_twice_leaves_nothing_to_rescue() {
    let place = worked("test \"$(cat work.txt)\" != 1", &["echo 1 > work.txt", "echo 2 > work.txt"]);
    place.assert_status("T-1", "accepted");
    assert_eq!(rescues(&place), Vec::<String>::new());
}

#[test]
fn ordinary_work_leaves_nothing_to_rescue() {
    for how in [
        "mkdir -p src/deep; echo 1 > src/deep/a; git add .; git commit -qm a; echo 2 > b",
        "echo 1 > a; git add .; git commit -qm a; echo 2 > a; git commit -qam b; echo 3 > c",
        "echo 1 > a; git add a; echo 2 > b",
        "git checkout -q -b own; echo 1 > a; git add .; git commit -qm a; echo 2 > b",
    ] {
        let place = worked("true", &[how]);
        place.assert_status("T-1", "accepted");
        assert_eq!(rescues(&place), Vec::<String>::new(), "{how}");
    }
}

#[test]
fn a_large_ignored_folder_is_named_and_not_kept() {
    let how = "echo 'build/' > .gitignore; mkdir build; head -c 30000000 /dev/zero > build/big; echo small > build.log; \
               echo '*.log' >> .gitignore";
    let place = worked("true", &[how]);
    place.assert_status("T-1", "accepted");
    let name = rescues(&place).into_iter().next().unwrap();
    assert!(is_kept(&place, "small\n"));
    let told = place.in_depot(&["log", "-1", "--format=%B", &format!("refs/ganger/rescue/{name}")]);
    assert!(told.contains("Not kept, for git ignores it and it is large: build/"), "{told}");
}

/// Git would read it to its end, though there is nothing in it.
#[test]
fn a_file_that_is_too_large_for_git_is_moved_aside_before_its_workspace_goes() {
    let how = "echo work > work.txt; truncate -s 4T big; mkdir -p app; git init -q app; truncate -s 3T app/inner";
    let place = worked("true", &[how, "rm -rf app/.git"]);
    place.assert_status("T-1", "needs-you");
    place.ganger(&["inbox"]).exits(0).says("T-1");
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert!(!place.workspace("T-1").exists());
    let aside = place.workspace("T-1").with_file_name("T-1.large");
    assert_eq!(aside.join("big").metadata().unwrap().len(), 4 << 40);
    assert_eq!(aside.join("app/inner").metadata().unwrap().len(), 3 << 40);
    assert!(is_kept(&place, "work\n"));
    let told = |name: &String| place.in_depot(&["log", "-1", "--format=%B", &format!("refs/ganger/rescue/{name}")]);
    let told: Vec<String> = rescues(&place).iter().map(told).collect();
    assert!(told[0].contains("Not kept, for it is larger than 1 GiB: big (it is moved to"), "{told:?}");
}

#[test]
fn a_workspace_without_files_is_no_work() {
    let place = worked("true", &["rm -rf \"$PWD\"", "echo work > work.txt"]);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.ticket("T-1")["attempts"], 2);
    assert_eq!(place.git(&["diff", "--name-only", "main", "ganger/T-1"]), "work.txt");

    let place = worked("true", &["git rm -rqf ."]);
    place.assert_status("T-1", "needs-you");
    place.ganger(&["inbox"]).exits(0).says("deletes");
}

#[test]
fn what_setup_left_is_no_work() {
    // One of the names is no text.
    let odd = r"touch $(printf 'caf\\351') 'a*'";
    let setup = format!("setup = \"echo changed > README.md; echo new > generated.txt; {odd}; ln -s /etc outside\"");
    let setup = setup.as_str();
    let place = Place::new();
    place.make_project_with(setup, "true", &turns(&["true", "true", "true"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3).says("nothing was changed");
    place.assert_status("T-1", "needs-you");

    let place = Place::new();
    place.make_project_with(setup, "true", &turns(&["echo work > work.txt; echo more >> generated.txt"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    let changed = place.git(&["diff", "--name-only", "main", "ganger/T-1"]);
    assert_eq!(changed, "generated.txt\nwork.txt", "what the agent changed, and nothing else");
}

#[test]
fn too_much_is_too_much_whoever_commits_it() {
    let many = "mkdir deps; for i in $(seq 600); do echo $i > deps/$i; done";
    for how in [many.to_owned(), format!("{many}; git add .; git commit -qm all")] {
        let place = worked("true", &[&how]);
        place.assert_status("T-1", "needs-you");
        place.ganger(&["inbox"]).says("600 files");
    }
}

#[test]
fn links_that_lead_outside_go_back() {
    for (link, fits) in [("/etc/passwd", false), ("../../elsewhere", false), ("./README.md", true)] {
        let place = worked("true", &[&format!("ln -s {link} link; echo work > work.txt"), "true", "true"]);
        place.assert_status("T-1", if fits { "accepted" } else { "needs-you" });
    }
}

#[test]
fn a_daemon_that_left_everything_behind_ends_with_its_attempt() {
    let daemon = "echo work > work.txt; env -i setsid sh -c 'cd / && (exec sleep 3141.59 >/dev/null 2>&1 </dev/null &)'; \
                  sleep 0.2";
    let place = worked("true", &[daemon]);
    place.assert_status("T-1", "accepted");
    assert_eq!(alive_with("", "sleep 3141.59"), Vec::<i32>::new());
}

/// Nothing leads from a killed host to what it had adopted but its guard.
#[test]
fn a_daemon_that_left_everything_behind_ends_with_a_host_that_was_killed() {
    let limit = std::time::Duration::from_secs(30);
    let daemon = "env -i setsid sh -c 'cd / && (exec sleep 2718.28 >/dev/null 2>&1 </dev/null &)'; sleep 100";
    let place = Place::scripted("true", &turns(&[daemon]));
    place.add(&["work"]);
    let run = place.start(&["run"]);
    let noted = place.state().join("hosts/local/stamp.adopted");
    let is_noted = || std::fs::read_to_string(&noted).is_ok_and(|noted| !noted.is_empty());
    wait_until("the guard knows the daemon", limit, is_noted);
    assert!(!alive_with("", "sleep 2718.28").is_empty());
    kill(run.pid(), 9);
    wait_until("the guard ends the daemon", limit, || alive_with("", "sleep 2718.28").is_empty());
}

/// Each process of it lives for a moment only, and has neither environment nor folder by which it could be found. It says
/// all the time that it lives, and ends by itself long after this test.
const COMET: &str = "import os, sys, time
alive, end, n = sys.argv[1], time.time() + 120, 0
if os.fork(): os._exit(0)
os.setsid()
while time.time() < end:
    if os.fork(): os._exit(0)
    n += 1
    if n % 20 == 0: open(alive, 'w').write(str(n))
";

/// Whether this process may make a control group of version 2 in its own, by the kernel's own word.
fn may_make_groups() -> bool {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let Some((mount, own)) = mount.and_then(|line| line.split(' ').nth(1)).zip(own) else { return false };
    let tried = std::path::Path::new(mount).join(own).join(format!("tried-{}", std::process::id()));
    std::fs::create_dir(&tried).is_ok() && std::fs::remove_dir(&tried).is_ok()
}

#[test]
fn what_forks_faster_than_anybody_looks_ends_with_its_attempt_and_with_its_host() {
    let place = Place::new();
    let (comet, alive) = (place.path("comet.py"), place.path("alive"));
    std::fs::write(&comet, COMET).unwrap();
    let start = format!(
        "cd /; env -i \"$(python3 -c 'import sys; print(sys.executable)')\" {} {} > /dev/null 2>&1 < /dev/null; until test -s {}; do sleep 0.05; done",
        comet.display(),
        alive.display(),
        alive.display()
    );
    let hangs = serde_json::json!([[{"run": start}, {"hang": true}]]);
    let script = serde_json::json!({"T-1": [[{"run": start}, {"write": "x.txt", "text": "x"}]], "T-2": hangs});
    place.make_project("true", &script);
    let doctor = place.ganger(&["doctor"]).exits(0).stdout;
    let has_groups = doctor.contains("groups     the processes of each attempt are in a group of their own");
    assert_eq!(has_groups, may_make_groups(), "{doctor}");
    if !has_groups {
        assert!(doctor.contains("groups     none: "), "what holds here is said, and no more is promised: {doctor}");
        return;
    }
    let limit = std::time::Duration::from_secs(30);
    let is_silent = || {
        let last = std::fs::metadata(&alive).and_then(|file| file.modified()).unwrap();
        last.elapsed().is_ok_and(|silent| silent > std::time::Duration::from_secs(3))
    };
    place.add(&["ends"]);
    place.ganger(&["run"]).exits(0);
    wait_until("it ended with its attempt", limit, is_silent);
    std::fs::remove_file(&alive).unwrap();
    place.add(&["hangs"]);
    let run = place.start(&["run"]);
    wait_until("it is at work", limit, || std::fs::read(&alive).is_ok_and(|said| !said.is_empty()));
    kill(run.pid(), 9);
    wait_until("it ended with its host", limit, is_silent);
}
