//! Joining a control group quickly. The kernel moves a process into a group after a grace period, 10 ms and more, unless
//! it moved another one a few milliseconds ago. Where an agent is about to start, one is therefore moved again and
//! again: this process itself, to where it is.

use super::groups::{PROCESSES, mount, own_below};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a start is waited for.
const HORIZON: Duration = Duration::from_secs(1);
/// Shorter than any grace period.
const BEAT: Duration = Duration::from_millis(4);

/// Until when starts are expected, while the thread runs.
static UNTIL: Mutex<Option<Instant>> = Mutex::new(None);

/// An agent or a gate will probably start within a second.
pub(crate) fn expect_starts() {
    let mut until = UNTIL.lock().unwrap_or_else(PoisonError::into_inner);
    let is_running = until.replace(Instant::now() + HORIZON).is_some();
    if !is_running && std::thread::Builder::new().name("joining".to_owned()).spawn(keep_ready).is_err() {
        *until = None;
    }
}

fn keep_ready() {
    let mount = mount();
    loop {
        // Where it may not, no group is made either.
        let own = mount.as_deref().and_then(own_below);
        let moved = own.is_some_and(|own| std::fs::write(own.join(PROCESSES), "0").is_ok());
        std::thread::sleep(BEAT);
        let mut until = UNTIL.lock().unwrap_or_else(PoisonError::into_inner);
        if !moved || until.is_none_or(|until| until < Instant::now()) {
            *until = None;
            return;
        }
    }
}
