//! Which agent works on a ticket, and why that one.

use ganger_engine::{Kind, State, Ticket};
use schemars::JsonSchema;
use serde::Serialize;

/// Why a ticket has its agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Routing {
    /// The agent of the ticket.
    pub(crate) agent: String,
    /// The route that it took, where one matched.
    pub(crate) route: Option<String>,
    /// The subject of that route, where it has one.
    pub(crate) subject: Option<String>,
    /// Why, in a sentence.
    pub(crate) reason: String,
}

impl Routing {
    pub(crate) fn of(state: &State, ticket: &Ticket) -> Self {
        let route = ticket.routed.as_ref().and_then(|routed| routed.route());
        let known = route.and_then(|name| state.policy.routes.iter().find(|known| known.name == name));
        Self {
            agent: state.agent_of(ticket).to_owned(),
            route: route.map(str::to_owned),
            subject: known.map(|route| route.subject.clone()).filter(|subject| !subject.is_empty()),
            reason: reason(ticket),
        }
    }
}

/// Metadata that an import leaves.
const OF_A_FILE: [&str; 2] = ["importedFrom", "assignedAgent"];

fn reason(ticket: &Ticket) -> String {
    let spec = &ticket.spec;
    let parent = spec.parent.as_ref().map(ToString::to_string).unwrap_or_default();
    match (&ticket.routed, &spec.filed_by) {
        (Some(routed), _) => routed.why.to_string(),
        _ if spec.agent.is_none() && ticket.is_delegated() => "nobody works on it itself".to_owned(),
        _ if spec.agent.is_none() => "this project has no routes, so it is for the default agent".to_owned(),
        _ if spec.call.is_some() => format!("it was called for {parent}"),
        _ if spec.kind == Kind::Entry => format!("it competes in {parent}"),
        _ if spec.kind == Kind::Join => format!("it joins branches for {parent}"),
        _ if !parent.is_empty() => format!("named by the plan of {parent}"),
        (None, Some(by)) => format!("named by {}, which filed it", by.name),
        _ if OF_A_FILE.iter().any(|key| spec.metadata.contains_key(*key)) => "named by its file".to_owned(),
        _ => "named by you or its file".to_owned(),
    }
}
