//! Hosts in clones of their own, with state folders of their own: commits travel through a bare repository. Each process
//! is killed, and what is left is judged by what the agents wrote and by git.

use crate::support::{Place, Started, kill, wait_until};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;

/// Writes a line of life every moment. Each ticket writes a file of its own; two write the same one, and whoever joins them
/// makes one of both. It ends when its wave may.
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
        let place = Place::new();
        let chaos = place.path("chaos");
        std::fs::create_dir_all(&chaos).unwrap();
        std::fs::write(chaos.join("agent.sh"), AGENT.replace("$CHAOS", &chaos.display().to_string())).unwrap();
        place.write(
            "ganger.toml",
            &format!(
                "[project]\nmain = \"main\"\n[policy]\nfetch = false\n\
                 [limits]\nparallel = 4\nattempts = 100\nlease_seconds = 2.0\nmargin_seconds = 5.5\n\
                 [agent.scripted]\nruntime = \"command\"\ncommand = \"sh {}/agent.sh\"\n\
                 [[gate]]\nname = \"check\"\ncommand = \"test -d out\"\ntimeout_s = 60\n",
                chaos.display()
            ),
        );
        place.commit("project");
        place.ganger(&["init"]).exits(0);
        place.ganger(&["trust", "--yes"]).exits(0);
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
        let args =
            ["host", "--name", name, "--slots", "2", "--board", &board, "--exchange", &self.exchange()];
        self.place.start_in(name, self.command(name, &args))
    }

    fn open(&self, wave: &str) {
        std::fs::write(self.place.path("chaos").join(format!("open-{wave}")), "").unwrap();
    }

    fn logs(&self) -> String {
        let mut all: String =
            ["foreman", "alpha", "beta"].map(|name| format!("--- {name}\n{}\n", self.place.log_of(name))).concat();
        for state in [self.place.home().join(".local/state"), self.place.path("alpha-state"), self.place.path("beta-state")] {
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
            assert!(begun.elapsed() < LIMIT, "not {status}: {:?}\n{}", self.statuses(), self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn refs_in_exchange(&self) -> String {
        self.place.git_in(&self.place.path("exchange.git"), &["for-each-ref", "--format=%(refname)"])
    }
}

#[test]
fn work_of_a_host_in_another_clone_is_verified_merged_and_leaves_the_exchange() {
    let board = Board::new(&[("one ticket", &[])]);
    board.open("one");
    let (mut foreman, mut alpha) = (board.foreman(), board.host("alpha"));
    board.wait_until_all_are("accepted");
    wait_until("the branch is shown", LIMIT, || board.place.git(&["branch", "--list", "ganger/T-1"]).contains("T-1"));
    assert!(board.refs_in_exchange().contains("/work/T-1/"), "{}", board.refs_in_exchange());
    board.place.ganger(&["merge", "--all"]).exits(0);
    board.place.git(&["cat-file", "-e", "main:out/T-1.txt"]);
    wait_until("its refs leave the exchange", LIMIT, || !board.refs_in_exchange().contains("/work/"));
    assert!(!board.place.path("shop.workspaces").exists(), "nothing was made beside the foreman's clone");
    for process in [&mut alpha, &mut foreman] {
        kill(process.pid(), SIGINT);
        process.code(LIMIT);
    }
}
