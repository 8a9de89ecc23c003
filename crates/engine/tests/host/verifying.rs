//! What a host runs for a verification, and where; and what it tells of it.

use crate::machine;
use ganger_engine::host::{Action, Event, Machine};
use ganger_engine::{Check, Commit, Evidence, EvidenceKey, Expects, GatePolicy, HostId, Input, Order, VerifyJob};

const GATE: &str = "d";

fn job(checks: &[Check], known_before: &[&str]) -> VerifyJob {
    VerifyJob {
        ticket: "T-1".into(),
        token: 7,
        commit: Commit::from("head"),
        revision: 1,
        base: Some(Commit::from("base")),
        gates: vec![GatePolicy { name: "test".into(), digest: GATE.into(), known_red: false }],
        checks: checks.to_vec(),
        known_before: known_before.iter().map(|digest| (*digest).to_owned()).collect(),
        blames_base: true,
    }
}

fn ran(gate: &GatePolicy, commit: &Commit, exit_code: Option<i32>) -> Evidence {
    Evidence {
        key: EvidenceKey { commit: commit.clone(), gate: gate.digest.clone(), toolchain: "tc".into() },
        ticket: "T-1".into(),
        revision: 1,
        name: gate.name.clone(),
        command: gate.name.clone(),
        exit_code,
        timed_out: false,
        duration_ms: 1,
        tests: None,
        log: String::new(),
        tail: String::new(),
        host: HostId::from("h"),
        at: 1,
    }
}

/// Plays a job in a world in which a run ends like this; says what ran and what was told, in order.
fn play(job: VerifyJob, main: Option<&str>, ends: impl Fn(&str, &str) -> Option<i32>) -> Vec<String> {
    let mut machine = machine();
    let mut told = Vec::new();
    let mut events = vec![Event::Order(Order::Verify(Box::new(job)))];
    while let Some(event) = events.pop() {
        for action in machine.handle(1, event) {
            match action {
                Action::PrepareGates(job) => {
                    events.push(Event::GatesPrepared { token: job.token, result: Ok(main.map(Commit::from)) });
                }
                Action::RunGate { token, gate, commit } => {
                    told.push(format!("run {} at {commit}", gate.name));
                    let result = ran(&gate, &commit, ends(&gate.name, commit.as_str()));
                    events.push(Event::GateEnded { token, result: Ok(Box::new(result)) });
                }
                Action::PublishEvidence { envelope, .. } => told.push(words(&envelope.input)),
                Action::ReleaseGates { .. } => told.push("over".to_owned()),
                _ => {}
            }
        }
    }
    assert!(!Machine::verifies(&machine, 7));
    told
}

fn words(input: &Input) -> String {
    let said = |e: &Evidence| format!("{} {:?}", e.key.commit, e.exit_code.unwrap_or(-1));
    match input {
        Input::Evidence { evidence, before, .. } => {
            let before: String = before.iter().map(|e| format!(", {}", said(e))).collect();
            format!("tell {}: {}{before}", evidence.name, said(evidence))
        }
        Input::VerificationFailed { why, .. } => format!("tell: {why}"),
        other => panic!("{other:?}"),
    }
}

fn green_but(red: &'static [(&'static str, &'static str, i32)]) -> impl Fn(&str, &str) -> Option<i32> {
    move |gate, commit| Some(red.iter().find(|(g, c, _)| (*g, *c) == (gate, commit)).map_or(0, |(.., code)| *code))
}

#[test]
fn nothing_but_the_head_is_run_when_all_is_green() {
    let told = play(job(&[], &[]), Some("main"), green_but(&[]));
    assert_eq!(told, ["run test at head", "tell test: head 0", "over"]);
}

#[test]
fn a_red_gate_is_run_without_the_work_and_on_a_main_that_moved() {
    let at_base = play(job(&[], &[]), Some("main"), green_but(&[("test", "head", 1)]));
    assert_eq!(at_base, ["run test at head", "run test at base", "tell test: head 1, base 0", "over"]);
    let red = || green_but(&[("test", "head", 1), ("test", "base", 1)]);
    let on_main = play(job(&[], &[]), Some("main"), red());
    let expected =
        ["run test at head", "run test at base", "run test at main", "tell test: head 1, base 1, main 0", "over"];
    assert_eq!(on_main, expected);
    let unmoved = play(job(&[], &[]), Some("base"), red());
    assert_eq!(unmoved, ["run test at head", "run test at base", "tell test: head 1, base 1", "over"]);
}

#[test]
fn what_is_known_of_the_base_is_not_run_there_unless_a_program_is_missing() {
    let told = play(job(&[], &[GATE]), None, green_but(&[("test", "head", 1)]));
    assert_eq!(told, ["run test at head", "tell test: head 1", "over"]);
    let missing = play(job(&[], &[GATE]), None, green_but(&[("test", "head", 127), ("test", "base", 127)]));
    assert_eq!(missing, ["run test at head", "run test at base", "tell test: head 127, base 127", "over"]);
    let policy = VerifyJob { blames_base: false, ..job(&[], &[]) };
    let told = play(policy, None, green_but(&[("test", "head", 1)]));
    assert_eq!(told, ["run test at head", "tell test: head 1", "over"], "the work has to make it green");
}

#[test]
fn checks_that_are_green_run_without_the_work_at_the_end() {
    let check = |command: &str, expects| Check { command: command.into(), expects };
    let checks = [check("shows", Expects::RedThenGreen), check("stays", Expects::StaysGreen)];
    let told = play(job(&checks, &[]), None, green_but(&[("shows", "base", 1)]));
    let expected = [
        "run test at head",
        "tell test: head 0",
        "run shows at head",
        "run stays at head",
        "tell stays: head 0",
        "run shows at base",
        "tell shows: head 0, base 1",
        "over",
    ];
    assert_eq!(told, expected);
    let red = play(job(&checks, &[]), None, green_but(&[("shows", "head", 1)]));
    assert_eq!(red, ["run test at head", "tell test: head 0", "run shows at head", "tell shows: head 1", "over"]);
}

#[test]
fn a_run_without_the_work_that_is_killed_says_nothing() {
    let ends = |_: &str, commit: &str| (commit == "head").then_some(1);
    let told = play(job(&[], &[]), None, ends);
    let runs = ["run test at head", "run test at base", "run test at base", "run test at base"];
    assert_eq!(told[..4], runs);
    assert_eq!(told[4..], ["tell: `test` was killed where it ran without the work", "over"]);
}
