//! Files of the person that git ignores: agents and gates find those that the trusted configuration names.

use super::turns;
use crate::support::Place;

fn place(gate: &str, agent: &str) -> Place {
    let place = Place::new();
    place.write(".gitignore", ".env.*\nkeys/\n*.bin\n");
    place.write(".worktreeinclude", "# for every tool\n.env.*\n");
    place.commit("what is ignored");
    place.write(".env.local", "greeting\n");
    place.write("keys/dev", "key\n");
    place.write("big.bin", "fixture\n");
    place.make_project_with("files = [\"keys/\"]", gate, &turns(&[agent]));
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("timeout_s = 60", "timeout_s = 60\nfiles = [\"*.bin\"]"));
    place.commit("a file for the gate");
    place
}

#[test]
fn named_files_reach_agents_and_gates_and_no_commit_of_gangers() {
    let gate = "grep -q greeting .env.local && test -e keys/dev && test -e big.bin";
    let agent = "grep -q greeting .env.local && cat keys/dev > work.txt && ! test -e big.bin && \
                 echo > .gitignore && echo more >> .env.local && echo more > keys/other";
    let place = place(gate, agent);
    let asked = place.ganger(&["run"]).exits(3).says("What this project runs has changed since you trusted it");
    asked.says("files of check    big.bin (by *.bin)");
    let listed = place.ganger(&["trust", "--yes"]).exits(0);
    listed.says("files             .env.local, keys/dev (by .env.*, keys/)");
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["diff", "--name-only", "main...ganger/T-1"]), ".gitignore\nwork.txt");
    place.ganger(&["doctor"]).says("ok    files      copied to agents and gates: .env.local, big.bin, keys");
    // They are yours, and you have them. What an agent changed or added there is kept.
    let rescue = super::rescues(&place).remove(0);
    let kept = place.in_depot(&["ls-tree", "-r", "--name-only", &format!("refs/ganger/rescue/{rescue}")]);
    let kept: Vec<&str> = kept.lines().filter(|name| name.contains("env") || name.contains("keys")).collect();
    assert_eq!(kept, [".env.local", "keys/dev", "keys/other"]);
    place.script(&turns(&["grep -q greeting .env.local && echo again > again.txt"]));
    place.add(&["untouched"]);
    place.ganger(&["run"]).exits(0);
    assert_eq!(super::rescues(&place), [rescue], "nothing was left but files of yours");
    place.write(".env.more", "another\n");
    place.ganger(&["run"]).exits(3).says("files             .env.local, .env.more, keys/dev");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.write("keys/another", "key\n");
    place.ganger(&["run"]).exits(3).says("keys/another");
}

#[test]
fn a_file_that_an_agent_would_commit_is_given_to_nobody() {
    let place = place("! test -e note", "! test -e note && echo work > work.txt");
    place.write(".worktreeinclude", ".env.*\nnote\n");
    place.commit("more");
    place.write("note", "mine\n");
    place.ganger(&["trust", "--yes"]).exits(0);
    place.ganger(&["doctor"]).exits(1).says("BAD   files      note would be committed by agents");
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}
