//! A model test of the depot: random sequences of what agents do in a workspace, with files, with git and to git, and
//! in between what Ganger does with it. What must hold whatever they do:
//!
//! - What an agent wrote is in the depot, or still in the workspace, unless the agent destroyed it.
//! - The person's repository is byte for byte what it was, but for Ganger's branches and for landings.
//! - Nothing is run that an agent configured.
//! - Every call returns, and after an honest repair the next one succeeds.
//!
//! A sequence is a line of words, `verb:number`, and the same line always does the same. Lines that found something
//! are kept in `found.rs`. `GANGER_MODEL_SEED` and `GANGER_MODEL_CASES` look at others and at more,
//! `GANGER_MODEL_LINE` runs one line, and with `GANGER_MODEL_KEEP` all folders of a line that fails stay.

mod contents;
mod found;
mod person;
mod turns;
mod verbs;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::sync::Mutex;
use world::{Template, World};

/// What Ganger does, beside the verbs: how often it comes in a sequence.
const OF_GANGER: [(&str, u32); 5] =
    [("collect", 22), ("repair", 8), ("person-commits", 2), ("person-touches", 1), ("ensure", 2)];

/// What a setup command leaves: nobody's work.
const SETUP: &str = r#"put setup-file; put "$(printf 'setup-\344')"; put ':(top)setup'; put 'setup [x]'"#;

/// Verbs that did something at least once.
static SUCCEEDED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// How a sequence ends.
const ENDS: [(&str, u32); 4] = [("end-retire", 3), ("end-collect", 2), ("end-repair", 3), ("end-land", 3)];

/// Does what a line of words says, and checks it.
fn run(template: &Template, line: &str) -> Result<(), String> {
    let mut world = World::new(template);
    for word in line.split_whitespace() {
        let (name, n) = word.split_once(':').unwrap_or((word, "0"));
        world.step += 1;
        if let Err(fault) = step(&mut world, name, n.parse().unwrap()) {
            let mut fault = format!("at step {} {word}: {fault}", world.step);
            if std::env::var_os("GANGER_MODEL_KEEP").is_some() {
                fault = format!("{fault}; everything is in {}", world.root().display());
                std::mem::forget(world);
            }
            return Err(fault);
        }
    }
    Ok(())
}

fn step(world: &mut World, name: &str, n: u8) -> Result<(), String> {
    match name {
        "collect" => world.collect().map(|_| ()),
        "repair" => world.repair(),
        "person-commits" => {
            world.person(r#"put by-the-person; git add by-the-person; git commit -q -m "by the person""#);
            Ok(())
        }
        "setup" => {
            world.agent(SETUP, n);
            world.workspace.note_zero_point(&world.depot).map_err(|e| format!("the zero point cannot be noted: {e}"))
        }
        "person-touches" => {
            world.person("touch -d @1234567890 README src/lib.txt");
            Ok(())
        }
        "ensure" => world.ensure().map_err(|e| format!("the workspace cannot be made: {e}")),
        "end-retire" => world.retire(),
        "end-collect" => world.collect().map(|_| ()).and_then(|()| world.retire()),
        "end-repair" => world.repair().and_then(|()| world.retire()).and_then(|()| return_to_work(world)),
        "end-land" => {
            world.repair()?;
            world.land()?;
            world.retire()
        }
        verb => {
            let (_, _, script) = verbs::all().find(|(name, ..)| *name == verb).expect(verb);
            if world.agent(script, n) {
                SUCCEEDED.lock().unwrap().insert(name.to_owned());
            }
            Ok(())
        }
    }
}

/// Work that comes back gets its workspace again, as it was committed.
fn return_to_work(world: &mut World) -> Result<(), String> {
    if world.workspace.head(&world.depot).is_none() {
        return Ok(());
    }
    world.ensure().map_err(|e| format!("the workspace cannot be made again: {e}"))?;
    let seen = world.workspace.look(&world.depot).map_err(|e| format!("it cannot be looked at: {e}"))?;
    if seen.files > 0 {
        return Err(format!("{} files of a new workspace are not committed", seen.files));
    }
    world.repair()
}

fn sequences() -> impl Strategy<Value = String> {
    let weighted = |words: Vec<(&'static str, u32)>| {
        let strategies = words.into_iter().map(|(name, weight)| (weight, Just(name).boxed()));
        let name = proptest::strategy::Union::new_weighted(strategies.collect());
        // Which number it is says nothing about how simple a step is; fewer steps are simpler.
        let word = |(name, n): (&str, u8)| if name.is_empty() { String::new() } else { format!("{name}:{n}") };
        (name, 0..17_u8).prop_map(word).no_shrink()
    };
    let steps = verbs::all()
        .map(|(name, weight, _)| (name, weight))
        .filter(|(_, weight)| *weight > 0)
        .chain(OF_GANGER)
        .collect();
    let begins = weighted(vec![("", 3), ("setup", 1)]);
    let parts = (begins, vec(weighted(steps), 1..24), weighted(ENDS.to_vec()));
    parts.prop_map(|(begin, steps, end)| format!("{begin} {} {end}", steps.join(" ")))
}

/// Looks at sequences from a seed on; panics with the shortest line that fails.
fn explore(seed: u64, cases: u32) {
    let template = Template::make();
    let config = Config { cases, max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&sequences(), |line| run(&template, &line).map_err(TestCaseError::fail));
    if let Err(failure) = outcome {
        panic!("seed {seed}: {failure}");
    }
}

/// A number of the environment, for more than every day's cases.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn agents_may_do_whatever_git_can() {
    let (seed, cases) = (number("GANGER_MODEL_SEED", 1), number("GANGER_MODEL_CASES", 40));
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || explore(2 * seed + half, u32::try_from(cases.div_ceil(2)).unwrap()));
        }
    });
    let did = SUCCEEDED.lock().unwrap();
    // What goes on with something, or ends it, needs that to be there.
    let needs = ["-abort", "-continue", "-quit", "-reset", "-drop", "-pop", "-prune", "resolve"];
    let comes = |(name, weight, _): &verbs::Verb| *weight > 0 && !needs.iter().any(|end| name.ends_with(end));
    let never: Vec<&str> =
        verbs::all().filter(comes).map(|(name, ..)| name).filter(|name| !did.contains(*name)).collect();
    assert!(cases < 2_000 || never.is_empty(), "these verbs never did anything: {}", never.join(", "));
}
