//! What a session wants done, as lines for people.

use ganger_engine::Input;
use ganger_engine::session::Action;

/// One line, not too long.
pub(super) fn short(text: &str) -> String {
    crate::text::line(text, 220)
}

/// Controls are shown as what they become for the runtime, and questions about nothing but the session not at all.
pub(super) fn line_of(action: &Action) -> Option<String> {
    let line = match action {
        Action::Note { kind, text } => format!("{}: {text}", format!("{kind:?}").to_lowercase()),
        Action::Ask { envelope, .. } | Action::Tell(envelope) => return input(&envelope.input),
        Action::AnswerHook { request_id, permission } => format!("hook {request_id}: {permission:?}"),
        Action::WriteSessionFile(session) => format!("session {session}"),
        Action::MeasureCpu => "measure cpu".to_owned(),
        Action::InspectProcesses => "inspect processes".to_owned(),
        Action::EndProcesses(processes) => format!("end {} processes", processes.len()),
        Action::End(end) => {
            let usage = end.usage;
            return Some(format!(
                "END {}; {} tokens in, {} out, {} read from the cache, {} written to it, {:?} micro-dollars",
                short(&format!("{:?}", end.end)),
                usage.input,
                usage.output,
                usage.cache_read,
                usage.cache_write,
                usage.micro_usd
            ));
        }
        Action::Control(_) | Action::WriteMission { .. } | Action::InspectWorkspace { .. } | Action::Prompted => {
            return None;
        }
    };
    Some(short(&line))
}

fn input(input: &Input) -> Option<String> {
    match input {
        Input::AskPermission { request_id, request, .. } => {
            Some(format!("permission asked: {} {} (request {request_id})", request.tool, request.subject))
        }
        Input::PermissionLapsed { request_id, why, .. } => Some(format!("request {request_id} lapsed: {why}")),
        Input::PermissionDelivered { request_id, .. } => Some(format!("request {request_id} was answered")),
        Input::Delivered { deliveries, evidence, .. } => Some(format!("delivered {deliveries:?} ({evidence:?})")),
        Input::Seen { deliveries, evidence, .. } => Some(format!("seen {deliveries:?} ({evidence})")),
        _ => None,
    }
}
