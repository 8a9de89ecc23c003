//! To a host. Each order is self-contained: what is run, how and where comes with it, from the configuration that a
//! person trusted. A host consults no configuration of its own for that.

use super::{Role, Unreadable};
use crate::config::{self, Agent, Config, GuardPreset, Tests};
use crate::setup::{OwnFiles, Setup};
use ganger_engine::{self as engine};
use ganger_engine::{
    AttemptId, Check, Commit, Delivery, Directive, GatePolicy, PermissionAnswer, SessionId, SessionMessage, TicketId,
    TicketSpec,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// An order to a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub(crate) enum ToHost {
    Offer(Box<Offer>),
    Cancel { attempt: AttemptId, token: u64 },
    Verify(Box<Verify>),
    Deliver { attempt: AttemptId, token: u64, delivery: Delivery, spec: Box<TicketSpec>, revision: u32 },
    AnswerPermission { token: u64, answer: PermissionAnswer },
    Retire { ticket: TicketId, attempts: u32, incarnation: String, lease: u64, layout: Layout },
    Prepare { ticket: TicketId, layout: Layout },
}

/// An attempt to be claimed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offer {
    attempt: AttemptId,
    token: u64,
    ticket: TicketId,
    spec: TicketSpec,
    revision: u32,
    number: u32,
    agent: String,
    session: Option<SessionId>,
    deliveries: Vec<Delivery>,
    told: Vec<String>,
    /// Accepted work to build on, in order: the commits that the host must have.
    bases: Vec<(TicketId, Commit)>,
    base: Option<Commit>,
    /// Where the branch begins if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begins_at: Option<Commit>,
    /// What people said holds for the whole project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    direction: Vec<Directive>,
    terms: Terms,
}

/// On what terms an attempt runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Terms {
    /// The agent as it is configured: runtime, driver, model, prompt, command and rules.
    pub(crate) agent: Agent,
    /// What its work will be held against.
    pub(crate) gates: Vec<Gate>,
    pub(crate) limits: Limits,
    /// Names of variables that the agent gets besides its runtime's usual ones.
    pub(crate) pass_env: Vec<String>,
    /// What of that it runs waits for an answer, and how its work is judged by what happened.
    #[serde(default)]
    pub(crate) guard: GuardPreset,
    /// Whether code that it changes needs a test that changes with it.
    #[serde(default)]
    pub(crate) needs_tests: bool,
    /// What its agent is to others.
    #[serde(default, skip_serializing_if = "Role::is_plain")]
    pub(crate) role: Role,
    pub(crate) layout: Layout,
}

/// A gate with its definition. The digest is checked where it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gate {
    digest: String,
    definition: config::Gate,
}

/// How far an attempt may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) stall_ms: u64,
    pub(crate) tool_ms: u64,
    pub(crate) permission_ms: u64,
    pub(crate) same_calls: u32,
    pub(crate) no_progress_ms: u64,
    pub(crate) attempt_tokens: Option<u64>,
    pub(crate) commit_files: u64,
    pub(crate) commit_bytes: u64,
    #[serde(default = "default_deleted_files")]
    pub(crate) deleted_files: u64,
}

fn default_deleted_files() -> u64 {
    Config::default().limits.deleted_files
}

/// Where the work of a ticket is done, and how its place is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// The main branch.
    pub(crate) main: String,
    /// Whether it is fetched first.
    pub(crate) fetch: bool,
    /// Template of the branch, with `{id}`.
    pub(crate) branch: String,
    /// Template of the workspace, with `{repo}` and `{id}`.
    pub(crate) workspaces: String,
    /// Template of the folder for trees in which gates run, with `{repo}`.
    pub(crate) gate_trees: String,
    /// Makes a fresh tree ready.
    pub(crate) setup: String,
    pub(crate) setup_timeout_s: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) setup_inputs: Vec<String>,
    /// Patterns of the person's files that come with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
    /// For a host in another clone: where things are by the foreman's clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// What a host in a clone of its own cannot see there, and finds in the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// The main branch.
    pub(crate) main: Commit,
    /// The head of the ticket's branch, when an earlier attempt left one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<Commit>,
}

impl Elsewhere {
    /// The label of hosts that need it.
    pub(crate) const LABEL: &str = "elsewhere";
}

/// Gates to be run on a commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verify {
    ticket: TicketId,
    token: u64,
    commit: Commit,
    revision: u32,
    base: Option<Commit>,
    gates: Vec<Gate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    known_before: Vec<String>,
    #[serde(default)]
    blames_base: bool,
    layout: Layout,
}

/// What an order needs of the configuration is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unresolved {
    #[error("the configuration has no agent `{0}`")]
    Agent(String),
    #[error("the configuration has no gate `{0}` with this definition")]
    Gate(String),
}

/// What comes beside the engine's order.
#[derive(Debug)]
pub(crate) enum Attached {
    Nothing,
    Terms(Box<Terms>),
    Gates(Vec<Gate>, Layout),
    Layout(Layout),
}

impl ToHost {
    /// The order with everything that it needs of the trusted configuration.
    pub(crate) fn resolve(order: engine::Order, config: &Config, main: &str) -> Result<Self, Unresolved> {
        let layout = || Layout::of(config, main);
        Ok(match order {
            engine::Order::Offer(offer) => {
                let terms = Terms::of(&offer.agent, config, main)?;
                Self::Offer(Box::new(Offer::new(*offer, terms)))
            }
            engine::Order::Cancel { attempt, token } => Self::Cancel { attempt, token },
            engine::Order::Verify(job) => {
                let engine::VerifyJob {
                    ticket,
                    token,
                    commit,
                    revision,
                    base,
                    gates,
                    checks,
                    known_before,
                    blames_base,
                } = *job;
                let gates = gates.iter().map(|wanted| Gate::of(wanted, config)).collect::<Result<_, _>>()?;
                let layout = layout();
                Self::Verify(Box::new(Verify {
                    ticket,
                    token,
                    commit,
                    revision,
                    base,
                    gates,
                    checks,
                    known_before,
                    blames_base,
                    layout,
                }))
            }
            engine::Order::Deliver { attempt, token, text } => {
                let SessionMessage { delivery, spec, revision } = *text;
                Self::Deliver { attempt, token, delivery, spec: Box::new(spec), revision }
            }
            engine::Order::AnswerPermission { token, answer } => Self::AnswerPermission { token, answer },
            engine::Order::Retire { ticket, attempts, incarnation, lease } => {
                Self::Retire { ticket, attempts, incarnation, lease, layout: layout() }
            }
            engine::Order::Prepare { ticket } => Self::Prepare { ticket, layout: layout() },
        })
    }

    /// For a host in another clone.
    pub(crate) fn for_elsewhere(mut self, elsewhere: Option<Elsewhere>) -> Self {
        let layout = match &mut self {
            Self::Offer(offer) => &mut offer.terms.layout,
            Self::Verify(verify) => &mut verify.layout,
            Self::Retire { layout, .. } | Self::Prepare { layout, .. } => layout,
            Self::Cancel { .. } | Self::Deliver { .. } | Self::AnswerPermission { .. } => return self,
        };
        layout.elsewhere = elsewhere;
        self
    }

    /// The engine's order, and what came beside it.
    pub(crate) fn into_parts(self) -> Result<(engine::Order, Attached), Unreadable> {
        Ok(match self {
            Self::Offer(offer) => {
                offer.terms.gates.iter().try_for_each(Gate::check)?;
                let (offer, terms) = offer.split();
                (engine::Order::Offer(Box::new(offer)), Attached::Terms(Box::new(terms)))
            }
            Self::Cancel { attempt, token } => (engine::Order::Cancel { attempt, token }, Attached::Nothing),
            Self::Verify(verify) => {
                let Verify { ticket, token, commit, revision, base, gates, checks, known_before, blames_base, layout } =
                    *verify;
                gates.iter().try_for_each(Gate::check)?;
                let policies = gates.iter().map(Gate::policy).collect();
                let job = engine::VerifyJob {
                    ticket,
                    token,
                    commit,
                    revision,
                    base,
                    gates: policies,
                    checks,
                    known_before,
                    blames_base,
                };
                (engine::Order::Verify(Box::new(job)), Attached::Gates(gates, layout))
            }
            Self::Deliver { attempt, token, delivery, spec, revision } => {
                let text = Box::new(SessionMessage { delivery, spec: *spec, revision });
                (engine::Order::Deliver { attempt, token, text }, Attached::Nothing)
            }
            Self::AnswerPermission { token, answer } => {
                (engine::Order::AnswerPermission { token, answer }, Attached::Nothing)
            }
            Self::Retire { ticket, attempts, incarnation, lease, layout } => {
                (engine::Order::Retire { ticket, attempts, incarnation, lease }, Attached::Layout(layout))
            }
            Self::Prepare { ticket, layout } => (engine::Order::Prepare { ticket }, Attached::Layout(layout)),
        })
    }
}

impl Offer {
    fn new(offer: engine::Offer, terms: Terms) -> Self {
        let engine::Offer {
            attempt,
            token,
            ticket,
            spec,
            revision,
            number,
            agent,
            session,
            deliveries,
            told,
            bases,
            base,
            begins_at,
            direction,
        } = offer;
        Self {
            attempt,
            token,
            ticket,
            spec,
            revision,
            number,
            agent,
            session,
            deliveries,
            told,
            bases,
            base,
            begins_at,
            direction,
            terms,
        }
    }

    fn split(self) -> (engine::Offer, Terms) {
        let Self {
            attempt,
            token,
            ticket,
            spec,
            revision,
            number,
            agent,
            session,
            deliveries,
            told,
            bases,
            base,
            begins_at,
            direction,
            terms,
        } = self;
        let offer = engine::Offer {
            attempt,
            token,
            ticket,
            spec,
            revision,
            number,
            agent,
            session,
            deliveries,
            told,
            bases,
            base,
            begins_at,
            direction,
        };
        (offer, terms)
    }
}

impl Terms {
    fn of(agent: &str, config: &Config, main: &str) -> Result<Self, Unresolved> {
        Ok(Self {
            agent: config.agent(agent).ok_or_else(|| Unresolved::Agent(agent.to_owned()))?,
            gates: config.gates.iter().cloned().map(Gate::from).collect(),
            limits: Limits::of(config),
            pass_env: config.env.pass.clone(),
            guard: config.policy.guard,
            needs_tests: config.policy.tests == Tests::Required,
            role: Role::of(agent, config),
            layout: Layout::of(config, main),
        })
    }

    /// The definitions of its gates.
    pub(crate) fn gate_definitions(&self) -> Vec<config::Gate> {
        self.gates.iter().map(|g| g.definition.clone()).collect()
    }
}

impl Limits {
    fn of(config: &Config) -> Self {
        let limits = &config.limits;
        // The configuration is checked to be positive and below two years.
        let minutes = |minutes: f64| {
            let span = std::time::Duration::from_secs_f64(minutes * 60.0);
            u64::try_from(span.as_millis()).unwrap_or(u64::MAX / 4)
        };
        Self {
            stall_ms: minutes(limits.stall_minutes),
            tool_ms: minutes(limits.tool_minutes),
            permission_ms: minutes(limits.permission_minutes),
            same_calls: limits.same_calls,
            no_progress_ms: minutes(limits.no_progress_minutes),
            attempt_tokens: limits.attempt_tokens,
            commit_files: limits.commit_files,
            commit_bytes: limits.commit_mb.saturating_mul(1_000_000),
            deleted_files: limits.deleted_files,
        }
    }
}

impl Layout {
    /// How a tree is made ready, with the files of this checkout.
    pub(crate) fn setup_in(&self, root: &Path) -> Setup {
        Setup {
            command: self.setup.clone(),
            timeout_s: self.setup_timeout_s,
            inputs: self.setup_inputs.clone(),
            own: OwnFiles::new(root, &self.files),
        }
    }

    pub(crate) fn of(config: &Config, main: &str) -> Self {
        let project = &config.project;
        Self {
            main: main.to_owned(),
            fetch: config.policy.fetch,
            branch: project.branch.clone(),
            workspaces: project.workspaces.clone(),
            gate_trees: project.gate_trees.clone(),
            setup: project.setup.clone(),
            setup_timeout_s: project.setup_timeout_s,
            setup_inputs: project.setup_inputs.clone(),
            files: project.own_files(),
            elsewhere: None,
        }
    }
}

impl From<config::Gate> for Gate {
    fn from(definition: config::Gate) -> Self {
        Self { digest: definition.digest(), definition }
    }
}

impl Gate {
    fn of(wanted: &GatePolicy, config: &Config) -> Result<Self, Unresolved> {
        let found = config.gates.iter().find(|g| g.digest() == wanted.digest).cloned();
        found.map(Self::from).ok_or_else(|| Unresolved::Gate(wanted.name.clone()))
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn definition(&self) -> &config::Gate {
        &self.definition
    }

    fn policy(&self) -> GatePolicy {
        self.definition.to_policy()
    }

    fn check(&self) -> Result<(), Unreadable> {
        let found = self.definition.digest();
        if found == self.digest {
            return Ok(());
        }
        Err(Unreadable::Digest { gate: self.definition.name.clone(), found, said: self.digest.clone() })
    }
}
