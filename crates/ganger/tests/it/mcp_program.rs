//! `ganger mcp`: a client that writes JSON-RPC on its stdin, with and without a run.

use crate::support::Place;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    requests: u64,
}

impl Client {
    fn start(place: &Place, args: &[&str]) -> Self {
        let args: Vec<&str> = [&["mcp"], args].concat();
        let mut command = place.command(&args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout, requests: 0 }
    }

    /// As a client of 2025-11-25 begins.
    fn initialized(place: &Place, args: &[&str]) -> Self {
        let mut client = Self::start(place, args);
        let info = json!({"name": "test", "version": "1"});
        let opened =
            client.ask("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}));
        assert_eq!(opened["protocolVersion"], "2025-11-25");
        client.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "it ended before it answered {method}");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{answer}");
                return answer["result"].clone();
            }
        }
    }

    fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// When stdin is closed it ends by itself.
    fn ends(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn words(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[test]
fn a_session_of_your_own_sees_the_board_files_tickets_and_writes_to_agents() {
    let place = Place::scripted("true", &json!({}));
    place.add(&["one", "--description", "The first."]);
    let mut client = Client::initialized(&place, &["--as", "helper"]);
    let tools = client.ask("tools/list", json!({}))["tools"].clone();
    let tools = tools.as_array().unwrap();
    let listed = tools.iter().find(|tool| tool["name"] == "ticket_list").unwrap();
    assert!(listed["annotations"]["readOnlyHint"] == true && listed["outputSchema"]["type"] == "object", "{listed}");
    assert!(!tools.iter().any(|tool| tool["name"] == "ticket_note"), "it is about no ticket");
    let listed = client.call("ticket_list", json!({}));
    assert_eq!(listed["structuredContent"]["tickets"][0]["title"], "one");
    let shown = client.call("ticket_show", json!({"id": "T-1"}));
    assert_eq!(shown["structuredContent"]["description"], "The first.");
    let filed = client.call("ticket_add", json!({"title": "two"}));
    assert_eq!(
        (&filed["structuredContent"]["id"], &filed["structuredContent"]["card"]),
        (&json!("T-2"), &json!("C-1"))
    );
    let sent = client.call("swarmmail_send", json!({"to": ["T-1"], "subject": "The form", "body": "A list."}));
    assert_eq!(sent["structuredContent"]["to"][0]["status"], "queued");
    let refused = client.call("report_result", json!({"summary": "done"}));
    assert!(refused["isError"] == true && words(&refused).contains("is for agents that Ganger started"), "{refused}");
    let unknown = client.call("ticket_show", json!({"id": "T-9"}));
    assert!(words(&unknown).contains("there is no ticket T-9"), "{unknown}");
    client.ends();
    assert_eq!(place.ticket("T-2")["filed_by"]["agent"], "helper");
    let mail = place.ganger(&["message", "show", "M-1", "--json"]).exits(0).json();
    assert_eq!((&mail["from"]["name"], &mail["from"]["ticket"]), (&json!("helper"), &Value::Null));
}

#[test]
fn a_client_of_the_newest_protocol_needs_no_handshake() {
    let place = Place::scripted("true", &json!({}));
    place.add(&["one"]);
    let mut client = Client::start(&place, &["--ticket", "T-1"]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": "ticket_note", "arguments": {"text": "Seen."}, "_meta": meta});
    let noted = client.ask("tools/call", params);
    assert_eq!(words(&noted), "Noted.");
    client.ends();
    assert_eq!(place.ticket("T-1")["notes"][0]["text"], "Seen.");
}

/// A client that saw no answer sends its request again, and does not know whether it was carried out.
#[test]
fn a_request_that_is_sent_again_is_carried_out_once() {
    let place = Place::scripted("true", &json!({}));
    place.add(&["one"]);
    let mut client = Client::initialized(&place, &[]);
    let send = |client: &mut Client| {
        let sent = client.call("swarmmail_send", json!({"to": ["T-1"], "subject": "s", "body": "b"}));
        sent["structuredContent"]["message_id"].clone()
    };
    let first = send(&mut client);
    client.requests -= 1;
    assert_eq!((&first, send(&mut client)), (&json!("M-1"), json!("M-1")));
    assert_eq!(send(&mut client), "M-2", "another request is another message");
    client.ends();
}

#[test]
fn it_works_beside_a_run() {
    let place = Place::scripted("true", &json!({"*": [[{"hang": true}]]}));
    place.add(&["one"]);
    let mut run = place.start(&["run"]);
    let mut client = Client::initialized(&place, &[]);
    crate::support::wait_until("the agent is at work", std::time::Duration::from_secs(40), || {
        let listed = client.call("ticket_list", json!({"status": "running"}));
        listed["structuredContent"]["tickets"].as_array().is_some_and(|tickets| tickets.len() == 1)
    });
    let sent = client.call("swarmmail_send", json!({"to": ["all"], "subject": "s", "body": "b"}));
    assert_eq!(sent["structuredContent"]["to"][0]["to"], "T-1");
    client.ends();
    crate::support::kill(run.pid(), 9);
    crate::support::wait_until("the run is gone", std::time::Duration::from_secs(40), || run.has_ended());
}
