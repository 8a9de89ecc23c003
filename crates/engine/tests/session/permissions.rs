//! Requests of the runtime, asked directly or at a hook.

use crate::stage::{MINUTE, Stage, command, setup};
use expect_test::expect;
use ganger_engine::rules::{Danger, ToolRequest};
use ganger_engine::session::{Capabilities, Event, Reply, RuntimeEvent, Setup, TurnEnd};
use ganger_engine::{CardId, Outcome, PermissionAnswer};

fn card() -> Reply {
    Reply::Decided(Outcome::Card { card: CardId::from("C-1") })
}

fn answer(request_id: &str, denied: Option<&str>) -> Event {
    let (request_id, denied) = (request_id.to_owned(), denied.map(str::to_owned));
    Event::PermissionAnswered(PermissionAnswer { attempt: "T-1-a1".into(), request_id, denied })
}

fn asked(line: &str) -> RuntimeEvent {
    RuntimeEvent::PermissionRequested(command("r1", line))
}

#[test]
fn rules_answer_what_they_cover() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("make")).runtime(RuntimeEvent::PermissionRequested(command("r2", "git push")));
    stage.shows(&expect![[r#"
        > permit r1: allow
        note: denied: command git push (the rule `deny = ["command(git push*)"]` of this project forbids it; find another way)
        > permit r2: deny, the rule `deny = ["command(git push*)"]` of this project forbids it; find another way
    "#]]);
}

#[test]
fn a_person_is_asked_and_answers() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).runtime(asked("rm x")).reply(card()).mark("answered").event(answer("r1", None));
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        note: asks for permission [C-1]: command rm x
        status: permission blocked (the runtime waits for the answer to C-1)
        # answered
        note: allowed: command rm x
        > permit r1: allow
        status: working (a person answered)
        tell: r1 has its answer
    "#]]);
}

/// A call in which the guard found something.
fn dangerous(request_id: &str) -> ToolRequest {
    let found = Danger { command: "npm publish".to_owned(), why: "What is published cannot be taken back.".to_owned() };
    ToolRequest { dangers: vec![found], ..command(request_id, "make && npm publish") }
}

#[test]
fn what_the_guard_found_makes_a_card_that_says_so_and_is_made_once_allowed() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::HookRequested(dangerous("h1"))).reply(card()).mark("answered").event(answer("h1", None));
    stage.shows(&expect![[r#"
        ask: permission h1: command make && npm publish (The guard stopped `npm publish`. What is published cannot be taken back.)
        note: asks for permission [C-1]: command make && npm publish
        status: permission blocked (the runtime waits for the answer to C-1)
        # answered
        note: allowed: command make && npm publish
        hook h1: allow
        status: working (a person answered)
        tell: h1 has its answer
    "#]]);
}

#[test]
fn what_the_guard_found_is_not_made_when_a_person_says_no() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(RuntimeEvent::PermissionRequested(dangerous("r1"))).reply(card()).mark("answered");
    stage.event(answer("r1", Some("not today")));
    stage.shows(&expect![[r#"
        ask: permission r1: command make && npm publish (The guard stopped `npm publish`. What is published cannot be taken back.)
        note: asks for permission [C-1]: command make && npm publish
        status: permission blocked (the runtime waits for the answer to C-1)
        # answered
        note: denied: command make && npm publish
        > permit r1: deny, not today
        status: working (a person answered)
        tell: r1 has its answer
    "#]]);
}

#[test]
fn an_answer_that_overtakes_the_card_counts_and_the_card_changes_nothing() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).event(answer("r1", Some("no"))).mark("the card").reply(card());
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        note: denied: command rm x
        > permit r1: deny, no
        tell: r1 has its answer
        # the card
    "#]]);
}

#[test]
fn a_runtime_without_room_for_a_reason_is_told_it_with_the_next_turn() {
    let capabilities = Capabilities { reasons: false, ..Capabilities::ALL };
    let mut stage = Stage::at_work(Setup { capabilities, ..setup() });
    stage.runtime(RuntimeEvent::Text("I clean up.".to_owned())).runtime(asked("rm x")).reply(card());
    stage.event(answer("r1", Some("keep it"))).ended(TurnEnd::Completed);
    stage.shows(&expect![[r#"
        text: I clean up.
        ask: permission r1: command rm x
        note: asks for permission [C-1]: command rm x
        status: permission blocked (the runtime waits for the answer to C-1)
        note: denied: command rm x
        > permit r1: deny, keep it
        status: working (a person answered)
        tell: r1 has its answer
        status: finished (the runtime's terminal event)
        > prompt: A person denied your request (command rm x): keep it
        note: prompt: A person denied your request (command rm x): keep it
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn what_was_allowed_before_needs_nobody() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).reply(Reply::Decided(Outcome::Permitted));
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        note: allowed before: command rm x
        > permit r1: allow
    "#]]);
}

#[test]
fn a_request_that_nobody_answers_is_denied_in_time() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).reply(card()).after(5 * MINUTE);
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        note: asks for permission [C-1]: command rm x
        status: permission blocked (the runtime waits for the answer to C-1)
        note: denied, as nobody answered: command rm x
        > permit r1: deny, nobody answered in time, so it is not allowed now. Find another way, or ask with `ask_user`
        tell: r1 lapsed, nobody answered in time, and it was denied
        status: working (the request was denied)
    "#]]);
}

#[test]
fn a_foreman_that_does_not_answer_is_a_denial() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).reply(Reply::Silent);
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        > permit r1: deny, nobody could be asked: the foreman did not answer
        tell: r1 lapsed, it was denied, as nobody could be asked
    "#]]);
}

#[test]
fn a_request_that_is_withdrawn_lapses_also_before_its_card_is_known() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(asked("rm x")).runtime(RuntimeEvent::PermissionWithdrawn { request_id: "r1".to_owned() });
    stage.mark("the card").reply(card());
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        tell: r1 lapsed, the runtime does not wait for an answer any more
        # the card
    "#]]);
}

#[test]
fn a_call_that_was_allowed_at_the_hook_passes_the_runtimes_own_question_once() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::HookRequested(command("h1", "rm x"))).reply(card()).event(answer("h1", None));
    let again = |id: &str| {
        let mut request = command(id, "rm x");
        request.call = "call-h1".to_owned();
        RuntimeEvent::PermissionRequested(request)
    };
    stage.mark("the runtime asks too").runtime(again("r1")).mark("and once more").runtime(again("r2"));
    stage.shows(&expect![[r#"
        ask: permission h1: command rm x
        note: asks for permission [C-1]: command rm x
        status: permission blocked (the runtime waits for the answer to C-1)
        note: allowed: command rm x
        hook h1: allow
        status: working (a person answered)
        tell: h1 has its answer
        # the runtime asks too
        > permit r1: allow
        # and once more
        ask: permission r2: command rm x
    "#]]);
}

#[test]
fn no_request_outlives_its_turn() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::HookRequested(command("h1", "rm x"))).reply(card());
    stage.runtime(asked("rm y")).reply(card()).mark("over").ended(TurnEnd::Completed);
    stage.mark("late").event(answer("r1", None));
    stage.shows(&expect![[r#"
        ask: permission h1: command rm x
        note: asks for permission [C-1]: command rm x
        status: permission blocked (the runtime waits for the answer to C-1)
        ask: permission r1: command rm y
        note: asks for permission [C-1]: command rm y
        # over
        status: finished (the runtime's terminal event)
        hook h1: deny, the turn that asked is over
        tell: h1 lapsed, the turn that asked is over
        tell: r1 lapsed, the turn that asked is over
        inspect workspace
        # late
        tell: r1 has its answer
    "#]]);
}

#[test]
fn paths_in_the_workspace_are_named_from_there() {
    let mut rules = setup();
    rules.rules.ask = vec!["edit(src/*)".to_owned()];
    let mut stage = Stage::at_work(rules);
    let mut edit = command("r1", "/w/src/lib.rs");
    edit.class = ganger_engine::rules::ToolClass::Edit;
    stage.runtime(RuntimeEvent::PermissionRequested(edit));
    stage.shows(&expect![[r#"
        ask: permission r1: edit src/lib.rs
    "#]]);
}
