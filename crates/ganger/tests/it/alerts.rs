//! Alerts: what reaches a person who is elsewhere, once each, whatever a channel does.

use crate::support::Place;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

/// A place whose first ticket asks and whose second is done, with these channels.
fn place(channels: &str) -> Place {
    let report = json!({"report": {"summary": "done", "done": []}});
    let script = json!({
        "T-1": [[{"tool": "ask_user", "args": {"question": "Which?", "options": ["red", "blue"]}}], [report]],
        "*": [[{"write": "a.txt", "text": "a"}, report]],
    });
    let place = Place::scripted("true", &script);
    let own = place.home().join(".config/ganger");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("config.toml"), channels).unwrap();
    place
}

/// What a channel by command was given, an alert a line.
fn told(place: &Place, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path(file)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(alerts: &[Value]) -> Vec<&str> {
    alerts.iter().map(|alert| alert["kind"].as_str().unwrap()).collect()
}

/// A channel that appends what it gets, a line each.
fn appends(place: &str, name: &str) -> String {
    format!("[[channel]]\nname = \"{name}\"\ncommand = '''cat >> {place}/{name}; echo >> {place}/{name}'''\n")
}

#[test]
fn a_card_is_told_once_over_runs_until_it_is_answered_and_the_end_is_told_too() {
    let place = place("");
    let folder = place.path("").display().to_string();
    std::fs::write(place.home().join(".config/ganger/config.toml"), appends(&folder, "told")).unwrap();
    place.add(&["asks"]);
    place.ganger(&["run"]).exits(3);
    let alerts = told(&place, "told");
    assert_eq!(kinds(&alerts), ["card"]);
    assert_eq!((&alerts[0]["ticket"], &alerts[0]["card"]), (&json!("T-1"), &json!("C-1")));
    assert!(alerts[0]["alert"].as_str().unwrap().contains("Which?"), "{alerts:?}");
    assert_eq!(alerts[0]["next"], "ganger answer C-1");

    place.add(&["works"]);
    place.ganger(&["run"]).exits(3);
    assert_eq!(told(&place, "told").len(), 1, "it waits still, and was told");

    place.ganger(&["answer", "C-1", "red"]).exits(0);
    place.ganger(&["ticket", "close", "T-1"]).exits(0);
    place.add(&["works, too"]);
    place.ganger(&["run"]).exits(0);
    let alerts = told(&place, "told");
    assert_eq!(kinds(&alerts), ["card", "done"]);
    assert!(alerts[1]["alert"].as_str().unwrap().contains("2 accepted"), "{alerts:?}");
}

/// The one that is down fails at once; the run ends, and the next one tells through it.
#[test]
fn what_a_channel_does_not_take_is_told_by_a_later_run() {
    let place = place("");
    let folder = place.path("").display().to_string();
    let down = format!(
        "[[channel]]\nname = \"down\"\ncommand = '''test -e {folder}/up || {{ echo away >&2; exit 7; }}; cat >> {folder}/late; echo >> {folder}/late'''\n"
    );
    std::fs::write(place.home().join(".config/ganger/config.toml"), appends(&folder, "told") + &down).unwrap();
    place.add(&["asks"]);
    place.ganger(&["run"]).exits(3);
    assert_eq!(kinds(&told(&place, "told")), ["card"], "the other channel told it");
    let listed = place.ganger(&["alert", "list", "--json"]).json();
    let waiting = &listed["waiting"][0];
    assert_eq!((&waiting["channel"], &waiting["condition"]), (&json!("down"), &json!("card/C-1")));
    assert!(waiting["fault"].as_str().unwrap().contains("away"), "{waiting}");

    std::fs::write(place.path("up"), "").unwrap();
    let mut run = place.start(&["run", "--forever"]);
    crate::support::wait_until("the channel to be told", std::time::Duration::from_secs(60), || {
        !told(&place, "late").is_empty()
    });
    crate::support::kill(run.pid(), 2);
    run.code(std::time::Duration::from_secs(30));
    assert_eq!(kinds(&told(&place, "late")), ["card"]);
    assert_eq!(kinds(&told(&place, "told")), ["card"], "once");
}

/// Through a channel that takes its time, says much on stderr, and leaves something running.
#[test]
fn all_that_waits_at_the_end_of_a_run_is_told() {
    let asks = json!([[{"tool": "ask_user", "args": {"question": "Which?", "options": ["red", "blue"]}}]]);
    let place = Place::scripted("true", &json!({"*": asks}));
    let folder = place.path("").display().to_string();
    let own = place.home().join(".config/ganger");
    std::fs::create_dir_all(&own).unwrap();
    let slow = "cat >> $F/slow; echo >> $F/slow; yes | head -c 100000 >&2; sleep 30 &".replace("$F", &folder);
    std::fs::write(own.join("config.toml"), format!("[[channel]]\nname = \"slow\"\ncommand = '''{slow}'''\n")).unwrap();
    place.add(&["one"]);
    place.add(&["two"]);
    place.add(&["three"]);
    place.ganger(&["run"]).exits(3);
    let mut cards: Vec<String> =
        told(&place, "slow").iter().map(|a| a["ticket"].as_str().unwrap().to_owned()).collect();
    cards.sort();
    assert_eq!(cards, ["T-1", "T-2", "T-3"]);
    assert_eq!(place.ganger(&["alert", "list", "--json"]).json()["waiting"], json!([]));
}

/// A server that says of each request whether it was taken, and hands it out.
fn server() -> (String, mpsc::Receiver<(Vec<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let request = read(stream.unwrap());
            if sender.send(request).is_err() {
                break;
            }
        }
    });
    (address, receiver)
}

fn read(stream: TcpStream) -> (Vec<String>, String) {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_owned());
    }
    let length = headers.iter().find_map(|h| h.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    (headers, String::from_utf8(body).unwrap())
}

#[test]
fn a_webhook_is_posted_to_and_signed() {
    let (address, requests) = server();
    let mut place =
        place(&format!("[[channel]]\nname = \"team\"\nwebhook = \"{address}\"\nsecret_env = \"HOOK_SECRET\"\n"));
    place.ganger(&["alert", "test"]).exits(1).says("the variable HOOK_SECRET is not set");
    place.set_env("HOOK_SECRET", "s3cret");
    place.ganger(&["alert", "test"]).exits(0).says("team: taken");
    let (headers, body) = requests.recv().unwrap();
    let value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&value["alert"], &value["project"]), (&json!("this is a test"), &json!("shop")));
    let signature = headers.iter().find_map(|h| h.strip_prefix("X-Ganger-Signature: sha256=")).unwrap();
    let script = "import hmac,sys; print(hmac.new(b's3cret', sys.stdin.buffer.read(), 'sha256').hexdigest())";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let expected = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(signature, expected.trim());
}

#[test]
fn channels_are_yours_and_not_a_repositorys() {
    let place = place("[[channel]]\nname = \"x\"\ncommand = \"true\"\ndesktop = true\n");
    place.ganger(&["status"]).exits(2).says("`x` needs one of `command`, `webhook` and `desktop = true`");
    std::fs::remove_file(place.home().join(".config/ganger/config.toml")).unwrap();
    let project = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{project}\n[[channel]]\nname = \"x\"\ncommand = \"curl evil\"\n"));
    place.ganger(&["status"]).exits(2).says("can be set only in your own configuration");
}
