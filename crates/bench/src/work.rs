//! Work: how long from ready to a started agent, and how long a whole board takes.

use crate::report::{Report, ms, percentile};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const BASELINE: &str = include_str!("../scripts/xargs-baseline.sh");

/// A repository with a project in a home of its own.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    pub(crate) fn new(agent: &str, gate: &str) -> Self {
        Self::with_slots(agent, gate, 8)
    }

    pub(crate) fn with_slots(agent: &str, gate: &str, slots: usize) -> Self {
        Self::with_sandbox(agent, gate, slots, "auto")
    }

    fn with_sandbox(agent: &str, gate: &str, slots: usize, sandbox: &str) -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(shop.path("shop")).unwrap();
        let config = format!(
            "sandbox = \"{sandbox}\"\n[project]\nmain = \"main\"\n[policy]\nfetch = false\n[limits]\nparallel = {slots}\n\
             [agent.a]\nruntime = \"command\"\ncommand = '''{agent}'''\n[[gate]]\nname = \"g\"\ncommand = '''{gate}'''\n"
        );
        std::fs::write(shop.path("shop/ganger.toml"), config).unwrap();
        for args in [
            &["init", "-q", "-b", "main"][..],
            &["add", "-A"],
            &["-c", "user.name=b", "-c", "user.email=b@x", "commit", "-qm", "c"],
        ] {
            assert!(Command::new("git").args(args).current_dir(shop.path("shop")).status().unwrap().success());
        }
        ganger(&shop, &["init"]);
        ganger(&shop, &["trust", "--yes"]);
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The release build in a shop; another program may run it.
pub(crate) fn command(shop: &Shop, under: Option<(&str, &[String])>, args: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap().with_file_name("ganger");
    let mut command = match under {
        Some((other, others)) => {
            let mut command = Command::new(other);
            command.args(others).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(args).current_dir(shop.path("shop")).env("HOME", shop.path("home")).env_remove("XDG_STATE_HOME");
    command.stdin(Stdio::null());
    command
}

/// Runs the release build to its end.
pub(crate) fn ganger(shop: &Shop, args: &[&str]) -> String {
    let output = command(shop, None, args).output().unwrap();
    assert!(output.status.success(), "ganger {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the release build to an end of any kind.
pub(crate) fn run_with(shop: &Shop, args: &[&str]) -> String {
    let output = command(shop, None, args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// From the offer of a ticket whose workspace is ready to the agent's own mark, against plain fork and exec of the
/// same command; in rounds, in turn. The agent works for a moment, as the making of workspaces ahead of need takes one.
pub(crate) fn dispatch(report: &mut Report) {
    const ROUNDS: usize = 10;
    const TICKETS: usize = 50;
    // The first of each round works until the workspaces of the next ones are ready.
    let agent = "date +%s%N > started; case $GANGER_TICKET in W*) sleep 1 ;; *) sleep 0.05 ;; esac";
    let (shop, confining) = (Shop::new(agent, "true"), Shop::with_sandbox(agent, "true", 8, "required"));
    let (mut ours, mut plain, mut confined) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.extend(dispatched(&shop, round, TICKETS));
        plain.extend((0..TICKETS).map(|_| fork_and_exec(&shop)));
        confined.extend(dispatched(&confining, round, TICKETS));
    }
    assert_eq!(ours.len(), plain.len());
    let more = |percent| {
        let (a, b) = (percentile(&mut ours.clone(), percent), percentile(&mut plain.clone(), percent));
        (a, b, (a.as_secs_f64() - b.as_secs_f64()) * 1e3)
    };
    let ((.., middle), (a, b, more)) = (more(50), more(95));
    let detail =
        format!("p95 of {} pairs: ours {} fork and exec {}; p50 {middle:.2} ms more", ours.len(), ms(a), ms(b));
    report.add("from offered to started, ms more than fork and exec", &detail, more, "4", more <= 4.0);
    let (without, within) = (percentile(&mut ours, 50), percentile(&mut confined, 50));
    let more = (within.as_secs_f64() - without.as_secs_f64()) * 1e3;
    let detail = format!("p50 of {} pairs: in the sandbox {} without {}", confined.len(), ms(within), ms(without));
    report.add("an attempt in the sandbox, ms more than without", &detail, more, "10", more <= 10.0);
}

/// Runs one round of tickets, one after the other; how long each took from its offer to its agent.
fn dispatched(shop: &Shop, round: usize, tickets: usize) -> Vec<Duration> {
    let ids = std::iter::once(format!("W{round}")).chain((0..tickets).map(|i| format!("D{round}-{i}")));
    let lines: String = ids.map(|id| format!("{{\"id\":\"{id}\",\"title\":\"t\"}}\n")).collect();
    std::fs::write(shop.path("b.jsonl"), lines).unwrap();
    ganger(shop, &["ticket", "import", &shop.path("b.jsonl").display().to_string()]);
    let log = ganger(shop, &["run", "--json", "--max-parallel", "1"]);
    offered_to_started(shop, &log)
}

fn fork_and_exec(shop: &Shop) -> Duration {
    let mark = shop.path("mark");
    // Records know milliseconds: so does this side.
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let begun = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap());
    let script = format!("date +%s%N > {}", mark.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    stamp(&std::fs::read_to_string(&mark).unwrap()).duration_since(begun).unwrap_or_default()
}

fn stamp(text: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(text.trim().parse().unwrap())
}

/// From the record of the offer to the agent's own mark.
fn offered_to_started(shop: &Shop, log: &str) -> Vec<Duration> {
    let mut taken = Vec::new();
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let (fact, at) = (&entry["fact"], entry["at_ms"].as_u64());
        let measured = entry["ticket"].as_str().filter(|t| t.starts_with('D'));
        if let (true, Some(ticket), Some(at)) = (fact["name"] == "attempt-offered", measured, at) {
            let output = Command::new("git")
                .args(["show", &format!("ganger/{ticket}:started")])
                .current_dir(shop.path("shop"))
                .output()
                .unwrap();
            let started = stamp(&String::from_utf8_lossy(&output.stdout));
            taken.push(started.duration_since(UNIX_EPOCH + Duration::from_millis(at)).unwrap_or_default());
        }
    }
    assert!(!taken.is_empty(), "no offer in the log");
    taken
}

pub(crate) fn makespan(report: &mut Report) {
    const TICKETS: usize = 100;
    let shop = Shop::new("sleep 0.2; echo $GANGER_TICKET > work-$GANGER_TICKET.txt", "true");
    let script = shop.path("baseline.sh");
    std::fs::write(&script, BASELINE).unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..2 {
        let lines: String = (0..TICKETS).map(|i| format!("{{\"id\":\"M{round}-{i}\",\"title\":\"t\"}}\n")).collect();
        std::fs::write(shop.path("b.jsonl"), lines).unwrap();
        ganger(&shop, &["ticket", "import", &shop.path("b.jsonl").display().to_string()]);
        let begun = Instant::now();
        ganger(&shop, &["run", "--max-parallel", "8"]);
        ours.push(begun.elapsed());
        let copy = shop.path(&format!("plain{round}"));
        assert!(
            Command::new("git").args(["clone", "-q"]).arg(shop.path("shop")).arg(&copy).status().unwrap().success()
        );
        let begun = Instant::now();
        assert!(
            Command::new("sh").arg(&script).arg(&copy).arg(TICKETS.to_string()).arg("true").status().unwrap().success()
        );
        theirs.push(begun.elapsed());
    }
    let sum = |d: &[Duration]| d.iter().sum::<Duration>().as_secs_f64();
    let ratio = sum(&ours) / sum(&theirs);
    let detail =
        format!("ours {:.2} s xargs {:.2} s for {TICKETS} tickets (means)", sum(&ours) / 2.0, sum(&theirs) / 2.0);
    report.add("makespan, 8 at once", &detail, ratio, "1.1", ratio <= 1.1);
}

/// What supervision costs while agents are idle: memory of the one process that runs them all.
pub(crate) fn idle(report: &mut Report) {
    const AGENTS: usize = 200;
    let shop = Shop::with_slots("touch started-$GANGER_TICKET; exec sleep 600", "true", AGENTS);
    let lines: String = (0..AGENTS).map(|i| format!("{{\"id\":\"I-{i}\",\"title\":\"t\"}}\n")).collect();
    std::fs::write(shop.path("b.jsonl"), lines).unwrap();
    ganger(&shop, &["ticket", "import", &shop.path("b.jsonl").display().to_string()]);
    let program = std::env::current_exe().unwrap().with_file_name("ganger");
    let mut command = Command::new(program);
    command.arg("run").current_dir(shop.path("shop")).env("HOME", shop.path("home")).env_remove("XDG_STATE_HOME");
    let mut run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = |i: usize| shop.path(&format!("shop.workspaces/I-{i}/started-I-{i}")).exists();
    while !(0..AGENTS).all(started) {
        assert!(run.try_wait().unwrap().is_none(), "the run ended before all agents had started");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Time for what starting them left to be freed or not.
    std::thread::sleep(Duration::from_secs(3));
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap();
    let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    let mib = resident.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0;
    run.kill().unwrap();
    run.wait().unwrap();
    report.add("memory with 200 idle agents, MiB", "resident set of `ganger run`", mib, "64", mib <= 64.0);
}
