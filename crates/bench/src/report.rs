//! Measurements and their limits.

use std::process::ExitCode;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<(String, bool)>,
}

impl Report {
    /// A line with both sides, the figure and its limit.
    pub(crate) fn add(&mut self, what: &str, detail: &str, figure: f64, limit: &str, holds: bool) {
        let verdict = if holds { "ok  " } else { "OVER" };
        let line = format!("{verdict} {what}: {figure:.2} (limit {limit}); {detail}");
        println!("{line}");
        self.lines.push((line, holds));
    }

    pub(crate) fn print(self) -> ExitCode {
        let over = self.lines.iter().filter(|(_, holds)| !holds).count();
        println!("\n{} measured, {over} over their limit", self.lines.len());
        if over == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub(crate) fn median(samples: &mut [Duration]) -> Duration {
    percentile(samples, 50)
}

pub(crate) fn percentile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}
