//! The golden file of each message, and what cannot be read.

use super::*;
use crate::config::{Agent, Config, RuntimeKind};
use ganger_engine::{
    AttemptEnd, AttemptId, AttemptOutcome, Check, DecisionId, Envelope, Evidence, EvidenceKey, Expects, FailureClass,
    Importance, Input, NewMail, NewTicket, Order, Outcome, PermissionRequest, Policy, RejectCode, Rejected, Report,
    Speaker, TicketId, TicketSpec, Usage, VerifyJob,
};
use serde_json::Value;

fn config() -> Config {
    let agent = Agent {
        model: "some-model".into(),
        deny: vec!["command(git push*)".into()],
        ..Agent::plain(RuntimeKind::Codex)
    };
    let gate = crate::config::Gate {
        name: "test".into(),
        command: "make test".into(),
        timeout_s: 60,
        ..crate::config::Gate::plain()
    };
    Config { agents: [("coder".to_owned(), agent)].into(), gates: vec![gate], ..Config::default() }
}

fn offer() -> ganger_engine::Offer {
    ganger_engine::Offer {
        attempt: "T-1-a2".into(),
        token: 7,
        ticket: "T-1".into(),
        spec: TicketSpec { title: "Add a greeting".into(), ..TicketSpec::default() },
        revision: 1,
        number: 2,
        agent: "coder".into(),
        session: Some("s-1".into()),
        deliveries: Vec::new(),
        told: vec!["mind the tests".into()],
        bases: vec![("T-0".into(), ganger_engine::Commit::new("a".repeat(40)))],
        base: None,
        begins_at: None,
        direction: Vec::new(),
    }
}

fn resolved(order: Order) -> ToHost {
    ToHost::resolve(order, &config(), "main").expect("the configuration has everything")
}

fn verify() -> Order {
    let gates = config().gates.iter().map(crate::config::Gate::to_policy).collect();
    let commit = ganger_engine::Commit::new("b".repeat(40));
    let checks = vec![Check { command: "test -f greeting.txt".into(), expects: Expects::RedThenGreen }];
    let (ticket, known_before) = ("T-1".into(), vec!["0123456789abcdef".to_owned()]);
    let job =
        VerifyJob { ticket, token: 8, commit, revision: 1, base: None, gates, checks, known_before, blames_base: true };
    Order::Verify(Box::new(job))
}

fn command(input: Input) -> ToForeman {
    let envelope = Envelope::new("key-1", "for people", input);
    ToForeman::Command(Box::new(Command::try_from(envelope).expect("it travels").awaited("control.reply.x".into(), 9)))
}

fn ended() -> AttemptEnd {
    AttemptEnd {
        outcome: AttemptOutcome::Finished,
        head: Some(ganger_engine::Commit::new("c".repeat(40))),
        base: None,
        files: vec!["src/lib.rs".into()],
        lines: None,
        tampering: Vec::new(),
        hazards: Vec::new(),
        unfit: Vec::new(),
        usage: Usage::default(),
        report: None,
    }
}

/// Holds a message against its golden file, and reads it again.
#[track_caller]
fn golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    let path = format!("{}/src/wire/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let encoded = encode(message).expect("it has a form");
    let value: Value = serde_json::from_slice(&encoded).expect("it is JSON");
    let text = format!("{value:#}\n");
    if std::env::var_os("GANGER_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(text, kept, "the form of `{name}` changed: is it a new version? (GANGER_GOLDEN=1 writes the file anew)");
    assert_eq!(&decode::<T>(&encoded).expect("it can be read"), message);
}

#[test]
fn messages_to_the_foreman_keep_their_form() {
    let spec = TicketSpec { title: "Add a greeting".into(), ..TicketSpec::default() };
    golden("command", &command(Input::AddTickets { tickets: vec![NewTicket { id: Some("T-1".into()), spec }] }));
    golden(
        "attempt-ended",
        &command(Input::AttemptEnded { attempt: "T-1-a2".into(), token: 7, end: Box::new(ended()) }),
    );
    let evidence = |commit: &str, exit_code| Evidence {
        key: EvidenceKey {
            commit: ganger_engine::Commit::new(commit.repeat(40)),
            gate: "check-0123456789abcdef".into(),
            toolchain: "tc".into(),
        },
        ticket: "T-1".into(),
        revision: 1,
        name: "test -f greeting.txt".into(),
        command: "test -f greeting.txt".into(),
        exit_code: Some(exit_code),
        timed_out: false,
        duration_ms: 3,
        tests: None,
        log: "/logs/x.log".into(),
        tail: String::new(),
        host: "local".into(),
        at: 1,
    };
    let (head, before) = (Box::new(evidence("c", 0)), vec![evidence("a", 1)]);
    golden("evidence", &command(Input::Evidence { token: 8, evidence: head, before }));
    let mail = NewMail {
        to: vec!["T-2".to_owned(), "you".to_owned()],
        subject: "The form".to_owned(),
        body: "It is a list.".to_owned(),
        importance: Importance::High,
        thread: None,
        in_reply_to: Some("M-1".into()),
    };
    golden(
        "mail",
        &command(Input::SendMail { by: Speaker::Agent { attempt: "T-1-a2".into(), token: 7 }, mail: mail.clone() }),
    );
    golden("mail-of-a-person", &command(Input::SendMail { by: Speaker::Person { name: "ada".to_owned() }, mail }));
    let ticket = TicketSpec { title: "A flaky test".into(), files: vec!["a.rs".into()], ..TicketSpec::default() };
    let by = Speaker::Agent { attempt: "T-1-a2".into(), token: 7 };
    golden("file-ticket", &command(Input::FileTicket { by, ticket: Box::new(ticket) }));
    golden("withdrawal", &ToForeman::Withdrawal { withdraws: DecisionId::from("key-1") });
}

#[test]
fn messages_to_a_host_keep_their_form() {
    golden("offer", &resolved(Order::Offer(Box::new(offer()))));
    golden("verify", &resolved(verify()));
    golden("cancel", &resolved(Order::Cancel { attempt: "T-1-a2".into(), token: 7 }));
    golden(
        "retire",
        &resolved(Order::Retire { ticket: "T-1".into(), attempts: 2, incarnation: "shop-1".into(), lease: 0 }),
    );
    golden("prepare", &resolved(Order::Prepare { ticket: "T-1".into() }));
}

#[test]
fn answers_and_what_agents_do_keep_their_form() {
    let id = DecisionId::from("key-1");
    golden("reply", &Reply { id: id.clone(), result: Ok(Outcome::Tickets { ids: vec!["T-1".into()] }) });
    golden("refusal", &Reply { id, result: Err(Rejected::new(RejectCode::Stale, "it is over")) });
    let (ticket, attempt, text) = ("T-1".into(), "T-1-a2".into(), "hello".to_owned());
    golden("activity", &Activity { at: 1, ticket, attempt, kind: ActivityKind::Say, text });
}

#[test]
fn an_order_comes_out_as_it_went_in() {
    for order in [Order::Offer(Box::new(offer())), verify(), Order::Prepare { ticket: "T-1".into() }] {
        let (again, _) = resolved(order.clone()).into_parts().expect("it can be read");
        assert_eq!(again, order);
    }
}

#[test]
fn what_no_person_wrote_travels_without_secrets() {
    let secret = format!("ghp_{}", "k7Qz2mWx9RtB4vNc8LpH".repeat(2));
    let said = || format!("with {secret}");
    let report = || Report {
        summary: said(),
        done: Vec::new(),
        findings: Vec::new(),
        blocked: Some(said()),
        output: Some(serde_json::json!({"key": said()})),
    };
    let (attempt, ticket) = (AttemptId::from("T-1-a1"), TicketId::from("T-1"));
    let by_agents = [
        Input::AgentReport { attempt: attempt.clone(), token: 1, report: report() },
        Input::AgentNote { attempt: attempt.clone(), token: 1, text: said() },
        Input::SendMail {
            by: Speaker::Agent { attempt: attempt.clone(), token: 1 },
            mail: NewMail { to: vec!["T-2".to_owned()], subject: said(), body: said(), ..NewMail::default() },
        },
        Input::FileTicket {
            by: Speaker::Agent { attempt: attempt.clone(), token: 1 },
            ticket: Box::new(TicketSpec { title: said(), description: said(), ..TicketSpec::default() }),
        },
        Input::Ask {
            attempt: attempt.clone(),
            token: 1,
            call: "c".to_owned(),
            question: said(),
            brief: said(),
            options: vec![said()],
        },
        Input::AskPermission {
            attempt: attempt.clone(),
            token: 1,
            request_id: "r".to_owned(),
            request: PermissionRequest { tool: "command".to_owned(), subject: said() },
            by: String::new(),
            hint: said(),
        },
        Input::AttemptEnded {
            attempt,
            token: 1,
            end: Box::new(AttemptEnd {
                outcome: AttemptOutcome::failed(FailureClass::Crashed, said()),
                unfit: vec![said()],
                tampering: vec![said()],
                report: Some(report()),
                ..ended()
            }),
        },
        Input::MergeFailed { ticket: ticket.clone(), why: said(), back_to_agent: true, evidence: Vec::new() },
    ];
    let travels = |input| String::from_utf8(encode(&command(input)).unwrap()).unwrap();
    for input in by_agents {
        let text = travels(input);
        assert!(!text.contains(&secret) && text.contains("[redacted: github token]"), "{text}");
    }
    let own = Input::NoteTicket { ticket, text: said(), by: "you".to_owned() };
    assert!(travels(own).contains(&secret), "your own words are yours");
}

#[test]
fn what_only_a_foreman_decides_does_not_travel() {
    let inputs = [
        Input::Elect { foreman: "me".into() },
        Input::SetPolicy { policy: Policy::default() },
        Input::HostLapsed { host: "local".into(), incarnation: "x".into() },
        Input::HeadMoved { ticket: "T-1".into(), head: ganger_engine::Commit::new("d".repeat(40)) },
        Input::Tick { dispatch: true, scope: None, max_parallel: None },
    ];
    for input in inputs {
        let refused = Command::try_from(Envelope::new("key", "a try", input));
        assert!(matches!(refused, Err(Unreadable::Stays(_))), "{refused:?}");
    }
    for kind in ["elect", "set-policy", "host-lapsed", "head-moved", "tick"] {
        let text = format!(r#"{{"v":1,"message":"command","key":"k","cause":"c","input":"{kind}","dispatch":true}}"#);
        assert!(decode::<ToForeman>(text.as_bytes()).is_err(), "{kind}");
    }
}

#[test]
fn another_version_and_another_gate_than_said_are_refused() {
    let later = br#"{"v":2,"message":"withdrawal","withdraws":"x"}"#;
    assert!(matches!(decode::<ToForeman>(later), Err(Unreadable::Version(2))));
    let mut value: Value = serde_json::from_slice(&encode(&resolved(verify())).expect("a form")).expect("JSON");
    value["gates"][0]["definition"]["command"] = "true".into();
    let changed: ToHost = decode(value.to_string().as_bytes()).expect("its shape is right");
    assert!(matches!(changed.into_parts(), Err(Unreadable::Digest { .. })));
}
