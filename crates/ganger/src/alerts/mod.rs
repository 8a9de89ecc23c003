//! Alerts: what a run tells a person who is elsewhere. They follow the journal as any other reader could, so that a channel
//! that is slow or down delays nothing. What is to be told is kept beside the journal until it is told, over the end of the
//! run if need be, and each condition is told once until it clears.

mod channel;
mod condition;
mod notebook;

pub(crate) use channel::send;
pub(crate) use condition::{Alert, Look, now as conditions};
pub(crate) use notebook::{Notebook, Waiting};

use crate::board::{Board, Follow, Happening, Reader};
use crate::config::Config;
use crate::failure::Failure;
use crate::log;
use crate::os::now_ms;
use crate::project::Project;
use condition::Ended;
use ganger_engine::{State, TicketId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Between two looks when nothing happens: what only time brings is told that late.
const BEAT: Duration = Duration::from_secs(2);
/// How long the end of a run waits for channels. What is not told then, the next run tells.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Alerts while a run works.
pub(crate) struct Alerts(Reader);

impl Alerts {
    /// Begins, if the person has a channel.
    pub(crate) async fn start(board: &Board) -> Result<Option<Self>, Failure> {
        if board.project.config().channels.is_empty() {
            return Ok(None);
        }
        let (notebook, project) = (Notebook::open(&board.project.state)?, Arc::clone(&board.project));
        let run = move |state: State, follow, ended| {
            let watch = Watch {
                last: state.n,
                state,
                ended: Ended::default(),
                heard: BTreeMap::new(),
                unsaved: None,
                was_busy: false,
                notebook,
                sending: JoinSet::new(),
                project,
            };
            watch.run(follow, ended)
        };
        Reader::start(board, "alerts", run).await.map(|reader| Some(Self(reader)))
    }

    /// Tells what is left to tell, and ends.
    pub(crate) async fn close(self, project: &Project) {
        if let Err(failure) = self.0.close().await {
            log::note(project, &format!("alerts ended early: {failure}"));
        }
    }
}

struct Watch {
    state: State,
    /// The last record that is in it.
    last: u64,
    ended: Ended,
    /// When an agent was last heard of, by ticket.
    heard: BTreeMap<TicketId, u64>,
    /// What could not be noted, until it could.
    unsaved: Option<String>,
    /// There was something to do in this run: an end of it is worth telling.
    was_busy: bool,
    notebook: Notebook,
    /// By the number of what is told.
    sending: JoinSet<(u64, Result<(), String>)>,
    project: Arc<Project>,
}

impl Watch {
    fn config(&self) -> &Config {
        self.project.config()
    }

    async fn run(mut self, mut follow: Follow, mut ended: oneshot::Receiver<()>) -> Result<(), Failure> {
        loop {
            self.read(&mut follow).await?;
            self.look();
            tokio::select! {
                // Without a sender there is nobody who could end it otherwise.
                _ = &mut ended => break,
                Some(Ok((number, sent))) = self.sending.join_next() => self.sent(number, sent),
                waited = follow.wait(BEAT) => waited?,
            }
        }
        self.read(&mut follow).await?;
        self.look();
        let told = async {
            while let Some(Ok((number, sent))) = self.sending.join_next().await {
                self.sent(number, sent);
                self.send_due();
            }
        };
        // What takes longer is told by the next run.
        let _later = tokio::time::timeout(LAST_WORDS, told).await;
        Ok(())
    }

    async fn read(&mut self, follow: &mut Follow) -> Result<(), Failure> {
        loop {
            let new = follow.next().await?;
            for happening in &new {
                if let Happening::Activity(activity) = happening {
                    self.heard.insert(activity.ticket.clone(), activity.at);
                }
                let Happening::Record(record) = happening else { continue };
                // What is in the state already was read with it.
                if record.n <= self.last {
                    continue;
                }
                self.last = record.n;
                for event in &record.events {
                    self.ended.note(record.now, event);
                    // What cannot follow is the doctor's to name; here it is only told of.
                    let _impossible = self.state.apply(record.now, event);
                }
            }
            if new.is_empty() {
                return Ok(());
            }
        }
    }

    /// Finds what is new to tell, and sends what is due.
    fn look(&mut self) {
        let now = now_ms();
        self.was_busy |= !condition::is_all_done(&self.state);
        let look = Look { state: &self.state, ended: &self.ended, heard: &self.heard, was_busy: self.was_busy };
        let found = conditions(&look, &self.config().alerts, now);
        let project = Arc::clone(&self.project);
        let config = project.config();
        if self.notebook.note(found, &config.channels, &config.alerts, now) || self.unsaved.is_some() {
            self.save();
        }
        self.send_due();
    }

    fn send_due(&mut self) {
        let project = Arc::clone(&self.project);
        let channels = &project.config().channels;
        for (number, waiting) in self.notebook.due(now_ms()) {
            let Some(channel) = channels.iter().find(|c| c.name == waiting.channel).cloned() else { continue };
            let project = Arc::clone(&project);
            self.sending.spawn(async move { (number, send(&channel, &waiting.alert, &project, number).await) });
        }
    }

    /// What cannot be kept now is told all the same, and kept when it can.
    fn save(&mut self) {
        let fault = self.notebook.save().err().map(|e| e.to_string());
        if let Some(why) = fault.as_ref().filter(|_| self.unsaved.is_none()) {
            log::note(&self.project, &format!("alerts that are told cannot be noted: {why}"));
        }
        self.unsaved = fault;
    }

    fn sent(&mut self, number: u64, sent: Result<(), String>) {
        if let Err(why) = &sent {
            log::note(&self.project, &format!("alert {number} is not told yet: {why}"));
        }
        self.notebook.sent(number, sent, now_ms());
        self.save();
    }
}
