//! What was told and what still has to be, in a file beside the journal.

use super::condition::Alert;
use crate::config::{AlertKind, Alerts, Channel};
use crate::failure::Failure;
use crate::os;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FILE: &str = "alerts.json";
const MOST_BYTES: u64 = 16 << 20;
/// Between two tries: twice as long each time, up to the second.
const FIRST_PAUSE_MS: u64 = 5_000;
const LONGEST_PAUSE_MS: u64 = 600_000;
/// What nobody took for a day is old.
const TOO_OLD_MS: u64 = 86_400_000;

/// The notebook of a project. Whoever leads the project writes it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Notebook {
    /// Conditions that hold and were told.
    pub(crate) told: BTreeMap<String, Told>,
    /// What is on its way, by number.
    pub(crate) waiting: BTreeMap<u64, Waiting>,
    /// The last number that was given.
    last: u64,
    #[serde(skip)]
    path: PathBuf,
}

/// When a condition was told first, and through which channels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) at: u64,
    channels: BTreeSet<String>,
}

/// An alert on its way through a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) channel: String,
    pub(crate) alert: Alert,
    pub(crate) since: u64,
    pub(crate) tries: u32,
    next: u64,
    /// Why it was not taken the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
    /// It is being sent.
    #[serde(skip)]
    is_sent: bool,
}

impl Notebook {
    /// Reads it. A new one where there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let read = match os::read_regular(&path, MOST_BYTES) {
            Ok(content) => serde_json::from_slice(&content).map_err(|e| e.to_string()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(e.to_string()),
        };
        let hint = "it holds what alerts told; without it they tell what holds now once more: remove it";
        let read: Self = read.map_err(|e| Failure::failed(format!("{}: {e}", path.display())).hint(hint))?;
        Ok(Self { path, ..read })
    }

    pub(crate) fn save(&self) -> std::io::Result<()> {
        os::write_durable(&self.path, &serde_json::to_vec_pretty(self)?)
    }

    /// Takes down what holds now; whether anything changed.
    pub(super) fn note(&mut self, found: Vec<Alert>, channels: &[Channel], rules: &Alerts, now: u64) -> bool {
        let known = self.told.len();
        self.told.retain(|key, _| found.iter().any(|alert| alert.key == *key));
        let mut is_new = self.told.len() < known;
        // What is over need not be told any more, but that all is done.
        let waited = self.waiting.len();
        let holds = |alert: &Alert| alert.kind == AlertKind::Done || found.iter().any(|found| found.key == alert.key);
        let is_known = |name: &str| channels.iter().any(|channel| channel.name == name);
        self.waiting.retain(|_, waiting| {
            let is_due = waiting.since + TOO_OLD_MS > now && holds(&waiting.alert) && is_known(&waiting.channel);
            waiting.is_sent || is_due
        });
        is_new |= self.waiting.len() < waited;
        for alert in found {
            for channel in channels.iter().filter(|channel| channel.tells_of(alert.kind, rules)) {
                let told = self.told.entry(alert.key.clone()).or_insert(Told { at: now, channels: BTreeSet::new() });
                if !told.channels.insert(channel.name.clone()) {
                    continue;
                }
                is_new = true;
                let waiting = Waiting {
                    channel: channel.name.clone(),
                    alert: alert.clone(),
                    since: now,
                    tries: 0,
                    next: now,
                    fault: None,
                    is_sent: false,
                };
                self.last += 1;
                self.waiting.insert(self.last, waiting);
            }
        }
        is_new
    }

    /// What has to be sent now, the oldest of each channel first; it counts as being sent from here on.
    pub(super) fn due(&mut self, now: u64) -> Vec<(u64, Waiting)> {
        let busy = |waiting: &BTreeMap<u64, Waiting>, channel: &str| {
            waiting.values().any(|other| other.is_sent && other.channel == channel)
        };
        let mut due = Vec::new();
        let numbers: Vec<u64> = self.waiting.keys().copied().collect();
        for number in numbers {
            let Some(found) = self.waiting.get(&number) else { continue };
            if found.next <= now
                && !busy(&self.waiting, &found.channel)
                && let Some(found) = self.waiting.get_mut(&number)
            {
                found.is_sent = true;
                due.push((number, found.clone()));
            }
        }
        due
    }

    /// How sending it went.
    pub(super) fn sent(&mut self, number: u64, sent: Result<(), String>, now: u64) {
        let Err(why) = sent else {
            self.waiting.remove(&number);
            return;
        };
        if let Some(waiting) = self.waiting.get_mut(&number) {
            let pause = FIRST_PAUSE_MS.saturating_mul(1 << waiting.tries.min(16)).min(LONGEST_PAUSE_MS);
            waiting.tries += 1;
            waiting.next = now + pause;
            waiting.fault = Some(why);
            waiting.is_sent = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn alert(key: &str) -> Alert {
        let (text, next) = ("t".to_owned(), "n".to_owned());
        Alert { key: key.to_owned(), kind: AlertKind::Card, text, next, ticket: None, card: None }
    }

    fn channel(name: &str) -> Channel {
        Channel { name: name.to_owned(), command: "true".to_owned(), ..Channel::default() }
    }

    #[test]
    fn a_condition_is_told_once_until_it_clears() {
        let (mut notebook, rules, channels) = (Notebook::default(), Alerts::default(), [channel("a"), channel("b")]);
        assert!(notebook.note(vec![alert("card/C-1")], &channels, &rules, 0));
        assert_eq!(notebook.due(0).len(), 2, "each channel tells it");
        assert!(!notebook.note(vec![alert("card/C-1")], &channels, &rules, 1));
        assert_eq!(notebook.waiting.len(), 2);
        notebook.sent(1, Ok(()), 2);
        notebook.sent(2, Err("no".to_owned()), 2);
        assert!(notebook.note(Vec::new(), &channels, &rules, 3));
        assert!(notebook.waiting.is_empty(), "what is over is not told late");
        assert!(notebook.note(vec![alert("card/C-1")], &channels, &rules, 4));
        assert_eq!(notebook.waiting.len(), 2, "it came back");
    }

    #[test]
    fn what_a_channel_does_not_take_is_tried_again_later_and_holds_up_no_other() {
        let (mut notebook, rules) = (Notebook::default(), Alerts::default());
        let channels = [channel("down"), channel("up")];
        notebook.note(vec![alert("card/C-1"), alert("card/C-2")], &channels, &rules, 0);
        let due = notebook.due(0);
        assert_eq!(due.iter().map(|(n, w)| (*n, w.channel.as_str())).collect::<Vec<_>>(), [(1, "down"), (2, "up")]);
        assert!(notebook.due(0).is_empty(), "one at a time through each");
        notebook.sent(1, Err("no".to_owned()), 0);
        notebook.sent(2, Ok(()), 0);
        assert_eq!(notebook.due(1).iter().map(|(n, _)| *n).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(notebook.due(FIRST_PAUSE_MS).len(), 0, "the channel is busy with another one");
        notebook.sent(3, Ok(()), FIRST_PAUSE_MS);
        assert_eq!(notebook.due(FIRST_PAUSE_MS)[0].0, 1);
        assert_eq!(notebook.waiting[&1].fault.as_deref(), Some("no"));
    }

    #[test]
    fn a_day_is_too_old() {
        let (mut notebook, rules) = (Notebook::default(), Alerts::default());
        notebook.note(vec![alert("card/C-1")], &[channel("a")], &rules, 0);
        assert!(notebook.note(vec![alert("card/C-1")], &[channel("a")], &rules, TOO_OLD_MS));
        assert!(notebook.waiting.is_empty());
    }
}
