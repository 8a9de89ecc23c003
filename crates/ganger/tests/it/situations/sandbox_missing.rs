//! What holds where the kernel has no Landlock: nothing is confined, everybody is told, and what requires a sandbox does
//! not begin. And what holds for a user who may do nothing that root may.

use super::turns;
use crate::support::{GANGER, Output, Place};
use std::process::Command;

const LAUNCHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/without_landlock.py");
const NONE: &str = "this kernel has no Landlock";

/// Runs Ganger where the system calls of Landlock do not exist.
fn without_landlock(place: &Place, args: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.args([LAUNCHER, GANGER]).args(args);
    place.outside(command).into()
}

#[test]
fn work_goes_on_without_a_sandbox_and_everybody_is_told() {
    let place = Place::new();
    let outside = place.path("outside");
    let gate = format!("echo x > {}; test -f work.txt", outside.display());
    place.make_project(&gate, &turns(&["echo work > work.txt"]));
    place.add(&["work"]);
    let doctor = without_landlock(&place, &["doctor"]).exits(0);
    let none =
        format!("auto; there is none here: {NONE}, or it is turned off; agents, setup and gates can do what you can");
    let doctor = doctor.says(&none).says(&format!("setup and gates: no, {NONE}"));
    assert!(!doctor.stdout.contains("what is confined cannot"), "{}", doctor.stdout);
    without_landlock(&place, &["confine"]).exits(0).says("warning: nothing of this holds here");
    let shown = without_landlock(&place, &["confine", "--json"]).exits(0).json();
    assert_eq!(shown["enforced"], "no");
    without_landlock(&place, &["confine", "--", "true"]).exits(1).says(NONE);
    without_landlock(&place, &["run"]).exits(0).says("warning: there is no sandbox here");
    place.assert_status("T-1", "accepted");
    assert!(outside.exists(), "gates can do what the person can");
    without_landlock(&place, &["merge", "T-1"]).exits(0);
}

#[test]
fn what_requires_a_sandbox_is_refused_before_an_attempt_is_made() {
    for (project, agent, who) in [
        ("sandbox = \"required\"\n", "", "setup and gates"),
        ("", "sandbox = \"required\"\n", "agent scripted"),
        // An agent of a file, of which the configuration says only this.
        ("", "[agent.explore]\nsandbox = \"required\"\n[agent.scripted]\n", "agent sisyphus/explore"),
    ] {
        let place = Place::scripted("true", &turns(&["echo work > work.txt"]));
        let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        let section = if agent.starts_with('[') { agent.to_owned() } else { format!("[agent.scripted]\n{agent}") };
        place.write("ganger.toml", &format!("{project}{}", text.replace("[agent.scripted]\n", &section)));
        place.commit("sandbox");
        place.ganger(&["trust", "--yes"]).exits(0);
        place.add(&["work"]);
        let refused = format!("requires a sandbox for {who}, and there is none here: {NONE}");
        without_landlock(&place, &["run"]).exits(2).says(&refused);
        without_landlock(&place, &["doctor"]).exits(1).says(&format!("required for {who}, and there is none here"));
        assert_eq!(place.ticket("T-1")["attempts"], 0, "{who}");
        place.ganger(&["run"]).exits(0);
    }
}

/// Inside Ganger's sandbox that of Codex is turned off, for they do not nest.
#[test]
fn a_runtimes_own_sandbox_stays_on_where_there_is_no_other() {
    for (landlock, mode) in [(true, "danger-full-access"), (false, "workspace-write")] {
        let place = Place::scripted("true", &turns(&["true"]));
        let codex = place.path("codex");
        let script =
            "#!/bin/sh\ntest \"$1\" = exec || { echo codex-cli 0.169.0; exit 0; }\necho \"$@\" > arguments\nexit 1\n";
        std::fs::write(&codex, script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&codex, executable).unwrap();
        let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        let agent = format!("[agent.codex]\nruntime = \"codex\"\ndriver = \"exec\"\ncommand = {codex:?}\n");
        place.write("ganger.toml", &format!("{}{agent}", text.replace("parallel = 4", "parallel = 4\nattempts = 1")));
        place.commit("codex");
        place.ganger(&["trust", "--yes"]).exits(0);
        place.add(&["work", "--agent", "codex"]);
        let _failed = if landlock { place.ganger(&["run"]) } else { without_landlock(&place, &["run"]) };
        let asked = std::fs::read_to_string(place.workspace("T-1").join("arguments")).unwrap();
        assert!(asked.contains(&format!("--sandbox {mode}")), "{asked}");
    }
}

/// Only root can become another user: run by others, this test checks nothing, and says so.
#[test]
fn as_root_another_user_without_any_rights_gets_everything_done() {
    let id = |user: &[&str]| {
        let said = Command::new("id").args(user).output().unwrap().stdout;
        String::from_utf8(said).unwrap().trim().to_owned()
    };
    if id(&["-u"]) != "0" {
        eprintln!("not tried: only root can run Ganger as another user");
        return;
    }
    let place = Place::scripted("test -f work.txt", &turns(&["echo work > work.txt"]));
    // Where the tests are built may be closed to others.
    let ganger = place.path("ganger");
    std::fs::copy(GANGER, &ganger).unwrap();
    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &text.replace(GANGER, ganger.to_str().unwrap()));
    place.commit("another program");
    // Nothing of root's is left of it: the project is begun anew.
    std::fs::remove_dir_all(place.home()).unwrap();
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::remove_dir_all(place.repo().join(".git/ganger")).unwrap();
    let folder = place.path("");
    let given = Command::new("chown").args(["-R", "nobody:nogroup"]).arg(&folder).status().unwrap();
    assert!(given.success());
    let as_nobody = |program: &str, args: &[&str]| -> Output {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", program]).args(args);
        place.outside(command).into()
    };
    let ganger = |args: &[&str]| as_nobody(ganger.to_str().unwrap(), args);
    ganger(&["init"]).exits(0);
    ganger(&["doctor"]).exits(0);
    ganger(&["trust", "--yes"]).exits(0);
    ganger(&["ticket", "add", "work"]).exits(0);
    ganger(&["run"]).exits(0);
    ganger(&["merge", "T-1"]).exits(0);
    as_nobody("git", &["show", "main:work.txt"]).exits(0).says("work");
    let of_others = Command::new("find").arg(&folder).args(["!", "-user", "nobody"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&of_others.stdout), "");
}
