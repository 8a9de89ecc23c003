//! Checks of a ticket: red without the work and green with it, or they prove nothing.

use crate::support::{add, after, answer, at_work, board, check, claim, ended, evidence, given, policy, ran, tick};
use expect_test::expect;
use ganger_engine::{Check, CheckResult, Expects, GatePolicy, Input, Policy, TicketChange, TicketId};

fn check_of(command: &str, expects: Expects) -> Check {
    Check { command: command.into(), expects }
}

fn shows() -> Check {
    check_of("shows it", Expects::RedThenGreen)
}

/// T-1 has these checks and claims to be done; its verification is under way.
fn verifying(policy: Policy, checks: &[Check]) -> Vec<Input> {
    let mut inputs = board();
    inputs[1] = Input::SetPolicy { policy };
    inputs[3] = add("one", |spec| spec.checks = checks.to_vec());
    after(inputs, [tick(), claim("T-1-a1", 1), ended("T-1-a1", 1, |_| {}), tick()])
}

/// The check ran on the head, and at the base with this exit code.
fn checked(of: &Check, head: i32, base: Option<i32>) -> Input {
    let at = |commit, code| ran("T-1", (&of.name(), &of.digest()), commit, code);
    let before = base.map(|code| at("base", code)).into_iter().collect();
    Input::Evidence { token: 2, evidence: Box::new(at("head", head)), before }
}

#[test]
fn a_check_that_was_red_and_is_green_proves_the_work() {
    let inputs = after(verifying(policy(), &[shows()]), [evidence("T-1", 2, "head", 0)]);
    check(
        &inputs,
        checked(&shows(), 0, Some(1)),
        &expect![[r#"
            evidence-recorded shows it exit=1
            evidence-recorded shows it exit=0
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn green_gates_alone_accept_no_ticket_with_a_check() {
    check(
        &verifying(policy(), &[shows()]),
        evidence("T-1", 2, "head", 0),
        &expect![[r#"
            evidence-recorded test exit=0
            then verify/T-1/2
        "#]],
    );
}

#[test]
fn a_check_that_is_red_at_the_head_goes_back_to_the_session() {
    let inputs = after(verifying(policy(), &[shows()]), [evidence("T-1", 2, "head", 0)]);
    check(
        &inputs,
        checked(&shows(), 1, None),
        &expect![[r#"
            evidence-recorded shows it exit=1
            ticket-rejected ticket=T-1 why=check `shows it` failed with exit code 1
            delivery-queued D-1 rejection
        "#]],
    );
}

/// Both gate and check are green at the head, and the check is at the base, too.
fn hollow() -> Vec<Input> {
    after(verifying(policy(), &[shows()]), [evidence("T-1", 2, "head", 0), checked(&shows(), 0, Some(0))])
}

#[test]
fn a_check_that_was_green_before_the_work_needs_a_persons_word() {
    check(&hollow(), tick(), &expect![""]);
    let ledger = given(&hollow());
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(card.question, "Check `shows it` of T-1 proves nothing: it was never red. Accept it anyway?");
    assert_eq!(card.choices(), ["accept", "<what to change>"]);
    let id = TicketId::from("T-1");
    let results = ledger.state().check_results(&id, &ledger.state().tickets[&id]);
    assert_eq!(results, [(&shows(), CheckResult::ProvesNothing)]);
    check(
        &hollow(),
        answer("C-1", "accept"),
        &expect![[r#"
            card-answered answer=accept by=p card=C-1
            approved-by-person by=p commit=head ticket=T-1
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
    check(
        &hollow(),
        answer("C-1", "test the other side"),
        &expect![[r#"
            card-answered answer=test the other side by=p card=C-1
            ticket-rejected ticket=T-1 why=a person asks for changes
            delivery-queued D-1 rejection
        "#]],
    );
}

#[test]
fn what_must_stay_green_needs_no_red_base() {
    let regression = check_of("still works", Expects::StaysGreen);
    let inputs = verifying(policy(), std::slice::from_ref(&regression));
    check(
        &after(inputs, [evidence("T-1", 2, "head", 0)]),
        checked(&regression, 0, None),
        &expect![[r#"
            evidence-recorded still works exit=0
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn a_check_verifies_a_ticket_of_a_project_without_gates() {
    let none = Policy { gates: Vec::<GatePolicy>::new(), ..policy() };
    check(
        &verifying(none, &[shows()]),
        checked(&shows(), 0, Some(1)),
        &expect![[r#"
            evidence-recorded shows it exit=1
            evidence-recorded shows it exit=0
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn evidence_of_another_ticket_or_gate_says_nothing_of_the_base() {
    let other = ran("T-9", (&shows().name(), &shows().digest()), "base", 1);
    let head = ran("T-1", (&shows().name(), &shows().digest()), "head", 0);
    let input = Input::Evidence { token: 2, evidence: Box::new(head), before: vec![other] };
    check(
        &after(verifying(policy(), &[shows()]), [evidence("T-1", 2, "head", 0)]),
        input,
        &expect![[r#"
            evidence-recorded shows it exit=0
            then verify/T-1/2
        "#]],
    );
}

#[test]
fn a_new_check_has_accepted_work_verified_again() {
    let accepted = after(at_work(), [ended("T-1-a1", 1, |_| {}), tick(), evidence("T-1", 2, "head", 0)]);
    let change = TicketChange { checks: Some(vec![shows()]), ..TicketChange::default() };
    check(
        &accepted,
        Input::EditTicket { ticket: TicketId::from("T-1"), change: Box::new(change) },
        &expect![[r#"
            ticket-edited ticket=T-1
            delivery-queued D-1 revision
            ticket-rejected ticket=T-1 why=the mission changed
        "#]],
    );
}

#[test]
fn a_check_is_what_a_person_read() {
    let bad = [check_of(" ", Expects::RedThenGreen), check_of("a\u{1b}[2K", Expects::StaysGreen), shows(), shows()];
    check(
        &board(),
        add("two", |spec| spec.checks = bad.to_vec()),
        &expect![[r#"
            refused (invalid-tickets): 3 errors:
              T-2: a check is empty
              T-2: check `a\u{1b}[2K` has control characters
              T-2: check `shows it` is there twice
        "#]],
    );
}
