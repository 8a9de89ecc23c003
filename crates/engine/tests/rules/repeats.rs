//! Repeated inputs: one effect, one outcome, and no grant for what was given up.

use crate::support::{NOW, add, after, at_work, board, claim, given, host, tick};
use ganger_engine::{DecisionId, Envelope, Input, Ledger, Outcome, Refusal, RejectCode};

fn decide(ledger: &mut Ledger, key: &str, input: Input) -> Result<Outcome, Refusal> {
    let outcome = ledger.decide(NOW + 500, &Envelope::new(key, "test", input));
    ledger.committed();
    outcome
}

fn code(result: Result<Outcome, Refusal>) -> RejectCode {
    match result {
        Err(Refusal::Rejected(rejected)) => rejected.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_repeated_key_gets_the_first_outcome_and_changes_nothing() {
    let mut ledger = given(&board());
    let first = decide(&mut ledger, "key", add("two", |_| {})).unwrap();
    assert_eq!(first, Outcome::Tickets { ids: vec!["T-2".into()] });
    let n = ledger.state().n;
    assert_eq!(decide(&mut ledger, "key", add("two", |_| {})).unwrap(), first);
    assert_eq!((ledger.state().n, ledger.state().tickets.len()), (n, 2));
}

#[test]
fn the_first_outcome_survives_a_snapshot() {
    let mut ledger = given(&board());
    let first = decide(&mut ledger, "key", add("two", |_| {})).unwrap();
    let snapshot = ledger.state().to_snapshot().unwrap();
    let mut loaded = Ledger::new(ganger_engine::State::from_snapshot(&snapshot).unwrap());
    assert_eq!(decide(&mut loaded, "key", add("two", |_| {})).unwrap(), first);
}

#[test]
fn an_input_without_a_key_is_decided_each_time() {
    let mut ledger = given(&board());
    for expected in 2..4 {
        let envelope = Envelope::new(DecisionId::unkeyed("same"), "test", add("more", |_| {}));
        ledger.decide(NOW, &envelope).unwrap();
        assert_eq!(ledger.state().tickets.len(), expected);
    }
}

#[test]
fn only_so_many_keys_are_remembered() {
    let mut ledger = given(&board());
    let note = |text: String| Input::NoteTicket { ticket: "T-1".into(), text, by: "p".into() };
    for i in 0..=10_000 {
        decide(&mut ledger, &format!("key-{i}"), note(String::new())).unwrap();
    }
    assert!(ledger.state().outcome_of("key-0").is_none());
    assert!(ledger.state().outcome_of("key-1").is_some());
}

#[test]
fn a_repeated_claim_is_granted_again_only_while_it_holds() {
    let mut ledger = given(&after(board(), [tick()]));
    let granted = Outcome::Granted { attempt: "T-1-a1".into() };
    assert_eq!(decide(&mut ledger, "claim", claim("T-1-a1", 1)).unwrap(), granted);
    assert_eq!(decide(&mut ledger, "claim", claim("T-1-a1", 1)).unwrap(), granted, "its answer was lost");
    assert_eq!(code(decide(&mut ledger, "claim", claim("T-1-a1", 7))), RejectCode::Stale, "another token");
    assert_eq!(code(decide(&mut ledger, "other", claim("T-1-a1", 1))), RejectCode::AlreadyGranted);
    let closed = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    decide(&mut ledger, "close", closed).unwrap();
    assert_eq!(code(decide(&mut ledger, "claim", claim("T-1-a1", 1))), RejectCode::Cancelled);
    decide(&mut ledger, "restart", host("i-2")).unwrap();
    assert_eq!(code(decide(&mut ledger, "claim", claim("T-1-a1", 1))), RejectCode::Stale, "its host restarted");
}

#[test]
fn a_question_that_is_asked_again_finds_its_card() {
    let ask = |call: &str, question: &str| Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: call.into(),
        question: question.into(),
        brief: String::new(),
        options: Vec::new(),
    };
    let mut ledger = given(&at_work());
    let first = decide(&mut ledger, "a", ask("1", "Which?")).unwrap();
    assert_eq!(decide(&mut ledger, "b", ask("1", "Which?")).unwrap(), first, "the same call");
    assert_eq!(decide(&mut ledger, "c", ask("2", "Which?")).unwrap(), first, "the same words");
    assert_ne!(decide(&mut ledger, "d", ask("3", "When?")).unwrap(), first, "another question");
}
