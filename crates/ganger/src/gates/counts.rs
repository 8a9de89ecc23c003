//! How many tests a gate ran, by what its runner says at the end. Skipped tests did not run.

use std::path::Path;

/// Of a longer output nothing is said: a part of it would be fewer tests.
const MAX_OUTPUT: u64 = 64 << 20;

/// How many tests the runners in this output ran; `None` when none of them tells.
pub(super) fn tests_in(log: &Path) -> Option<u64> {
    let output = crate::os::read_regular(log, MAX_OUTPUT).ok()?;
    let output = String::from_utf8_lossy(&output);
    if output.contains(crate::os::LEFT_OUT) { None } else { tests_run(&output) }
}

fn tests_run(output: &str) -> Option<u64> {
    let counts = output.lines().filter_map(|line| count(&without_colours(line)));
    let unittest = skipped_of_unittest(output);
    counts.reduce(|sum, more| sum.saturating_add(more)).map(|sum| sum.saturating_sub(unittest))
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// What one line tells of.
fn count(line: &str) -> Option<u64> {
    let words = line.trim();
    // cargo test: `test result: ok. 2 passed; 0 failed; 1 ignored; …`
    if let Some(result) = words.strip_prefix("test result: ") {
        return of_parts(result.split_once(". ")?.1, ';', &["passed", "failed"]);
    }
    // cargo nextest: `Summary [ 0.1s] 2 tests run: 2 passed, 1 skipped`, or `2/3 tests run` when it gave up.
    if words.starts_with("Summary [") {
        let run = words.split_once(']')?.1.split_once(" run:")?.0;
        return run.split_whitespace().next()?.split('/').next()?.parse().ok();
    }
    // unittest: `Ran 2 tests in 0.001s`
    if let Some(rest) = words.strip_prefix("Ran ") {
        let (number, rest) = rest.split_once(' ')?;
        return if rest.starts_with("test") { number.parse().ok() } else { None };
    }
    // pytest: `=== 1 failed, 2 passed, 1 skipped in 0.12s ===`, without the bars where it is quiet.
    let bare = words.trim_matches('=').trim();
    if let Some((parts, time)) = bare.rsplit_once(" in ")
        && time.split(' ').next().and_then(|t| t.strip_suffix('s')).is_some_and(|t| t.parse::<f64>().is_ok())
    {
        return match parts {
            "no tests ran" => Some(0),
            // Deselected tests and the like alone: none ran.
            _ if words.starts_with("==") || parts.starts_with(|c: char| c.is_ascii_digit()) => {
                of_parts(parts, ',', &["passed", "failed", "xfailed", "xpassed", "error", "errors"])
            }
            _ => None,
        };
    }
    // jest: `Tests:       1 failed, 2 passed, 3 total`
    if let Some(parts) = words.strip_prefix("Tests:") {
        return of_parts(parts, ',', &["passed", "failed"]);
    }
    // vitest: `Tests  1 failed | 2 passed (3)`
    if let Some(parts) = words.strip_prefix("Tests  ") {
        return of_parts(parts, '|', &["passed", "failed"]);
    }
    // Maven: `Tests run: 3, Failures: 0, Errors: 0, Skipped: 1`; the lines of classes have their time.
    if let Some((_, parts)) = words.split_once("Tests run: ").filter(|(_, parts)| !parts.contains("Time elapsed")) {
        let number = |name: &str| {
            let after = parts.split_once(name)?.1.trim_start();
            after.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        let run = parts.split(',').next()?.trim().parse::<u64>().ok()?;
        return Some(run.saturating_sub(number("Skipped:").unwrap_or(0)));
    }
    // go test -v: `--- PASS: TestOne (0.00s)`, and as JSON.
    if words.starts_with("--- PASS: ") || words.starts_with("--- FAIL: ") {
        return Some(1);
    }
    if words.starts_with("{\"Time\":") || words.starts_with("{\"Action\":") {
        let ended = words.contains("\"Action\":\"pass\"") || words.contains("\"Action\":\"fail\"");
        return (ended && words.contains("\"Test\":")).then_some(1);
    }
    // TAP: `ok 1 - one`, `not ok 2`. Sub-tests are indented, and their test is counted.
    if let Some(rest) = line.strip_prefix("ok ").or_else(|| line.strip_prefix("not ok ")) {
        let numbered = rest.starts_with(|c: char| c.is_ascii_digit());
        let skipped = rest.to_ascii_lowercase().contains("# skip");
        return numbered.then_some(u64::from(!skipped));
    }
    // The report of node: `ℹ pass 2`, `ℹ fail 1`.
    if let Some(rest) = words.strip_prefix("ℹ pass ").or_else(|| words.strip_prefix("ℹ fail ")) {
        return rest.parse().ok();
    }
    if words.starts_with("<testsuite ") {
        let number = |name: &str| words.split_once(&format!(" {name}=\""))?.1.split('"').next()?.parse::<u64>().ok();
        return Some(number("tests")?.saturating_sub(number("skipped").unwrap_or(0)));
    }
    // mocha: `2 passing (10ms)`, `1 failing`; RSpec: `3 examples, 0 failures`.
    let (number, rest) = words.split_once(' ')?;
    let is_count = rest.starts_with("passing (") || rest == "failing" || rest.starts_with("examples, ");
    if is_count { number.parse().ok() } else { None }
}

/// Of `2 passed, 1 skipped (3)`: the sum of what has one of these names; `None` where no part is a number with a name.
fn of_parts(parts: &str, separator: char, names: &[&str]) -> Option<u64> {
    let numbered = parts.split(separator).filter_map(|part| {
        let mut words = part.split_whitespace();
        Some((words.next()?.parse::<u64>().ok()?, words.next()?))
    });
    numbered.map(|(number, name)| if names.contains(&name) { number } else { 0 }).reduce(|sum, more| sum + more)
}

/// `OK (skipped=1)` after `Ran 2 tests`.
fn skipped_of_unittest(output: &str) -> u64 {
    let lines = output.lines().filter(|line| line.starts_with("OK (") || line.starts_with("FAILED ("));
    let skipped = lines.filter_map(|line| {
        line.split_once("skipped=")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
    });
    skipped.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_in_what_runners_print() {
        for (output, expected) in [
            (
                "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n\
              test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
                Some(4),
            ),
            ("     Summary [   2.763s] 5/8 tests run: 4 passed, 1 failed, 327 skipped", Some(5)),
            ("\x1b[32;1m     Summary\x1b[0m [   0.1s] \x1b[1m1\x1b[0m test run: 1 passed, 0 skipped", Some(1)),
            ("============ 1 failed, 2 passed, 3 skipped, 1 xfailed in 0.12s ============", Some(4)),
            ("..\n2 passed in 0.01s", Some(2)),
            ("==== no tests ran in 0.01s ====", Some(0)),
            ("==== 3 skipped in 0.01s ====", Some(0)),
            ("Ran 5 tests in 0.001s\n\nOK (skipped=2)", Some(3)),
            ("Ran 1 test in 0.001s\n\nFAILED (failures=1, skipped=0)", Some(1)),
            ("Test Suites: 1 passed, 1 total\nTests:       1 failed, 2 skipped, 9 passed, 12 total", Some(10)),
            (" Test Files  1 passed (1)\n      Tests  1 failed | 9 passed | 2 skipped (12)", Some(10)),
            ("  12 passing (30ms)\n  2 pending\n  1 failing", Some(13)),
            (
                "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n--- SKIP: TestC (0.00s)\nok  \ta\t0.1s",
                Some(2),
            ),
            (
                "{\"Time\":\"t\",\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"TestA\"}\n\
              {\"Time\":\"t\",\"Action\":\"output\",\"Test\":\"TestA\",\"Output\":\"--- PASS: TestA\"}\n\
              {\"Time\":\"t\",\"Action\":\"pass\",\"Package\":\"a\"}",
                Some(1),
            ),
            ("TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP later", Some(2)),
            ("ℹ tests 3\nℹ pass 2\nℹ fail 1\nℹ skipped 0", Some(3)),
            (
                "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in A\n\
              [INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 1",
                Some(2),
            ),
            ("<testsuites>\n<testsuite name=\"a\" tests=\"4\" failures=\"0\" skipped=\"1\">\n</testsuite>", Some(3)),
            ("3 examples, 0 failures, 1 pending", Some(3)),
            ("ok\nit works\nRan the linter\n1 warning in 3 files\nSummary [x]\nTests: none", None),
            ("", None),
        ] {
            assert_eq!(tests_run(output), expected, "{output}");
        }
    }
}
