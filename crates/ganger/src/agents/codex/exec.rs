//! `codex exec --json`, started for each turn: for versions whose app-server is not understood here.

use super::super::Launch;
use super::super::once::Dialect;
use super::super::reading::{class_of_refusal, setback_of, status_in};
use super::{events, home, settings};
use crate::text;
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use ganger_engine::{SessionId, Usage};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(in super::super) struct Exec {
    /// Where the totals of threads are kept: what it tells are totals over all turns that there ever were.
    totals: PathBuf,
    thread: String,
    before: Option<Usage>,
}

impl Dialect for Exec {
    fn new(launch: &Launch) -> Self {
        Self::with_totals_in(launch.runtimes.join("codex-totals"))
    }

    fn command(&self, launch: &Launch, session: Option<&SessionId>) -> Vec<OsString> {
        let mut argv: Vec<OsString> = [launch.program(), "exec", "--json", "--sandbox", settings::sandbox_mode(launch)]
            .map(OsString::from)
            .to_vec();
        for (key, value) in settings::for_exec(launch) {
            // A value in JSON is one in TOML.
            argv.extend(["-c".into(), format!("{key}={value}").into()]);
        }
        if !launch.agent.model.is_empty() {
            argv.extend(["--model".into(), launch.agent.model.clone().into()]);
        }
        if let Some(session) = session {
            argv.extend(["resume".into(), session.as_str().into()]);
        }
        argv.push("-".into());
        argv
    }

    fn environment(&self, launch: &Launch) -> std::io::Result<BTreeMap<OsString, OsString>> {
        home::prepare(launch)
    }

    fn session(&self, line: &Value) -> Option<String> {
        (line["type"] == "thread.started").then(|| line["thread_id"].as_str().map(str::to_owned)).flatten()
    }

    fn read(&mut self, line: &Value) -> Vec<RuntimeEvent> {
        if let Some(thread) = self.session(line) {
            self.before.get_or_insert_with(|| read_total(&self.totals, &thread));
            self.thread = thread;
        }
        match line["type"].as_str() {
            Some("item.started") => vec![events::item_began(&camel(&line["item"]))],
            Some("item.completed") => vec![events::item_completed(&camel(&line["item"]))],
            Some("turn.completed") => {
                vec![RuntimeEvent::Usage(self.usage(&line["usage"])), RuntimeEvent::TurnEnded(TurnEnd::Completed)]
            }
            Some("turn.failed") => vec![RuntimeEvent::TurnEnded(failure(&line["error"]))],
            Some("error") => {
                let why = text::line(line["message"].as_str().unwrap_or("error"), 300);
                vec![RuntimeEvent::Retrying { setback: setback_of(None, &why), why, until: None }]
            }
            _ => vec![RuntimeEvent::Alive],
        }
    }

    fn is_lost(said: &str) -> bool {
        said.contains("no rollout found") || said.contains("thread/resume failed")
    }
}

impl Exec {
    pub(in super::super) fn with_totals_in(totals: PathBuf) -> Self {
        Self { totals, thread: String::new(), before: None }
    }

    fn usage(&self, told: &Value) -> Usage {
        let total = events::counts(&camel(told));
        // Without it the next attempt would count these again: an error in a number, not in the work.
        let _uncounted = write_total(&self.totals, &self.thread, &total);
        total.since(&self.before.unwrap_or_default())
    }
}

fn read_total(folder: &Path, thread: &str) -> Usage {
    let kept = crate::os::read_regular(&folder.join(thread), 1 << 16).ok();
    kept.and_then(|k| serde_json::from_slice(&k).ok()).unwrap_or_default()
}

fn write_total(folder: &Path, thread: &str, total: &Usage) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(thread), serde_json::to_vec(total)?)
}

/// Here everything is called as in the app-server, but with underscores.
fn camel(told: &Value) -> Value {
    let word = |text: &str| {
        let mut parts = text.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |word, part| format!("{word}{}{}", part[..1].to_uppercase(), &part[1..]))
    };
    let fields = told.as_object().into_iter().flatten().map(|(key, value)| {
        let value = match (key.as_str(), value) {
            ("type", Value::String(kind)) => Value::String(word(kind)),
            (_, value) => value.clone(),
        };
        (word(key), value)
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn failure(error: &Value) -> TurnEnd {
    let message = error["message"].as_str().unwrap_or("the turn failed without a reason");
    let class = class_of_refusal(status_in(message), message);
    TurnEnd::failed(class, text::cap(&text::clean(message), 2_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganger_engine::FailureClass;
    use serde_json::json;

    #[test]
    fn items_are_read_as_those_of_the_app_server() {
        let item = json!({"id": "i", "type": "command_execution", "command": "ls", "aggregated_output": "a", "exit_code": 1, "status": "completed"});
        let ended = RuntimeEvent::ToolEnded { id: "i".to_owned(), output: "a".to_owned(), failed: true };
        assert_eq!(events::item_completed(&camel(&item)), ended);
    }

    #[test]
    fn a_failure_is_told_apart_by_the_status_in_its_words() {
        let class = |message: &str| match failure(&json!({"message": message})) {
            TurnEnd::Failed { class, .. } => class,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            class("unexpected status 401 Unauthorized: bad key, url: http://127.0.0.1:18080/v1"),
            FailureClass::Auth
        );
        assert_eq!(class("exceeded retry limit, last status: 429 Too Many Requests"), FailureClass::Transient);
        assert_eq!(class("stream disconnected before completion: error sending request"), FailureClass::Disconnected);
        assert_eq!(class("prompt too long"), FailureClass::Crashed);
    }
}
