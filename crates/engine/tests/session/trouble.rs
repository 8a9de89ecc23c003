//! When nothing happens, or nothing new does.

use crate::stage::{MINUTE, Stage, setup};
use expect_test::expect;
use ganger_engine::SessionId;
use ganger_engine::Usage;
use ganger_engine::session::{Event, Limits, OutputHolder, RuntimeEvent, Setup, ToolProcesses, TurnEnd};

fn used(tokens: u64) -> RuntimeEvent {
    RuntimeEvent::Usage(Usage { input: tokens, ..Usage::default() })
}

/// The model has answered, then says nothing for so long that its turn is interrupted.
fn silent_until_interrupted(setup: Setup) -> Stage {
    let mut stage = Stage::at_work(setup);
    stage.runtime(RuntimeEvent::Text("I wait.".to_owned())).after(10 * MINUTE + 1).event(Event::Cpu { ticks: 100 });
    stage.after(2_000).event(Event::Cpu { ticks: 105 }).mark("interrupted").ended(TurnEnd::Interrupted);
    stage
}

#[test]
fn silence_without_cpu_time_is_interrupted_has_a_second_chance_and_then_fails() {
    let mut stage = silent_until_interrupted(setup());
    stage.mark("silent again").runtime(RuntimeEvent::Prompted).after(10 * MINUTE + 1).event(Event::Cpu { ticks: 105 });
    stage.after(2_000).event(Event::Cpu { ticks: 105 }).ended(TurnEnd::Interrupted).event(Event::DriverGone);
    stage.shows(&expect![[r#"
        text: I wait.
        measure cpu
        measure cpu
        note: interrupting: no sign of life for 10 min
        > interrupt
        # interrupted
        status: finished (the runtime's terminal event)
        > prompt: You were interrupted: no sign of life for 10 min. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, call `ask_user`.
        note: prompt: You were interrupted: no sign of life for 10 min. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help…
        status: working (the prompt was sent)
        # silent again
        measure cpu
        measure cpu
        status: stalled (no sign of life for 10 min)
        > interrupt
        status: finished (the session is being closed)
        > close
        END Failed { class: Stalled, message: "stalled: no sign of life for 10 min", limit: None }, 0 tokens
    "#]]);
}

#[test]
fn a_runtime_that_forgets_an_interrupted_turn_is_told_its_mission_again() {
    let mut capabilities = setup().capabilities;
    capabilities.remembers_interrupted = false;
    let stage = silent_until_interrupted(Setup { capabilities, ..setup() });
    stage.shows(&expect![[r#"
        text: I wait.
        measure cpu
        measure cpu
        note: interrupting: no sign of life for 10 min
        > interrupt
        # interrupted
        status: finished (the runtime's terminal event)
        > prompt: You were interrupted: no sign of life for 10 min. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, call `ask_user`.  MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: You were interrupted: no sign of life for 10 min. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help…
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn cpu_time_counts_as_life() {
    let mut stage = Stage::at_work(setup());
    stage.after(10 * MINUTE + 1).event(Event::Cpu { ticks: 100 }).after(2_000).event(Event::Cpu { ticks: 150 });
    stage.mark("ten minutes more").after(10 * MINUTE);
    stage.shows(&expect![[r#"
        measure cpu
        measure cpu
        # ten minutes more
    "#]]);
}

#[test]
fn a_measurement_that_never_comes_counts_as_none() {
    let mut stage = Stage::at_work(setup());
    stage.after(11 * MINUTE);
    stage.shows(&expect![[r#"
        measure cpu
        measure cpu
        note: interrupting: no sign of life for 10 min
        > interrupt
    "#]]);
}

#[test]
fn an_open_tool_call_has_its_own_limit() {
    let mut stage = Stage::at_work(setup());
    stage.call("fetch", "a page").after(60 * MINUTE).mark("the limit").after(1);
    stage.shows(&expect![[r#"
        toolstarted: fetch a page
        # the limit
        note: interrupting: one tool call has been open for 60 min: fetch a page
        > interrupt
    "#]]);
}

#[test]
fn the_same_call_again_and_again_is_interrupted_and_the_second_time_it_has_failed() {
    let mut stage = Stage::at_work(setup());
    for _ in 0..3 {
        stage.call("Bash", "make").call_ended();
    }
    stage.mark("interrupted").ended(TurnEnd::Interrupted).mark("again");
    for _ in 0..3 {
        stage.call("Bash", "make").call_ended();
    }
    stage.ended(TurnEnd::Interrupted).event(Event::DriverGone);
    stage.shows(&expect![[r#"
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        note: interrupting: the same call 3 times in a row: Bash make
        > interrupt
        toolended: ok
        # interrupted
        status: finished (the runtime's terminal event)
        > prompt: You were interrupted: the same call 3 times in a row: Bash make. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, call `ask_user`.
        note: prompt: You were interrupted: the same call 3 times in a row: Bash make. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a …
        status: working (the prompt was sent)
        # again
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        status: stalled (the same call 3 times in a row: Bash make)
        > interrupt
        status: finished (the session is being closed)
        > close
        END Failed { class: Runaway, message: "looping: the same call 3 times in a row: Bash make", limit: None }, 0 tokens
    "#]]);
}

#[test]
fn too_many_tokens_are_interrupted_and_a_quarter_is_left_for_the_second_chance() {
    let limits = Limits { tokens: Some(1_000), ..setup().limits };
    let mut stage = Stage::at_work(Setup { limits, ..setup() });
    stage.runtime(used(1_000)).runtime(used(1_001)).ended(TurnEnd::Interrupted);
    stage.mark("within the quarter").runtime(used(1_200)).mark("beyond it").runtime(used(1_300));
    stage.shows(&expect![[r#"
        usage: 1000
        tell: 1000 tokens used
        usage: 1001
        tell: 1001 tokens used
        note: interrupting: it has used 1001 tokens, more than its limit of 1000
        > interrupt
        status: finished (the runtime's terminal event)
        > prompt: You were interrupted: it has used 1001 tokens, more than its limit of 1000. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, call `ask_user`.  MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: You were interrupted: it has used 1001 tokens, more than its limit of 1000. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground;…
        status: working (the prompt was sent)
        # within the quarter
        usage: 1200
        tell: 1200 tokens used
        # beyond it
        usage: 1300
        tell: 1300 tokens used
        status: stalled (it has used 1300 tokens, more than its limit of 1251)
        > interrupt
    "#]]);
}

#[test]
fn tokens_without_anything_new_are_interrupted_when_no_file_changes_either() {
    let mut stage = Stage::at_work(setup());
    for (tokens, head) in [(10, "c0"), (20, "c1"), (30, "c1")] {
        // Signs of life, so that only progress is missing.
        for _ in 0..20 {
            stage.after(MINUTE).runtime(RuntimeEvent::Alive);
        }
        stage.runtime(used(tokens)).workspace(head, 0);
    }
    stage.shows(&expect![[r#"
        usage: 10
        tell: 10 tokens used
        inspect workspace
        usage: 20
        tell: 20 tokens used
        inspect workspace
        usage: 30
        tell: 30 tokens used
        inspect workspace
        note: interrupting: no file has changed and nothing new was run for 20 min, while tokens flow
        > interrupt
    "#]]);
}

#[test]
fn a_runtime_that_takes_no_second_prompt_has_no_second_chance() {
    let mut capabilities = setup().capabilities;
    capabilities.prompt_again = false;
    let mut stage = Stage::at_work(Setup { capabilities, ..setup() });
    for _ in 0..3 {
        stage.call("Bash", "make").call_ended();
    }
    stage.shows(&expect![[r#"
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        status: stalled (the same call 3 times in a row: Bash make)
        > interrupt
        status: finished (the session is being closed)
        > close
    "#]]);
}

fn quiet_command(shells_alive: bool) -> Event {
    let holding_output = vec![OutputHolder { pid: 4711, command: "npm run dev".to_owned() }];
    Event::Processes(ToolProcesses { shells_alive, holding_output })
}

#[test]
fn a_background_process_that_holds_the_output_of_a_call_whose_shell_has_ended_is_ended_and_the_agent_is_told() {
    let mut stage = Stage::at_work(setup());
    stage.call("bash", "npm run dev &").after(MINUTE).event(quiet_command(false));
    stage.runtime(RuntimeEvent::Steered { id: "~remark-1".to_owned() }).call_ended();
    stage.shows(&expect![[r#"
        toolstarted: bash npm run dev &
        inspect processes
        note: ended `npm run dev`: its shell has ended, but it held the output of the tool call open
        end processes 4711
        > steer: Ganger ended `npm run dev`: the shell that started it has ended, but it held the output of the tool call open. Redirect the output of what you start in the background to a file.
        toolended: ok
    "#]]);
}

#[test]
fn a_command_that_is_quiet_while_its_shell_is_at_work_is_left_alone_and_looked_at_again() {
    let mut stage = Stage::at_work(setup());
    stage.call("bash", "make").after(MINUTE).event(quiet_command(true)).mark("a minute later").after(MINUTE);
    stage.shows(&expect![[r#"
        toolstarted: bash make
        inspect processes
        # a minute later
        inspect processes
    "#]]);
}

#[test]
fn an_inspection_that_comes_after_a_sign_of_life_ends_nothing() {
    let mut stage = Stage::at_work(setup());
    stage.call("bash", "make").after(MINUTE).runtime(RuntimeEvent::Alive).event(quiet_command(false));
    stage.shows(&expect![[r#"
        toolstarted: bash make
        inspect processes
    "#]]);
}

#[test]
fn a_call_that_reaches_its_limit_is_named() {
    let limits = Limits { tool: MINUTE / 2, ..setup().limits };
    let mut stage = Stage::at_work(Setup { limits, ..setup() });
    stage.call("bash", "npm run dev &").after(MINUTE / 2 + 1);
    stage.shows(&expect![[r#"
        toolstarted: bash npm run dev &
        note: interrupting: one tool call has been open for 30 s: bash npm run dev &
        > interrupt
    "#]]);
}

#[test]
fn a_start_that_takes_long_says_what_it_waits_for() {
    let mut stage = Stage::new(setup());
    stage.event(Event::Tick).after(2_000).runtime(RuntimeEvent::Opening("opencode serve to start".to_owned()));
    stage.mark("the next step").after(1_999).mark("two seconds").after(1).mark("and not again").after(MINUTE);
    stage.shows(&expect![[r#"
        status: starting (waiting for claude to open its session)
        # the next step
        # two seconds
        status: starting (waiting for opencode serve to start)
        # and not again
    "#]]);
}

/// It is the runtime that is slow, not the session.
#[test]
fn the_time_until_the_runtime_has_taken_the_prompt_is_no_silence() {
    let limits = Limits { stall: 6_000, ..setup().limits };
    let mut stage = Stage::new(Setup { limits, ..setup() });
    stage.runtime(RuntimeEvent::Session(SessionId::from("s1"))).recorded().mark("40 s later").after(40_000);
    stage.runtime(RuntimeEvent::Prompted).mark("silence").after(6_001);
    stage.shows(&expect![[r#"
        write session s1
        ask: session s1 started
        > prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        status: working (the prompt was sent)
        # 40 s later
        the start is over
        # silence
        measure cpu
    "#]]);
}

#[test]
fn a_turn_that_ends_long_after_its_interruption_still_has_its_second_chance() {
    let limits = Limits { stall: 6_000, ..setup().limits };
    let mut stage = Stage::at_work(Setup { limits, ..setup() });
    stage.after(30_000).mark("it ends at last").ended(TurnEnd::Interrupted);
    stage.shows(&expect![[r#"
        measure cpu
        measure cpu
        note: interrupting: no sign of life for 6 s
        > interrupt
        # it ends at last
        status: finished (the runtime's terminal event)
        > prompt: You were interrupted: no sign of life for 6 s. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, call `ask_user`.  MISSION Read AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or truly blocked.
        note: prompt: You were interrupted: no sign of life for 6 s. You seem to be stuck. Continue with the mission in another way; if a command does not end, do not run it in the foreground; if only a person can help, c…
        status: working (the prompt was sent)
    "#]]);
}

#[test]
fn a_turn_that_does_not_end_when_it_is_interrupted_has_failed() {
    let mut stage = Stage::at_work(setup());
    stage.call("Bash", "make").call_ended().call("Bash", "make").call_ended().call("Bash", "make").after(2 * MINUTE);
    stage.shows(&expect![[r#"
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        toolended: ok
        toolstarted: Bash make
        note: interrupting: the same call 3 times in a row: Bash make
        > interrupt
        status: stalled (it did not stop when it was interrupted)
        > interrupt
        status: finished (the session is being closed)
        > close
        END Failed { class: Stalled, message: "stalled: it did not stop when it was interrupted", limit: None }, 0 tokens
    "#]]);
}
