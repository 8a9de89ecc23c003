//! The streams with their subjects, and how long each is kept.

use ganger_bus::{Bus, BusError, Durability, StreamConfig};
use ganger_engine::{AttemptId, HostId, TicketId};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const JOURNAL: &str = "JOURNAL";
pub(crate) const CONTROL: &str = "CONTROL";
pub(crate) const RESULTS: &str = "RESULTS";
pub(crate) const ERRORS: &str = "ERRORS";
pub(crate) const ACTIVITY: &str = "ACTIVITY";

/// Where inputs of the foreman go.
pub(crate) const FOREMAN: &str = "control.foreman";
/// Dead letters of everybody.
pub(crate) const DEAD_LETTERS: &str = "errors.wire.>";

/// Subject for messages to a host.
pub(crate) fn host_subject(host: &HostId) -> String {
    format!("control.host.{host}")
}

/// Subject for the answers to one correspondent of the foreman.
pub(crate) fn reply_subject(name: &str) -> String {
    format!("control.reply.{name}")
}

/// Subject for what an attempt came to.
pub(crate) fn result_subject(agent: &str, ticket: &TicketId) -> String {
    format!("results.{agent}.{ticket}")
}

/// Subject for what a host found out about a ticket.
pub(crate) fn evidence_subject(host: &HostId, ticket: &TicketId) -> String {
    format!("evidence.{host}.{ticket}")
}

/// Subject for what an attempt does.
pub(crate) fn activity_subject(attempt: &AttemptId) -> String {
    format!("activity.{attempt}")
}

/// Subject for what one reader could not read.
pub(super) fn dead_letter_subject(reader: &str) -> String {
    format!("errors.wire.{reader}")
}

/// Makes all streams known.
pub(crate) async fn declare_streams(bus: &Arc<dyn Bus>) -> Result<(), BusError> {
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    let stream = |name: &str, subjects: &[&str], max_age, max_messages, durability| StreamConfig {
        name: name.to_owned(),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        max_age,
        max_messages,
        durability,
    };
    use Durability::{Power, Process};
    for config in [
        stream(JOURNAL, &["journal.record"], None, None, Power),
        // Commands wait for their outcome and everything else on it is derived from the state again:
        // it needs to survive processes, not power (docs/bus.md).
        stream(CONTROL, &["control.>"], days(1), None, Process),
        stream("REQUIREMENTS", &["requirements.>"], days(30), None, Power),
        stream(RESULTS, &["results.>", "evidence.>"], days(90), None, Power),
        stream(ERRORS, &["errors.>"], days(30), None, Power),
        stream("INTEGRATION", &["integration.>"], days(30), None, Power),
        stream(ACTIVITY, &["activity.>"], days(7), Some(500_000), Process),
    ] {
        bus.declare(config).await?;
    }
    Ok(())
}
