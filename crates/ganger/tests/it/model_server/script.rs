//! Which step of the script a request is at, and what that step answers.

use serde_json::{Value, json};
use std::collections::BTreeMap;

const MARK: &str = "[[STEPS";
/// Where a mission names its ticket.
const TICKET: &str = "- Ticket: ";

/// A conversation, reduced to what scripts need.
pub(crate) enum Item {
    User(String),
    Assistant,
    /// With the id of the call; it carries the step's number.
    Call(String),
    Result,
}

/// A request: the steps, and which one is next.
pub(crate) struct Turn {
    step: Option<Value>,
    number: usize,
    tools: Vec<String>,
}

/// What to answer.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) text: String,
    /// Id, name and arguments.
    pub(crate) call: Option<(String, String, Value)>,
    pub(crate) http: Option<u16>,
    /// What a refusal says.
    pub(crate) message: Option<String>,
    pub(crate) retry_after: Option<u64>,
    /// Which limit of the account is used up, for two minutes.
    pub(crate) limit: Option<String>,
    pub(crate) delay_ms: u64,
    pub(crate) drop: bool,
    pub(crate) cut: bool,
}

impl Turn {
    pub(crate) fn read(items: &[Item], tools: &[String], of_tickets: &BTreeMap<String, Vec<Value>>) -> Self {
        let opened = items.iter().enumerate().rev().find_map(|(i, item)| match item {
            Item::User(text) => steps(text).or_else(|| steps_of_ticket(text, of_tickets)).map(|s| (i, s)),
            _ => None,
        });
        let Some((start, steps)) = opened else {
            return Self { step: None, number: 0, tools: tools.to_vec() };
        };
        let number = position(&items[start + 1..]);
        Self { step: steps.get(number).cloned(), number, tools: tools.to_vec() }
    }

    /// Tells this step of this script from others; requests without tools ask for titles.
    pub(crate) fn key(&self) -> Value {
        json!([self.step, self.number, self.tools.is_empty()])
    }

    /// The answer, after so many earlier requests for the same step.
    pub(crate) fn reply(&self, earlier: usize) -> Reply {
        let Some(mut step) = self.step.clone() else {
            return Reply { text: "ok".to_owned(), ..Reply::default() };
        };
        if step["times"].as_u64().is_some_and(|times| earlier as u64 >= times) {
            for fault in ["http", "retry_after", "delay_ms", "drop", "cut"] {
                step[fault] = Value::Null;
            }
        }
        let text = step["text"].as_str().unwrap_or_default().to_owned();
        let mut reply = Reply {
            text,
            http: step["http"].as_u64().and_then(|s| u16::try_from(s).ok()),
            message: step["message"].as_str().map(str::to_owned),
            retry_after: step["retry_after"].as_u64(),
            limit: step["limit"].as_str().map(str::to_owned),
            delay_ms: step["delay_ms"].as_u64().unwrap_or(0),
            drop: step["drop"] == true,
            cut: step["cut"] == true,
            call: None,
        };
        // A request without tools asks for a title or a summary.
        if !self.tools.is_empty() {
            let id = format!("call_s{}_{:08x}", self.number, self.tools.len());
            reply.call = self.call(&step).map(|(name, args)| (id, name, args));
        }
        if reply.call.is_none() && reply.text.is_empty() {
            "scripted".clone_into(&mut reply.text);
        }
        reply
    }

    fn call(&self, step: &Value) -> Option<(String, Value)> {
        if let Some(command) = step["bash"].as_str() {
            let name = self.pick(&["Bash", "bash", "run_shell_command", "exec_command"])?;
            let key = if name == "exec_command" { "cmd" } else { "command" };
            let mut args = json!({key: command});
            if step["escalate"] == true && name == "exec_command" {
                args["sandbox_permissions"] = json!("require_escalated");
                args["justification"] = json!("it is needed");
            }
            if name != "exec_command" {
                args["description"] = json!("scripted command");
            }
            if step["background"] == true {
                args["run_in_background"] = json!(true);
            }
            return Some((name, args));
        }
        if let Some(path) = step["write"].as_str() {
            let Some(name) = self.pick(&["Write", "write", "write_file"]) else {
                // Codex offers a shell only.
                let command = format!("printf %s '{}' > '{path}'", step["content"].as_str().unwrap_or_default());
                return self.call(&json!({"bash": command}));
            };
            let key = if name == "write" { "filePath" } else { "file_path" };
            return Some((name, json!({key: path, "content": step["content"]})));
        }
        if step["agent"].is_array() {
            return self.sub_agent(&format!("Follow the script. {MARK} {} ]]", step["agent"]));
        }
        let tool = step["mcp"].as_str()?;
        // Gemini hides that name.
        let tool = if tool == "ask_user" && self.tools.iter().any(|t| t.ends_with("ask_person")) {
            "ask_person"
        } else {
            tool
        };
        let names =
            ["mcp__ganger__", "ganger_", "mcp_ganger_", "mcp__ganger::"].map(|prefix| format!("{prefix}{tool}"));
        let name = self.pick(&names.each_ref().map(String::as_str))?;
        Some((name, step["args"].clone()))
    }

    fn sub_agent(&self, prompt: &str) -> Option<(String, Value)> {
        let name = self.pick(&["Agent", "task", "multi_agent_v1::spawn_agent", "invoke_agent"])?;
        let args = match name.as_str() {
            "Agent" => json!({"description": "scripted", "prompt": prompt, "subagent_type": "general-purpose"}),
            "task" => json!({"description": "scripted", "prompt": prompt, "subagent_type": "general"}),
            "invoke_agent" => json!({"agent_name": "generalist", "prompt": prompt}),
            _ => json!({"items": [{"type": "text", "text": prompt}]}),
        };
        Some((name, args))
    }

    fn pick(&self, names: &[&str]) -> Option<String> {
        names.iter().find(|n| self.tools.iter().any(|t| t == *n)).map(ToString::to_string)
    }
}

/// What `ganger doctor --prove` asks for; its mission cannot carry a script.
const PROOF: &str = r#"[{"bash": "echo proof > proof.txt"},
    {"mcp": "report_result", "args": {"summary": "written", "done": [{"item": "1", "how": "it does"}]}}, {"text": "done"}]"#;

/// The last script in a text. The prompt of some CLIs arrives wrapped and escaped.
fn steps(text: &str) -> Option<Vec<Value>> {
    if text.contains("Mission: Check that this runtime works") {
        return serde_json::from_str(PROOF).ok();
    }
    let from = text.rfind(MARK)? + MARK.len();
    let mut values = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Vec<Value>>();
    values.next()?.ok()
}

/// Those of the ticket that a mission is about: what it quotes of others stands before.
fn steps_of_ticket(text: &str, of_tickets: &BTreeMap<String, Vec<Value>>) -> Option<Vec<Value>> {
    let from = text.rfind(TICKET)? + TICKET.len();
    let ticket = text[from..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
    let of_kind = || of_tickets.get(&format!("*-{}", ticket.rsplit('-').next()?));
    of_tickets.get(ticket).or_else(of_kind).cloned()
}

/// Each assistant turn is one step; calls carry the number, so that repeated requests count once.
fn position(items: &[Item]) -> usize {
    let mut next = 0;
    let mut in_turn = false;
    for item in items {
        match item {
            Item::Call(id) => {
                let number =
                    id.split("_s").nth(1).and_then(|r| r.split('_').next()).and_then(|n| n.parse::<usize>().ok());
                next = number.map_or(next, |n| next.max(n + 1));
                in_turn = true;
            }
            Item::Assistant => {
                next += usize::from(!in_turn);
                in_turn = true;
            }
            Item::User(_) | Item::Result => in_turn = false,
        }
    }
    next
}
