//! The terminal of a person: its width, and its echo.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{stderr, stdin};
use std::sync::{Mutex, PoisonError};

/// How many columns the terminal behind stderr has; `None` without one.
pub(crate) fn terminal_columns() -> Option<usize> {
    let size = tcgetwinsize(stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// How the terminal was before its echo was turned off.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Keys are not shown while lines are drawn over: the echo of a key would move the cursor, and the next drawing would
/// leave a copy of the last one. Signals come as before.
pub(crate) fn turn_echo_off() {
    let Ok(now) = tcgetattr(stdin()) else { return };
    let mut quiet = now.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
    // Not in the foreground, it would stop us.
    if rustix::termios::tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
        && tcsetattr(stdin(), OptionalActions::Now, &quiet).is_ok()
    {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// Makes the terminal what it was.
pub(crate) fn restore_echo() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _gone = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}
