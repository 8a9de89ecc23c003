//! `ganger mcp-stdio`: the loopback endpoint for programs that start their tool servers themselves. Some of them put
//! what they were told on a command line, where every user of the machine can read it: here that is the path of a file
//! and not the token in it.

use crate::failure::Failure;
use crate::os;
use reqwest::header;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// Passes each line on stdin to the endpoint, and its answer to stdout (MCP, stdio transport).
pub(crate) async fn serve(url: &str, token_file: &Path) -> Result<(), Failure> {
    let token = std::fs::read_to_string(token_file)?;
    let client = os::loopback_client();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut stdout = tokio::io::stdout();
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let request = client.post(url).bearer_auth(token.trim()).header(header::CONTENT_TYPE, "application/json");
        let request = request.header(header::ACCEPT, "application/json, text/event-stream").body(line);
        let answer = request.send().await.map_err(|e| Failure::failed(format!("the endpoint is gone: {e}")))?;
        let answer = answer.text().await.map_err(|e| Failure::failed(e.to_string()))?;
        // A notification has none.
        if !answer.trim().is_empty() {
            stdout.write_all(answer.replace('\n', " ").trim().as_bytes()).await?;
            stdout.write_all(b"\n").await?;
            stdout.flush().await?;
        }
    }
    Ok(())
}
