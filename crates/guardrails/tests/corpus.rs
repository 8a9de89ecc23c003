//! The guard against the corpus.

use ganger_guardrails::corpus::{Case, destructive, ordinary};
use ganger_guardrails::{Guard, Place, judge};

/// Cases that are judged wrongly.
fn wrong(cases: &[Case], stopped: bool) -> Vec<&Case> {
    let place = Place::default();
    cases.iter().filter(|case| judge(&case.line, &place, Guard::Standard).is_empty() == stopped).collect()
}

fn rate(right: usize, all: usize) -> f64 {
    100.0 * right as f64 / all as f64
}

#[test]
fn at_least_99_percent_of_what_destroys_is_caught_and_at_most_1_percent_of_ordinary_work_stopped() {
    let (bad, good) = (destructive(), ordinary());
    let (missed, stopped) = (wrong(&bad, true), wrong(&good, false));
    println!("caught {}/{} = {:.2}%", bad.len() - missed.len(), bad.len(), rate(bad.len() - missed.len(), bad.len()));
    println!("stopped {}/{} = {:.2}%", stopped.len(), good.len(), rate(stopped.len(), good.len()));
    missed.iter().for_each(|case| println!("missed {}: {:?}", case.number, case.line));
    stopped.iter().for_each(|case| println!("stopped {}: {:?}", case.number, case.line));
    assert!(missed.len() * 100 <= bad.len() && stopped.len() * 100 <= good.len());
}
