//! What happens while a session is at work: permissions and messages.

use crate::support::{NOW, after, answer, at_work, board, check, ended, given, host, policy, tick};
use expect_test::expect;
use ganger_engine::{
    AgentPolicy, AttemptOutcome, DeliveryEvidence, FailureClass, Input, PermissionRequest, Permit, Policy, Scope,
    Urgency,
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

pub(crate) fn question() -> Input {
    Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which one?".into(),
        brief: String::new(),
        options: Vec::new(),
    }
}

pub(crate) fn stops() -> Input {
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
    let other = AgentPolicy {
        runtime: "s".into(),
        model: String::new(),
        sessions: true,
        fallback: None,
        login: String::new(),
        may_add_tickets: false,
    };
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

pub(crate) fn interrupted() -> Input {
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
