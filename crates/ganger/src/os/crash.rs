//! Named crash points: `GANGER_CRASH_AT=after-append:3` kills the process, as `kill -9` would, when the
//! point is passed for the third time. The recovery tests drive every point; without the variable a
//! point costs one look at a static.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Armed {
    point: String,
    left: AtomicU32,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let read = || {
        let wanted = std::env::var("GANGER_CRASH_AT").ok()?;
        let (point, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some(Armed { point: point.to_owned(), left: AtomicU32::new(nth.parse().unwrap_or(1)) })
    };
    ARMED.get_or_init(read).as_ref()
}

/// Dies here if this point is armed.
pub(crate) fn point(name: &str) {
    if let Some(armed) = armed()
        && armed.point == name
        && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        let own = rustix::process::getpid();
        let _killed = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}
