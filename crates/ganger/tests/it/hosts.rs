//! Two hosts and a foreman, each a process of its own, on one board: killed, stopped for longer than the lease, and
//! judged by a checker that knows nothing of Ganger's own bookkeeping.

use crate::support::{Line, Place, Started, assert_no_overlap, kill, lines_in, wait_until};
use ganger_bus::{Bus, Durability, Publish, SqliteBus, SqliteOptions, StreamConfig};
use std::collections::BTreeMap;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40);
const SIGKILL: i32 = 9;
const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;
const SIGINT: i32 = 2;

/// Writes a line of life every moment, and ends when its wave may.
const AGENT: &str = r#"#!/bin/sh
say() { echo "$GANGER_TICKET $$ $1" >> "$CHAOS/lines"; }
cat > /dev/null
say start
mkdir -p out
echo "$$" >> "out/$GANGER_TICKET.txt"
wave=two
case "$GANGER_TICKET" in T-1|T-2|T-3|T-4) wave=one ;; esac
until [ -e "$CHAOS/open-$wave" ]; do say works; sleep 0.03; done
say end
"#;

struct Board {
    place: Place,
}

impl Board {
    /// Twelve tickets: four at first, then four on them, then four on those.
    fn new() -> Self {
        let place = Place::new();
        place.make_noted_project(AGENT, "", "test -d out");
        for n in 1..=12 {
            let after = format!("T-{}", n - 4);
            let more: &[&str] = if n > 4 { &["--after", &after] } else { &[] };
            place.add(&[&[&format!("ticket {n}")[..]], more].concat());
        }
        Self { place }
    }

    fn foreman(&self) -> Started {
        self.place.start_as("foreman", &["run", "--no-host"])
    }

    fn host(&self, name: &str) -> Started {
        self.place.start_as(name, &["host", "--name", name, "--slots", "2"])
    }

    /// What the agents wrote.
    fn lines(&self) -> Vec<Line> {
        lines_in(&self.place.path("chaos/lines"))
    }

    fn starts(&self, ticket: &str) -> usize {
        self.lines().iter().filter(|l| l.ticket == ticket && l.word == "start").count()
    }

    /// Tickets whose agents are at work on a host.
    fn at_work(&self, host: &str) -> Vec<String> {
        let status = self.place.ganger(&["status", "--json"]).exits(0).json();
        let attempts = status["attempts"].as_array().unwrap().iter();
        let granted = attempts.filter(|a| a["host"] == host && a["stage"] == "granted");
        let tickets = granted.map(|a| a["ticket"].as_str().unwrap().to_owned());
        tickets.filter(|t| self.starts(t) > 0).collect()
    }

    /// Waits until agents are at work on a host, and says on which tickets, with how many starts of each.
    fn wait_for_work(&self, host: &str) -> BTreeMap<String, usize> {
        let mut tickets = Vec::new();
        wait_until("agents are at work on the host", LIMIT, || {
            tickets = self.at_work(host);
            !tickets.is_empty()
        });
        tickets.into_iter().map(|t| (t.clone(), self.starts(&t))).collect()
    }

    fn wait_for_new_starts(&self, before: &BTreeMap<String, usize>) {
        wait_until("the tickets are begun anew", LIMIT, || before.iter().all(|(t, n)| self.starts(t) > *n));
    }

    fn open(&self, wave: &str) {
        std::fs::write(self.place.path("chaos").join(format!("open-{wave}")), "").unwrap();
    }

    fn kill(process: &mut Started) {
        kill(process.pid(), SIGKILL);
        wait_until("the killed process is gone", LIMIT, || process.has_ended());
    }

    fn logs(&self) -> String {
        ["foreman", "alpha", "beta"].map(|name| format!("--- {name}\n{}", self.place.log_of(name))).join("\n")
    }
}

#[test]
fn hosts_and_foreman_die_and_are_cut_off_and_nothing_is_lost_or_done_twice() {
    let board = Board::new();
    let (mut foreman, mut alpha, mut beta) = (board.foreman(), board.host("alpha"), board.host("beta"));

    // A host dies, and comes back: its attempts begin anew.
    board.wait_for_work("beta");
    let lost = board.wait_for_work("alpha");
    Board::kill(&mut alpha);
    alpha = board.host("alpha");
    board.wait_for_new_starts(&lost);

    // A host is cut off for longer than its lease: its work goes to the other one, once it is surely dead.
    board.wait_for_work("alpha");
    let cut_off = board.wait_for_work("beta");
    kill(beta.pid(), SIGSTOP);
    wait_until("the foreman gives the work of the silent host up", LIMIT, || {
        board.place.ganger(&["status", "--json"]).json()["attempts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|a| a["host"] != "beta")
    });
    kill(beta.pid(), SIGCONT);
    board.wait_for_work("beta");

    // The foreman dies while agents are at work: they go on.
    Board::kill(&mut foreman);
    foreman = board.foreman();
    board.open("one");
    board.wait_for_new_starts(&cut_off);

    // Foreman and host die at once, in the second wave.
    let mut second = BTreeMap::new();
    wait_until("the second wave is at work on beta", LIMIT, || {
        second = board.at_work("beta").into_iter().map(|t| (t.clone(), board.starts(&t))).collect();
        second.keys().any(|t| !["T-1", "T-2", "T-3", "T-4"].contains(&t.as_str()))
    });
    Board::kill(&mut foreman);
    Board::kill(&mut beta);
    foreman = board.foreman();
    beta = board.host("beta");
    board.open("two");
    assert_eq!(foreman.code(LIMIT), 0, "{}", board.logs());

    let tickets = board.place.ganger(&["ticket", "list", "--json"]).exits(0).json();
    let tickets = tickets["tickets"].as_array().unwrap().clone();
    assert_eq!(tickets.len(), 12);
    let open: Vec<_> = tickets.iter().filter(|t| t["status"] != "accepted").collect();
    assert!(open.is_empty(), "{open:#?}\n{}", board.logs());
    for n in 1..=12 {
        board.place.git(&["cat-file", "-e", &format!("ganger/T-{n}:out/T-{n}.txt")]);
    }
    assert_no_overlap(&board.lines());
    board.place.ganger(&["doctor"]).exits(0).says("every invariant holds").says("every message was read");
    for host in [&mut alpha, &mut beta] {
        kill(host.pid(), SIGINT);
        assert_eq!(host.code(LIMIT), 0, "{}", board.logs());
    }
}

#[test]
fn a_name_is_one_host_at_a_time() {
    let board = Board::new();
    let mut alpha = board.host("alpha");
    wait_until("the host is up", LIMIT, || board.place.log_of("alpha").contains("offers 2 slots"));
    let refused = board.place.ganger(&["host", "--name", "alpha"]).exits(1);
    refused.says(&format!("host `alpha` is active (pid {})", alpha.pid())).says("--name");
    board.place.ganger(&["host", "--name", "../x"]).exits(2).says("is no name for a host");
    board.place.ganger(&["host", "--name", "local"]).exits(2).says("ganger run");
    kill(alpha.pid(), SIGINT);
    assert_eq!(alpha.code(LIMIT), 0, "{}", board.logs());
}

#[test]
fn a_message_that_nobody_can_read_is_kept_and_shown() {
    let board = Board::new();
    let later = r#"{"v":99,"message":"command","input":"teleport"}"#;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = SqliteBus::open(&SqliteOptions::new(board.place.state())).unwrap();
        bus.declare(StreamConfig {
            name: "CONTROL".to_owned(),
            subjects: vec!["control.>".to_owned()],
            max_age: Some(Duration::from_secs(86_400)),
            max_messages: None,
            durability: Durability::Process,
        })
        .await
        .unwrap();
        for subject in ["control.foreman", "control.host.local"] {
            bus.publish(Publish::new(subject, later.as_bytes().to_vec())).await.unwrap();
        }
    });
    board.open("one");
    board.open("two");
    let mut run = board.place.start(&["run", "T-1"]);
    assert_eq!(run.code(LIMIT), 0, "{}", board.place.started_log());
    let doctor = board.place.ganger(&["doctor"]).exits(1);
    doctor.says("2 messages could not be read").says("it has version 99, and this program reads version 1");
    board.place.assert_status("T-1", "accepted");
}

#[test]
fn a_margin_that_is_shorter_than_a_sweep_is_refused() {
    let board = Board::new();
    let config = std::fs::read_to_string(board.place.repo().join("ganger.toml")).unwrap();
    board.place.write("ganger.toml", &config.replace("margin_seconds = 5.5", "margin_seconds = 2.0"));
    board.place.ganger(&["run"]).exits(2).says("limits.margin_seconds").says("may take 5.5 s");
}
