//! Reviews by agents: who reviews, what a verdict leads to, and the way back.

use crate::support::{
    NOW, add, after, answer, at_work, check, claim, ended, evidence, given, host_report, policy, ran, report, tick,
};
use expect_test::expect;
use ganger_engine::{
    AgentPolicy, AttemptOutcome, Commit, FailureClass, FindingAnswer, FindingStatus, HostReport, Input, Ledger, Phase,
    Policy, Report, Review, ReviewRules, TicketId, TicketSpec, why,
};
use serde_json::{Value, json};

fn reviewed_by(reviewers: &[&str], review: Review) -> Input {
    let mut policy = policy();
    let agent = policy.agents["builder"].clone();
    for reviewer in reviewers {
        policy.agents.insert((*reviewer).to_owned(), agent.clone());
    }
    let reviewers = reviewers.iter().map(ToString::to_string).collect();
    Input::SetPolicy { policy: Policy { review, reviews: ReviewRules { reviewers, rounds: 2 }, ..policy } }
}

/// T-1 is green at `head`, and its reviewers are asked.
fn under_review_by(reviewers: &[&str], review: Review) -> Vec<Input> {
    let claimed = after(at_work(), [reviewed_by(reviewers, review), ended("T-1-a1", 1, |_| {})]);
    after(claimed, [tick(), evidence("T-1", 2, "head", 0)])
}

fn under_review() -> Vec<Input> {
    under_review_by(&["senior"], Review::Agent)
}

fn pass() -> Value {
    json!({"verdict": "PASS", "findings": [], "done": []})
}

fn fail(problem: &str) -> Value {
    let finding = json!({"file": "a", "line": 3, "severity": "major", "problem": problem, "settles": "a test"});
    json!({"verdict": "FAIL", "findings": [finding], "done": []})
}

/// The reviewer hands its verdict in and ends its turn.
fn verdict(review: &str, token: u64, output: Value) -> [Input; 4] {
    let attempt = format!("{review}-a1");
    let report = Report { output: Some(output), ..report(&[]) };
    let end = ended(&attempt, token, |_| {});
    [tick(), claim(&attempt, token), Input::AgentReport { attempt: attempt.as_str().into(), token, report }, end]
}

fn sent_back() -> Vec<Input> {
    after(after(under_review(), verdict("T-1-r1", 3, fail("it panics"))), [tick()])
}

fn phase(ledger: &Ledger, id: &str) -> Phase {
    ledger.state().tickets[&TicketId::from(id)].phase
}

#[test]
fn green_work_is_reviewed_in_a_snapshot_of_the_commit() {
    let claimed = after(at_work(), [reviewed_by(&["senior"], Review::Agent), ended("T-1-a1", 1, |_| {}), tick()]);
    check(
        &claimed,
        evidence("T-1", 2, "head", 0),
        &expect![[r#"
            evidence-recorded test exit=0
            review-requested ticket=T-1
            ticket-added ticket=T-1-r1
        "#]],
    );
    let ledger = given(&under_review());
    let TicketSpec { agent, call, parent, .. } = &ledger.state().tickets[&"T-1-r1".into()].spec;
    assert_eq!((agent.as_deref(), parent), (Some("senior"), &Some("T-1".into())));
    assert_eq!(call.as_ref().and_then(|call| call.snapshot.clone()), Some(Commit::from("head")));
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-1".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["its work is under review: T-1-r1"]);
}

#[test]
fn work_that_every_reviewer_passes_is_accepted() {
    let one = after(under_review_by(&["senior", "tests"], Review::Agent), verdict("T-1-r1", 3, pass()));
    assert_eq!(phase(&given(&after(one.clone(), [tick()])), "T-1"), Phase::Reviewing, "the other one is not done");
    check(
        &after(one, verdict("T-1-r2", 4, pass())),
        tick(),
        &expect![[r#"
            calls-returned ticket=T-1
            ticket-accepted commit=head ticket=T-1
            then retire/T-1/h
            then retire/T-1-r1/h
            then retire/T-1-r2/h
        "#]],
    );
}

#[test]
fn one_reviewer_is_enough_to_send_work_back() {
    let both = after(under_review_by(&["senior", "tests"], Review::Agent), verdict("T-1-r1", 3, pass()));
    check(
        &after(both, verdict("T-1-r2", 4, fail("no test"))),
        tick(),
        &expect![[r#"
            calls-returned ticket=T-1
            review-failed ticket=T-1
            ticket-rejected ticket=T-1 why=review: 1 finding
            delivery-queued D-1 rejection
            then retire/T-1-r1/h
            then retire/T-1-r2/h
        "#]],
    );
}

#[test]
fn the_author_is_told_each_finding_and_what_settles_it() {
    let ledger = given(&sent_back());
    let told = &ledger.state().deliveries[&"D-1".into()].text;
    assert!(told.contains("- F1 (major) a:3: it panics Settled by: a test"), "{told}");
    assert_eq!(phase(&ledger, "T-1"), Phase::Open);
}

/// The author claims to be done again, at this commit.
fn claims_again(commit: &str, findings: Vec<FindingAnswer>) -> Vec<Input> {
    let report = Report { findings, ..report(&[]) };
    let attempt = || "T-1-a2".into();
    let end = ended("T-1-a2", 4, |end| end.head = Some(commit.into()));
    let work = [tick(), claim("T-1-a2", 4), Input::AgentReport { attempt: attempt(), token: 4, report }, end];
    after(sent_back(), work)
}

fn disputed() -> FindingAnswer {
    FindingAnswer { finding: "F1".into(), status: FindingStatus::Disputed, how: "the caller checks it".into() }
}

#[test]
fn every_finding_has_to_be_answered() {
    let ledger = given(&claims_again("head2", Vec::new()));
    let said = ledger.state().deliveries.values().map(|d| d.text.clone()).collect::<String>();
    assert!(said.contains("These findings of the review are not answered yet") && said.contains("F1"), "{said}");
    assert_eq!(phase(&ledger, "T-1"), Phase::Open);
    assert_eq!(phase(&given(&claims_again("head2", vec![disputed()])), "T-1"), Phase::Verifying);
}

#[test]
fn a_dispute_needs_no_new_commit_and_its_reviewer_reads_it() {
    let again = after(claims_again("head", vec![disputed()]), [tick(), tick()]);
    let ledger = given(&again);
    assert_eq!(phase(&ledger, "T-1"), Phase::Reviewing);
    let asked = &ledger.state().tickets[&"T-1-r2".into()].spec.description;
    assert!(asked.contains("it panics") && asked.contains("disputed: \"the caller checks it\""), "{asked}");
}

#[test]
fn a_person_is_asked_when_reviews_fail_too_often() {
    let again = after(claims_again("head", vec![disputed()]), [tick()]);
    let twice = after(again, verdict("T-1-r2", 5, fail("it still panics")));
    check(
        &twice,
        tick(),
        &expect![[r#"
            calls-returned ticket=T-1
            review-failed ticket=T-1
            card-opened [C-1] Review T-1 at head: accept, or say what to change
            then retire/T-1-r1/h
            then retire/T-1-r2/h
        "#]],
    );
    let accepted = given(&after(twice, [tick(), answer("C-1", "accept")]));
    assert_eq!(phase(&accepted, "T-1"), Phase::Accepted);
}

#[test]
fn a_person_looks_after_the_agents_where_the_policy_says_so() {
    let passed = after(under_review_by(&["senior"], Review::AgentAndPerson), verdict("T-1-r1", 3, pass()));
    check(
        &passed,
        tick(),
        &expect![[r#"
            calls-returned ticket=T-1
            card-opened [C-1] Review T-1 at head: accept, or say what to change
            then retire/T-1-r1/h
        "#]],
    );
}

#[test]
fn an_author_does_not_review_its_own_work() {
    let ledger = given(&under_review_by(&["builder"], Review::Agent));
    let cards: Vec<&str> = ledger.state().open_cards().map(|card| card.question.as_str()).collect();
    assert_eq!(cards, ["Review T-1 at head: accept, or say what to change"]);
}

#[test]
fn a_verdict_that_contradicts_itself_goes_back_to_its_reviewer() {
    for output in [
        json!({"verdict": "FAIL", "findings": [], "done": []}),
        json!({"verdict": "PASS", "findings": [], "done": [{"item": "a test", "met": false, "by": "none"}]}),
        json!({"verdict": "maybe"}),
    ] {
        let ledger = given(&after(under_review(), verdict("T-1-r1", 3, output)));
        assert_eq!((phase(&ledger, "T-1-r1"), phase(&ledger, "T-1")), (Phase::Open, Phase::Reviewing));
    }
}

#[test]
fn a_review_that_cannot_be_done_becomes_a_persons() {
    let gone = after(under_review(), [reviewed_by(&[], Review::Agent), tick()]);
    let cards = given(&after(gone, [tick()]));
    let briefs: Vec<&str> = cards.state().open_cards().map(|card| card.brief.as_str()).collect();
    assert!(briefs.len() == 1 && briefs[0].contains("could not be done"), "{briefs:?}");
}

#[test]
fn a_review_of_an_old_head_counts_for_nothing() {
    let moved = after(under_review(), [Input::HeadMoved { ticket: "T-1".into(), head: "head2".into() }]);
    check(
        &moved,
        tick(),
        &expect![[r#"
            ticket-closed by=ganger reason=nobody asks for this review now ticket=T-1-r1
        "#]],
    );
}

#[test]
fn nobody_adds_a_review_by_hand() {
    check(
        &at_work(),
        add("look", |spec| spec.kind = ganger_engine::Kind::Review),
        &expect![[r#"
            refused (invalid-tickets): T-2: nobody adds a ticket of kind `review` by hand
        "#]],
    );
}

#[test]
fn a_finding_is_not_lost_when_another_review_cannot_be_done() {
    let both = after(under_review_by(&["senior", "tests"], Review::Agent), verdict("T-1-r1", 3, fail("it panics")));
    let close = Input::CloseTicket { ticket: "T-1-r2".into(), reason: "slow".into(), by: "p".into() };
    let ledger = given(&after(both, [close, tick()]));
    assert_eq!(phase(&ledger, "T-1"), Phase::Open);
    assert!(ledger.state().deliveries.values().any(|d| d.text.contains("it panics")));
}

#[test]
fn the_fallback_of_a_reviewer_does_not_review() {
    let mut policy = policy();
    let agent = policy.agents["builder"].clone();
    policy
        .agents
        .insert("senior".into(), AgentPolicy { runtime: "other".into(), fallback: Some("builder".into()), ..agent });
    policy.review = Review::Agent;
    policy.reviews = ReviewRules { reviewers: vec!["senior".into()], rounds: 2 };
    let both = ["r".to_owned(), "other".to_owned()];
    let report = HostReport { runtimes: both.into(), ..host_report() };
    let here = Input::HostReport { host: "h".into(), report };
    let green = after(at_work(), [here, Input::SetPolicy { policy }, ended("T-1-a1", 1, |_| {}), tick()]);
    let limited = AttemptOutcome::Failed {
        class: FailureClass::Transient,
        message: "limit".into(),
        retry_at: Some(NOW + 100_000),
        model: None,
    };
    let asked = after(green, [evidence("T-1", 2, "head", 0), tick(), claim("T-1-r1-a1", 3)]);
    let paused = after(asked, [ended("T-1-r1-a1", 3, |end| end.outcome = limited), tick()]);
    assert!(given(&paused).state().attempts.is_empty(), "it waits for the runtime of its own");
}

#[test]
fn a_commit_that_passed_is_not_reviewed_again_when_gates_change() {
    let passed = after(after(under_review(), verdict("T-1-r1", 3, pass())), [tick()]);
    let mut policy = policy();
    let agent = policy.agents["builder"].clone();
    policy.agents.insert("senior".into(), agent);
    policy.review = Review::Agent;
    policy.reviews = ReviewRules { reviewers: vec!["senior".into()], rounds: 2 };
    policy.gates[0].digest = "d2".into();
    let again = after(passed, [Input::SetPolicy { policy }, tick()]);
    let token =
        given(&again).state().tickets[&TicketId::from("T-1")].verifying.as_ref().map(|(_, token)| *token).unwrap();
    let green = Box::new(ran("T-1", ("test", "d2"), "head", 0));
    let ledger = given(&after(again, [Input::Evidence { token, evidence: green, before: Vec::new() }]));
    assert_eq!(phase(&ledger, "T-1"), Phase::Accepted);
}
