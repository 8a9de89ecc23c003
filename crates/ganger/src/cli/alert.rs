//! `ganger alert`: what you are told while you are elsewhere, and through what.

use super::board;
use super::out::{ago, data, hint, json, table, talk};
use crate::alerts::{self, Alert, Notebook, Waiting};
use crate::board::shapes::{self, time};
use crate::config::{AlertKind, Alerts, Channel, Config};
use crate::failure::{Exit, Failure};
use crate::os::now_ms;
use crate::text;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List your channels, what they tell of, and what is on its way
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a test through your channels, or through one
    Test {
        /// Its name
        channel: Option<String>,
    },
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { json } => list(json).await,
        Command::Test { channel } => test(channel.as_deref()).await,
    }
}

async fn list(as_json: bool) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let config = board.project.config();
    let notebook = Notebook::open(&board.project.state)?;
    let now = now_ms();
    if as_json {
        json(shape(config, &notebook))?;
        return Ok(Exit::Done);
    }
    if config.channels.is_empty() {
        talk!("You have no channel: nobody is told of anything.");
        hint("add a `[[channel]]` to your own configuration: docs/alerts.md");
    }
    let row = |channel: &Channel| {
        vec![channel.name.clone(), way(channel).to_owned(), kinds(channel, &config.alerts).join(", ")]
    };
    table(&config.channels.iter().map(row).collect::<Vec<_>>());
    for waiting in notebook.waiting.values() {
        let fault = waiting
            .fault
            .as_deref()
            .map(|why| format!(" ({}: {why})", text::counted(waiting.tries as usize, "attempt")));
        let when = ago(now.saturating_sub(waiting.since));
        data!("on its way to {}, {when}: {}{}", waiting.channel, waiting.alert.text, fault.unwrap_or_default());
    }
    if !notebook.told.is_empty() {
        data!("{} told and not over yet", text::counted(notebook.told.len(), "condition"));
    }
    Ok(Exit::Done)
}

fn way(channel: &Channel) -> &'static str {
    match (channel.desktop, channel.webhook.is_empty()) {
        (true, _) => "desktop",
        (false, false) => "webhook",
        (false, true) => "command",
    }
}

fn kinds(channel: &Channel, alerts: &Alerts) -> Vec<&'static str> {
    let kinds = if channel.when.is_empty() { &alerts.when } else { &channel.when };
    kinds.iter().map(|kind| kind.as_str()).collect()
}

fn shape(config: &Config, notebook: &Notebook) -> shapes::Alerts {
    let channel = |channel: &Channel| shapes::AlertChannel {
        name: channel.name.clone(),
        by: way(channel),
        when: kinds(channel, &config.alerts),
    };
    let waiting = |waiting: &Waiting| shapes::AlertWaiting {
        channel: waiting.channel.clone(),
        condition: waiting.alert.key.clone(),
        text: waiting.alert.text.clone(),
        since: time(waiting.since),
        tries: waiting.tries,
        fault: waiting.fault.clone(),
    };
    let told = notebook.told.iter().map(|(key, told)| shapes::AlertTold { condition: key.clone(), at: time(told.at) });
    shapes::Alerts {
        channels: config.channels.iter().map(channel).collect(),
        told: told.collect(),
        waiting: notebook.waiting.values().map(waiting).collect(),
    }
}

async fn test(only: Option<&str>) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let channels = &board.project.config().channels;
    let meant: Vec<&Channel> = channels.iter().filter(|c| only.is_none_or(|name| c.name == name)).collect();
    if meant.is_empty() {
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        let failure = match only {
            Some(name) => Failure::usage(format!("you have no channel `{name}`")),
            None => Failure::usage("you have no channel"),
        };
        return Err(failure.hint(match names.is_empty() {
            true => "add a `[[channel]]` to your own configuration: docs/alerts.md".to_owned(),
            false => format!("your channels: {}", names.join(", ")),
        }));
    }
    let alert = Alert {
        key: "test".to_owned(),
        kind: AlertKind::Card,
        text: "this is a test".to_owned(),
        next: "ganger status".to_owned(),
        ticket: None,
        card: None,
    };
    let mut exit = Exit::Done;
    for channel in meant {
        match alerts::send(channel, &alert, &board.project, now_ms()).await {
            Ok(()) => talk!("{}: taken", channel.name),
            Err(why) => {
                talk!("{}: not taken: {why}", channel.name);
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}
