//! What a setup or a gate printed last, for screens: the log has all of it.

use crate::text;
use crate::wire::{self, Activity, ActivityKind, activity_subject};
use ganger_bus::Bus;
use ganger_engine::{AttemptId, TicketId};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Nobody reads faster, and each line is stored.
const EVERY: Duration = Duration::from_secs(1);
/// What of a line is shown on the widest screen.
const LONGEST: usize = 300;

/// Publishes what runs, and the last line of it, for as long as it is awaited.
pub(super) async fn publish_last_line(
    bus: &Arc<dyn Bus>,
    ticket: &TicketId,
    what: &str,
    mut line: watch::Receiver<String>,
) -> Infallible {
    let attempt = AttemptId::new(format!("{ticket}-output"));
    let mut words = what.to_owned();
    loop {
        let activity = Activity::now(ticket, &attempt, ActivityKind::Output, &words);
        let _lost = wire::publish(bus, activity_subject(&attempt), &activity, None).await;
        tokio::time::sleep(EVERY).await;
        if line.changed().await.is_err() {
            // Nothing more is printed; whoever awaits this ends it.
            std::future::pending::<()>().await;
        }
        words = format!("{what} · {}", text::line(&line.borrow_and_update(), LONGEST));
    }
}
