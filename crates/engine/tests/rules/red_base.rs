//! A gate that is red without the work, too, is nobody's fault: one card for everybody, and nothing starts.

use crate::support::{add, after, answer, board, check, claim, ended, given, policy, ran, tick};
use expect_test::expect;
use ganger_engine::{Commit, Evidence, Input, Ledger, Policy, Reason, RedBase, TicketId, why};

fn asking() -> Policy {
    Policy { red_base: RedBase::Card, ..policy() }
}

/// T-1 and T-2 claim to be done, and T-3 waits for a slot.
fn two_claims() -> Vec<Input> {
    let mut inputs = board();
    inputs[1] = Input::SetPolicy { policy: asking() };
    let work = [add("two", |_| {}), add("three", |_| {}), tick(), tick(), claim("T-1-a1", 1), claim("T-2-a1", 2)];
    let ends = [ended("T-1-a1", 1, |_| {}), ended("T-2-a1", 2, |_| {}), stay(), stay()];
    after(after(inputs, work), ends)
}

/// Time passes, and nothing new starts.
fn stay() -> Input {
    Input::Tick { dispatch: false, scope: None, max_parallel: None }
}

fn at(ticket: &str, commit: &str, code: i32) -> Evidence {
    ran(ticket, ("test", "d"), commit, code)
}

/// The gate is red at the head; this is what it said elsewhere.
fn red(ticket: &str, token: u64, before: &[(&str, i32)]) -> Input {
    let before = before.iter().map(|(commit, code)| at(ticket, commit, *code)).collect();
    Input::Evidence { token, evidence: Box::new(at(ticket, "head", 1)), before }
}

fn held() -> Vec<Input> {
    after(two_claims(), [red("T-1", 3, &[("base", 1)]), red("T-2", 4, &[("base", 1)])])
}

fn rejections(ledger: &Ledger, ticket: &str) -> u32 {
    ledger.state().tickets[&TicketId::from(ticket)].rejections
}

#[test]
fn a_gate_that_is_green_at_the_base_sends_the_work_back() {
    check(
        &two_claims(),
        red("T-1", 3, &[("base", 0)]),
        &expect![[r#"
        evidence-recorded test exit=0
        evidence-recorded test exit=1
        ticket-rejected ticket=T-1 why=gate `test` failed with exit code 1
        delivery-queued D-1 rejection
        then verify/T-2/4
    "#]],
    );
}

#[test]
fn a_red_gate_alone_blames_nobody() {
    check(
        &two_claims(),
        red("T-1", 3, &[]),
        &expect![[r#"
        evidence-recorded test exit=1
        then verify/T-1/3
        then verify/T-2/4
    "#]],
    );
}

#[test]
fn one_card_holds_everybody_and_counts_no_rejection() {
    check(
        &two_claims(),
        red("T-1", 3, &[("base", 1)]),
        &expect![[r#"
        evidence-recorded test exit=1
        evidence-recorded test exit=1
        ticket-held card=C-1 ticket=T-1
        card-opened [C-1] gate `test` is already red on main at base. Is main fixed?
        then verify/T-2/4
    "#]],
    );
    let ledger = given(&held());
    let cards: Vec<_> = ledger.state().open_cards().map(|c| (c.question.clone(), c.choices())).collect();
    let choices = vec!["retry".to_owned(), "continue".to_owned()];
    assert_eq!(cards, [("gate `test` is already red on main at base. Is main fixed?".to_owned(), choices)]);
    assert_eq!((rejections(&ledger, "T-1"), rejections(&ledger, "T-2")), (0, 0));
    let reasons = |ticket: &str| why(ledger.state(), 2_000_000, &TicketId::from(ticket));
    assert_eq!(reasons("T-2"), [Reason::WaitsForAnswer { card: "C-1".into() }]);
    assert_eq!(reasons("T-3"), [Reason::RedBase { card: "C-1".into() }]);
    check(&held(), tick(), &expect![""]);
}

#[test]
fn a_program_that_is_missing_without_the_work_too_is_the_machines_fault() {
    let missing =
        Input::Evidence { token: 3, evidence: Box::new(at("T-1", "head", 127)), before: vec![at("T-1", "base", 127)] };
    check(
        &two_claims(),
        missing,
        &expect![[r#"
        evidence-recorded test exit=127
        evidence-recorded test exit=127
        ticket-held card=C-1 ticket=T-1
        card-opened [C-1] gate `test` could not be started, without any work as well. What is missing on this machine?
        then verify/T-2/4
    "#]],
    );
    // It could be started for another ticket once: that says nothing of this machine today.
    let green = Input::Evidence { token: 4, evidence: Box::new(at("T-2", "base", 0)), before: Vec::new() };
    let alone = Input::Evidence { token: 3, evidence: Box::new(at("T-1", "head", 127)), before: Vec::new() };
    check(
        &after(two_claims(), [green]),
        alone,
        &expect![[r#"
        evidence-recorded test exit=127
        then verify/T-1/3
        then verify/T-2/4
    "#]],
    );
}

#[test]
fn retry_verifies_everybody_anew() {
    check(
        &held(),
        answer("C-1", "retry"),
        &expect![[r#"
        card-answered answer=retry by=p card=C-1
        evidence-discarded ticket=T-1
        evidence-discarded ticket=T-2
    "#]],
    );
    check(
        &after(held(), [answer("C-1", "retry")]),
        stay(),
        &expect![[r#"
        verification-needed head=head ticket=T-1 why=C-1 is answered
    "#]],
    );
    check(
        &after(held(), [answer("C-1", "retry"), stay(), stay(), stay()]),
        stay(),
        &expect![[r#"
        verification-started host=h ticket=T-2 token=6
        then verify/T-1/5
        then verify/T-2/6
    "#]],
    );
}

#[test]
fn continue_lets_pass_what_is_red_without_the_work_and_nothing_else() {
    let on = after(held(), [answer("C-1", "continue"), stay()]);
    check(
        &on,
        stay(),
        &expect![[r#"
        verification-needed head=head ticket=T-2 why=C-1 is answered
    "#]],
    );
    let ledger = given(&on);
    assert!(ledger.state().known_red.contains("d"));
    // Another ticket, whose base is green.
    let broken = [stay(), stay(), stay(), stay(), tick(), claim("T-3-a1", 5)];
    let broken = after(after(on, broken), [ended("T-3-a1", 5, |e| e.base = Some(Commit::from("fixed"))), stay()]);
    check(
        &broken,
        red("T-3", 6, &[("fixed", 0)]),
        &expect![[r#"
        evidence-recorded test exit=0
        evidence-recorded test exit=1
        ticket-rejected ticket=T-3 why=gate `test` failed with exit code 1
        delivery-queued D-1 rejection
        then retire/T-1/h
        then retire/T-2/h
    "#]],
    );
}

#[test]
fn a_main_branch_that_was_fixed_since_is_merged_by_the_agent() {
    check(
        &two_claims(),
        red("T-1", 3, &[("base", 1), ("main", 0)]),
        &expect![[r#"
        evidence-recorded test exit=1
        evidence-recorded test exit=0
        evidence-recorded test exit=1
        ticket-rejected ticket=T-1 why=gate `test` was red at its base already; it is green on the main branch at main
        delivery-queued D-1 rejection
        then verify/T-2/4
    "#]],
    );
    let ledger = given(&after(two_claims(), [red("T-1", 3, &[("base", 1), ("main", 0)])]));
    assert_eq!(rejections(&ledger, "T-1"), 0);
    check(
        &two_claims(),
        red("T-1", 3, &[("base", 1), ("main", 1)]),
        &expect![[r#"
            evidence-recorded test exit=1
            evidence-recorded test exit=1
            evidence-recorded test exit=1
            ticket-held card=C-1 ticket=T-1
            card-opened [C-1] gate `test` is already red on main at main. Is main fixed?
            then verify/T-2/4
        "#]],
    );
}

#[test]
fn the_configuration_may_answer_the_card() {
    let mut known = asking();
    known.gates[0].known_red = true;
    check(
        &held(),
        Input::SetPolicy { policy: known.clone() },
        &expect![[r#"
        policy-set
        card-withdrawn card=C-1 why=the configuration answers it
    "#]],
    );
    check(
        &after(held(), [Input::SetPolicy { policy: known }, stay(), stay()]),
        stay(),
        &expect![[r#"
        ticket-accepted commit=head ticket=T-1
        then retire/T-1/h
    "#]],
    );
    check(
        &held(),
        Input::SetPolicy { policy: policy() },
        &expect![[r#"
        policy-set
        card-withdrawn card=C-1 why=the configuration answers it
    "#]],
    );
    check(
        &after(held(), [Input::SetPolicy { policy: policy() }, stay(), stay()]),
        stay(),
        &expect![[r#"
        ticket-rejected ticket=T-1 why=gate `test` failed with exit code 1
        delivery-queued D-1 rejection
    "#]],
    );
}

#[test]
fn the_card_outlives_the_ticket_that_it_was_opened_for() {
    let close = Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "r".into(), by: "p".into() };
    check(
        &after(held(), [close, stay()]),
        stay(),
        &expect![[r#"
        ticket-held card=C-2 ticket=T-2
        card-opened [C-2] gate `test` is already red on main at base. Is main fixed?
        then retire/T-1/h
    "#]],
    );
}

/// It was found red while that was the work's own: nobody has asked yet whose fault it is.
#[test]
fn a_result_from_before_the_question_is_asked_about_again() {
    let work = after(two_claims(), [Input::SetPolicy { policy: policy() }, red("T-1", 3, &[])]);
    let asks = after(work, [Input::SetPolicy { policy: asking() }, tick(), claim("T-1-a2", 5)]);
    let again = after(asks, [ended("T-1-a2", 5, |_| {})]);
    check(
        &again,
        stay(),
        &expect![[r#"
        verification-started host=h ticket=T-1 token=6
        then verify/T-1/6
        then verify/T-2/4
    "#]],
    );
}
