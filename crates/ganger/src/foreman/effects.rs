//! Acting on the plan: what is wanted and not under way is begun. After a crash the same plan comes
//! again, and every effect looks at the world before it acts (ARCHITECTURE.md has the table).

use super::{Mode, Stop, merge};
use crate::failure::Failure;
use crate::os::crash;
use crate::project::Project;
use crate::protocol::{News, Offer, ToHost, host_subject, publish_json};
use ganger_bus::{Bus, BusError};
use ganger_engine::{AttemptId, DeliveryId, Effect, HostId, Kind, Plan, State, TicketId, cancel_all};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A message to a host is sent again when its effect is still wanted after this time.
const REPEAT: Duration = Duration::from_secs(5);
/// How many worktrees are made ahead of need.
const PREPARE_AHEAD: usize = 4;

pub(super) struct Effects {
    project: Arc<Project>,
    bus: Arc<dyn Bus>,
    acting: BTreeMap<String, Instant>,
    prepared: BTreeSet<TicketId>,
    merge: Option<JoinHandle<()>>,
    incarnation: Option<String>,
}

impl Effects {
    pub(super) fn new(project: Arc<Project>, bus: Arc<dyn Bus>) -> Self {
        let effects =
            Self { project, bus, acting: BTreeMap::new(), prepared: BTreeSet::new(), merge: None, incarnation: None };
        effects.lay_ballast();
        effects
    }

    pub(super) fn expect_host(&mut self, incarnation: &str) {
        self.incarnation = Some(incarnation.to_owned());
    }

    /// Whether the host of this run is on the board, in its present life.
    pub(super) fn host_reported(&self, state: &State, host: &HostId) -> bool {
        let expected = self.incarnation.as_ref();
        expected.is_none_or(|i| state.hosts.get(host).is_some_and(|h| h.alive && &h.report.incarnation == i))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.merge.as_ref().is_none_or(JoinHandle::is_finished)
    }

    pub(super) async fn act(&mut self, state: &State, plan: &Plan, mode: &Mode, stopping: Stop) -> Result<(), Failure> {
        let mut effects = plan.effects.clone();
        if stopping == Stop::Now {
            effects.extend(cancel_all(state));
        }
        let wanted: BTreeSet<String> = effects.iter().map(Effect::key).collect();
        self.acting.retain(|key, _| wanted.contains(key));
        for effect in &effects {
            let key = effect.key();
            if self.acting.get(&key).is_some_and(|begun| begun.elapsed() < REPEAT) {
                continue;
            }
            self.acting.insert(key, Instant::now());
            self.begin(state, effect).await?;
        }
        if stopping == Stop::No && mode.dispatch {
            self.prepare_ahead(state, mode).await?;
        }
        crash::point("after-act");
        Ok(())
    }

    async fn begin(&mut self, state: &State, effect: &Effect) -> Result<(), BusError> {
        match effect {
            Effect::Offer { attempt, host, .. } => match offer(state, attempt) {
                Some(offer) => self.tell(host, &ToHost::Offer(Box::new(offer))).await,
                None => Ok(()),
            },
            Effect::Cancel { attempt, host, token } => {
                self.tell(host, &ToHost::Cancel { attempt: attempt.clone(), token: *token }).await
            }
            Effect::Deliver { attempt, host, token, delivery } => match news(state, delivery) {
                Some(news) => {
                    let news = Box::new(news);
                    self.tell(host, &ToHost::Deliver { attempt: attempt.clone(), token: *token, news }).await
                }
                None => Ok(()),
            },
            Effect::AnswerPermission { host, token, answer } => {
                self.tell(host, &ToHost::Settle { token: *token, answer: answer.clone() }).await
            }
            Effect::Verify { ticket, host, token, commit, gates } => {
                let Some(t) = state.tickets.get(ticket) else {
                    return Ok(());
                };
                let verify = ToHost::Verify {
                    ticket: ticket.clone(),
                    token: *token,
                    commit: commit.clone(),
                    revision: t.revision,
                    base: t.base.clone(),
                    gates: gates.clone(),
                };
                self.tell(host, &verify).await
            }
            Effect::RemoveWorktree { ticket, host } => {
                let incarnation = state.hosts.get(host).map(|h| h.report.incarnation.clone()).unwrap_or_default();
                self.tell(host, &ToHost::Retire { ticket: ticket.clone(), incarnation }).await
            }
            Effect::Merge { ticket, commit } => {
                if self.is_idle()
                    && let Some(t) = state.tickets.get(ticket)
                {
                    let job = merge::Job {
                        ticket: ticket.clone(),
                        commit: commit.clone(),
                        title: t.spec.title.clone(),
                        revision: t.revision,
                        marker: self.incarnation.clone().unwrap_or_default(),
                        approved_by: t.merge_approval.as_ref().map(|(_, by)| by.clone()).unwrap_or_default(),
                    };
                    self.merge = Some(merge::start(Arc::clone(&self.project), Arc::clone(&self.bus), job));
                }
                Ok(())
            }
        }
    }

    async fn tell(&self, host: &HostId, message: &ToHost) -> Result<(), BusError> {
        publish_json(&self.bus, host_subject(host), message, None).await
    }

    /// Worktrees take longer to make than agents to start: the next ones are made while others work.
    async fn prepare_ahead(&mut self, state: &State, mode: &Mode) -> Result<(), BusError> {
        let Some((host, _)) = state.hosts.iter().find(|(_, h)| h.alive) else {
            return Ok(());
        };
        let next: Vec<TicketId> = state
            .ready()
            .filter(|(id, _)| mode.scope.as_ref().is_none_or(|s| s.contains(id)))
            .filter(|(_, t)| t.spec.after.is_empty() && t.attempts == 0)
            .take(PREPARE_AHEAD + state.attempts.len())
            .map(|(id, _)| id.clone())
            .filter(|id| !self.prepared.contains(id))
            .collect();
        for ticket in next {
            self.prepared.insert(ticket.clone());
            self.tell(host, &ToHost::Prepare { ticket }).await?;
        }
        Ok(())
    }

    /// A file whose room the closing records take when the disk is full.
    fn lay_ballast(&self) {
        let path = self.ballast();
        if std::fs::metadata(&path).is_ok_and(|m| m.len() == BALLAST_BYTES as u64) {
            return;
        }
        // Without room for it there will be none for the records either; the append will say so.
        let _no_room = std::fs::write(&path, vec![0xA5_u8; BALLAST_BYTES]);
    }

    pub(super) fn free_ballast(&self) {
        let _absent = std::fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.project.state.join("ballast")
    }
}

fn news(state: &State, id: &DeliveryId) -> Option<News> {
    let delivery = state.deliveries.get(id)?.clone();
    let ticket = state.tickets.get(&delivery.ticket)?;
    Some(News { delivery, spec: ticket.spec.clone(), revision: ticket.revision })
}

/// Room for some thousand records.
const BALLAST_BYTES: usize = 1 << 20;

fn offer(state: &State, id: &AttemptId) -> Option<Offer> {
    let attempt = state.attempts.get(id)?;
    let ticket = state.tickets.get(&attempt.ticket)?;
    let deliveries = attempt.deliveries.iter().filter_map(|d| state.deliveries.get(d)).cloned().collect();
    let accepted = |d: &TicketId| Some((d.clone(), state.tickets.get(d)?.accepted.clone()?));
    let mut bases: Vec<(TicketId, _)> = ticket.spec.after.iter().filter_map(accepted).collect();
    // A join contains what it joined: taken first, the others have nothing to add.
    let is_join = |id: &TicketId| state.tickets.get(id).is_some_and(|t| t.spec.kind == Kind::Integration);
    bases.sort_by_key(|(id, _)| !is_join(id));
    Some(Offer {
        attempt: id.clone(),
        token: attempt.token,
        ticket: attempt.ticket.clone(),
        spec: ticket.spec.clone(),
        revision: ticket.revision,
        number: ticket.attempts,
        agent: attempt.agent.clone(),
        session: attempt.session.clone(),
        deliveries,
        told: ticket.delivered_texts.clone(),
        bases,
        base: ticket.base.clone(),
    })
}
