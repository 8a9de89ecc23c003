//! Which agent a ticket gets that names none. It is decided when the ticket comes, and again when it is edited, or the
//! routes are others, before anybody has worked on it.

use super::calls;
use crate::mutant::mutant;
use crate::rules::routing::{PARTS, Router, TYPE};
use crate::{Event, Kind, Policy, Route, Routing, RoutingReason, State, Ticket, TicketId, TicketSpec};

/// Whether a route may say who works on it. Calls and entries name their agents, goals and contests have none.
fn is_routed(spec: &TicketSpec) -> bool {
    spec.agent.is_none() && matches!(spec.kind, Kind::Change | Kind::Join)
}

/// The first part of work for two routes, as a ticket of its own before the other part. That keeps the id, for others may
/// depend on it, and the definition of done of the whole.
pub(super) struct FirstPart {
    pub(super) id: TicketId,
    pub(super) spec: TicketSpec,
    /// How it is routed.
    pub(super) routed: Event,
    /// What the other part asks for.
    pub(super) other: TicketSpec,
    /// How that is routed.
    pub(super) other_routed: Event,
}

/// New tickets, of which there may be many.
pub(super) struct Intake<'a> {
    state: &'a State,
    /// None in a project without routes: nothing is to be said there.
    router: Option<Router<'a>>,
}

impl<'a> Intake<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        Self { state, router: (!state.policy.routes.is_empty()).then(|| Router::of(&state.policy)) }
    }

    /// The fact that a ticket is routed.
    pub(super) fn routed(&self, id: &TicketId, spec: &TicketSpec) -> Option<Event> {
        let router = self.router.as_ref().filter(|_| is_routed(spec))?;
        Some(routed(id, router.route(spec)))
    }

    /// The parts of a ticket, where it needs two.
    /// `is_taken` says which ids come with it.
    pub(super) fn in_parts(
        &self,
        id: &TicketId,
        spec: &TicketSpec,
        is_taken: impl Fn(&TicketId) -> bool,
    ) -> Option<FirstPart> {
        let router = self.router.as_ref().filter(|_| is_routed(spec))?;
        let [first, second] = router.parts(spec)?;
        let named = |number: u32| match number {
            1 => calls::id_below(id, PARTS[0]),
            n => calls::id_below(id, &format!("{}{n}", PARTS[0])),
        };
        let part = (1..)
            .map(named)
            .find(|id| !self.state.tickets.contains_key(id) && !is_taken(id))
            .unwrap_or_else(|| named(1));
        let files_but_of = |route: &Route| -> Vec<String> {
            spec.files.iter().filter(|file| !router.is_only_for(file, route)).cloned().collect()
        };
        let mut metadata = spec.metadata.clone();
        metadata.insert(TYPE.to_owned(), PARTS[0].to_owned());
        // By this an import finds the ticket again.
        metadata.remove("importedFrom");
        let said = format!("This is the {} part; {id} is the {} part and comes after it.", PARTS[0], PARTS[1]);
        let before = TicketSpec {
            title: format!("{} ({})", spec.title, PARTS[0]),
            description: format!("{}\n\n{said}", spec.description.trim_end()).trim_start().to_owned(),
            parent: Some(id.clone()),
            done: Vec::new(),
            checks: Vec::new(),
            // Half of it each.
            estimated_tokens: spec.estimated_tokens.map(|tokens| tokens / 2),
            files: files_but_of(second),
            metadata,
            ..spec.clone()
        };
        let other = TicketSpec {
            after: spec.after.iter().cloned().chain([part.clone()]).collect(),
            files: files_but_of(first),
            estimated_tokens: spec.estimated_tokens.map(|tokens| tokens.div_ceil(2)),
            ..spec.clone()
        };
        let (to_first, to_second) =
            (part_of(&first.agent, &first.name, id), part_of(&second.agent, &second.name, &part));
        let (routed, other_routed) = (routed(&part, to_first), routed(id, to_second));
        Some(FirstPart { id: part, spec: before, routed, other, other_routed })
    }
}

fn part_of(agent: &str, route: &str, other: &TicketId) -> Routing {
    let why = RoutingReason::Part { route: route.to_owned(), other: other.clone() };
    Routing { agent: agent.to_owned(), why }
}

fn routed(id: &TicketId, routing: Routing) -> Event {
    Event::TicketRouted { ticket: id.clone(), routing }
}

/// The same ticket with another text.
pub(super) fn again(state: &State, id: &TicketId, ticket: &Ticket, spec: &TicketSpec) -> Option<Event> {
    routed_again(&state.policy, &Router::of(&state.policy), (id, ticket), spec)
}

/// The next agent after one that cannot do it: of those whose routes match, the best that did not say the same.
pub(super) fn to_next(state: &State, id: &TicketId, ticket: &Ticket, blocked: &str) -> Option<Event> {
    let known = |agent: &str| agent == blocked || ticket.blocked.iter().any(|blocker| blocker.agent == agent);
    let is_blocked = |agent: &str| mutant!(BlockedAskedAgain, known(agent), false);
    let can = |agent: &str| state.policy.agents.contains_key(agent) && !is_blocked(agent);
    let mut matching = Router::of(&state.policy).matching(&ticket.spec).into_iter();
    let routing = matching.find(|routing| is_routed(&ticket.spec) && can(&routing.agent))?;
    Some(routed(id, routing))
}

/// Every ticket that other routes change.
pub(super) fn by_other_routes(state: &State, policy: &Policy) -> Vec<Event> {
    if state.policy.routes == policy.routes {
        return Vec::new();
    }
    let router = Router::of(policy);
    let open = state.tickets.iter().filter(|(_, ticket)| !ticket.phase.is_final());
    open.filter_map(|found| routed_again(policy, &router, found, &found.1.spec)).collect()
}

fn routed_again(
    policy: &Policy,
    router: &Router<'_>,
    (id, ticket): (&TicketId, &Ticket),
    spec: &TicketSpec,
) -> Option<Event> {
    let is_part = ticket.routed.as_ref().is_some_and(|routed| matches!(routed.why, RoutingReason::Part { .. }));
    let is_of_routes = !policy.routes.is_empty() || ticket.routed.is_some();
    if mutant!(RoutedAfterWork, ticket.attempts > 0, false) || is_part || !is_of_routes || !is_routed(spec) {
        return None;
    }
    let routing = router.route(spec);
    (ticket.routed.as_ref() != Some(&routing)).then(|| routed(id, routing))
}
