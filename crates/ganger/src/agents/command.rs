//! Runtime `command`: any program that reads the mission on stdin and works in its folder. It keeps no
//! conversation, so each mission carries what was said before. It may report by writing JSON to
//! `$GANGER_REPORT_FILE`, or call the tools at `$GANGER_MCP_URL`.

use super::process::{Excerpt, Pipes, start_piped};
use super::{EventSink, Launch};
use crate::os::{self, Lines};
use crate::secrets::Stream;
use crate::text;
use ganger_engine::session::{Control, RuntimeEvent, TurnEnd};
use ganger_engine::{FailureClass, Report};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc;

const GRACE: Duration = Duration::from_secs(3);
/// The largest report file.
const REPORT_LIMIT: u64 = 1024 * 1024;
/// The longest line that is looked at, and how much of it is shown.
const LONGEST_LINE: usize = 64 << 10;
const SHOWN: usize = 4_000;
/// How much a turn may say before the rest is left out.
const MOST_SAID: u64 = 1 << 20;
/// Lines of the end in which a key is looked for: a longer one is none.
const LINES_OF_A_KEY: usize = 100;

pub(super) async fn drive(launch: Launch, mut commands: mpsc::Receiver<Control>, sink: EventSink) {
    while let Some(command) = commands.recv().await {
        match command {
            Control::Prompt(mission) => match begin(&launch, mission.into_string()).await {
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

struct Begun {
    child: Child,
    stdout: ChildStdout,
    stderr: Excerpt,
}

async fn begin(launch: &Launch, mission: String) -> std::io::Result<Begun> {
    let env = BTreeMap::from([
        ("GANGER_MCP_URL".into(), launch.tools.url.clone().into()),
        ("GANGER_MCP_TOKEN_FILE".into(), launch.tools.token_file.clone().into()),
        ("GANGER_REPORT_FILE".into(), launch.scratch.join("report.json").into()),
    ]);
    let argv = ["sh", "-c", &launch.agent.command].map(OsString::from).to_vec();
    let Pipes { child, mut stdin, stdout, stderr } = start_piped(launch, argv, env)?;
    tokio::spawn(async move {
        // A program that does not read its mission is free not to.
        let _closed = stdin.write_all(mission.as_bytes()).await;
    });
    Ok(Begun { child, stdout, stderr })
}

async fn follow(
    launch: &Launch,
    Begun { mut child, stdout, stderr }: Begun,
    commands: &mut mpsc::Receiver<Control>,
    sink: &EventSink,
) -> TurnEnd {
    let mut lines = Some(Lines::new(stdout, LONGEST_LINE));
    let mut talk = Talk::default();
    loop {
        let line = async {
            match lines.as_mut() {
                Some(lines) => lines.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            line = line => match line {
                Some(line) => {
                    let mut said = talk.take(&line);
                    while talk.is_long() && said.len() < SHOWN
                        && let Some(more) = lines.as_mut().and_then(Lines::next_ready)
                    {
                        said.push('\n');
                        said.push_str(&talk.take(&more));
                    }
                    if !said.trim().is_empty() {
                        sink.send(RuntimeEvent::Text(said)).await;
                    }
                }
                None => lines = None,
            },
            status = child.wait() => {
                if let Some(end) = talk.end() {
                    sink.send(RuntimeEvent::Text(end)).await;
                }
                return ended(launch, status, stderr, sink).await;
            }
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

/// What a turn has said so far. Who says too much is quoted by the beginning and the end.
#[derive(Default)]
struct Talk {
    lines: u64,
    bytes: u64,
    left_out: u64,
    /// The last lines that are left out, as they came.
    last: VecDeque<String>,
    /// A key has many lines.
    secrets: Stream,
}

impl Talk {
    /// Whether lines should be told together.
    fn is_long(&self) -> bool {
        self.lines > 100
    }

    /// What to tell of a line.
    fn take(&mut self, line: &os::Line) -> String {
        self.lines += 1;
        if self.bytes >= MOST_SAID {
            // Who prints without end must not be read slowly: nothing is done with what nobody sees.
            self.left_out += line.text.len() as u64 + line.cut;
            self.last.truncate(LINES_OF_A_KEY - 1);
            self.last.push_front(text::cap(&line.text, SHOWN));
            return String::new();
        }
        let said = self.shown(line);
        self.bytes += said.len() as u64 + 1;
        said
    }

    /// Without secrets and control characters.
    fn shown(&mut self, line: &os::Line) -> String {
        let mut shown = self.secrets.push(text::clean(&line.text).as_bytes());
        shown.extend(self.secrets.push(b"\n"));
        let mut said = text::cap(String::from_utf8_lossy(&shown).trim_end_matches('\n'), SHOWN);
        if line.cut > 0 {
            said = format!("{said}\n… ({} bytes of this line are not kept)", line.cut);
        }
        said
    }

    fn end(mut self) -> Option<String> {
        if self.left_out > 0 {
            let lines = std::mem::take(&mut self.last);
            self.secrets = Stream::default();
            let told = lines.into_iter().rev().map(|text| self.shown(&os::Line { text, cut: 0 })).last();
            let held = String::from_utf8_lossy(&self.secrets.finish()).into_owned();
            let last = told.unwrap_or_default() + &held;
            return Some(format!("… ({} bytes are left out; the last line:)\n{last}", self.left_out));
        }
        let held = String::from_utf8_lossy(&self.secrets.finish()).into_owned();
        Some(text::cap(&held, SHOWN)).filter(|held| !held.is_empty())
    }
}

/// The report, if the program wrote one.
fn read_report(file: &Path) -> std::io::Result<Option<Report>> {
    let read = match os::read_regular(file, REPORT_LIMIT) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let mut value: serde_json::Value = serde_json::from_slice(&read)?;
    let written = value.clone();
    text::clean_json(&mut value);
    if value != written {
        // It lies in the state folder, and stays there.
        os::write_private(file, value.to_string().as_bytes())?;
    }
    Ok(Some(serde_json::from_value(value)?))
}

async fn ended(
    launch: &Launch,
    status: std::io::Result<std::process::ExitStatus>,
    stderr: Excerpt,
    sink: &EventSink,
) -> TurnEnd {
    let file = launch.scratch.join("report.json");
    match os::blocking(move || read_report(&file)).await {
        Ok(Some(report)) => sink.send(RuntimeEvent::Report(report)).await,
        Ok(None) => {}
        Err(e) => sink.send(RuntimeEvent::Text(format!("the report file cannot be read: {e}"))).await,
    }
    match status {
        Ok(status) if status.success() => TurnEnd::Completed,
        Ok(status) => {
            let excerpt = stderr.finish().await;
            TurnEnd::failed(FailureClass::Crashed, format!("the command ended with {status}\n{excerpt}"))
        }
        Err(e) => TurnEnd::failed(FailureClass::Crashed, e.to_string()),
    }
}
