//! `ganger script-agent FILE`: a real child process that plays a script instead of asking a model. The
//! demo, dry rehearsals and the tests use it through the runtime `command`.
//!
//! The file is JSON: ticket id (or `*`) → attempts → steps. The last attempt is played again for later
//! ones. A step is an object with one verb: `write`+`text`, `append`+`text`, `remove`, `run`, `say`,
//! `sleep_ms`, `commit`, `tool`+`args`, `spawn`, `exit`, `hang`, `report` (an object for the report file).

use crate::failure::{Failure, OrCannot};
use crate::git::Git;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

type Script = BTreeMap<String, Vec<Vec<Step>>>;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[serde(deny_unknown_fields)]
enum Step {
    Write {
        write: String,
        text: String,
    },
    Append {
        append: String,
        text: String,
    },
    Remove {
        remove: String,
    },
    Run {
        run: String,
    },
    Spawn {
        spawn: String,
    },
    Say {
        say: String,
    },
    Sleep {
        sleep_ms: u64,
    },
    Commit {
        commit: String,
    },
    Tool {
        tool: String,
        #[serde(default)]
        args: Value,
    },
    Report {
        report: Value,
    },
    Exit {
        exit: i32,
    },
    Hang {
        hang: bool,
    },
}

/// Plays the script for the ticket and attempt in the environment. Returns the exit code.
pub(crate) async fn play(file: &Path) -> Result<i32, Failure> {
    keep_mission(&std::io::read_to_string(std::io::stdin())?)?;
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    let script: Script = serde_json::from_str(&text).map_err(|e| {
        Failure::usage(format!("{}:{}: {e}", file.display(), e.line())).hint("see `ganger script-agent --help`")
    })?;
    let ticket = std::env::var("GANGER_TICKET").unwrap_or_default();
    let number: usize = std::env::var("GANGER_ATTEMPT_NUMBER").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let attempts = script.get(&ticket).or_else(|| script.get("*"));
    let Some(steps) = attempts.and_then(|a| a.get(number - 1).or(a.last())) else {
        return Err(Failure::usage(format!("{}: there is no script for `{ticket}`", file.display())));
    };
    for step in steps {
        if let Some(code) = perform(step).await? {
            return Ok(code);
        }
    }
    Ok(0)
}

/// The mission as it was told, for commands of the script: in the file `$GANGER_MISSION`.
fn mission_file() -> Option<PathBuf> {
    let report = std::env::var_os("GANGER_REPORT_FILE")?;
    Some(Path::new(&report).with_file_name("mission.txt"))
}

fn keep_mission(mission: &str) -> Result<(), Failure> {
    if let Some(file) = mission_file() {
        std::fs::write(file, mission)?;
    }
    Ok(())
}

async fn perform(step: &Step) -> Result<Option<i32>, Failure> {
    match step {
        Step::Write { write, text } => put(write, text, false)?,
        Step::Append { append, text } => put(append, text, true)?,
        Step::Remove { remove } => std::fs::remove_file(inside(remove)?)?,
        Step::Run { run } => {
            say(&format!("$ {run}"))?;
            let status = std::process::Command::new("sh")
                .args(["-c", run])
                .env("GANGER_MISSION", mission_file().unwrap_or_default())
                .status()?;
            say(&format!("({status})"))?;
        }
        Step::Spawn { spawn } => {
            std::process::Command::new("setsid")
                .args(["sh", "-c", spawn])
                .stdin(std::process::Stdio::null())
                .spawn()?;
        }
        Step::Say { say: words } => say(words)?,
        Step::Sleep { sleep_ms } => tokio::time::sleep(Duration::from_millis(*sleep_ms)).await,
        Step::Commit { commit } => {
            let git = Git::at(".");
            // Our own files are ignored by the configuration that agents get.
            let made = git.run(&["add", "--all"]).and_then(|_| git.run(&["commit", "--quiet", "--message", commit]));
            made.or_cannot(format_args!("make the commit `{commit}`"))?;
        }
        Step::Tool { tool, args } => {
            let result = call_tool(tool, args).await?;
            say(&format!("{tool}: {result}"))?;
        }
        Step::Report { report } => {
            let file = std::env::var("GANGER_REPORT_FILE").unwrap_or_else(|_| "report.json".to_owned());
            std::fs::write(file, report.to_string())?;
        }
        Step::Exit { exit } => return Ok(Some(*exit)),
        Step::Hang { hang: true } => std::future::pending::<()>().await,
        Step::Hang { hang: false } => {}
    }
    Ok(None)
}

fn say(words: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}")?;
    out.flush()?;
    Ok(())
}

fn put(path: &str, text: &str, append: bool) -> Result<(), Failure> {
    let path = inside(path)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).append(append).truncate(!append).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

fn inside(path: &str) -> Result<&Path, Failure> {
    let path = Path::new(path);
    if path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Ok(path);
    }
    Err(Failure::usage(format!("`{}` leaves the workspace", path.display())))
}

/// One tool call over the attempt's MCP endpoint.
async fn call_tool(name: &str, args: &Value) -> Result<String, Failure> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|_| Failure::failed(format!("{name} is not set: there are no tools here")))
    };
    let url = variable("GANGER_MCP_URL")?;
    let token = std::fs::read_to_string(variable("GANGER_MCP_TOKEN_FILE")?)?;
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": name, "arguments": args },
    });
    let response = crate::os::loopback_client()
        .post(url)
        .header("authorization", format!("Bearer {}", token.trim()))
        .header("accept", "application/json, text/event-stream")
        .json(&request)
        .send()
        .await
        .map_err(|e| Failure::failed(format!("{name}: {e}")))?;
    let status = response.status();
    let answer: Value = response.json().await.map_err(|e| Failure::failed(format!("{name}: {status}: {e}")))?;
    let text = answer.pointer("/result/content/0/text").and_then(Value::as_str);
    let failed = answer.pointer("/result/isError").and_then(Value::as_bool).unwrap_or(false);
    match text {
        Some(text) if !failed => Ok(text.to_owned()),
        Some(text) => Ok(format!("error: {text}")),
        None => Err(Failure::failed(format!("{name}: {answer}"))),
    }
}
