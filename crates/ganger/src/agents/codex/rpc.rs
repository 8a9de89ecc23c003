//! JSON-RPC as `codex app-server` speaks it: one message a line on stdio, without the `jsonrpc` member.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

pub(super) struct Rpc {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    last: u64,
}

/// What the server says.
#[derive(Debug)]
pub(super) enum Message {
    /// The answer to a request of ours.
    Answer { id: u64, result: Result<Value, Value> },
    /// It wants to know something.
    Request { id: Value, method: String, params: Value },
    /// It tells something.
    Notice { method: String, params: Value },
}

impl Rpc {
    pub(super) fn new(stdin: ChildStdin, stdout: ChildStdout) -> Self {
        Self { stdin, lines: BufReader::new(stdout).lines(), last: 0 }
    }

    /// Sends a request; returns its id.
    pub(super) async fn request(&mut self, method: &str, params: Value) -> std::io::Result<u64> {
        self.last += 1;
        let id = self.last;
        self.write(&json!({"id": id, "method": method, "params": params})).await?;
        Ok(id)
    }

    pub(super) async fn notify(&mut self, method: &str) -> std::io::Result<()> {
        self.write(&json!({"method": method})).await
    }

    pub(super) async fn answer(&mut self, id: &Value, result: Value) -> std::io::Result<()> {
        self.write(&json!({"id": id, "result": result})).await
    }

    /// Refuses a request that this client does not know.
    pub(super) async fn refuse(&mut self, id: &Value) -> std::io::Result<()> {
        self.write(&json!({"id": id, "error": {"code": -32601, "message": "not supported by this client"}})).await
    }

    async fn write(&mut self, message: &Value) -> std::io::Result<()> {
        let mut line = message.to_string();
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.flush().await
    }

    /// The next message; `None` when the server is gone. Lines that are no message are passed over.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            let line = self.lines.next_line().await.ok().flatten()?;
            let found = serde_json::from_str(&line).ok().and_then(read);
            if found.is_some() {
                return found;
            }
        }
    }
}

fn read(mut message: Value) -> Option<Message> {
    let params = message["params"].take();
    match (message["method"].as_str().map(str::to_owned), message["id"].take()) {
        (Some(method), Value::Null) => Some(Message::Notice { method, params }),
        (Some(method), id) => Some(Message::Request { id, method, params }),
        (None, id) => {
            let failed = message["error"].is_object();
            let result = if failed { Err(message["error"].take()) } else { Ok(message["result"].take()) };
            Some(Message::Answer { id: id.as_u64()?, result })
        }
    }
}
