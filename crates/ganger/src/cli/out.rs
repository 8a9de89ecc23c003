//! Output: data to stdout, talk to stderr, colours only where they are wanted.

use crate::board::shapes::{self, reported, versioned};
use crate::failure::Failure;
use crate::secrets;
use crate::text::{is_harmful, shown};
use ganger_engine::Usage;
use indicatif::MultiProgress;
use owo_colors::OwoColorize;
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A line of data.
macro_rules! data {
    ($($arg:tt)*) => { $crate::cli::out::print_line(format_args!($($arg)*)) };
}
pub(super) use data;

/// A line of talk.
macro_rules! talk {
    ($($arg:tt)*) => { $crate::cli::out::say_line(format_args!($($arg)*)) };
}
pub(super) use talk;

/// The first error of stdout. Whoever reads it may go away (`| head`): that ends the output, and nothing else.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Behind [`data!`].
pub(super) fn print_line(line: std::fmt::Arguments<'_>) {
    if LOST.get().is_none()
        && let Err(e) = writeln!(anstream::stdout(), "{}", shown(&line.to_string()))
    {
        // Another thread may have met it first.
        let _known = LOST.set(e);
    }
}

/// The lanes of a live view, while there are any: they draw over what is written beside them.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// From now on what is said goes above these lanes; `None`: there are none.
pub(super) fn share_screen(screen: Option<MultiProgress>) {
    *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = screen;
}

/// Behind [`talk!`].
pub(super) fn say_line(line: std::fmt::Arguments<'_>) {
    let line = line.to_string();
    // A key's echo is painted over by lanes, and else gets a line of its own.
    let line = if has_lanes() { line.trim_start_matches('\n') } else { &line };
    say(format_args!("{}", shown(line)));
}

fn has_lanes() -> bool {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// A line of talk behind a word in colours, which are ours: none of the text's own reach the terminal.
fn say_marked(mark: impl Display, text: &str) {
    say(format_args!("{mark} {}", shown(text)));
}

fn say(line: std::fmt::Arguments<'_>) {
    let write = || {
        let _closed = writeln!(anstream::stderr(), "{line}");
    };
    match SCREEN.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        Some(screen) => screen.suspend(write),
        None => write(),
    }
}

/// Whether nobody can read stdout any more.
pub(super) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// What was printed arrived, or its reader had enough of it.
///
/// # Errors
/// When output was lost for another reason, such as a full disk.
pub(super) fn check() -> Result<(), Failure> {
    match LOST.get() {
        Some(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!("cannot write to stdout: {e}"))),
        _ => Ok(()),
    }
}

/// What, why, and what to do about it.
pub(super) fn failure(failure: &Failure, as_json: bool) {
    if as_json && let Ok(text) = serde_json::to_string(&versioned(shapes::Failed::from(failure))) {
        return talk!("{}", escaped(&text));
    }
    say_marked("error:".red().bold(), &failure.message);
    if let Some(text) = &failure.hint {
        hint(text);
    }
}

pub(super) fn hint(text: &str) {
    say_marked("hint:".cyan().bold(), text);
}

/// A wait that is longer is named.
const LONG: Duration = Duration::from_secs(2);

/// Waits, and says what for when it takes long.
pub(super) async fn waiting_for<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::pin!(wait);
    match tokio::time::timeout(LONG, &mut wait).await {
        Ok(done) => done,
        Err(_elapsed) => {
            talk!("Waiting for {what}…");
            wait.await
        }
    }
}

/// Pretty JSON on stdout.
pub(super) fn json(shape: impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&versioned(shape)).map_err(|e| Failure::failed(e.to_string()))?;
    data!("{}", escaped(&text));
    Ok(())
}

/// Pretty JSON on stdout, written while it is made.
pub(super) fn stream_json(shape: impl Serialize) -> Result<(), Failure> {
    let mut out = Escaping::new(std::io::BufWriter::new(anstream::stdout()));
    let written = serde_json::to_writer_pretty(&mut out, &versioned(shape));
    let written = written.map_err(|e| if e.is_io() { std::io::Error::from(e) } else { std::io::Error::other(e) });
    match written.and_then(|()| writeln!(out)).and_then(|()| out.flush()) {
        // Its reader had enough of it.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Failure::failed(format!("cannot write the board: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// JSON that is the same to a program and does nothing to a terminal: what would act on it, or hide, can only stand in
/// strings, and is written there by its number.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`escaped`], and without secrets, for what is written while it is made.
struct Escaping<W> {
    out: W,
    secrets: secrets::Stream,
}

impl<W: Write> Escaping<W> {
    fn new(out: W) -> Self {
        Self { out, secrets: secrets::Stream::default() }
    }

    fn pass_on(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.chars().any(is_harmful) => self.out.write_all(escaped(text).as_bytes()),
            _ => self.out.write_all(bytes),
        }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let ready = self.secrets.push(bytes);
        self.pass_on(&ready)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let rest = self.secrets.finish();
        self.pass_on(&rest)?;
        self.out.flush()
    }
}

/// A shape as one line of JSON on stdout.
pub(super) fn json_line(shape: impl Serialize) {
    match serde_json::to_string(&versioned(shape)) {
        Ok(text) => data!("{}", escaped(&text)),
        Err(e) => talk!("warning: a line cannot be shown as JSON: {e}"),
    }
}

pub(super) use crate::text::{clock, counted};

/// How long, in the two largest units.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..=59 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago something was.
pub(super) fn ago(ms: u64) -> String {
    if ms < 1_000 { "just now".to_owned() } else { format!("{} ago", span(ms)) }
}

/// `You have 2 cards waiting`.
pub(super) fn cards_wait(n: usize) -> String {
    format!("You have {} waiting", counted(n, "card"))
}

/// `12.3k` and the like.
pub(super) fn count(n: u64) -> String {
    match n {
        0..=9_999 => n.to_string(),
        10_000..=999_999 => format!("{}.{}k", n / 1000, n % 1000 / 100),
        _ => format!("{}.{}M", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}

/// What nobody reported is no zero.
pub(super) fn tokens(usage: &Usage) -> String {
    match reported(usage) {
        Some(usage) => format!("{} tokens", count(usage.tokens())),
        None => "tokens not reported".to_owned(),
    }
}

/// Money in millionths of a dollar, where somebody reported it.
pub(super) fn money(micro_usd: Option<u64>) -> String {
    // Some report nothing as zero, for models without a price.
    micro_usd.filter(|m| *m > 0).map_or_else(|| "cost not reported".to_owned(), |m| format!("${:.4}", m as f64 / 1e6))
}

/// A table with columns as wide as their longest cell; the last one is not padded.
pub(super) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if i + 1 < row.len() {
                let padding = widths[i] - cell.chars().count();
                text.extend(std::iter::repeat_n(' ', padding + 2));
            }
        }
        text.push('\n');
    }
    if !rows.is_empty() {
        data!("{}", text.trim_end_matches('\n'));
    }
}

#[cfg(test)]
mod tests {
    use super::{Escaping, escaped};
    use std::io::Write;

    #[test]
    fn json_is_the_same_to_a_program_and_does_nothing_to_a_terminal() {
        let value = serde_json::json!({"a": "esc \u{1b}[31m\u{9b}2J\u{202e} 👩\u{200d}👧 \u{e0041}\n", "\u{7f}": 1});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = escaped(&text);
        assert!(!shown.chars().any(|c| c != '\n' && crate::text::is_harmful(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        let mut streamed = Escaping::new(Vec::new());
        serde_json::to_writer_pretty(&mut streamed, &value).unwrap();
        streamed.flush().unwrap();
        assert_eq!(String::from_utf8(streamed.out).unwrap(), shown);
    }
}
