//! Runtime `command`: any program that reads the mission on stdin and works in its folder. It keeps no
//! conversation, so each mission carries what was said before. It may report by writing JSON to
//! `$GANGER_REPORT_FILE`, or call the tools at `$GANGER_MCP_URL`.

use super::process::{Pipes, start_piped, stderr_excerpt};
use super::{EventSink, Launch};
use crate::os;
use crate::text;
use ganger_engine::session::{Control, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Report};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc;

const GRACE: Duration = Duration::from_secs(3);
/// The largest report file.
const REPORT_LIMIT: u64 = 1024 * 1024;

pub(super) async fn drive(launch: Launch, mut commands: mpsc::Receiver<Control>, sink: EventSink) {
    while let Some(command) = commands.recv().await {
        match command {
            Control::Prompt(mission) => match begin(&launch, mission).await {
                Ok(begun) => {
                    sink.send(RuntimeEvent::Prompted).await;
                    let end = follow(&launch, begun, &mut commands, &sink).await;
                    sink.end_turn(end).await;
                }
                Err(e) => {
                    let message = format!("`{}` could not be started: {e}", launch.agent.command);
                    sink.end_turn(TurnEnd::failed(FailureClass::Setup, message)).await;
                }
            },
            Control::Steer { id, .. } => sink.send(RuntimeEvent::NotSteered { id }).await,
            Control::Interrupt | Control::Release | Control::Permit { .. } => {}
            Control::Close => return,
        }
    }
}

async fn begin(launch: &Launch, mission: String) -> std::io::Result<(Child, ChildStdout)> {
    let env = BTreeMap::from([
        ("GANGER_MCP_URL".into(), launch.tools.url.clone().into()),
        ("GANGER_MCP_TOKEN_FILE".into(), launch.tools.token_file.clone().into()),
        ("GANGER_REPORT_FILE".into(), launch.scratch.join("report.json").into()),
    ]);
    let argv = ["sh", "-c", &launch.agent.command].map(OsString::from).to_vec();
    let Pipes { child, mut stdin, stdout } = start_piped(launch, argv, env)?;
    tokio::spawn(async move {
        // A program that does not read its mission is free not to.
        let _closed = stdin.write_all(mission.as_bytes()).await;
    });
    Ok((child, stdout))
}

async fn follow(
    launch: &Launch,
    (mut child, stdout): (Child, ChildStdout),
    commands: &mut mpsc::Receiver<Control>,
    sink: &EventSink,
) -> TurnEnd {
    let mut lines = Some(BufReader::new(stdout).split(b'\n'));
    loop {
        let line = async {
            match lines.as_mut() {
                Some(lines) => lines.next_segment().await.ok().flatten(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            line = line => match line {
                Some(line) => {
                    let said = text::clean(&String::from_utf8_lossy(&line));
                    if !said.trim().is_empty() {
                        sink.send(RuntimeEvent::Text(text::cap(&said, 4_000))).await;
                    }
                }
                None => lines = None,
            },
            status = child.wait() => return ended(launch, status, sink).await,
            command = commands.recv() => match command {
                Some(Control::Steer { id, .. }) => sink.send(RuntimeEvent::NotSteered { id }).await,
                Some(Control::Prompt(_) | Control::Release | Control::Permit { .. }) => {}
                Some(Control::Interrupt | Control::Close) | None => {
                    os::terminate_group(&mut child, GRACE).await;
                    return TurnEnd::Interrupted;
                }
            },
        }
    }
}

/// The report, if the program wrote one.
fn read_report(launch: &Launch) -> std::io::Result<Option<Report>> {
    let read = match os::read_regular(&launch.scratch.join("report.json"), REPORT_LIMIT) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let mut value: serde_json::Value = serde_json::from_slice(&read)?;
    text::clean_json(&mut value);
    Ok(Some(serde_json::from_value(value)?))
}

async fn ended(launch: &Launch, status: std::io::Result<std::process::ExitStatus>, sink: &EventSink) -> TurnEnd {
    match read_report(launch) {
        Ok(Some(report)) => sink.send(RuntimeEvent::Report(report)).await,
        Ok(None) => {}
        Err(e) => sink.send(RuntimeEvent::Text(format!("the report file cannot be read: {e}"))).await,
    }
    match status {
        Ok(status) if status.success() => TurnEnd::Completed,
        Ok(status) => {
            let excerpt = stderr_excerpt(launch);
            TurnEnd::failed(FailureClass::Crashed, format!("the command ended with {status}\n{excerpt}"))
        }
        Err(e) => TurnEnd::failed(FailureClass::Crashed, e.to_string()),
    }
}
