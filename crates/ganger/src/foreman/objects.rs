//! Commits on their way to hosts in clones of their own, and from them: what an order names is pushed to the exchange, what
//! a host made is fetched into the depot and shown in the person's repository, and what is merged or closed leaves the
//! exchange. What fails is tried again until it is done; nothing here decides anything.

use crate::depot::{Exchange, NotBrought, Traveller};
use crate::git::{GitError, GitResult};
use crate::log;
use crate::os::{self, Pauses};
use crate::project::Project;
use crate::wire::Elsewhere;
use ganger_engine::{Changes, Commit, Directory, HostId, Order, Phase, State, Ticket, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Main is looked up at most so often.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// A fetched main is fresh for so long.
const FETCH_EVERY: Duration = Duration::from_secs(30);
/// Rescues of other hosts are looked for so often without a reason.
const LOOK_FOR_RESCUES: Duration = Duration::from_secs(300);
/// An order waits so long for what it names to be pushed. The host waits for the rest.
const PUSH_FIRST: Duration = Duration::from_secs(2);
/// First wait between two tries.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// What a merge, or a host in this clone, needs and is not there after so long is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that has to be done with the exchange.
#[derive(Debug, Default)]
struct Jobs {
    /// Heads that are to be here, with what they are based on.
    work: BTreeMap<TicketId, (Commit, Option<Commit>)>,
    push: BTreeSet<Traveller>,
    /// Commits of tickets that are done with are to leave.
    tidy: bool,
    rescues: bool,
}

impl Jobs {
    fn merge(&mut self, other: Self) {
        self.work.extend(other.work);
        self.push.extend(other.push);
        self.tidy |= other.tidy;
        self.rescues |= other.rescues;
    }

    fn is_empty(&self) -> bool {
        let Self { work, push, tidy, rescues } = self;
        work.is_empty() && push.is_empty() && !tidy && !rescues
    }

    /// What a ticket asks for, as it is now and was before.
    fn of(id: &TicketId, now: &Looked, before: &Looked) -> Self {
        let mut jobs = Self::default();
        let became = |is: fn(&Looked) -> bool| is(now) && !is(before);
        jobs.tidy = became(|l| l.phase.is_final());
        // What is merged is in the person's repository already.
        let head = now.head.clone().filter(|_| now != before && !now.is_live && now.phase != Phase::Merged);
        if let Some(head) = head {
            jobs.work.insert(id.clone(), (head, now.base.clone()));
        }
        jobs.rescues = became(|l| l.was_worked_on && l.is_retired) || became(|l| l.phase == Phase::NeedsYou);
        jobs
    }
}

/// What counts of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Looked {
    phase: Phase,
    head: Option<Commit>,
    base: Option<Commit>,
    is_live: bool,
    was_worked_on: bool,
    is_retired: bool,
}

impl Looked {
    fn at(ticket: &Ticket) -> Self {
        Self {
            phase: ticket.phase,
            head: ticket.head.clone().filter(|_| ticket.spec.kind.work().directory == Directory::Workspace),
            base: ticket.base.clone(),
            is_live: ticket.live.is_some(),
            was_worked_on: ticket.attempts > 0,
            is_retired: ticket.workspace_on.is_none(),
        }
    }
}

/// What the foreman has to do with the exchange.
pub(super) struct Objects {
    project: Arc<Project>,
    exchange: Option<Arc<Exchange>>,
    /// The name of the main branch.
    branch: String,
    main: tokio::sync::Mutex<Option<(Instant, Commit)>>,
    fetched: Mutex<Option<Instant>>,
    jobs: mpsc::UnboundedSender<Jobs>,
    /// How many of them are not done.
    left: watch::Sender<usize>,
    /// What was seen of each ticket last.
    looked: Arc<Mutex<BTreeMap<TicketId, Looked>>>,
    /// Incarnations of hosts elsewhere that were heard of: each may have brought rescues along.
    incarnations: Mutex<BTreeSet<String>>,
    /// One at a time takes over what a host made.
    taking: Arc<Mutex<()>>,
}

impl Objects {
    pub(super) fn start(project: &Arc<Project>, branch: &str, state: &State) -> Arc<Self> {
        let (jobs, received) = mpsc::unbounded_channel();
        let objects = Arc::new(Self {
            project: Arc::clone(project),
            exchange: project.exchange().map(Arc::new),
            branch: branch.to_owned(),
            main: tokio::sync::Mutex::default(),
            fetched: Mutex::default(),
            jobs,
            left: watch::Sender::new(0),
            looked: Arc::default(),
            incarnations: Mutex::default(),
            taking: Arc::default(),
        });
        if objects.exchange.is_some() && state.hosts.keys().any(|host| is_elsewhere(state, host)) {
            let mut all = objects.look(state, state.tickets.keys());
            (all.tidy, all.rescues) = (true, true);
            objects.queue(all);
        }
        let worker = Arc::downgrade(&objects);
        tokio::spawn(work(worker, received));
        objects
    }

    /// Looks at what changed on the board.
    pub(super) fn heed(&self, state: &State, changes: &Changes) {
        if self.exchange.is_none() || !state.hosts.keys().any(|host| is_elsewhere(state, host)) {
            return;
        }
        let mut jobs = self.look(state, changes.tickets.iter());
        jobs.rescues |= self.has_new_host(state);
        if !jobs.is_empty() {
            self.queue(jobs);
        }
    }

    fn look<'a>(&self, state: &State, ids: impl Iterator<Item = &'a TicketId>) -> Jobs {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = Jobs::default();
        for (id, ticket) in ids.filter_map(|id| Some((id, state.tickets.get(id)?))) {
            let now = Looked::at(ticket);
            let before = looked.insert(id.clone(), now.clone()).unwrap_or_default();
            jobs.merge(Jobs::of(id, &now, &before));
        }
        jobs
    }

    fn knows_hosts_elsewhere(&self) -> bool {
        !self.incarnations.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn has_new_host(&self, state: &State) -> bool {
        let mut known = self.incarnations.lock().unwrap_or_else(PoisonError::into_inner);
        let elsewhere = state.hosts.values().filter(|host| host.report.labels.contains(Elsewhere::LABEL));
        let new: Vec<&String> = elsewhere
            .map(|host| &host.report.incarnation)
            .filter(|incarnation| !known.contains(*incarnation))
            .collect();
        let is_new = !new.is_empty();
        known.extend(new.into_iter().cloned());
        is_new
    }

    fn queue(&self, jobs: Jobs) {
        self.left.send_modify(|left| *left += 1);
        // The worker lives as long as this does.
        let _ended = self.jobs.send(jobs);
    }

    /// Until all that is known to be at the exchange is here.
    pub(super) async fn settle(&self, limit: Duration) {
        let mut left = self.left.subscribe();
        let done = left.wait_for(|left| *left == 0);
        let _tried_again_by_the_next_run = tokio::time::timeout(limit, done).await;
    }

    /// Whether hosts in this clone may lack what other hosts made.
    pub(super) fn is_in_use(&self) -> bool {
        self.exchange.is_some()
    }

    /// For an order to a host in a clone of its own: what it names is pushed, and where main is comes with it.
    /// Without an exchange nothing comes with it, and the host refuses it.
    pub(super) async fn provide(&self, needs: Needs) -> GitResult<Option<Elsewhere>> {
        let (Some(exchange), Some(main)) = (self.exchange.clone(), self.main().await?) else { return Ok(None) };
        let wanted = [Traveller::main(main.clone())].into_iter().chain(needs.commits).collect::<Vec<_>>();
        let (project, commits) = (Arc::clone(&self.project), wanted.clone());
        let pushing = os::blocking(move || push(&project, &exchange, &commits));
        if !matches!(tokio::time::timeout(PUSH_FIRST, pushing).await, Ok(Ok(()))) {
            self.queue(Jobs { push: wanted.into_iter().collect(), ..Jobs::default() });
        }
        Ok(Some(Elsewhere { main, head: needs.head }))
    }

    /// Until the depot has what another host made.
    pub(super) async fn bring(&self, needs: &Needs) -> Result<(), NotBrought> {
        let begun = Instant::now();
        loop {
            match self.bring_once(needs.clone()).await {
                Ok(()) => return Ok(()),
                Err(e @ (NotBrought::Git(_) | NotBrought::NoExchange { .. })) => return Err(e),
                Err(e) if begun.elapsed() >= PATIENCE => return Err(e),
                Err(_) => tokio::time::sleep(FIRST_WAIT).await,
            }
        }
    }

    async fn bring_once(&self, needs: Needs) -> Result<(), NotBrought> {
        let (project, exchange, taking) = (Arc::clone(&self.project), self.exchange.clone(), Arc::clone(&self.taking));
        os::blocking(move || {
            let depot = project.depot()?;
            match (&exchange, needs.commits.iter().find(|c| !depot.has(&c.commit))) {
                (Some(exchange), _) => exchange.bring(depot, &needs.commits)?,
                (None, Some(wanted)) => return Err(NotBrought::NoExchange { wanted: Box::new(wanted.clone()) }),
                (None, None) => {}
            }
            if let Some(head) = &needs.head {
                take_over(&project, &taking, &needs.ticket, head, needs.base.as_ref())?;
            }
            Ok(())
        })
        .await
    }

    /// Today's main. That of the remote is fetched beside: no order waits for it.
    async fn main(&self) -> GitResult<Option<Commit>> {
        let mut cached = self.main.lock().await;
        if let Some((_, commit)) = cached.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY) {
            return Ok(Some(commit.clone()));
        }
        if self.project.config().policy.fetch && self.fetch_is_due() {
            let (project, branch) = (Arc::clone(&self.project), self.branch.clone());
            tokio::spawn(async move {
                let fetching = Arc::clone(&project);
                match os::blocking(move || fetching.depot()?.fresh_main(&branch, true)).await {
                    Ok(Some((_, Some(warning)))) => log::note(&project, &warning),
                    Ok(_) => {}
                    Err(e) => log::note(&project, &e.to_string()),
                }
            });
        }
        let (project, branch) = (Arc::clone(&self.project), self.branch.clone());
        let found = os::blocking(move || project.depot()?.fresh_main(&branch, false)).await?;
        let found = found.map(|(commit, _)| commit);
        *cached = found.clone().map(|commit| (Instant::now(), commit));
        Ok(found)
    }

    fn fetch_is_due(&self) -> bool {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = fetched.is_none_or(|at| at.elapsed() > FETCH_EVERY);
        if is_due {
            *fetched = Some(Instant::now());
        }
        is_due
    }

    /// Does what can be done, and returns the first error: the rest is tried again.
    async fn try_all(&self, exchange: &Arc<Exchange>, jobs: &mut Jobs) -> GitResult<()> {
        let mut first = None;
        if !jobs.push.is_empty() {
            let (project, exchange) = (Arc::clone(&self.project), Arc::clone(exchange));
            let commits: Vec<Traveller> = jobs.push.iter().cloned().collect();
            match os::blocking(move || push(&project, &exchange, &commits)).await {
                Ok(()) => jobs.push.clear(),
                Err(e) => first = Some(e),
            }
        }
        for (ticket, (head, base)) in &jobs.work.clone() {
            let commits = vec![Traveller::work(ticket, head.clone())];
            let needs = Needs { ticket: ticket.clone(), head: Some(head.clone()), base: base.clone(), commits };
            match self.bring_once(needs).await {
                // Held back by its host, until a person lets it pass: then it is asked for again.
                Ok(()) | Err(NotBrought::Missing { .. }) => {}
                // Of this disk: the next change of the ticket tries again.
                Err(e @ (NotBrought::Git(_) | NotBrought::NoExchange { .. })) => {
                    log::note(&self.project, &format!("{ticket}: cannot take over the work of its host: {e}"));
                }
                // Nothing else will get there.
                Err(NotBrought::Unreachable { why, .. }) => return Err(first.unwrap_or_else(|| self.not_fetched(why))),
                Err(NotBrought::Refused { why, .. }) => {
                    first.get_or_insert_with(|| self.not_fetched(why));
                    continue;
                }
            }
            jobs.work.remove(ticket);
        }
        if jobs.rescues {
            let (project, exchange) = (Arc::clone(&self.project), Arc::clone(exchange));
            match os::blocking(move || exchange.take_rescues(project.depot()?)).await {
                Ok(()) => jobs.rescues = false,
                Err(e) => first = first.or(Some(e)),
            }
        }
        if jobs.tidy {
            match self.tidy(Arc::clone(exchange)).await {
                Ok(()) => jobs.tidy = false,
                Err(e) => first = first.or(Some(e)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn not_fetched(&self, why: String) -> GitError {
        GitError::new("take over work of other hosts into", self.project.state.as_path(), why)
    }

    /// Removes the refs of tickets that are merged or closed.
    async fn tidy(&self, exchange: Arc<Exchange>) -> GitResult<()> {
        let Some(main) = self.main().await? else { return Ok(()) };
        let (project, looked) = (Arc::clone(&self.project), Arc::clone(&self.looked));
        // As the board is now: a ticket may have been reopened since this was asked for.
        let is_done = move |ticket: &str| {
            let looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
            looked.get(&TicketId::new(ticket)).is_some_and(|ticket| ticket.phase.is_final())
        };
        os::blocking(move || exchange.tidy(project.depot()?, &main, is_done)).await
    }
}

/// What an order, or a merge, speaks of.
#[derive(Debug, Clone)]
pub(super) struct Needs {
    ticket: TicketId,
    /// The head of the ticket's branch.
    head: Option<Commit>,
    /// What that is based on.
    base: Option<Commit>,
    commits: Vec<Traveller>,
}

impl Needs {
    /// `None` for what speaks of no commit.
    pub(super) fn of(order: &Order, state: &State) -> Option<Self> {
        let (ticket, bases) = match order {
            Order::Offer(offer) => (&offer.ticket, offer.bases.as_slice()),
            Order::Verify(job) => (&job.ticket, &[][..]),
            Order::Retire { ticket, .. } | Order::Prepare { ticket } => (ticket, &[][..]),
            Order::Cancel { .. } | Order::Deliver { .. } | Order::AnswerPermission { .. } => return None,
        };
        let found = state.tickets.get(ticket);
        let is_work = matches!(order, Order::Offer(_) | Order::Verify(_));
        let head = found.and_then(|t| t.head.clone()).filter(|_| is_work);
        let base = found.and_then(|t| t.base.clone()).filter(|_| head.is_some());
        let own = head.iter().chain(&base).map(|commit| Traveller::work(ticket, commit.clone()));
        let bases = bases.iter().map(|(other, commit)| Traveller::work(other, commit.clone()));
        let judged = found.and_then(|t| t.spec.judged()).filter(|_| matches!(order, Order::Offer(_)));
        let judged = judged.map(|(of, commit)| Traveller::work(of, commit.clone()));
        let commits = own.chain(bases).chain(judged).collect();
        Some(Self { ticket: ticket.clone(), head, base, commits })
    }

    /// A commit that is to be merged.
    pub(super) fn of_merge(ticket: &TicketId, commit: &Commit) -> Self {
        let commits = vec![Traveller::work(ticket, commit.clone())];
        Self { ticket: ticket.clone(), head: None, base: None, commits }
    }
}

/// Whether a host has a clone of its own.
pub(crate) fn is_elsewhere(state: &State, host: &HostId) -> bool {
    state.hosts.get(host).is_some_and(|known| known.report.labels.contains(Elsewhere::LABEL))
}

/// Does what is queued, and what could not be done before.
async fn work(objects: std::sync::Weak<Objects>, mut received: mpsc::UnboundedReceiver<Jobs>) {
    let (mut jobs, mut taken, mut pauses) = (Jobs::default(), 0, Pauses::from(FIRST_WAIT));
    loop {
        if jobs.is_empty() {
            match tokio::time::timeout(LOOK_FOR_RESCUES, received.recv()).await {
                Ok(Some(next)) => {
                    jobs.merge(next);
                    taken += 1;
                }
                Ok(None) => return,
                // A host that could not push them at first tells nobody when it has.
                Err(_) if objects.upgrade().is_some_and(|objects| objects.knows_hosts_elsewhere()) => {
                    jobs.rescues = true;
                }
                Err(_) => continue,
            }
        }
        while let Ok(next) = received.try_recv() {
            jobs.merge(next);
            taken += 1;
        }
        let Some(objects) = objects.upgrade() else { return };
        let Some(exchange) = &objects.exchange else { return };
        match objects.try_all(exchange, &mut jobs).await {
            Ok(()) => {
                objects.left.send_modify(|left| *left -= std::mem::take(&mut taken));
                pauses.end();
            }
            Err(e) => {
                let why = e.to_string();
                if pauses.is_new(&why) {
                    log::note(&objects.project, &format!("trying the exchange again: {why}"));
                }
                drop(objects);
                pauses.wait().await;
            }
        }
    }
}

/// Pushes what the depot has: the rest is there already, or another host has it.
fn push(project: &Project, exchange: &Exchange, commits: &[Traveller]) -> GitResult<()> {
    let depot = project.depot()?;
    let here: Vec<Traveller> = commits.iter().filter(|c| depot.has(&c.commit)).cloned().collect();
    exchange.push(depot, &here)
}

/// The head that another host made is the ticket's branch, here and in the person's repository.
fn take_over(
    project: &Project,
    taking: &Mutex<()>,
    ticket: &TicketId,
    head: &Commit,
    base: Option<&Commit>,
) -> GitResult<()> {
    let _one_at_a_time = taking.lock().unwrap_or_else(PoisonError::into_inner);
    let (depot, workspace) = (project.depot()?, project.workspace(ticket));
    if !depot.was_exchanged(ticket, head) {
        return Ok(());
    }
    workspace.go_on_from(depot, head, base)?;
    if !depot.was_published(&workspace.branch, head)
        && let Err(e) = depot.publish(&workspace.branch, head, base)
    {
        log::note(project, &format!("{ticket}: not shown in your repository: {}", e.message));
    }
    Ok(())
}
