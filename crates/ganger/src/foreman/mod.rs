//! The foreman: the one writer. This is what performs the actions of [`ganger_engine::foreman`]; it decides nothing.

mod ballast;
mod contests;
mod intake;
mod journal;
mod lease;
mod merge;
mod objects;
mod presence;
mod projection;

pub(crate) use journal::{AppendError, Journal, Loaded, load, open_tables, read_records, reconcile};
pub(crate) use lease::{Lease, acquire};
pub(crate) use objects::is_elsewhere;
pub(crate) use presence::{Runner, active_run, announce};
pub(crate) use projection::{Part, Projection, ProjectionError, ReadyTicket, Totals};

use crate::failure::{Code, Failure, OrCannot};
use crate::host::LOCAL;
use crate::log;
use crate::os::now_ms;
use crate::os::{self, crash};
use crate::project::Project;
use crate::wire::{self, Reply, ToHost, host_subject};
use ganger_bus::Bus;
use ganger_engine::foreman::{Action, Appended, Ending, Event, Machine, Mode, Stop};
use ganger_engine::{DecisionId, Envelope, HostId, Input, Ledger, Order, Phase, Refusal, State};
use intake::Inbox;
use objects::{Needs, Objects};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Inputs that are taken from the queue at once.
const MAX_DRAIN: usize = 256;

/// The writer with its journal and its hands.
pub(crate) struct Foreman {
    project: Arc<Project>,
    bus: Arc<dyn Bus>,
    machine: Machine,
    /// The main branch.
    main: String,
    journal: Journal,
    inbox: Inbox,
    objects: Arc<Objects>,
    landing: Option<JoinHandle<()>>,
    /// Incarnation of the host in this process: its guard ends the gates of a landing, too.
    marker: String,
    nobody_stops: bool,
    _lease: Lease,
}

impl Foreman {
    /// Takes over: loads the journal, is elected, brings the configuration up to date.
    pub(crate) async fn lead(
        project: Arc<Project>,
        bus: Arc<dyn Bus>,
        lease: Lease,
        mode: Mode,
    ) -> Result<Self, Failure> {
        let loaded = load(&bus, &project.state).await?;
        reconcile(&bus, &loaded).await?;
        let Loaded { mut state, mut journal, fault, .. } = loaded;
        if let Some(fault) = fault {
            return Err(Failure::failed(format!("the journal cannot be followed: {fault}"))
                .hint("the board is read-only; `ganger doctor` says more"));
        }
        journal.catch_up(&mut state);
        let inbox = Inbox::open(&project, &bus).await?;
        let mut first: Vec<Envelope> = opening(&project).into();
        first.extend(dismissal(&state, &HostId::from(LOCAL)));
        let (state, moved) = moved_heads(&project, state).await?;
        first.extend(moved);
        contests::heed(&project, &state, state.tickets.keys()).await;
        ballast::lay(&project);
        let (landing, marker, nobody_stops, main) = (None, String::new(), false, project.main_branch()?);
        let objects = Objects::start(&project, &main, &state);
        let machine = Machine::new(state, now_ms(), mode, first);
        Ok(Self { project, bus, machine, main, journal, inbox, objects, landing, marker, nobody_stops, _lease: lease })
    }

    /// Works until nothing can move, or until told to stop.
    pub(crate) async fn run(
        &mut self,
        host: Option<(&HostId, &str)>,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<Ending, Failure> {
        let mut events = VecDeque::from([Event::Tick]);
        if let Some((host, incarnation)) = host {
            incarnation.clone_into(&mut self.marker);
            events.push_front(Event::HostStarted { host: host.clone(), incarnation: incarnation.to_owned() });
        }
        let bus = Arc::clone(&self.bus);
        let mut lost = bus.lost();
        let verified = async {
            match journal::verify(&bus).await {
                Ok(()) => std::future::pending().await,
                Err(why) => why,
            }
        };
        tokio::pin!(verified);
        loop {
            let event = match events.pop_front() {
                Some(event) => event,
                None => tokio::select! {
                    lost = &mut lost => return Err(lost.into()),
                    why = &mut verified => return Err(Failure::of(Code::JournalFault, format!("the journal is damaged: {why}"))
                        .hint("nothing was changed; `ganger doctor` says more, and `ganger restore FILE` brings back a copy")),
                    event = self.next_event(&mut stop) => event,
                },
            };
            let actions = self.machine.handle(now_ms(), event);
            let acts = self.machine.is_durable();
            if acts {
                crash::point("before-act");
            }
            for action in actions {
                match action {
                    Action::Finish(ending) => return finished(ending),
                    other => events.extend(self.perform(other).await),
                }
            }
            if acts {
                crash::point("after-act");
            }
        }
    }

    /// Whoever wants to stop is heard first.
    async fn next_event(&mut self, stop: &mut watch::Receiver<Stop>) -> Event {
        let patience = Duration::from_millis(self.machine.deadline().saturating_sub(now_ms()));
        let landing = async {
            match &mut self.landing {
                Some(landing) => drop(landing.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = stop.changed(), if !self.nobody_stops => {
                // Without anybody who could stop it, it is not looked for again.
                self.nobody_stops = changed.is_err();
                Event::Stop(*stop.borrow_and_update())
            }
            () = landing => {
                self.landing = None;
                Event::LandingEnded
            }
            received = self.inbox.receive(MAX_DRAIN) => Event::Received(received),
            () = tokio::time::sleep(patience) => Event::Tick,
        }
    }

    async fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Append(records) => {
                let appended = self.journal.append(&records).await;
                if matches!(appended, Appended::Stored) {
                    let changes = self.machine.take_changes();
                    self.journal.keep(self.machine.state(), &changes);
                    self.objects.heed(self.machine.state(), &changes);
                    contests::heed(&self.project, self.machine.state(), changes.tickets.iter()).await;
                }
                return Some(Event::Appended(appended));
            }
            Action::ReadNext => return Some(Event::Next(self.journal.read_next().await.map_err(|e| e.to_string()))),
            Action::CheckEnd => return Some(Event::End(self.journal.is_current().await.map_err(|e| e.to_string()))),
            // Whoever shows progress follows the journal.
            Action::Show(_) => {}
            Action::Reply { to, id, result } => {
                // Whoever asked asks again.
                let _lost = wire::publish(&self.bus, to, &Reply { id, result }, None).await;
            }
            Action::Acknowledge(receipts) => {
                // They come again, and are recognised.
                let _again = self.inbox.acknowledge(&receipts).await;
            }
            Action::Send(host, order) => self.send(&host, order).await,
            Action::Land(landing) => {
                let (project, bus) = (Arc::clone(&self.project), Arc::clone(&self.bus));
                let objects = Arc::clone(&self.objects);
                self.landing = Some(merge::start(project, bus, objects, *landing, self.marker.clone()));
            }
            Action::FreeBallast => ballast::free(&self.project),
            Action::Finish(_) => {}
        }
        None
    }

    /// Sends an order with everything that the host needs of the trusted configuration, and the commits that it names.
    async fn send(&self, host: &HostId, order: Order) {
        let state = self.machine.state();
        let is_elsewhere = is_elsewhere(state, host);
        let needs = Needs::of(&order, state).filter(|_| is_elsewhere || self.objects.is_in_use());
        let message = match ToHost::resolve(order, self.project.config(), &self.main) {
            Ok(message) => message,
            Err(why) => return log::note(&self.project, &format!("an order to {host} was not sent: {why}")),
        };
        let Some(needs) = needs else {
            // It is sent again while its effect is wanted.
            let _lost = wire::publish(&self.bus, host_subject(host), &message, None).await;
            return;
        };
        let (objects, bus, project, host) =
            (Arc::clone(&self.objects), Arc::clone(&self.bus), Arc::clone(&self.project), host.clone());
        // A network takes its time, and nothing else waits for it.
        tokio::spawn(async move {
            let message = if is_elsewhere {
                let provided = objects.provide(needs).await.map_err(|e| e.to_string());
                provided.map(|elsewhere| message.for_elsewhere(elsewhere))
            } else {
                objects.bring(&needs).await.map(|()| message).map_err(|e| e.to_string())
            };
            match message {
                Ok(message) => {
                    let _lost = wire::publish(&bus, host_subject(&host), &message, None).await;
                }
                Err(why) => log::note(&project, &format!("an order to {host} was not sent: {why}")),
            }
        });
    }

    /// What other hosts made is here, and is shown, before the run ends.
    pub(crate) async fn settle(&self, limit: Duration) {
        self.objects.settle(limit).await;
    }

    /// The run is over, and so is its host: nothing is offered to it until it reports again.
    pub(crate) async fn close(mut self, host: Option<&HostId>) -> Result<State, Failure> {
        let mut ledger = Ledger::new(self.machine.into_state());
        if let Some(envelope) = host.and_then(|host| dismissal(ledger.state(), host)) {
            ledger.decide(now_ms(), &envelope).map_err(refused)?;
        }
        if !ledger.pending().is_empty() {
            self.journal.append_alone(ledger.pending()).await?;
            ledger.committed();
            let changes = ledger.take_changes();
            self.journal.keep(ledger.state(), &changes);
        }
        Ok(ledger.into_state())
    }
}

fn finished(ending: Ending) -> Result<Ending, Failure> {
    match ending {
        Ending::Still | Ending::Stopped => Ok(ending),
        Ending::Overtaken => Err(Failure::failed("another foreman has taken over; this one steps down")),
        Ending::DiskFull(why) => Err(ganger_bus::BusError::Full(why).into()),
        Ending::StoreFailed(why) => Err(Failure::failed(why)),
        Ending::Breach(why) => Err(Failure::failed(format!("refused to go on: {why}"))
            .hint("nothing wrong was written; start again, and please report this with `ganger doctor --json`")),
    }
}

pub(crate) fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Rejected(rejected) => rejected.into(),
        bug => Failure::failed(bug.to_string()),
    }
}

/// A host is known to be gone: whoever held the lease before had it in its process.
fn dismissal(state: &State, host: &HostId) -> Option<Envelope> {
    let known = state.hosts.get(host).filter(|h| h.alive)?;
    let input = Input::HostLapsed { host: host.clone(), incarnation: known.report.incarnation.clone() };
    Some(Envelope::new(DecisionId::unkeyed("gone"), "the host's process ended", input))
}

/// A person may have committed to the branch of accepted work meanwhile: that must be verified, too.
async fn moved_heads(project: &Arc<Project>, state: State) -> Result<(State, Vec<Envelope>), Failure> {
    let project = Arc::clone(project);
    let looked = os::blocking(move || -> crate::git::GitResult<_> {
        let Some(depot) = project.depot_if_made()? else { return Ok((state, Vec::new())) };
        let accepted = state.tickets.iter().filter(|(_, t)| t.phase == Phase::Accepted);
        let mut moved = Vec::new();
        for (id, ticket) in accepted {
            let Some(head) = project.workspace(id).take_from_person(depot)? else { continue };
            if ticket.accepted.as_ref() != Some(&head) {
                let input = Input::HeadMoved { ticket: id.clone(), head };
                moved.push(Envelope::new(DecisionId::unkeyed("head"), "the branch of accepted work moved", input));
            }
        }
        Ok((state, moved))
    });
    looked.await.or_cannot("compare accepted work with its branches")
}

/// The first inputs of every foreman.
pub(crate) fn opening(project: &Project) -> [Envelope; 2] {
    let who = format!("process {}", std::process::id());
    let unique = uuid::Uuid::now_v7();
    let policy = project.config().to_policy();
    [
        Envelope::new(format!("elect-{unique}"), "took the lease", Input::Elect { foreman: who }),
        Envelope::new(format!("policy-{unique}"), "the configuration was read", Input::SetPolicy { policy }),
    ]
}
