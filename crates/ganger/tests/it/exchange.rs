//! Hosts in clones of their own, with state folders of their own: commits travel through a bare repository. Each process
//! is killed, and what is left is judged by what the agents wrote and by git.

use crate::support::{Line, Place, Started, assert_no_overlap, kill, lines_in, wait_until};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;
/// Exit code of a host that was asked to end.
const DONE: i32 = 0;
/// Exit code of a run that was asked to end.
const INTERRUPTED: i32 = 130;

/// Appends a line every moment while it runs. Each ticket writes its own file; two write the same one, and the join merges
/// both. An agent ends when the test opens its wave.
const AGENT: &str = r#"#!/bin/sh
say() { echo "$GANGER_TICKET $$ $1" >> "$CHAOS/lines"; }
cat > /dev/null
say start
mkdir -p out
case "$GANGER_TICKET" in
*-join*)
    for part in T-1 T-2; do git merge --quiet -m "Merge $part" "ganger/$part" || true; done
    printf 'T-1\nT-2\n' > shared.txt
    git add shared.txt && git commit --quiet -m "Join"
    ;;
T-1|T-2) echo "$GANGER_TICKET" > shared.txt ;;
esac
echo "$$" >> "out/$GANGER_TICKET.txt"
wave=two
case "$GANGER_TICKET" in T-1|T-2|T-3|T-4) wave=one ;; esac
until [ -e "$CHAOS/open-$wave" ]; do say works; sleep 0.03; done
say end
"#;

/// A board in one clone, and hosts in others.
struct Board {
    place: Place,
}

impl Board {
    fn new(tickets: &[(&str, &[&str])]) -> Self {
        Self::with(AGENT, "test -d out", tickets)
    }

    fn with(agent: &str, gate: &str, tickets: &[(&str, &[&str])]) -> Self {
        let place = Place::new();
        place.make_noted_project(agent, "red_base = \"work\"", gate);
        let (exchange, repo) = (place.path("exchange.git").display().to_string(), place.repo().display().to_string());
        place.git(&["init", "--quiet", "--bare", &exchange]);
        for name in ["alpha", "beta"] {
            place.git(&["clone", "--quiet", &repo, &place.path(name).display().to_string()]);
        }
        for (title, after) in tickets {
            let after = after.iter().flat_map(|id| ["--after", id]);
            place.add(&std::iter::once(*title).chain(after).collect::<Vec<_>>());
        }
        Self { place }
    }

    fn exchange(&self) -> String {
        self.place.path("exchange.git").display().to_string()
    }

    fn foreman(&self) -> Started {
        self.place.start_as("foreman", &["run", "--no-host", "--forever", "--exchange", &self.exchange()])
    }

    /// `ganger` in the clone of a host, which has a state folder of its own.
    fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = self.place.command(args);
        command.current_dir(self.place.path(name)).env("XDG_STATE_HOME", self.place.path(&format!("{name}-state")));
        command
    }

    fn host(&self, name: &str) -> Started {
        let board = self.place.repo().display().to_string();
        let args = ["host", "--name", name, "--slots", "2", "--board", &board, "--exchange", &self.exchange()];
        self.place.start_in(name, self.command(name, &args))
    }

    fn open(&self, wave: &str) {
        std::fs::write(self.place.path("chaos").join(format!("open-{wave}")), "").unwrap();
    }

    fn logs(&self) -> String {
        let mut all: String =
            ["foreman", "alpha", "beta"].map(|name| format!("--- {name}\n{}\n", self.place.log_of(name))).concat();
        for state in
            [self.place.home().join(".local/state"), self.place.path("alpha-state"), self.place.path("beta-state")]
        {
            for project in state.join("ganger").read_dir().into_iter().flatten().flatten() {
                let log = std::fs::read_to_string(project.path().join("logs/ganger.log")).unwrap_or_default();
                all.push_str(&format!("--- {}\n{log}\n", project.path().display()));
            }
        }
        all
    }

    fn statuses(&self) -> BTreeMap<String, String> {
        let listed = self.place.ganger(&["ticket", "list", "--json"]).exits(0).json();
        let word = |t: &serde_json::Value, key: &str| t[key].as_str().unwrap().to_owned();
        listed["tickets"].as_array().unwrap().iter().map(|t| (word(t, "id"), word(t, "status"))).collect()
    }

    #[track_caller]
    fn wait_until_all_are(&self, status: &str) {
        let begun = std::time::Instant::now();
        while !self.statuses().values().all(|s| s == status) {
            assert!(begun.elapsed() < LIMIT * 2, "not {status}: {:?}\n{}", self.statuses(), self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the agents wrote.
    fn lines(&self) -> Vec<Line> {
        lines_in(&self.place.path("chaos/lines"))
    }

    fn starts(&self, ticket: &str) -> usize {
        self.lines().iter().filter(|l| l.ticket == ticket && l.word == "start").count()
    }

    /// Waits until the agents of a host write lines. Returns their tickets, with the number of starts of each.
    fn wait_for_work(&self, host: &str, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        wait_until("agents are at work on the host", LIMIT, || {
            let status = self.place.ganger(&["status", "--json"]).exits(0).json();
            let attempts = status["attempts"].as_array().unwrap().iter();
            let granted = attempts.filter(|a| a["host"] == host && a["stage"] == "granted");
            let tickets = granted.map(|a| a["ticket"].as_str().unwrap().to_owned());
            found = tickets.map(|t| (t.clone(), self.starts(&t))).filter(|(t, n)| *n > 0 && wanted(t)).collect();
            !found.is_empty()
        });
        found
    }

    #[track_caller]
    fn wait_for_new_starts(&self, before: &BTreeMap<String, usize>) {
        let begun = std::time::Instant::now();
        while !before.iter().all(|(t, n)| self.starts(t) > *n) {
            assert!(
                begun.elapsed() < LIMIT / 2,
                "not started again: {before:?}: {:?}\n{}",
                self.statuses(),
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(process: &mut Started) {
        kill(process.pid(), SIGKILL);
        wait_until("the killed process is gone", LIMIT, || process.has_ended());
    }

    /// Ends each with one Ctrl-C, and compares its exit code.
    #[track_caller]
    fn end(processes: &mut [(&mut Started, i32)]) {
        for (process, wanted) in processes {
            kill(process.pid(), SIGINT);
            assert_eq!(process.code(LIMIT), *wanted);
        }
    }

    fn refs_in_exchange(&self) -> String {
        self.place.git_in(&self.place.path("exchange.git"), &["for-each-ref", "--format=%(refname)"])
    }
}

/// Works on until the test lets it end, with a file that is not committed.
const AT_WORK: &str = r#"#!/bin/sh
cat > /dev/null
mkdir -p out
echo "$$" > "out/$$.txt"
echo "$GANGER_TICKET $$ start" >> "$CHAOS/lines"
until [ -e "$CHAOS/open-one" ]; do sleep 0.03; done
"#;

#[test]
fn what_a_host_left_when_it_died_is_found_when_it_returns_and_its_names_go() {
    let board = Board::with(AT_WORK, "test -d out", &[("one ticket", &[])]);
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    board.wait_for_work("alpha", |_| true);
    let first = board.lines()[0].process.clone();
    Board::kill(&mut alpha);
    let mut beta = board.host("beta");
    board.open("one");
    board.wait_until_all_are("accepted");
    assert!(!board.place.ganger(&["rescue", "list"]).exits(0).stdout.contains("T-1/"), "nobody knows of it yet");
    // It gets no ticket, and brings what it had all the same.
    let mut alpha = board.host("alpha");
    wait_until("the rescue is on the board", LIMIT, || board.place.ganger(&["rescue", "list"]).stdout.contains("T-1/"));
    let rescues = board.place.ganger(&["rescue", "list", "--json"]).exits(0).json();
    let commit = rescues["rescues"][0]["commit"].as_str().unwrap();
    assert!(board.place.in_depot(&["show", "--stat", commit]).contains(&format!("out/{first}.txt")), "{rescues:#}");
    assert!(!board.place.path("alpha.workspaces/T-1").exists(), "what it held is kept");

    let of_beta = |args: &[&str]| {
        let states = board.place.path("beta-state/ganger").read_dir().unwrap().flatten();
        let depot = states.map(|state| state.path().join("depot.git")).find(|depot| depot.exists()).unwrap();
        board.place.git_in(&depot, args)
    };
    let names = ["for-each-ref", "refs/ganger/exchange/work"];
    Board::end(&mut [(&mut alpha, DONE), (&mut beta, DONE)]);
    // As after an order that named it.
    let head = board.place.ticket("T-1")["head"].as_str().unwrap().to_owned();
    of_beta(&["update-ref", &format!("refs/ganger/exchange/work/T-1/{head}"), &head]);
    Board::kill(&mut foreman);
    // Without a run the exchange of the last one is known.
    board.place.ganger(&["merge", "--all"]).exits(0);
    assert!(!board.refs_in_exchange().contains("/work/"), "{}", board.refs_in_exchange());
    let mut foreman = board.foreman();
    let mut beta = board.host("beta");
    wait_until("its names go", LIMIT, || of_beta(&names).is_empty());
    wait_until("it is up", LIMIT, || board.place.log_of("beta").matches("offers 2 slots").count() == 2);
    Board::end(&mut [(&mut beta, DONE), (&mut foreman, INTERRUPTED)]);
}

#[test]
fn work_of_a_host_in_another_clone_is_verified_merged_and_leaves_the_exchange() {
    let board = Board::new(&[("one ticket", &[])]);
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    board.wait_for_work("alpha", |_| true);
    let attach = board.place.ganger(&["attach", "T-1", "--print"]).exits(4);
    attach.says("host alpha works on T-1 in another clone").says("hint: `ganger tell T-1 …`");
    board.open("one");
    board.wait_until_all_are("accepted");
    wait_until("the branch is shown", LIMIT, || board.place.git(&["branch", "--list", "ganger/T-1"]).contains("T-1"));
    assert!(board.refs_in_exchange().contains("/work/T-1/"), "{}", board.refs_in_exchange());
    board.place.ganger(&["merge", "--all"]).exits(0);
    board.place.git(&["cat-file", "-e", "main:out/T-1.txt"]);
    wait_until("its refs leave the exchange", LIMIT, || !board.refs_in_exchange().contains("/work/"));
    assert!(!board.place.path("shop.workspaces").exists(), "nothing was made beside the foreman's clone");
    Board::end(&mut [(&mut alpha, DONE), (&mut foreman, INTERRUPTED)]);
}

const TWELVE: [(&str, &[&str]); 12] = [
    ("writes shared.txt", &[]),
    ("writes shared.txt, too", &[]),
    ("third", &[]),
    ("fourth", &[]),
    ("needs both of shared.txt", &["T-1", "T-2"]),
    ("sixth", &["T-2"]),
    ("seventh", &["T-3"]),
    ("eighth", &["T-3", "T-4"]),
    ("ninth", &["T-5"]),
    ("tenth", &["T-6", "T-7"]),
    ("eleventh", &["T-8"]),
    ("twelfth", &["T-9", "T-10"]),
];

#[test]
fn two_clones_and_a_foreman_die_in_turn_and_everything_is_merged_once() {
    let board = Board::new(&TWELVE);
    let (mut foreman, mut alpha, mut beta) = (board.foreman(), board.host("alpha"), board.host("beta"));
    let any = |_: &str| true;

    // A host dies and is started again: its attempts start again.
    board.wait_for_work("beta", any);
    let lost = board.wait_for_work("alpha", any);
    Board::kill(&mut alpha);
    alpha = board.host("alpha");
    board.wait_for_new_starts(&lost);

    // The foreman dies while agents work: they continue.
    Board::kill(&mut foreman);
    foreman = board.foreman();
    board.open("one");

    // The foreman and the other host die at the same time, in the second wave.
    let second = |ticket: &str| !["T-1", "T-2", "T-3", "T-4"].contains(&ticket);
    let lost = board.wait_for_work("beta", second);
    Board::kill(&mut foreman);
    Board::kill(&mut beta);
    foreman = board.foreman();
    beta = board.host("beta");
    // Others may have taken the slots meanwhile, and wait for this.
    board.open("two");
    board.wait_for_new_starts(&lost);
    board.wait_until_all_are("accepted");
    assert!(board.statuses().keys().any(|id| id.contains("-join")), "the conflict made a join");

    board.place.ganger(&["merge", "--all"]).exits(0);
    board.wait_until_all_are("merged");
    let main = board.place.git(&["log", "--first-parent", "--format=%(trailers:key=Ganger-Ticket,valueonly)", "main"]);
    for n in 1..=12 {
        board.place.git(&["cat-file", "-e", &format!("main:out/T-{n}.txt")]);
        let merged = main.lines().filter(|line| *line == format!("T-{n}")).count();
        // The join may take its two parts along.
        let is_expected = merged == 1 || (n <= 2 && merged == 0);
        assert!(is_expected, "T-{n} was merged {merged} times:\n{main}");
    }
    assert_eq!(board.place.git(&["show", "main:shared.txt"]), "T-1\nT-2");
    assert_no_overlap(&board.lines());
    wait_until("all work leaves the exchange", LIMIT, || !board.refs_in_exchange().contains("/work/"));
    board.place.git_in(&board.place.path("exchange.git"), &["fsck", "--strict"]);
    let exchange = board.exchange();
    let doctor = board.place.ganger(&["doctor", "--exchange", &exchange]).exits(0);
    doctor.says("every invariant holds").says("every message was read").says(&exchange);
    Board::end(&mut [(&mut alpha, DONE), (&mut beta, DONE), (&mut foreman, INTERRUPTED)]);
}

/// The first attempt writes a file and is rejected; the second waits on the same host until that dies; the third, on another
/// host, succeeds.
const IN_TWO_PARTS: &str = r#"#!/bin/sh
say() { echo "$GANGER_TICKET $$ $1" >> "$CHAOS/lines"; }
cat > /dev/null
say start
mkdir -p out
if [ ! -e out/first ]; then echo first > out/first; say end; exit; fi
until [ -e "$CHAOS/open-two" ]; do say works; sleep 0.03; done
echo second > out/second
say end
"#;

#[test]
fn a_ticket_whose_host_is_gone_goes_on_at_another_from_what_was_pushed() {
    let board = Board::with(IN_TWO_PARTS, "test -e out/second", &[("in two parts", &[])]);
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    wait_until("the second attempt is at work", LIMIT, || board.starts("T-1") == 2);
    let mut beta = board.host("beta");
    wait_until("the other host is up", LIMIT, || board.place.log_of("beta").contains("offers 2 slots"));
    Board::kill(&mut alpha);
    board.open("two");
    board.wait_until_all_are("accepted");
    assert_eq!(board.starts("T-1"), 3, "{:?}", board.lines());
    let head = board.place.ticket("T-1")["head"].as_str().unwrap().to_owned();
    wait_until("the branch is shown", LIMIT, || {
        board.place.git(&["for-each-ref", "refs/heads/ganger"]).contains(&head)
    });
    assert_eq!(board.place.git(&["show", "ganger/T-1:out/first"]), "first");
    assert_eq!(board.place.git(&["show", "ganger/T-1:out/second"]), "second");
    assert_no_overlap(&board.lines());
    Board::end(&mut [(&mut beta, DONE), (&mut foreman, INTERRUPTED)]);
}

/// The host in the run and one elsewhere: each builds on what the other made.
#[test]
fn hosts_here_and_elsewhere_build_on_each_others_work() {
    let board = Board::new(&[("made here", &[])]);
    board.open("one");
    let mut foreman = board.place.start_as("foreman", &["run", "--forever", "--exchange", &board.exchange()]);
    board.wait_until_all_are("accepted");
    let repo = board.place.repo().display().to_string();
    let args = ["host", "--name", "alpha", "--slots", "9", "--board", &repo, "--exchange", &board.exchange()];
    let mut alpha = board.place.start_in("alpha", board.command("alpha", &args));
    wait_until("the host is up", LIMIT, || board.place.log_of("alpha").contains("offers 9 slots"));
    board.place.add(&["made elsewhere", "--after", "T-1"]);
    board.wait_until_all_are("accepted");
    // The log of a gate is where it ran.
    let is_of_alpha =
        |ticket: &str| board.place.ticket(ticket)["evidence"][0]["log"].as_str().unwrap().contains("alpha-state");
    assert_eq!((is_of_alpha("T-1"), is_of_alpha("T-2")), (false, true));
    Board::end(&mut [(&mut alpha, DONE)]);
    board.place.add(&["made here, too", "--after", "T-2"]);
    board.wait_until_all_are("accepted");
    assert!(!is_of_alpha("T-3"));
    board.place.ganger(&["merge", "--all"]).exits(0);
    for n in 1..=3 {
        board.place.git(&["cat-file", "-e", &format!("main:out/T-{n}.txt")]);
    }
    Board::end(&mut [(&mut foreman, INTERRUPTED)]);
}

/// Commits what looks like a token, whatever the prompt says.
const WITH_A_SECRET: &str = "#!/bin/sh
cat > /dev/null
mkdir -p out
echo \"token = ghp_$(echo k7Qz2mWx9RtB4vNc8LpH)k7Qz2mWx9RtB4vNc8LpH\" > out/settings
date +%N > out/again
";

#[test]
fn work_with_secrets_stays_on_its_host_until_you_let_it_pass() {
    let board = Board::with(WITH_A_SECRET, "test -d out", &[("a token", &[])]);
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    board.wait_until_all_are("needs-you");
    let head = board.place.ticket("T-1")["head"].as_str().unwrap().to_owned();
    assert!(!board.refs_in_exchange().contains(&head), "{}", board.refs_in_exchange());
    assert_eq!(board.place.git(&["branch", "--list", "ganger/T-1"]), "");
    let inbox = board.place.ganger(&["inbox", "--json"]).exits(0).json();
    let card = inbox["cards"][0]["id"].as_str().unwrap().to_owned();
    board.place.ganger(&["answer", &card, "accept"]).exits(0);
    board.wait_until_all_are("accepted");
    assert!(board.refs_in_exchange().contains(&format!("/work/T-1/{head}")), "{}", board.refs_in_exchange());
    Board::end(&mut [(&mut alpha, DONE), (&mut foreman, INTERRUPTED)]);
}

#[test]
fn an_exchange_that_is_away_is_waited_for() {
    let board = Board::new(&[("one ticket", &[])]);
    let (exchange, away) = (board.place.path("exchange.git"), board.place.path("away.git"));
    board.place.write("later.txt", "after the clones were made\n");
    board.place.commit("later");
    std::fs::rename(&exchange, &away).unwrap();
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    let wait_for_words = |words: &str| {
        wait_until("the host says what it waits for", LIMIT, || {
            board.place.ganger(&["log", "T-1"]).stdout.contains(words)
        });
    };
    wait_for_words("waiting: cannot fetch commit");
    board.place.assert_status("T-1", "running");
    board.place.ganger(&["doctor", "--exchange", &board.exchange()]).exits(1).says("cannot be reached");
    std::fs::rename(&away, &exchange).unwrap();

    // And once more, when the work is done.
    wait_until("the agent is at work", LIMIT, || board.starts("T-1") == 1);
    std::fs::rename(&exchange, &away).unwrap();
    board.open("one");
    wait_for_words("waiting: cannot push the work");
    board.place.assert_status("T-1", "running");
    std::fs::rename(&away, &exchange).unwrap();
    board.wait_until_all_are("accepted");
    assert_eq!(board.place.ticket("T-1")["attempts"], 1);
    Board::end(&mut [(&mut alpha, DONE), (&mut foreman, INTERRUPTED)]);
}

#[test]
fn a_damaged_ref_in_the_exchange_stops_its_own_ticket_alone() {
    // The second is fetched after the first, which keeps failing.
    let board = Board::new(&[("damaged", &[]), ("sound", &["T-1"])]);
    board.open("one");
    let exchange = board.place.path("exchange.git");
    let raw = board.place.path("raw");
    std::fs::write(&raw, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor nobody\n\nno committer\n").unwrap();
    let raw = raw.display().to_string();
    let bad = board.place.git_in(&exchange, &["hash-object", "--literally", "-t", "commit", "-w", &raw]);
    let state = board.place.state();
    let project = state.file_name().unwrap();
    let refs = exchange.join("refs/ganger/exchange").join(project).join("work/T-1");
    std::fs::create_dir_all(&refs).unwrap();
    std::fs::write(refs.join(&bad), format!("{bad}\n")).unwrap();
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    board.wait_until_all_are("accepted");
    wait_until("the other branch is shown", LIMIT, || {
        board.place.git(&["branch", "--list", "ganger/T-2"]).contains("T-2")
    });
    assert_eq!(board.place.git(&["branch", "--list", "ganger/T-1"]), "");
    kill(alpha.pid(), SIGINT);
    assert_eq!(alpha.code(LIMIT), DONE);
    Board::kill(&mut foreman);
}

#[test]
fn a_run_without_the_exchange_is_told_what_is_missing() {
    let board = Board::new(&[("one ticket", &[])]);
    let mut foreman = board.place.start_as("foreman", &["run", "--no-host", "--forever"]);
    let mut alpha = board.host("alpha");
    board.wait_until_all_are("needs-you");
    board.place.ganger(&["inbox"]).exits(0).says("the run has no exchange: start `ganger run` with `--exchange`");
    Board::end(&mut [(&mut alpha, DONE), (&mut foreman, INTERRUPTED)]);
}

#[test]
fn what_cannot_be_a_host_of_the_board_is_refused_with_a_way_out() {
    let board = Board::new(&[("one ticket", &[])]);
    let (repo, exchange) = (board.place.repo().display().to_string(), board.exchange());
    let refused = |dir: &str, args: &[&str]| {
        let mut command = board.command("alpha", args);
        let output = command.current_dir(board.place.path(dir)).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let says = |text: &str, words: &str| assert!(text.contains(words), "`{words}` is not in:\n{text}");
    says(&refused("alpha", &["host", "--board", &repo]), "`--exchange URL`");
    says(&refused("alpha", &["host", "--exchange", &exchange]), "--board");
    let nowhere = board.place.path("home").display().to_string();
    says(&refused("alpha", &["host", "--board", &nowhere, "--exchange", &exchange]), "is not in a git repository");
    let beta = board.place.path("beta").display().to_string();
    says(&refused("alpha", &["host", "--board", &beta, "--exchange", &exchange]), "has no board");
    let mut misspelt = board.command("alpha", &["host", "--board", &repo]);
    let output = misspelt.env("GANGER_EXCHANGE_URI", &exchange).output().unwrap();
    says(&String::from_utf8_lossy(&output.stderr), "GANGER_EXCHANGE_URI: there is no such setting");
    // A board of its own, and what its own file must not say.
    let mut init = board.command("beta", &["init"]);
    assert!(init.output().unwrap().status.success());
    says(&refused("beta", &["host", "--board", &repo, "--exchange", &exchange]), "has a board of its own");
    let mut config = std::fs::read_to_string(board.place.repo().join("ganger.toml")).unwrap();
    config.push_str("\n[exchange]\nurl = \"https://example.invalid/steal.git\"\n");
    board.place.write("ganger.toml", &config);
    board.place.ganger(&["run"]).exits(2).says("only in your own configuration");
}
