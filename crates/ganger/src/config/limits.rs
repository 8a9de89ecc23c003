//! `[limits]`: how much at once, how often again, how long.

use ganger_engine::{CallLimits, FILED_PER_ATTEMPT, MailLimits, Surfacing, SurfacingPolicy};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) parallel: u32,
    pub(crate) attempts: u32,
    pub(crate) rejections: u32,
    pub(crate) transients: u32,
    /// Minutes without any sign of life before an attempt is interrupted.
    pub(crate) stall_minutes: f64,
    /// Minutes that one tool call may take.
    pub(crate) tool_minutes: f64,
    /// Minutes that a request for permission waits for a person before it is denied.
    pub(crate) permission_minutes: f64,
    /// The same tool call with the same arguments so many times in a row interrupts an attempt.
    pub(crate) same_calls: u32,
    /// So do minutes in which tokens flow, but no file changes and nothing new is run.
    pub(crate) no_progress_minutes: f64,
    /// And so do more tokens than this in one attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt_tokens: Option<u64>,
    /// How deep agents may call each other.
    pub(crate) call_depth: u32,
    /// How many calls of one ticket may be without an answer.
    pub(crate) calls_at_once: u32,
    /// How many calls may be made for one ticket, by its agents and by those that they called.
    pub(crate) calls_per_ticket: u32,
    /// After so many completions the assumptions of agents are summed up.
    pub(crate) surfacing_completions: u32,
    /// So they are when more questions than these are open.
    pub(crate) surfacing_decisions: u32,
    /// How many mails a thread, an attempt and a ticket may send, and how many may wait for one reader.
    pub(crate) mail_per_thread: u32,
    pub(crate) mail_per_attempt: u32,
    pub(crate) mail_per_ticket: u32,
    pub(crate) mail_unread: u32,
    /// How many tickets one attempt may file.
    pub(crate) tickets_per_attempt: u32,
    /// How often in a row reviewers may send work back before a person is asked.
    pub(crate) review_rounds: u32,
    /// How often in a row a check may send a plan back before a person is asked.
    pub(crate) plan_rounds: u32,
    pub(crate) overlap_percent: u32,
    pub(crate) overlap_ignore: Vec<String>,
    /// What an agent may leave uncommitted before a person is asked.
    pub(crate) commit_files: u64,
    pub(crate) commit_mb: u64,
    /// How many files of the repository a branch may delete before a person is asked; never more than half of them.
    pub(crate) deleted_files: u64,
    /// Seconds that a host may be silent.
    pub(crate) lease_seconds: f64,
    /// Seconds after a lapsed lease in which everything of the host is surely ended.
    pub(crate) margin_seconds: f64,
}

impl Limits {
    /// How far agents may call each other.
    pub(super) fn of_calls(&self) -> CallLimits {
        CallLimits { depth: self.call_depth, open: self.calls_at_once, total: self.calls_per_ticket }
    }

    /// When assumptions are summed up.
    pub(super) fn of_surfacing(&self, mode: Surfacing) -> SurfacingPolicy {
        SurfacingPolicy { mode, completions: self.surfacing_completions, decisions: self.surfacing_decisions }
    }

    /// How much agents may write to each other.
    pub(super) fn of_mail(&self) -> MailLimits {
        MailLimits {
            thread: self.mail_per_thread,
            attempt: self.mail_per_attempt,
            ticket: self.mail_per_ticket,
            unread: self.mail_unread,
        }
    }
}

/// Two years: nobody waits longer.
pub(super) const MOST_MINUTES: f64 = 1_000_000.0;
/// Three weeks in minutes: Claude Code takes a hook with a longer limit for one that is late.
pub(super) const MOST_PATIENCE: f64 = 30_000.0;

/// An hour in seconds: no host is waited for longer.
pub(super) const MOST_LEASE: f64 = 3_600.0;

/// Of a span that was checked to be positive and small.
pub(super) fn millis(seconds: f64) -> u64 {
    u64::try_from(std::time::Duration::from_secs_f64(seconds).as_millis()).unwrap_or(u64::MAX)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parallel: 4,
            attempts: 3,
            rejections: 3,
            transients: 5,
            stall_minutes: 10.0,
            tool_minutes: 60.0,
            permission_minutes: 5.0,
            same_calls: 10,
            no_progress_minutes: 20.0,
            attempt_tokens: None,
            call_depth: 3,
            calls_at_once: 8,
            calls_per_ticket: 64,
            surfacing_completions: 10,
            surfacing_decisions: 3,
            mail_per_thread: 20,
            mail_per_attempt: 30,
            mail_per_ticket: 200,
            mail_unread: 50,
            tickets_per_attempt: FILED_PER_ATTEMPT,
            review_rounds: 3,
            plan_rounds: 3,
            overlap_percent: 0,
            overlap_ignore: ["Cargo.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "uv.lock", "go.sum"]
                .map(str::to_owned)
                .to_vec(),
            commit_files: 500,
            commit_mb: 20,
            deleted_files: 50,
            lease_seconds: 10.0,
            margin_seconds: 6.0,
        }
    }
}
