//! `opencode run --format json`, started for each turn: where no server can be had.

use super::super::Launch;
use super::super::once::Dialect;
use super::{events, settings};
use crate::text;
use ganger_engine::session::{RuntimeEvent, TurnEnd};
use ganger_engine::{SessionId, Usage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;

pub(in super::super) struct Run {
    /// What this attempt used.
    used: Usage,
}

impl Default for Run {
    fn default() -> Self {
        Self { used: Usage { micro_usd: Some(0), ..Usage::default() } }
    }
}

impl Dialect for Run {
    fn new(_launch: &Launch) -> Self {
        Self::default()
    }

    fn command(&self, launch: &Launch, session: Option<&SessionId>) -> Vec<OsString> {
        let title = format!("{} ({})", launch.ticket, launch.agent_name);
        let mut argv: Vec<OsString> =
            [launch.program(), "run", "--format", "json", "--title", &title].map(OsString::from).to_vec();
        if let Some(temperature) = launch.agent.temperature {
            argv.extend(["--agent".into(), settings::agent_at(temperature).into()]);
        }
        if let Some(session) = session {
            argv.extend(["--session".into(), session.as_str().into()]);
        }
        argv
    }

    fn environment(&self, launch: &Launch) -> std::io::Result<BTreeMap<OsString, OsString>> {
        Ok(settings::environment_of_run(launch))
    }

    fn session(&self, line: &Value) -> Option<String> {
        line["sessionID"].as_str().map(str::to_owned)
    }

    /// There is no terminal event but the last step, whose reason is `stop`, or an error.
    fn read(&mut self, line: &Value) -> Vec<RuntimeEvent> {
        let part = &line["part"];
        let id = part["id"].as_str().unwrap_or_default().to_owned();
        match line["type"].as_str() {
            Some("text") => vec![RuntimeEvent::Text(text::clean(part["text"].as_str().unwrap_or_default()))],
            // Tools are told of when they have ended.
            Some("tool_use") => {
                vec![events::tool_began(id.clone(), part), events::tool_ended(id, &part["state"])]
            }
            Some("step_finish") => {
                self.used.add(&events::usage(part));
                let used = RuntimeEvent::Usage(self.used);
                match part["reason"].as_str() {
                    Some("stop") => vec![used, RuntimeEvent::TurnEnded(TurnEnd::Completed)],
                    _ => vec![used],
                }
            }
            Some("error") => vec![RuntimeEvent::TurnEnded(events::failure(&line["error"]))],
            _ => vec![RuntimeEvent::Alive],
        }
    }

    fn is_lost(said: &str) -> bool {
        said.contains("Session not found")
    }
}
