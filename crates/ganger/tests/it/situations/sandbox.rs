//! What is confined reaches its workspace and what it needs to work, and nothing else of the machine.

use super::turns;
use crate::support::{GANGER, Place, kill, wait_until};
use serde_json::Value;
use std::time::Duration;

/// What an agent tries, and whether it may. Each line of the answer is `<name> <exit code>`.
const ATTEMPTS: [(&str, &str, bool); 23] = [
    ("work", "echo work > work.txt", true),
    ("commit", "git add work.txt && git commit -qm work", true),
    ("configure", "git config user.nickname me && git stash list && git tag mine && git branch side", true),
    ("temporary", "f=$(mktemp) && echo x > $f && rm $f", true),
    ("temporary-path-is-short", "test ${#TMPDIR} -lt 60", true),
    ("shared-memory", "python3 -c 'import multiprocessing as m; m.Lock()'", true),
    ("devices", "echo x > /dev/null && head -c 1 /dev/urandom > /dev/null", true),
    ("look-at-the-repository", "cat $SHOP/README.md && git -C $SHOP log --oneline", true),
    ("system", "cat /etc/passwd > /dev/null && ls /usr/bin > /dev/null", true),
    ("change-the-repository", "echo x >> $SHOP/README.md", false),
    ("move-main", "git -C $SHOP update-ref refs/heads/main HEAD~0 && git -C $SHOP branch agents", false),
    ("plant-a-hook", "echo evil > $SHOP/.git/hooks/post-commit", false),
    ("configure-the-repository", "git -C $SHOP config core.fsmonitor evil", false),
    ("another-workspace", "echo x > ../T-9/file || cat ../T-9/secret", false),
    ("read-keys", "cat $PERSON/.ssh/id", false),
    ("read-tokens", "cat $PERSON/.cargo/credentials.toml || cat $PERSON/.npmrc", false),
    ("write-at-home", "echo evil >> $PERSON/.bashrc", false),
    ("read-the-board", "ls $PERSON/.local/state/ganger/*", false),
    ("destroy-objects", "rm -rf $(cat .git/objects/info/alternates)", false),
    ("see-the-host", "grep -q ganger /proc/$PPID_OF_HOST/cmdline", true),
    ("signal", "kill -0 $PPID_OF_HOST", false),
    ("look-into-the-host", "cat /proc/$PPID_OF_HOST/environ", false),
    ("become-more", "grep -q 'NoNewPrivs:.0' /proc/self/status", false),
];

/// A project whose agent is confined and tries all of it.
fn tried(place: &Place) -> Vec<(String, bool)> {
    let script: String =
        ATTEMPTS.iter().map(|(name, how, _)| format!("( {how} ) >/dev/null 2>&1; echo {name} $? >> tried\n")).collect();
    // The host is the parent of the agent's first shell; `script-agent` stands between.
    let host = "PPID_OF_HOST=$(ps -o ppid= -p $(ps -o ppid= -p $PPID)); PPID_OF_HOST=$(echo $PPID_OF_HOST)";
    let (shop, home) = (place.repo().display().to_string(), place.home().display().to_string());
    let script = format!("SHOP={shop}; PERSON={home}\n{host}\nrm -f tried\n{script}");
    place.make_project_with("", "true", &turns(&[&script]));
    let settings = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("sandbox = \"required\"\n{settings}"));
    place.commit("sandbox");
    place.ganger(&["trust", "--yes"]).exits(0);
    std::fs::create_dir_all(place.workspace("T-9")).unwrap();
    for (file, content) in [
        ("home/.ssh/id", "key"),
        ("home/.cargo/credentials.toml", "token"),
        ("home/.cargo/config.toml", ""),
        ("home/.npmrc", "//x/:_authToken=token\n"),
        ("home/.bashrc", ""),
        ("shop.workspaces/T-9/secret", "of another"),
    ] {
        std::fs::create_dir_all(place.path(file).parent().unwrap()).unwrap();
        std::fs::write(place.path(file), content).unwrap();
    }
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    let told = place.git(&["show", "ganger/T-1:tried"]);
    let line = |line: &str| line.split_once(' ').map(|(name, code)| (name.to_owned(), code == "0")).unwrap();
    told.lines().map(line).collect()
}

#[test]
fn an_agent_reaches_what_it_works_on_and_nothing_else() {
    let place = Place::new();
    let expected: Vec<(String, bool)> = ATTEMPTS.iter().map(|(name, _, may)| ((*name).to_owned(), *may)).collect();
    assert_eq!(tried(&place), expected);
    assert_eq!(place.git(&["status", "--short"]), "");
    place.assert_status("T-1", "accepted");
}

#[test]
fn gates_and_setup_are_confined_without_a_word_of_configuration() {
    let place = Place::new();
    let reach = format!("echo x >> {}/README.md", place.repo().display());
    let setup = format!("setup = '''{reach} 2>/dev/null || echo kept > setup-was-kept'''");
    // What the person's command names can be read, wherever it lies.
    std::fs::create_dir_all(place.path("my scripts")).unwrap();
    std::fs::write(place.path("my scripts/check.sh"), "test -f work.txt").unwrap();
    let check = place.path("my scripts/check.sh").display().to_string();
    let gate = format!("{reach} 2>/dev/null && exit 1; sh '{check}' && echo x > built && mktemp");
    place.make_project_with(&setup, &gate, &turns(&["cp setup-was-kept work.txt"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place.ganger(&["merge", "T-1"]).exits(0);
    assert_eq!(place.git(&["show", "main:work.txt"]), "kept");
}

#[test]
fn an_agent_that_is_a_program_of_the_persons_own_is_confined_when_that_is_said() {
    let outside = |place: &Place| place.path("outside");
    for (setting, may) in [("", true), ("sandbox = \"required\"\n", false), ("sandbox = \"off\"\n", true)] {
        let place = Place::new();
        let how = format!("echo x > {}; echo work > work.txt", outside(&place).display());
        place.make_project("true", &turns(&[&how]));
        let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
        place.write(
            "ganger.toml",
            &text.replace("[agent.scripted]\n", &format!("[agent.scripted]\n{setting}# Said.\n")),
        );
        place.commit("sandbox");
        place.ganger(&["trust", "--yes"]).exits(0);
        place.add(&["work"]);
        place.ganger(&["run"]).exits(0);
        assert_eq!(outside(&place).exists(), may, "{setting}");
    }
}

#[test]
fn more_may_be_read_and_written_when_the_person_says_so_and_has_seen_it() {
    let place = Place::new();
    let how = "cat ../more/read/a > work.txt; echo x > ../more/write/b; echo x > ../more/read/c; true";
    place.make_project("true", &turns(&[how]));
    std::fs::create_dir_all(place.path("more/read")).unwrap();
    std::fs::create_dir_all(place.path("more/write")).unwrap();
    std::fs::write(place.path("more/read/a"), "given").unwrap();
    let text = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let more = |kind: &str| place.path("more").join(kind).display().to_string();
    // From the workspace it is one folder further.
    place.script(&turns(&[&how.replace("../more", "../../more")]));
    let lists = format!("[sandbox]\nmode = \"required\"\nread = [{:?}]\nwrite = [{:?}]\n", more("read"), more("write"));
    place.write("ganger.toml", &format!("{lists}{text}"));
    place.commit("sandbox");
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["trust", "--yes"]).exits(0).says("sandbox");
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.git(&["show", "ganger/T-1:work.txt"]), "given");
    assert!(place.path("more/write/b").exists() && !place.path("more/read/c").exists());
}

#[test]
fn temporary_files_go_with_their_attempt_and_with_a_host_that_was_killed() {
    let place = Place::new();
    let temporary = place.path("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut place = place;
    place.set_env("TMPDIR", temporary.to_str().unwrap());
    let gate = "echo x > $TMPDIR/of-the-gate; test ! -f slow.txt || sleep 100";
    place.make_project(gate, &turns(&["echo work > work.txt"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    let left = || -> Vec<_> {
        temporary.read_dir().unwrap().flatten().map(|e| e.path()).filter(|path| path.is_dir()).collect()
    };
    assert_eq!(left(), Vec::<std::path::PathBuf>::new());
    place.script(&turns(&["echo slow > slow.txt"]));
    place.add(&["more"]);
    let run = place.start(&["run"]);
    wait_until("the gate runs", Duration::from_secs(30), || {
        place.ticket("T-2")["status"] == "verifying" && !left().is_empty()
    });
    kill(run.pid(), 9);
    drop(run);
    assert!(!left().is_empty(), "nobody could remove it");
    place.ganger(&["ticket", "close", "T-2"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_agent_that_cleared_its_environment_and_left_its_session_is_an_agent_still() {
    let place = Place::new();
    let home = place.home();
    let how = format!(
        "echo work > work.txt; cd {}; (setsid env -i PATH=$PATH HOME={} sh -c \
         'sleep 0.3; {GANGER} answer C-1 yes; echo $?' > $OLDPWD/answered 2>&1 &); cd $OLDPWD; \
         while ! grep -q '^[0-9]' answered; do sleep 0.1; done",
        place.repo().display(),
        home.display(),
    );
    place.make_project("true", &turns(&[&how]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    let said = place.git(&["show", "ganger/T-1:answered"]);
    assert!(said.contains("`ganger answer` is for people") && said.ends_with('4'), "{said}");
}

#[test]
fn what_is_a_persons_alone_is_refused_to_whatever_an_agent_starts() {
    let commands = [
        "answer C-1 yes",
        "merge --all",
        "merge --undo T-1",
        "review T-1 --accept",
        "clean --yes",
        "trust --yes",
        "tell T-1 hello",
        "interrupt T-1",
        "nudge T-1 ci",
        "stop T-1",
        "resume T-1",
        "attach T-1",
        "permit revoke 1",
        "rescue drop x",
        "restore x",
        "ticket edit T-1 --title other",
        "ticket close T-1",
        "ticket reopen T-1",
        "ticket import x",
        "init --new-board",
    ];
    let shop = Place::new();
    let tries: String =
        commands.map(|command| format!("{GANGER} {command} >> $W/said 2>&1; echo $? >> $W/codes; ")).concat();
    let how = format!("W=$PWD; echo work > work.txt; cd {}; {tries}", shop.repo().display());
    shop.make_project("true", &turns(&[&how]));
    shop.add(&["work"]);
    shop.ganger(&["run"]).exits(0);
    let codes = shop.git(&["show", "ganger/T-1:codes"]);
    assert_eq!(codes, ["4"; 20].join("\n"), "{}", shop.git(&["show", "ganger/T-1:said"]));
    shop.assert_status("T-1", "accepted");
}

#[test]
fn the_board_is_out_of_reach_from_inside() {
    let place = Place::scripted("true", &turns(&["true"]));
    let from_inside = ["confine", "--", GANGER, "merge", "--all"];
    place.ganger(&from_inside).exits(4).says("this process runs in a sandbox");
}

#[test]
fn the_sandbox_can_be_looked_at_and_tried() {
    let place = Place::scripted("true", &turns(&["true"]));
    let shown = place.ganger(&["confine", "--json"]).exits(0).json();
    let has = |may: &str, path: &str| shown[may].as_array().unwrap().contains(&Value::from(path));
    assert!(has("read", "/usr") && has("write", place.repo().to_str().unwrap()), "{shown}");
    place.ganger(&["confine", "--", "sh", "-c", "echo x > ../outside"]).exits(2);
    place.ganger(&["confine", "--", "no-such-program"]).exits(1).says("could not be started in the sandbox");
    place.ganger(&["confine", "--agent", "nobody"]).exits(2).says("there is no agent `nobody`");
    let doctor = place.ganger(&["doctor"]);
    doctor.says("what is confined cannot write elsewhere, read what was not given");
}
