//! From the opening of the session to the end of its last turn.

use crate::stage::{NOW, Stage, delivery, setup};
use expect_test::expect;
use ganger_engine::session::{Action, Capabilities, Event, Reply, RuntimeEvent, SessionFile, TurnEnd};
use ganger_engine::{Outcome, SessionId, Urgency, Usage};

#[test]
fn nothing_is_said_before_the_session_is_on_disk_and_in_the_journal() {
    let mut stage = Stage::new(setup());
    stage.event(Event::Tick).runtime(RuntimeEvent::Session(SessionId::from("s1"))).mark("journaled");
    stage.reply(Reply::Decided(Outcome::Done)).mark("written");
    stage.event(Event::Wrote { file: SessionFile::Session, result: Ok(()) });
    stage.shows(&expect![[r#"
        write session s1
        ask: session s1 started
        # journaled
        # written
        > prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn a_session_that_cannot_be_journaled_is_not_prompted() {
    let mut stage = Stage::new(setup());
    stage.runtime(RuntimeEvent::Session(SessionId::from("s1"))).reply(Reply::Silent).event(Event::DriverGone);
    stage.shows(&expect![[r#"
        write session s1
        ask: session s1 started
        status: finished (the session is being closed)
        > close
        END Failed { class: Crashed, message: "the session could not be journaled: the foreman did not answer", limit: None }, 0 tokens
    "#]]);
}

#[test]
fn a_session_that_is_named_late_is_prompted_at_once_and_recorded_once() {
    let late = Capabilities { session_first: false, recall: false, ..Capabilities::ALL };
    let mut stage = Stage::new(ganger_engine::session::Setup { capabilities: late, ..setup() });
    stage.event(Event::Tick).mark("named");
    stage.runtime(RuntimeEvent::Session(SessionId::from("s1"))).runtime(RuntimeEvent::Session(SessionId::from("s1")));
    stage.mark("refused").reply(Reply::Refused("stale".to_owned()));
    stage.shows(&expect![[r#"
        > prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        status: working (the prompt was sent)
        # named
        write session s1
        ask: session s1 started
        # refused
        note: the session could not be journaled: stale
    "#]]);
}

#[test]
fn a_turn_without_report_and_without_change_is_continued_once() {
    let mut stage = Stage::at_work(setup());
    stage.ended(TurnEnd::Completed).workspace("c0", 0).runtime(RuntimeEvent::Prompted);
    stage.mark("again").ended(TurnEnd::Completed).event(Event::DriverGone);
    stage.shows(&expect![[r#"
        status: finished (the runtime's terminal event)
        inspect workspace
        > prompt: You ended your turn, but nothing has changed in the workspace and you did not call `report_result`. Continue with the mission, or call `ask_user` if only a person can decide.
        note: prompt: You ended your turn, but nothing has changed in the workspace and you did not call `report_result`. Continue with the mission, or call `ask_user` if only a person can decide.
        status: working (the prompt was sent)
        # again
        status: finished (the runtime's terminal event)
        > close
        END Completed, 0 tokens
    "#]]);
}

#[test]
fn a_turn_with_a_change_or_a_report_is_a_claim() {
    let mut changed = Stage::at_work(setup());
    changed.ended(TurnEnd::Completed).workspace("c1", 0).event(Event::DriverGone);
    changed.shows(&expect![[r#"
        status: finished (the runtime's terminal event)
        inspect workspace
        > close
        END Completed, 0 tokens
    "#]]);
    let mut reported = Stage::at_work(setup());
    reported.event(Event::Reported).ended(TurnEnd::Completed).event(Event::DriverGone);
    reported.shows(&expect![[r#"
        status: finished (the runtime's terminal event)
        > close
        END Completed, 0 tokens
    "#]]);
}

#[test]
fn a_resumed_session_is_told_only_what_its_transcript_lacks() {
    let deliveries = vec![delivery("D-1", Urgency::Idle), delivery("D-2", Urgency::Idle)];
    let session = Some(SessionId::from("s1"));
    let mut stage = Stage::new(ganger_engine::session::Setup { session, deliveries, ..setup() });
    stage.runtime(RuntimeEvent::Transcript(vec!["MISSION".to_owned(), "[D-1] text of D-1".to_owned()]));
    stage.runtime(RuntimeEvent::Session(SessionId::from("s1"))).recorded().runtime(RuntimeEvent::Prompted);
    stage.mark("the model acts").runtime(RuntimeEvent::Text("Yes.".to_owned()));
    stage.shows(&expect![[r#"
        tell: delivered D-1 (FoundInTranscript)
        write session s1
        ask: session s1 started
        > prompt: [D-2] text of D-2  The mission in MISSION.md still holds. Continue.
        note: prompt: [D-2] text of D-2 The mission in MISSION.md still holds. Continue.
        status: working (the prompt was sent)
        the start is over
        tell: delivered D-2 (SentOnce)
        # the model acts
        tell: seen D-1 D-2 (turn 1 of T-1-a1: it answered)
        text: Yes.
    "#]]);
}

#[test]
fn background_tasks_keep_the_turn_open_until_the_agent_has_reported() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(RuntimeEvent::Background(2)).mark("it reports").event(Event::Reported);
    stage.shows(&expect![[r#"
        status: waiting on its own children (2 background tasks)
        # it reports
        > release
    "#]]);
}

/// Totals that come again must be decided again: a key would have the first total answered for all of them.
#[test]
fn every_total_of_usage_is_decided() {
    let mut stage = Stage::at_work(setup());
    let mut told = Vec::new();
    for input in [10, 20] {
        let usage = Usage { input, ..Usage::default() };
        let actions = stage.machine.handle(NOW, Event::Runtime(RuntimeEvent::Usage(usage)));
        told.extend(actions.into_iter().filter_map(|action| match action {
            Action::Tell(envelope) => Some(envelope.id),
            _ => None,
        }));
    }
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|id| id.key().is_none()), "{told:?}");
}

/// Some runtimes say things late: what was used does not become less.
#[test]
fn a_smaller_total_of_usage_is_an_old_one() {
    let mut stage = Stage::at_work(setup());
    for input in [20, 10] {
        let usage = Usage { input, ..Usage::default() };
        stage.machine.handle(NOW, Event::Runtime(RuntimeEvent::Usage(usage)));
    }
    let ended = stage.machine.handle(NOW, Event::DriverGone);
    let used = ended.into_iter().find_map(|action| match action {
        Action::End(end) => Some(end.usage.tokens()),
        _ => None,
    });
    assert_eq!(used, Some(20));
}
