//! `ganger-sim [--seed N | --seeds A..B] [--trace] [--coverage] [--mutants]`: replays one seed, looks for failing ones,
//! shows what occurred, or shows which seed finds which fault.

#![expect(clippy::print_stdout, reason = "it is a command")]

use ganger_sim::{Coverage, Settings, run};
use std::ops::Range;
use std::process::ExitCode;

/// The seeds of CI.
const SEEDS: Range<u64> = 0..200;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let has = |name: &str| args.iter().any(|a| a == name);
    let few = has("--coverage") || has("--mutants");
    let seeds = match (value("--seed"), value("--seeds")) {
        (Some(seed), _) => seed.parse().map(|s: u64| s..s + 1).ok(),
        (None, Some(range)) => parse_range(&range),
        (None, None) => Some(if few { SEEDS } else { 0..2_000 }),
    };
    let Some(seeds) = seeds else {
        println!("usage: ganger-sim [--seed N | --seeds A..B] [--trace] [--coverage] [--mutants]");
        return ExitCode::from(2);
    };
    if has("--mutants") {
        return mutants(seeds, value("--only").as_deref());
    }
    let (mut failed, mut records, mut crashes) = (0, 0, 0);
    let mut coverage = Coverage::default();
    for seed in seeds.clone() {
        let outcome = run(Settings::of_seed(seed));
        (records, crashes) = (records + outcome.records, crashes + outcome.crashes);
        coverage.add(&outcome.coverage);
        if has("--trace") {
            println!("{}", outcome.trace);
        }
        if let Some(failure) = outcome.failure {
            failed += 1;
            println!("seed {seed}: {failure}");
        }
    }
    if has("--coverage") {
        coverage.lines().iter().for_each(|line| println!("{line}"));
        coverage.missing_variants().iter().for_each(|name| println!("never     {name}"));
    }
    println!("{} seeds, {failed} failed, {records} records, {crashes} crashes", seeds.end - seeds.start);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every named fault of the engine must be found by a seed.
#[cfg(feature = "mutants")]
fn mutants(seeds: Range<u64>, only: Option<&str>) -> ExitCode {
    use ganger_engine::Mutant;
    let mut survivors = 0;
    for mutant in Mutant::ALL.iter().filter(|m| only.is_none_or(|name| format!("{m:?}") == name)) {
        Mutant::activate(Some(*mutant));
        let found = seeds.clone().find_map(|seed| run(Settings::of_seed(seed)).failure.map(|why| (seed, why)));
        Mutant::activate(None);
        match found {
            Some((seed, why)) => {
                let why: String = why.lines().next().unwrap_or_default().chars().take(120).collect();
                println!("{:<26} seed {seed:>3}: {why}", format!("{mutant:?}"));
            }
            None => {
                survivors += 1;
                println!("{:<26} SURVIVES", format!("{mutant:?}"));
            }
        }
    }
    println!("{survivors} survive");
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(feature = "mutants"))]
fn mutants(_seeds: Range<u64>, _only: Option<&str>) -> ExitCode {
    println!("built without the feature `mutants`: use `./dev sim --mutants`");
    ExitCode::from(2)
}

fn parse_range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}
