//! The output of a program in a file that stays small: its beginning and its end, whatever it prints, without secrets.

use super::{blocking, foreign};
use crate::secrets::Stream;
use std::fs::File;
use std::io::{PipeWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// What stands in a recording where its middle is not.
pub(crate) const LEFT_OUT: &str = "bytes are left out here …";

/// What is kept of the beginning, and at least of the end.
const HEAD: u64 = 1 << 20;
const TAIL: u64 = 1 << 20;
/// How long output is waited for that was written before the end of a program. Whoever still holds the pipe then has
/// outlived it.
const REST: Duration = Duration::from_millis(500);

/// Where the last line is for whoever watches.
pub(crate) type LastLine = watch::Sender<String>;

/// Writes what comes through a pipe to a file, until its other ends are closed.
pub(crate) struct Recording {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Recording {
    /// Begins a new file, and gives the end of the pipe that the program writes to. `last` always has the last line.
    pub(crate) fn start(path: &Path, last: Option<LastLine>) -> std::io::Result<(Self, PipeWriter)> {
        let tape = Tape::new(foreign::create_new(path)?, HEAD, TAIL);
        let (reader, writer) = std::io::pipe()?;
        let reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(record(reader, tape, ended, last));
        Ok((Self { task, end }, writer))
    }

    /// Waits until what the program wrote is in the file. Call it when it has ended.
    pub(crate) async fn finish(self) {
        let _ended_already = self.end.send(());
        let _panicked = self.task.await;
    }
}

async fn record(mut reader: Receiver, mut tape: Tape, ended: oneshot::Receiver<()>, last: Option<LastLine>) {
    let mut bytes = vec![0; 64 << 10];
    let over = async {
        // Without an order to end, the end of the pipe is awaited.
        if ended.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(REST).await;
    };
    tokio::pin!(over);
    let mut stream = Stream::default();
    loop {
        let read = tokio::select! {
            read = reader.read(&mut bytes) => read,
            () = &mut over => break,
        };
        let Ok(length @ 1..) = read else { break };
        let line;
        (tape, stream, bytes, line) = blocking(move || {
            let without_secrets = stream.push(&bytes[..length]);
            // A full disk costs the log, and neither the gate nor the agent.
            let _full = tape.write(&without_secrets);
            (tape, stream, bytes, last_line(&without_secrets))
        })
        .await;
        if let (Some(last), Some(line)) = (&last, line) {
            last.send_replace(line);
        }
    }
    blocking(move || {
        let _full = tape.write(&stream.finish());
    })
    .await;
}

/// The last line with something in it. What draws a bar returns to the beginning of its line.
fn last_line(bytes: &[u8]) -> Option<String> {
    const LONGEST: usize = 4_000;
    let end = &bytes[bytes.len().saturating_sub(LONGEST)..];
    let text = String::from_utf8_lossy(end);
    text.split(['\n', '\r']).rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// A file with head and tail. Whenever the tail has become twice as long as it must be, its older half goes.
struct Tape {
    file: File,
    head: u64,
    tail: u64,
    length: u64,
    left_out: u64,
    /// Where the tail begins, once something is left out.
    tail_at: u64,
}

impl Tape {
    fn new(file: File, head: u64, tail: u64) -> Self {
        Self { file, head, tail, length: 0, left_out: 0, tail_at: head }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if self.length > self.tail_at + 2 * self.tail { self.shorten() } else { Ok(()) }
    }

    fn shorten(&mut self) -> std::io::Result<()> {
        let mut kept = Vec::new();
        self.file.seek(SeekFrom::Start(self.length - self.tail))?;
        (&self.file).take(self.tail).read_to_end(&mut kept)?;
        self.left_out += self.length - self.tail - self.tail_at;
        let mark = format!("\n… {} {LEFT_OUT}\n", self.left_out);
        self.file.seek(SeekFrom::Start(self.head))?;
        self.file.write_all(mark.as_bytes())?;
        self.tail_at = self.head + mark.len() as u64;
        self.file.write_all(&kept)?;
        self.length = self.tail_at + kept.len() as u64;
        self.file.set_len(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(head: u64, tail: u64, parts: &[&[u8]]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut tape = Tape::new(foreign::create_new(&path).unwrap(), head, tail);
        parts.iter().for_each(|part| tape.write(part).unwrap());
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn short_output_is_kept_as_it_is() {
        assert_eq!(recorded(4, 4, &[b"0123", b"4567", b"89ab"]), "0123456789ab");
    }

    #[test]
    fn long_output_is_kept_by_its_head_and_its_tail() {
        assert_eq!(recorded(4, 4, &[b"0123456789abc"]), "0123\n… 5 bytes are left out here …\n9abc");
        let parts: Vec<Vec<u8>> = (0..1_000).map(|n| format!("{n:03}\n").into_bytes()).collect();
        let kept = recorded(8, 40, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (head, rest) = kept.split_once("\n… ").unwrap();
        let (left_out, tail) = rest.split_once(" bytes are left out here …\n").unwrap();
        assert_eq!(head, "000\n001\n");
        assert!(tail.ends_with("998\n999\n") && (40..=80).contains(&tail.len()), "{tail}");
        assert_eq!(left_out.parse::<usize>().unwrap() + head.len() + tail.len(), 4_000);
    }

    #[tokio::test]
    async fn what_outlives_the_program_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (said, last) = watch::channel(String::new());
        let (recording, mut writer) = Recording::start(&path, Some(said)).unwrap();
        writer.write_all(b"10 %\r20 %\r\nsaid before the end").unwrap();
        // This end stays open, as that of a daemon would.
        tokio::time::timeout(Duration::from_secs(20), recording.finish()).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "10 %\r20 %\r\nsaid before the end");
        // A line without its end may be the beginning of a secret.
        assert_eq!(*last.borrow(), "20 %");
        drop(writer);
    }
}
