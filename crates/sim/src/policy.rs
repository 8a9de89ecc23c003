//! The configuration of the simulated project: several agents, small budgets, reviews, no gates at all, and changes of it.

use crate::rng::Rng;
use ganger_engine::{
    AgentPolicy, Budget, GatePolicy, GoalRules, MailLimits, Policy, RedBase, Review, ReviewRules, Route, StagePolicy,
    StageRole, Surfacing, SurfacingPolicy, Take,
};

/// The agents, each with the runtime that it needs.
pub(crate) const AGENTS: [(&str, &str); 5] =
    [("builder", "sim"), ("late", "sim-late"), ("plain", "sim"), ("batch", "sim-batch"), ("rare", "sim-rare")];

/// What a host has installed: one runtime is on one host only.
pub(crate) fn runtimes(host: usize) -> impl Iterator<Item = String> {
    let here = AGENTS.iter().filter(move |(name, _)| *name != "rare" || host == 1);
    here.map(|(_, runtime)| (*runtime).to_owned())
}

/// The policy at the beginning of a run.
pub(crate) fn first(seed: u64, rng: &mut Rng) -> Policy {
    let agents = AGENTS.map(|(name, runtime)| {
        let model = if name == "late" { "large-1".to_owned() } else { String::new() };
        let fallback = (name == "builder").then(|| "late".to_owned());
        (
            name.to_owned(),
            AgentPolicy {
                runtime: runtime.to_owned(),
                model,
                sessions: name != "plain",
                fallback,
                login: String::new(),
                may_add_tickets: name == "rare",
            },
        )
    });
    let mut policy = Policy {
        gates: gates(&["build", "test"]),
        agents: agents.into(),
        default_agent: "builder".to_owned(),
        max_parallel: 3,
        // Few enough that some are refused.
        filed_per_attempt: 1,
        mail: MailLimits { thread: 3, attempt: 3, ticket: 6, unread: 4 },
        ..Policy::default()
    };
    if seed % 7 == 3 {
        policy.gates = Vec::new();
    }
    policy.review = [Review::Off, Review::Person, Review::Agent, Review::AgentAndPerson][(seed % 4) as usize];
    // The second is an author as well, and works on one host only.
    policy.reviews = ReviewRules { reviewers: vec!["plain".to_owned(), "rare".to_owned()], rounds: 2 };
    policy.goals = GoalRules { batch: if seed % 3 == 1 { 2 } else { 0 }, ..goals() };
    policy.take = [Take::Person, Take::FirstAccepted, Take::Smallest][(seed / 4 % 3) as usize];
    if seed % 5 == 2 {
        policy.max_transients = 2;
    }
    policy.budget = budget(rng);
    policy.surfacing = surfacing(rng);
    policy.routes = routes("plain");
    policy
}

/// Some match as well as others, and many tickets none.
fn routes(changing: &str) -> Vec<Route> {
    let route = |name: &str, agent: &str, words: &[&str], paths: &[&str]| Route {
        name: name.to_owned(),
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        agent: agent.to_owned(),
        subject: String::new(),
    };
    vec![
        route("backend", changing, &["ticket 3", "ticket 4"], &["file-0"]),
        route("frontend", "plain", &["ticket 4"], &["file-1"]),
        route("found", changing, &["found"], &[]),
    ]
}

/// Soon, so that short runs see it.
fn surfacing(rng: &mut Rng) -> SurfacingPolicy {
    let mode = [Surfacing::Off, Surfacing::Notify, Surfacing::Pause][rng.below(3) as usize];
    let few = |rng: &mut Rng| u32::try_from(rng.between(1, 4)).unwrap_or(1);
    SurfacingPolicy { mode, completions: few(rng), decisions: few(rng) - 1 }
}

/// Another policy, as a person edits it.
pub(crate) fn changed(policy: &Policy, rng: &mut Rng) -> Policy {
    let mut policy = policy.clone();
    match rng.below(8) {
        5 => policy.red_base = if policy.red_base == RedBase::Card { RedBase::Work } else { RedBase::Card },
        6 => {
            policy.gates.iter_mut().for_each(|gate| gate.known_red = !gate.known_red);
            let other = if policy.routes == routes("plain") { "late" } else { "plain" };
            policy.routes = routes(other);
        }
        7 => policy.surfacing = surfacing(rng),
        0 => policy.gates = gates(&["test", "build", "lint"][..rng.below(4) as usize]),
        1 => policy.review = if policy.review == Review::Off { Review::Agent } else { Review::Off },
        2 => policy.budget = budget(rng),
        3 => policy.max_parallel = u32::try_from(rng.between(1, 5)).unwrap_or(1),
        _ => policy.overlap_percent = if policy.overlap_percent == 0 { 50 } else { 0 },
    }
    policy
}

/// The policy under which everything must come to rest: nothing is used up for ever.
pub(crate) fn calm(policy: &Policy) -> Policy {
    Policy { budget: Budget::default(), ..policy.clone() }
}

fn goals() -> GoalRules {
    let stage = |name: &str, role: StageRole| StagePolicy {
        name: name.to_owned(),
        agent: "builder".to_owned(),
        role,
        approve: role == StageRole::Plan,
    };
    let stages = vec![
        stage("interview", StageRole::Interview),
        stage("spec", StageRole::Document),
        stage("plan", StageRole::Plan),
        stage("validate", StageRole::Check),
    ];
    GoalRules { stages, returns: 2, batch: 0 }
}

fn gates(names: &[&str]) -> Vec<GatePolicy> {
    names
        .iter()
        .map(|n| GatePolicy { name: (*n).to_owned(), digest: format!("digest-{n}"), known_red: false })
        .collect()
}

/// Small enough to bite: an attempt sets 20,000 tokens aside, and uses some hundred.
fn budget(rng: &mut Rng) -> Budget {
    match rng.below(6) {
        0 => Budget { ticket: Some(rng.between(200, 1_500)), ..Budget::default() },
        1 => Budget { agent_day: Some(rng.between(20_500, 45_000)), ..Budget::default() },
        2 => Budget { day: Some(rng.between(20_500, 45_000)), ..Budget::default() },
        _ => Budget::default(),
    }
}
