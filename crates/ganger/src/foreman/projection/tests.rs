//! The tables agree with the state: whom cards hold, and what is ready.

use super::read::Part;
use super::{Projection, Written};
use crate::os::now_ms;
use ganger_engine::{
    AgentPolicy, AttemptEnd, AttemptOutcome, Commit, Envelope, Evidence, EvidenceKey, FailureClass, GatePolicy, HostId,
    HostReport, Input, Ledger, NewCall, NewTicket, Policy, State, TicketId, TicketSpec,
};
use std::collections::{BTreeMap, BTreeSet};

fn agent(runtime: &str) -> AgentPolicy {
    let (model, login) = (String::new(), String::new());
    AgentPolicy { runtime: runtime.into(), model, sessions: true, fallback: None, login, may_add_tickets: false }
}

fn policy() -> Input {
    let agents = [("builder", "r"), ("scout", "r"), ("other", "s")];
    let policy = Policy {
        gates: vec![GatePolicy { name: "test".into(), digest: "d".into(), known_red: false }],
        agents: agents.map(|(name, runtime)| (name.to_owned(), agent(runtime))).into(),
        default_agent: "builder".into(),
        max_parallel: 4,
        ..Policy::default()
    };
    Input::SetPolicy { policy }
}

fn host() -> Input {
    let report = HostReport {
        incarnation: "i".into(),
        lease: 0,
        slots: 4,
        runtimes: ["r", "s"].map(str::to_owned).into(),
        labels: BTreeSet::new(),
        toolchain: "tc".into(),
    };
    Input::HostReport { host: HostId::from("h"), report }
}

fn add(change: impl FnOnce(&mut TicketSpec)) -> Input {
    let mut spec = TicketSpec { title: "t".into(), ..TicketSpec::default() };
    change(&mut spec);
    Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] }
}

fn on(agent: &str) -> Input {
    add(|spec| spec.agent = Some(agent.into()))
}

/// Of an agent that nothing holds.
fn after(id: &str) -> Input {
    add(|spec| (spec.after, spec.agent) = (vec![id.into()], Some("other".into())))
}

fn tick() -> Input {
    Input::Tick { dispatch: true, scope: None, max_parallel: None }
}

fn claim(attempt: &str, token: u64) -> Input {
    Input::Claim { attempt: attempt.into(), token, host: HostId::from("h"), incarnation: "i".into() }
}

fn ended(attempt: &str, token: u64, outcome: AttemptOutcome) -> Input {
    let end = AttemptEnd {
        outcome,
        head: Some(Commit::from("head")),
        base: Some(Commit::from("base")),
        files: vec!["a".into()],
        lines: None,
        tampering: Vec::new(),
        hazards: Vec::new(),
        unfit: Vec::new(),
        usage: ganger_engine::Usage::default(),
        report: None,
    };
    Input::AttemptEnded { attempt: attempt.into(), token, end: Box::new(end) }
}

fn red(commit: &str) -> Evidence {
    Evidence {
        key: EvidenceKey { commit: Commit::from(commit), gate: "d".into(), toolchain: "tc".into() },
        ticket: TicketId::from("T-1"),
        revision: 1,
        name: "test".into(),
        command: "make test".into(),
        exit_code: Some(1),
        timed_out: false,
        duration_ms: 5,
        tests: None,
        log: "log".into(),
        tail: "tail".into(),
        host: HostId::from("h"),
        at: 1,
    }
}

/// How many tickets the one open card holds, by the state and by tables that were written with each decision.
fn held(inputs: impl IntoIterator<Item = Input>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let tables = Projection::create(folder.path()).unwrap();
    let mut ledger = Ledger::new(State::default());
    let mut sequence = 0;
    for input in [Input::Elect { foreman: "f".into() }, policy(), host()].into_iter().chain(inputs) {
        sequence += 1;
        let cause = format!("input {sequence}");
        ledger.decide(now_ms(), &Envelope::new(cause.clone(), cause, input)).unwrap();
        ledger.committed();
        let changes = ledger.take_changes();
        let written = Written { state: ledger.state(), changes: &changes, history: &[], sequence, large: false };
        tables.write(&written).unwrap();
    }
    let state = ledger.state();
    let by_state: BTreeMap<_, _> =
        state.open_cards().map(|card| (card.id.clone(), state.held_by(now_ms(), card).len())).collect();
    let (part, _) = tables.part(sequence, Part::Summary).unwrap().unwrap();
    let totals = tables.totals(sequence, &part).unwrap().unwrap();
    assert_eq!(totals.held, by_state);
    assert_eq!(totals.ready, state.ready().count());
    assert_eq!(part.open_cards().count(), 1);
    totals.held.into_values().next().unwrap()
}

#[test]
fn a_login_holds_all_open_tickets_of_its_runtime_and_what_waits_for_them() {
    let refused = ended("T-1-a1", 1, AttemptOutcome::failed(FailureClass::Auth, "401"));
    let rest = [on("scout"), on("other"), after("T-2"), after("T-3")];
    assert_eq!(held([add(|_| {}), tick(), claim("T-1-a1", 1), refused.clone()].into_iter().chain(rest)), 3);
    let closed = Input::CloseTicket { ticket: "T-1".into(), reason: String::new(), by: "p".into() };
    assert_eq!(held([add(|_| {}), tick(), claim("T-1-a1", 1), refused, on("scout"), closed]), 1);
}

#[test]
fn a_red_main_holds_everything_that_lands() {
    let verified = Input::Evidence { token: 2, evidence: Box::new(red("head")), before: vec![red("base")] };
    let finished = ended("T-1-a1", 1, AttemptOutcome::Finished);
    assert_eq!(
        held([add(|_| {}), tick(), claim("T-1-a1", 1), finished, tick(), verified, on("other"), after("T-1")]),
        3
    );
}

#[test]
fn a_question_of_a_call_holds_its_callers_and_what_waits_for_them() {
    let call = NewCall { agent: "scout".into(), title: "t".into(), prompt: "p".into(), files: Vec::new() };
    let call = Input::Call { attempt: "T-1-a1".into(), token: 1, calls: vec![call], snapshot: None };
    let ask = Input::Ask {
        attempt: "T-1-c1-a1".into(),
        token: 2,
        call: "c".into(),
        question: "Which?".into(),
        brief: String::new(),
        options: Vec::new(),
    };
    let begun = [add(|_| {}), after("T-1"), tick(), claim("T-1-a1", 1), call];
    let waits = [ended("T-1-a1", 1, AttemptOutcome::Finished), tick(), claim("T-1-c1-a1", 2), ask];
    assert_eq!(held(begun.into_iter().chain(waits)), 3);
}
