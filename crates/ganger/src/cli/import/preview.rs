//! What an import would make: each ticket with everything that it will have.

use super::Work;
use crate::cli::out::{counted, data, talk};
use crate::text;
use ganger_engine::{Kind, NewTicket, TicketId};

pub(super) fn show(work: &[Work], default_agent: Option<&str>) {
    for Work { ticket, place, is_known, .. } in work {
        let id = ticket.id.as_ref().map_or("(new id)", TicketId::as_str);
        let update = if *is_known { ", on the board already" } else { "" };
        data!("{id}  {}  ({place}{update})", text::line(&ticket.spec.title, 80));
        fields(ticket, default_agent).iter().for_each(|(name, value)| data!("    {name:<12} {value}"));
    }
    talk!("Read {}; nothing was changed.", counted(work.len(), "ticket"));
}

fn fields(ticket: &NewTicket, default_agent: Option<&str>) -> Vec<(&'static str, String)> {
    let spec = &ticket.spec;
    let mut fields = vec![("priority", spec.priority.as_str().to_owned())];
    let default = || default_agent.map_or("none is configured".to_owned(), |name| format!("{name} (the default)"));
    fields.push(match spec.kind {
        Kind::Goal => ("goal", "its pipeline makes tickets of it".to_owned()),
        Kind::Contest => ("contest", spec.contest.join(", ")),
        _ => ("agent", spec.agent.clone().unwrap_or_else(default)),
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
