//! `[alerts]` and `[[channel]]`: what you are told of while you are elsewhere, and how. Only in the person's own file,
//! for a channel runs a command of its own or sends what happens to others.

use serde::{Deserialize, Serialize};

/// What you can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertKind {
    /// A card waits for an answer.
    Card,
    /// Nothing has changed about work that is under way for long.
    Stuck,
    /// A part of a day's budget is used up.
    Budget,
    /// Many attempts fail.
    Failures,
    /// Much work is ready and waits for a slot.
    Queue,
    /// All that was to be done is accepted, merged or closed.
    Done,
}

impl AlertKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Stuck => "stuck",
            Self::Budget => "budget",
            Self::Failures => "failures",
            Self::Queue => "queue",
            Self::Done => "done",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alerts {
    /// What is told of, by every channel that does not say otherwise.
    pub(crate) when: Vec<AlertKind>,
    pub(crate) stuck_minutes: u64,
    /// Parts of `budget.day_tokens` and `budget.agent_day_tokens`.
    pub(crate) budget_percent: Vec<u64>,
    /// Of the attempts that ended within the last hour.
    pub(crate) failures_percent: u64,
    pub(crate) queue_over: u64,
}

impl Default for Alerts {
    fn default() -> Self {
        use AlertKind::{Budget, Card, Done, Failures, Stuck};
        Self {
            when: vec![Card, Stuck, Budget, Failures, Done],
            stuck_minutes: 120,
            budget_percent: vec![80, 100],
            failures_percent: 50,
            queue_over: 5,
        }
    }
}

/// A way to a person.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Channel {
    pub(crate) name: String,
    /// Run by `sh`, with the alert as JSON on its standard input.
    pub(crate) command: String,
    /// The alert is posted to it as JSON.
    pub(crate) webhook: String,
    /// The variable that holds the secret by which posts are signed.
    pub(crate) secret_env: String,
    /// By the notifications of the desktop.
    pub(crate) desktop: bool,
    /// What it tells of; empty: what `alerts.when` says.
    pub(crate) when: Vec<AlertKind>,
}

impl Channel {
    pub(crate) fn tells_of(&self, kind: AlertKind, alerts: &Alerts) -> bool {
        if self.when.is_empty() { alerts.when.contains(&kind) } else { self.when.contains(&kind) }
    }
}

/// What is wrong with the channels, by key.
pub(super) fn faults(alerts: &Alerts, channels: &[Channel], faults: &mut Vec<(String, String)>) {
    let mut fault = |key: &str, why: String| faults.push((key.to_owned(), why));
    for (key, value) in [("alerts.stuck_minutes", alerts.stuck_minutes), ("alerts.queue_over", alerts.queue_over)] {
        if value == 0 {
            fault(key, "must be at least 1".to_owned());
        }
    }
    let parts = [
        ("alerts.budget_percent", &alerts.budget_percent[..]),
        ("alerts.failures_percent", &[alerts.failures_percent]),
    ];
    for (key, parts) in parts {
        if parts.iter().any(|percent| !(1..=100).contains(percent)) {
            fault(key, "must be between 1 and 100".to_owned());
        }
    }
    for (at, channel) in channels.iter().enumerate() {
        let ways = [!channel.command.is_empty(), !channel.webhook.is_empty(), channel.desktop];
        if channel.name.trim().is_empty() {
            fault("channel", format!("number {} has no `name`", at + 1));
        } else if channels[..at].iter().any(|other| other.name == channel.name) {
            fault("channel", format!("`{}` is there twice", channel.name));
        }
        if ways.into_iter().filter(|way| *way).count() != 1 {
            fault("channel", format!("`{}` needs one of `command`, `webhook` and `desktop = true`", channel.name));
        }
        if !channel.secret_env.is_empty() && channel.webhook.is_empty() {
            fault("channel", format!("`{}` has a `secret_env`, which signs webhooks only", channel.name));
        }
        if !channel.webhook.is_empty() && !["http://", "https://"].iter().any(|s| channel.webhook.starts_with(s)) {
            fault("channel", format!("`{}` has a webhook that is no http or https address", channel.name));
        }
    }
}
