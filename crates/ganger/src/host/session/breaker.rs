//! The breaker of one attempt: an agent that runs in a circle is interrupted and told so; the second time a person
//! is asked.

use crate::config::Limits;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(super) struct Breaker {
    same_calls: u32,
    patience: Duration,
    tokens: Option<u64>,
    /// The last call as people read it, its digest, and how many times in a row it was made.
    last: (String, String, u32),
    seen: BTreeSet<String>,
    /// When something new was done, and how many tokens had been used then.
    progress: (Instant, u64),
    /// What the worktree looked like when it was last compared.
    worktree: Option<String>,
}

impl Breaker {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            same_calls: limits.same_calls,
            patience: Duration::from_secs_f64(limits.circle_minutes * 60.0),
            tokens: limits.attempt_tokens,
            last: (String::new(), String::new(), 0),
            seen: BTreeSet::new(),
            progress: (Instant::now(), 0),
            worktree: None,
        }
    }

    /// The agent called a tool; `whole` are all its arguments.
    pub(super) fn called(&mut self, shown: &str, whole: &str, used: u64) {
        let digest = crate::digest::short(&[shown, whole]);
        if self.last.1 == digest {
            self.last.2 += 1;
            return;
        }
        if self.seen.insert(digest.clone()) {
            self.progress = (Instant::now(), used);
        }
        self.last = (shown.to_owned(), digest, 1);
    }

    /// Why the attempt should be interrupted, if it should. `worktree` describes the files as they are now; it is
    /// looked at only when nothing else was new for too long.
    pub(super) fn trips(&mut self, used: u64, worktree: impl FnOnce() -> String) -> Option<String> {
        if self.last.2 >= self.same_calls {
            return Some(format!("the same call {} times in a row: {}", self.last.2, self.last.0));
        }
        if let Some(limit) = self.tokens.filter(|limit| used > *limit) {
            return Some(format!("it has used {used} tokens, more than its limit of {limit}"));
        }
        let (since, then) = self.progress;
        if since.elapsed() < self.patience || used <= then {
            return None;
        }
        let now = worktree();
        let changed = self.worktree.replace(now.clone()).is_none_or(|before| before != now);
        self.progress = (Instant::now(), used);
        (!changed).then(|| {
            let minutes = self.patience.as_secs_f64() / 60.0;
            format!("no file has changed and nothing new was run for {minutes} minutes, while tokens flow")
        })
    }

    /// It was told; its calls count anew, and so do its tokens.
    pub(super) fn second_chance(&mut self, used: u64) {
        self.last = (String::new(), String::new(), 0);
        self.progress = (Instant::now(), used);
        // Only what is used up already is raised.
        self.tokens = self.tokens.map(|limit| limit.max(used + limit / 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(change: impl FnOnce(&mut Limits)) -> Breaker {
        let mut limits = Limits::default();
        change(&mut limits);
        Breaker::new(&limits)
    }

    #[test]
    fn the_same_call_again_and_again_trips_it_and_another_one_in_between_does_not() {
        let mut breaker = breaker(|l| l.same_calls = 3);
        for call in ["make", "make", "ls", "make", "make"] {
            breaker.called(call, "", 0);
            assert_eq!(breaker.trips(0, String::new), None);
        }
        breaker.called("make", "", 0);
        assert!(breaker.trips(0, String::new).is_some_and(|why| why.contains("3 times")));
        breaker.second_chance(0);
        assert_eq!(breaker.trips(0, String::new), None);
        (0..9).for_each(|n| breaker.called("edit a.rs", &format!("change {n}"), 0));
        assert_eq!(breaker.trips(0, String::new), None, "nine changes of one file are nine calls");
    }

    #[test]
    fn too_many_tokens_trip_it_and_a_quarter_is_left_for_the_second_chance() {
        let mut breaker = breaker(|l| l.attempt_tokens = Some(1_000));
        assert_eq!(breaker.trips(1_000, String::new), None);
        assert!(breaker.trips(1_001, String::new).is_some());
        breaker.second_chance(1_001);
        assert_eq!(breaker.trips(1_200, String::new), None);
        assert!(breaker.trips(1_300, String::new).is_some());
    }

    #[test]
    fn tokens_without_anything_new_trip_it_when_no_file_changes_either() {
        let mut breaker = breaker(|l| l.circle_minutes = 0.0);
        breaker.called("ls", "", 10);
        assert_eq!(breaker.trips(10, || "a".to_owned()), None, "no tokens were used");
        assert_eq!(breaker.trips(20, || "a".to_owned()), None, "the first look");
        assert_eq!(breaker.trips(30, || "b".to_owned()), None, "a file has changed");
        assert!(breaker.trips(40, || "b".to_owned()).is_some());
    }
}
