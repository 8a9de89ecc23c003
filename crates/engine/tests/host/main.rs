//! The host machine: what it takes from the foreman, and when not.

mod verifying;

use ganger_engine::host::{Action, Event, Machine, Question, Setup};
use ganger_engine::{HostId, HostReport, Input, Order, Outcome};
use std::collections::BTreeSet;

const LEASE: u64 = 10_000;

fn machine() -> Machine {
    let report = HostReport {
        incarnation: "i-1".into(),
        lease: 0,
        slots: 2,
        runtimes: BTreeSet::new(),
        labels: BTreeSet::new(),
        toolchain: "tc".into(),
    };
    Machine::new(Setup { id: HostId::from("h"), report, lease_ms: LEASE }, 0)
}

fn order(attempts: u32, lease: u64) -> Event {
    Event::Order(Order::Retire { ticket: "T-1".into(), attempts, incarnation: "i-1".into(), lease })
}

fn retires(machine: &mut Machine, now: u64, order: Event) -> bool {
    machine.handle(now, order).iter().any(|a| matches!(a, Action::Retire(_)))
}

/// While a host slept its tickets were given to others, who may share the clone with it: the order to remove a workspace
/// may have waited for it meanwhile.
#[test]
fn what_was_ordered_before_a_lost_lease_removes_no_workspace() {
    assert!(retires(&mut machine(), 1, order(1, 0)));
    let mut slept = machine();
    let woke = LEASE + 5_000;
    slept.handle(woke, Event::Tick);
    let answered = Event::Reply { question: Question::Report { sent: woke }, outcome: Some(Ok(Outcome::Done)) };
    slept.handle(woke + 1, answered);
    assert!(!retires(&mut slept, woke + 2, order(1, 0)), "the order is older than the lease");
    assert!(retires(&mut slept, woke + 3, order(1, 1)));

    // It asked for a lease, was ordered to, and slept again before it had the answer.
    let mut twice = machine();
    twice.handle(woke, Event::Tick);
    let woke = woke + 2 * LEASE;
    twice.handle(woke, Event::Tick);
    let answered = Event::Reply { question: Question::Report { sent: woke }, outcome: Some(Ok(Outcome::Done)) };
    twice.handle(woke + 1, answered);
    assert!(!retires(&mut twice, woke + 2, order(1, 1)), "the order is older than the lease");
}

/// An order that comes twice must not remove what another host has begun meanwhile; its result is told again, for the
/// first word may have been lost.
#[test]
fn a_workspace_is_removed_once_after_each_attempt() {
    let mut machine = machine();
    assert!(retires(&mut machine, 1, order(1, 0)));
    machine.handle(2, Event::Retired { ticket: "T-1".into(), result: Ok(()) });
    let again = machine.handle(3, order(1, 0));
    assert!(
        matches!(&again[..], [Action::Tell(told)] if matches!(told.input, Input::WorkspaceRemoved { .. })),
        "{again:?}"
    );
    assert!(retires(&mut machine, 4, order(2, 0)), "another attempt has worked in it");
}
