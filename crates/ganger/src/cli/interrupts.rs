//! Signals of a run. Ctrl-C once drains, twice stops; both keep everything. A stop has a deadline: whatever the run
//! waits for then, be it a service, a file system or a program, the process exits, and the guard ends what it started.
//!
//! This lives in a thread with an event loop of its own: when every thread of the run is held up, it still hears.

use super::out::talk;
use crate::failure::{Exit, Failure};
use crate::{git, os};
use ganger_engine::foreman::Stop;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long the orderly end of a run may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a stop waits for git, which may be adding a huge file or asking a silent remote.
const GIT_GRACE: Duration = Duration::from_secs(5);

/// Hears signals until it is dropped.
pub(super) struct Interrupts {
    _end: oneshot::Sender<()>,
}

impl Interrupts {
    /// Sends what the signals ask for.
    pub(super) fn listen(stop: watch::Sender<Stop>) -> Result<Self, Failure> {
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    // The run is over; the other end was dropped.
                    _ = ended => {}
                    () = obey(&stop) => {}
                }
            });
        })?;
        Ok(Self { _end: end })
    }
}

async fn obey(stop: &watch::Sender<Stop>) {
    let mut signals = match os::StopSignals::listen() {
        Ok(signals) => signals,
        Err(e) => return talk!("warning: signals cannot be handled, so Ctrl-C ends the run at once: {e}"),
    };
    loop {
        let asked = match signals.next().await {
            os::StopSignal::Interrupt if *stop.borrow() == Stop::No => Stop::Drain,
            _ => Stop::Now,
        };
        // Nobody looks at it any more when the run has just ended.
        let _ended = stop.send(asked);
        if asked == Stop::Now {
            break;
        }
        talk!("\nNo new work starts, agents finish their turns. Ctrl-C again stops them now.");
    }
    talk!("\nStopping. Sessions, files and commits are kept.");
    tokio::time::sleep(GIT_GRACE).await;
    git::end_running_commands();
    tokio::time::sleep(DEADLINE - GIT_GRACE).await;
    talk!("warning: the run did not stop within {} s; its processes are being killed", DEADLINE.as_secs());
    os::restore_echo();
    std::process::exit(Exit::Interrupted as i32);
}
