//! It does not lose anything: real processes are killed at any moment, and an external checker, which
//! knows nothing of Ganger's own bookkeeping, looks at what is left.

use crate::support::{GANGER, Place, Started, alive_with, kill, wait_until};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// Kills of one run, and the least of each kind of victim.
const KILLS: usize = 50;
const PER_VICTIM: usize = 8;

/// An agent that holds a lock on its ticket as long as any process of it lives, and notes the hash of
/// every file that it wrote.
const AGENT: &str = r#"#!/bin/sh
exec 9> "$CHAOS/lock-$GANGER_TICKET"
flock -n 9 || echo "$GANGER_TICKET $GANGER_ATTEMPT_NUMBER" >> "$CHAOS/overlaps"
cat > /dev/null
mkdir -p out
sleep 300 &
for i in 1 2 3 4 5 6 7 8; do
  file="out/$GANGER_TICKET-$GANGER_ATTEMPT_NUMBER-$i.txt"
  echo "$file $$ $(date +%s%N)" > "$file"
  echo "$(git hash-object "$file")" >> "$CHAOS/hashes"
  sleep 0.1
done
"#;

/// A gate that is red until the killing is over.
const GATE: &str = "#!/bin/sh\nsleep 0.3\ntest -e \"$CHAOS/over\"\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Ganger,
    Guard,
    Agent,
    Gate,
}

struct Chaos {
    place: Place,
    run: Started,
    killed: BTreeMap<Victim, usize>,
    random: u64,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut place = Place::new();
        let chaos = place.path("chaos");
        std::fs::create_dir_all(&chaos).unwrap();
        for (name, script) in [("agent.sh", AGENT), ("gate.sh", GATE)] {
            let script = script.replace("$CHAOS", &chaos.display().to_string());
            std::fs::write(chaos.join(name), script).unwrap();
        }
        place.write(
            "ganger.toml",
            &format!(
                "[project]\nmain = \"main\"\n[policy]\nfetch = false\nred_base = \"work\"\n\
                 [limits]\nparallel = 4\nattempts = 1000\nrejections = 1000\n\
                 [agent.chaos]\nruntime = \"command\"\ncommand = \"sh {0}/agent.sh\"\n\
                 [[gate]]\nname = \"check\"\ncommand = \"sh {0}/gate.sh\"\ntimeout_s = 60\n",
                chaos.display()
            ),
        );
        place.set_env("CHAOS", &chaos.display().to_string());
        place.commit("project");
        place.ganger(&["init"]).exits(0);
        place.ganger(&["trust", "--yes"]).exits(0);
        for n in 1..=12 {
            let after = format!("T-{}", n - 4);
            let more: &[&str] = if n > 8 { &["--after", &after] } else { &[] };
            place.add(&[&[&format!("ticket {n}")[..]], more].concat());
        }
        let run = place.start(&["run"]);
        Self { place, run, killed: BTreeMap::new(), random: seed }
    }

    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn home(&self) -> String {
        format!("HOME={}", self.place.home().display())
    }

    fn of_kind(&self, victim: Victim) -> Vec<i32> {
        let words = match victim {
            Victim::Ganger => return vec![self.run.pid()],
            Victim::Guard => "guard-host --marker",
            Victim::Agent => "agent.sh",
            Victim::Gate => "gate.sh",
        };
        alive_with(&self.home(), words)
    }

    /// Kills one process of the kind that was killed least, while an attempt is live.
    fn kill_one(&mut self) {
        if self.run.has_ended() {
            self.run = self.place.start(&["run"]);
        }
        let all = [Victim::Ganger, Victim::Guard, Victim::Agent, Victim::Gate];
        let least = all.into_iter().min_by_key(|v| self.killed.get(v).copied().unwrap_or(0)).unwrap();
        let any = all[usize::try_from(self.next() % 4).unwrap()];
        let victim = if self.next().is_multiple_of(3) { any } else { least };
        let mut pids = Vec::new();
        wait_until("an agent and a victim are alive", LIMIT, || {
            pids = self.of_kind(victim);
            !pids.is_empty() && !self.of_kind(Victim::Agent).is_empty()
        });
        let pid = pids[usize::try_from(self.next()).unwrap() % pids.len()];
        kill(pid, 9);
        *self.killed.entry(victim).or_insert(0) += 1;
        if victim == Victim::Ganger {
            wait_until("the killed run is gone", LIMIT, || self.run.has_ended());
            self.run = self.place.start(&["run"]);
        }
        std::thread::sleep(Duration::from_millis(self.next() % 200));
    }

    fn total(&self) -> usize {
        self.killed.values().sum()
    }
}

#[test]
fn fifty_kills_lose_nothing_and_run_nothing_twice() {
    let seed = std::env::var("GANGER_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_121);
    println!("seed {seed}");
    let mut chaos = Chaos::new(seed);
    while chaos.total() < KILLS
        || [Victim::Ganger, Victim::Guard, Victim::Agent, Victim::Gate]
            .iter()
            .any(|v| chaos.killed.get(v).copied().unwrap_or(0) < PER_VICTIM)
    {
        chaos.kill_one();
    }
    println!("killed {:?}", chaos.killed);
    std::fs::write(chaos.place.path("chaos/over"), "").unwrap();
    let code = chaos.run.code(Duration::from_secs(180));
    assert_eq!(code, 0, "{}", chaos.place.started_log());

    let tickets = chaos.place.ganger(&["ticket", "list", "--json"]).json();
    let open: Vec<_> = tickets["tickets"].as_array().unwrap().iter().filter(|t| t["status"] != "accepted").collect();
    assert!(open.is_empty(), "{open:#?}");
    assert!(!chaos.place.path("chaos/overlaps").exists(), "a ticket overlapped with itself");
    assert_eq!(alive_with(&chaos.home(), "sleep 300"), Vec::<i32>::new(), "an orphan lives");
    assert_nothing_is_lost(&chaos.place);
    assert_no_evidence_twice(&tickets);
    chaos.place.ganger(&["doctor"]).exits(0).says("every invariant holds");
}

/// Every file that an agent wrote is in a commit of some ref, or still in a workspace.
fn assert_nothing_is_lost(place: &Place) {
    let listed = place.git(&["rev-list", "--objects", "--no-object-names", "--all"]);
    let mut kept: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    for workspace in place.path("shop.workspaces").read_dir().unwrap().flatten() {
        let out = workspace.path().join("out");
        let Ok(files) = out.read_dir() else { continue };
        let paths: Vec<String> = files.flatten().map(|f| f.path().display().to_string()).collect();
        let args: Vec<&str> = std::iter::once("hash-object").chain(paths.iter().map(String::as_str)).collect();
        kept.extend(place.git(&args).lines().map(str::to_owned));
    }
    let written = std::fs::read_to_string(place.path("chaos/hashes")).unwrap();
    let lost: Vec<&str> = written.lines().filter(|h| h.len() == 40 && !kept.contains(*h)).collect();
    assert!(written.lines().count() > 100, "the agents hardly worked");
    assert!(lost.is_empty(), "{} of {} files are lost: {lost:?}", lost.len(), written.lines().count());
}

fn assert_no_evidence_twice(tickets: &serde_json::Value) {
    let mut seen = BTreeSet::new();
    for ticket in tickets["tickets"].as_array().unwrap() {
        for e in ticket["evidence"].as_array().unwrap() {
            let key = (e["commit"].to_string(), e["gate"].to_string());
            assert!(seen.insert(key.clone()), "evidence was made twice for {key:?}");
        }
    }
}

#[test]
fn a_crash_at_every_named_point_is_recovered_from() {
    let points = [
        ("before-append", 3),
        ("after-append", 2),
        ("after-append", 4),
        ("after-append", 6),
        ("before-act", 4),
        ("after-act", 4),
        ("workspace", 1),
        ("commit", 1),
        ("commit-synced", 1),
        ("gate", 1),
    ];
    for (point, nth) in points {
        let place = Place::scripted("test -f a.txt", &json!({"T-1": [[{"write": "a.txt", "text": "a\n"}]]}));
        place.add(&["make a"]);
        let crash = format!("{point}:{nth}");
        let crashed = place.ganger_with(&["run"], &[("GANGER_CRASH_AT", &crash)]);
        assert_eq!(crashed.code, 128, "{crash} was not passed:\n{}{}", crashed.stdout, crashed.stderr);
        place.ganger(&["run"]).exits(0);
        place.assert_status("T-1", "accepted");
        place.ganger(&["merge", "T-1"]).exits(0);
        assert_eq!(place.git(&["show", "main:a.txt"]), "a", "{crash}");
    }
}

#[test]
fn a_crash_during_a_merge_lands_it_once() {
    for point in ["merge:1", "after-append:2", "after-append:3", "before-act:3"] {
        let place = Place::scripted("true", &json!({"T-1": [[{"write": "a.txt", "text": "a\n"}]]}));
        place.add(&["make a"]);
        place.ganger(&["run"]).exits(0);
        let crashed = place.ganger_with(&["merge", "T-1"], &[("GANGER_CRASH_AT", point)]);
        assert_eq!(crashed.code, 128, "{point} was not passed:\n{}{}", crashed.stdout, crashed.stderr);
        place.ganger(&["merge", "T-1"]).exits(0);
        let merges = place.git(&["log", "--first-parent", "--format=%(trailers:key=Ganger-Accepted)", "main"]);
        assert_eq!(merges.lines().filter(|l| l.starts_with("Ganger-Accepted")).count(), 1, "{point}");
        assert_eq!(place.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_crash_while_answering_answers_once_or_not_at_all() {
    let script = json!({"T-1": [
        [{"tool": "ask_user", "args": {"question": "Which?"}}],
        [{"run": "grep -c 'Which?[^:]*: left' \"$GANGER_MISSION\" > answers.txt"}],
    ]});
    for point in ["answer:1", "before-append:1", "after-append:1"] {
        let place = Place::scripted("grep -qx 1 answers.txt", &script);
        place.add(&["ask"]);
        place.ganger(&["run"]).exits(3);
        assert_eq!(place.ganger_with(&["answer", "C-1", "left"], &[("GANGER_CRASH_AT", point)]).code, 128);
        let open = place.ganger(&["inbox", "--json"]).json()["cards"].as_array().unwrap().len();
        assert_eq!(open, usize::from(point != "after-append:1"), "{point}: durable is answered, and nothing else is");
        place.ganger(&["answer", "C-1", "left"]).exits(0);
        place.ganger(&["run"]).exits(0);
        place.assert_status("T-1", "accepted");
    }
}

#[test]
fn a_run_that_was_stopped_for_longer_than_its_lease_gives_its_work_away_and_goes_on() {
    let place = Place::scripted(
        "test -f done.txt",
        &json!({"T-1": [
            [{"write": "first.txt", "text": "1"}, {"run": "touch ../../ready; sleep 120"}],
            [{"write": "done.txt", "text": "2"}],
        ]}),
    );
    place.add(&["long"]);
    let mut run = place.start(&["run"]);
    wait_until("the agent is at work", LIMIT, || place.path("ready").exists());
    let home = format!("HOME={}", place.home().display());
    kill(run.pid(), 19);
    wait_until("the guard ends the agent of a host that is silent", LIMIT, || {
        alive_with(&home, "sleep 120").is_empty()
    });
    kill(run.pid(), 18);
    assert_eq!(run.code(LIMIT), 0, "{}", place.started_log());
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["show", "ganger/T-1:first.txt"]), "1");
}

#[test]
fn a_workspace_that_was_deleted_by_hand_is_made_again_from_its_branch() {
    let place = Place::scripted(
        "test -f a.txt && test -f b.txt",
        &json!({"T-1": [
            [{"write": "a.txt", "text": "a"}], [{"write": "b.txt", "text": "b"}],
        ]}),
    );
    place.work_makes_gates_green();
    let workspace = place.workspace("T-1");
    place.add(&["two steps"]);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("parallel = 4", "parallel = 4\nrejections = 1"));
    place.ganger(&["run"]).exits(3);
    std::fs::remove_dir_all(&workspace).unwrap();
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    assert_eq!(place.git(&["ls-tree", "--name-only", "ganger/T-1", "a.txt", "b.txt"]), "a.txt\nb.txt");
}

#[test]
fn what_a_closed_ticket_left_is_rescued_before_its_workspace_goes() {
    let script =
        json!({"*": [[{"write": "precious.txt", "text": "precious"}, {"run": "touch ../../ready; sleep 100"}]]});
    let place = Place::scripted("true", &script);
    place.add(&["never finished"]);
    let mut run = place.start(&["run"]);
    wait_until("the agent is at work", LIMIT, || place.path("ready").exists());
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    assert_eq!(run.code(LIMIT), 0);
    assert!(!place.workspace("T-1").exists());
    let rescues = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    let name = rescues["rescues"][0]["name"].as_str().unwrap().to_owned();
    let into = place.path("back");
    place.ganger(&["rescue", "restore", &name, "--into", &into.display().to_string()]).exits(0);
    assert_eq!(std::fs::read_to_string(into.join("precious.txt")).unwrap(), "precious");
}

#[test]
fn a_full_disk_stops_the_run_with_a_hint_and_loses_nothing() {
    let place = Place::scripted("true", &json!({"*": [[{"run": "date +%N > x.txt"}]]}));
    for n in 0..3 {
        place.add(&[&format!("ticket {n}")]);
    }
    // The state lies on a file system of a few megabytes, in a mount namespace of its own.
    let state = place.state();
    let script = format!(
        "set -e; cp -r {state} {copy}; mount -t tmpfs -o size=6m tmpfs {state}; cp -r {copy}/. {state}/; chmod 700 {state}; \
         set +e; {GANGER} run T-1 > /dev/null 2>&1; dd if=/dev/zero of={state}/fill bs=4k 2> /dev/null; {GANGER} run; echo \"code $?\"; \
         rm {state}/fill; {GANGER} run > /dev/null 2>&1; echo \"then $?\"; {GANGER} doctor",
        state = state.display(),
        copy = place.path("copy-of-state").display(),
    );
    let output = place.shell_in_mount_namespace(&script);
    output
        .says("code 1")
        .says("the disk is full")
        .says("hint: free some space")
        .says("then 0")
        .says("every invariant holds");
}

#[test]
fn no_secret_is_on_any_command_line() {
    let place = Place::scripted(
        "true",
        &json!({"*": [[{"run": "touch ../../ready; until test -e ../../go; do sleep 0.05; done; date > x"}]]}),
    );
    place.add(&["wait"]);
    let mut run = place.start(&["run"]);
    wait_until("the agent is at work", LIMIT, || place.path("ready").exists());
    let token = std::fs::read_to_string(find(&place.state().join("hosts/local/attempts"), "token")).unwrap();
    assert!(token.len() >= 32);
    let lines: Vec<String> = alive_with("", "")
        .iter()
        .map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
        .map(|c| String::from_utf8_lossy(&c).into_owned())
        .collect();
    assert!(lines.len() > 3 && lines.iter().all(|l| !l.contains(&token)));
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(run.code(LIMIT), 0);
}

fn find(folder: &Path, name: &str) -> std::path::PathBuf {
    let entries = folder.read_dir().unwrap().flatten();
    entries.map(|e| e.path().join(name)).find(|p| p.exists()).unwrap()
}

#[test]
fn what_only_a_workspace_holds_is_kept_when_it_goes() {
    let place = Place::scripted(
        "true",
        &json!({"*": [[{"run": "echo '*.local' > .gitignore; echo secret > notes.local; echo x > work.txt"}]]}),
    );
    place.add(&["ignored files"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);
    assert!(!place.workspace("T-1").exists());
    let kept = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    let name = kept["rescues"][0]["name"].as_str().unwrap();
    let back = place.path("back");
    place.ganger(&["rescue", "restore", name, "--into", back.to_str().unwrap()]).exits(0);
    assert_eq!(std::fs::read_to_string(back.join("notes.local")).unwrap().trim(), "secret");
}

#[test]
fn a_repository_inside_a_workspace_is_kept_with_its_commits_when_that_goes() {
    let inner = "mkdir inner; cd inner; git init -q; echo mine > file; git add file; git commit -qm inner";
    let place = Place::scripted("true", &json!({"*": [[{"write": "a.txt", "text": "a"}, {"run": inner}]]}));
    place.write(".gitignore", "inner/\n");
    place.commit("ignore");
    place.add(&["clones something"]);
    place.ganger(&["run"]).exits(0);
    place.ganger(&["merge", "--all"]).exits(0);
    assert!(!place.workspace("T-1").exists());
    let kept = place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    let names = kept["rescues"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned());
    let name = names.into_iter().find(|name| name.ends_with(".repository-inner")).unwrap();
    let back = place.path("back");
    place.ganger(&["rescue", "restore", &name, "--into", back.to_str().unwrap()]).exits(0);
    assert_eq!(std::fs::read_to_string(back.join("file")).unwrap().trim(), "mine");
    assert_eq!(place.git_in(&back, &["log", "-1", "--format=%s", "HEAD^"]).trim(), "inner");
}

#[test]
fn commits_that_an_agent_made_beside_its_branch_come_along() {
    let beside = "git checkout -q --detach; echo deep > deep.txt; git add deep.txt; git commit -qm detached";
    let place = Place::scripted("test -e deep.txt", &json!({"*": [[{"run": beside}]]}));
    place.add(&["detached"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["show", "ganger/T-1:deep.txt"]), "deep");
}

#[test]
fn a_workspace_that_was_made_early_gets_what_its_ticket_depends_on_now() {
    let place = Place::scripted(
        "true",
        &json!({
            "T-1": [[{"write": "first.txt", "text": "1"}]],
            // It did nothing yet when it was told to wait for T-1.
            "T-2": [[], [{"run": "cat first.txt second-main.txt > both.txt"}]],
        }),
    );
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("parallel = 4", "parallel = 4\nrejections = 1"));
    place.commit("one rejection is enough");
    place.add(&["first"]);
    place.add(&["second"]);
    place.ganger(&["run", "T-2"]).exits(3);
    assert!(place.workspace("T-2").exists());
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["ticket", "edit", "T-2", "--after", "T-1"]).exits(0);
    place.write("second-main.txt", "2\n");
    place.commit("main moved");
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-2", "accepted");
    assert_eq!(place.git(&["show", "ganger/T-2:both.txt"]), "12");
}

#[test]
fn a_ticket_that_changed_nothing_is_not_accepted_for_the_work_it_builds_on() {
    let place = Place::scripted(
        "true",
        &json!({
            "T-1": [[{"write": "first.txt", "text": "1"}]],
            "T-2": [[{"run": "touch ../../begun; until test -e ../../go; do sleep 0.05; done"}], [], [], []],
        }),
    );
    place.add(&["first"]);
    place.add(&["second", "--after", "T-1"]);
    let run = place.start(&["run"]);
    wait_until("the second agent is at work", LIMIT, || place.path("begun").exists());
    kill(run.pid(), 9);
    drop(run);
    place.ganger(&["run"]).exits(3);
    place.assert_status("T-2", "needs-you");
}

#[test]
fn a_gate_whose_folder_is_gone_is_red_and_the_agent_hears_of_it() {
    let place = Place::scripted(
        "true",
        &json!({"*": [[{"run": "rm -r web; echo x > x"}], [{"run": "mkdir web; echo back > web/index.html"}]]}),
    );
    place.write("web/index.html", "<p>\n");
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{config}dir = \"web\"\n"));
    place.commit("a gate in a folder");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["moves folders"]);
    place.ganger(&["run"]).exits(0).says("gate `check` failed");
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_setup_command_that_does_not_end_is_ended_with_the_run() {
    let place = Place::scripted("true", &json!({"*": [[{"write": "a.txt", "text": "a"}]]}));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let setup = "setup = \"touch set-up; setsid sleep 1234.5 & sleep 1234.5\"\n";
    place.write("ganger.toml", &config.replacen("[project]\n", &format!("[project]\n{setup}"), 1));
    place.commit("setup");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.add(&["one"]);
    let mut run = place.start(&["run"]);
    wait_until("the setup runs", LIMIT, || place.workspace("T-1").join("set-up").exists());
    kill(run.pid(), 2);
    wait_until("the run drains", LIMIT, || place.started_log().contains("again"));
    kill(run.pid(), 2);
    assert_eq!(run.code(LIMIT), 130, "{}", place.started_log());
    assert_eq!(alive_with("GANGER_HOST", "sleep 1234.5"), Vec::<i32>::new());
}
