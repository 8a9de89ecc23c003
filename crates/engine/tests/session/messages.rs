//! Texts that come while the session is at work.

use crate::stage::{Stage, command, delivery, message, setup};
use expect_test::expect;
use ganger_engine::session::{Event, RuntimeEvent, TurnEnd};
use ganger_engine::{Delivery, DeliveryKind, PermissionAnswer, Urgency};

#[test]
fn a_text_waits_for_the_end_of_the_turn_and_comes_once() {
    let mut stage = Stage::at_work(setup());
    stage.event(message(delivery("D-1", Urgency::Idle))).event(message(delivery("D-1", Urgency::Idle)));
    stage.mark("idle").runtime(RuntimeEvent::Text("Done.".to_owned())).ended(TurnEnd::Completed);
    stage.mark("it goes in").runtime(RuntimeEvent::Prompted).runtime(RuntimeEvent::Prompted);
    stage.mark("it is seen").runtime(RuntimeEvent::Text("Yes.".to_owned()));
    stage.shows(&expect![[r#"
        # idle
        text: Done.
        status: finished (the runtime's terminal event)
        > prompt: [D-1] text of D-1
        note: prompt: [D-1] text of D-1
        status: working (the prompt was sent)
        # it goes in
        tell: delivered D-1 (SentOnce)
        # it is seen
        tell: seen D-1 (turn 2 of T-1-a1: it answered)
        text: Yes.
    "#]]);
}

#[test]
fn an_urgent_text_is_steered_in_and_seen_after_the_next_tool_boundary() {
    let mut stage = Stage::at_work(setup());
    stage.call("Bash", "make").event(message(delivery("D-1", Urgency::Now)));
    stage.mark("it goes in").runtime(RuntimeEvent::Steered { id: "D-1".to_owned() });
    stage.runtime(RuntimeEvent::Steered { id: "D-1".to_owned() });
    stage.mark("the model acts").call_ended().runtime(RuntimeEvent::Text("Yes.".to_owned()));
    stage.shows(&expect![[r#"
        toolstarted: Bash make
        > steer: [D-1] text of D-1
        # it goes in
        note: told in the current turn: text of D-1
        tell: delivered D-1 (SentOnce)
        # the model acts
        toolended: ok
        tell: seen D-1 (turn 1 of T-1-a1: it answered)
        text: Yes.
    "#]]);
}

#[test]
fn what_could_not_be_steered_in_is_said_when_the_session_is_idle() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(RuntimeEvent::Text("Hm.".to_owned())).event(message(delivery("D-1", Urgency::Now)));
    stage.runtime(RuntimeEvent::NotSteered { id: "D-1".to_owned() }).ended(TurnEnd::Completed);
    stage.shows(&expect![[r#"
        text: Hm.
        > steer: [D-1] text of D-1
        status: finished (the runtime's terminal event)
        > prompt: [D-1] text of D-1
        note: prompt: [D-1] text of D-1
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn nothing_is_said_while_a_permission_is_waited_for() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(RuntimeEvent::PermissionRequested(command("r1", "rm x")));
    stage.event(message(delivery("D-1", Urgency::Now))).mark("allowed");
    let (attempt, request_id) = ("T-1-a1".into(), "r1".to_owned());
    stage.event(Event::PermissionAnswered(PermissionAnswer { attempt, request_id, denied: None }));
    stage.shows(&expect![[r#"
        ask: permission r1: command rm x
        # allowed
        note: allowed: command rm x
        > permit r1: allow
        > steer: [D-1] text of D-1
        tell: r1 has its answer
    "#]]);
}

#[test]
fn an_interrupting_text_stops_the_turn_and_is_said_with_the_mission_if_the_model_never_answered() {
    let mut stage = Stage::at_work(setup());
    stage.event(message(delivery("D-1", Urgency::Interrupt))).mark("stopped").ended(TurnEnd::Interrupted);
    stage.shows(&expect![[r#"
        note: interrupted by a person
        > interrupt
        # stopped
        status: finished (the runtime's terminal event)
        > prompt: [D-1] text of D-1  MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: [D-1] text of D-1 MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn a_revision_is_written_to_the_mission_file() {
    let mut stage = Stage::at_work(setup());
    let revision = Delivery { kind: DeliveryKind::Revision, ..delivery("D-1", Urgency::Idle) };
    stage.event(message(revision));
    stage.shows(&expect![[r#"
        write mission, revision 2
    "#]]);
}
