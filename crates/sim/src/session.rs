//! A session in the simulated world: the engine's machine between a simulated runtime and its host. Its actions are
//! performed here; its questions travel as any other, late or never.

use crate::fault::Fault;
use crate::mail;
use crate::policy;
use crate::runtime::{Act, Behaviour, HELD, Runtime, Tool, report};
use crate::world::{Occurrence, World};
use ganger_engine::host::{Remains, Run, SessionOrder, Work};
use ganger_engine::rules::Rules;
use ganger_engine::session::{
    Action, Control, Event, Limits, Machine, OutputHolder, RuntimeEvent, SessionEnd, SessionFile, Setup, ToolProcesses,
    TurnEnd, WorkspaceState,
};
use ganger_engine::{
    AttemptOutcome, Commit, Envelope, Hazard, Impact, Input, Lines, NewAssumption, NewCall, Offer, Speaker, TicketId,
    TicketQuery, TicketSpec,
};
use std::collections::{BTreeMap, BTreeSet};

/// How long a question may take.
pub(crate) const PATIENCE_MS: u64 = 30_000;

/// Something on its way to a session, or within its runtime.
#[derive(Debug)]
pub(crate) enum Stir {
    Event(Event),
    /// The runtime does something, in the turn for which it was planned.
    Act(u32, Act),
}

/// What a session wants of its host.
pub(crate) enum Wish {
    Ask(u64, Envelope),
    Tell(Envelope),
    Ended(Box<Remains>),
}

pub(crate) struct Session {
    pub(crate) ticket: TicketId,
    pub(crate) offer: Offer,
    /// Nobody listens to it any more: it is being killed.
    pub(crate) is_aborted: bool,
    machine: Machine,
    runtime: Runtime,
    place: (usize, u64, Run),
    /// Texts that were said, and whether the model has answered since.
    said: BTreeMap<String, bool>,
    /// Hooks that wait for their answer.
    hooks: BTreeSet<String>,
    /// When the next tick is due to come.
    ticks_at: u64,
}

impl Session {
    pub(crate) fn start(world: &mut World, place: (usize, u64, Run), offer: Offer) -> Self {
        let runtime = Runtime::new(world, &offer);
        let (resumes, run) = (runtime.capabilities.resume, &place.2);
        let machine = Machine::new(
            Setup {
                attempt: run.attempt.clone(),
                token: run.token,
                number: offer.number,
                agent: offer.agent.clone(),
                runtime: format!("sim-{}", offer.agent),
                directory: format!("/workspaces/{}", offer.ticket),
                session: offer.session.clone().filter(|_| resumes),
                capabilities: runtime.capabilities,
                limits: Limits {
                    stall: 120_000,
                    tool: 240_000,
                    permission: 90_000,
                    same_calls: 5,
                    no_progress: 300_000,
                    tokens: None,
                },
                rules: Rules { allow: Vec::new(), ask: vec!["fetch".to_owned()], deny: vec!["agent".to_owned()] },
                mission: offer.spec.title.clone(),
                instructions: String::new(),
                deliveries: offer.deliveries.clone(),
                delivered_before: offer.told.clone(),
                head: offer.base.clone(),
            },
            world.now,
        );
        let session = Self {
            ticket: offer.ticket.clone(),
            offer,
            is_aborted: false,
            machine,
            runtime,
            place,
            said: BTreeMap::new(),
            hooks: BTreeSet::new(),
            ticks_at: u64::MAX,
        };
        let opening = session.runtime.opening(world, &session.offer);
        session.plan(world, opening);
        session.later(world, 1, Event::Tick);
        session
    }

    fn stir(&self, world: &mut World, after: u64, stir: Stir) {
        let (host, life, run) = self.place.clone();
        world.at(world.now + after, Occurrence::Session(host, life, run, stir));
    }

    fn later(&self, world: &mut World, after: u64, event: Event) {
        self.stir(world, after, Stir::Event(event));
    }

    fn plan(&self, world: &mut World, acts: Vec<(u64, Act)>) {
        for (after, act) in acts {
            if world.fault(Fault::ReportedTwice) {
                self.stir(world, after + 3, Stir::Act(self.runtime.turn, act.clone()));
            }
            self.stir(world, after, Stir::Act(self.runtime.turn, act));
        }
    }

    /// What the host passes on.
    pub(crate) fn order(&mut self, world: &mut World, order: SessionOrder) -> Vec<Wish> {
        let event = match order {
            SessionOrder::Cancel => Event::Cancel,
            SessionOrder::Deliver(message) => Event::Message(message),
            SessionOrder::AnswerPermission(answer) => Event::PermissionAnswered(answer),
        };
        self.handle(world, event)
    }

    pub(crate) fn handle(&mut self, world: &mut World, event: Event) -> Vec<Wish> {
        if self.is_aborted {
            return Vec::new();
        }
        world.coverage.saw(&event);
        if let Event::Runtime(event) = &event {
            world.coverage.saw(event);
            if let RuntimeEvent::TurnEnded(end) = event {
                world.coverage.saw(end);
            }
            if let RuntimeEvent::Retrying { setback, .. } = event {
                world.coverage.saw(setback);
            }
        }
        if let (Event::Runtime(RuntimeEvent::Usage(usage)), false) = (&event, self.machine.is_over()) {
            world.checks.used(&self.place.2.attempt, usage.tokens());
        }
        let mut wishes = Vec::new();
        for action in self.machine.handle(world.now, event) {
            world.coverage.saw(&action);
            self.perform(world, action, &mut wishes);
        }
        let due = self.machine.deadline().map(|at| at.max(world.now + 1));
        if let Some(at) = due.filter(|at| *at < self.ticks_at || self.ticks_at <= world.now) {
            self.ticks_at = at;
            self.later(world, at - world.now, Event::Tick);
        }
        wishes
    }

    fn perform(&mut self, world: &mut World, action: Action, wishes: &mut Vec<Wish>) {
        match action {
            Action::Control(control) => self.control(world, control),
            Action::Ask { question, envelope } => wishes.push(Wish::Ask(question, envelope)),
            Action::Tell(envelope) => wishes.push(Wish::Tell(envelope)),
            Action::AnswerHook { request_id, .. } => {
                if !self.hooks.remove(&request_id) {
                    world.checks.fail(format!("{}: hook {request_id} has two answers", self.place.2.attempt));
                }
                self.runtime.waiting.remove(&request_id);
            }
            Action::Note { .. } | Action::Prompted => {}
            Action::WriteMission { .. } => self.wrote(world, SessionFile::Mission),
            Action::WriteSessionFile(_) => self.wrote(world, SessionFile::Session),
            Action::InspectWorkspace { question } => {
                let state = if world.fault(Fault::WorkspaceUnreadable) {
                    Err("git".to_owned())
                } else {
                    let changed =
                        !matches!(self.runtime.behaviour, Behaviour::NoChange | Behaviour::Asks | Behaviour::Calls);
                    let head = self.offer.base.clone();
                    Ok(WorkspaceState { head, files: u64::from(changed), bytes: world.rng.below(3) })
                };
                let after = world.rng.between(5, 300);
                self.later(world, after, Event::Workspace { question, state });
            }
            Action::MeasureCpu => {
                let after = world.rng.between(5, 300);
                let ticks = if self.runtime.behaviour == Behaviour::Good { world.now / 10 } else { 5 };
                self.later(world, after, Event::Cpu { ticks });
            }
            Action::InspectProcesses => {
                // Now and then a background process holds the output of a shell that has ended.
                let held = OutputHolder { pid: 7, command: "npm run dev".to_owned() };
                let holding_output = if world.rng.one_in(4) { vec![held] } else { Vec::new() };
                let found = ToolProcesses { shells_alive: world.rng.one_in(3), holding_output };
                let after = world.rng.between(5, 300);
                self.later(world, after, Event::Processes(found));
            }
            Action::EndProcesses(_) => {
                let (id, output) = (HELD.to_owned(), String::new());
                self.later(world, 50, Event::Runtime(RuntimeEvent::ToolEnded { id, output, failed: false }));
                self.end_turn(world, TurnEnd::Completed);
            }
            Action::End(end) => {
                self.runtime.is_gone = true;
                wishes.push(Wish::Ended(Box::new(remains(*end))));
            }
        }
    }

    fn wrote(&self, world: &mut World, file: SessionFile) {
        let result = if world.fault(Fault::SessionFileNotWritten) { Err("disk".to_owned()) } else { Ok(()) };
        let after = world.rng.between(1, 50);
        self.later(world, after, Event::Wrote { file, result });
    }

    fn control(&mut self, world: &mut World, control: Control) {
        world.coverage.saw(&control);
        match control {
            Control::Prompt(text) => {
                if self.runtime.capabilities.session_first {
                    world.checks.prompted(&self.ticket, &self.runtime.session);
                }
                self.says(world, &text);
                let acts = self.runtime.turn(world, &self.offer);
                self.plan(world, acts);
            }
            Control::Steer { id, .. } => {
                let after = world.rng.between(5, 900);
                self.stir(world, after, Stir::Act(self.runtime.turn, Act::TakesText(id)));
            }
            Control::Permit { request_id, .. } => drop(self.runtime.waiting.remove(&request_id)),
            Control::Interrupt if self.runtime.behaviour == Behaviour::Deaf => {}
            Control::Interrupt => self.end_turn(world, TurnEnd::Interrupted),
            Control::Release => self.end_turn(world, TurnEnd::Completed),
            Control::Close => {
                if !world.fault(Fault::DriverDoesNotClose) {
                    let after = world.rng.between(5, 3_000);
                    self.stir(world, after, Stir::Act(self.runtime.turn, Act::DriverDies));
                }
            }
        }
    }

    fn end_turn(&mut self, world: &mut World, end: TurnEnd) {
        if !self.runtime.is_open {
            return;
        }
        self.runtime.is_open = false;
        self.runtime.waiting.clear();
        let after = world.rng.between(5, 2_000);
        self.later(world, after, Event::Runtime(RuntimeEvent::TurnEnded(end)));
    }

    /// What the model has answered to is not said to it again.
    fn says(&mut self, world: &mut World, text: &str) {
        if self.runtime.answered {
            self.said.values_mut().for_each(|answered| *answered = true);
        }
        let mut now = BTreeSet::new();
        for id in text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] ").map(|(id, _)| id)) {
            if !now.insert(id) || self.said.get(id) == Some(&true) {
                world.checks.fail(format!("invariant 10: {} says {id} twice", self.place.2.attempt));
            }
            self.said.entry(id.to_owned()).or_insert(false);
        }
    }

    /// Something happens; the process of the agent is alive, or not.
    pub(crate) fn happen(&mut self, world: &mut World, stir: Stir, is_alive: bool) -> Vec<Wish> {
        match stir {
            Stir::Event(event) => {
                if matches!(event, Event::Tick) && self.ticks_at <= world.now {
                    self.ticks_at = u64::MAX;
                }
                self.handle(world, event)
            }
            Stir::Act(turn, act) => {
                let is_stale = turn != self.runtime.turn || (turn > 0 && !self.runtime.is_open);
                if let (Act::TakesText(id), false) = (&act, self.runtime.is_gone) {
                    return self.takes_text(world, id.clone(), !is_stale);
                }
                let ends = matches!(act, Act::DriverDies);
                if self.runtime.is_gone || !is_alive || (is_stale && !ends && !world.fault(Fault::ReportedLate)) {
                    return Vec::new();
                }
                if !self.runtime.waiting.is_empty() && !ends && !is_withdrawal(&act) {
                    self.stir(world, 700, Stir::Act(turn, act));
                    return Vec::new();
                }
                self.act(world, act)
            }
        }
    }

    fn act(&mut self, world: &mut World, act: Act) -> Vec<Wish> {
        let event = match act {
            Act::DriverDies => {
                self.runtime.is_gone = true;
                Event::DriverGone
            }
            Act::Hook(request) => {
                if !self.hooks.insert(request.request_id.clone()) {
                    return Vec::new();
                }
                self.runtime.waiting.insert(request.request_id.clone());
                Event::HookRequested(request)
            }
            Act::HookGivenUp(request_id) => {
                if !self.runtime.waiting.remove(&request_id) {
                    return Vec::new();
                }
                Event::HookWithdrawn { request_id }
            }
            Act::Tool(tool) => return self.uses(world, tool),
            Act::TakesText(id) => return self.takes_text(world, id, true),
            Act::Reports(event) => {
                match &event {
                    RuntimeEvent::PermissionRequested(request) => {
                        self.runtime.waiting.insert(request.request_id.clone());
                    }
                    RuntimeEvent::PermissionWithdrawn { request_id } => {
                        self.runtime.waiting.remove(request_id);
                    }
                    RuntimeEvent::Text(_) | RuntimeEvent::ToolStarted { .. } => self.runtime.answered = true,
                    RuntimeEvent::TurnEnded(_) => {
                        self.runtime.is_open = false;
                    }
                    _ => {}
                }
                Event::Runtime(event)
            }
        };
        self.handle(world, event)
    }

    /// It went into the current turn, or there was none that could take it.
    fn takes_text(&mut self, world: &mut World, id: String, in_turn: bool) -> Vec<Wish> {
        if in_turn && !world.rng.one_in(4) {
            self.says(world, &format!("[{id}] "));
            return self.handle(world, Event::Runtime(RuntimeEvent::Steered { id }));
        }
        self.handle(world, Event::Runtime(RuntimeEvent::NotSteered { id }))
    }

    /// A tool of Ganger: an input of its own, and for some a sign to the session.
    fn uses(&mut self, world: &mut World, tool: Tool) -> Vec<Wish> {
        let (attempt, token) = (self.place.2.attempt.clone(), self.place.2.token);
        let id = format!("call/{attempt}/{tool:?}-{}", self.runtime.turn);
        let (input, reports) = match tool {
            Tool::Report => {
                let report = report(self.runtime.behaviour, &self.offer);
                (Input::AgentReport { attempt, token, report }, true)
            }
            Tool::Ask => {
                let question = format!("Which one, in {attempt}?");
                let (call, brief, options) = (id.clone(), String::new(), Vec::new());
                (Input::Ask { attempt, token, call, question, brief, options }, true)
            }
            Tool::Call => {
                let calls = (0..world.rng.between(1, 4)).map(|n| call(world, n)).collect();
                (Input::Call { attempt, token, calls, snapshot: Some(Commit::from("snapshot")) }, true)
            }
            // By their names, which it was told: those that do not exist are refused.
            Tool::Gather => {
                let made = self.made_calls(world);
                (Input::Gather { attempt, token, calls: made }, true)
            }
            // Another way to do what it was not asked for.
            Tool::Note if world.rng.one_in(8) => {
                let ticket = self.offer.ticket.clone();
                (Input::RepositoryTouched { ticket, changes: vec!["refs/heads/main was moved".to_owned()] }, false)
            }
            Tool::Note => (Input::AgentNote { attempt, token, text: "a remark".to_owned() }, false),
            Tool::Assume => (Input::Assume { attempt, token, assumption: assumption(world) }, false),
            Tool::File => (self.files(world, Speaker::Agent { attempt, token }), false),
            Tool::Mail => (mail::sent(world, Speaker::Agent { attempt, token }, Some(&self.ticket)), false),
            Tool::ReadMail => (mail::read(world, Speaker::Agent { attempt, token }, Some(&self.ticket)), false),
        };
        let mut wishes = vec![Wish::Tell(Envelope::new(id, "a tool was called", input))];
        if reports {
            wishes.extend(self.handle(world, Event::Reported));
        }
        wishes
    }

    /// A ticket for what it found, while there is trouble: in calm times the board comes to rest.
    fn files(&self, world: &mut World, by: Speaker) -> Input {
        if !world.faults || !world.rng.one_in(4) {
            return Input::LookAtTickets { by, query: TicketQuery { limit: 3, ..TicketQuery::default() } };
        }
        let after = if world.rng.one_in(3) { vec![self.ticket.clone()] } else { Vec::new() };
        let (title, done) = ("found".to_owned(), vec!["it works".to_owned()]);
        Input::FileTicket { by, ticket: Box::new(TicketSpec { title, done, after, ..TicketSpec::default() }) }
    }

    /// The first calls of its ticket that are on the board.
    fn made_calls(&self, world: &World) -> Vec<TicketId> {
        let ids = (1..4).map(|n| TicketId::new(format!("{}-c{n}", self.ticket)));
        ids.filter(|id| world.journal.tickets.contains_key(id)).collect()
    }

    /// Its driver is a process of the attempt: when those are killed from outside, it is gone.
    pub(crate) fn processes_are_gone(&mut self, world: &mut World) {
        if !std::mem::replace(&mut self.runtime.is_gone, true) {
            self.later(world, 1, Event::DriverGone);
        }
    }

    /// The name of a commit tells what the gates will find: the hidden truth.
    pub(crate) fn work(&self) -> Work {
        let (base, attempt) = (Commit::from("base"), &self.place.2.attempt);
        let head = match self.runtime.behaviour {
            Behaviour::Unfit => return Work::Unfit { reasons: vec!["a rebase is in progress".to_owned()] },
            Behaviour::TooLarge => return Work::TooLarge { files: 10_000, bytes: 1 << 30 },
            Behaviour::Tampers => Commit::new(format!("tampered-{attempt}")),
            Behaviour::Endangers => Commit::new(format!("hazard-{attempt}")),
            Behaviour::Red => Commit::new(format!("red-{attempt}")),
            Behaviour::NoChange | Behaviour::Asks | Behaviour::Calls | Behaviour::Blocked => base.clone(),
            _ => Commit::new(format!("good-{attempt}")),
        };
        let tampers = self.runtime.behaviour == Behaviour::Tampers;
        let tampering = if tampers { vec!["a test was deleted".to_owned()] } else { Vec::new() };
        let endangers = self.runtime.behaviour == Behaviour::Endangers;
        let hazards = if endangers { hazards(self.place.2.token) } else { Vec::new() };
        let lines = Some(Lines { added: head.as_str().len() as u64, removed: 0 });
        Work::Committed { head, base, files: vec![format!("file-{}", self.ticket)], lines, tampering, hazards }
    }
}

/// What an agent takes for granted; about a few topics, so that agents disagree.
fn assumption(world: &mut World) -> NewAssumption {
    let topic = world.rng.one_in(2).then(|| format!("topic {}", world.rng.below(8)));
    let value = topic.as_ref().map(|_| ["this", "That", "other"][world.rng.below(3) as usize].to_owned());
    NewAssumption {
        assumed: format!("so {}", world.rng.below(1_000)),
        confidence: [0.5, 1.0, 7.0][world.rng.below(3) as usize],
        topic,
        value,
        impact: if world.rng.one_in(5) { Impact::High } else { Impact::Low },
    }
}

/// What an agent asks of another one.
fn call(world: &mut World, n: u64) -> NewCall {
    let agent = policy::AGENTS[world.rng.below(policy::AGENTS.len() as u64) as usize].0.to_owned();
    let files = if world.rng.one_in(4) { vec![format!("file-{}", world.rng.below(6))] } else { Vec::new() };
    NewCall { agent, title: format!("call {n}"), prompt: format!("look into {n}"), files }
}

/// Some of the hazards, by a number.
fn hazards(number: u64) -> Vec<Hazard> {
    let all = [
        Hazard::Secrets { found: vec!["a:1: a token".to_owned()], send_back: !number.is_multiple_of(5) },
        Hazard::Deletions { deleted: 60, of: 80, files: vec!["a".to_owned()] },
        Hazard::EnvFiles { files: vec![".env".to_owned()] },
        Hazard::Untested { files: vec!["b.rs".to_owned()] },
    ];
    let first = usize::try_from(number % 4).unwrap_or(0);
    all.into_iter().skip(first).take(1 + first % 2).collect()
}

fn is_withdrawal(act: &Act) -> bool {
    matches!(act, Act::HookGivenUp(_) | Act::Reports(RuntimeEvent::PermissionWithdrawn { .. }))
}

fn remains(SessionEnd { end, usage, report }: SessionEnd) -> Remains {
    let outcome = match end {
        TurnEnd::Completed => AttemptOutcome::Finished,
        TurnEnd::Interrupted => AttemptOutcome::Interrupted,
        TurnEnd::Failed { class, message, limit } => {
            let (retry_at, model) = limit.map(|l| (l.until, l.model)).unzip();
            AttemptOutcome::Failed { class, message, retry_at, model: model.flatten() }
        }
    };
    Remains { outcome, usage, report }
}
