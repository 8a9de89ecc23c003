//! What an import would make: each ticket with everything that it will have.

use super::Work;
use crate::cli::out::{counted, data, talk};
use crate::text;
use ganger_engine::rules::routing::Router;
use ganger_engine::{Kind, NewTicket, Policy, Routing, TicketId};

pub(super) fn show(work: &[Work], policy: &Policy) {
    let router = Router::of(policy);
    for Work { ticket, place, is_known, .. } in work {
        let id = ticket.id.as_ref().map_or("(new id)", TicketId::as_str);
        let update = if *is_known { ", on the board already" } else { "" };
        data!("{id}  {}  ({place}{update})", text::line(&ticket.spec.title, 80));
        fields(ticket, &agent_of(ticket, policy, &router))
            .iter()
            .for_each(|(name, value)| data!("    {name:<12} {value}"));
    }
    talk!("Read {}; nothing was changed.", counted(work.len(), "ticket"));
}

/// The one that it names, or would get.
fn agent_of(ticket: &NewTicket, policy: &Policy, router: &Router<'_>) -> String {
    if let Some(named) = &ticket.spec.agent {
        return named.clone();
    }
    let Routing { agent, why } = router.route(&ticket.spec);
    match why {
        _ if agent.is_empty() => "none is configured".to_owned(),
        _ if policy.routes.is_empty() => format!("{agent} (the default)"),
        why => format!("{agent} ({why})"),
    }
}

fn fields(ticket: &NewTicket, agent: &str) -> Vec<(&'static str, String)> {
    let spec = &ticket.spec;
    let mut fields = vec![("priority", spec.priority.as_str().to_owned())];
    fields.push(match spec.kind {
        Kind::Goal => ("goal", "its pipeline makes tickets of it".to_owned()),
        Kind::Contest => ("contest", spec.contest.join(", ")),
        _ => ("agent", agent.to_owned()),
    });
    let after: Vec<&str> = spec.after.iter().map(TicketId::as_str).collect();
    let lists = [("after", after.join(", ")), ("files", spec.files.join(", ")), ("labels", spec.labels.join(", "))];
    fields.extend(lists.into_iter().filter(|(_, value)| !value.is_empty()));
    fields.extend(spec.done.iter().map(|item| ("done", text::line(item, 120))));
    fields.extend(spec.links.iter().map(|link| ("link", text::line(link, 120))));
    fields.extend(spec.estimated_tokens.map(|tokens| ("tokens", tokens.to_string())));
    let metadata = spec.metadata.iter().map(|(key, value)| format!("{key}={}", text::line(value, 60)));
    let metadata = metadata.collect::<Vec<_>>().join(", ");
    if !metadata.is_empty() {
        fields.push(("metadata", metadata));
    }
    let lines = spec.description.lines().filter(|l| !l.trim().is_empty()).count();
    if let Some(first) = spec.description.lines().find(|l| !l.trim().is_empty()) {
        let more = if lines > 1 { format!(" … ({})", counted(lines, "line")) } else { String::new() };
        fields.push(("description", format!("{}{more}", text::line(first, 80))));
    }
    fields
}
