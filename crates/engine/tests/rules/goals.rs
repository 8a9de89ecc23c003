//! Goals: stages one after the other, what a person says to them, and the tickets that come of a plan.

use crate::support::{NOW, after, answer, check, claim, ended, given, host, policy, report, tick};
use expect_test::expect;
use ganger_engine::{
    GoalRules, Impact, Input, Kind, Ledger, NewAssumption, NewMail, NewTicket, Phase, Policy, Report, Speaker,
    StagePolicy, StageRole, TicketChange, TicketId, TicketSpec, status_of, why,
};
use serde_json::{Value, json};

fn stage(name: &str, role: StageRole) -> StagePolicy {
    StagePolicy { name: name.into(), agent: "builder".into(), role, approve: role == StageRole::Plan }
}

fn pipeline() -> Input {
    let stages = vec![
        stage("interview", StageRole::Interview),
        stage("spec", StageRole::Document),
        stage("plan", StageRole::Plan),
        stage("validate", StageRole::Check),
    ];
    in_batches_of(0, stages)
}

fn in_batches_of(batch: u32, stages: Vec<StagePolicy>) -> Input {
    Input::SetPolicy { policy: Policy { goals: GoalRules { stages, returns: 2, batch }, ..policy() } }
}

fn goal() -> Vec<Input> {
    let spec = TicketSpec { title: "Log in by OAuth".into(), kind: Kind::Goal, ..TicketSpec::default() };
    let add = Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] };
    vec![Input::Elect { foreman: "f".into() }, pipeline(), host("i-1"), add, tick()]
}

/// An agent takes the stage up, hands its output in, and the goal hears of it.
fn hands_in(stage: &str, token: u64, output: Value) -> Vec<Input> {
    let attempt = format!("{stage}-a1");
    let report = Report { output: Some(output), ..report(&[]) };
    let said = Input::AgentReport { attempt: attempt.as_str().into(), token, report };
    vec![tick(), claim(&attempt, token), said, ended(&attempt, token, |_| {}), tick()]
}

fn questions(questions: &[&str]) -> Value {
    let asked =
        questions.iter().map(|q| json!({"id": "q", "category": "scope", "question": q, "options": ["this", "that"]}));
    json!({"clarifications_needed": !questions.is_empty(), "questions": asked.collect::<Vec<_>>(), "assumptions_avoided": []})
}

fn spec() -> Value {
    json!({"spec": {"requirements": ["users log in"], "acceptance_criteria": ["a test logs in"]}})
}

fn planned(id: &str, file: &str, after: &[&str]) -> Value {
    json!({"id": id, "title": format!("Do {id}"), "why": "it is needed", "done": ["a test"], "files": [file],
           "after": after, "size": "S"})
}

fn plan(tickets: &[Value]) -> Value {
    json!({"plan": {"phases": [{"name": "one", "tickets": tickets}], "files": [], "dependencies": []}})
}

fn two_tickets() -> Value {
    plan(&[planned("A", "src/a.rs", &[]), planned("B", "src/b.rs", &["A"])])
}

fn verdict(verdict: &str, pivots: &[&str]) -> Value {
    json!({"verdict": verdict, "required_pivots": pivots})
}

fn specified() -> Vec<Input> {
    let interviewed = after(goal(), hands_in("T-1-interview", 1, questions(&[])));
    after(after(interviewed, [tick()]), hands_in("T-1-spec", 2, spec()))
}

fn planned_once() -> Vec<Input> {
    after(after(specified(), [tick()]), hands_in("T-1-plan", 3, two_tickets()))
}

fn waits_for_approval() -> Vec<Input> {
    let validated = after(after(planned_once(), [tick()]), hands_in("T-1-validate", 4, verdict("PASS", &[])));
    after(validated, [tick()])
}

fn phase(ledger: &Ledger, id: &str) -> Phase {
    ledger.state().tickets[&TicketId::from(id)].phase
}

fn request(ledger: &Ledger, stage: &str) -> String {
    ledger.state().tickets[&TicketId::from(stage)].spec.description.clone()
}

#[test]
fn a_goal_begins_with_its_first_stage_and_nobody_works_on_itself() {
    let ledger = given(&goal());
    assert_eq!(phase(&ledger, "T-1"), Phase::Suspended);
    let stage = &ledger.state().tickets[&"T-1-interview".into()].spec;
    assert_eq!((stage.kind, stage.parent.clone()), (Kind::Stage, Some("T-1".into())));
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-1".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["its stage T-1-interview is under way"]);
}

#[test]
fn questions_of_the_interview_are_cards_and_the_answers_reach_the_next_stage() {
    let asked = after(goal(), hands_in("T-1-interview", 1, questions(&["Which provider?", "Also on the phone?"])));
    let ledger = given(&after(asked.clone(), [tick()]));
    assert_eq!(
        ledger.state().open_cards().map(|c| c.question.clone()).collect::<Vec<_>>(),
        ["Which provider?", "Also on the phone?"]
    );
    assert!(!ledger.state().tickets.contains_key(&TicketId::from("T-1-spec")), "it waits for both answers");
    let ledger = given(&after(asked, [answer("C-1", "this"), tick(), answer("C-2", "that"), tick()]));
    let told = request(&ledger, "T-1-spec");
    assert!(told.contains("- Which provider?\n  The person: this") && told.contains("Also on the phone?"), "{told}");
}

#[test]
fn each_stage_is_given_what_those_before_it_wrote() {
    let ledger = given(&after(planned_once(), [tick()]));
    assert!(request(&ledger, "T-1-plan").contains("a test logs in"));
    assert!(request(&ledger, "T-1-validate").contains("src/b.rs"));
}

#[test]
fn a_plan_that_cannot_be_carried_out_goes_back_to_the_same_session() {
    for (bad, fault) in [
        (plan(&[]), "the plan has no ticket"),
        (plan(&[planned("A", "a", &["Z"])]), "it comes after `Z`, which is not in the plan"),
        (plan(&[planned("A", "a", &["B"]), planned("B", "b", &["A"])]), "the dependencies form a cycle"),
        (plan(&[planned("A", "a", &[]), planned("B", "a", &[])]), "A and B both change a"),
        (plan(&[planned("A", "/etc/passwd", &[])]), "is outside the repository"),
        (json!({"plan": "do it"}), "`output.plan`"),
    ] {
        let ledger = given(&after(after(specified(), [tick()]), hands_in("T-1-plan", 3, bad)));
        let said: String = ledger.state().deliveries.values().map(|d| d.text.clone()).collect();
        assert!(said.contains(fault), "{fault} in {said}");
    }
}

#[test]
fn a_refused_plan_is_written_again_with_what_has_to_change() {
    let refused =
        after(after(planned_once(), [tick()]), hands_in("T-1-validate", 4, verdict("FAIL", &["Add a test."])));
    let ledger = given(&after(refused, [tick()]));
    let told = request(&ledger, "T-1-plan2");
    assert!(told.contains("- Add a test.") && told.contains("src/b.rs"), "{told}");
}

#[test]
fn a_person_decides_about_a_plan_that_is_refused_too_often() {
    let refused =
        after(after(planned_once(), [tick()]), hands_in("T-1-validate", 4, verdict("FAIL", &["Add a test."])));
    let again = after(after(refused, [tick()]), hands_in("T-1-plan2", 5, two_tickets()));
    let twice = after(after(again, [tick()]), hands_in("T-1-validate2", 6, verdict("FAIL", &["Still no test."])));
    let ledger = given(&twice);
    let card = ledger.state().open_cards().next().expect("a card");
    assert_eq!(card.question, "Approve the plan of T-1, or say what to change");
    assert!(card.brief.contains("refused it 2 times") && card.brief.contains("Still no test."), "{}", card.brief);
    let accepted = given(&after(twice, [answer("C-1", "accept"), tick()]));
    assert_eq!(accepted.state().tickets[&"T-1".into()].goal.tickets.len(), 2, "a person overrules the check");
}

#[test]
fn nothing_is_built_before_a_person_approves_the_plan() {
    let ledger = given(&after(waits_for_approval(), [tick(), tick()]));
    assert_eq!(ledger.state().tickets.len(), 5, "the goal and its stages");
    let card = ledger.state().open_cards().next().expect("a card");
    assert!(card.brief.contains("B Do B [S], after A"), "{}", card.brief);
    check(
        &after(waits_for_approval(), [answer("C-1", "accept")]),
        tick(),
        &expect![[r#"
            ticket-added ticket=T-2
            ticket-added ticket=T-3
            goal-expanded ticket=T-1
            then retire/T-1-interview/h
            then retire/T-1-plan/h
            then retire/T-1-spec/h
            then retire/T-1-validate/h
        "#]],
    );
    let ledger = given(&after(waits_for_approval(), [answer("C-1", "accept"), tick()]));
    let second = &ledger.state().tickets[&"T-3".into()].spec;
    assert_eq!((second.after.as_slice(), second.parent.clone()), (&["T-2".into()][..], Some("T-1".into())));
    assert!(second.metadata["goal"].ends_with("(T-1)"), "whoever works on it knows what it is for");
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-1".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["it is done when its tickets are merged or closed: T-2, T-3"]);
}

#[test]
fn what_a_person_wants_changed_goes_to_the_planner() {
    let ledger = given(&after(waits_for_approval(), [answer("C-1", "One ticket is enough."), tick()]));
    assert!(request(&ledger, "T-1-plan2").contains("A person asks for changes: One ticket is enough."));
}

#[test]
fn a_goal_is_done_when_its_tickets_are() {
    let close = |id: &str| Input::CloseTicket { ticket: id.into(), reason: "no".into(), by: "p".into() };
    let expanded = after(waits_for_approval(), [answer("C-1", "accept"), tick(), close("T-3"), close("T-2")]);
    assert_eq!(phase(&given(&expanded), "T-1"), Phase::Suspended);
    assert_eq!(phase(&given(&after(expanded, [tick()])), "T-1"), Phase::Done);
}

#[test]
fn closing_a_goal_closes_its_stage_and_its_tickets() {
    let close = || Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let early = given(&after(goal(), [close(), tick()]));
    assert_eq!(phase(&early, "T-1-interview"), Phase::Cancelled);
    let ticks = [close(), tick(), tick(), tick()];
    let late = given(&after(after(waits_for_approval(), [answer("C-1", "accept"), tick()]), ticks));
    assert_eq!([phase(&late, "T-2"), phase(&late, "T-3")], [Phase::Cancelled, Phase::Cancelled]);
}

#[test]
fn a_changed_goal_is_planned_again() {
    let change = TicketChange { title: Some("Log in by SAML".into()), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) };
    let ledger = given(&after(after(specified(), [tick()]), [edit, tick()]));
    assert_eq!(phase(&ledger, "T-1-plan"), Phase::Cancelled);
    assert!(request(&ledger, "T-1-interview2").contains("> Log in by SAML"));
}

#[test]
fn a_stage_that_fails_asks_a_person_and_is_tried_again() {
    let closed = Input::CloseTicket { ticket: "T-1-interview".into(), reason: "wrong".into(), by: "p".into() };
    let failed = after(goal(), [closed, tick()]);
    let ledger = given(&failed);
    let questions: Vec<&str> = ledger.state().open_cards().map(|card| card.question.as_str()).collect();
    assert_eq!(questions, ["Stage `interview` of T-1 failed. Try again?"]);
    let again = given(&after(failed, [answer("C-1", "retry"), tick()]));
    assert!(again.state().tickets.contains_key(&TicketId::from("T-1-interview2")));
}

#[test]
fn a_stopped_goal_begins_nothing_before_it_is_resumed() {
    let stop = Input::StopTicket { ticket: "T-1".into(), why: "later".into(), by: "p".into() };
    let stopped = after(goal(), [stop, tick(), tick()]);
    let ledger = given(&stopped);
    assert_eq!((phase(&ledger, "T-1-interview"), ledger.state().attempts.len()), (Phase::Stopped, 0));
    let resumed = after(stopped, [Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() }]);
    let done = after(after(resumed, hands_in("T-1-interview", 1, questions(&[]))), [tick()]);
    assert!(given(&done).state().tickets.contains_key(&TicketId::from("T-1-spec")));
}

#[test]
fn a_stopped_goal_keeps_what_waits_for_a_person_below_it_from_going_on() {
    let question = Input::Ask {
        attempt: "T-2-a1".into(),
        token: 5,
        call: "1".into(),
        question: "Which provider?".into(),
        brief: String::new(),
        options: Vec::new(),
    };
    let approved = [answer("C-1", "accept"), tick(), tick(), claim("T-2-a1", 5), question];
    let waiting = after(after(waits_for_approval(), approved), [ended("T-2-a1", 5, |_| {})]);
    let stop = Input::StopTicket { ticket: "T-1".into(), why: "later".into(), by: "p".into() };
    let stopped = after(waiting, [stop]);
    let ledger = given(&stopped);
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-2".into()).iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["p stopped it: T-1 was stopped: later", "it is waiting for your answer to C-2: `ganger inbox`"]
    );
    let answered = after(stopped, [answer("C-2", "GitHub"), tick(), tick()]);
    let ledger = given(&answered);
    assert_eq!((phase(&ledger, "T-2"), ledger.state().attempts.len()), (Phase::Stopped, 0));
    let resume = Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    let ledger = given(&after(answered, [resume, tick()]));
    assert_eq!(phase(&ledger, "T-2"), Phase::Running);
    assert!(ledger.state().tickets.values().all(|t| t.stopped.is_none()));
}

#[test]
fn the_status_of_a_goal_says_what_holds_it() {
    let status = |inputs: Vec<Input>| {
        let ledger = given(&inputs);
        status_of(ledger.state(), &"T-1".into(), &ledger.state().tickets[&"T-1".into()])
    };
    let stop = || Input::StopTicket { ticket: "T-1".into(), why: String::new(), by: "p".into() };
    let new = goal().into_iter().take(4).collect::<Vec<Input>>();
    assert_eq!(status(new.clone()), Phase::Open, "it has not begun");
    assert_eq!(status(after(new, [stop()])), Phase::Stopped);
    assert_eq!(status(goal()), Phase::Suspended, "a stage is under way");
    assert_eq!(status(after(goal(), [stop()])), Phase::Stopped);
    assert_eq!(status(waits_for_approval()), Phase::NeedsYou);
    assert_eq!(status(after(waits_for_approval(), [answer("C-1", "accept"), tick()])), Phase::Suspended);
}

#[test]
fn what_is_closed_with_its_goal_is_not_ready_in_between() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let closed = after(three_tickets(), [close]);
    let ledger = given(&closed);
    assert_eq!(ledger.state().ready().count(), 0);
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-2".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["T-1 was closed, and so is this with the next run"]);
    let reopen = Input::ReopenTicket { ticket: "T-1".into(), reason: String::new(), by: "p".into() };
    assert_eq!(given(&after(closed, [reopen])).state().ready().count(), 1, "nothing of it was closed yet");
}

#[test]
fn without_a_pipeline_a_goal_is_refused() {
    let spec = TicketSpec { title: "Log in".into(), kind: Kind::Goal, ..TicketSpec::default() };
    check(
        &[Input::Elect { foreman: "f".into() }, Input::SetPolicy { policy: policy() }],
        Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] },
        &expect![[r#"
            refused (invalid-tickets): T-1: this project has no pipeline that makes tickets of a goal
        "#]],
    );
}

#[test]
fn what_comes_after_a_goal_starts_when_that_is_done() {
    let spec = TicketSpec { title: "Announce it".into(), after: vec!["T-1".into()], ..TicketSpec::default() };
    let close = |id: &str| Input::CloseTicket { ticket: id.into(), reason: "no".into(), by: "p".into() };
    let add = Input::AddTickets { tickets: vec![NewTicket { id: Some("LATER".into()), spec }] };
    let waiting =
        after(after(waits_for_approval(), [add, answer("C-1", "accept"), tick()]), [close("T-4"), close("T-3")]);
    assert!(!given(&waiting).state().ready().any(|(id, _)| id.as_str() == "LATER"));
    let ledger = given(&after(waiting, [tick()]));
    assert!(ledger.state().ready().any(|(id, _)| id.as_str() == "LATER"), "{:?}", ledger.state().tickets.keys());
}

#[test]
fn mail_goes_to_the_tickets_of_a_goal_and_not_to_itself() {
    let mail = NewMail { to: vec!["T-1".into()], subject: "Hurry".into(), body: "please".into(), ..NewMail::default() };
    check(
        &goal(),
        Input::SendMail { by: Speaker::Person { name: "ada".into() }, mail },
        &expect![[r#"
            refused (mail-refused): T-1 is a goal: no agent works on it
        "#]],
    );
}

/// The plan of T-1 became T-2, T-3 after it, and T-4 after that.
fn three_tickets() -> Vec<Input> {
    let tickets = [planned("A", "a", &[]), planned("B", "b", &["A"]), planned("C", "c", &["B"])];
    let made = after(after(specified(), [tick()]), hands_in("T-1-plan", 3, plan(&tickets)));
    let validated = after(after(made, [tick()]), hands_in("T-1-validate", 4, verdict("PASS", &[])));
    after(validated, [tick(), answer("C-1", "accept"), tick()])
}

#[test]
fn a_reopened_goal_has_its_tickets_again_and_asks_nothing() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let reopen = Input::ReopenTicket { ticket: "T-1".into(), reason: "after all".into(), by: "p".into() };
    let closed = after(three_tickets(), [close, tick(), tick(), tick(), tick()]);
    assert_eq!(given(&closed).state().open_cards().count(), 0, "nobody is asked about what is closed with its goal");
    let ledger = given(&after(closed, [reopen]));
    let phases = ["T-1", "T-2", "T-3", "T-4"].map(|id| phase(&ledger, id));
    assert_eq!(phases, [Phase::Suspended, Phase::Open, Phase::Open, Phase::Open]);
    assert_eq!(ledger.state().open_cards().count(), 0);
}

#[test]
fn nothing_below_a_goal_may_wait_for_it() {
    let change = TicketChange { after: Some(vec!["T-1".into()]), ..TicketChange::default() };
    check(
        &three_tickets(),
        Input::EditTicket { ticket: "T-2".into(), change: Box::new(change) },
        &expect![[r#"
            refused (invalid-edit): dependency cycle: T-2 → T-1 → T-2
            then retire/T-1-interview/h
            then retire/T-1-plan/h
            then retire/T-1-spec/h
            then retire/T-1-validate/h
        "#]],
    );
}

#[test]
fn a_goal_begins_when_what_it_comes_after_is_accepted() {
    let first = TicketSpec { title: "First".into(), ..TicketSpec::default() };
    let goal =
        TicketSpec { title: "Log in".into(), kind: Kind::Goal, after: vec!["FIRST".into()], ..TicketSpec::default() };
    let tickets =
        vec![NewTicket { id: Some("FIRST".into()), spec: first }, NewTicket { id: Some("GOAL".into()), spec: goal }];
    let board = vec![Input::Elect { foreman: "f".into() }, pipeline(), Input::AddTickets { tickets }, tick()];
    let ledger = given(&board);
    assert_eq!(ledger.state().tickets.len(), 2, "no stage yet");
    let reasons: Vec<String> = why(ledger.state(), NOW, &"GOAL".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["it waits for FIRST, which is open"]);
}

#[test]
fn a_goal_whose_pipeline_is_gone_waits_and_says_so() {
    let gone = after(goal(), [Input::SetPolicy { policy: policy() }]);
    let gone = after(gone, hands_in("T-1-interview", 1, questions(&[])));
    let ledger = given(&after(gone, [tick(), tick()]));
    assert_eq!(phase(&ledger, "T-1"), Phase::Suspended);
    let reasons: Vec<String> = why(ledger.state(), NOW, &"T-1".into()).iter().map(ToString::to_string).collect();
    assert_eq!(reasons, ["this project has no pipeline that makes tickets of a goal any more"]);
}

#[test]
fn what_a_stage_assumed_and_a_person_rejects_is_planned_again() {
    let assumed =
        NewAssumption { assumed: "GitHub only".into(), confidence: 0.7, topic: None, value: None, impact: Impact::Low };
    let report = Report { output: Some(two_tickets()), ..report(&[]) };
    let stage = [
        tick(),
        claim("T-1-plan-a1", 3),
        Input::Assume { attempt: "T-1-plan-a1".into(), token: 3, assumption: assumed },
        Input::AgentReport { attempt: "T-1-plan-a1".into(), token: 3, report },
        ended("T-1-plan-a1", 3, |_| {}),
        tick(),
    ];
    let planned = after(after(specified(), [tick()]), stage);
    let assumption = given(&planned).state().tickets[&"T-1-plan".into()].assumptions[0].id;
    let reject = Input::RejectAssumption { assumption, correction: "GitLab, too".into(), by: "p".into() };
    let ledger = given(&after(planned, [reject, tick()]));
    assert!(request(&ledger, "T-1-plan2").contains("GitLab, too"));
    assert_eq!(ledger.state().deliveries.len(), 0, "no session works on a goal");
}

/// C comes first, for A and B are built on it.
fn planned_in_batches() -> Vec<Input> {
    let Input::SetPolicy { policy } = pipeline() else { unreachable!() };
    let tickets = [planned("A", "src/a.rs", &["C"]), planned("B", "src/b.rs", &["C"]), planned("C", "src/c.rs", &[])];
    let batches = after(specified(), [in_batches_of(2, policy.goals.stages), tick()]);
    let planned = after(after(batches, hands_in("T-1-plan", 3, plan(&tickets))), [tick()]);
    let checked = after(planned, hands_in("T-1-validate", 4, verdict("PASS", &[])));
    after(checked, [tick(), tick(), tick(), tick()])
}

fn asked(ledger: &Ledger) -> Vec<String> {
    ledger.state().open_cards().map(|card| card.question.clone()).collect()
}

#[test]
fn a_plan_in_batches_asks_about_a_few_tickets_at_a_time_those_first_that_others_need() {
    let ledger = given(&planned_in_batches());
    assert_eq!(
        asked(&ledger),
        ["Is T-4 wanted, 1 of 3 of this plan: Do C?", "Is T-2 wanted, 2 of 3 of this plan: Do A?"]
    );
    let brief = &ledger.state().open_cards().next().unwrap().brief;
    assert!(brief.contains("Built on by: T-2, T-3") && brief.contains("Done: a test"), "{brief}");
    let why: Vec<String> = why(ledger.state(), NOW, &"T-3".into()).iter().map(ToString::to_string).collect();
    assert!(why.contains(&"you are asked about other tickets of T-1 first: `ganger inbox`".to_owned()), "{why:?}");
    assert!(ledger.state().attempts.is_empty(), "nothing starts before it was decided about");
}

#[test]
fn an_answer_about_a_ticket_of_a_batch_starts_it_and_asks_about_the_next() {
    let ledger = given(&after(planned_in_batches(), [answer("C-1", "yes"), tick(), tick(), tick()]));
    assert_eq!(
        asked(&ledger),
        ["Is T-2 wanted, 2 of 3 of this plan: Do A?", "Is T-3 wanted, 3 of 3 of this plan: Do B?"]
    );
    assert_eq!(ledger.state().attempts.values().map(|a| a.ticket.as_str()).collect::<Vec<_>>(), ["T-4"]);
    let all = [answer("C-1", "yes"), answer("C-2", "no"), tick(), tick(), answer("C-3", "Mind the phone"), tick()];
    let ledger = given(&after(planned_in_batches(), all));
    assert_eq!((phase(&ledger, "T-2"), phase(&ledger, "T-3")), (Phase::Cancelled, Phase::Open));
    assert!(request(&ledger, "T-3").contains("Mind the phone"));
}

#[test]
fn a_ticket_of_a_batch_is_asked_about_once_at_a_time_also_when_what_it_needs_is_not_wanted() {
    let refused = after(planned_in_batches(), [answer("C-1", "no"), tick(), tick(), tick()]);
    let ledger = given(&refused);
    assert_eq!(
        asked(&ledger),
        ["Is T-2 wanted, 2 of 3 of this plan: Do A?", "Is T-3 wanted, 3 of 3 of this plan: Do B?"]
    );
    let brief = &ledger.state().open_cards().last().unwrap().brief;
    assert!(brief.contains("After: T-4 (closed)"), "{brief}");
    let ledger = given(&after(refused, [answer("C-2", "yes"), answer("C-3", "no"), tick()]));
    assert_eq!(asked(&ledger), ["T-2 depends on T-4, which was closed. Continue without it?"]);
}

#[test]
fn a_refused_ticket_that_comes_back_after_its_goal_was_done_is_wanted() {
    let refused = [answer("C-1", "no"), answer("C-2", "no"), tick(), answer("C-3", "no"), tick()];
    let reopen = Input::ReopenTicket { ticket: "T-4".into(), reason: String::new(), by: "p".into() };
    let ledger = given(&after(after(planned_in_batches(), refused), [reopen, tick()]));
    assert_eq!((phase(&ledger, "T-1"), phase(&ledger, "T-4")), (Phase::Done, Phase::Running));
}

#[test]
fn the_tickets_of_a_goal_keep_their_missions_when_the_goal_is_edited() {
    let planned = after(waits_for_approval(), [answer("C-1", "accept"), tick()]);
    let change = TicketChange { title: Some("Log in by SAML".into()), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) };
    let ledger = given(&after(planned, [edit]));
    let below: Vec<&TicketSpec> =
        ["T-2", "T-3"].iter().map(|id| &ledger.state().tickets[&TicketId::from(*id)].spec).collect();
    let missions: Vec<(Kind, &str)> = below.iter().map(|spec| (spec.kind, spec.title.as_str())).collect();
    assert_eq!(missions, [(Kind::Change, "Do A"), (Kind::Change, "Do B")]);
}
