//! The chief of staff's books: direction, assumptions and what a person says to them.

use crate::support::{NOW, accepted, add, after, answer, at_work, board, check, claim, ended, given, report, tick};
use expect_test::expect;
use ganger_engine::{
    Answer, AssumptionId, CardAnswer, DirectionKind, Envelope, Impact, Input, Ledger, NewAssumption, NewCall,
    Objection, Outcome, Phase, Refusal, RejectCode, TicketId, Urgency, objection,
};

fn assume(attempt: &str, token: u64, assumed: &str, topic: Option<(&str, &str)>) -> Input {
    let (topic, value) = topic.map(|(topic, value)| (topic.to_owned(), value.to_owned())).unzip();
    let assumption = NewAssumption { assumed: assumed.into(), confidence: 0.6, topic, value, impact: Impact::Low };
    Input::Assume { attempt: attempt.into(), token, assumption }
}

fn high(assumed: &str) -> Input {
    let assumption =
        NewAssumption { assumed: assumed.into(), confidence: 0.6, impact: Impact::High, ..NewAssumption::default() };
    Input::Assume { attempt: "T-1-a1".into(), token: 1, assumption }
}

fn number(n: &str) -> AssumptionId {
    AssumptionId::parse(n).unwrap()
}

fn confirm(n: &str) -> Input {
    Input::ConfirmAssumption { assumption: number(n), by: "p".into() }
}

fn reject(n: &str, correction: &str) -> Input {
    Input::RejectAssumption { assumption: number(n), correction: correction.into(), by: "p".into() }
}

fn direct(kind: DirectionKind, text: &str) -> Input {
    Input::AddDirection { kind, text: text.into(), by: "p".into() }
}

fn tell(ticket: &str, text: &str) -> Input {
    Input::Tell { ticket: ticket.into(), text: text.into(), urgency: Urgency::Idle, by: "p".into() }
}

fn decide(ledger: &mut Ledger, input: Input) -> Result<Outcome, RejectCode> {
    let n = ledger.state().n;
    match ledger.decide(NOW + 1_000, &Envelope::new(format!("more-{n}"), "more", input)) {
        Ok(outcome) => Ok(outcome),
        Err(Refusal::Rejected(rejected)) => Err(rejected.code),
        Err(refusal) => panic!("{refusal}"),
    }
}

/// T-1 and T-2 are at work, and assume different things about the database.
fn disagreeing() -> Vec<Input> {
    after(
        at_work(),
        [
            add("two", |_| {}),
            tick(),
            claim("T-2-a1", 2),
            assume("T-1-a1", 1, "SQLite stores it", Some(("Database", "SQLite"))),
            assume("T-2-a1", 2, "Postgres is there", Some(("database ", "Postgres"))),
        ],
    )
}

/// The texts that wait for a ticket.
fn waiting(ledger: &Ledger, ticket: &str) -> Vec<String> {
    let state = ledger.state();
    state.tickets[&TicketId::from(ticket)].undelivered.iter().map(|d| state.deliveries[d].text.clone()).collect()
}

#[test]
fn an_assumption_has_an_id_and_is_logged_once() {
    let mut ledger = given(&at_work());
    let first = decide(&mut ledger, assume("T-1-a1", 1, "JWT for sessions", None));
    assert_eq!(first, Ok(Outcome::Assumed { assumption: number("A-1"), card: None }));
    let again = decide(&mut ledger, assume("T-1-a1", 1, "jwt for sessions ", None));
    assert_eq!(again, Ok(Outcome::Assumed { assumption: number("1"), card: None }));
    assert_eq!(decide(&mut ledger, assume("T-1-a1", 1, " ", None)), Err(RejectCode::InvalidAssumption));
    let valued = Input::Assume {
        attempt: "T-1-a1".into(),
        token: 1,
        assumption: NewAssumption { assumed: "x".into(), value: Some("y".into()), ..NewAssumption::default() },
    };
    assert_eq!(decide(&mut ledger, valued), Err(RejectCode::InvalidAssumption));
    assert_eq!(ledger.state().open_assumptions().count(), 1);
}

#[test]
fn ids_are_read_as_people_write_them() {
    for word in ["A-12", "a-12", "a12", " 12 "] {
        assert_eq!(AssumptionId::parse(word).map(|id| id.to_string()).as_deref(), Some("A-12"), "{word}");
    }
    for word in ["", "A-", "A-0", "-3", "A--3", "T-3", "A-3x", "+3"] {
        assert_eq!(AssumptionId::parse(word), None, "{word}");
    }
}

#[test]
fn rejecting_tells_the_ticket_and_is_not_assumed_again() {
    let assumed = after(at_work(), [assume("T-1-a1", 1, "JWT for sessions", None)]);
    check(
        &assumed,
        reject("A-1", "server-side sessions"),
        &expect![[r#"
            assumption-settled assumption=1 by=p correction=server-side sessions status=rejected ticket=T-1
            delivery-queued D-1 direction
            then deliver/T-1-a1/1/D-1
        "#]],
    );
    let mut ledger = given(&after(assumed, [reject("A-1", "server-side sessions")]));
    let (id, assumption) = ledger.state().assumption(number("A-1")).unwrap();
    assert_eq!((id.as_str(), assumption.confidence, assumption.status.as_str()), ("T-1", 0.0, "rejected"));
    assert_eq!(
        waiting(&ledger, "T-1"),
        ["The assumption A-1 is wrong, says p: JWT for sessions. What is true instead: server-side sessions\n\
          Bring your work in line with that."]
    );
    let again = assume("T-1-a1", 1, "JWT for sessions", None);
    assert_eq!(decide(&mut ledger, again), Err(RejectCode::AssumptionRejected));
    assert_eq!(decide(&mut ledger, reject("A-1", "server-side sessions")), Ok(Outcome::Nothing));
    assert_eq!(decide(&mut ledger, confirm("A-1")).map(|_| ()), Ok(()), "a slip is corrected");
    assert_eq!(ledger.state().chief.corrections.len(), 0);
    assert_eq!(ledger.state().assumption(number("A-1")).unwrap().1.confidence, 1.0);
    assert_eq!(decide(&mut ledger, reject("A-9", "x")), Err(RejectCode::UnknownAssumption));
}

#[test]
fn work_that_is_being_judged_goes_back_when_its_assumption_is_wrong() {
    let judged = after(at_work(), [assume("T-1-a1", 1, "JWT", None), ended("T-1-a1", 1, |_| {}), tick()]);
    check(
        &judged,
        reject("A-1", "sessions"),
        &expect![[r#"
            assumption-settled assumption=1 by=p correction=sessions status=rejected ticket=T-1
            delivery-queued D-1 direction
            ticket-rejected ticket=T-1 why=a person corrected what it is based on
        "#]],
    );
}

/// Whoever assumed what is right has nothing to do over.
#[test]
fn work_on_the_right_side_of_a_conflict_is_not_sent_back() {
    check(
        &after(disagreeing(), [ended("T-1-a1", 1, |_| {})]),
        answer("C-1", "SQLite"),
        &expect![[r#"
            card-answered answer=SQLite by=p card=C-1
            assumption-settled assumption=1 by=p status=confirmed ticket=T-1
            assumption-settled assumption=2 by=p correction=database: SQLite status=rejected ticket=T-2
            direction-added at=1001000 by=p kind=constraint
            delivery-queued D-1 direction
            then deliver/T-2-a1/2/D-1
        "#]],
    );
}

/// Accepted work is named: what happens to it is for the person to say.
#[test]
fn accepted_work_that_rests_on_it_is_named() {
    let mut inputs = accepted();
    inputs.insert(6, assume("T-1-a1", 1, "JWT", None));
    let mut ledger = given(&inputs);
    let settled = decide(&mut ledger, reject("A-1", "sessions"));
    assert_eq!(settled, Ok(Outcome::Settled { told: vec![], accepted: vec!["T-1".into()] }));
    assert_eq!(waiting(&ledger, "T-1"), Vec::<String>::new());
    assert_eq!(ledger.state().tickets[&TicketId::from("T-1")].phase, Phase::Accepted);
}

#[test]
fn a_call_that_assumed_it_has_a_caller_who_is_told() {
    let call = NewCall { agent: "builder".into(), title: "c".into(), prompt: "p".into(), files: vec![] };
    let calls = Input::Call { attempt: "T-1-a1".into(), token: 1, calls: vec![call], snapshot: None };
    let done = ended("T-1-c1-a1", 2, |end| {
        end.report = Some(ganger_engine::Report { output: Some(serde_json::json!({})), ..report(&[]) });
    });
    let assumed = assume("T-1-c1-a1", 2, "JWT", None);
    let mut ledger = given(&after(at_work(), [calls, tick(), claim("T-1-c1-a1", 2), assumed, done]));
    let settled = decide(&mut ledger, reject("A-1", "sessions"));
    assert_eq!(settled, Ok(Outcome::Settled { told: vec!["T-1".into()], accepted: vec![] }));
}

#[test]
fn agents_that_assume_different_things_are_one_card_at_once() {
    let mut before = disagreeing();
    let last = before.pop().unwrap();
    check(
        &before,
        last,
        &expect![[r#"
            assumption-logged ticket=T-2
            card-opened [C-1] Your agents assume different things about database: SQLite or Postgres. Which is right?
        "#]],
    );
    let same = assume("T-2-a1", 2, "Postgres, still", Some(("database", "postgres")));
    let mut ledger = given(&after(disagreeing(), [same]));
    assert_eq!(ledger.state().open_cards().count(), 1, "a value that is on the card makes no other one");
    let third = assume("T-2-a1", 2, "MySQL", Some(("DATABASE", "MySQL")));
    let outcome = decide(&mut ledger, third);
    assert_eq!(outcome, Ok(Outcome::Assumed { assumption: number("4"), card: Some("C-2".into()) }));
    let open: Vec<&str> = ledger.state().open_cards().map(|card| card.id.as_str()).collect();
    assert_eq!(open, ["C-2"], "one card names them all");
}

#[test]
fn the_answer_to_a_conflict_settles_it_and_becomes_direction() {
    check(
        &disagreeing(),
        answer("C-1", "SQLite"),
        &expect![[r#"
            card-answered answer=SQLite by=p card=C-1
            assumption-settled assumption=1 by=p status=confirmed ticket=T-1
            assumption-settled assumption=2 by=p correction=database: SQLite status=rejected ticket=T-2
            direction-added at=1001000 by=p kind=constraint
            delivery-queued D-1 direction
            delivery-queued D-2 direction
            then deliver/T-1-a1/1/D-1
            then deliver/T-2-a1/2/D-2
        "#]],
    );
    let other = given(&after(disagreeing(), [answer("C-1", "DuckDB")]));
    let status = |n| other.state().assumption(number(n)).unwrap().1.status.as_str();
    assert_eq!((status("1"), status("2")), ("rejected", "rejected"));
    assert_eq!(other.state().chief.direction[0].text, "database: DuckDB");
}

#[test]
fn words_beside_the_values_of_a_conflict_are_meant_or_a_typo() {
    let ledger = given(&disagreeing());
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(card.parse_answer("sqlite").unwrap(), CardAnswer::Text("SQLite".into()));
    assert_eq!(card.parse_answer("slqite").unwrap_err().code, RejectCode::NotAnOption);
    assert!(card.takes_other());
}

#[test]
fn settling_one_side_by_command_withdraws_what_is_no_question_any_more() {
    check(
        &disagreeing(),
        reject("A-2", "SQLite"),
        &expect![[r#"
            assumption-settled assumption=2 by=p correction=SQLite status=rejected ticket=T-2
            card-withdrawn card=C-1 why=its assumptions were settled
            delivery-queued D-1 direction
            delivery-queued D-2 direction
            then deliver/T-1-a1/1/D-1
            then deliver/T-2-a1/2/D-2
        "#]],
    );
    let confirmed = given(&after(disagreeing(), [confirm("A-1")]));
    assert_eq!(confirmed.state().open_cards().count(), 1, "the other side still assumes something else");
}

#[test]
fn an_assumption_of_high_impact_is_asked_about_at_once() {
    let asked = after(at_work(), [high("Nobody uses v1")]);
    check(
        &asked,
        answer("C-1", "continue"),
        &expect![[r#"
            card-answered answer=continue by=p card=C-1
            assumption-settled assumption=1 by=p status=confirmed ticket=T-1
        "#]],
    );
    check(
        &asked,
        answer("C-1", "v1 has users"),
        &expect![[r#"
            card-answered answer=v1 has users by=p card=C-1
            assumption-settled assumption=1 by=p correction=v1 has users status=rejected ticket=T-1
            delivery-queued D-1 direction
            then deliver/T-1-a1/1/D-1
        "#]],
    );
    check(
        &asked,
        confirm("A-1"),
        &expect![[r#"
            assumption-settled assumption=1 by=p status=confirmed ticket=T-1
            card-withdrawn card=C-1 why=its assumptions were settled
        "#]],
    );
}

#[test]
fn an_objection_rejects_the_one_open_assumption() {
    let assumed = after(at_work(), [assume("T-1-a1", 1, "JWT", None)]);
    check(
        &assumed,
        tell("T-1", "That\u{2019}s wrong: use sessions"),
        &expect![[r#"
            delivery-queued D-1 message
            assumption-settled assumption=1 by=p correction=use sessions status=rejected ticket=T-1
            delivery-queued D-2 direction
            then deliver/T-1-a1/1/D-1
            then deliver/T-1-a1/1/D-2
        "#]],
    );
    let said = |words: &str| objection(given(&assumed).state(), &"T-1".into(), words);
    assert_eq!(said("NOT WHAT I ASKED"), Objection::To(number("1"), String::new()));
    assert_eq!(said("That's wrong, use X"), Objection::To(number("1"), "use X".into()));
    for words in ["I think that's wrong", "That's wrongly put", "Thanks", "Not what I asked's"] {
        assert_eq!(said(words), Objection::None, "{words}");
    }
    let two = given(&after(assumed, [assume("T-1-a1", 1, "REST", None)]));
    let unclear = objection(two.state(), &"T-1".into(), "That's wrong");
    assert_eq!(unclear, Objection::Unclear(vec![number("1"), number("2")]));
    check(
        &after(at_work(), [assume("T-1-a1", 1, "JWT", None), assume("T-1-a1", 1, "REST", None)]),
        tell("T-1", "That's wrong"),
        &expect![[r#"
            delivery-queued D-1 message
            then deliver/T-1-a1/1/D-1
        "#]],
    );
}

#[test]
fn an_answer_may_begin_with_an_objection() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "JWT?".into(),
        brief: String::new(),
        options: vec![],
    };
    check(
        &after(at_work(), [assume("T-1-a1", 1, "JWT", None), ask]),
        answer("C-1", "Not what I asked. Sessions."),
        &expect![[r#"
            card-answered answer=Not what I asked. Sessions. by=p card=C-1
            delivery-queued D-1 answer
            assumption-settled assumption=1 by=p correction=Sessions. status=rejected ticket=T-1
            delivery-queued D-2 direction
            then deliver/T-1-a1/1/D-1
            then deliver/T-1-a1/1/D-2
        "#]],
    );
}

#[test]
fn direction_is_told_to_what_has_begun_and_is_in_later_missions() {
    check(
        &after(at_work(), [add("two", |_| {})]),
        direct(DirectionKind::Constraint, "No external\ndatabases "),
        &expect![[r#"
            direction-added at=1001000 by=p kind=constraint
            delivery-queued D-1 direction
            then deliver/T-1-a1/1/D-1
        "#]],
    );
    let directed = after(board(), [direct(DirectionKind::Goal, "Build auth"), tick()]);
    let ledger = given(&directed);
    let offer = ganger_engine::Offer::of(ledger.state(), &"T-1-a1".into()).unwrap();
    assert_eq!(offer.direction.iter().map(|d| d.text.as_str()).collect::<Vec<_>>(), ["Build auth"]);
}

#[test]
fn direction_is_added_once_is_bounded_and_is_removed_by_its_number() {
    let mut ledger = given(&at_work());
    let goal = |text: &str| direct(DirectionKind::Goal, text);
    assert_eq!(decide(&mut ledger, goal("Build auth")), Ok(Outcome::Directed { number: 1, told: 1 }));
    assert_eq!(decide(&mut ledger, goal("build  AUTH")), Ok(Outcome::Directed { number: 1, told: 0 }));
    assert_eq!(decide(&mut ledger, goal(" ")), Err(RejectCode::InvalidDirection));
    assert_eq!(decide(&mut ledger, goal(&"x".repeat(501))), Err(RejectCode::InvalidDirection));
    let remove = |number| Input::RemoveDirection { number, by: "p".into() };
    assert_eq!(decide(&mut ledger, remove(2)), Err(RejectCode::UnknownDirection));
    assert_eq!(decide(&mut ledger, remove(1)), Ok(Outcome::Directed { number: 1, told: 1 }));
    for n in 0..50 {
        assert_eq!(decide(&mut ledger, goal(&format!("goal {n}"))).map(|_| ()), Ok(()));
    }
    assert_eq!(decide(&mut ledger, goal("one more")), Err(RejectCode::InvalidDirection));
    assert_eq!(ledger.state().chief.direction[0].number, 2, "numbers are not given twice");
}

#[test]
fn an_answer_may_hold_for_everybody_from_now_on() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "c".into(),
        question: "Which colour?".into(),
        brief: String::new(),
        options: vec![],
    };
    let asked = after(at_work(), [add("two", |_| {}), tick(), claim("T-2-a1", 2), ask]);
    let always = Input::AnswerAlways { card: "C-1".into(), answer: CardAnswer::Text("red".into()), by: "p".into() };
    check(
        &asked,
        always.clone(),
        &expect![[r#"
            card-answered answer=red by=p card=C-1
            delivery-queued D-1 answer
            direction-added at=1001000 by=p kind=constraint
            delivery-queued D-2 direction
            then deliver/T-1-a1/1/D-1
            then deliver/T-2-a1/2/D-2
        "#]],
    );
    let mut ledger = given(&after(asked, [always]));
    assert_eq!(ledger.state().chief.direction[0].text, "Which colour? red");
    // Said once more, it changes nothing.
    let again = Input::AnswerAlways { card: "C-1".into(), answer: CardAnswer::Text("red".into()), by: "p".into() };
    assert_eq!(decide(&mut ledger, again), Ok(Outcome::Nothing));
    let mut held = given(&after(at_work(), [high("x")]));
    let other = Input::AnswerAlways { card: "C-1".into(), answer: CardAnswer::Text("y".into()), by: "p".into() };
    assert_eq!(decide(&mut held, other), Err(RejectCode::NotAnOption));
}

/// Nobody is asked about work that was given up.
#[test]
fn assumptions_of_closed_tickets_do_not_matter() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let mut inputs = disagreeing();
    let last = inputs.pop().unwrap();
    inputs.extend([close, last]);
    let ledger = given(&inputs);
    assert_eq!(ledger.state().open_cards().count(), 0);
    let open: Vec<String> = ledger.state().open_assumptions().map(|(_, a)| a.id.to_string()).collect();
    assert_eq!(open, ["A-2"]);
}

#[test]
fn closing_a_ticket_withdraws_the_question_about_what_it_assumed() {
    let close = Input::CloseTicket { ticket: "T-2".into(), reason: "no".into(), by: "p".into() };
    check(
        &disagreeing(),
        close,
        &expect![[r#"
            ticket-closed by=p reason=no ticket=T-2
            attempt-cancelled attempt=T-2-a1 why=the ticket was closed
            card-withdrawn card=C-1 why=the ticket was closed
            then cancel/T-2-a1/2
        "#]],
    );
}

#[test]
fn an_answer_that_cannot_be_direction_is_refused() {
    let mut inputs = disagreeing();
    inputs.extend((0..50).map(|n| direct(DirectionKind::Goal, &format!("goal {n}"))));
    let mut ledger = given(&inputs);
    let said = Input::Answer(Answer { card: "C-1".into(), answer: CardAnswer::Text("SQLite".into()), by: "p".into() });
    assert_eq!(decide(&mut ledger, said), Err(RejectCode::InvalidDirection));
}
