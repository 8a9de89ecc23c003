//! The host machine: what it takes from the foreman, and when not.

use ganger_engine::host::{Action, Event, Machine, Question, Setup};
use ganger_engine::{HostId, HostReport, Order, Outcome};
use std::collections::BTreeSet;

const LEASE: u64 = 10_000;

fn machine() -> Machine {
    let report = HostReport {
        incarnation: "i-1".into(),
        leases_lost: 0,
        slots: 2,
        runtimes: BTreeSet::new(),
        labels: BTreeSet::new(),
        toolchain: "tc".into(),
    };
    Machine::new(Setup { id: HostId::from("h"), report, lease_ms: LEASE }, 0)
}

fn retires(machine: &mut Machine, now: u64, leases_lost: u64) -> bool {
    let order = Order::Retire { ticket: "T-1".into(), incarnation: "i-1".into(), leases_lost };
    machine.handle(now, Event::Order(order)).iter().any(|a| matches!(a, Action::Retire(_)))
}

/// While a host slept its tickets were given to others, who may share the clone with it: the order to remove a worktree
/// may have waited for it meanwhile.
#[test]
fn what_was_ordered_before_a_lost_lease_removes_no_worktree() {
    assert!(retires(&mut machine(), 1, 0));
    let mut slept = machine();
    let woke = LEASE + 5_000;
    slept.handle(woke, Event::Tick);
    let answered = Event::Reply { question: Question::Report { sent: woke }, outcome: Some(Ok(Outcome::Done)) };
    slept.handle(woke + 1, answered);
    assert!(!retires(&mut slept, woke + 2, 0), "the order is older than the lease");
    assert!(retires(&mut slept, woke + 3, 1));
}
