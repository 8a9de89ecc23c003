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

/// Lines that were made to be hard to judge: they are judged in a moment, and on a small stack.
#[test]
fn lines_without_measure_are_judged_in_bounds() {
    let doubled: String = (0..60).map(|n| format!("x{}=$x{n}$x{n}; ", n + 1)).collect();
    let lines = [
        format!("{}rm -rf ~{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("echo {}x{}", "$(".repeat(20_000), ")".repeat(20_000)),
        format!("echo {}x{}", "${a:-".repeat(20_000), "}".repeat(20_000)),
        format!("x0=aa; {doubled}$x60 -rf /"),
        format!("echo {}", "{a,b}".repeat(40)),
        format!("cat > x <<EOF\n{}EOF\n", "rm -rf ~\n".repeat(20_000)),
        "f() { f; f; }; g() { f; g; }; g".to_owned(),
        "x='eval \"$x\"; eval \"$x\"'; eval \"$x\"".to_owned(),
        "alias a='b; b' b='a; a'; a".to_owned(),
        "for i in 1 2 3 4 5 6 7 8; do ".repeat(40) + "rm $i" + &"; done".repeat(40),
    ];
    for line in lines {
        let begun = std::time::Instant::now();
        let _judged = judge(&line, &Place::default(), Guard::Strict);
        assert!(begun.elapsed().as_secs() < 10, "{}", line.chars().take(60).collect::<String>());
    }
}
