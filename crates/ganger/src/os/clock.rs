//! A clock that does not jump.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of this machine's time awake: after a night's sleep no process was silent. The same for all processes.
pub(crate) fn awake_ms() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000).unwrap_or(0)
}
