//! A simulated runtime: what an agent does in its turns. It works well or badly, asks, waits, loops, hangs, does not hear
//! an interruption, dies, and says some things late or twice. It decides nothing about the session.

use crate::rng::Rng;
use crate::world::World;
use ganger_engine::rules::{ToolClass, ToolRequest};
use ganger_engine::session::{Capabilities, Limit, RuntimeEvent, Setback, TurnEnd};
use ganger_engine::{DoneAnswer, FailureClass, FindingAnswer, FindingStatus, Kind, Offer, Report, SessionId, Usage};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What an attempt will turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Good,
    Red,
    NoChange,
    Unanswered,
    Asks,
    /// It calls other agents, and ends its turn without their answers.
    Calls,
    Tampers,
    /// Deletes much, touches `.env` files, commits secrets.
    Endangers,
    TooLarge,
    /// It says that it cannot do it.
    Blocked,
    /// It leaves a state of git that cannot be judged.
    Unfit,
    Fails(FailureClass),
    Limited,
    /// It never ends a turn by itself.
    Hangs,
    /// The same call, again and again.
    Loops,
    /// Its driver dies in a turn.
    Dies,
    /// It never opens its session.
    NeverOpens,
    /// It does not hear an interruption.
    Deaf,
}

/// What a runtime does next.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Reports(RuntimeEvent),
    /// A call waits at the hook.
    Hook(ToolRequest),
    /// It gave the call up.
    HookGivenUp(String),
    /// One of Ganger's tools.
    Tool(Tool),
    DriverDies,
    /// A text for the current turn, by its id.
    TakesText(String),
}

/// The call of a command whose output something in the background holds.
pub(crate) const HELD: &str = "held";

/// The tools that agents have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    Report,
    Ask,
    Call,
    Gather,
    Note,
    Assume,
    /// A mail to another ticket, to an agent, to the person.
    Mail,
    /// A look at its mail, or an acknowledgement.
    ReadMail,
    /// A ticket for what it found, or a look at the board.
    File,
}

pub(crate) struct Runtime {
    pub(crate) capabilities: Capabilities,
    pub(crate) behaviour: Behaviour,
    pub(crate) session: SessionId,
    /// Counts turns; what was planned for an earlier one does not happen any more.
    pub(crate) turn: u32,
    pub(crate) is_open: bool,
    pub(crate) is_gone: bool,
    pub(crate) usage: Usage,
    /// Requests without an answer: the turn does not go on before.
    pub(crate) waiting: BTreeSet<String>,
    /// The model has answered in the current turn.
    pub(crate) answered: bool,
    requests: u32,
}

impl Runtime {
    pub(crate) fn new(world: &mut World, offer: &Offer) -> Self {
        let mut capabilities = Capabilities::ALL;
        // What a runtime can do follows from the agent, not from the attempt.
        match offer.agent.as_str() {
            "plain" => (capabilities.resume, capabilities.recall, capabilities.steer) = (false, false, false),
            "late" => (capabilities.session_first, capabilities.reasons) = (false, false),
            "batch" => capabilities.prompt_again = false,
            _ => {}
        }
        let behaviour = choose(world, offer.number);
        let fresh = SessionId::new(format!("session-{}-{}", offer.attempt, offer.token));
        let resumed = offer.session.clone().filter(|_| capabilities.resume && !world.rng.one_in(20));
        Self {
            capabilities,
            behaviour,
            session: resumed.unwrap_or(fresh),
            turn: 0,
            is_open: false,
            is_gone: false,
            usage: Usage::default(),
            waiting: BTreeSet::new(),
            answered: false,
            requests: 0,
        }
    }

    /// Before the first prompt.
    pub(crate) fn opening(&self, world: &mut World, offer: &Offer) -> Vec<(u64, Act)> {
        let at = world.rng.between(50, 2_000);
        match self.behaviour {
            Behaviour::NeverOpens => Vec::new(),
            Behaviour::Fails(FailureClass::SessionLost) if offer.session.is_some() => {
                vec![(at, Act::Reports(ended(FailureClass::SessionLost)))]
            }
            _ if !self.capabilities.session_first => Vec::new(),
            _ => {
                let told = offer.deliveries.iter().filter(|_| world.rng.one_in(3));
                let told: Vec<String> = told.map(|d| format!("[{}] {}", d.id, d.text)).collect();
                let recalls = self.capabilities.recall && offer.session.is_some();
                let transcript = recalls.then_some((at, Act::Reports(RuntimeEvent::Transcript(told))));
                let step = (at / 2, Act::Reports(RuntimeEvent::Opening("a server".to_owned())));
                [step].into_iter().chain(transcript).chain([(at + 1, Act::Reports(self.opened()))]).collect()
            }
        }
    }

    fn opened(&self) -> RuntimeEvent {
        RuntimeEvent::Session(self.session.clone())
    }

    /// A turn, from its prompt to its end.
    pub(crate) fn turn(&mut self, world: &mut World, offer: &Offer) -> Vec<(u64, Act)> {
        self.turn += 1;
        (self.is_open, self.answered) = (true, false);
        self.waiting.clear();
        let mut acts = vec![(world.rng.between(5, 300), Act::Reports(RuntimeEvent::Prompted))];
        if !self.capabilities.session_first {
            acts.push((world.rng.between(300, 600), Act::Reports(self.opened())));
        }
        let mut at = 600;
        for _ in 0..world.rng.between(1, 7) {
            at += world.rng.between(10, 8_000);
            self.act(&mut world.rng, at, &mut acts);
        }
        let wanted = match self.behaviour {
            Behaviour::Asks if self.turn == 1 => Some(Tool::Ask),
            Behaviour::Calls if self.turn == 1 => Some(Tool::Call),
            Behaviour::Hangs | Behaviour::Deaf | Behaviour::Loops | Behaviour::NoChange => None,
            _ => Some(Tool::Report),
        };
        acts.extend(wanted.map(|tool| (at + 20, Act::Tool(tool))));
        if self.behaviour == Behaviour::Calls && world.rng.one_in(2) {
            // Long enough for some of the answers.
            at += world.rng.between(1_000, 90_000);
            acts.push((at, Act::Tool(Tool::Gather)));
        }
        self.finish(world, at + 100, offer, &mut acts);
        acts
    }

    /// How a turn comes to its end, if it does.
    fn finish(&mut self, world: &mut World, at: u64, offer: &Offer, acts: &mut Vec<(u64, Act)>) {
        let end = match self.behaviour {
            // The warning helps some.
            Behaviour::Hangs | Behaviour::Deaf if self.turn == 1 || world.rng.one_in(2) => {
                // It is silent, or a command holds it up whose shell has ended.
                if world.rng.one_in(2) {
                    let (id, name) = (HELD.to_owned(), "command".to_owned());
                    let (input, arguments) = ("npm run dev &".to_owned(), String::new());
                    acts.push((at, Act::Reports(RuntimeEvent::ToolStarted { id, name, input, arguments })));
                }
                return;
            }
            Behaviour::Loops => {
                for n in 0..8 {
                    let (id, name) = (format!("loop-{n}"), "command".to_owned());
                    let (input, arguments) = ("make".to_owned(), "make".to_owned());
                    let started = RuntimeEvent::ToolStarted { id, name, input, arguments };
                    acts.push((at + n, Act::Reports(started)));
                }
                return;
            }
            Behaviour::Dies => return acts.push((at, Act::DriverDies)),
            Behaviour::Fails(class) => ended(class),
            Behaviour::Limited => {
                let model = world.rng.one_in(3).then(|| "large".to_owned());
                let limit = Limit { until: world.now + at + world.rng.between(10_000, 120_000), model };
                let (class, message) = (FailureClass::Transient, "429".to_owned());
                RuntimeEvent::TurnEnded(TurnEnd::Failed { class, message, limit: Some(limit) })
            }
            _ => RuntimeEvent::TurnEnded(TurnEnd::Completed),
        };
        self.usage.input += 100 * u64::from(offer.number);
        self.usage.output += world.rng.below(50);
        acts.push((at, Act::Reports(RuntimeEvent::Usage(self.usage))));
        acts.push((at + 1, Act::Reports(end)));
    }

    fn act(&mut self, rng: &mut Rng, at: u64, acts: &mut Vec<(u64, Act)>) {
        self.requests += 1;
        let id = format!("{}-{}", self.turn, self.requests);
        let say = |event| Act::Reports(event);
        match rng.below(19) {
            0 | 1 => acts.push((at, say(RuntimeEvent::Text("so".to_owned())))),
            2 | 3 => {
                let name = ["command", "Task", "edit"][rng.below(3) as usize].to_owned();
                let (input, arguments) = (id.clone(), id.clone());
                acts.push((at, say(RuntimeEvent::ToolStarted { id: id.clone(), name, input, arguments })));
                let (output, failed) = (String::new(), rng.one_in(4));
                acts.push((at + rng.below(900), say(RuntimeEvent::ToolEnded { id, output, failed })));
            }
            4 => {
                acts.push((at, say(RuntimeEvent::SubAgent { id: id.clone(), running: true })));
                acts.push((at + 5, say(RuntimeEvent::Text("sub".to_owned()).of_sub_agent())));
                acts.push((at + 50, say(RuntimeEvent::SubAgent { id, running: false })));
            }
            5 => {
                acts.push((at, say(RuntimeEvent::Background(1))));
                acts.push((at + rng.below(5_000), say(RuntimeEvent::Background(0))));
            }
            6 | 7 => {
                self.usage.input += rng.between(1, 60);
                acts.push((at, say(RuntimeEvent::Usage(self.usage))));
            }
            8 => {
                acts.push((at, say(RuntimeEvent::PermissionRequested(request(rng, id.clone())))));
                if rng.one_in(4) {
                    let withdrawn = RuntimeEvent::PermissionWithdrawn { request_id: id };
                    acts.push((at + rng.below(20_000), say(withdrawn)));
                }
            }
            9 => {
                acts.push((at, Act::Hook(request(rng, format!("hook-{id}")))));
                if rng.one_in(4) {
                    acts.push((at + rng.below(20_000), Act::HookGivenUp(format!("hook-{id}"))));
                }
            }
            10 => {
                let setback = [Setback::Limit, Setback::Connection, Setback::Other][rng.below(3) as usize];
                acts.push((at, say(RuntimeEvent::Retrying { setback, why: "busy".to_owned(), until: None })));
            }
            11 => acts.push((at, say(RuntimeEvent::Alive))),
            12 if self.behaviour == Behaviour::Good => {
                let report = Report { summary: "in words".to_owned(), ..Report::default() };
                acts.push((at, say(RuntimeEvent::Report(report))));
            }
            13 => acts.push((at, Act::Tool(Tool::Note))),
            14 => acts.push((at, Act::Tool(Tool::Assume))),
            15 => acts.push((at, Act::Tool(Tool::Mail))),
            16 => acts.push((at, Act::Tool(Tool::ReadMail))),
            17 => acts.push((at, Act::Tool(Tool::File))),
            _ => acts.push((at, say(RuntimeEvent::Text(String::new())))),
        }
    }
}

/// What the agent says it did.
pub(crate) fn report(behaviour: Behaviour, offer: &Offer) -> Report {
    let answer = |n: usize| DoneAnswer { item: (n + 1).to_string(), how: "so".to_owned() };
    let items = if behaviour == Behaviour::Unanswered { 0 } else { offer.spec.done.len() };
    let hands_in = offer.spec.call.is_some() && behaviour != Behaviour::Unanswered;
    let output = hands_in.then(|| output(behaviour, offer));
    let findings = if behaviour == Behaviour::Unanswered { Vec::new() } else { vec![fixed("F1"), fixed("F2")] };
    let blocked = (behaviour == Behaviour::Blocked).then(|| "it needs somebody else".to_owned());
    Report { summary: "done".to_owned(), done: (0..items).map(answer).collect(), findings, blocked, output }
}

/// Answers to findings; those that nobody asked for do no harm.
fn fixed(finding: &str) -> FindingAnswer {
    FindingAnswer { finding: finding.to_owned(), status: FindingStatus::Fixed, how: "so".to_owned() }
}

/// What an agent hands in, by what it was asked: agents that do red work judge hardly, and those that cheat contradict
/// themselves.
fn output(behaviour: Behaviour, offer: &Offer) -> Value {
    let is_hard = matches!(behaviour, Behaviour::Red | Behaviour::Endangers);
    let is_odd = behaviour == Behaviour::Tampers;
    let verdict = if is_hard || is_odd { "FAIL" } else { "PASS" };
    let stage = offer.spec.call.as_ref().and_then(|call| call.stage.as_deref());
    match (offer.spec.kind, stage) {
        (Kind::Review, _) => {
            let finding = json!({"severity": "major", "problem": "it is wrong", "settles": "a test"});
            let findings = if is_hard { vec![finding] } else { Vec::new() };
            json!({"verdict": verdict, "findings": findings, "done": []})
        }
        (_, Some("interview")) => {
            let question = json!({"question": "left or right?", "options": []});
            json!({"clarifications_needed": is_hard, "questions": [question]})
        }
        (_, Some("plan")) => {
            let ticket = |id: &str, after: Value| json!({"id": id, "title": id, "done": ["it works"], "files": [format!("file-{id}")], "after": after});
            let first = ticket("1", if is_odd { json!(["2"]) } else { json!([]) });
            json!({"plan": {"phases": [{"name": "one", "tickets": [first, ticket("2", json!(["1"]))]}]}})
        }
        (_, Some("validate")) => {
            let pivots = if is_hard { vec!["another way"] } else { Vec::new() };
            json!({"verdict": verdict, "required_pivots": pivots})
        }
        _ => json!({ "by": offer.ticket.as_str() }),
    }
}

fn ended(class: FailureClass) -> RuntimeEvent {
    RuntimeEvent::TurnEnded(TurnEnd::failed(class, "failed"))
}

fn request(rng: &mut Rng, request_id: String) -> ToolRequest {
    let (class, subject) = match rng.below(6) {
        0 => (ToolClass::Edit, "a"),
        1 => (ToolClass::Read, "/etc/hosts"),
        2 => (ToolClass::Fetch, "https://example.org"),
        3 => (ToolClass::Tool("mcp__board__list".to_owned()), ""),
        4 => (ToolClass::Command, "git push"),
        _ => (ToolClass::Command, "make install"),
    };
    let call = format!("call-{request_id}");
    let expected = rng.one_in(4);
    ToolRequest {
        request_id,
        class,
        subjects: vec![subject.to_owned()],
        expected,
        by: String::new(),
        call,
        dangers: Vec::new(),
    }
}

fn choose(world: &mut World, number: u32) -> Behaviour {
    // In calm times agents are good in the end, or nothing would ever come to rest.
    if !world.faults && number > 2 {
        return Behaviour::Good;
    }
    match world.rng.below(39) {
        0 | 1 => Behaviour::Red,
        2 => Behaviour::NoChange,
        3 => Behaviour::Unanswered,
        4 | 5 | 20 | 21 => Behaviour::Asks,
        35..=37 => Behaviour::Calls,
        6 => Behaviour::Fails(FailureClass::Crashed),
        7 => Behaviour::Limited,
        8 => Behaviour::Hangs,
        9 | 10 => Behaviour::Tampers,
        23 => Behaviour::Endangers,
        11 => Behaviour::TooLarge,
        22 => Behaviour::Unfit,
        12 => Behaviour::Fails(FailureClass::Auth),
        13 => Behaviour::Fails(FailureClass::Transient),
        24 => Behaviour::Fails(FailureClass::Disconnected),
        14 => Behaviour::Loops,
        15 => Behaviour::Fails(FailureClass::SessionLost),
        16 => Behaviour::Dies,
        17 => Behaviour::NeverOpens,
        18 => Behaviour::Deaf,
        19 => Behaviour::Fails(FailureClass::Setup),
        38 => Behaviour::Blocked,
        _ => Behaviour::Good,
    }
}
