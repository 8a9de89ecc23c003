//! When nothing happens, or nothing new does.

use crate::stage::{MINUTE, Stage, setup};
use expect_test::expect;
use ganger_engine::Usage;
use ganger_engine::session::{Event, Limits, RuntimeEvent, Setup, TurnEnd};

fn used(tokens: u64) -> RuntimeEvent {
    RuntimeEvent::Usage(Usage { input: tokens, ..Usage::default() })
}

#[test]
fn silence_without_cpu_time_is_interrupted_has_a_second_chance_and_then_fails() {
    let mut stage = Stage::at_work(setup());
    stage.runtime(RuntimeEvent::Text("I wait.".to_owned())).after(10 * MINUTE + 1).event(Event::Cpu { ticks: 100 });
    stage.after(2_000).event(Event::Cpu { ticks: 105 }).mark("interrupted").ended(TurnEnd::Interrupted);
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
    stage.call("Bash", "make").after(60 * MINUTE).mark("the limit").after(1);
    stage.shows(&expect![[r#"
        toolstarted: Bash make
        # the limit
        note: interrupting: one tool call has been open for 60 min
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
        stage.runtime(used(tokens)).worktree(head, 0);
    }
    stage.shows(&expect![[r#"
        usage: 10
        tell: 10 tokens used
        inspect worktree
        usage: 20
        tell: 20 tokens used
        inspect worktree
        usage: 30
        tell: 30 tokens used
        inspect worktree
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
