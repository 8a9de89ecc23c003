//! Cards: answers are read at the edge, closing is one thing, and what is not answered stays asked.

use crate::support::{
    accepted, add, after, answer, at_work, board, check, claim, ended, evidence, given, policy, tick,
};
use expect_test::expect;
use ganger_engine::{CardAnswer, CardId, CardOption, Input, Ledger, Phase, Policy, Review, TicketChange, TicketId};

fn close(ticket: &str) -> Input {
    Input::CloseTicket { ticket: ticket.into(), reason: "no".into(), by: "p".into() }
}

fn reviewing() -> Vec<Input> {
    let review = Policy { review: Review::Person, ..policy() };
    let set = Input::SetPolicy { policy: review };
    after(board(), [set, tick(), claim("T-1-a1", 1), ended("T-1-a1", 1, |_| {}), tick(), evidence("T-1", 2, "head", 0)])
}

fn parse(ledger: &Ledger, card: &str, typed: &str) -> Result<CardAnswer, String> {
    ledger.state().cards[&CardId::from(card)].parse_answer(typed).map_err(|e| e.code.to_string())
}

#[test]
fn words_are_options_free_text_or_refused() {
    let review = given(&reviewing());
    assert_eq!(parse(&review, "C-1", " Accept "), Ok(CardAnswer::Option(CardOption::Accept)));
    assert_eq!(parse(&review, "C-1", "cancel"), Ok(CardAnswer::Text("cancel".into())), "a comment closes nothing");
    assert_eq!(parse(&review, "C-1", "  "), Err("empty-answer".into()));
    let held = [Input::SetPolicy { policy: Policy { max_rejections: 1, ..policy() } }];
    let held = given(&after(after(at_work(), held), [ended("T-1-a1", 1, |e| e.head = e.base.clone())]));
    assert_eq!(parse(&held, "C-1", "retry"), Ok(CardAnswer::Option(CardOption::Retry)));
    assert_eq!(parse(&held, "C-1", "retyr"), Err("not-an-option".into()));
}

#[test]
fn a_review_comment_of_one_word_sends_the_work_back() {
    check(
        &reviewing(),
        Input::Answer(ganger_engine::Answer {
            card: "C-1".into(),
            answer: CardAnswer::Text("cancel".into()),
            by: "p".into(),
        }),
        &expect![[r#"
            card-answered answer=cancel by=p card=C-1
            ticket-rejected ticket=T-1 why=a person asks for changes
            delivery-queued D-1 rejection
        "#]],
    );
}

#[test]
fn an_answer_that_its_card_does_not_take_is_refused() {
    check(
        &reviewing(),
        answer("C-1", "retry"),
        &expect![[r#"
        refused (not-an-option): `retry` is not an answer to C-1
    "#]],
    );
}

/// A card that says cancel does what the command does: the attempt is cancelled, messages go back, dependents ask.
#[test]
fn closing_by_card_is_closing_by_command() {
    let told = Input::Tell {
        ticket: "T-2".into(),
        text: "look".into(),
        urgency: ganger_engine::Urgency::Idle,
        by: "p".into(),
    };
    let two = add("two", |s| s.after = vec!["T-1".into()]);
    let three = add("three", |s| s.after = vec!["T-2".into()]);
    let asked = after(board(), [two, three, close("T-1"), told]);
    check(
        &asked,
        answer("C-1", "cancel"),
        &expect![[r#"
        card-answered answer=cancel by=p card=C-1
        ticket-closed by=p reason=answered `cancel` on C-1 ticket=T-2
        delivery-returned ticket=T-2 why=the ticket was closed
        card-opened [C-2] T-3 depends on T-2, which was closed. Continue without it?
    "#]],
    );
    check(
        &asked,
        close("T-2"),
        &expect![[r#"
        ticket-closed by=p reason=no ticket=T-2
        card-withdrawn card=C-1 why=the ticket was closed
        delivery-returned ticket=T-2 why=the ticket was closed
        card-opened [C-2] T-3 depends on T-2, which was closed. Continue without it?
    "#]],
    );
}

/// A dependency closes while its dependent runs: its card says cancel, and the running attempt is cancelled, too.
#[test]
fn cancelling_a_running_ticket_by_its_card_cancels_its_attempt() {
    let two = add("two", |s| s.after = vec!["T-1".into()]);
    let running = after(accepted(), [two, tick(), claim("T-2-a1", 3), close("T-1")]);
    check(
        &running,
        answer("C-1", "cancel"),
        &expect![[r#"
            card-answered answer=cancel by=p card=C-1
            ticket-closed by=p reason=answered `cancel` on C-1 ticket=T-2
            attempt-cancelled attempt=T-2-a1 why=the ticket was closed
            then cancel/T-2-a1/3
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn the_question_about_a_closed_dependency_stays_until_it_is_answered() {
    let two = add("two", |s| s.after = vec!["T-1".into()]);
    let orphaned = after(accepted(), [two, tick(), claim("T-2-a1", 3), ended("T-2-a1", 3, |_| {}), close("T-1")]);
    let open = |inputs: &[Input]| -> Vec<String> {
        given(inputs).state().open_cards_of(&TicketId::from("T-2")).map(|c| c.kind.as_str().to_owned()).collect()
    };
    let moved = Input::HeadMoved { ticket: "T-2".into(), head: "other".into() };
    assert_eq!(open(&after(orphaned.clone(), [moved])), ["orphaned"]);
    let edited = TicketChange { title: Some("new".into()), ..TicketChange::default() };
    let edited = Input::EditTicket { ticket: "T-2".into(), change: Box::new(edited) };
    assert_eq!(open(&after(orphaned.clone(), [edited])), ["orphaned"]);
    let dropped = TicketChange { after: Some(Vec::new()), ..TicketChange::default() };
    let dropped = Input::EditTicket { ticket: "T-2".into(), change: Box::new(dropped) };
    assert_eq!(open(&after(orphaned.clone(), [dropped])), [""; 0], "the edit is the answer");
    let reopen = Input::ReopenTicket { ticket: "T-2".into(), reason: String::new(), by: "p".into() };
    assert_eq!(open(&after(orphaned, [close("T-2"), reopen])), ["orphaned"], "asked again");
}

#[test]
fn a_notice_outlives_what_happens_to_its_ticket() {
    let kept = Input::WorkspaceKept { ticket: "T-1".into(), host: "h".into(), why: "a repository inside".into() };
    let reopen = Input::ReopenTicket { ticket: "T-1".into(), reason: String::new(), by: "p".into() };
    let ledger = given(&after(accepted(), [close("T-1"), kept, reopen, close("T-1")]));
    assert_eq!(ledger.state().open_cards().map(|c| c.kind.as_str()).collect::<Vec<_>>(), ["notice"]);
}

#[test]
fn continuing_without_one_closed_dependency_leaves_the_question_about_the_other() {
    let third = add("three", |s| s.after = vec!["T-1".into(), "T-2".into()]);
    let ledger =
        given(&after(board(), [add("two", |_| {}), third, close("T-1"), close("T-2"), answer("C-1", "continue")]));
    let ticket = &ledger.state().tickets[&TicketId::from("T-3")];
    assert_eq!((ticket.phase, ticket.spec.after.as_slice()), (Phase::Open, &[TicketId::from("T-2")][..]));
    assert_eq!(ledger.state().open_cards().count(), 1);
}

/// An answer that no session was given yet can be replaced; afterwards it has taken effect.
#[test]
fn an_answer_is_corrected_until_it_took_effect() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which?".into(),
        brief: String::new(),
        options: vec!["red".into(), "blue".into()],
    };
    let asked = after(at_work(), [ask, ended("T-1-a1", 1, |_| {})]);
    let answered = after(asked, [answer("C-1", "red")]);
    check(
        &answered,
        answer("C-1", "blue"),
        &expect![[r#"
        delivery-returned ticket=T-1 why=the answer was corrected
        card-answered answer=blue by=p card=C-1
        delivery-queued D-2 answer
    "#]],
    );
    let dispatched = after(answered, [tick(), claim("T-1-a2", 2)]);
    check(
        &dispatched,
        answer("C-1", "blue"),
        &expect![[r#"
        refused (already-answered): C-1 was answered before: red
    "#]],
    );
}

#[test]
fn an_answer_beside_the_suggestions_is_refused_where_it_is_typed() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which?".into(),
        brief: String::new(),
        options: vec!["Red".into(), "blue".into()],
    };
    let board = given(&after(at_work(), [ask]));
    let card = &board.state().cards[&CardId::from("C-1")];
    assert_eq!(card.parse_answer("red").unwrap(), CardAnswer::Text("Red".into()));
    let refused = card.parse_answer("maybe").unwrap_err();
    assert_eq!(refused.hint.as_deref(), Some("answer with one of: Red, blue; `--other` takes any other answer"));
}

/// What was wrong was the machine: the same head is verified again, and no agent is started.
#[test]
fn the_gates_alone_run_again() {
    let failed = Input::VerificationFailed { ticket: "T-1".into(), token: 2, why: "no space".into() };
    let strict = Input::SetPolicy { policy: Policy { max_attempts: 1, ..policy() } };
    let held = after(at_work(), [ended("T-1-a1", 1, |_| {}), tick(), strict, failed]);
    check(
        &held,
        answer("C-1", "retry-gates"),
        &expect![[r#"
        card-answered answer=retry-gates by=p card=C-1
        evidence-discarded ticket=T-1
        verification-needed head=head ticket=T-1 why=you answered C-1 with `retry-gates`
    "#]],
    );
}
