//! Sends an alert through a channel.

use super::condition::Alert;
use crate::config::Channel;
use crate::digest;
use crate::os;
use crate::project::Project;
use crate::text;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};

/// How long a channel may take.
const LIMIT: Duration = Duration::from_secs(30);
/// As much of what a program says about its failure is kept.
const MOST_SAID: usize = 2_000;
/// How long it is waited for when the program has ended; what it left running may hold its end open.
const SAID_WITHIN: Duration = Duration::from_millis(200);

/// Sends it. Tries that follow have the same number, by which whoever gets it knows it again.
///
/// # Errors
/// Why it was not taken, in one line.
pub(crate) async fn send(channel: &Channel, alert: &Alert, project: &Project, number: u64) -> Result<(), String> {
    let body = body(alert, project, number).to_string();
    if channel.desktop {
        let mut command = Command::new("notify-send");
        command.args(["--app-name=Ganger", "--", &title(project), &alert.text]);
        return run(command, String::new(), "notify-send").await;
    }
    if !channel.webhook.is_empty() {
        let mut command = Command::new("curl");
        // The address may hold a secret, and arguments are seen by everybody.
        command.args(["--config", "-"]);
        return run(command, post(channel, &body, project, number)?, "curl").await;
    }
    let mut command = Command::new("sh");
    command.args(["-c", &channel.command]);
    command.env("GANGER_ALERT", &alert.text).env("GANGER_ALERT_KIND", alert.kind.as_str());
    command.env("GANGER_ALERT_NEXT", &alert.next).env("GANGER_PROJECT_NAME", name(project));
    run(command, body, "the command").await
}

/// What a command and a webhook get.
fn body(alert: &Alert, project: &Project, number: u64) -> Value {
    json!({
        "schema": 1,
        "id": format!("{}-{number}", project.id),
        "project": name(project),
        "folder": project.repository.root.display().to_string(),
        "kind": alert.kind.as_str(),
        // Two keys that chat services show.
        "text": format!("{}: {}\n`{}`", title(project), alert.text, alert.next),
        "content": format!("{}: {}\n`{}`", title(project), alert.text, alert.next),
        "alert": alert.text,
        "next": alert.next,
        "ticket": alert.ticket,
        "card": alert.card,
    })
}

fn name(project: &Project) -> String {
    let name = project.repository.root.file_name().unwrap_or_default();
    text::line(&name.to_string_lossy(), 60)
}

fn title(project: &Project) -> String {
    format!("Ganger, {}", name(project))
}

/// What curl is to do, in its own words.
fn post(channel: &Channel, body: &str, project: &Project, number: u64) -> Result<String, String> {
    let mut lines = vec![
        "silent\nshow-error\nfail\nlocation\npost301\npost302\npost303\nmax-redirs = 5\nmax-time = 20\noutput = \"/dev/null\"".to_owned(),
        format!("url = {}", quoted(&channel.webhook)),
        format!("header = {}", quoted("Content-Type: application/json")),
        format!("header = {}", quoted(&format!("X-Ganger-Delivery: {}-{number}", project.id))),
    ];
    if !channel.secret_env.is_empty() {
        let secret = std::env::var(&channel.secret_env);
        let secret = secret.map_err(|_| format!("the variable {} is not set", channel.secret_env))?;
        lines.push(format!("header = {}", quoted(&format!("X-Ganger-Signature: sha256={}", sign(&secret, body)))));
    }
    lines.push(format!("data-raw = {}", quoted(body)));
    Ok(lines.join("\n"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// HMAC-SHA256 of the body (RFC 2104), in hexadecimal.
fn sign(secret: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body.as_bytes());
    digest::hex(&mac.finalize().into_bytes())
}

async fn run(mut command: Command, input: String, what: &str) -> Result<(), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    os::own_group(command.as_std_mut());
    // The end of an attempt leaves it alone.
    os::mark_own(command.as_std_mut());
    let mut child = command.spawn().map_err(|e| format!("{what}: {e}"))?;
    let group = child.id();
    let ended = tokio::time::timeout(LIMIT, give(&mut child, input)).await;
    match ended {
        Ok(ended) => ended.map_err(|why| format!("{what}: {why}")),
        Err(_) => {
            group.into_iter().for_each(os::kill_group);
            Err(format!("{what} did not end within {} s", LIMIT.as_secs()))
        }
    }
}

/// Over with the program itself: what it left running in the background may go on.
async fn give(child: &mut Child, input: String) -> Result<(), String> {
    let said = child.stderr.take().map(|stderr| tokio::spawn(beginning(stderr)));
    let stdin = child.stdin.take();
    let written = async {
        if let Some(mut stdin) = stdin {
            // Whoever does not read it may do without.
            let _unread = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (_, status) = tokio::join!(written, child.wait());
    let status = status.map_err(|e| e.to_string())?;
    let said = async { said?.await.ok() };
    let said = tokio::time::timeout(SAID_WITHIN, said).await.ok().flatten().unwrap_or_default();
    let said = text::line(&String::from_utf8_lossy(&said), 200);
    match (status.success(), said.is_empty()) {
        (true, _) => Ok(()),
        (false, true) => Err(status.to_string()),
        (false, false) => Err(format!("{status}: {said}")),
    }
}

/// The beginning of what a program says. All of it is read, or it would be ended for saying more.
async fn beginning(mut stderr: ChildStderr) -> Vec<u8> {
    let (mut said, mut part) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stderr.read(&mut part).await {
        said.extend(part[..count].iter().take(MOST_SAID.saturating_sub(said.len())));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231.
    #[test]
    fn posts_are_signed() {
        let signed = sign("Jefe", "what do ya want for nothing?");
        assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
