//! Commits of a host whose clone is not the foreman's: those that an order names are fetched from the exchange before
//! anything is made of them, and what an agent made is pushed there before the foreman hears of it. The host waits for an
//! exchange that does not answer: that is nobody's failure. What an exchange keeps refusing is a failure with a reason.

use super::Shared;
use super::attempt::publish_activity;
use super::workspaces::PrepareError;
use crate::depot::{Exchange, NotBrought, Traveller};
use crate::git::{GitError, GitResult};
use crate::os::{self, Pauses};
use crate::project::Project;
use crate::wire::{ActivityKind, Elsewhere, Layout};
use ganger_engine::{AttemptId, Commit, TicketId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First wait between two tries.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The foreman may still be pushing what its order names: nothing is said of it before this.
const SAID_AFTER: Duration = Duration::from_secs(2);
/// The host gives up when an exchange that answers does not do what it is asked for this long.
const REFUSED_LIMIT: Duration = Duration::from_secs(60);

/// For whom commits travel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub(super) ticket: &'a TicketId,
    pub(super) attempt: &'a AttemptId,
}

/// What the making of a ticket's workspace needs.
pub(super) fn needed(
    elsewhere: &Elsewhere,
    ticket: &TicketId,
    base: Option<&Commit>,
    others: &[(TicketId, Commit)],
) -> Vec<Traveller> {
    let own = [elsewhere.head.as_ref(), base.filter(|_| elsewhere.head.is_some())].into_iter().flatten();
    let own = own.map(|commit| Traveller::work(ticket, commit.clone()));
    let others = others.iter().map(|(other, commit)| Traveller::work(other, commit.clone()));
    std::iter::once(Traveller::main(elsewhere.main.clone())).chain(own).chain(others).collect()
}

/// The main branch by the clone of the foreman.
pub(super) fn main_by(project: &Project, layout: &Layout) -> GitResult<Option<Commit>> {
    Ok(match &layout.elsewhere {
        Some(elsewhere) => Some(elsewhere.main.clone()),
        None => project.depot()?.person.branch(&layout.main),
    })
}

/// What a workspace or a tree is given to compare with.
pub(super) fn refs_by(project: &Project, layout: &Layout) -> GitResult<Vec<(String, Commit)>> {
    let main = &layout.main;
    Ok(match &layout.elsewhere {
        Some(Elsewhere { main: at, .. }) => {
            let names = [format!("refs/heads/{main}"), format!("refs/remotes/origin/{main}")];
            names.map(|name| (name, at.clone())).into()
        }
        None => project.depot()?.refs_to_compare_with(main),
    })
}

/// Between two tries.
struct Waiting<'a> {
    shared: &'a Shared,
    purpose: Purpose<'a>,
    pauses: Pauses,
    /// Since when the exchange has answered without doing what it was asked.
    refused: Option<Instant>,
}

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared, purpose: Purpose<'a>) -> Self {
        Self { shared, purpose, pauses: Pauses::from(FIRST_WAIT), refused: None }
    }

    /// For how long the exchange has refused. It starts again at zero when the exchange does not answer.
    fn refused_for(&mut self, answers: bool) -> Duration {
        if !answers {
            self.refused = None;
            return Duration::ZERO;
        }
        self.refused.get_or_insert_with(Instant::now).elapsed()
    }

    /// Reports why once, and waits.
    async fn pause(&mut self, why: &str) {
        if self.pauses.is_new(why) {
            let Purpose { ticket, attempt } = self.purpose;
            let words = format!("waiting: {why}");
            crate::log::note(&self.shared.project, &format!("{ticket}: {words}"));
            publish_activity(self.shared, ticket, attempt, ActivityKind::Note, &words).await;
        }
        self.pauses.wait().await;
    }
}

impl Shared {
    /// What comes with an order to a host in a clone of its own.
    pub(super) fn elsewhere<'a>(&self, layout: &'a Layout) -> Result<Option<&'a Elsewhere>, PrepareError> {
        if self.exchange.is_some() && layout.elsewhere.is_none() {
            let why = format!(
                "host `{}` works in a clone of its own, and the run has no exchange: start `ganger run` with `--exchange` \
                 and the address that the host has, then answer `retry`",
                self.id
            );
            return Err(PrepareError::Refused(why));
        }
        Ok(layout.elsewhere.as_ref())
    }

    /// Brings commits here, and waits for a network that fails.
    pub(super) async fn bring(&self, purpose: Purpose<'_>, wanted: Vec<Traveller>) -> Result<(), PrepareError> {
        let Some(exchange) = &self.exchange else { return Ok(()) };
        let mut waiting = Waiting::new(self, purpose);
        loop {
            let why = match self.bring_once(exchange, wanted.clone()).await {
                Ok(()) => return Ok(()),
                Err(NotBrought::Git(e)) => return Err(e.into()),
                Err(why @ NotBrought::NoExchange { .. }) => return Err(PrepareError::Refused(why.to_string())),
                Err(why) => why,
            };
            let refused_for = waiting.refused_for(!matches!(why, NotBrought::Unreachable { .. }));
            let is_missing = matches!(why, NotBrought::Missing { .. });
            if is_missing && refused_for < SAID_AFTER {
                // The order was a little faster than what it speaks of.
                tokio::time::sleep(FIRST_WAIT).await;
                continue;
            }
            if refused_for > REFUSED_LIMIT {
                let what_to_do = if is_missing {
                    "`ganger run` pushes it if it has it: check that you started it with `--exchange` and the same \
                     repository. Otherwise a host made it and did not push it, because it holds secrets or the host \
                     died first: start that host again. Then answer `retry`"
                } else {
                    "Fix the problem that git reports, then answer `retry`"
                };
                return Err(PrepareError::Refused(format!("{why}. {what_to_do}")));
            }
            waiting.pause(&why.to_string()).await;
        }
    }

    /// Brings commits here, if that goes at once.
    pub(super) async fn try_to_bring(&self, wanted: Vec<Traveller>) -> Result<(), NotBrought> {
        match &self.exchange {
            Some(exchange) => self.bring_once(exchange, wanted).await,
            None => Ok(()),
        }
    }

    async fn bring_once(&self, exchange: &Arc<Exchange>, wanted: Vec<Traveller>) -> Result<(), NotBrought> {
        let (exchange, project) = (Arc::clone(exchange), Arc::clone(&self.project));
        os::blocking(move || exchange.bring(project.depot()?, &wanted)).await
    }

    /// Pushes the work of a ticket. Until it is there nothing is said of it. Fails with a reason when the exchange keeps
    /// refusing it: the work stays here.
    pub(super) async fn push(&self, purpose: Purpose<'_>, head: &Commit, base: &Commit) -> Result<(), String> {
        let Some(exchange) = &self.exchange else { return Ok(()) };
        let mut waiting = Waiting::new(self, purpose);
        loop {
            let (exchange, project) = (Arc::clone(exchange), Arc::clone(&self.project));
            let (ticket, head, base) = (purpose.ticket.clone(), head.clone(), base.clone());
            let pushing = move || -> Result<(), (GitError, bool)> {
                let depot = project.depot().map_err(|e| (e, true))?;
                exchange.push_work(depot, &ticket, &head, &base).map_err(|e| (e, exchange.look(depot).is_ok()))
            };
            let Err((e, answers)) = os::blocking(pushing).await else { return Ok(()) };
            let why = format!("cannot push the work to the exchange: {e}");
            if waiting.refused_for(answers) > REFUSED_LIMIT {
                return Err(format!("{why}. It is kept on host `{}`", self.id));
            }
            waiting.pause(&why).await;
        }
    }

    /// Pushes what was kept of a ticket, so that it is found where the board is, too. It is safe here.
    pub(super) async fn push_rescues(&self, ticket: &TicketId, elsewhere: Option<&Elsewhere>) {
        let (Some(exchange), Some(elsewhere)) = (&self.exchange, elsewhere) else { return };
        let (exchange, project) = (Arc::clone(exchange), Arc::clone(&self.project));
        let (of, main) = (ticket.clone(), elsewhere.main.clone());
        let pushing = move || -> GitResult<_> { exchange.push_rescues(project.depot()?, Some(&of), &main) };
        match os::blocking(pushing).await {
            Ok(names) => names.iter().for_each(|name| self.note_held_back(name)),
            Err(e) => {
                let words = format!("{ticket}: its rescues are on this host only, until they can be pushed: {e}");
                crate::log::note(&self.project, &words);
                self.housekeeping.notify_one();
            }
        }
    }

    pub(super) fn note_held_back(&self, name: &str) {
        let words = format!("the rescue {name} is kept on this host only: it holds secrets or a `.env` file");
        crate::log::note(&self.project, &words);
    }
}
