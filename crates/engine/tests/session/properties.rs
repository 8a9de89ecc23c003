//! Whatever comes, in any order, lost, repeated or late: what always holds of a session.

use crate::stage::{command, delivery, message, setup};
use ganger_engine::session::{
    Action, ActivityKind, CLOSE_LIMIT, Capabilities, Control, Event, INTERRUPT_LIMIT, Machine, OutputHolder, Reply,
    RuntimeEvent, SessionFile, Setback, Setup, ToolProcesses, TurnEnd, WorkspaceState,
};
use ganger_engine::{
    CardId, Commit, FailureClass, Input, Millis, Outcome, PermissionAnswer, SessionId, Urgency, Usage,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn number() -> impl Strategy<Value = u32> {
    0_u32..4
}

fn turn_end() -> impl Strategy<Value = TurnEnd> {
    prop_oneof![
        4 => Just(TurnEnd::Completed),
        3 => Just(TurnEnd::Interrupted),
        1 => Just(TurnEnd::failed(FailureClass::Transient, "overloaded")),
    ]
}

fn runtime() -> impl Strategy<Value = RuntimeEvent> {
    prop_oneof![
        3 => Just(RuntimeEvent::Session(SessionId::from("s1"))),
        1 => number().prop_map(|n| RuntimeEvent::Transcript(vec![format!("[D-{n}] text")])),
        1 => Just(RuntimeEvent::Opening("its server to start".to_owned())),
        4 => Just(RuntimeEvent::Prompted),
        2 => Just(RuntimeEvent::Text("text".to_owned())),
        3 => number().prop_map(|n| RuntimeEvent::ToolStarted {
            id: n.to_string(), name: "Bash".to_owned(), input: "make".to_owned(), arguments: n.to_string(),
        }),
        3 => number().prop_map(|n| RuntimeEvent::ToolEnded { id: n.to_string(), output: String::new(), failed: false }),
        1 => (number(), any::<bool>()).prop_map(|(n, running)| RuntimeEvent::SubAgent { id: n.to_string(), running }),
        1 => (0_usize..3).prop_map(RuntimeEvent::Background),
        2 => (0_u64..2_000).prop_map(|input| RuntimeEvent::Usage(Usage { input, ..Usage::default() })),
        5 => (number(), any::<bool>()).prop_map(|(n, asks)| {
            RuntimeEvent::PermissionRequested(command(&format!("r{n}"), if asks { "rm x" } else { "make" }))
        }),
        2 => number().prop_map(|n| RuntimeEvent::PermissionWithdrawn { request_id: format!("r{n}") }),
        3 => number().prop_map(|n| RuntimeEvent::Steered { id: format!("D-{n}") }),
        2 => number().prop_map(|n| RuntimeEvent::NotSteered { id: format!("D-{n}") }),
        1 => Just(RuntimeEvent::Retrying { setback: Setback::Limit, why: "limit".to_owned(), until: None }),
        1 => Just(RuntimeEvent::Alive),
        5 => turn_end().prop_map(RuntimeEvent::TurnEnded),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        3 => Just(Reply::Decided(Outcome::Card { card: CardId::from("C-1") })),
        3 => Just(Reply::Decided(Outcome::Done)),
        1 => Just(Reply::Decided(Outcome::Permitted)),
        1 => Just(Reply::Refused("stale".to_owned())),
        1 => Just(Reply::Silent),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let urgency = prop_oneof![Just(Urgency::Idle), Just(Urgency::Now), Just(Urgency::Interrupt)];
    let state = (number(), 0_u64..2)
        .prop_map(|(n, files)| Ok(WorkspaceState { head: Some(Commit::new(format!("c{n}"))), files, bytes: 0 }));
    prop_oneof![
        30 => runtime().prop_map(Event::Runtime),
        1 => Just(Event::DriverGone),
        1 => Just(Event::Cancel),
        5 => (number(), urgency).prop_map(|(n, urgency)| message(delivery(&format!("D-{n}"), urgency))),
        4 => (prop_oneof![Just("r"), Just("h")], number(), any::<bool>()).prop_map(|(kind, n, allowed)| {
            let denied = (!allowed).then(|| "no".to_owned());
            Event::PermissionAnswered(PermissionAnswer { attempt: "T-1-a1".into(), request_id: format!("{kind}{n}"), denied })
        }),
        4 => (0_u32..1_000, any::<bool>()).prop_map(|(n, asks)| {
            Event::HookRequested(command(&format!("h{n}"), if asks { "rm x" } else { "make" }))
        }),
        2 => (0_u32..1_000).prop_map(|n| Event::HookWithdrawn { request_id: format!("h{n}") }),
        1 => Just(Event::Reported),
        8 => (1_u64..8, reply()).prop_map(|(question, reply)| Event::Replied { question, reply }),
        5 => (1_u64..8, state).prop_map(|(question, state)| Event::Workspace { question, state }),
        2 => (0_u64..100).prop_map(|ticks| Event::Cpu { ticks }),
        2 => (any::<bool>(), 0_i32..2).prop_map(|(shells_alive, pid)| {
            let holding_output = vec![OutputHolder { pid, command: "sleep".to_owned() }];
            Event::Processes(ToolProcesses { shells_alive, holding_output })
        }),
        5 => Just(Event::Wrote { file: SessionFile::Session, result: Ok(()) }),
        1 => Just(Event::Wrote { file: SessionFile::Session, result: Err("disk full".to_owned()) }),
        6 => Just(Event::Tick),
    ]
}

fn any_setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(first, again, steer, resumes)| Setup {
        capabilities: Capabilities { session_first: first, prompt_again: again, steer, ..Capabilities::ALL },
        session: resumes.then(|| SessionId::from("s1")),
        deliveries: vec![delivery("D-0", Urgency::Idle)],
        ..setup()
    })
}

/// What is known of a session from the outside, with what must hold of it.
#[derive(Default)]
struct Witness {
    ends: u32,
    /// Requests that a person was asked about and that have neither answer nor end.
    open: BTreeSet<String>,
    hooks: BTreeMap<String, u32>,
    /// Deliveries that may be reported: in a prompt or a steer.
    said: BTreeSet<String>,
    delivered: BTreeSet<String>,
    status: String,
}

impl Witness {
    fn see(&mut self, action: &Action) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.ends, 0, "nothing follows the end but answers to hooks");
        match action {
            Action::Control(Control::Prompt(text)) => self.says(text)?,
            Action::Control(Control::Steer { text, .. }) => self.says(text)?,
            Action::Control(Control::Permit { request_id, .. }) => drop(self.open.remove(request_id)),
            Action::Ask { envelope, .. } | Action::Tell(envelope) => self.input(&envelope.input)?,
            Action::Note { kind: ActivityKind::Status, text } => self.status.clone_from(text),
            Action::End(_) => {
                self.ends += 1;
                prop_assert!(self.open.is_empty(), "open at the end: {:?}", self.open);
                prop_assert!(!self.status.starts_with("working"), "{}", self.status);
            }
            _ => {}
        }
        Ok(())
    }

    fn says(&mut self, text: &str) -> Result<(), TestCaseError> {
        prop_assert!(self.open.is_empty(), "said {text:?} while {:?} was open", self.open);
        for n in 0..4 {
            if text.contains(&format!("[D-{n}]")) {
                self.said.insert(format!("D-{n}"));
            }
        }
        Ok(())
    }

    fn input(&mut self, input: &Input) -> Result<(), TestCaseError> {
        match input {
            Input::AskPermission { request_id, .. } => drop(self.open.insert(request_id.clone())),
            Input::PermissionLapsed { request_id, .. } => drop(self.open.remove(request_id)),
            Input::Delivered { deliveries, evidence, .. } => {
                for id in deliveries {
                    // Again only when the foreman asks again, and then it changes nothing.
                    let again = !self.delivered.insert(id.to_string());
                    prop_assert!(!again || deliveries.len() == 1, "{id} was reported twice");
                    let found = *evidence == ganger_engine::DeliveryEvidence::FoundInTranscript;
                    prop_assert!(found || self.said.contains(id.as_str()), "{id} was never said");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn hook(&mut self, action: &Action) {
        if let Action::AnswerHook { request_id, .. } = action {
            *self.hooks.entry(request_id.clone()).or_default() += 1;
            self.open.remove(request_id);
        }
    }
}

/// Brings an event, and checks what follows.
fn bring(machine: &mut Machine, now: Millis, event: Event, witness: &mut Witness) -> Result<(), TestCaseError> {
    for action in machine.handle(now, event) {
        witness.hook(&action);
        if !matches!(action, Action::AnswerHook { .. }) {
            witness.see(&action)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_any_order(
        setup in any_setup(),
        events in prop::collection::vec((event(), 0_u64..120_000), 0..80),
    ) {
        let mut now = 1_000_000;
        let mut machine = Machine::new(setup, now);
        let mut witness = Witness::default();
        let (mut hooks, mut order) = (BTreeSet::new(), 0);
        for (mut event, pause) in events {
            now += pause;
            // Ids of hooks are never used again.
            if let Event::HookRequested(request) = &mut event {
                order += 1;
                request.request_id = format!("h{order}");
                hooks.insert(request.request_id.clone());
            }
            bring(&mut machine, now, event, &mut witness)?;
        }
        // Then it is cancelled, and nobody answers any more: virtual time alone ends it.
        let cancelled = now;
        bring(&mut machine, now, Event::Cancel, &mut witness)?;
        while !machine.is_over() {
            let at = machine.deadline();
            prop_assert!(at.is_some(), "it waits for ever after a cancel");
            now = now.max(at.unwrap_or_default());
            prop_assert!(now <= cancelled + INTERRUPT_LIMIT + CLOSE_LIMIT, "a cancel took too long");
            bring(&mut machine, now, Event::Tick, &mut witness)?;
        }
        prop_assert_eq!(witness.ends, 1);
        for hook in hooks {
            prop_assert_eq!(witness.hooks.get(&hook), Some(&1), "{} was not answered once", hook);
        }
    }
}
