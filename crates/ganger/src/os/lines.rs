//! Lines of programs that may print anything: a line without an end is cut, and what is no text is shown as it can be.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};

/// The longest line of a protocol: results of tools may have pictures in them.
pub(crate) const LONGEST_MESSAGE: usize = 32 << 20;

/// Lines that are put together from pieces.
pub(crate) struct LineBuffer {
    line: Vec<u8>,
    /// Bytes that did not fit.
    cut: u64,
    limit: usize,
}

impl LineBuffer {
    pub(crate) fn new(limit: usize) -> Self {
        Self { line: Vec::new(), cut: 0, limit }
    }

    /// Takes bytes up to the end of a line; says how many, and the line if it has ended.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> (usize, Option<Line>) {
        let end = bytes.iter().position(|b| *b == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let fits = part.len().min(self.limit.saturating_sub(self.line.len()));
        self.line.extend_from_slice(&part[..fits]);
        self.cut += (part.len() - fits) as u64;
        match end {
            Some(end) => (end + 1, Some(self.take())),
            None => (bytes.len(), None),
        }
    }

    /// What there is of a line when nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<Line> {
        (!self.line.is_empty() || self.cut > 0).then(|| self.take())
    }

    fn take(&mut self) -> Line {
        let mut bytes = std::mem::take(&mut self.line);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Line { text, cut: std::mem::take(&mut self.cut) }
    }
}

/// Server-sent events (HTML Living Standard, section 9.2): their data, each in one line.
pub(crate) struct ServerEvents {
    lines: LineBuffer,
    data: String,
}

impl Default for ServerEvents {
    fn default() -> Self {
        Self { lines: LineBuffer::new(LONGEST_MESSAGE), data: String::new() }
    }
}

impl ServerEvents {
    /// Takes bytes; gives the data of the events that are whole with them.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let (used, line) = self.lines.push(bytes);
            bytes = &bytes[used..];
            let Some(Line { text, .. }) = line else { continue };
            if let Some(data) = text.strip_prefix("data:") {
                self.data.push_str(data);
            } else if text.is_empty() && !self.data.trim().is_empty() {
                events.push(std::mem::take(&mut self.data).trim().to_owned());
            }
        }
        events
    }
}

/// A line, as far as it was kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Bytes of it that were left out.
    pub(crate) cut: u64,
}

/// Lines of a pipe.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    buffer: LineBuffer,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::new(reader), buffer: LineBuffer::new(limit) }
    }

    /// The next line; `None` at the end, and when it cannot be read any further. What was read stays when this is
    /// dropped.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            let bytes = self.reader.fill_buf().await.unwrap_or_default();
            if bytes.is_empty() {
                return self.buffer.rest();
            }
            let (used, line) = self.buffer.push(bytes);
            self.reader.consume(used);
            if line.is_some() {
                return line;
            }
        }
    }

    /// The next line if it has been read already.
    pub(crate) fn next_ready(&mut self) -> Option<Line> {
        let bytes = self.reader.buffer();
        if !bytes.contains(&b'\n') {
            return None;
        }
        let (used, line) = self.buffer.push(bytes);
        Pin::new(&mut self.reader).consume(used);
        line
    }
}

/// Passes bytes on, but none of a line beyond its limit: for readers that keep a line until it ends.
pub(crate) struct CappedLines<R> {
    inner: R,
    limit: usize,
    length: usize,
}

impl<R> CappedLines<R> {
    pub(crate) fn new(inner: R, limit: usize) -> Self {
        Self { inner, limit, length: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for CappedLines<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        loop {
            let before = buf.filled().len();
            match Pin::new(&mut self.inner).poll_read(cx, buf) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            let read = buf.filled().len() - before;
            let mut kept = before;
            for at in before..before + read {
                let byte = buf.filled()[at];
                self.length = if byte == b'\n' { 0 } else { self.length + 1 };
                if self.length <= self.limit {
                    buf.filled_mut()[kept] = byte;
                    kept += 1;
                }
            }
            buf.set_filled(kept);
            // Nothing would mean the end.
            if kept > before || read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_pieces_and_lines() {
        let mut events = ServerEvents::default();
        assert_eq!(events.push(b": hello\nevent: message\nda"), Vec::<String>::new());
        assert_eq!(events.push(b"ta: {\"a\":1}\r\n\r\ndata: {\"b\":\ndata: 2}\n"), ["{\"a\":1}"]);
        assert_eq!(events.push(b"\n\n"), ["{\"b\": 2}"]);
    }
    use tokio::io::AsyncReadExt;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn lines(text: &[u8], limit: usize) -> Vec<(String, u64)> {
        run(async {
            let (mut lines, mut found) = (Lines::new(text, limit), Vec::new());
            while let Some(line) = lines.next().await {
                found.push((line.text, line.cut));
            }
            found
        })
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_the_next_one_read() {
        let long = [vec![b'x'; 100_000], b"\nshort\r\n\nlast".to_vec()].concat();
        let expected = [("x".repeat(10), 99_990), ("short".to_owned(), 0), (String::new(), 0), ("last".to_owned(), 0)];
        assert_eq!(lines(&long, 10), expected);
        assert_eq!(lines(&[b'y'; 50], 10), [("y".repeat(10), 40)]);
        assert_eq!(lines(b"", 10), []);
    }

    #[test]
    fn bytes_that_are_no_text_end_nothing() {
        assert_eq!(lines(b"a\xff\nb\n", 10), [("a\u{fffd}".to_owned(), 0), ("b".to_owned(), 0)]);
    }

    #[test]
    fn lines_that_were_read_together_are_ready_together() {
        run(async {
            let mut lines = Lines::new(&b"a\nb\nc"[..], 10);
            assert_eq!(lines.next().await.unwrap().text, "a");
            assert_eq!(lines.next_ready().unwrap().text, "b");
            assert_eq!(lines.next_ready(), None);
            assert_eq!(lines.next().await.unwrap().text, "c");
        });
    }

    #[test]
    fn capped_lines_end_where_they_ended() {
        let text = [vec![b'x'; 100_000], b"\nab\ncdef".to_vec()].concat();
        let mut read = String::new();
        run(CappedLines::new(&text[..], 3).read_to_string(&mut read)).unwrap();
        assert_eq!(read, "xxx\nab\ncde");
    }
}
