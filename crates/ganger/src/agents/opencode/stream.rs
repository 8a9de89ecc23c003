//! The server's events as they come: server-sent events of one directory.

use super::server::Api;
use crate::os::ServerEvents;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use std::collections::VecDeque;

/// The events of one directory.
pub(super) struct EventStream {
    bytes: BoxStream<'static, Result<Vec<u8>, reqwest::Error>>,
    events: ServerEvents,
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
        Ok(Self { bytes, events: ServerEvents::default(), ready: VecDeque::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Value, StreamEnd> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let chunk = self.bytes.next().await.ok_or(StreamEnd::Ended)??;
            self.ready.extend(self.events.push(&chunk).iter().filter_map(|event| serde_json::from_str(event).ok()));
        }
    }
}
