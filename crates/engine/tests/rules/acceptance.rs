//! From green to merged, the ways back, and what a person's word is good for.

use crate::support::{
    accepted, add, after, answer, at_work, board, check, claim, ended, evidence, evidence_of_tests, given, host,
    policy, tick,
};
use expect_test::expect;
use ganger_engine::{AttemptOutcome, Input, Phase, Policy, Review, TicketChange, TicketId};

#[test]
fn only_a_person_merges_and_only_in_dependency_order() {
    let approve = |ids: &[&str]| Input::ApproveMerge {
        tickets: ids.iter().map(|i| TicketId::from(*i)).collect(),
        by: "p".into(),
    };
    check(
        &at_work(),
        approve(&["T-1"]),
        &expect![[r#"
        refused (cannot-merge): T-1 is running, not accepted
    "#]],
    );
    check(
        &accepted(),
        approve(&["T-1"]),
        &expect![[r#"
            merge-approved by=p commit=head ticket=T-1
            then merge/T-1/head
            then retire/T-1/h
        "#]],
    );
    let done = Input::MergeDone { ticket: TicketId::from("T-1"), commit: "m".into(), evidence: Vec::new() };
    check(
        &accepted(),
        done.clone(),
        &expect![[r#"
            refused (not-approved): the merge of T-1 is not approved
            then retire/T-1/h
        "#]],
    );
    check(
        &after(accepted(), [approve(&["T-1"])]),
        done,
        &expect![[r#"
        merged commit=m ticket=T-1
        then retire/T-1/h
    "#]],
    );
}

/// A merge that a person wants, and that does not come about.
fn a_conflict() -> [Input; 2] {
    let ticket = TicketId::from("T-1");
    let approve = Input::ApproveMerge { tickets: vec![ticket.clone()], by: "p".into() };
    [approve, Input::MergeFailed { ticket, why: "conflict".into(), back_to_agent: true, evidence: Vec::new() }]
}

#[test]
fn a_failed_merge_spends_the_approval() {
    let [approve, failed] = a_conflict();
    check(
        &after(accepted(), [approve]),
        failed,
        &expect![[r#"
        merge-failed ticket=T-1 why=conflict
        ticket-rejected ticket=T-1 why=conflict
        delivery-queued D-1 rejection
    "#]],
    );
}

#[test]
fn a_commit_that_could_not_land_is_not_accepted_again() {
    let [approve, failed] = a_conflict();
    let again = after(accepted(), [approve, failed, tick(), claim("T-1-a2", 3)]);
    check(
        &again,
        ended("T-1-a2", 3, |_| {}),
        &expect![[r#"
        delivered attempt=T-1-a2
        attempt-ended attempt=T-1-a2 base=base counts=claim head=head next=open not_before=0 finished
        ticket-rejected ticket=T-1 why=nothing was committed since it came back
        delivery-queued D-2 rejection
    "#]],
    );
    check(
        &again,
        ended("T-1-a2", 3, |end| end.head = Some("next".into())),
        &expect![[r#"
        delivered attempt=T-1-a2
        attempt-ended attempt=T-1-a2 base=base counts=claim head=next next=verifying not_before=0 finished
    "#]],
    );
}

#[test]
fn accepted_work_is_proven_again_when_the_gates_or_the_head_change() {
    let mut other = policy();
    other.gates[0].digest = "d2".into();
    check(
        &accepted(),
        Input::SetPolicy { policy: other },
        &expect![[r#"
        policy-set
        verification-needed head=head ticket=T-1 why=the gates changed
    "#]],
    );
    check(
        &accepted(),
        Input::HeadMoved { ticket: TicketId::from("T-1"), head: "new".into() },
        &expect![[r#"
        verification-needed head=new ticket=T-1 why=the branch has a new head
    "#]],
    );
}

#[test]
fn a_review_by_a_person_comes_between_green_and_accepted() {
    let review = Policy { review: Review::Person, ..policy() };
    let verifying = after(
        board(),
        [Input::SetPolicy { policy: review }, tick(), claim("T-1-a1", 1), ended("T-1-a1", 1, |_| {}), tick()],
    );
    check(
        &verifying,
        evidence("T-1", 2, "head", 0),
        &expect![[r#"
        evidence-recorded test exit=0
        review-requested ticket=T-1
        card-opened [C-1] Review T-1 at head: accept, or say what to change
    "#]],
    );
    let reviewing = after(verifying, [evidence("T-1", 2, "head", 0)]);
    check(
        &reviewing,
        answer("C-1", "accept"),
        &expect![[r#"
            card-answered answer=accept by=p card=C-1
            approved-by-person by=p commit=head ticket=T-1
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
    check(
        &reviewing,
        answer("C-1", "rename it"),
        &expect![[r#"
        card-answered answer=rename it by=p card=C-1
        ticket-rejected ticket=T-1 why=a person asks for changes
        delivery-queued D-1 rejection
    "#]],
    );
}

#[test]
fn weakened_tests_need_a_persons_word() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.tampering = vec!["deleted".into()]),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=needs-you not_before=0 finished
            card-opened [C-1] T-1 seems to weaken tests. Verify it anyway?
        "#]],
    );
}

#[test]
fn fewer_tests_than_at_the_base_need_a_persons_word() {
    let first = [ended("T-1-a1", 1, |_| {}), tick(), evidence_of_tests("T-1", 2, "head", 0, Some(8))];
    let second = [
        add("two", |_| {}),
        tick(),
        claim("T-2-a1", 3),
        ended("T-2-a1", 3, |e| (e.base, e.head) = (Some("head".into()), Some("next".into()))),
        tick(),
    ];
    let verifying = after(after(at_work(), first), second);
    let runs = |tests| evidence_of_tests("T-2", 4, "next", 0, tests);
    check(
        &verifying,
        runs(Some(8)),
        &expect![[r#"
        evidence-recorded test exit=0
        ticket-accepted commit=next ticket=T-2
        then retire/T-1/h
        then retire/T-2/h
    "#]],
    );
    check(
        &verifying,
        runs(Some(5)),
        &expect![[r#"
        evidence-recorded test exit=0
        ticket-held ticket=T-2
        card-opened [C-1] T-2 runs fewer tests than before. Accept it anyway?
        then retire/T-1/h
    "#]],
    );
    check(
        &verifying,
        runs(None),
        &expect![[r#"
        evidence-recorded test exit=0
        ticket-held ticket=T-2
        card-opened [C-1] T-2 runs fewer tests than before. Accept it anyway?
        then retire/T-1/h
    "#]],
    );
    let asked = after(verifying, [runs(Some(5))]);
    check(
        &asked,
        answer("C-1", "accept"),
        &expect![[r#"
        card-answered answer=accept by=p card=C-1
        approved-by-person by=p commit=next ticket=T-2
        ticket-accepted commit=next ticket=T-2
        then retire/T-1/h
        then retire/T-2/h
    "#]],
    );
    check(
        &asked,
        answer("C-1", "reject"),
        &expect![[r#"
        card-answered answer=reject by=p card=C-1
        ticket-rejected ticket=T-2 why=a person asks for changes
        delivery-queued D-1 rejection
        then retire/T-1/h
    "#]],
    );
}

#[test]
fn a_person_who_lets_fewer_tests_pass_has_not_reviewed_the_work() {
    let first = [ended("T-1-a1", 1, |_| {}), tick(), evidence_of_tests("T-1", 2, "head", 0, Some(8))];
    let review = Policy { review: Review::Person, ..policy() };
    let second = [
        Input::SetPolicy { policy: review },
        add("two", |_| {}),
        tick(),
        claim("T-2-a1", 3),
        ended("T-2-a1", 3, |e| (e.base, e.head) = (Some("head".into()), Some("next".into()))),
        tick(),
        evidence_of_tests("T-2", 4, "next", 0, Some(1)),
        answer("C-1", "accept"),
    ];
    check(
        &after(after(at_work(), first), second),
        tick(),
        &expect![[r#"
        review-requested ticket=T-2
        card-opened [C-2] Review T-2 at next: accept, or say what to change
        then retire/T-1/h
    "#]],
    );
}

#[test]
fn without_gates_only_a_person_accepts() {
    let none = Policy { gates: Vec::new(), ..policy() };
    let inputs =
        after(board(), [Input::SetPolicy { policy: none }, tick(), claim("T-1-a1", 1), ended("T-1-a1", 1, |_| {})]);
    check(
        &inputs,
        tick(),
        &expect![[r#"
        ticket-held ticket=T-1
        card-opened [C-1] No gate is configured to verify T-1. Accept it?
    "#]],
    );
    check(
        &after(inputs, [tick()]),
        answer("C-1", "accept"),
        &expect![[r#"
            card-answered answer=accept by=p card=C-1
            approved-by-person by=p commit=head ticket=T-1
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn branches_that_conflict_make_a_ticket_that_joins_them() {
    let conflict = AttemptOutcome::BaseConflict { with: TicketId::from("T-9"), files: vec!["f".into()] };
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = conflict),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=nothing head=head next=open not_before=0 base-conflict
            ticket-added ticket=T-1-join1
            ticket-edited ticket=T-1
        "#]],
    );
}

#[test]
fn closing_stops_the_attempt_and_keeps_the_workspace_until_it_has_ended() {
    let close = Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "no".into(), by: "p".into() };
    check(
        &at_work(),
        close.clone(),
        &expect![[r#"
        ticket-closed by=p reason=no ticket=T-1
        attempt-cancelled attempt=T-1-a1 why=the ticket was closed
        then cancel/T-1-a1/1
    "#]],
    );
    check(
        &after(at_work(), [close]),
        ended("T-1-a1", 1, |e| e.outcome = AttemptOutcome::Interrupted),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=nothing head=head next=cancelled not_before=0 interrupted
            then retire/T-1/h
        "#]],
    );
}

/// A person is asked about the closed one first; a join that depended on it could never start.
#[test]
fn branches_are_not_joined_while_one_of_them_is_closed() {
    let dependent = add("two", |spec| spec.after = vec![TicketId::from("T-1")]);
    let close = Input::CloseTicket { ticket: TicketId::from("T-1"), reason: "no".into(), by: "p".into() };
    let inputs = after(accepted(), [dependent, tick(), claim("T-2-a1", 3), close]);
    let conflict = AttemptOutcome::BaseConflict { with: TicketId::from("T-1"), files: vec!["f".into()] };
    check(
        &inputs,
        ended("T-2-a1", 3, |e| e.outcome = conflict),
        &expect![[r#"
        attempt-ended attempt=T-2-a1 base=base counts=nothing head=head next=open not_before=0 base-conflict
        then retire/T-1/h
    "#]],
    );
}

/// The word that a workspace is gone may come when the ticket is worked on again, or of a host that has it no more.
#[test]
fn a_workspace_is_gone_only_where_it_was_and_while_nobody_works_in_it() {
    let removed = |host: &str| Input::WorkspaceRemoved { ticket: "T-1".into(), host: host.into() };
    check(&at_work(), removed("h"), &expect![[""]]);
    check(
        &accepted(),
        removed("another"),
        &expect![[r#"
        then retire/T-1/h
    "#]],
    );
    check(
        &accepted(),
        removed("h"),
        &expect![[r#"
            workspace-removed ticket=T-1
        "#]],
    );
}

/// Nobody else can: a run would wait for it for ever.
#[test]
fn a_workspace_on_a_silent_host_is_removed_when_the_host_is_back() {
    let lapsed = Input::HostLapsed { host: "h".into(), incarnation: "i-1".into() };
    check(
        &accepted(),
        lapsed.clone(),
        &expect![[r#"
        host-lapsed host=h
    "#]],
    );
    check(
        &after(accepted(), [lapsed]),
        host("i-2"),
        &expect![[r#"
        host-reported host=h
        then retire/T-1/h
    "#]],
    );
}

/// Its approval was for landing without that; a landing that is under way must not come first.
#[test]
fn approved_work_that_gets_another_dependency_must_be_approved_again() {
    let approve = Input::ApproveMerge { tickets: vec!["T-1".into()], by: "p".into() };
    let change = TicketChange { after: Some(vec!["T-2".into()]), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) };
    let approved = after(accepted(), [add("two", |_| {}), approve]);
    check(
        &approved,
        edit.clone(),
        &expect![[r#"
            merge-failed ticket=T-1 why=it now depends on T-2
            ticket-edited ticket=T-1
            then retire/T-1/h
        "#]],
    );
    let confirm = Input::ConfirmMerge { ticket: "T-1".into(), commit: "head".into() };
    check(
        &after(approved, [edit]),
        confirm,
        &expect![[r#"
        refused (not-approved): the merge of T-1 is no longer approved
        then retire/T-1/h
    "#]],
    );
}

/// An approval is taken back once, whatever else is verified again.
#[test]
fn other_gates_take_back_the_approval_of_what_is_verified_again_only_with_its_verification() {
    let build = |s: &mut ganger_engine::TicketSpec| s.after = vec!["T-1".into()];
    let second = [tick(), claim("T-2-a1", 3), ended("T-2-a1", 3, |_| {}), tick(), evidence("T-2", 4, "head", 0)];
    let approve = Input::ApproveMerge { tickets: vec!["T-1".into(), "T-2".into()], by: "p".into() };
    let mut policy = policy();
    policy.gates[0].digest = "d2".into();
    let given = after(accepted(), [add("two", build)].into_iter().chain(second).chain([approve]));
    check(
        &given,
        Input::SetPolicy { policy },
        &expect![[r#"
        policy-set
        verification-needed head=head ticket=T-1 why=the gates changed
        verification-needed head=head ticket=T-2 why=the gates changed
    "#]],
    );
}

/// Its commits are in the history of main, so it stays merged.
#[test]
fn merged_work_that_was_taken_back_says_so_once() {
    let undone = || Input::Undone { ticket: "T-1".into(), commit: "back".into(), by: "p".into() };
    check(
        &accepted(),
        undone(),
        &expect![[r#"
        refused (not-merged): T-1 is accepted, not merged
        then retire/T-1/h
    "#]],
    );
    let approve = Input::ApproveMerge { tickets: vec!["T-1".into()], by: "p".into() };
    let done = Input::MergeDone { ticket: "T-1".into(), commit: "m".into(), evidence: Vec::new() };
    let merged = after(accepted(), [approve, done]);
    check(
        &merged,
        undone(),
        &expect![[r#"
        merge-undone by=p commit=back ticket=T-1
        then retire/T-1/h
    "#]],
    );
    check(
        &after(merged.clone(), [undone()]),
        undone(),
        &expect![[r#"
        then retire/T-1/h
    "#]],
    );
    let board = given(&after(merged, [undone()]));
    let ticket = &board.state().tickets[&"T-1".into()];
    assert_eq!((ticket.phase, ticket.undone.clone()), (Phase::Merged, Some("back".into())));
}
