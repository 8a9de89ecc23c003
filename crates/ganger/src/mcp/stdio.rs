//! `ganger mcp-stdio`: the loopback endpoint for programs that start their tool servers themselves. Some of them put
//! what they were told on a command line, where every user of the machine can read it: here that is the path of a file
//! and not the token in it.

use super::caller::Caller;
use crate::failure::Failure;
use crate::os::{LONGEST_MESSAGE, Line, Lines, ServerEvents};
use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::sync::Mutex;
use tokio::task::{JoinError, JoinSet};

/// Where a message says which version of the protocol it speaks, since 2026-07-28.
const VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
/// The code of an error that is the server's own (JSON-RPC).
const SERVER_ERROR: i32 = -32000;

/// Passes each line on stdin to the endpoint, and its answer to stdout (MCP, stdio transport). Calls do not wait
/// for each other.
pub(crate) async fn serve(url: &str, token_file: &Path) -> Result<(), Failure> {
    let caller = Arc::new(Caller::open(url, token_file)?);
    let mut lines = Lines::new(tokio::io::stdin(), LONGEST_MESSAGE);
    let stdout = Arc::new(Mutex::new(tokio::io::stdout()));
    let mut passing = JoinSet::new();
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(Line { text, .. }) if text.trim().is_empty() => {}
                Some(Line { text, .. }) => drop(passing.spawn(pass(Arc::clone(&caller), text, Arc::clone(&stdout)))),
                None => break,
            },
            Some(passed) = passing.join_next() => is_passed(passed)?,
        }
    }
    // Whoever writes all that it asks at once still reads the answers.
    while let Some(passed) = passing.join_next().await {
        is_passed(passed)?;
    }
    Ok(())
}

fn is_passed(passed: Result<Result<(), Failure>, JoinError>) -> Result<(), Failure> {
    passed.map_err(|e| Failure::failed(e.to_string()))?
}

async fn pass(caller: Arc<Caller>, line: String, stdout: Arc<Mutex<Stdout>>) -> Result<(), Failure> {
    let message: Value = serde_json::from_str(&line).unwrap_or_default();
    let request = with_headers(caller.post(line), &message);
    let answer = request.send().await.map_err(|e| Failure::failed(format!("the endpoint is gone: {e}")))?;
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/event-stream") {
        return pass_events(&message, answer, &stdout).await;
    }
    let status = answer.status();
    let answer = answer.text().await.map_err(|e| Failure::failed(e.to_string()))?;
    match in_one_line(&message, status, &answer) {
        Some(answer) => write_line(&stdout, &answer).await,
        None => Ok(()),
    }
}

async fn write_line(stdout: &Mutex<Stdout>, line: &str) -> Result<(), Failure> {
    let mut stdout = stdout.lock().await;
    stdout.write_all(line.as_bytes()).await?;
    Ok(stdout.flush().await?)
}

/// What the endpoint says while a call waits, and then its answer: server-sent events with a message each.
async fn pass_events(request: &Value, mut answer: Response, stdout: &Mutex<Stdout>) -> Result<(), Failure> {
    let (mut events, status, mut is_answered) = (ServerEvents::default(), answer.status(), false);
    while let Ok(Some(chunk)) = answer.chunk().await {
        for told in events.push(&chunk) {
            let told_id = serde_json::from_str::<Value>(&told).ok().and_then(|told| told.get("id").cloned());
            is_answered |= told_id.is_some() && told_id.as_ref() == request.get("id");
            write_line(stdout, &(told + "\n")).await?;
        }
    }
    // A call that nobody answers would be waited for.
    match in_one_line(request, status, "the endpoint closed before it answered") {
        Some(answer) if !is_answered => write_line(stdout, &answer).await,
        _ => Ok(()),
    }
}

/// On HTTP the newest version says in headers, too, what a message says.
fn with_headers(request: RequestBuilder, message: &Value) -> RequestBuilder {
    let request = request.header(header::ACCEPT, "application/json, text/event-stream");
    let method = message["method"].as_str();
    let (Some(version), Some(method)) = (message.pointer(VERSION).and_then(Value::as_str), method) else {
        return request;
    };
    // What a model wrote may be no header: the endpoint says what is wrong with it.
    let name = message["params"]["name"].as_str();
    let headers = [("mcp-protocol-version", Some(version)), ("mcp-method", Some(method)), ("mcp-name", name)];
    let fits = |value: Option<&str>| value.and_then(|value| header::HeaderValue::from_str(value).ok());
    headers.into_iter().fold(request, |request, (name, value)| match fits(value) {
        Some(value) => request.header(name, value),
        None => request,
    })
}

/// The answer as a line; a notification has none. What is no message of the protocol, a refusal of the endpoint, becomes one.
fn in_one_line(message: &Value, status: StatusCode, answer: &str) -> Option<String> {
    if serde_json::from_str::<Value>(answer).is_ok_and(|answer| answer.is_object()) {
        return Some(answer.replace('\n', " ").trim().to_owned() + "\n");
    }
    let id = message.get("id").filter(|_| message["method"].is_string())?;
    let why = if answer.trim().is_empty() { status.to_string() } else { answer.trim().to_owned() };
    Some(json!({"jsonrpc": "2.0", "id": id, "error": {"code": SERVER_ERROR, "message": why}}).to_string() + "\n")
}

#[cfg(test)]
mod tests {
    use super::in_one_line;
    use reqwest::StatusCode;
    use serde_json::{Value, json};

    #[test]
    fn whatever_the_endpoint_says_is_one_message_or_none() {
        let (asked, told) = (json!({"id": 7, "method": "tools/list"}), json!({"method": "notifications/initialized"}));
        let line = |message: &Value, status: u16, answer: &str| {
            in_one_line(message, StatusCode::from_u16(status).unwrap(), answer)
        };
        assert_eq!(line(&asked, 200, "{\"id\":7,\n\"result\":{}}\n").unwrap(), "{\"id\":7, \"result\":{}}\n");
        assert_eq!(line(&told, 202, ""), None);
        assert_eq!(line(&told, 401, "the token is revoked"), None);
        let refused: Value = serde_json::from_str(&line(&asked, 401, "the token is revoked\n").unwrap()).unwrap();
        assert_eq!((&refused["id"], &refused["error"]["message"]), (&json!(7), &json!("the token is revoked")));
    }
}
