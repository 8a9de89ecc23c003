//! Stopping a ticket and resuming it.

use crate::live::{interrupted, question, stops};
use crate::support::{NOW, accepted, after, answer, at_work, board, check, ended, evidence, given, host, policy, tick};
use expect_test::expect;
use ganger_engine::{
    Card, CardKind, CardState, Envelope, EscalationReason, Event, Hazard, Input, Ledger, Phase, Policy, Review,
    TicketId, status_of,
};

#[test]
fn a_stopped_ticket_waits_until_it_is_resumed() {
    check(
        &at_work(),
        stops(),
        &expect![[r#"
        attempt-cancelled attempt=T-1-a1 why=p stopped it
        ticket-stopped by=p ticket=T-1 why=lunch
        then cancel/T-1-a1/1
    "#]],
    );
    check(
        &after(at_work(), [stops()]),
        interrupted(),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=nothing head=head next=stopped not_before=0 interrupted
        "#]],
    );
    let resumed = || Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    check(
        &after(at_work(), [stops(), interrupted()]),
        resumed(),
        &expect![[r#"
            stop-lifted by=p ticket=T-1
            ticket-resumed ticket=T-1
        "#]],
    );
    check(
        &board(),
        stops(),
        &expect![[r#"
        ticket-stopped by=p ticket=T-1 why=lunch
    "#]],
    );
    check(&after(board(), [stops()]), stops(), &expect![[""]]);
    check(&after(board(), [stops()]), tick(), &expect![[""]]);
    check(&after(at_work(), [stops(), host("i-2")]), tick(), &expect![""]);
    check(
        &board(),
        resumed(),
        &expect![[r#"
        refused (not-stopped): T-1 was not stopped; it is open
    "#]],
    );
}

/// A stop is the person's own: it is no card, and no phase that asks for one.
#[test]
fn what_was_stopped_does_not_open_again_by_itself() {
    let phase_after = |inputs: Vec<Input>| given(&inputs).state().tickets[&"T-1".into()].phase;
    assert_eq!(phase_after(after(board(), [stops()])), Phase::Stopped);
    assert_eq!(phase_after(after(at_work(), [stops()])), Phase::Running);
    assert_eq!(phase_after(after(at_work(), [stops(), interrupted()])), Phase::Stopped);
    assert_eq!(phase_after(after(at_work(), [stops(), host("i-2")])), Phase::Stopped);
    assert_eq!(given(&after(at_work(), [stops(), interrupted()])).state().open_cards().count(), 0);
    let resumed = Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    assert_eq!(phase_after(after(board(), [stops(), resumed])), Phase::Open);
}

#[test]
fn a_ticket_that_is_verified_stops_when_its_gates_reject_it() {
    let verified = |exit_code: i32, also: Vec<Input>| {
        let verifying = after(at_work(), [ended("T-1-a1", 1, |_| {}), tick(), stops()].into_iter().chain(also));
        given(&after(verifying, [evidence("T-1", 2, "head", exit_code), tick()])).state().tickets[&"T-1".into()].clone()
    };
    let resumed = Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    assert_eq!(verified(1, vec![]).phase, Phase::Stopped);
    assert_eq!(verified(1, vec![resumed]).phase, Phase::Running, "resumed in time, its agent just works on");
    let accepted = verified(0, vec![]);
    assert_eq!((accepted.phase, accepted.stopped), (Phase::Accepted, None), "what is accepted has nothing to stop");
}

/// Before there was the phase, a card held what was stopped: such journals are read, and the ticket is resumed.
#[test]
fn a_stopped_ticket_of_an_older_journal_is_resumed_with_its_card() {
    let mut state = given(&board()).state().clone();
    let id = TicketId::from("T-1");
    let card = Card {
        id: "C-1".into(),
        ticket: id.clone(),
        attempt: None,
        kind: CardKind::Escalation { why: EscalationReason::Stopped },
        question: "T-1 is stopped. Resume it?".into(),
        brief: String::new(),
        default: None,
        consequence: String::new(),
        opened: NOW,
        state: CardState::Open,
    };
    for event in [
        Event::TicketStopped { ticket: id.clone(), why: String::new(), by: "p".into() },
        Event::TicketHeld { ticket: id.clone(), card: None },
        Event::CardOpened { card, number: 1 },
    ] {
        state.apply(NOW, &event).unwrap();
    }
    assert_eq!(state.tickets[&id].phase, Phase::NeedsYou);
    for input in [answer("C-1", "resume"), Input::ResumeTicket { ticket: id.clone(), by: "p".into() }] {
        let mut ledger = Ledger::new(state.clone());
        ledger.decide(NOW, &Envelope::new("k", "c", input)).unwrap();
        let found = &ledger.state().tickets[&id];
        assert_eq!((found.phase, &found.stopped), (Phase::Open, &None));
        assert_eq!(ledger.state().open_cards().count(), 0);
    }
}

#[test]
fn a_stop_where_no_agent_works_is_refused_with_the_way_to_look() {
    check(
        &accepted(),
        stops(),
        &expect![[r#"
        refused (not-running): T-1 is accepted: no agent is working on it
        then retire/T-1/h
    "#]],
    );
}

/// What waits for a person can be stopped as what works can: the answer does not set it to work again.
#[test]
fn an_answer_about_a_stopped_ticket_waits_with_it() {
    let resume = || Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    let held_by = |waiting: &[Input], said: &str| {
        let stopped = after(waiting.to_vec(), [stops()]);
        let state = given(&stopped).state().clone();
        let ticket = &state.tickets[&"T-1".into()];
        assert_eq!(status_of(&state, &"T-1".into(), ticket), Phase::Stopped);
        let answered = after(stopped.clone(), [answer("C-1", said), tick(), tick()]);
        assert_eq!(given(&answered).state().tickets[&"T-1".into()].phase, Phase::Stopped);
        assert_eq!(given(&after(answered, [resume(), tick()])).state().attempts.len(), 1);
        let resumed = given(&after(stopped, [resume()])).state().tickets[&"T-1".into()].clone();
        assert_eq!((resumed.phase, &resumed.stopped), (ticket.phase, &None), "it waits for the answer alone");
    };
    held_by(&after(at_work(), [question(), ended("T-1-a1", 1, |_| {})]), "this");
    let deleted = Hazard::Deletions { deleted: 60, of: 80, files: vec!["a.txt".into()] };
    held_by(&after(at_work(), [ended("T-1-a1", 1, |end| end.hazards = vec![deleted])]), "reject");
    let policy = Policy { review: Review::Person, ..policy() };
    let reviewed = [Input::SetPolicy { policy }, ended("T-1-a1", 1, |_| {}), tick(), evidence("T-1", 2, "head", 0)];
    held_by(&after(at_work(), reviewed), "Shorter, please");
}

#[test]
fn resumed_before_it_has_stopped_it_just_goes_on() {
    let resumed = Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    check(
        &after(at_work(), [stops(), resumed, interrupted()]),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=2
        then offer/T-1-a2/2
    "#]],
    );
}
