//! The terminal of a person: its width, its echo, and its keys.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{stderr, stdin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

/// How many columns the terminal behind stderr has; `None` without one.
pub(crate) fn terminal_columns() -> Option<usize> {
    let size = tcgetwinsize(stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// How the terminal was before its echo was turned off.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Keys are not shown while lines are drawn over: the echo of a key would move the cursor, and the next drawing would
/// leave a copy of the last one. Signals come as before. With `keys` they can be read one by one.
pub(crate) fn turn_echo_off(keys: bool) {
    let Ok(now) = tcgetattr(stdin()) else { return };
    let quiet = quiet(&now, keys);
    restore_when_panicking();
    // Not in the foreground, it would stop us.
    if is_in_foreground() && tcsetattr(stdin(), OptionalActions::Now, &quiet).is_ok() {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

fn quiet(now: &Termios, keys: bool) -> Termios {
    let mut quiet = now.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
    if keys {
        quiet.local_modes.remove(LocalModes::ICANON);
        // A read does not wait for more.
        quiet.special_codes[SpecialCodeIndex::VMIN] = 0;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    }
    quiet
}

/// Whether keys can be read: echo was turned off, and a read would not stop us in the background. A shell may have set the
/// terminal to whole lines while we were stopped (Ctrl-Z, then `fg`): that is undone.
fn has_keys() -> bool {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if before.is_none() || !is_in_foreground() {
        return false;
    }
    if let Ok(now) = tcgetattr(stdin())
        && now.local_modes.contains(LocalModes::ICANON)
    {
        let _gone = tcsetattr(stdin(), OptionalActions::Now, &quiet(&now, true));
    }
    true
}

fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Makes the terminal what it was.
pub(crate) fn restore_echo() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _gone = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Whatever panics in whatever thread: the shell that follows must see what is typed.
fn restore_when_panicking() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore_echo();
            before(panic);
        }));
    });
}

/// Reads keys in a thread of its own, until it is dropped.
pub(crate) struct KeyReader {
    ended: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl KeyReader {
    /// `each` gets what was typed at once, and says whether anybody still listens.
    pub(crate) fn start(each: impl Fn(&[u8]) -> bool + Send + 'static) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = std::thread::Builder::new().name("keys".to_owned());
        let thread = thread.spawn(move || read_keys(&is_ended, each))?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for KeyReader {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // At most one tick.
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

const WAIT: Duration = Duration::from_millis(100);
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

fn read_keys(ended: &AtomicBool, each: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 256];
    while !ended.load(Ordering::Relaxed) {
        if !has_keys() {
            std::thread::sleep(WAIT);
            continue;
        }
        // A read has no end where the terminal has whole lines.
        let stdin = stdin();
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&TICK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match rustix::io::read(&stdin, &mut bytes) {
            // Nobody can type there any more.
            Ok(0) => std::thread::sleep(WAIT),
            Err(Errno::INTR) => {}
            Ok(length) if each(&bytes[..length]) => {}
            _ => return,
        }
    }
}
