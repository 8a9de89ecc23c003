//! `ganger mcp-stdio`: the loopback endpoint for programs that start their tool servers themselves. Some of them put
//! what they were told on a command line, where every user of the machine can read it: here that is the path of a file
//! and not the token in it.

use super::caller::Caller;
use crate::failure::Failure;
use crate::os::{LONGEST_MESSAGE, Line, Lines};
use reqwest::header;
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// Passes each line on stdin to the endpoint, and its answer to stdout (MCP, stdio transport).
pub(crate) async fn serve(url: &str, token_file: &Path) -> Result<(), Failure> {
    let caller = Caller::open(url, token_file)?;
    let mut lines = Lines::new(tokio::io::stdin(), LONGEST_MESSAGE);
    let mut stdout = tokio::io::stdout();
    while let Some(Line { text: line, .. }) = lines.next().await {
        if line.trim().is_empty() {
            continue;
        }
        let request = caller.post(line).header(header::ACCEPT, "application/json, text/event-stream");
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
