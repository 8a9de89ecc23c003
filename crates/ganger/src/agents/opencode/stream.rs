//! The server's events as they come: server-sent events of one directory.

use super::server::Api;
use crate::os::{LONGEST_MESSAGE, LineBuffer};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use std::collections::VecDeque;

/// Server-sent events (HTML Living Standard, section 9.2): only `data` lines are used here.
pub(super) struct EventStream {
    bytes: BoxStream<'static, Result<Vec<u8>, reqwest::Error>>,
    buffer: LineBuffer,
    ready: VecDeque<Value>,
}

/// The stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamEnd {
    #[error("the event stream broke: {0}")]
    Broken(#[from] reqwest::Error),
    #[error("the event stream ended")]
    Ended,
}

impl EventStream {
    pub(super) async fn open(api: &Api) -> Result<Self, StreamEnd> {
        let response = api.stream("/event").await?;
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|c| c.to_vec())).boxed();
        Ok(Self { bytes, buffer: LineBuffer::new(LONGEST_MESSAGE), ready: VecDeque::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Value, StreamEnd> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let chunk = self.bytes.next().await.ok_or(StreamEnd::Ended)??;
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let (used, line) = self.buffer.push(rest);
                rest = &rest[used..];
                let data = line.as_ref().and_then(|line| line.text.strip_prefix("data:"));
                self.ready.extend(data.and_then(|d| serde_json::from_str(d).ok()));
            }
        }
    }
}
