//! The lifecycle of a ticket, rule by rule.

use crate::support::{
    add, after, answer, at_work, board, check, claim, ended, evidence, given, host, policy, report, tick,
};
use expect_test::expect;
use ganger_engine::{
    AttemptOutcome, Budget, FailureClass, HostId, Input, Policy, State, TicketChange, TicketId, Usage,
};

fn failed(class: FailureClass) -> AttemptOutcome {
    AttemptOutcome::failed(class, "why")
}

#[test]
fn a_ready_ticket_is_offered_to_a_host_with_a_credit() {
    check(
        &board(),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-1-a1 host=h reserved=20000 ticket=T-1 token=1
        then offer/T-1-a1/1
    "#]],
    );
}

#[test]
fn nothing_is_offered_without_a_host_that_has_the_runtime() {
    let inputs = vec![Input::Elect { foreman: "f".into() }, Input::SetPolicy { policy: policy() }, add("one", |_| {})];
    check(&inputs, tick(), &expect![[""]]);
}

#[test]
fn urgent_tickets_go_first() {
    let inputs = after(board(), [add("urgent", |s| s.priority = ganger_engine::Priority::Critical)]);
    check(
        &inputs,
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-2-a1 host=h reserved=20000 ticket=T-2 token=1
        then offer/T-2-a1/1
    "#]],
    );
}

#[test]
fn a_ticket_waits_for_what_it_depends_on() {
    let inputs = after(at_work(), [add("two", |s| s.after = vec![TicketId::from("T-1")])]);
    check(&inputs, tick(), &expect![[""]]);
}

#[test]
fn a_ticket_waits_for_a_live_one_with_the_same_files() {
    let inputs = after(
        board(),
        [
            add("two", |s| s.files = vec!["src/".into()]),
            add("three", |s| s.files = vec!["src/a.rs".into()]),
            Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "-".into(), by: "p".into() },
            tick(),
        ],
    );
    check(
        &inputs,
        tick(),
        &expect![[r#"
        then offer/T-2-a1/1
    "#]],
    );
}

#[test]
fn a_budget_that_is_too_small_holds_back_the_next_dispatch() {
    let budget = Budget { day: Some(30_000), ..Budget::default() };
    let inputs = after(at_work(), [add("two", |_| {}), Input::SetPolicy { policy: Policy { budget, ..policy() } }]);
    check(&inputs, tick(), &expect![[""]]);
}

#[test]
fn a_claim_is_granted_once() {
    check(
        &after(board(), [tick()]),
        claim("T-1-a1", 1),
        &expect![[r#"
        attempt-granted attempt=T-1-a1
    "#]],
    );
    check(
        &at_work(),
        claim("T-1-a1", 1),
        &expect![[r#"
            refused (already-granted): attempt T-1-a1 was already granted
        "#]],
    );
}

#[test]
fn an_old_token_changes_nothing() {
    check(
        &at_work(),
        ended("T-1-a1", 7, |_| {}),
        &expect![[r#"
        refused (stale): attempt T-1-a1 with token 7 is no longer live
    "#]],
    );
}

#[test]
fn a_claim_is_verified_before_it_is_believed() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |_| {}),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=verifying not_before=0 finished
        "#]],
    );
    check(
        &after(at_work(), [ended("T-1-a1", 1, |_| {})]),
        tick(),
        &expect![[r#"
        verification-started host=h ticket=T-1 token=2
        then verify/T-1/2
    "#]],
    );
}

#[test]
fn a_claim_without_a_change_goes_back() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.head = e.base.clone()),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=base next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=nothing was changed
            delivery-queued D-1 rejection
        "#]],
    );
}

#[test]
fn unanswered_items_of_the_definition_of_done_go_back() {
    let inputs = after(
        board(),
        [
            Input::EditTicket {
                ticket: TicketId::from("T-1"),
                change: Box::new(TicketChange { done: Some(vec!["a".into(), "b".into()]), ..TicketChange::default() }),
            },
            tick(),
            claim("T-1-a1", 1),
        ],
    );
    check(
        &inputs,
        ended("T-1-a1", 1, |e| e.report = Some(report(&["1"]))),
        &expect![[r#"
            report-made attempt=T-1-a1
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=1 of 2 "done" items was not addressed
            delivery-queued D-1 rejection
        "#]],
    );
    check(
        &inputs,
        ended("T-1-a1", 1, |e| e.report = Some(report(&["1", "b"]))),
        &expect![[r#"
            report-made attempt=T-1-a1
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=verifying not_before=0 finished
        "#]],
    );
}

#[test]
fn green_gates_accept_and_red_ones_reject() {
    let verifying = after(at_work(), [ended("T-1-a1", 1, |_| {}), tick()]);
    check(
        &verifying,
        evidence("T-1", 2, "head", 0),
        &expect![[r#"
            evidence-recorded test exit=0
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
    check(
        &verifying,
        evidence("T-1", 2, "head", 1),
        &expect![[r#"
        evidence-recorded test exit=1
        ticket-rejected ticket=T-1 why=gate `test` failed with exit code 1
        delivery-queued D-1 rejection
    "#]],
    );
    check(
        &verifying,
        evidence("T-1", 9, "head", 0),
        &expect![[r#"
        refused (stale): verification 9 of T-1 is not the current one
        then verify/T-1/2
    "#]],
    );
}

#[test]
fn the_same_red_commit_is_not_verified_again() {
    let inputs = after(
        at_work(),
        [
            ended("T-1-a1", 1, |_| {}),
            tick(),
            evidence("T-1", 2, "head", 1),
            tick(),
            claim("T-1-a2", 3),
            ended("T-1-a2", 3, |_| {}),
        ],
    );
    check(
        &inputs,
        tick(),
        &expect![[r#"
        ticket-rejected ticket=T-1 why=gate `test` failed with exit code 1
        delivery-queued D-2 rejection
    "#]],
    );
}

#[test]
fn the_breaker_opens_a_card() {
    let inputs = after(
        board(),
        [Input::SetPolicy { policy: Policy { max_rejections: 1, ..policy() } }, tick(), claim("T-1-a1", 1)],
    );
    check(
        &inputs,
        ended("T-1-a1", 1, |e| e.head = e.base.clone()),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=base next=needs-you not_before=0 finished
            ticket-rejected ticket=T-1 why=nothing was changed
            delivery-queued D-1 rejection
            ticket-held ticket=T-1
            card-opened [C-1] T-1 was rejected: nothing was changed. Keep trying?
        "#]],
    );
}

#[test]
fn transient_failures_back_off_and_other_failures_count() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Transient)),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=transient head=head next=open not_before=1003000 failed
        "#]],
    );
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Crashed)),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=failure head=head next=open not_before=0 failed
        "#]],
    );
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Disconnected)),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=transient head=head next=open not_before=1003000 failed
        "#]],
    );
}

#[test]
fn a_question_suspends_and_its_answer_resumes() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which?".into(),
        brief: String::new(),
        options: Vec::new(),
    };
    let asked = after(at_work(), [ask.clone()]);
    check(&asked, ask, &expect![[""]]);
    check(
        &asked,
        ended("T-1-a1", 1, |e| e.head = None),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim next=suspended not_before=0 finished
        "#]],
    );
    let suspended = after(asked, [ended("T-1-a1", 1, |e| e.head = None)]);
    check(&suspended, tick(), &expect![[""]]);
    check(
        &suspended,
        answer("C-1", "left"),
        &expect![[r#"
        card-answered answer=left by=p card=C-1
        delivery-queued D-1 answer
        ticket-resumed ticket=T-1
    "#]],
    );
    check(
        &after(suspended, [answer("C-1", "left")]),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=2
        then offer/T-1-a2/2
    "#]],
    );
}

#[test]
fn a_silent_host_loses_its_attempts_and_they_are_offered_again_only_when_nothing_of_them_lives() {
    let lapsed = Input::HostLapsed { host: HostId::from("h"), incarnation: "i-1".into() };
    check(
        &at_work(),
        lapsed.clone(),
        &expect![[r#"
        host-lapsed host=h
        attempt-lost attempt=T-1-a1 clear_at=1016000 why=its host stopped responding
    "#]],
    );
    let lost = after(at_work(), [lapsed]);
    check(&lost, tick(), &expect![[""]]);
    check(
        &lost,
        host("i-2"),
        &expect![[r#"
        attempt-cleared attempt=T-1-a1
        host-reported host=h
    "#]],
    );
    check(
        &lost,
        host("i-1"),
        &expect![[r#"
        host-reported host=h
        then cancel/T-1-a1/1
    "#]],
    );
}

#[test]
fn what_depended_on_a_closed_ticket_asks_a_person() {
    let close = Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "no".into(), by: "p".into() };
    let inputs = after(board(), [add("two", |s| s.after = vec![TicketId::from("T-1")])]);
    check(
        &inputs,
        close.clone(),
        &expect![[r#"
        ticket-closed by=p reason=no ticket=T-1
        card-opened [C-1] T-2 depends on T-1, which was closed. Continue without it?
    "#]],
    );
    let orphaned = after(inputs, [close]);
    check(
        &orphaned,
        answer("C-1", "continue"),
        &expect![[r#"
        card-answered answer=continue by=p card=C-1
        ticket-edited ticket=T-2
    "#]],
    );
    check(
        &after(orphaned, [answer("C-1", "continue")]),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-2-a1 host=h reserved=20000 ticket=T-2 token=1
        then offer/T-2-a1/1
    "#]],
    );
}

/// A list that nobody is on any more is as good as none.
#[test]
fn a_snapshot_after_a_dependency_was_dropped_gives_the_same_state() {
    let waits = add("two", |spec| spec.after = vec!["T-1".into()]);
    let free = TicketChange { after: Some(Vec::new()), ..TicketChange::default() };
    let edited = Input::EditTicket { ticket: "T-2".into(), change: Box::new(free) };
    let board = given(&after(board(), [waits, edited]));
    assert_eq!(&State::from_snapshot(&board.state().to_snapshot().unwrap()).unwrap(), board.state());
}

/// Totals overtake each other on their way: an older one must not be counted twice by the next.
#[test]
fn a_total_of_tokens_that_comes_late_changes_nothing() {
    let total = |input| Usage { input, ..Usage::default() };
    let used = |input| Input::Usage { attempt: "T-1-a1".into(), token: 1, usage: total(input) };
    let told = after(at_work(), [used(150)]);
    check(&told, used(100), &expect![[""]]);
    let ledger = given(&after(told, [used(100), ended("T-1-a1", 1, |e| e.usage = total(160))]));
    assert_eq!(ledger.state().tickets[&"T-1".into()].usage.tokens(), 160);
}

/// Or a person would be asked twice when it is closed.
#[test]
fn a_dependency_that_is_named_twice_is_one() {
    let twice = || vec!["T-1".into(), "T-1".into()];
    let change = TicketChange { after: Some(twice()), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "T-3".into(), change: Box::new(change) };
    let ledger = given(&after(board(), [add("two", |s| s.after = twice()), add("three", |_| {}), edit]));
    for id in ["T-2", "T-3"] {
        assert_eq!(ledger.state().tickets[&id.into()].spec.after, ["T-1".into()], "{id}");
    }
}
