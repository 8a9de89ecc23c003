//! What happens while a session is at work: permissions, messages, stop and resume.

use crate::support::{NOW, accepted, after, answer, at_work, board, check, ended, evidence, given, host, policy, tick};
use expect_test::expect;
use ganger_engine::{
    AgentPolicy, AttemptOutcome, Card, CardKind, CardState, DeliveryEvidence, Envelope, EscalationReason, Event,
    FailureClass, Input, Ledger, PermissionRequest, Permit, Phase, Policy, Scope, TicketId, Urgency,
};

fn asks(request_id: &str) -> Input {
    let request = PermissionRequest { tool: "command".into(), subject: "git push".into() };
    Input::AskPermission {
        attempt: "T-1-a1".into(),
        token: 1,
        request_id: request_id.into(),
        request,
        by: String::new(),
        hint: String::new(),
    }
}

fn lapses(request: &str) -> Input {
    let why = "nobody answered".into();
    Input::PermissionLapsed { attempt: "T-1-a1".into(), token: 1, request_id: request.into(), why }
}

fn tells(urgency: Urgency) -> Input {
    Input::Tell { ticket: "T-1".into(), text: "look at the log".into(), urgency, by: "p".into() }
}

fn question() -> Input {
    Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which one?".into(),
        brief: String::new(),
        options: Vec::new(),
    }
}

fn stops() -> Input {
    Input::StopTicket { ticket: "T-1".into(), why: "lunch".into(), by: "p".into() }
}

fn limited() -> Input {
    let failed = AttemptOutcome::Failed {
        class: FailureClass::Transient,
        message: "limit reached".into(),
        retry_at: Some(NOW + 600_000),
        model: None,
    };
    ended("T-1-a1", 1, |e| e.outcome = failed)
}

#[test]
fn a_limit_of_the_service_pauses_its_runtime_for_everybody() {
    check(
        &at_work(),
        limited(),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=transient head=head next=open not_before=0 failed
            runtime-paused runtime=r until=1601013 why=limit reached
        "#]],
    );
    check(&after(at_work(), [limited()]), tick(), &expect![[""]]);
}

#[test]
fn a_limit_of_one_model_pauses_only_those_who_ask_for_it() {
    let mut policy = policy();
    let of = |model: &str| AgentPolicy { model: model.into(), ..policy.agents["builder"].clone() };
    let agents = [("builder", of("claude-opus-5")), ("opus", of("opus")), ("sonnet", of("sonnet")), ("any", of(""))];
    policy.agents = agents.map(|(name, agent)| (name.to_owned(), agent)).into();
    let mut limited = limited();
    if let Input::AttemptEnded { end, .. } = &mut limited
        && let AttemptOutcome::Failed { model, .. } = &mut end.outcome
    {
        *model = Some("opus".into());
    }
    let known = Input::SetPolicy { policy };
    let board = given(&after(at_work(), [known, limited]));
    let is_paused = |agent| board.state().pause_of(NOW, agent).is_some();
    assert_eq!(["builder", "opus", "sonnet", "any"].map(is_paused), [true, true, false, true]);
}

#[test]
fn while_a_runtime_is_paused_the_fallback_takes_over() {
    let mut policy = policy();
    let other = AgentPolicy { runtime: "s".into(), model: String::new(), sessions: true, fallback: None };
    policy.agents.insert("other".into(), other);
    policy.agents.get_mut("builder").unwrap().fallback = Some("other".into());
    let mut report = host("i-1");
    if let Input::HostReport { report, .. } = &mut report {
        report.runtimes.insert("s".into());
    }
    check(
        &after(at_work(), [Input::SetPolicy { policy }, report, limited()]),
        tick(),
        &expect![[r#"
        attempt-offered agent=other attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=2
        then offer/T-1-a2/2
    "#]],
    );
}

fn interrupted() -> Input {
    ended("T-1-a1", 1, |e| e.outcome = AttemptOutcome::Interrupted)
}

#[test]
fn a_request_becomes_a_card_and_the_answer_goes_to_the_process_that_asked() {
    check(
        &at_work(),
        asks("7"),
        &expect![[r#"
        card-opened [C-1] Allow builder to run `git push`?
    "#]],
    );
    check(
        &after(at_work(), [asks("7")]),
        answer("C-1", "once"),
        &expect![[r#"
            card-answered answer=once by=p card=C-1
            permission-answered
            then answer-permission/T-1-a1/1/7
        "#]],
    );
    check(
        &after(at_work(), [asks("7")]),
        answer("C-1", "deny not from here"),
        &expect![[r#"
            card-answered answer=not from here by=p card=C-1
            permission-answered
            then answer-permission/T-1-a1/1/7
        "#]],
    );
    let settled = Input::PermissionDelivered { attempt: "T-1-a1".into(), token: 1, request_id: "7".into() };
    check(
        &after(at_work(), [asks("7"), answer("C-1", "once")]),
        settled,
        &expect![[r#"
            permission-delivered
        "#]],
    );
}

#[test]
fn what_is_always_allowed_is_not_asked_again() {
    check(
        &after(at_work(), [asks("7"), answer("C-1", "agent")]),
        asks("8"),
        &expect![[r#"
        then answer-permission/T-1-a1/1/7
    "#]],
    );
}

#[test]
fn what_is_not_allowed_any_more_is_asked_again() {
    let permit = || Permit {
        scope: Scope::Agent { agent: "builder".into() },
        request: PermissionRequest { tool: "command".into(), subject: "git push".into() },
    };
    let revoke = || Input::Revoke { permit: permit(), by: "p".into() };
    let allowed = || after(at_work(), [asks("7"), answer("C-1", "agent")]);
    check(
        &allowed(),
        revoke(),
        &expect![[r#"
        permit-revoked by=p
        then answer-permission/T-1-a1/1/7
    "#]],
    );
    check(
        &after(allowed(), [revoke()]),
        asks("8"),
        &expect![[r#"
        card-opened [C-2] Allow builder to run `git push`?
        then answer-permission/T-1-a1/1/7
    "#]],
    );
    check(
        &after(allowed(), [revoke()]),
        revoke(),
        &expect![[r#"
        refused (unknown-permit): no such permission is granted
        then answer-permission/T-1-a1/1/7
    "#]],
    );
}

#[test]
fn an_answer_that_comes_too_late_counts_once_for_the_next_request() {
    let late = || after(at_work(), [asks("7"), lapses("7"), answer("C-1", "once")]);
    check(
        &after(at_work(), [asks("7"), lapses("7")]),
        answer("C-1", "once"),
        &expect![[r#"
        card-answered answer=once by=p card=C-1
        permit-granted by=p
    "#]],
    );
    check(
        &late(),
        asks("8"),
        &expect![[r#"
        permit-used
    "#]],
    );
    check(
        &after(late(), [asks("8")]),
        asks("9"),
        &expect![[r#"
        card-opened [C-2] Allow builder to run `git push`?
    "#]],
    );
}

#[test]
fn a_dead_process_withdraws_its_request_and_a_late_word_still_counts() {
    check(
        &after(at_work(), [asks("7")]),
        interrupted(),
        &expect![[r#"
            card-withdrawn card=C-1 why=the process that asked is gone; an answer counts for the next request
            attempt-ended attempt=T-1-a1 base=base counts=nothing head=head next=open not_before=0 interrupted
        "#]],
    );
    check(
        &after(at_work(), [asks("7"), interrupted()]),
        answer("C-1", "ticket"),
        &expect![[r#"
        card-answered answer=ticket by=p card=C-1
        permit-granted by=p
    "#]],
    );
    check(
        &after(at_work(), [asks("7")]),
        host("i-2"),
        &expect![[r#"
        card-withdrawn card=C-1 why=the process that asked is gone; an answer counts for the next request
        attempt-lost attempt=T-1-a1 clear_at=1001000 why=its host restarted
        attempt-cleared attempt=T-1-a1
        host-reported host=h
    "#]],
    );
}

#[test]
fn another_word_than_the_options_is_refused() {
    check(
        &after(at_work(), [asks("7")]),
        answer("C-1", "maybe"),
        &expect![[r#"
        refused (not-an-option): `maybe` is not an answer to C-1
    "#]],
    );
}

#[test]
fn a_message_goes_to_the_session_that_is_at_work() {
    check(
        &at_work(),
        tells(Urgency::Now),
        &expect![[r#"
        delivery-queued D-1 message
        then deliver/T-1-a1/1/D-1
    "#]],
    );
    let delivered = Input::Delivered {
        attempt: "T-1-a1".into(),
        token: 1,
        deliveries: vec!["D-1".into()],
        evidence: DeliveryEvidence::SentUnchecked,
    };
    check(
        &after(at_work(), [tells(Urgency::Now)]),
        delivered,
        &expect![[r#"
        delivered attempt=T-1-a1
    "#]],
    );
}

#[test]
fn a_message_that_was_not_read_before_the_claim_sends_the_ticket_back() {
    check(
        &after(at_work(), [tells(Urgency::Idle)]),
        ended("T-1-a1", 1, |_| {}),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=open not_before=0 finished
        "#]],
    );
}

#[test]
fn a_message_during_verification_takes_the_claim_back() {
    check(
        &after(at_work(), [ended("T-1-a1", 1, |_| {})]),
        tells(Urgency::Idle),
        &expect![[r#"
        delivery-queued D-1 message
        ticket-rejected ticket=T-1 why=p wrote to the agent
    "#]],
    );
}

/// With no gate a person is asked to accept: who writes to the agent instead has not accepted, and is read.
#[test]
fn a_message_takes_back_what_a_person_is_asked_to_accept() {
    let without_gates = Input::SetPolicy { policy: Policy { gates: Vec::new(), ..policy() } };
    let asked = after(at_work(), [without_gates, ended("T-1-a1", 1, |_| {}), tick()]);
    check(
        &asked,
        tells(Urgency::Idle),
        &expect![[r#"
        delivery-queued D-1 message
        card-withdrawn card=C-1 why=p wrote to the agent
        ticket-rejected ticket=T-1 why=p wrote to the agent
    "#]],
    );
}

#[test]
fn a_message_that_nobody_would_read_is_refused() {
    check(
        &crate::support::accepted(),
        tells(Urgency::Idle),
        &expect![[r#"
            refused (no-session): T-1 is accepted: no session will read the message
            then retire/T-1/h
        "#]],
    );
    check(
        &board(),
        tells(Urgency::Interrupt),
        &expect![[r#"
        refused (not-running): T-1 has no turn in progress
    "#]],
    );
    let closed = Input::CloseTicket { ticket: "T-1".into(), reason: "r".into(), by: "p".into() };
    check(
        &after(board(), [tells(Urgency::Idle)]),
        closed,
        &expect![[r#"
        ticket-closed by=p reason=r ticket=T-1
        delivery-returned ticket=T-1 why=the ticket was closed
    "#]],
    );
}

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
    let asked = after(at_work(), [question(), ended("T-1-a1", 1, |_| {})]);
    check(
        &asked,
        stops(),
        &expect![[r#"
        refused (not-running): T-1 is suspended: no agent is working on it
    "#]],
    );
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

#[test]
fn a_message_counts_as_possibly_repeated_only_where_no_transcript_could_be_read() {
    let claim = |attempt: &str, token| Input::Claim {
        attempt: attempt.into(),
        token,
        host: "h".into(),
        incarnation: "i-2".into(),
    };
    let lost = || after(at_work(), [tells(Urgency::Now), host("i-2"), tick(), claim("T-1-a2", 2)]);
    let is_in_doubt = |evidence: Option<DeliveryEvidence>| {
        let delivered = evidence.map(|evidence| {
            let (attempt, deliveries) = ("T-1-a2".into(), vec!["D-1".into()]);
            Input::Delivered { attempt, token: 2, deliveries, evidence }
        });
        let board = given(&after(lost(), delivered));
        let ticket = &board.state().tickets[&"T-1".into()];
        assert_eq!(ticket.messages[0].delivered.is_some(), evidence.is_some());
        ticket.messages[0].possibly_repeated
    };
    assert!(is_in_doubt(None), "nobody knows what became of it");
    assert!(is_in_doubt(Some(DeliveryEvidence::SentUnchecked)));
    assert!(!is_in_doubt(Some(DeliveryEvidence::SentOnce)));
    assert!(!is_in_doubt(Some(DeliveryEvidence::FoundInTranscript)));
}

/// Its card would wait for an answer that nobody hears.
#[test]
fn a_cancelled_attempt_asks_nothing() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: String::new(), by: "p".into() };
    let question = question();
    let refused = expect![[r#"
        refused (cancelled): attempt T-1-a1 was cancelled
        then cancel/T-1-a1/1
    "#]];
    for cancelled in [close, stops()] {
        for asked in [question.clone(), asks("7")] {
            check(&after(at_work(), [cancelled.clone()]), asked, &refused);
        }
    }
}
