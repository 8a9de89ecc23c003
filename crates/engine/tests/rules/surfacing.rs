//! When assumptions are summed up for a person, and what waits for the answer.

use crate::support::{NOW, add, after, answer, at_work, board, check, claim, ended, evidence, given, policy, tick};
use expect_test::expect;
use ganger_engine::{
    Envelope, Event, Impact, Input, Kind, Ledger, NewAssumption, Policy, Reason, State, Surfacing, SurfacingPolicy,
    SurfacingReason, TicketId, TicketSpec, why,
};

fn assume(attempt: &str, token: u64, assumed: &str) -> Input {
    let assumption =
        NewAssumption { assumed: assumed.into(), confidence: 0.8, topic: None, value: None, impact: Impact::Low };
    Input::Assume { attempt: attempt.into(), token, assumption }
}

fn surfacing(mode: Surfacing, completions: u32, decisions: u32) -> Input {
    let surfacing = SurfacingPolicy { mode, completions, decisions };
    Input::SetPolicy { policy: Policy { surfacing, ..policy() } }
}

fn ask(n: u32) -> Input {
    Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: format!("c-{n}"),
        question: format!("Which, {n}?"),
        brief: String::new(),
        options: vec![],
    }
}

/// The n-th ticket is worked on, assumes something, and is accepted.
fn completed(n: u64, assumed: Option<&str>) -> Vec<Input> {
    let (ticket, attempt, token) = (format!("T-{n}"), format!("T-{n}-a1"), 2 * n - 1);
    let mut inputs = if n == 1 { vec![] } else { vec![add("next", |_| {})] };
    inputs.extend([tick(), claim(&attempt, token)]);
    inputs.extend(assumed.map(|assumed| assume(&attempt, token, assumed)));
    let head = format!("head-{n}");
    let commit = head.clone();
    inputs.push(ended(&attempt, token, |end| end.head = Some(commit.as_str().into())));
    inputs.extend([tick(), evidence(&ticket, token + 1, &head, 0)]);
    inputs
}

fn tick_now(ledger: &mut Ledger) {
    let n = ledger.state().n;
    ledger.decide(NOW + 1_000, &Envelope::new(format!("tick-{n}"), "time", tick())).unwrap();
}

fn open(ledger: &Ledger) -> Vec<&SurfacingReason> {
    ledger.state().open_cards().filter_map(|card| card.surfacing()).collect()
}

#[test]
fn completions_sum_up_what_was_assumed_on_one_card() {
    let first = after(board(), [surfacing(Surfacing::Notify, 2, 3)]);
    let one = [first, completed(1, Some("JWT for sessions"))].concat();
    let mut ledger = given(&one);
    tick_now(&mut ledger);
    assert!(open(&ledger).is_empty(), "one completion of two");
    let two = [one, completed(2, Some("SQLite for storage"))].concat();
    check(
        &two,
        tick(),
        &expect![[r#"
            card-opened [C-1] I've tracked 2 assumptions across your workers:
            then retire/T-1/h
            then retire/T-2/h
        "#]],
    );
    let mut ledger = given(&after(two, [tick()]));
    let card = ledger.state().open_cards().next().unwrap();
    expect![[r#"
        A-1  JWT for sessions (builder on T-1, confidence: 0.8)
        A-2  SQLite for storage (builder on T-2, confidence: 0.8)
        Should I continue with these assumptions?
        Your own words become a constraint for all agents. `ganger assumptions reject A-1 "…"` corrects one."#]]
    .assert_eq(&card.brief);
    tick_now(&mut ledger);
    assert_eq!(open(&ledger).len(), 1, "once");
}

#[test]
fn without_anything_to_sum_up_completions_make_no_card() {
    let mut inputs = after(board(), [surfacing(Surfacing::Notify, 1, 3)]);
    inputs.extend(completed(1, None));
    let mut ledger = given(&inputs);
    tick_now(&mut ledger);
    assert!(open(&ledger).is_empty());
    // What comes later is surfaced at once: it is due.
    inputs.extend([add("two", |_| {}), tick(), claim("T-2-a1", 3), assume("T-2-a1", 3, "JWT")]);
    let mut ledger = given(&inputs);
    tick_now(&mut ledger);
    assert_eq!(open(&ledger), [&SurfacingReason::Completions { completions: 1 }]);
}

#[test]
fn off_is_off() {
    let inputs = [after(board(), [surfacing(Surfacing::Off, 1, 0)]), completed(1, Some("JWT"))].concat();
    let mut ledger = given(&inputs);
    tick_now(&mut ledger);
    assert!(open(&ledger).is_empty());
}

/// Exactly as many as the limit are not many.
#[test]
fn more_than_three_open_questions_are_surfaced_until_they_are_fewer() {
    let three = after(at_work(), [assume("T-1-a1", 1, "JWT"), ask(1), ask(2), ask(3)]);
    let mut ledger = given(&after(three.clone(), [tick()]));
    tick_now(&mut ledger);
    assert!(open(&ledger).is_empty(), "exactly three do not trigger");
    let four = after(three, [ask(4), tick()]);
    let mut ledger = given(&four);
    assert_eq!(open(&ledger), [&SurfacingReason::Decisions { decisions: 4 }]);
    let card = ledger.state().open_cards().find(|card| card.surfacing().is_some()).unwrap();
    assert!(card.brief.contains("Open questions: C-1, C-2, C-3, C-4"), "{}", card.brief);
    tick_now(&mut ledger);
    assert_eq!(open(&ledger).len(), 1);
    // Answered, it does not come again while they stay open, and does when they are many once more.
    let still = after(four, [answer("C-5", "continue"), ask(5), tick()]);
    assert!(open(&given(&still)).is_empty());
    let again = after(still, [answer("C-1", "a"), answer("C-2", "b"), tick(), ask(6), ask(7), tick()]);
    assert_eq!(open(&given(&again)), [&SurfacingReason::Decisions { decisions: 5 }]);
}

#[test]
fn many_questions_without_an_assumption_are_surfaced_too() {
    let four = after(at_work(), [ask(1), ask(2), ask(3), ask(4)]);
    check(
        &four,
        tick(),
        &expect![[r#"
            card-opened [C-5] 4 questions are waiting for you. Should I continue meanwhile?
        "#]],
    );
}

#[test]
fn new_work_waits_for_the_answer_where_it_pauses() {
    let first = after(board(), [surfacing(Surfacing::Pause, 1, 3)]);
    let inputs = [first, completed(1, Some("JWT")), vec![tick(), add("two", |_| {})]].concat();
    let mut ledger = given(&inputs);
    tick_now(&mut ledger);
    assert!(ledger.state().attempts.is_empty());
    assert_eq!(why(ledger.state(), NOW, &"T-2".into()), [Reason::Surfacing { card: "C-1".into() }]);
    check(
        &after(inputs.clone(), [answer("C-1", "continue")]),
        tick(),
        &expect![[r#"
            attempt-offered agent=builder attempt=T-2-a1 host=h reserved=20000 ticket=T-2 token=3
            then offer/T-2-a1/3
            then retire/T-1/h
        "#]],
    );
    let mut notify = inputs;
    notify.push(surfacing(Surfacing::Notify, 1, 3));
    let mut ledger = given(&notify);
    tick_now(&mut ledger);
    assert_eq!(ledger.state().attempts.len(), 1, "without the pause it starts");
}

#[test]
fn words_on_the_summary_become_direction_and_are_told() {
    let inputs = [
        after(board(), [surfacing(Surfacing::Notify, 1, 3)]),
        completed(1, Some("JWT")),
        vec![tick(), add("two", |_| {}), tick(), claim("T-2-a1", 3)],
    ]
    .concat();
    check(
        &inputs,
        answer("C-1", "Sessions are on the server"),
        &expect![[r#"
            card-answered answer=Sessions are on the server by=p card=C-1
            direction-added at=1001000 by=p kind=constraint
            delivery-queued D-1 direction
            then deliver/T-2-a1/3/D-1
            then retire/T-1/h
        "#]],
    );
}

/// Where there are goals, other work goes on.
#[test]
fn only_what_is_below_a_goal_waits_where_there_are_goals() {
    let first = after(board(), [surfacing(Surfacing::Pause, 1, 3)]);
    let ledger = given(&[first, completed(1, Some("JWT")), vec![tick(), add("two", |_| {})]].concat());
    let mut state = ledger.into_state();
    let mut added = |id: &str, kind, parent: Option<&str>| {
        let spec = TicketSpec { title: "x".into(), kind, parent: parent.map(Into::into), ..TicketSpec::default() };
        state.apply(NOW, &Event::TicketAdded { ticket: id.into(), number: 9, spec }).unwrap();
    };
    added("G-1", Kind::Goal, None);
    added("T-8", Kind::Change, Some("G-1"));
    added("T-9", Kind::Change, Some("T-8"));
    let waits = |state: &State, id: &str| {
        why(state, NOW, &id.into()).iter().any(|reason| matches!(reason, Reason::Surfacing { .. }))
    };
    let waiting = ["T-2", "G-1", "T-8", "T-9"].map(|id| waits(&state, id));
    assert_eq!(waiting, [false, false, true, true]);
    let again = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
    assert_eq!(again, state, "assumptions and goals survive a snapshot");
    let closed = Event::TicketClosed { ticket: "G-1".into(), reason: String::new(), by: "p".into() };
    state.apply(NOW, &closed).unwrap();
    assert!(waits(&state, "T-2"), "without a goal everything waits");
}

/// The card is about the board: the ticket that it names may be closed.
#[test]
fn closing_the_ticket_of_a_summary_leaves_it() {
    let four = after(at_work(), [assume("T-1-a1", 1, "JWT"), ask(1), ask(2), ask(3), ask(4), tick()]);
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let ledger = given(&after(four, [close, answer("C-5", "continue")]));
    assert_eq!(ledger.state().open_cards().count(), 0);
    assert!(ledger.state().tickets.contains_key(&TicketId::from("T-1")));
}
