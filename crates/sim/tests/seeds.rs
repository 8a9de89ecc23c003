//! The seeds of every CI run. A seed that ever failed is among them, or kept below by name.

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

/// Each of these holds all invariants and comes to rest. In parts, to use the cores.
macro_rules! seeds {
    ($($name:ident: $range:expr,)*) => {
        $(
            #[test]
            fn $name() {
                $range.for_each(holds);
            }
        )*
    };
}

seeds! {
    seeds_from_0: 0..8,
    seeds_from_8: 8..16,
    seeds_from_16: 16..24,
    seeds_from_24: 24..32,
    seeds_from_32: 32..40,
    seeds_from_40: 40..48,
    seeds_from_48: 48..56,
    seeds_from_56: 56..64,
}

#[test]
fn the_same_seed_gives_the_identical_trace() {
    for seed in [3, 4_711] {
        let (a, b) = (run(Settings::of_seed(seed)), run(Settings::of_seed(seed)));
        assert!(a.trace.len() > 1_000);
        assert_eq!(a.trace, b.trace, "seed {seed}");
    }
}

#[test]
fn the_faults_really_happen() {
    let crashes: u64 = (0..5).map(|seed| run(Settings::of_seed(seed)).crashes).sum();
    assert!(crashes > 10, "only {crashes} crashes in 5 seeds");
}
