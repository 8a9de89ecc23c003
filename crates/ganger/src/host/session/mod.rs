//! Drives the session machine of one attempt: brings it what happens, in the order in which that matters, and carries
//! out what it wants. It decides nothing; `ganger_engine::session` does.

mod dangers;
mod outgoing;

use super::attempt::AttemptTask;
use super::workspaces::Ready;
use super::{Order, Standard, mission_text};
use crate::agents::{self, Launch, RunningDriver};
use crate::depot::Seen;
use crate::git;
use crate::os::{self, SteadyClock, cpu_ticks, crash};
use crate::project::Project;
use crate::text;
use crate::wire;
use dangers::Finder;
use ganger_engine::TicketSpec;
use ganger_engine::session::{
    Action, Control, Event, Limits, Machine, Permission, RuntimeEvent, SessionEnd, SessionFile, SessionMessage, Setup,
    WorkspaceState,
};
use outgoing::{Message, Outgoing};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

pub(super) struct SessionRun<'a> {
    pub(super) task: &'a mut AttemptTask,
    pub(super) ready: &'a Ready,
    pub(super) launch: Launch,
    pub(super) mission: String,
}

/// Runs a session to its end.
pub(super) async fn run(run: SessionRun<'_>) -> SessionEnd {
    let clock = SteadyClock::start();
    let marker = run.launch.marker.clone();
    let setup = setup(&run).await;
    let (sender, results) = mpsc::unbounded_channel();
    let SessionRun { task, ready, launch, .. } = run;
    let finder = Finder::new(launch.guard.level(), &ready.workspace.path);
    let outgoing = Outgoing::start(task, sender.clone());
    let RunningDriver { control, events, task: _driver } = agents::start(launch);
    let session = Session {
        machine: Machine::new(setup, clock.now()),
        clock,
        task,
        ready,
        marker,
        finder,
        control,
        controls: VecDeque::new(),
        events,
        results,
        sender,
        outgoing,
        hooks: BTreeMap::new(),
        is_cancelled: false,
    };
    session.run_turns().await
}

/// The machine with its surroundings.
struct Session<'a> {
    machine: Machine,
    clock: SteadyClock,
    task: &'a mut AttemptTask,
    ready: &'a Ready,
    marker: String,
    finder: Finder,
    control: mpsc::Sender<Control>,
    /// For the driver, as soon as it takes them.
    controls: VecDeque<Control>,
    events: mpsc::Receiver<RuntimeEvent>,
    /// Answers to actions.
    results: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    outgoing: Outgoing,
    hooks: BTreeMap<String, oneshot::Sender<Permission>>,
    is_cancelled: bool,
}

impl Session<'_> {
    async fn run_turns(mut self) -> SessionEnd {
        let mut event = Event::Tick;
        loop {
            let mut end = None;
            for action in self.machine.handle(self.clock.now(), event) {
                match action {
                    Action::End(ended) => end = Some(ended),
                    action => self.perform(action),
                }
            }
            if let Some(end) = end {
                self.outgoing.flush().await;
                return *end;
            }
            event = self.next_event().await;
        }
    }

    /// A cancel first. What came by an order came before what the runtime says next: it waits for the answer to its
    /// hook and its tool call.
    async fn next_event(&mut self) -> Event {
        loop {
            let deadline = self.machine.deadline().map(|at| self.clock.instant(at));
            let runtime = async {
                self.outgoing.has_room().await;
                self.events.recv().await
            };
            tokio::select! {
                biased;
                _ = self.task.cancel.changed(), if !self.is_cancelled => {
                    self.is_cancelled = true;
                    return Event::Cancel;
                }
                Some(order) = self.task.orders.recv() => return event_of(order, &mut self.hooks, &self.finder),
                Some(event) = self.results.recv() => return event,
                () = agents::until(deadline) => return Event::Tick,
                slot = self.control.reserve(), if !self.controls.is_empty() => match (slot, self.controls.pop_front()) {
                    (Ok(slot), Some(control)) => slot.send(control),
                    // It is gone, which its events say.
                    _ => self.controls.clear(),
                },
                event = runtime => {
                    if event == Some(RuntimeEvent::Prompted) {
                        crash::point("prompted");
                    }
                    return match event {
                        Some(RuntimeEvent::PermissionRequested(request)) => {
                            Event::Runtime(RuntimeEvent::PermissionRequested(self.finder.look_at(request, "")))
                        }
                        event => event.map_or(Event::DriverGone, Event::Runtime),
                    };
                }
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Control(control) => self.controls.push_back(without_secrets(control)),
            Action::Ask { question, envelope } => self.outgoing.send(Message::Ask { question, envelope }),
            Action::Tell(envelope) => self.outgoing.send(Message::Tell(envelope)),
            Action::Note { kind, text } => self.outgoing.send(Message::Activity { kind, text }),
            Action::AnswerHook { request_id, permission } => {
                if let Some(answer) = self.hooks.remove(&request_id) {
                    let _gave_up = answer.send(permission);
                }
            }
            Action::WriteMission { spec, revision } => self.write_mission(*spec, revision),
            Action::WriteSessionFile(session) => self.in_background(move |ready, _| {
                let result = ready.write_own_file(".builder-session", session.as_str()).map_err(|e| e.to_string());
                Event::Wrote { file: SessionFile::Session, result }
            }),
            Action::InspectWorkspace { question } => self.in_background(move |ready, project| Event::Workspace {
                question,
                state: inspect(ready, project).map_err(|e| e.to_string()),
            }),
            Action::MeasureCpu => {
                let marker = self.marker.clone();
                self.in_background(move |_, _| Event::Cpu { ticks: cpu_ticks(&marker) });
            }
            Action::InspectProcesses => {
                let marker = self.marker.clone();
                self.in_background(move |_, _| Event::Processes(os::tool_processes(&marker)));
            }
            Action::EndProcesses(processes) => {
                let marker = self.marker.clone();
                tokio::spawn(os::blocking(move || os::end_processes(&marker, &processes)));
            }
            Action::Prompted => {
                self.task.starting = None;
            }
            // It ends the loop.
            Action::End(_) => {}
        }
    }

    fn write_mission(&mut self, spec: TicketSpec, revision: u32) {
        let (ticket, gates) = (self.task.offer.ticket.clone(), self.task.terms.gate_definitions());
        let needs_tests = self.task.terms.needs_tests;
        let direction = self.task.offer.direction.clone();
        self.in_background(move |ready, _| {
            let mission = mission_text(
                Standard { gates: &gates, needs_tests },
                &ready.workspace,
                &ticket,
                &spec,
                revision,
                &direction,
            );
            let result = ready.write_own_file("MISSION.md", &mission).map_err(|e| e.to_string());
            Event::Wrote { file: SessionFile::Mission, result }
        });
    }

    /// Git and disk take their time; the answer comes as an event.
    fn in_background(&self, work: impl FnOnce(&Ready, &Project) -> Event + Send + 'static) {
        let (ready, project) = (self.ready.clone(), Arc::clone(&self.task.shared.project));
        let sender = self.sender.clone();
        tokio::spawn(os::blocking(move || {
            // The session may be over.
            let _over = sender.send(work(&ready, &project));
        }));
    }
}

/// What goes to a model leaves this machine: it holds no secret, whoever wrote it.
fn without_secrets(control: Control) -> Control {
    match control {
        Control::Prompt(text) => Control::Prompt(text::shown(&text)),
        Control::Steer { id, text } => Control::Steer { id, text: text::shown(&text) },
        other => other,
    }
}

fn event_of(order: Order, hooks: &mut BTreeMap<String, oneshot::Sender<Permission>>, finder: &Finder) -> Event {
    match order {
        Order::Message(message) => {
            let message = *message;
            let (delivery, spec, revision) = (message.delivery, message.spec, message.revision);
            Event::Message(Box::new(SessionMessage { delivery, spec, revision }))
        }
        Order::PermissionAnswered(answer) => Event::PermissionAnswered(answer),
        Order::HookRequested { request, folder, answer } => {
            hooks.insert(request.request_id.clone(), answer);
            Event::HookRequested(finder.look_at(request, &folder))
        }
        Order::HookWithdrawn { request_id } => Event::HookWithdrawn { request_id },
        Order::Reported => Event::Reported,
    }
}

async fn setup(run: &SessionRun<'_>) -> Setup {
    let SessionRun { task, ready, launch, mission } = run;
    let capabilities = launch.driver.capabilities();
    let offer = &task.offer;
    // Only a runtime that can be told to continue is asked what it changed.
    let head = if capabilities.prompt_again { head(ready, &task.shared.project).await } else { None };
    Setup {
        attempt: offer.attempt.clone(),
        token: offer.token,
        number: offer.number,
        agent: offer.agent.clone(),
        runtime: launch.agent.runtime.as_str().to_owned(),
        directory: ready.workspace.path.display().to_string(),
        session: offer.session.clone(),
        capabilities,
        limits: limits(&task.terms.limits),
        rules: launch.agent.rules(),
        mission: mission.clone(),
        instructions: launch.agent.prompt.clone(),
        deliveries: offer.deliveries.clone(),
        delivered_before: offer.told.clone(),
        head,
    }
}

async fn head(ready: &Ready, project: &Arc<Project>) -> Option<ganger_engine::Commit> {
    let (ready, project) = (ready.clone(), Arc::clone(project));
    os::blocking(move || ready.workspace.head(project.depot().ok()?)).await
}

fn inspect(ready: &Ready, project: &Project) -> git::GitResult<WorkspaceState> {
    let Seen { head, files, bytes } = ready.workspace.look(project.depot()?)?;
    Ok(WorkspaceState { head, files, bytes })
}

fn limits(limits: &wire::Limits) -> Limits {
    Limits {
        stall: limits.stall_ms,
        tool: limits.tool_ms,
        permission: limits.permission_ms,
        same_calls: limits.same_calls,
        no_progress: limits.no_progress_ms,
        tokens: limits.attempt_tokens,
    }
}
