//! Calls: an agent asks another one, waits without a slot, and always gets a typed answer.

use crate::support::{NOW, add, after, answer, at_work, check, claim, ended, given, host, policy, ran, report, tick};
use expect_test::expect;
use ganger_engine::{
    AttemptOutcome, Budget, CallError, CallLimits, CallResult, Envelope, FailureClass, Impact, Input, Ledger,
    NewAssumption, NewCall, Outcome, Phase, Policy, RedBase, Refusal, Report, TicketChange, TicketId, Urgency, Usage,
    why,
};
use serde_json::json;

fn calls(attempt: &str, token: u64, prompts: &[&str]) -> Input {
    let call = |prompt: &&str| NewCall {
        agent: "scout".into(),
        title: format!("Look: {prompt}"),
        prompt: (*prompt).to_owned(),
        files: Vec::new(),
    };
    Input::Call {
        attempt: attempt.into(),
        token,
        calls: prompts.iter().map(call).collect(),
        snapshot: Some("snapshot".into()),
    }
}

fn with_scout(change: impl FnOnce(&mut Policy)) -> Input {
    let mut policy = policy();
    let scout = policy.agents["builder"].clone();
    policy.agents.insert("scout".into(), scout);
    change(&mut policy);
    Input::SetPolicy { policy }
}

/// The first attempt of T-1 is at work, and there is an agent to call.
fn caller() -> Vec<Input> {
    after(at_work(), [with_scout(|_| {})])
}

/// It made one call, and ended its turn.
fn waiting() -> Vec<Input> {
    after(caller(), [calls("T-1-a1", 1, &["where is main?"]), ended("T-1-a1", 1, |_| {})])
}

fn handed_in(attempt: &str, token: u64) -> [Input; 2] {
    let output = Some(json!({"file": "src/main.rs"}));
    let report = Report { output, ..report(&[]) };
    [Input::AgentReport { attempt: attempt.into(), token, report }, ended(attempt, token, |_| {})]
}

/// The call is answered, and its answer is on the way back.
fn answered() -> Vec<Input> {
    let call = after(waiting(), [tick(), claim("T-1-c1-a1", 2)]);
    after(call, handed_in("T-1-c1-a1", 2))
}

fn phase(ledger: &Ledger, id: &str) -> Phase {
    ledger.state().tickets[&TicketId::from(id)].phase
}

#[test]
fn a_call_is_a_ticket_below_its_caller() {
    check(
        &caller(),
        calls("T-1-a1", 1, &["where is main?", "where are the tests?"]),
        &expect![[r#"
            ticket-added ticket=T-1-c1
            ticket-added ticket=T-1-c2
        "#]],
    );
    let ledger = given(&after(caller(), [calls("T-1-a1", 1, &["where is main?"])]));
    let call = &ledger.state().tickets[&"T-1-c1".into()];
    assert_eq!(call.spec.parent, Some("T-1".into()));
    assert_eq!(call.spec.agent.as_deref(), Some("scout"));
}

#[test]
fn a_caller_waits_without_a_slot_and_resumes_with_all_answers() {
    check(
        &after(caller(), [calls("T-1-a1", 1, &["where is main?"])]),
        ended("T-1-a1", 1, |_| {}),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=suspended not_before=0 finished
        "#]],
    );
    let waiting = given(&waiting());
    let reasons = why(waiting.state(), NOW, &"T-1".into());
    assert_eq!(
        reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["its agent waits for the answers of T-1-c1"]
    );
    check(
        &answered(),
        tick(),
        &expect![[r#"
            delivery-queued D-1 result
            calls-returned ticket=T-1
            then retire/T-1-c1/h
        "#]],
    );
    let back = given(&after(answered(), [tick()]));
    assert_eq!((phase(&back, "T-1-c1"), phase(&back, "T-1")), (Phase::Done, Phase::Open));
    let text = &back.state().deliveries[&"D-1".into()].text;
    assert!(text.contains("Result of T-1-c1 (scout), success") && text.contains("src/main.rs"), "{text}");
    check(
        &after(answered(), [tick()]),
        tick(),
        &expect![[r#"
        attempt-offered agent=builder attempt=T-1-a2 host=h reserved=20000 ticket=T-1 token=3
        then offer/T-1-a2/3
        then retire/T-1-c1/h
    "#]],
    );
}

#[test]
fn a_call_without_a_result_goes_back_and_then_fails_for_its_caller() {
    let call = after(waiting(), [tick(), claim("T-1-c1-a1", 2)]);
    let end = || ended("T-1-c1-a1", 2, |_| {});
    check(
        &call,
        end(),
        &expect![[r#"
            attempt-ended attempt=T-1-c1-a1 base=base counts=claim head=head next=open not_before=0 finished
            ticket-rejected ticket=T-1-c1 why=no result was handed in
            delivery-queued D-1 rejection
        "#]],
    );
    let again = |inputs: Vec<Input>, n: u64| {
        let attempt = format!("T-1-c1-a{n}");
        after(inputs, [tick(), claim(&attempt, n + 1), ended(&attempt, n + 1, |_| {})])
    };
    let failed = given(&again(again(after(call, [end()]), 2), 3));
    let result = failed.state().tickets[&"T-1-c1".into()].calls.result.clone();
    assert!(matches!(result, Some(CallResult::Failure { error: CallError::Rejected, .. })), "{result:?}");
    assert_eq!(failed.state().open_cards().count(), 0, "its caller decides, not a person");
}

#[test]
fn a_failed_call_is_an_answer_too() {
    let call = after(waiting(), [tick(), claim("T-1-c1-a1", 2)]);
    let refused = ended("T-1-c1-a1", 2, |e| e.outcome = AttemptOutcome::failed(FailureClass::Refused, "no such model"));
    check(
        &after(call, [refused]),
        tick(),
        &expect![[r#"
            delivery-queued D-1 result
            calls-returned ticket=T-1
            then retire/T-1-c1/h
        "#]],
    );
}

#[test]
fn a_call_that_fails_withdraws_the_question_about_what_it_assumed() {
    let assumption = NewAssumption { assumed: "It is Linux".into(), impact: Impact::High, ..NewAssumption::default() };
    let assumes = Input::Assume { attempt: "T-1-c1-a1".into(), token: 2, assumption };
    let asked = after(waiting(), [tick(), claim("T-1-c1-a1", 2), assumes]);
    assert_eq!(given(&asked).state().open_cards().count(), 1);
    let failed = ended("T-1-c1-a1", 2, |end| {
        let (class, message) = (FailureClass::Refused, "it will not do that".into());
        end.outcome = AttemptOutcome::Failed { class, message, retry_at: None, model: None };
    });
    assert_eq!(given(&after(asked, [failed])).state().open_cards().count(), 0);
}

#[test]
fn a_closed_call_is_answered_and_a_closed_caller_takes_its_calls_along() {
    let close =
        |ticket: &str| Input::CloseTicket { ticket: ticket.into(), reason: "not needed".into(), by: "p".into() };
    let back = given(&after(waiting(), [close("T-1-c1"), tick()]));
    let text = &back.state().deliveries[&"D-1".into()].text;
    assert_eq!(text, "Result of T-1-c1 (scout), failure (cancelled): not needed");
    check(
        &after(waiting(), [tick(), claim("T-1-c1-a1", 2), close("T-1")]),
        tick(),
        &expect![[r#"
            ticket-closed by=ganger reason=T-1 is over ticket=T-1-c1
            attempt-cancelled attempt=T-1-c1-a1 why=the ticket was closed
            then cancel/T-1-c1-a1/2
            then retire/T-1/h
        "#]],
    );
}

#[test]
fn a_result_that_was_asked_for_is_not_said_again_unless_the_turn_was_cut_off() {
    let call = after(caller(), [calls("T-1-a1", 1, &["where is main?"]), tick(), claim("T-1-c1-a1", 2)]);
    let gather = || Input::Gather { attempt: "T-1-a1".into(), token: 1, calls: vec!["T-1-c1".into()] };
    let answered = after(call, handed_in("T-1-c1-a1", 2));
    check(
        &answered,
        gather(),
        &expect![[r#"
            call-results-read attempt=T-1-a1
            then retire/T-1-c1/h
        "#]],
    );
    check(
        &after(answered.clone(), [gather()]),
        gather(),
        &expect![[r#"
            then retire/T-1-c1/h
        "#]],
    );
    check(
        &after(answered.clone(), [gather()]),
        ended("T-1-a1", 1, |_| {}),
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim head=head next=verifying not_before=0 finished
            then retire/T-1-c1/h
        "#]],
    );
    let cut_off = ended("T-1-a1", 1, |e| e.outcome = AttemptOutcome::Interrupted);
    check(
        &after(answered, [gather(), cut_off]),
        tick(),
        &expect![[r#"
            delivery-queued D-1 result
            calls-returned ticket=T-1
            then retire/T-1-c1/h
        "#]],
    );
}

#[test]
fn a_call_that_is_made_again_after_a_crash_finds_the_first_one() {
    let lost = after(caller(), [calls("T-1-a1", 1, &["where is main?"]), host("i-2")]);
    let mut ledger = given(&after(lost, [tick(), tick()]));
    let attempt = ledger.state().tickets[&"T-1".into()].live.clone().unwrap();
    let token = ledger.state().attempts[&attempt].token;
    let claim = Input::Claim { attempt: attempt.clone(), token, host: "h".into(), incarnation: "i-2".into() };
    ledger.decide(NOW + 500, &Envelope::new("claim", "c", claim)).unwrap();
    let again = calls(attempt.as_str(), token, &["where is main?"]);
    let outcome = ledger.decide(NOW + 500, &Envelope::new("again", "c", again)).unwrap();
    let Outcome::Calls { calls } = outcome else { panic!("{outcome:?}") };
    assert_eq!(calls[0].ticket, "T-1-c1".into());
    assert_eq!(ledger.state().tickets.len(), 2);
}

#[test]
fn a_question_and_calls_are_waited_for_together() {
    let ask = Input::Ask {
        attempt: "T-1-a1".into(),
        token: 1,
        call: "q".into(),
        question: "Which?".into(),
        brief: String::new(),
        options: Vec::new(),
    };
    let both = after(caller(), [calls("T-1-a1", 1, &["where is main?"]), ask, ended("T-1-a1", 1, |_| {})]);
    let one = given(&after(both.clone(), [answer("C-1", "this one")]));
    assert_eq!(phase(&one, "T-1"), Phase::Suspended, "the call is not answered");
    let call = after(both, [tick(), claim("T-1-c1-a1", 2)]);
    let other = given(&after(after(call, handed_in("T-1-c1-a1", 2)), [tick()]));
    assert_eq!(phase(&other, "T-1"), Phase::Suspended, "nor is the question");
}

#[test]
fn calls_have_limits_and_say_what_to_do_instead() {
    let limits = |change: fn(&mut CallLimits), prompts: &[&str]| {
        let mut ledger = given(&after(at_work(), [with_scout(|p| change(&mut p.calls))]));
        let envelope = Envelope::new("call", "c", calls("T-1-a1", 1, prompts));
        match ledger.decide(NOW + 900, &envelope) {
            Err(Refusal::Rejected(rejected)) => format!("{rejected} / {}", rejected.hint.clone().unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        limits(|l| l.depth = 0, &["a"]),
        "calls may nest 0 deep, and T-1 is that deep / do this part of the work yourself"
    );
    assert_eq!(
        limits(|l| l.open = 1, &["a", "b"]),
        "T-1 has 0 of 1 open calls: 2 more are too many / wait for their results with `skill_gather` before you make more"
    );
    assert_eq!(
        limits(|l| l.total = 1, &["a", "b"]),
        "0 of 1 calls were made for this ticket: 2 more are too many / do the rest of the work yourself"
    );
}

/// What a call uses is used by its caller as well.
#[test]
fn a_call_is_paid_for_by_its_caller() {
    let budget = Budget { ticket: Some(1_000), ..Budget::default() };
    let call = after(at_work(), [with_scout(|p| p.budget = budget), calls("T-1-a1", 1, &["a"])]);
    let call = after(call, [ended("T-1-a1", 1, |_| {}), tick(), claim("T-1-c1-a1", 2)]);
    let usage = Usage { input: 1_001, ..Usage::default() };
    let used = Input::Usage { attempt: "T-1-c1-a1".into(), token: 2, usage };
    check(
        &call,
        used.clone(),
        &expect![[r#"
            usage-reported attempt=T-1-c1-a1
            attempt-cancelled attempt=T-1-c1-a1 why=T-1-c1 has used 1001 of 1000 tokens
            then cancel/T-1-c1-a1/2
        "#]],
    );
    let stopped = ended("T-1-c1-a1", 2, |e| {
        e.outcome = AttemptOutcome::Interrupted;
        e.usage = usage;
    });
    let back = given(&after(call, [used, stopped, tick()]));
    let result = back.state().tickets[&"T-1-c1".into()].calls.result.clone();
    assert!(matches!(result, Some(CallResult::Failure { error: CallError::Budget, .. })), "{result:?}");
    assert_eq!(phase(&back, "T-1"), Phase::NeedsYou, "a person raises the budget");
    assert_eq!(back.state().tickets[&"T-1".into()].calls.usage.tokens(), 1_001);
}

/// Its caller waits for it: with a dependency on the caller both would wait for ever.
#[test]
fn a_call_depends_on_nothing_and_nothing_on_it() {
    let edit = |ticket: &str, on: &str| {
        let change = TicketChange { after: Some(vec![on.into()]), ..TicketChange::default() };
        Input::EditTicket { ticket: ticket.into(), change: Box::new(change) }
    };
    check(
        &waiting(),
        edit("T-1-c1", "T-1"),
        &expect![[r#"
            refused (invalid-edit): T-1-c1: it is a call by an agent, which depends on nothing
        "#]],
    );
    check(
        &after(waiting(), [add("two", |_| {})]),
        edit("T-2", "T-1-c1"),
        &expect![[r#"
            refused (invalid-edit): T-2: depends on T-1-c1, which is a call by an agent
        "#]],
    );
}

/// What is held because its gates are red without the work is done as far as its agent goes, and so a message sends it back.
#[test]
fn a_message_about_work_that_a_red_main_holds_is_read_before_it_is_accepted() {
    let red = |commit: &str| ran("T-1", ("test", "d"), commit, 1);
    let held = after(at_work(), [Input::SetPolicy { policy: Policy { red_base: RedBase::Card, ..policy() } }]);
    let evidence = Input::Evidence { token: 2, evidence: Box::new(red("head")), before: vec![red("base")] };
    let held = after(held, [ended("T-1-a1", 1, |_| {}), tick(), evidence]);
    let tell = Input::Tell { ticket: "T-1".into(), text: "wait".into(), urgency: Urgency::Idle, by: "p".into() };
    check(
        &held,
        tell,
        &expect![[r#"
            delivery-queued D-1 message
            card-withdrawn card=C-1 why=p wrote to the agent
            ticket-rejected ticket=T-1 why=p wrote to the agent
        "#]],
    );
}
