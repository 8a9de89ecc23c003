//! Foreign text: capped, without control characters and without secrets, before it is stored, shown or sent to a model.

mod spelling;

pub(crate) use crate::secrets::{redact, redact_in};
pub(crate) use ganger_engine::text::{Clean, cap, clean, is_harmful, line, name, visible};
pub(crate) use spelling::{closest, closest_ids, did_you_mean};
use std::path::Path;

/// Cleaned, and without secrets: what people see.
pub(crate) fn shown(text: &str) -> Clean {
    // Cleaned first: a character that cannot be seen would hide a secret from the search.
    Clean::of(&redact(&clean(text)))
}

/// As [`shown`], for every text in a value.
pub(crate) fn clean_json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = shown(text).into_string(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(clean_json),
        serde_json::Value::Object(fields) => {
            let cleaned = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                clean_json(&mut value);
                (shown(&name).into_string(), value)
            });
            *fields = cleaned.collect();
        }
        _ => {}
    }
}

/// Takes secrets out of what an agent reports.
pub(crate) fn redact_report(report: &mut ganger_engine::Report) {
    redact_in(&mut report.summary);
    for answer in &mut report.done {
        redact_in(&mut answer.item);
        redact_in(&mut answer.how);
    }
    report.findings.iter_mut().for_each(|answer| redact_in(&mut answer.how));
    report.blocked.iter_mut().for_each(redact_in);
    if let Some(output) = &mut report.output {
        clean_json(output);
    }
}

/// The cleaned end of a file; empty when it cannot be read.
pub(crate) fn tail_of_file(path: &Path, bytes: usize) -> String {
    crate::os::tail(path, bytes as u64).map_or_else(|_| String::new(), |tail| clean(&String::from_utf8_lossy(&tail)))
}

/// A time of day in the local zone, for people.
pub(crate) fn clock(at: u64) -> String {
    let time = i64::try_from(at).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |t| t.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string())
}

/// The first of a list, and how many more there are.
pub(crate) fn first_of(mut names: impl Iterator<Item = String>, most: usize) -> String {
    let shown: Vec<String> = names.by_ref().take(most).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A number with its noun: `1 ticket`, `2 tickets`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    ganger_engine::text::count(n as u64, noun)
}
