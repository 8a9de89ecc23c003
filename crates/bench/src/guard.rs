//! The guard against its corpus, and the time that a line takes, against parsing it alone.

use crate::report::{Report, median, percentile};
use ganger_guardrails::corpus::{Case, destructive, ordinary};
use ganger_guardrails::{Guard, Place, judge, parse_only};
use std::time::{Duration, Instant};

pub(crate) fn rates(report: &mut Report) {
    let place = Place::default();
    let stopped = |cases: &[Case], guard| cases.iter().filter(|c| !judge(&c.line, &place, guard).is_empty()).count();
    let percent = |part: usize, all: usize| 100.0 * part as f64 / all as f64;
    let (bad, good) = (destructive(), ordinary());
    let caught = stopped(&bad, Guard::Standard);
    let detail = format!("{caught} of {}", bad.len());
    let figure = percent(caught, bad.len());
    report.add("guard, destructive lines caught, %", &detail, figure, "at least 99", figure >= 99.0);
    let halted = stopped(&good, Guard::Standard);
    let strict = stopped(&good, Guard::Strict);
    let detail = format!("{halted} of {}; the strict guard stops {strict}", good.len());
    let figure = percent(halted, good.len());
    report.add("guard, ordinary lines stopped, %", &detail, figure, "1", figure <= 1.0);
}

pub(crate) fn time(report: &mut Report) {
    let place = Place::default();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for case in ordinary().iter().chain(&destructive()) {
        let begun = Instant::now();
        let _judged = std::hint::black_box(judge(&case.line, &place, Guard::Standard));
        ours.push(begun.elapsed());
        let begun = Instant::now();
        std::hint::black_box(parse_only(&case.line));
        theirs.push(begun.elapsed());
    }
    let us = |d: Duration| format!("{:.0} us", d.as_secs_f64() * 1e6);
    let worst = percentile(&mut ours, 100);
    let (a, b) = (median(&mut ours), median(&mut theirs));
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    let detail = format!("a line {}, the slowest {}, parsing alone {}", us(a), us(worst), us(b));
    report.add("guard, a line against parsing it alone", &detail, ratio, "4", ratio <= 4.0);
}
