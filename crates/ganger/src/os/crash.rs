//! Named crash points: `GANGER_CRASH_AT=after-append:3` kills the process, as `kill -9` would, when the
//! point is passed for the third time; with `GANGER_CRASH_WHEN=FILE` not before there is that file. The recovery
//! tests drive every point; without the variable a point costs one look at a static.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

struct Armed {
    point: String,
    left: AtomicU32,
    when: Option<PathBuf>,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    let read = || {
        let wanted = std::env::var("GANGER_CRASH_AT").ok()?;
        let (point, nth) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some(Armed {
            point: point.to_owned(),
            left: AtomicU32::new(nth.parse().unwrap_or(1)),
            when: std::env::var_os("GANGER_CRASH_WHEN").map(PathBuf::from),
        })
    };
    ARMED.get_or_init(read).as_ref()
}

/// Dies here if this point is armed.
pub(crate) fn point(name: &str) {
    if let Some(armed) = armed()
        && armed.point == name
        && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        while armed.when.as_ref().is_some_and(|file| !file.exists()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        super::process::kill(i32::try_from(std::process::id()).unwrap_or(0));
    }
}
