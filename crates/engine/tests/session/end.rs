//! A cancel, and what comes at the end or after it.

use crate::stage::{Stage, command, setup};
use expect_test::expect;
use ganger_engine::SessionId;
use ganger_engine::session::{CLOSE_LIMIT, Event, INTERRUPT_LIMIT, OPEN_LIMIT, RuntimeEvent, TurnEnd};

#[test]
fn a_cancel_takes_effect_while_the_foreman_is_being_asked() {
    let mut recording = Stage::new(setup());
    recording.runtime(RuntimeEvent::Session(SessionId::from("s1"))).mark("cancelled");
    recording.event(Event::Cancel).mark("the answer").recorded().event(Event::DriverGone);
    recording.shows(&expect![[r#"
        write session s1
        ask: session s1 started
        # cancelled
        status: finished (the session is being closed)
        > close
        # the answer
        END Interrupted, 0 tokens
    "#]]);

    let mut asking = Stage::at_work(setup());
    asking.event(Event::HookRequested(command("h1", "rm x"))).mark("cancelled");
    asking.event(Event::Cancel).ended(TurnEnd::Interrupted).event(Event::DriverGone);
    asking.shows(&expect![[r#"
        ask: permission h1: command rm x
        # cancelled
        note: interrupted by Ganger
        > interrupt
        hook h1: deny, the turn was interrupted
        tell: h1 lapsed, the turn was interrupted
        status: finished (the session is being closed)
        > close
        END Interrupted, 0 tokens
    "#]]);

    let mut checking = Stage::at_work(setup());
    checking.ended(TurnEnd::Completed).mark("cancelled").event(Event::Cancel);
    checking.workspace("c0", 0).event(Event::DriverGone);
    checking.shows(&expect![[r#"
        status: finished (the runtime's terminal event)
        inspect workspace
        # cancelled
        > close
        END Interrupted, 0 tokens
    "#]]);
}

#[test]
fn an_interruption_and_a_closing_that_take_too_long_are_not_waited_for() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::Cancel).after(INTERRUPT_LIMIT - 1).mark("the interrupt limit").after(1);
    stage.after(CLOSE_LIMIT - 1).mark("the close limit").after(1);
    stage.shows(&expect![[r#"
        note: interrupted by Ganger
        > interrupt
        # the interrupt limit
        status: finished (the session is being closed)
        > close
        # the close limit
        END Interrupted, 0 tokens
    "#]]);
}

#[test]
fn a_hook_after_the_end_is_denied() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::Cancel).mark("interrupting").event(Event::HookRequested(command("h1", "make")));
    stage.ended(TurnEnd::Interrupted).mark("closing").event(Event::HookRequested(command("h2", "make")));
    stage.event(Event::DriverGone).mark("over").event(Event::HookRequested(command("h3", "make")));
    stage.shows(&expect![[r#"
        note: interrupted by Ganger
        > interrupt
        # interrupting
        hook h1: deny, the turn was interrupted
        status: finished (the session is being closed)
        > close
        # closing
        hook h2: deny, the turn was interrupted
        END Interrupted, 0 tokens
        # over
        hook h3: deny, the turn was interrupted
    "#]]);
}

#[test]
fn a_driver_that_ends_in_a_turn_has_crashed() {
    let mut stage = Stage::at_work(setup());
    stage.event(Event::DriverGone).event(Event::DriverGone).event(Event::Cancel);
    stage.shows(&expect![[r#"
        status: finished (the driver has ended)
        END Failed { class: Crashed, message: "the driver ended", limit: None }, 0 tokens
    "#]]);
}

#[test]
fn a_session_that_is_never_opened_is_given_up() {
    let mut stage = Stage::new(setup());
    stage.after(OPEN_LIMIT + CLOSE_LIMIT);
    stage.shows(&expect![[r#"
        status: starting (waiting for claude to open its session)
        status: finished (the session is being closed)
        > close
        END Failed { class: Crashed, message: "the runtime opened no session within 3 min: waiting for claude to open its session", limit: None }, 0 tokens
    "#]]);
}
