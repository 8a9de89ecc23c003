//! Looking at processes, and ending them by their id.

use std::time::{Duration, Instant};

/// Waits until something is so. The limit only bounds a failing test.
#[track_caller]
pub(crate) fn wait_until(what: &str, limit: Duration, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < limit, "still waiting after {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal by number: 9 kills, 19 stops, 18 lets go on.
pub(crate) fn kill(pid: i32, signal: i32) {
    // The process may just have ended by itself.
    let _gone = std::process::Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
}

/// Processes (not zombies) whose environment holds an entry with this beginning and which run a program
/// whose command line holds `words`.
pub(crate) fn alive_with(entry: &str, words: &str) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let marked = environment.split(|b| *b == 0).any(|e| e.starts_with(entry.as_bytes()));
        marked && command.contains(words) && !command.is_empty()
    })
    .collect()
}
