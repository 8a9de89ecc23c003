//! A foreman in the simulated world: performs the actions of its machine, crashes on either side of each, sleeps, loses
//! its lease, and wakes up as a zombie.

use crate::checks::is_approved;
use crate::fault::Fault;
use crate::landing::{Answered, Landings};
use crate::wire::{FOREMAN, JOURNAL, ToForeman, ready};
use crate::world::{Occurrence, World};
use ganger_bus::{AckHandle, Bus, BusError, Publish};
use ganger_engine::foreman::{Action, Appended, Ending, Event, Landing, Machine, Mode, Received, Stop};
use ganger_engine::{DecisionId, Envelope, HostId, Input, Order, Outcome, Record, Rejected, State};
use std::collections::BTreeMap;

/// How long a lease holds without renewal.
const LEASE_MS: u64 = 5_000;

pub(crate) struct Foreman {
    index: usize,
    life: u64,
    leading: Option<Leading>,
    /// Dead or asleep until then.
    away_until: u64,
    landings: Landings,
    receipts: u64,
    unsettled: BTreeMap<u64, AckHandle>,
}

struct Leading {
    machine: Machine,
    last_sequence: u64,
    /// The record up to which the state in memory was compared with the journal.
    compared: u64,
    /// An append is under way: nothing may be answered or done from a state that is not durable.
    appending: bool,
    /// The ballast was freed: the same batch is appended again.
    freed: bool,
    /// The store has not answered yet: until then nothing wakes the machine.
    waits_for_store: bool,
    /// When the next tick by its deadline is due to come.
    wakes_at: u64,
}

impl Foreman {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            life: 0,
            leading: None,
            away_until: 0,
            landings: Landings::default(),
            receipts: 0,
            unsettled: BTreeMap::new(),
        }
    }

    /// The state of a foreman that leads, as far as it is durable.
    pub(crate) fn state(&self) -> Option<&State> {
        self.leading.as_ref().map(|l| &l.machine).filter(|m| m.is_durable()).map(Machine::state)
    }

    /// Looks for the lease, or looks around.
    pub(crate) fn tick(&mut self, world: &mut World) {
        let again = world.now + world.rng.between(50, 500);
        world.at(again, Occurrence::ForemanTick(self.index));
        if world.now < self.away_until {
            return;
        }
        if world.fault(Fault::ForemanSleeps) {
            // Lease and all: it will wake up as a zombie and go on where it was.
            self.away_until = world.now + world.rng.between(1_000, 40_000);
            return world.say(format!("foreman {} sleeps", self.index));
        }
        if self.leading.is_none() && self.takes_lease(world) {
            self.lead(world);
        }
        if world.fault(Fault::ForemanStopped) {
            let stop = if world.rng.one_in(2) { Stop::Drain } else { Stop::Now };
            self.handle(world, Event::Stop(stop));
        }
        self.handle(world, Event::Tick);
    }

    fn takes_lease(&self, world: &mut World) -> bool {
        let free = world.lease.is_none_or(|(holder, until)| holder == self.index || until <= world.now);
        if free {
            world.lease = Some((self.index, world.now + LEASE_MS));
        }
        free
    }

    fn lead(&mut self, world: &mut World) {
        let last_sequence = ready(world.bus.info(JOURNAL)).map_or(0, |i| i.last_sequence);
        // Loading gives what the world has followed: replay is compared with it now and then.
        let state = world.journal.clone();
        self.life += 1;
        world.say(format!("foreman {} leads", self.index));
        let elect = Input::Elect { foreman: format!("foreman {}", self.index) };
        let opening = vec![
            Envelope::new(DecisionId::unkeyed(format!("elect-{}", world.now)), "elected", elect),
            Envelope::new(
                DecisionId::unkeyed("policy"),
                "configuration",
                Input::SetPolicy { policy: world.policy.clone() },
            ),
        ];
        opening.iter().for_each(|envelope| world.coverage.input(&envelope.input));
        let mode = Mode { dispatch: true, scope: None, max_parallel: None, forever: true };
        let compared = state.n;
        let machine = Machine::new(state, world.now, mode, opening);
        self.leading = Some(Leading {
            machine,
            last_sequence,
            compared,
            appending: false,
            freed: false,
            waits_for_store: false,
            wakes_at: 0,
        });
        self.landings = Landings::default();
        if world.rng.one_in(2) {
            let host = HostId::new(format!("host-{}", self.index));
            self.handle(world, Event::HostStarted { host, incarnation: format!("host-{}-0", self.index) });
        }
    }

    /// Inputs wait in the stream.
    pub(crate) fn poll(&mut self, world: &mut World) {
        if self.leading.is_none() || world.now < self.away_until {
            return;
        }
        let fetched: Vec<(AckHandle, ToForeman)> = world.fetch(FOREMAN);
        if fetched.is_empty() {
            return;
        }
        let mut inputs = Vec::new();
        for (handle, ToForeman { reply_to, sent, expires, envelope }) in fetched {
            self.receipts += 1;
            self.unsettled.insert(self.receipts, handle);
            world.coverage.input(&envelope.input);
            if let (Some(until), true) = (expires, envelope.id.key().is_some()) {
                world.checks.awaited(envelope.id.as_str(), until);
            }
            inputs.push(Received { receipt: Some(self.receipts), reply_to, sent, expires, envelope });
        }
        self.handle(world, Event::Received(inputs));
        world.at(world.now + 1, Occurrence::Poll(FOREMAN.to_owned()));
    }

    /// An event that was on its way.
    pub(crate) fn deliver(&mut self, world: &mut World, life: u64, event: Event) {
        if life != self.life || self.leading.is_none() {
            return;
        }
        if world.now < self.away_until {
            return world.at(self.away_until, Occurrence::Foreman(self.index, life, Box::new(event)));
        }
        self.handle(world, event);
    }

    fn handle(&mut self, world: &mut World, event: Event) {
        let Some(leading) = &mut self.leading else { return };
        // The lease is renewed by whoever runs; a zombie finds another's.
        if world.lease.is_some_and(|(holder, _)| holder == self.index) {
            world.lease = Some((self.index, world.now + LEASE_MS));
        }
        world.coverage.saw(&event);
        match &event {
            Event::Appended(how) => {
                world.coverage.saw(how);
                leading.appending &= *how == Appended::Unclear;
                leading.waits_for_store = false;
            }
            Event::Next(_) => (leading.appending, leading.waits_for_store) = (false, false),
            Event::End(_) => leading.waits_for_store = false,
            Event::Stop(stop) => world.coverage.saw(stop),
            _ => {}
        }
        let actions = leading.machine.handle(world.now, event);
        for action in actions {
            if world.fault(Fault::ForemanCrashes) {
                return self.crash(world, &action);
            }
            world.coverage.saw(&action);
            self.only_when_durable(world, &action);
            self.perform(world, action);
            if self.leading.is_none() {
                return;
            }
        }
        self.wake_in_time(world);
        self.compare(world);
    }

    /// As the program does, the machine is ticked when its deadline comes.
    fn wake_in_time(&mut self, world: &mut World) {
        let Some(leading) = self.leading.as_mut().filter(|l| !l.waits_for_store) else { return };
        let due = leading.machine.deadline().max(world.now + 1);
        if due < leading.wakes_at || leading.wakes_at <= world.now {
            leading.wakes_at = due;
            world.at(due, Occurrence::Foreman(self.index, self.life, Box::new(Event::Tick)));
        }
    }

    /// Memory against the journal. A zombie's view may be old, and what nobody told it of may be stored.
    fn compare(&mut self, world: &mut World) {
        let Some(leading) = self.leading.as_mut().filter(|l| l.machine.is_durable()) else { return };
        let state = leading.machine.state();
        if state.n == world.journal.n && std::mem::replace(&mut leading.compared, state.n) != state.n {
            world.checks.memory(self.index, state, &world.journal);
        }
    }

    /// What others see must be durable before.
    fn only_when_durable(&mut self, world: &mut World, action: &Action) {
        let Some(leading) = &mut self.leading else { return };
        let appending = leading.appending;
        leading.waits_for_store |= matches!(action, Action::Append(_) | Action::ReadNext | Action::CheckEnd);
        let forbidden = match action {
            Action::Append(_) => std::mem::replace(&mut leading.appending, true) && !leading.freed,
            Action::Reply { .. } | Action::Acknowledge(_) | Action::Send(..) | Action::Land(_) => appending,
            Action::FreeBallast => {
                leading.freed = true;
                false
            }
            Action::ReadNext | Action::CheckEnd | Action::Show(_) | Action::Finish(_) => false,
        };
        if forbidden {
            let name: String = format!("{action:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
            world.checks.fail(format!("invariant 8: {name} while an append is under way"));
        }
    }

    fn crash(&mut self, world: &mut World, before: &Action) {
        world.crashes += 1;
        let name = format!("{before:?}");
        let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
        world.say(format!("foreman {} dies before {name}", self.index));
        self.leave(world);
    }

    fn leave(&mut self, world: &mut World) {
        self.leading = None;
        self.life += 1;
        self.away_until = world.now + world.rng.between(100, 20_000);
    }

    fn perform(&mut self, world: &mut World, action: Action) {
        let soon = world.now + world.latency();
        match action {
            Action::Append(records) => {
                let outcome = self.append(world, &records);
                self.soon(world, soon, Event::Appended(outcome));
            }
            Action::ReadNext => {
                let next = self.read_next(world);
                self.soon(world, soon, Event::Next(next));
            }
            Action::CheckEnd => {
                let last = ready(world.bus.info(JOURNAL)).map(|i| i.last_sequence).map_err(|e| e.to_string());
                let known = self.leading.as_ref().map_or(0, |l| l.last_sequence);
                self.soon(world, soon, Event::End(last.map(|last| last == known)));
            }
            Action::Show(records) => world.checks.shown(&world.journal, &records),
            Action::Reply { to, id, result } => world.reply(to, id, result),
            Action::Acknowledge(receipts) => {
                let handles: Vec<AckHandle> = receipts.iter().filter_map(|r| self.unsettled.remove(r)).collect();
                if !world.fault(Fault::AcknowledgementLost) {
                    world.acknowledge(&handles);
                }
            }
            Action::Send(host, order) => {
                if let (Order::Verify(job), Some(state)) = (&order, self.state()) {
                    world.checks.verifies(state, job);
                }
                world.order(host.as_str(), &order);
            }
            Action::Land(landing) => {
                if let Some(state) = self.state() {
                    world.checks.approved(state, &landing);
                }
                self.landings.begin(world, self.index, self.life, *landing);
            }
            Action::FreeBallast => {}
            Action::Finish(ending) => {
                world.say(format!("foreman {} ends: {ending:?}", self.index));
                world.coverage.saw(&ending);
                if let Ending::Breach(why) = &ending {
                    world.checks.fail(why.clone());
                }
                if world.lease.is_some_and(|(holder, _)| holder == self.index) {
                    world.lease = None;
                }
                self.leave(world);
            }
        }
    }

    fn soon(&self, world: &mut World, at: u64, event: Event) {
        world.at(at, Occurrence::Foreman(self.index, self.life, Box::new(event)));
    }

    fn append(&mut self, world: &mut World, records: &[Record]) -> Appended {
        let Some(leading) = &mut self.leading else { return Appended::Failed("no leader".to_owned()) };
        if world.fault(Fault::AppendFails) {
            return Appended::Failed("simulated".to_owned());
        }
        if world.fault(Fault::DiskFull) {
            return Appended::Full("simulated".to_owned());
        }
        // Stored or not, nobody says.
        let unclear = world.fault(Fault::AppendUnclear);
        if unclear && world.rng.one_in(2) {
            return Appended::Unclear;
        }
        let batch = match Record::encode_batch(records) {
            Ok(batch) => batch,
            Err(e) => return Appended::Failed(e.to_string()),
        };
        let message = Publish::new("journal.record", batch).expected_last(leading.last_sequence);
        match ready(world.bus.publish(message)) {
            Ok(ack) => {
                world.durable(records);
                if unclear {
                    return Appended::Unclear;
                }
                leading.last_sequence = ack.sequence;
                Appended::Stored
            }
            Err(BusError::WrongLast { .. }) => Appended::Unclear,
            Err(e) => Appended::Failed(e.to_string()),
        }
    }

    fn read_next(&mut self, world: &World) -> Result<Option<Vec<Record>>, String> {
        let Some(leading) = &mut self.leading else { return Err("no leader".to_owned()) };
        let next = ready(world.bus.read(JOURNAL, leading.last_sequence + 1, ">", 1)).map_err(|e| e.to_string())?;
        let Some(message) = next.first() else { return Ok(None) };
        let batch = Record::decode_batch(&message.payload, 0).map_err(|e| e.to_string())?;
        leading.last_sequence = message.sequence;
        Ok(Some(batch))
    }

    pub(crate) fn land(&mut self, world: &mut World, life: u64, step: crate::landing::LandingStep) {
        if life != self.life || self.leading.is_none() {
            return;
        }
        if world.now < self.away_until {
            return world.at(self.away_until, Occurrence::Landing(self.index, life, step));
        }
        let approved = match (self.state(), self.landings.current()) {
            (Some(state), Some(landing)) => is_approved(state, landing),
            _ => true,
        };
        let ended = self.landings.step(world, (self.index, life), step, approved);
        if ended {
            self.handle(world, Event::LandingEnded);
        }
    }

    pub(crate) fn landing(&self) -> Option<&Landing> {
        self.landings.current()
    }

    pub(crate) fn landing_answered(
        &mut self,
        world: &mut World,
        to: &str,
        result: &Result<Outcome, Rejected>,
        still: bool,
    ) {
        if self.leading.is_none() {
            return;
        }
        match self.landings.answered(world, (self.index, self.life), to, result, still) {
            Answered::Nothing => {}
            Answered::Ended => self.soon(world, world.now + 1, Event::LandingEnded),
            Answered::Crashes => {
                world.crashes += 1;
                world.say(format!("foreman {} dies", self.index));
                self.leave(world);
            }
        }
    }
}
