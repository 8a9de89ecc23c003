//! `ganger-sim [--seed N | --seeds A..B] [--trace] [--coverage] [--mutants [--only NAME]]`: replays one seed, looks for
//! failing ones, shows what occurred, or shows what finds each of the named faults.

#![expect(clippy::print_stdout, reason = "it is a command")]

use ganger_sim::{CI_SEEDS, Coverage, Settings, on_all_cores, run};
use std::ops::Range;
use std::process::ExitCode;

const USAGE: &str = "usage: ganger-sim [--seed N | --seeds A..B] [--trace] [--coverage] [--mutants [--only NAME]]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let has = |name: &str| args.iter().any(|a| a == name);
    let few = has("--coverage") || has("--mutants");
    let seeds = match (value("--seed"), value("--seeds")) {
        (Some(seed), _) => seed.parse().map(|s: u64| s..s + 1).ok(),
        (None, Some(range)) => parse_range(&range),
        (None, None) => Some(if few { CI_SEEDS } else { 0..2_000 }),
    };
    let Some(seeds) = seeds else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    if has("--mutants") {
        mutants::find(seeds, value("--only").as_deref())
    } else {
        sweep(seeds, has("--trace"), has("--coverage"))
    }
}

fn sweep(seeds: Range<u64>, trace: bool, shows_coverage: bool) -> ExitCode {
    let seeds: Vec<u64> = seeds.collect();
    let outcomes = on_all_cores(&seeds, |seed| {
        let mut outcome = run(Settings::of_seed(*seed));
        let shown = std::mem::take(&mut outcome.trace);
        if trace {
            print!("{shown}");
        }
        if let Some(failure) = &outcome.failure {
            println!("seed {seed}: {failure}");
        }
        outcome
    });
    let (mut failed, mut records, mut crashes) = (0, 0, 0);
    let mut coverage = Coverage::default();
    for outcome in &outcomes {
        (records, crashes) = (records + outcome.records, crashes + outcome.crashes);
        failed += u64::from(outcome.failure.is_some());
        coverage.add(&outcome.coverage);
    }
    if shows_coverage {
        coverage.lines().iter().for_each(|line| println!("{line}"));
        coverage.missing().iter().for_each(|line| println!("    never {line}"));
    }
    println!("{} seeds, {failed} failed, {records} records, {crashes} crashes", seeds.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every named fault of the engine must be found by a seed, or by the rule tests.
#[cfg(feature = "mutants")]
mod mutants {
    use ganger_engine::Mutant;
    use ganger_sim::{Settings, on_all_cores, run};
    use std::ops::Range;
    use std::process::{Command, ExitCode, Stdio};

    /// What finds a fault.
    enum Finder {
        Seed(u64, String),
        Tests,
        Nothing,
    }

    pub(super) fn find(seeds: Range<u64>, only: Option<&str>) -> ExitCode {
        let wanted = |m: &&Mutant| only.is_none_or(|name| m.name() == name);
        let mutants: Vec<Mutant> = Mutant::ALL.iter().filter(wanted).copied().collect();
        let found = on_all_cores(&mutants, |mutant| {
            Mutant::activate(Some(*mutant));
            let first = seeds.clone().find_map(|seed| run(Settings::of_seed(seed)).failure.map(|why| (seed, why)));
            Mutant::activate(None);
            first.map_or(Finder::Nothing, |(seed, why)| Finder::Seed(seed, why))
        });
        let (mut by_seed, mut by_tests, mut survive) = (0, 0, 0);
        for (mutant, found) in mutants.iter().zip(found) {
            let found = if matches!(found, Finder::Nothing) { by_rule_tests(*mutant) } else { found };
            let what = match found {
                Finder::Seed(seed, why) => {
                    by_seed += 1;
                    let why: String = why.lines().next().unwrap_or_default().chars().take(120).collect();
                    format!("seed {seed:>3}: {why}")
                }
                Finder::Tests => {
                    by_tests += 1;
                    "rule tests".to_owned()
                }
                Finder::Nothing => {
                    survive += 1;
                    "SURVIVES".to_owned()
                }
            };
            println!("{:<26} {what}", mutant.name());
        }
        println!(
            "{} faults: {by_seed} found by a seed, {by_tests} by the rule tests, {survive} survive",
            mutants.len()
        );
        if survive == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The tests of the engine, with the fault in all their threads.
    fn by_rule_tests(mutant: Mutant) -> Finder {
        let mut tests = Command::new("cargo");
        tests.args([
            "test",
            "--quiet",
            "-p",
            "ganger-engine",
            "--features",
            "mutants",
            "--target-dir",
            "target/mutants",
        ]);
        tests.env("GANGER_MUTANT", mutant.name()).stdout(Stdio::null()).stderr(Stdio::null());
        match tests.status() {
            Ok(status) if !status.success() => Finder::Tests,
            Ok(_) => Finder::Nothing,
            Err(e) => {
                println!("the rule tests cannot be run: {e}");
                Finder::Nothing
            }
        }
    }
}

#[cfg(not(feature = "mutants"))]
mod mutants {
    use std::ops::Range;
    use std::process::ExitCode;

    pub(super) fn find(_seeds: Range<u64>, _only: Option<&str>) -> ExitCode {
        println!("built without the feature `mutants`: use `./dev sim --mutants`");
        ExitCode::from(2)
    }
}

fn parse_range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}
