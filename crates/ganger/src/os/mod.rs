//! Everything that depends on the operating system: files, locks, signals, clocks, child processes, the process table.
//!
//! Written for Linux. On other Unix systems all of this compiles; what needs Linux's `/proc` is in `table/` and says
//! at run time that it is not supported. A port to macOS is a third file beside `table/linux.rs`. It is untested.

mod blocking;
mod clock;
mod confine;
pub(crate) mod crash;
mod files;
mod foreign;
mod groups;
mod joining;
mod leftovers;
mod lines;
mod orphans;
mod pauses;
mod process;
mod recording;
mod signals;
mod sweep;
mod table;
mod terminal;

pub(crate) use blocking::{at_low_priority, block_in_place, blocking, check_may_block};
pub(crate) use clock::{SteadyClock, awake_ms, now_ms};
pub(crate) use confine::{
    Confinement, DEVICES, Enforced, SECRETS_OF_ETC, SHARED_MEMORY, SYSTEM_READ, can_connect_to, can_read_environment,
    exec, exec_confined, is_deprived, listen_at, run_confined,
};
pub(crate) use files::{
    copy_tree, copy_with_time, files_at, files_below, files_in, is_at, lock, make_private_folder, open_private,
    path_of, record_lock_holder, remove_tree, symlink, sync, sync_file_system, try_lock, try_record_lock,
    write_durable, write_private, write_program,
};
pub(crate) use foreign::{holds, read_linked, read_linked_text, read_regular, read_text, tail};
pub(crate) use groups::try_groups;
pub(crate) use joining::expect_starts;
pub(crate) use leftovers::{end_processes, tool_processes};
pub(crate) use lines::{CappedLines, LONGEST_MESSAGE, Line, Lines, ServerEvents};
pub(crate) use orphans::{Adopted, AtWork, adopt_orphans, end_orphans, mark_own};
pub(crate) use pauses::Pauses;
pub(crate) use process::{
    Spawn, ask_group_to_end, credentials, describe_program, end_with_parent, environment_for_commands, find_program,
    interrupt_group, is_credential, kill_group, leave_session, machine_name, may_signal, own_group, parent,
    place_of_program, program_on_path, terminate_group, was_interrupted,
};
pub(crate) use recording::{LEFT_OUT, LastLine, Recording};
pub(crate) use signals::{StopSignal, StopSignals};
pub(crate) use sweep::{
    GUARD_LOOKS_EVERY, MARKER_ATTEMPT, MARKER_HOST, STOPPING_LIMIT, Target, ancestors_have_marker, attempts_behind,
    cpu_ticks, has_ancestor, is_alive_with, is_in_use, sweep, sweep_while,
};
pub(crate) use table::check_supported;
pub(crate) use terminal::{KeyReader, restore_echo, terminal_columns, turn_echo_off};

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where this program lies, as it was at its start: the kernel calls it deleted once it was replaced by an update.
pub(crate) fn own_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::current_exe().unwrap_or_else(|_| "ganger".into()))
}

/// For servers on this machine: whatever proxy is configured has no business between.
pub(crate) fn loopback_client() -> reqwest::Client {
    let built = reqwest::Client::builder().no_proxy().build();
    built.unwrap_or_else(|error| panic!("an HTTP client could not be made: {error}"))
}

/// One word of a shell's command line.
pub(crate) fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
