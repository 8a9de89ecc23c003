//! The seeds of every CI run. A seed that ever failed is kept here by name.

use ganger_sim::{Settings, run};

#[track_caller]
fn holds(seed: u64) {
    let outcome = run(Settings::of_seed(seed));
    if let Some(failure) = outcome.failure {
        let tail: Vec<&str> = outcome.trace.lines().rev().take(40).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        panic!("seed {seed}: {failure}\n(`./dev sim --seed {seed} --trace` replays it)\n{}", tail.join("\n"));
    }
    assert!(outcome.records > 20, "seed {seed} did nothing");
}

/// Two hundred seeds hold all invariants and come to rest; in four parts, to use the cores.
mod seeds_hold_all_invariants_and_come_to_rest {
    use super::holds;

    #[test]
    fn from_0() {
        (0..50).for_each(holds);
    }

    #[test]
    fn from_50() {
        (50..100).for_each(holds);
    }

    #[test]
    fn from_100() {
        (100..150).for_each(holds);
    }

    #[test]
    fn from_150() {
        (150..200).for_each(holds);
    }
}

#[test]
fn the_same_seed_gives_the_identical_trace() {
    for seed in [3, 77, 4_711] {
        let (a, b) = (run(Settings::of_seed(seed)), run(Settings::of_seed(seed)));
        assert!(a.trace.len() > 1_000);
        assert_eq!(a.trace, b.trace, "seed {seed}");
    }
}

#[test]
fn the_faults_really_happen() {
    let crashes: u64 = (0..20).map(|seed| run(Settings::of_seed(seed)).crashes).sum();
    assert!(crashes > 40, "only {crashes} crashes in 20 seeds");
}
