//! What travels between foreman, hosts and commands. The same way on one machine as on many.

use ganger_bus::{Bus, BusError, Durability, Publish, StreamConfig};
use ganger_engine::{AttemptId, DecisionId, Envelope, HostId, Order, Outcome, Rejected, TicketId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const JOURNAL: &str = "JOURNAL";
pub(crate) const CONTROL: &str = "CONTROL";
pub(crate) const RESULTS: &str = "RESULTS";
pub(crate) const ACTIVITY: &str = "ACTIVITY";

/// An input on its way to the foreman.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToForeman {
    /// Subject for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// After this its sender does not wait any more, and it must not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    pub(crate) envelope: Envelope,
}

/// The sender of a command has given it up before its time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Withdrawal {
    /// The id of the envelope.
    pub(crate) withdraws: DecisionId,
}

/// The foreman's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) id: DecisionId,
    pub(crate) result: Result<Outcome, Rejected>,
}

/// Version of what travels.
pub(crate) const WIRE_VERSION: u32 = 1;

/// An order on its way to a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToHost {
    pub(crate) v: u32,
    #[serde(flatten)]
    pub(crate) order: Order,
}

/// One line of what an agent does, for screens and logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) at: u64,
    pub(crate) ticket: TicketId,
    pub(crate) attempt: AttemptId,
    pub(crate) kind: ActivityKind,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActivityKind {
    /// The session's status changed; the text is status and source.
    Status,
    /// The agent says.
    Say,
    /// A tool call began.
    Tool,
    /// A tool call ended; the text is the end of its output.
    ToolEnd,
    /// Tokens so far.
    Usage,
    /// Ganger says: worktree, prompt, permission, commit.
    Note,
    /// A gate's progress.
    Gate,
}

/// Subject for messages to a host.
pub(crate) fn host_subject(host: &HostId) -> String {
    format!("control.host.{host}")
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
        stream("ERRORS", &["errors.>"], days(30), None, Power),
        stream("INTEGRATION", &["integration.>"], days(30), None, Power),
        stream(ACTIVITY, &["activity.>"], days(7), Some(500_000), Process),
    ] {
        bus.declare(config).await?;
    }
    Ok(())
}

/// Publishes something as JSON.
pub(crate) async fn publish_json(
    bus: &Arc<dyn Bus>,
    subject: String,
    message: &impl Serialize,
    message_id: Option<String>,
) -> Result<(), BusError> {
    let payload = serde_json::to_vec(message).map_err(|e| BusError::Store(e.to_string()))?;
    let publish = Publish { subject, payload, message_id, expected_last: None };
    bus.publish(publish).await.map(|_| ())
}

/// Now, for stamps.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
