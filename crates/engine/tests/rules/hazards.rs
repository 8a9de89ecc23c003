//! Work that is judged by what happened to files and commits.

use crate::support::{after, answer, at_work, check, claim, ended, given, policy, tick};
use expect_test::expect;
use ganger_engine::{CardKind, Hazard, Input, Policy, Review, TicketChange};

fn deletions() -> Hazard {
    Hazard::Deletions { deleted: 60, of: 80, files: vec!["a.txt".to_owned(), "b.txt".to_owned()] }
}

fn secrets(send_back: bool) -> Hazard {
    Hazard::Secrets { found: vec!["src/a.rs:3: github token".to_owned()], send_back }
}

#[test]
fn one_card_tells_of_everything_and_an_answer_settles_it() {
    let carded = after(
        at_work(),
        [ended("T-1-a1", 1, |e| {
            e.hazards = vec![deletions(), Hazard::EnvFiles { files: vec![".env".to_owned()] }];
            e.tampering = vec!["deleted test file: t.py".to_owned()];
        })],
    );
    let board = given(&carded);
    let card = board.state().open_cards().next().unwrap();
    expect![[r#"
        T-1 deletes 60 of 80 files, changes .env and seems to weaken tests. Verify it anyway?
        Deleted: a.txt, b.txt and 58 more

        In the commits: .env. Such files hold secrets and belong in .gitignore; placeholders belong in .env.example

        Tests:
        - deleted test file: t.py

        Nothing was verified or merged. The work is commit head, begun at base; `reject` sends it back to its agent, and `git restore --source base -- <path>` in its workspace brings a file back.
    "#]]
    .assert_eq(&format!("{}\n{}\n", card.question, card.brief));
    check(
        &carded,
        answer("C-1", "accept"),
        &expect![[r#"
        card-answered answer=accept by=p card=C-1
        approved-by-person by=p commit=head ticket=T-1
        verification-needed head=head ticket=T-1 why=a person sent it on to its gates
    "#]],
    );
    check(
        &carded,
        answer("C-1", "reject"),
        &expect![[r#"
        card-answered answer=reject by=p card=C-1
        ticket-rejected ticket=T-1 why=a person asks for changes
        delivery-queued D-1 rejection
    "#]],
    );
}

#[test]
fn what_was_accepted_is_not_asked_about_again() {
    let accepted =
        after(at_work(), [ended("T-1-a1", 1, |e| e.hazards = vec![secrets(false)]), answer("C-1", "accept")]);
    check(
        &accepted,
        tick(),
        &expect![[r#"
        verification-started host=h ticket=T-1 token=2
        then verify/T-1/2
    "#]],
    );
}

#[test]
fn secrets_go_back_once_and_then_to_a_person() {
    let found = |attempt: &str, token| ended(attempt, token, |e| e.hazards = vec![deletions(), secrets(true)]);
    check(
        &at_work(),
        found("T-1-a1", 1),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=it holds what looks like a secret
            hazard-sent-back ticket=T-1
            delivery-queued D-1 rejection
        "#]],
    );
    let again = after(at_work(), [found("T-1-a1", 1), tick(), claim("T-1-a2", 2)]);
    check(
        &again,
        found("T-1-a2", 2),
        &expect![[r#"
        delivered attempt=T-1-a2
        attempt-ended attempt=T-1-a2 base=base counts=claim head=head next=needs-you not_before=0 finished
        card-opened [C-1] T-1 deletes 60 of 80 files and holds what looks like a secret. Verify it anyway?
    "#]],
    );
    let sent_back = given(&after(at_work(), [found("T-1-a1", 1)]));
    let told = sent_back.state().deliveries.values().next().unwrap();
    expect![[r#"
        Your work holds what looks like secrets:
        - src/a.rs:3: github token

        Take each of them out: read the value from an environment variable, and put a placeholder for it into `.env.example`, never the value. Where nothing works without the real value, ask with `ask_user` to have the variable set. A later commit that removes a secret still publishes it: rewrite the branch so that no commit holds it (`git reset --soft base`, then commit again). If a value is no secret, say so with `log_assumption`; a person decides then. Nothing was published or verified."#]].assert_eq(&told.text);
}

fn untested() -> Hazard {
    Hazard::Untested { files: vec!["src/a.rs".to_owned()] }
}

#[test]
fn code_without_a_test_goes_back_once_and_then_to_a_person() {
    let found = |attempt: &str, token| ended(attempt, token, |e| e.hazards = vec![untested()]);
    check(
        &at_work(),
        found("T-1-a1", 1),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=it changes code and no test
            hazard-sent-back ticket=T-1
            delivery-queued D-1 rejection
        "#]],
    );
    let sent_back = given(&after(at_work(), [found("T-1-a1", 1)]));
    let told = sent_back.state().deliveries.values().next().unwrap();
    expect![[r#"
        Your work changes code, and no test changes with it:
        - src/a.rs

        Add tests that fail without your change and pass with it, run them, and commit. If no test can show what you changed, say why with `log_assumption`, then end your turn again; others decide then. Nothing was verified."#]].assert_eq(&told.text);
    let again = after(at_work(), [found("T-1-a1", 1), tick(), claim("T-1-a2", 2)]);
    check(
        &again,
        found("T-1-a2", 2),
        &expect![[r#"
            delivered attempt=T-1-a2
            attempt-ended attempt=T-1-a2 base=base counts=claim head=head next=needs-you not_before=0 finished
            card-opened [C-1] T-1 changes code and no test. Verify it anyway?
        "#]],
    );
}

#[test]
fn each_kind_of_hazard_goes_back_once() {
    let first = ended("T-1-a1", 1, |e| e.hazards = vec![untested()]);
    let again = after(at_work(), [first, tick(), claim("T-1-a2", 2)]);
    check(
        &again,
        ended("T-1-a2", 2, |e| e.hazards = vec![secrets(true), untested()]),
        &expect![[r#"
            delivered attempt=T-1-a2
            attempt-ended attempt=T-1-a2 base=base counts=claim head=head next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=it holds what looks like a secret
            hazard-sent-back ticket=T-1
            delivery-queued D-2 rejection
        "#]],
    );
}

#[test]
fn a_person_says_that_a_ticket_needs_no_test() {
    let change = TicketChange { labels: Some(vec!["no-tests".to_owned()]), ..TicketChange::default() };
    let labelled = after(at_work(), [Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) }]);
    check(
        &labelled,
        ended("T-1-a1", 1, |e| e.hazards = vec![untested()]),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=verifying not_before=0 finished
        "#]],
    );
}

fn no_tests() -> Input {
    let change = TicketChange { labels: Some(vec!["no-tests".to_owned()]), ..TicketChange::default() };
    Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) }
}

/// Its agent was asked for tests once, and says again that it is done.
fn asked_again(hazards: &[Hazard]) -> Vec<Input> {
    let found = |attempt: &str, token| ended(attempt, token, |e| e.hazards = vec![untested()]);
    let first = [found("T-1-a1", 1), tick(), claim("T-1-a2", 2)];
    after(after(at_work(), first), [ended("T-1-a2", 2, |e| e.hazards = hazards.to_vec())])
}

#[test]
fn the_label_settles_the_card_about_missing_tests() {
    check(
        &asked_again(&[untested()]),
        no_tests(),
        &expect![[r#"
            ticket-edited ticket=T-1
            card-withdrawn card=C-1 why=it needs no test
            verification-needed head=head ticket=T-1 why=it needs no test
        "#]],
    );
    check(
        &asked_again(&[untested(), deletions()]),
        no_tests(),
        &expect![[r#"
            ticket-edited ticket=T-1
            card-withdrawn card=C-1 why=it needs no test
            card-opened [C-2] T-1 deletes 60 of 80 files. Verify it anyway?
        "#]],
    );
}

#[test]
fn who_is_sent_back_for_missing_tests_is_told_which_code_has_none() {
    let told = |hazards: &[Hazard]| {
        let ledger = given(&after(asked_again(hazards), [answer("C-1", "reject")]));
        ledger.state().deliveries.values().next_back().unwrap().text.clone()
    };
    expect![[r#"
        Your work on T-1 was rejected by a person: it changes code and no test.

        No test changes with this code:
        - src/a.rs
        Add tests that fail without your change and pass with it, run them, and commit."#]]
    .assert_eq(&told(&[untested()]));
    expect![[r#"
        Your work on T-1 was rejected by a person: it deletes 60 of 80 files and changes code and no test.

        Deleted: a.txt, b.txt and 58 more
        `git restore --source base -- <path>` brings a file back.

        No test changes with this code:
        - src/a.rs
        Add tests that fail without your change and pass with it, run them, and commit."#]]
    .assert_eq(&told(&[deletions(), untested()]));
}

#[test]
fn where_others_review_they_judge_whether_a_test_is_missing() {
    let policy = Policy { review: Review::Person, ..policy() };
    let found = |attempt: &str, token| ended(attempt, token, |e| e.hazards = vec![untested()]);
    let reviewed = after(at_work(), [Input::SetPolicy { policy }, found("T-1-a1", 1), tick(), claim("T-1-a2", 2)]);
    check(
        &reviewed,
        found("T-1-a2", 2),
        &expect![[r#"
            delivered attempt=T-1-a2
            attempt-ended attempt=T-1-a2 base=base counts=claim head=head next=verifying not_before=0 finished
        "#]],
    );
}

#[test]
fn where_the_policy_is_strict_secrets_are_a_card_at_once() {
    let carded = after(at_work(), [ended("T-1-a1", 1, |e| e.hazards = vec![secrets(false)])]);
    let board = given(&carded);
    let card = board.state().open_cards().next().unwrap();
    assert!(matches!(&card.kind, CardKind::Approval { .. }), "{card:?}");
    assert_eq!(card.question, "T-1 holds what looks like a secret. Verify it anyway?");
}

#[test]
fn what_an_agent_did_to_your_repository_is_a_notice_that_holds_nothing_up() {
    let touched = Input::RepositoryTouched {
        ticket: "T-1".into(),
        changes: vec!["refs/heads/main was moved: `git update-ref refs/heads/main c1` moves it back".to_owned()],
    };
    check(
        &at_work(),
        touched.clone(),
        &expect![[r#"
        card-opened [C-1] An agent moved branches or tags of your repository while T-1 was at work
    "#]],
    );
    let board = given(&after(at_work(), [touched]));
    let card = board.state().open_cards().next().unwrap();
    assert!(matches!(card.kind, CardKind::Notice { .. }) && card.brief.contains("git update-ref"), "{card:?}");
}
