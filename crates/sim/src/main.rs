//! `ganger-sim [--seed N | --seeds A..B] [--trace]`: replays one seed, or looks for failing ones.

#![expect(clippy::print_stdout, reason = "it is a command")]

use ganger_sim::{Settings, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let trace = args.iter().any(|a| a == "--trace");
    let seeds = match (value("--seed"), value("--seeds")) {
        (Some(seed), _) => seed.parse().map(|s: u64| s..s + 1).ok(),
        (None, Some(range)) => parse_range(&range),
        (None, None) => Some(0..1_000),
    };
    let Some(seeds) = seeds else {
        println!("usage: ganger-sim [--seed N | --seeds A..B] [--trace]");
        return ExitCode::from(2);
    };
    let (mut failed, mut records, mut crashes) = (0, 0, 0);
    for seed in seeds.clone() {
        let outcome = run(Settings::of_seed(seed));
        (records, crashes) = (records + outcome.records, crashes + outcome.crashes);
        if trace {
            println!("{}", outcome.trace);
        }
        if let Some(failure) = outcome.failure {
            failed += 1;
            println!("seed {seed}: {failure}");
        }
    }
    println!("{} seeds, {failed} failed, {records} records, {crashes} crashes", seeds.end - seeds.start);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse_range(text: &str) -> Option<std::ops::Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}
