//! What cannot go on by itself asks a person; no loop goes unseen.

use crate::support::{accepted, add, after, answer, at_work, board, check, claim, ended, policy, tick};
use expect_test::expect;
use ganger_engine::{AttemptOutcome, FailureClass, Input, Policy, TicketChange, TicketId};

fn with(change: impl FnOnce(&mut Policy)) -> Input {
    let mut policy = policy();
    change(&mut policy);
    Input::SetPolicy { policy }
}

fn approve(ids: &[&str]) -> Input {
    Input::ApproveMerge { tickets: ids.iter().map(|i| TicketId::from(*i)).collect(), by: "p".into() }
}

fn transient() -> AttemptOutcome {
    AttemptOutcome::failed(FailureClass::Transient, "overloaded")
}

#[test]
fn a_transient_failure_that_does_not_pass_counts_and_asks() {
    let patient = after(at_work(), [with(|p| (p.max_transients, p.max_attempts) = (1, 2))]);
    let fails = |a: &str, token| ended(a, token, |e| e.outcome = transient());
    check(
        &patient,
        fails("T-1-a1", 1),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=persistent-transient head=head next=open not_before=1003000 failed
        "#]],
    );
    let impatient = after(at_work(), [with(|p| (p.max_transients, p.max_attempts) = (1, 1))]);
    check(
        &impatient,
        fails("T-1-a1", 1),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=persistent-transient head=head next=needs-you not_before=0 failed
            card-opened [C-1] T-1 was turned away by its model's service once. Try again?
        "#]],
    );
}

#[test]
fn gates_that_cannot_be_run_are_tried_again_later_and_then_ask() {
    let verifying = after(at_work(), [ended("T-1-a1", 1, |_| {}), tick()]);
    let failed = Input::VerificationFailed { ticket: TicketId::from("T-1"), token: 2, why: "no space".into() };
    check(
        &verifying,
        failed.clone(),
        &expect![[r#"
        verification-lost not_before=1002000 ticket=T-1 why=no space
    "#]],
    );
    let last_try = after(verifying, [with(|p| p.max_attempts = 1)]);
    check(
        &last_try,
        failed,
        &expect![[r#"
            verification-lost not_before=1002000 ticket=T-1 why=no space
            ticket-held ticket=T-1
            card-opened [C-1] The gates of T-1 could not be run, once. Try again?
        "#]],
    );
}

#[test]
fn what_a_person_is_asked_to_accept_is_not_accepted_for_another_mission() {
    let asked = after(board(), [with(|p| p.gates.clear()), tick(), claim("T-1-a1", 1)]);
    let asked = after(asked, [ended("T-1-a1", 1, |_| {}), tick()]);
    let done = Some(vec!["a new item".to_owned()]);
    let edit = Input::EditTicket {
        ticket: TicketId::from("T-1"),
        change: Box::new(TicketChange { done, ..TicketChange::default() }),
    };
    check(
        &asked,
        edit.clone(),
        &expect![[r#"
        ticket-edited ticket=T-1
        delivery-queued D-1 revision
        card-withdrawn card=C-1 why=the mission changed
        ticket-rejected ticket=T-1 why=the mission changed
    "#]],
    );
    let accept = answer("C-1", "accept");
    check(
        &after(asked, [edit]),
        accept,
        &expect![[r#"
        refused (withdrawn): C-1 was withdrawn: the mission changed
    "#]],
    );
}

#[test]
fn a_merge_that_a_person_takes_back_does_not_happen_and_nothing_waits_for_it() {
    let second = add("second", |s| s.after = vec!["T-1".into()]);
    let both = after(accepted(), [second, tick(), claim("T-2-a1", 3), ended("T-2-a1", 3, |_| {}), tick()]);
    let both = after(both, [crate::support::evidence("T-2", 4, "head", 0), approve(&["T-1", "T-2"])]);
    let confirm = Input::ConfirmMerge { ticket: TicketId::from("T-1"), commit: "head".into() };
    check(
        &both,
        confirm.clone(),
        &expect![[r#"
            then merge/T-1/head
            then retire/T-1/h
            then retire/T-2/h
        "#]],
    );
    let reopen = Input::ReopenTicket { ticket: TicketId::from("T-1"), reason: String::new(), by: "p".into() };
    check(
        &both,
        reopen.clone(),
        &expect![[r#"
            ticket-reopened by=p reason= ticket=T-1
            merge-failed ticket=T-2 why=it builds on T-1: the ticket was reopened
            then retire/T-2/h
        "#]],
    );
    check(
        &after(both.clone(), [reopen]),
        confirm,
        &expect![[r#"
            refused (not-approved): the merge of T-1 is no longer approved
            then retire/T-2/h
        "#]],
    );
    let close = Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "no".into(), by: "p".into() };
    check(
        &both,
        close,
        &expect![[r#"
            ticket-closed by=p reason=no ticket=T-1
            merge-failed ticket=T-2 why=it builds on T-1: the ticket was closed
            card-opened [C-1] T-2 depends on T-1, which was closed. Continue without it?
            then retire/T-1/h
            then retire/T-2/h
        "#]],
    );
}

#[test]
fn a_workspace_that_cannot_be_removed_stays_and_a_person_is_told() {
    let merged = Input::MergeDone { ticket: TicketId::from("T-1"), commit: "m".into(), evidence: Vec::new() };
    let kept =
        Input::WorkspaceKept { ticket: TicketId::from("T-1"), host: "h".into(), why: "a repository inside".into() };
    check(
        &after(accepted(), [approve(&["T-1"]), merged]),
        kept,
        &expect![[r#"
        workspace-kept ticket=T-1 why=a repository inside
        card-opened [C-1] The workspace of T-1 was kept: it cannot be removed without losing something
    "#]],
    );
}
