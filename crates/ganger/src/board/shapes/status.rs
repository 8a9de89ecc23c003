//! `ganger status --json`.

use super::{Reason, Routing, time};
use crate::board::Around;
use ganger_engine::{State, Ticket, TicketId, status_of};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The board at a glance.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// The number of the last record.
    pub(crate) record: u64,
    pub(crate) epoch: u64,
    /// The process that runs the project; absent when none does.
    pub(crate) run: Option<Run>,
    /// Tickets by status.
    pub(crate) counts: BTreeMap<&'static str, usize>,
    /// How many of the merged tickets were taken back.
    pub(crate) undone: usize,
    /// Hosts that were ever heard of.
    pub(crate) hosts: Vec<Host>,
    pub(crate) attempts: Vec<Attempt>,
    /// The tickets that the command shows: at most 20 that are neither merged nor closed. `ticket list` has all.
    pub(crate) tickets: Vec<Glance>,
    /// Tickets that could start, in the order of dispatch.
    pub(crate) ready: Vec<String>,
    /// How many cards wait for you.
    pub(crate) cards: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Host {
    pub(crate) host: String,
    /// Attempts that it runs at once; none while it ends.
    pub(crate) slots: u32,
    /// Whether its lease holds.
    pub(crate) alive: bool,
    /// One life of its process.
    pub(crate) incarnation: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Run {
    pub(crate) pid: Option<u32>,
    pub(crate) command: String,
}

/// An agent at work.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Attempt {
    pub(crate) attempt: String,
    pub(crate) ticket: String,
    pub(crate) agent: String,
    pub(crate) host: String,
    /// `offered`, `granted` or `lost`.
    pub(crate) stage: &'static str,
    pub(crate) session: Option<String>,
    /// The status of the session with its source.
    pub(crate) status: String,
    pub(crate) offered: String,
    /// `null` while the runtime has reported none.
    pub(crate) tokens: Option<u64>,
    /// The last thing it did, and when.
    pub(crate) doing: Option<String>,
    pub(crate) heard: Option<String>,
}

/// A ticket at a glance.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Glance {
    id: String,
    title: String,
    status: &'static str,
    /// When the status last changed.
    since: String,
    /// Which agent works on it, and why that one.
    routing: Routing,
    /// Why it does not start now; empty when it could.
    reasons: Vec<Reason>,
}

impl Glance {
    pub(crate) fn of(state: &State, id: &TicketId, ticket: &Ticket, around: &Around) -> Self {
        Self {
            id: id.to_string(),
            title: ticket.spec.title.clone(),
            status: status_of(state, id, ticket).as_str(),
            since: time(ticket.since),
            routing: Routing::of(state, ticket),
            reasons: around.causes(state, id).iter().map(Reason::of).collect(),
        }
    }
}
