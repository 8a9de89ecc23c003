//! Clocks: one that does not jump, and that of the wall.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime};

/// Milliseconds of this machine's time awake: after a night's sleep no process was silent. The same for all processes.
pub(crate) fn awake_ms() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000).unwrap_or(0)
}

/// Wall time that never jumps: as of the start, and from there by the monotonic clock.
pub(crate) struct SteadyClock {
    wall: u64,
    started: Instant,
}

impl SteadyClock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, milliseconds);
        Self { wall, started: Instant::now() }
    }

    /// In milliseconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.wall + milliseconds(self.started.elapsed())
    }

    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.started + Duration::from_millis(at.saturating_sub(self.wall))
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX / 4)
}

/// Now, for stamps that other machines and people read.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
