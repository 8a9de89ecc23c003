//! One helper for all: inputs given, one input when, and the facts and effects that follow as text.

use expect_test::Expect;
use ganger_engine::{
    AgentPolicy, Answer, AttemptEnd, AttemptOutcome, CardAnswer, CardOption, Commit, DoneAnswer, Envelope, Evidence,
    EvidenceKey, GatePolicy, HostId, HostReport, Input, Ledger, NewTicket, Policy, RedBase, Refusal, Report, State,
    TicketId, TicketSpec, Usage, plan,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub(crate) const NOW: u64 = 1_000_000;

/// A ledger that was told these inputs; none of them may be refused.
pub(crate) fn given(inputs: &[Input]) -> Ledger {
    let mut ledger = Ledger::new(State::default());
    for (i, input) in inputs.iter().enumerate() {
        let envelope = Envelope::new(format!("given-{i}"), "given", input.clone());
        ledger.decide(NOW + i as u64, &envelope).unwrap_or_else(|e| panic!("given {input:?}: {e}"));
    }
    ledger.committed();
    ledger
}

/// Given, when, then.
#[track_caller]
pub(crate) fn check(inputs: &[Input], when: Input, then: &Expect) {
    let mut ledger = given(inputs);
    let mut shown = String::new();
    match ledger.decide(NOW + 1_000, &Envelope::new("when", "when", when)) {
        Ok(_) => {
            for record in ledger.committed() {
                for event in &record.events {
                    let fact = serde_json::to_value(event).unwrap();
                    writeln!(shown, "{}", short(&fact)).unwrap();
                }
            }
        }
        Err(Refusal::Rejected(rejected)) => writeln!(shown, "refused ({}): {rejected}", rejected.code).unwrap(),
        Err(refusal) => panic!("{refusal}"),
    }
    for effect in plan(ledger.state(), NOW + 1_000).effects {
        writeln!(shown, "then {}", effect.key()).unwrap();
    }
    then.assert_eq(&shown);
}

/// A fact as one short line: its name, and what is plain in it.
fn short(fact: &serde_json::Value) -> String {
    let name = fact["event"].as_str().unwrap();
    let mut words = vec![name.to_owned()];
    // In one order, whatever else is built with this crate.
    let fields: BTreeMap<_, _> = fact.as_object().unwrap().iter().collect();
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("event" | "text" | "number" | "revision" | "incarnation", _) => {}
            (_, serde_json::Value::String(text)) => words.push(format!("{key}={text}")),
            (_, serde_json::Value::Number(number)) => words.push(format!("{key}={number}")),
            ("card", card) => {
                words.push(format!("[{}] {}", card["id"].as_str().unwrap(), card["question"].as_str().unwrap()));
            }
            ("delivery", d) => words.push(format!("{} {}", d["id"].as_str().unwrap(), d["kind"].as_str().unwrap())),
            ("answer", answer) => {
                let inner = answer.get("option").or(answer.get("text")).or(answer.get("deny"));
                words.extend(inner.and_then(|i| i.as_str()).map(|word| format!("answer={word}")));
            }
            ("outcome", outcome) => words.push(outcome["kind"].as_str().unwrap().to_owned()),
            ("evidence", e) => words.push(format!("{} exit={}", e["name"].as_str().unwrap(), e["exit_code"])),
            _ => {}
        }
    }
    words.join(" ")
}

pub(crate) fn policy() -> Policy {
    let agent = AgentPolicy {
        runtime: "r".into(),
        model: String::new(),
        sessions: true,
        fallback: None,
        login: String::new(),
        may_add_tickets: false,
    };
    Policy {
        gates: vec![GatePolicy { name: "test".into(), digest: "d".into(), known_red: false }],
        // Tests of what a red base means set it.
        red_base: RedBase::Work,
        agents: BTreeMap::from([("builder".to_owned(), agent)]),
        default_agent: "builder".into(),
        max_parallel: 2,
        ..Policy::default()
    }
}

pub(crate) fn add(title: &str, change: impl FnOnce(&mut TicketSpec)) -> Input {
    let mut spec = TicketSpec { title: title.into(), ..TicketSpec::default() };
    change(&mut spec);
    Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] }
}

/// What host `h` offers in its first incarnation.
pub(crate) fn host_report() -> HostReport {
    HostReport {
        incarnation: "i-1".into(),
        lease: 0,
        slots: 2,
        runtimes: BTreeSet::from(["r".to_owned()]),
        labels: BTreeSet::new(),
        toolchain: "tc".into(),
    }
}

pub(crate) fn host(incarnation: &str) -> Input {
    let report = HostReport { incarnation: incarnation.into(), ..host_report() };
    Input::HostReport { host: HostId::from("h"), report }
}

pub(crate) fn tick() -> Input {
    Input::Tick { dispatch: true, scope: None, max_parallel: None }
}

/// A board with a leader, a host and one ticket.
pub(crate) fn board() -> Vec<Input> {
    vec![Input::Elect { foreman: "f".into() }, Input::SetPolicy { policy: policy() }, host("i-1"), add("one", |_| {})]
}

/// The board after more inputs.
pub(crate) fn after(mut inputs: Vec<Input>, more: impl IntoIterator<Item = Input>) -> Vec<Input> {
    inputs.extend(more);
    inputs
}

pub(crate) fn claim(attempt: &str, token: u64) -> Input {
    Input::Claim { attempt: attempt.into(), token, host: HostId::from("h"), incarnation: "i-1".into() }
}

/// The first attempt of T-1 is at work.
pub(crate) fn at_work() -> Vec<Input> {
    after(board(), [tick(), claim("T-1-a1", 1)])
}

pub(crate) fn ended(attempt: &str, token: u64, change: impl FnOnce(&mut AttemptEnd)) -> Input {
    let mut end = AttemptEnd {
        outcome: AttemptOutcome::Finished,
        head: Some(Commit::from("head")),
        base: Some(Commit::from("base")),
        files: vec!["a".into()],
        lines: None,
        tampering: Vec::new(),
        hazards: Vec::new(),
        unfit: Vec::new(),
        usage: Usage::default(),
        report: None,
    };
    change(&mut end);
    Input::AttemptEnded { attempt: attempt.into(), token, end: Box::new(end) }
}

pub(crate) fn report(items: &[&str]) -> Report {
    let done = items.iter().map(|i| DoneAnswer { item: (*i).to_owned(), how: "so".into() }).collect();
    Report { summary: "s".into(), done, ..Report::default() }
}

/// A person's answer: an option by its word, a denial with its reason, or text.
pub(crate) fn answer(card: &str, typed: &str) -> Input {
    use CardOption::{
        Accept, Agent, Cancel, Continue, No, Ok, Once, Project, Reject, Resume, Retry, RetryGates, Ticket, Yes,
    };
    let options =
        [Once, Ticket, Agent, Project, Accept, Reject, Retry, RetryGates, Resume, Continue, Cancel, Ok, Yes, No];
    let option = options.into_iter().find(|o| o.as_str() == typed).map(CardAnswer::Option);
    let denied = typed.strip_prefix("deny").map(|reason| CardAnswer::Deny(reason.trim().to_owned()));
    let answer = option.or(denied).unwrap_or(CardAnswer::Text(typed.to_owned()));
    Input::Answer(Answer { card: card.into(), answer, by: "p".into() })
}

pub(crate) fn evidence(ticket: &str, token: u64, commit: &str, exit_code: i32) -> Input {
    evidence_of_tests(ticket, token, commit, exit_code, None)
}

/// Evidence whose output tells how many tests ran.
pub(crate) fn evidence_of_tests(ticket: &str, token: u64, commit: &str, exit_code: i32, tests: Option<u64>) -> Input {
    let evidence = ran(ticket, ("test", "d"), commit, exit_code);
    Input::Evidence { token, evidence: Box::new(Evidence { tests, ..evidence }), before: Vec::new() }
}

/// A gate, by its name and digest, ran on a commit.
pub(crate) fn ran(ticket: &str, (name, digest): (&str, &str), commit: &str, exit_code: i32) -> Evidence {
    Evidence {
        key: EvidenceKey { commit: Commit::from(commit), gate: digest.into(), toolchain: "tc".into() },
        ticket: TicketId::from(ticket),
        revision: 1,
        name: name.into(),
        command: "make test".into(),
        exit_code: Some(exit_code),
        timed_out: false,
        duration_ms: 5,
        tests: None,
        log: "log".into(),
        tail: "tail".into(),
        host: HostId::from("h"),
        at: NOW,
    }
}

/// T-1 is accepted at `head`.
pub(crate) fn accepted() -> Vec<Input> {
    after(at_work(), [ended("T-1-a1", 1, |_| {}), tick(), evidence("T-1", 2, "head", 0)])
}
