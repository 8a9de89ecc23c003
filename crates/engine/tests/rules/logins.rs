//! A runtime that is not logged in: one card for everybody, nothing starts on it, and no ticket is to blame. And what
//! the cards of a ticket say that cannot continue.

use crate::support::{
    NOW, add, after, answer, at_work, board, check, claim, ended, evidence, given, host, policy, tick,
};
use expect_test::expect;
use ganger_engine::{AgentPolicy, AttemptOutcome, Card, FailureClass, Input, Policy, Reason, obstacle_of_agent};

fn failed(class: FailureClass) -> AttemptOutcome {
    AttemptOutcome::failed(class, "HTTP 401: bad key")
}

fn refused(attempt: &str, token: u64) -> Input {
    ended(attempt, token, |e| e.outcome = failed(FailureClass::Auth))
}

/// Agents of one runtime, whose login is `r login`, and one of another.
fn with_login(fallback: Option<&str>) -> Input {
    let mut policy = policy();
    let builder = policy.agents.get_mut("builder").unwrap();
    builder.login = "`r login`".into();
    builder.fallback = fallback.map(str::to_owned);
    let other = AgentPolicy { runtime: "s".into(), fallback: None, login: String::new(), ..builder.clone() };
    policy.agents.insert("other".into(), other);
    Input::SetPolicy { policy }
}

fn two_runtimes() -> Input {
    let mut report = host("i-1");
    if let Input::HostReport { report, .. } = &mut report {
        report.runtimes.insert("s".into());
    }
    report
}

fn card(inputs: &[Input]) -> Card {
    given(inputs).state().cards.values().last().unwrap().clone()
}

fn shown(inputs: &[Input]) -> String {
    let card = card(inputs);
    format!("{}\n{}\n[{}]\n", card.question, card.brief, card.choices().join(" | "))
}

#[test]
fn a_refused_login_is_one_card_and_counts_for_no_ticket() {
    check(
        &at_work(),
        refused("T-1-a1", 1),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=nothing head=head next=open not_before=0 failed
            card-opened [C-1] r is not logged in. Have you logged in?
        "#]],
    );
    let both = after(board(), [add("two", |_| {}), tick(), tick(), claim("T-1-a1", 1), claim("T-2-a1", 2)]);
    let both = after(both, [refused("T-1-a1", 1)]);
    check(
        &both,
        refused("T-2-a1", 2),
        &expect![[r#"
        attempt-ended attempt=T-2-a1 base=base counts=nothing head=head next=open not_before=0 failed
    "#]],
    );
    let both = after(both, [refused("T-2-a1", 2)]);
    check(&both, tick(), &expect![[""]]);
    let state = given(&both);
    assert!(state.state().tickets.values().all(|t| t.failures == 0 && t.rejections == 0 && t.transients == 0));
}

#[test]
fn the_card_names_what_was_said_and_the_command_that_logs_in() {
    expect![[r#"
        r is not logged in. Have you logged in?
        It said: HTTP 401: bad key
        Log in: `r login`
        No attempt of T-1 is counted, and Ganger starts no agent on r until you answer.
        `retry`: you have logged in; the same sessions resume.
        [retry]
    "#]]
    .assert_eq(&shown(&after(board(), [with_login(None), tick(), claim("T-1-a1", 1), refused("T-1-a1", 1)])));
}

#[test]
fn the_answer_lets_agents_start_on_it_again() {
    let out = after(at_work(), [refused("T-1-a1", 1)]);
    check(
        &out,
        answer("C-1", "retry"),
        &expect![[r#"
        card-answered answer=retry by=p card=C-1
    "#]],
    );
    check(
        &after(out, [answer("C-1", "retry")]),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=2
        then offer/T-1-a2/2
    "#]],
    );
}

#[test]
fn other_runtimes_go_on_and_a_fallback_takes_over() {
    let start = [with_login(Some("other")), two_runtimes(), tick(), claim("T-1-a1", 1), refused("T-1-a1", 1)];
    check(
        &after(board(), start),
        tick(),
        &expect![[r#"
        attempt-offered agent=other attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=2
        then offer/T-1-a2/2
    "#]],
    );
    let start = [with_login(None), two_runtimes(), tick(), claim("T-1-a1", 1), refused("T-1-a1", 1)];
    let other = add("two", |spec| spec.agent = Some("other".into()));
    check(
        &after(after(board(), start), [other]),
        tick(),
        &expect![[r#"
        attempt-offered agent=other attempt=T-2-a1 host=h reserved=20000 ticket=T-2 token=2
        then offer/T-2-a1/2
    "#]],
    );
}

#[test]
fn closing_or_editing_the_ticket_that_met_it_does_not_answer_it() {
    let out = after(at_work(), [refused("T-1-a1", 1)]);
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let closed = after(out, [close, add("two", |_| {})]);
    check(
        &closed,
        tick(),
        &expect![[r#"
            then retire/T-1/h
        "#]],
    );
    check(
        &closed,
        answer("C-1", "retry"),
        &expect![[r#"
            card-answered answer=retry by=p card=C-1
            then retire/T-1/h
        "#]],
    );
}

/// What a person reads when a ticket cannot continue, for each kind of reason.
#[test]
fn cards_speak_to_the_person_and_offer_what_can_help() {
    let impatient = || Input::SetPolicy { policy: Policy { max_rejections: 1, max_attempts: 1, ..policy() } };
    let start = || after(board(), [impatient(), tick(), claim("T-1-a1", 1)]);
    let red = after(start(), [ended("T-1-a1", 1, |_| {}), tick(), evidence("T-1", 2, "head", 1)]);
    let unchanged = after(start(), [ended("T-1-a1", 1, |e| e.head = e.base.clone())]);
    let unfit = after(start(), [ended("T-1-a1", 1, |e| e.unfit = vec!["a merge is not finished".into()])]);
    let out = |class| after(start(), [ended("T-1-a1", 1, |e| e.outcome = failed(class))]);
    let items = Input::SetPolicy { policy: Policy { max_rejections: 1, ..policy() } };
    let open = after(
        vec![
            Input::Elect { foreman: "f".into() },
            items,
            host("i-1"),
            add("one", |s| s.done = vec!["it works".into()]),
        ],
        [tick(), claim("T-1-a1", 1), ended("T-1-a1", 1, |_| {})],
    );
    let all = [red, unchanged, unfit, open, out(FailureClass::Crashed), out(FailureClass::Stalled)];
    let cards: Vec<String> = all.iter().map(|inputs| shown(inputs)).collect();
    expect![[r#"
        T-1 was rejected: gate `test` failed with exit code 1. Keep trying?
        It ran on commit head in a clean workspace, on host h.
        Command: make test
        The end of its output:
        tail
        `retry`: its agent resumes the same session with this, and the counters are reset.
        `retry-gates`: Ganger runs the gates on the same commit again, without the agent.
        `cancel`: close T-1; its branch is kept.
        [retry | retry-gates | cancel]

        T-1 was rejected: nothing was changed. Keep trying?
        Its agent says that it is done, but the branch of T-1 has no change.
        `retry`: its agent resumes the same session with this, and the counters are reset.
        `cancel`: close T-1; its branch is kept.
        [retry | cancel]

        T-1 was rejected: a merge is not finished. Keep trying?
        Its agent ended its turn, but what it left cannot be judged:
        - a merge is not finished
        `retry`: its agent resumes the same session with this, and the counters are reset.
        `cancel`: close T-1; its branch is kept.
        [retry | cancel]

        T-1 was rejected: 1 of 1 "done" items was not addressed. Keep trying?
        Its agent did not say how it met these "done" items:
        - it works
        `retry`: its agent resumes the same session with this, and the counters are reset.
        `cancel`: close T-1; its branch is kept.
        [retry | cancel]

        T-1 failed once. Try again?
        HTTP 401: bad key
        `retry`: its agent resumes the same session, and the counters are reset.
        `cancel`: close T-1; its branch is kept.
        [retry | cancel]

        T-1 stalled once. Try again?
        HTTP 401: bad key
        `retry`: its agent resumes the same session, and the counters are reset.
        `cancel`: close T-1; its branch is kept.
        [retry | cancel]
    "#]]
    .assert_eq(&cards.join("\n"));
    assert!(!cards.concat().contains("You ended") && !cards.concat().contains("Your work"), "it is not for the agent");
}

#[test]
fn gates_alone_cannot_settle_what_the_agent_has_to_do() {
    let impatient = Input::SetPolicy { policy: Policy { max_rejections: 1, ..policy() } };
    let start = after(board(), [impatient, tick(), claim("T-1-a1", 1)]);
    let unchanged = after(start, [ended("T-1-a1", 1, |e| e.head = e.base.clone())]);
    check(
        &unchanged,
        answer("C-1", "retry-gates"),
        &expect![[r#"
        refused (not-an-option): `retry-gates` is not an answer to C-1
    "#]],
    );
}

#[test]
fn many_weakened_tests_are_one_card_that_sums_up() {
    let signs: Vec<String> = (1..=46).map(|n| format!("deleted test file: t{n}.py")).collect();
    let many = after(at_work(), [ended("T-1-a1", 1, |e| e.tampering = signs.clone())]);
    assert_eq!(given(&many).state().open_cards().count(), 1);
    let card = card(&many);
    assert_eq!(card.signs().len(), 46);
    assert!(card.brief.starts_with("46 findings, the first 5:") && card.brief.contains("41 more"), "{}", card.brief);
    assert!(card.brief.lines().count() < 10, "{}", card.brief);
    let told = given(&after(many, [answer("C-1", "reject")]));
    assert!(told.state().deliveries.values().any(|d| d.text.contains("t46.py")), "the agent is told all of it");
}

/// Journals from before the field offered the gates on every such card.
#[test]
fn an_older_card_still_takes_what_it_offered() {
    let stored = r#"{"kind":"escalation","why":{"reason":"rejected","times":3}}"#;
    let kind: ganger_engine::CardKind = serde_json::from_str(stored).unwrap();
    assert!(kind.options().contains(&ganger_engine::CardOption::RetryGates));
}

#[test]
fn what_a_login_holds_up_is_known_of_each_agent_and_counted_on_the_card() {
    let start = [with_login(None), two_runtimes(), tick(), claim("T-1-a1", 1), refused("T-1-a1", 1)];
    let on_other = |spec: &mut ganger_engine::TicketSpec| spec.agent = Some("other".into());
    let rest = [add("two", |_| {}), add("three", on_other), add("four", |spec| spec.after = vec!["T-3".into()])];
    let ledger = given(&after(after(board(), start), rest));
    let (state, obstacle) = (ledger.state(), |agent| obstacle_of_agent(ledger.state(), NOW, agent, true));
    assert!(matches!(obstacle("builder"), Some(Reason::LoggedOut { .. })), "{:?}", obstacle("builder"));
    assert_eq!(obstacle("other"), None);
    assert!(matches!(obstacle("nobody"), Some(Reason::NoAgent { .. })));
    let card = state.open_cards().next().unwrap();
    let held: Vec<&str> = state.held_by(NOW, card).into_iter().map(|id| id.as_str()).collect();
    assert_eq!(held, ["T-1", "T-2", "T-4"]);
}
