//! The life of a ticket, rule by rule.

use crate::support::{accepted, add, after, at_work, board, check, claim, ended, evidence, host, policy, report, tick};
use expect_test::expect;
use ganger_engine::{
    Answer, AttemptOutcome, Budget, FailureClass, HostId, Input, Policy, Review, TicketChange, TicketId,
};

fn failed(class: FailureClass) -> AttemptOutcome {
    AttemptOutcome::Failed { class, message: "why".into(), retry_at: None }
}

fn answer(card: &str, word: &str) -> Input {
    Input::Answer(Answer { card: card.into(), answer: word.into(), by: "p".into() })
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
        refused (claimed): attempt T-1-a1 was granted before
    "#]],
    );
}

#[test]
fn an_old_token_changes_nothing() {
    check(
        &at_work(),
        ended("T-1-a1", 7, |_| {}),
        &expect![[r#"
        refused (stale): attempt T-1-a1 with token 7 is not live any more
    "#]],
    );
}

#[test]
fn a_claim_is_verified_before_it_is_believed() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |_| {}),
        &expect![[r#"
        attempt-ended attempt=T-1-a1 base=base head=head next=verifying not_before=0 finished
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
        attempt-ended attempt=T-1-a1 base=base head=base next=open not_before=0 finished
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
        attempt-ended attempt=T-1-a1 base=base head=head next=open not_before=0 finished
        ticket-rejected ticket=T-1 why=the definition of done is not answered
        delivery-queued D-1 rejection
    "#]],
    );
    check(
        &inputs,
        ended("T-1-a1", 1, |e| e.report = Some(report(&["1", "b"]))),
        &expect![[r#"
        report-made attempt=T-1-a1
        attempt-ended attempt=T-1-a1 base=base head=head next=verifying not_before=0 finished
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
        attempt-ended attempt=T-1-a1 base=base head=base next=needs-you not_before=0 finished
        ticket-rejected ticket=T-1 why=nothing was changed
        delivery-queued D-1 rejection
        ticket-held ticket=T-1
        card-opened [C-1] T-1 was rejected 1 times. Let it go on?
    "#]],
    );
}

#[test]
fn transient_failures_back_off_and_other_failures_count() {
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Transient)),
        &expect![[r#"
        attempt-ended attempt=T-1-a1 base=base head=head next=open not_before=1003000 failed
    "#]],
    );
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Crashed)),
        &expect![[r#"
        attempt-ended attempt=T-1-a1 base=base head=head next=open not_before=0 failed
    "#]],
    );
    check(
        &at_work(),
        ended("T-1-a1", 1, |e| e.outcome = failed(FailureClass::Auth)),
        &expect![[r#"
        attempt-ended attempt=T-1-a1 base=base head=head next=needs-you not_before=0 failed
        card-opened [C-1] T-1 failed 1 times
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
        attempt-ended attempt=T-1-a1 base=base next=suspended not_before=0 finished
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
    let lapsed = Input::HostLapsed { host: HostId::from("h"), incarnation: "life-1".into() };
    check(
        &at_work(),
        lapsed.clone(),
        &expect![[r#"
        host-lapsed host=h
        attempt-lost attempt=T-1-a1 clear_at=1016000 why=its host fell silent
    "#]],
    );
    let lost = after(at_work(), [lapsed]);
    check(&lost, tick(), &expect![[""]]);
    check(
        &lost,
        host("life-2"),
        &expect![[r#"
        attempt-cleared attempt=T-1-a1
        host-reported host=h
    "#]],
    );
    check(
        &lost,
        host("life-1"),
        &expect![[r#"
        host-reported host=h
        then cancel/T-1-a1/1
    "#]],
    );
}

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
    "#]],
    );
    let done = Input::MergeDone { ticket: TicketId::from("T-1"), commit: "m".into(), evidence: Vec::new() };
    check(
        &accepted(),
        done.clone(),
        &expect![[r#"
        refused (not-approved): nobody approved the merge of T-1
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

#[test]
fn a_failed_merge_spends_the_approval() {
    let approve = Input::ApproveMerge { tickets: vec![TicketId::from("T-1")], by: "p".into() };
    let failed = Input::MergeFailed {
        ticket: TicketId::from("T-1"),
        why: "conflict".into(),
        back_to_agent: true,
        evidence: Vec::new(),
    };
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
fn accepted_work_is_proven_again_when_the_gates_or_the_head_change() {
    let mut other = policy();
    other.gates[0].digest = "d2".into();
    check(
        &accepted(),
        Input::SetPolicy { policy: other },
        &expect![[r#"
        policy-set
        proof-needed head=head ticket=T-1 why=the gates changed
    "#]],
    );
    check(
        &accepted(),
        Input::HeadMoved { ticket: TicketId::from("T-1"), head: "new".into() },
        &expect![[r#"
        proof-needed head=new ticket=T-1 why=the head of the branch moved
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
        vouched by=p commit=head ticket=T-1
        ticket-accepted commit=head ticket=T-1
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
        attempt-ended attempt=T-1-a1 base=base head=head next=needs-you not_before=0 finished
        card-opened [C-1] T-1 seems to weaken tests. Go on with it?
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
        card-opened [C-1] T-1 has no gate that could prove it. Accept it on your word?
    "#]],
    );
    check(
        &after(inputs, [tick()]),
        answer("C-1", "accept"),
        &expect![[r#"
        card-answered answer=accept by=p card=C-1
        vouched by=p commit=head ticket=T-1
        ticket-accepted commit=head ticket=T-1
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
        attempt-ended attempt=T-1-a1 base=base head=head next=open not_before=0 base-conflict
        ticket-added ticket=T-1-join1
        ticket-edited ticket=T-1
    "#]],
    );
}

#[test]
fn closing_stops_the_attempt_and_keeps_the_worktree_until_it_has_ended() {
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
        attempt-ended attempt=T-1-a1 base=base head=head next=cancelled not_before=0 interrupted
        then retire/T-1/h
    "#]],
    );
}
