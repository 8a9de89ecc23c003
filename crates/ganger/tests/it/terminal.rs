//! What a person sees on a terminal: a real one, read by a terminal's own rules.

mod picture;

use crate::support::{GANGER, Place, wait_until};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(40);
/// Terminals as people have them: columns and rows.
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// A program on a terminal of its own.
pub(crate) struct OnTerminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl OnTerminal {
    pub(crate) fn start(place: &Place, args: &[&str], (columns, rows): (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let slave = File::from(slave);
        let plain = place.command(args);
        let mut command = Command::new("setsid");
        // Its own session, with this terminal: Ctrl-C comes from there.
        command.args(["--ctty", "--wait", GANGER]).args(plain.get_args());
        command.current_dir(plain.get_current_dir().unwrap()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm-256color");
        for stream in 0..3 {
            let end = Stdio::from(slave.try_clone().unwrap());
            match stream {
                0 => command.stdin(end),
                1 => command.stdout(end),
                _ => command.stderr(end),
            };
        }
        let child = command.spawn().unwrap();
        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (mut output, seen) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..n]);
            }
        });
        Self { child, keyboard, screen }
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        let screen = self.screen.lock().unwrap();
        let columns = screen.screen().size().1;
        screen.screen().rows(0, columns).collect()
    }

    pub(crate) fn shows(&self, words: &str) -> bool {
        self.rows().iter().any(|row| row.contains(words))
    }

    pub(crate) fn wait_for(&self, words: &str) {
        self.wait_until(&format!("the screen shows `{words}`"), |run| run.shows(words));
    }

    /// A screen is read while it is drawn.
    fn wait_until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let until = std::time::Instant::now() + LIMIT;
        wait_until(what, LIMIT + LIMIT, || {
            assert!(std::time::Instant::now() < until, "not so: {what}: {:#?}", self.rows());
            reached(self)
        });
    }

    fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Rows of what a ticket does now.
    fn lanes_of(&self, start: &str) -> usize {
        // Lines that stay begin with a time.
        let is_lane = |row: &&String| row.contains(start) && !row.starts_with(|c: char| c.is_ascii_digit());
        self.rows().iter().filter(is_lane).count()
    }

    /// Whether a shell would find its terminal as it was.
    fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    pub(crate) fn code(&mut self) -> i32 {
        wait_until("it ends", LIMIT, || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

const CTRL_C: u8 = 3;
const ESCAPE: u8 = 0x1b;

/// An agent that works until there is a file `go`.
fn working() -> Place {
    let how = "echo work > work.txt; echo reading the sources of the shop; until test -e ../../go; do sleep 0.05; done";
    let place = Place::scripted("true", &json!({"*": [[{"run": how}]]}));
    place.add(&["a rather long title of a ticket, so that there is something to cut"]);
    place
}

#[test]
fn the_first_ctrl_c_is_answered_where_it_is_seen_and_the_second_one_too() {
    for size in SIZES {
        let place = working();
        let mut run = OnTerminal::start(&place, &["run"], size);
        run.wait_for("1 running");
        run.press(CTRL_C);
        run.wait_for("stopping after 1 turn");
        run.wait_for("No new work starts, agents finish their turns.");
        let rows = run.rows();
        let of_the_agent = rows.iter().filter(|row| row.contains("T-1  scripted") && !row.contains("starts"));
        assert_eq!(of_the_agent.count(), 1, "the lane is there once: {rows:#?}");
        run.press(CTRL_C);
        assert_eq!(run.code(), 130, "{:#?}", run.rows());
        assert!(run.is_restored());
        assert!(run.shows("Stopping. Sessions, files and commits are kept."), "{:#?}", run.rows());
        assert!(!run.shows("stopping now"), "the lanes are gone: {:#?}", run.rows());
    }
}

#[test]
fn a_run_that_is_asked_to_end_lets_its_agent_finish() {
    let place = working();
    let mut run = OnTerminal::start(&place, &["run"], SIZES[0]);
    run.wait_for("1 running");
    run.press(CTRL_C);
    run.wait_for("stopping after 1 turn");
    std::fs::write(place.path("go"), "").unwrap();
    run.code();
    assert_eq!(place.ticket("T-1")["attempts"], 1);
    assert!(place.git(&["show", "ganger/T-1:work.txt"]).contains("work"));
}

#[test]
fn a_card_comes_first_with_its_command_at_every_width() {
    for size in SIZES {
        let ask = "a question that is long enough to be cut on a narrow terminal, because it goes on and on";
        let script = json!({
            "T-1": [[{"tool": "ask_user", "args": {"question": ask}}]],
            "T-2": [[{"run": "until test -e ../../go; do sleep 0.05; done; echo work > work.txt"}]],
        });
        let place = Place::scripted("true", &script);
        place.add(&["one"]);
        place.add(&["two"]);
        let mut run = OnTerminal::start(&place, &["run"], size);
        run.wait_for("`ganger answer C-1`");
        run.wait_for("T-2  scripted");
        let rows = run.rows();
        let at = |words: &str| rows.iter().rposition(|row| row.contains(words)).unwrap();
        assert!(at("`ganger answer C-1`") < at("T-2  scripted"), "{rows:#?}");
        assert!(rows.iter().all(|row| row.chars().count() <= usize::from(size.0)));
        std::fs::write(place.path("go"), "").unwrap();
        assert_eq!(run.code(), 3);
    }
}

#[test]
fn the_demo_asks_with_numbers_and_says_what_it_will_do_and_how_to_remove_it() {
    let place = Place::new();
    let mut demo = OnTerminal::start(&place, &["demo", "--folder", "../demo"], (80, 60));
    demo.wait_for("  2  Howdy");
    demo.wait_for("Type a number or your own word. The demo answers `Hello` in 20 s.");
    assert!(!demo.shows("ganger inbox") && !demo.shows("ganger merge"), "{:#?}", demo.rows());
    demo.type_line("2");
    assert_eq!(demo.code(), 0, "{:#?}", demo.rows());
    demo.wait_for("5 of 5 tickets accepted.");
    let greeter = place.path("demo/greeter");
    assert_eq!(place.git_in(&greeter, &["show", "ganger/GREET-2:greetings/en.txt"]), "Howdy!");
    removes_all_that_it_left(&place, &demo);
}

/// What it says to remove is all that it left.
fn removes_all_that_it_left(place: &Place, demo: &OnTerminal) {
    let rows = demo.rows();
    let at = rows.iter().position(|row| row.starts_with("Remove what the demo left:")).unwrap();
    let line: String = rows[at + 1..].iter().take_while(|row| !row.is_empty()).map(String::as_str).collect();
    let mut remove = Command::new("sh");
    remove.args(["-c", &line]);
    assert!(place.outside(remove).status.success(), "{line}");
    assert!(!place.path("demo").exists());
    assert_eq!(place.home().join(".local/state/ganger").read_dir().unwrap().count(), 0, "{line}");
}

#[test]
fn the_demo_of_a_goal_asks_three_times_and_leaves_merged_work() {
    let place = Place::new();
    let mut demo = OnTerminal::start(&place, &["demo", "--goal", "--folder", "../demo"], (80, 120));
    demo.wait_for("Type a number or your own word. The demo answers `Hello` in 20 s.");
    demo.type_line("2");
    demo.wait_for("C Wish a good night [S]");
    demo.wait_for("Type a number or what to change. The demo answers `accept` in 20 s.");
    demo.type_line("1");
    demo.wait_for("Merge them?");
    demo.wait_for("The demo answers `yes` in 20 s.");
    demo.type_line("1");
    assert_eq!(demo.code(), 0, "{:#?}", demo.rows());
    demo.wait_for("The goal is reached: 4 tickets are on main.");
    let mut welcome = Command::new("sh");
    welcome.args(["-c", "cd ../demo/greeter && sh welcome.sh"]);
    assert_eq!(String::from_utf8_lossy(&place.outside(welcome).stdout), "Howdy, Ada!\nHowdy, Grace!\n");
    removes_all_that_it_left(&place, &demo);
}

/// Nobody is there: it answers itself, and says so. What is not merged is said, too.
#[test]
fn the_demo_of_a_goal_needs_nobody_and_says_what_it_does() {
    let place = Place::new();
    let demo = place.ganger(&["demo", "--goal", "--folder", "../demo"]).exits(0);
    let demo = demo.says("They play a script instead").says("The demo answers: Hello").says("The demo answers: accept");
    let demo = demo.says("goes back to stage plan: sisyphus/validator refused it: - Nobody is wished a good night");
    let demo = demo.says("T-3  sent back by review, 1 finding").says("T-5  merged as").says("T-1  is done");
    assert!(!demo.stdout.contains("```"), "{}", demo.stdout);
    let shown = demo.stderr.lines().filter_map(|line| line.trim().split_once("   # "));
    for (command, _) in shown.filter(|(command, _)| command.starts_with("ganger ")) {
        let mut shown = Command::new("sh");
        shown.args(["-c", &format!("cd ../demo/greeter && {}", command.replace("ganger", crate::support::GANGER))]);
        assert!(place.outside(shown).status.success(), "{command}");
    }
}

#[test]
fn the_demo_writes_beside_nobodys_work() {
    let place = Place::new();
    place.ganger(&["demo", "--folder", "demo"]).exits(2).says("is in the repository").says("outside of it");
    place.ganger(&["demo", "--folder", "."]).exits(2).says("is not empty");
    std::fs::write(place.path("notes"), "mine").unwrap();
    place.ganger(&["demo", "--folder", ".."]).exits(2).says("is not empty");
    place.ganger(&["demo", "--folder", "../notes"]).exits(2).says("is not empty");
    assert_eq!(place.git(&["status", "--porcelain"]), "");
}

#[test]
fn keys_answer_tell_show_and_stop_without_disturbing_what_is_drawn() {
    for size in SIZES {
        let ask = json!({"question": "Which word?", "options": ["Hello", "Howdy"]});
        let script = json!({
            "T-1": [[{"tool": "ask_user", "args": ask}], [{"run": "echo work > one.txt"}]],
            "T-2": [[{"say": "reading"}, {"run": "until test -e ../../go; do sleep 0.05; done; echo work > two.txt"}]],
        });
        let place = Place::scripted("true", &script);
        place.add(&["one"]);
        place.add(&["two"]);
        let mut run = OnTerminal::start(&place, &["run"], size);
        run.wait_for("`ganger answer C-1`");
        run.wait_for("? for keys");
        run.types("?");
        run.wait_for("a answers the first card");
        run.types("a");
        run.wait_for("1 Hello · 2 Howdy · or <your answer>");
        run.types("xx\u{7f}\u{7f}2");
        run.wait_for("answer C-1 (Enter, or Esc)> 2_");
        run.wait_until("the lane is there once", |run| run.lanes_of("T-2  scripted") == 1);
        run.types("\n");
        run.wait_for("answered C-1: Howdy");
        run.types("l\u{15}2\n");
        run.wait_for("T-2 says reading");
        run.wait_for("`ganger log T-2` shows all of it.");
        run.types("t\u{15}2 mind the ümlauts\n");
        run.wait_for("sent [D-");
        run.wait_for("mind the ümlauts");
        run.types("\u{1b}[As");
        run.wait_for("stop a ticket");
        run.press(ESCAPE);
        run.wait_for("? for keys");
        run.types("s\u{15}T-9\n");
        run.wait_for("there is no ticket T-9");
        run.wait_until("the lane is there once", |run| run.lanes_of("T-2  scripted") == 1);
        run.wait_until("nothing is being typed", |run| !run.shows("(Enter, or Esc)>"));
        run.types("s\u{15}t-2\n");
        run.wait_for("stopped by tester");
        run.code();
        assert!(run.is_restored());
        place.assert_status("T-1", "accepted");
        place.assert_status("T-2", "stopped");
    }
}

#[test]
fn keys_and_the_end_of_a_run_need_no_enter_after_a_shell_set_the_terminal() {
    let place = working();
    let mut run = OnTerminal::start(&place, &["run"], SIZES[0]);
    run.wait_for("? for keys");
    let is_by_line = |run: &OnTerminal| tcgetattr(&run.keyboard).unwrap().local_modes.contains(LocalModes::ICANON);
    run.wait_until("keys are read one by one", |run| !is_by_line(run));
    // As some shells do when a program that was stopped comes back.
    let mut modes = tcgetattr(&run.keyboard).unwrap();
    modes.local_modes.insert(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(&run.keyboard, OptionalActions::Now, &modes).unwrap();
    run.wait_until("keys are read one by one again", |run| !is_by_line(run));
    run.types("?");
    run.wait_for("a answers the first card");
    tcsetattr(&run.keyboard, OptionalActions::Now, &modes).unwrap();
    std::fs::write(place.path("go"), "").unwrap();
    assert_eq!(run.code(), 0);
    assert!(run.is_restored());
}

#[test]
fn setup_and_gates_show_their_last_line() {
    let place = Place::new();
    let wait = |file: &str| format!("until test -e ../../{file}; do sleep 0.05; done");
    place.write("setup.sh", &format!("echo one; printf '10 %%\\rfetching 3 packages\\n'; {}\n", wait("go")));
    place.write("check.sh", &format!("echo 12 passed; {}\n", wait("on")));
    place.make_project_with(
        "setup = \"sh setup.sh\"",
        "sh check.sh",
        &json!({"*": [[{"run": "echo work > work.txt"}]]}),
    );
    place.add(&["work"]);
    let mut run = OnTerminal::start(&place, &["run"], SIZES[0]);
    run.wait_for("setup: sh setup.sh · fetching 3 packages");
    std::fs::write(place.path("go"), "").unwrap();
    run.wait_for("gate check · 12 passed");
    assert!(run.shows("T-1  gates"), "{:#?}", run.rows());
    std::fs::write(place.path("on"), "").unwrap();
    assert_eq!(run.code(), 0);
    place.ganger(&["log"]).exits(0);
}

#[test]
fn commands_ask_for_what_was_not_said() {
    let ask = json!({"tool": "ask_user", "args": {"question": "Which colour?", "options": ["red", "blue"]}});
    let script = json!({"T-1": [[ask]], "*": [[{"run": "echo x > $GANGER_TICKET.txt"}]]});
    let place = Place::scripted("true", &script);
    place.add(&["paint"]);
    place.add(&["mow"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["backup", "../copy.db"]).exits(0);
    let answered = |args: &[&str], question: &str, answer: &str, told: &str| {
        let mut asks = OnTerminal::start(&place, args, SIZES[1]);
        asks.wait_for(question);
        asks.type_line(answer);
        asks.wait_for(told);
        assert_eq!(asks.code(), 0);
    };
    answered(&["answer", "C-1"], "Your answer:", "blue", "Answered C-1.");
    answered(&["merge"], "Merge T-2? [y/N]", "n", "Nothing was merged.");
    place.assert_status("T-2", "accepted");
    answered(&["merge"], "Merge T-2? [y/N]", "y", "T-2  merged as");
    answered(&["restore", "../copy.db"], "by this copy of 2 tickets? [y/N]", "", "Nothing was changed.");
    place.assert_status("T-2", "merged");
    answered(&["restore", "../copy.db"], "by this copy of 2 tickets? [y/N]", "y", "Restored a board of");
    place.assert_status("T-2", "accepted");
}
