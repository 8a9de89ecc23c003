//! The breaker of one attempt: an agent that loops is interrupted and told so; the second time it has failed.

use super::protocol::{Limits, WorkspaceState};
use super::watch::Duration;
use crate::Millis;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A tool call with all its arguments. Calls can be large and many.
type CallDigest = [u8; 32];

pub(super) struct Breaker {
    same_calls: u32,
    patience: Millis,
    tokens: Option<u64>,
    last_call: LastCall,
    seen: BTreeSet<CallDigest>,
    /// When something new was done, and how many tokens had been used then.
    progress: (Millis, u64),
    /// What the workspace looked like when it was last compared.
    workspace: Option<WorkspaceState>,
}

#[derive(Default)]
struct LastCall {
    shown: String,
    digest: CallDigest,
    /// How many times in a row it was made.
    times: u32,
}

impl Breaker {
    pub(super) fn new(limits: &Limits, now: Millis) -> Self {
        Self {
            same_calls: limits.same_calls,
            patience: limits.no_progress,
            tokens: limits.tokens,
            last_call: LastCall::default(),
            seen: BTreeSet::new(),
            progress: (now, 0),
            workspace: None,
        }
    }

    /// The agent called a tool.
    pub(super) fn called(&mut self, now: Millis, shown: &str, arguments: &str, used: u64) {
        let digest: CallDigest =
            Sha256::new().chain_update(shown).chain_update([0]).chain_update(arguments).finalize().into();
        if self.last_call.times > 0 && self.last_call.digest == digest {
            self.last_call.times += 1;
            return;
        }
        if self.seen.insert(digest) {
            self.progress = (now, used);
        }
        self.last_call = LastCall { shown: shown.to_owned(), digest, times: 1 };
    }

    /// Why the attempt should be interrupted, if it should.
    pub(super) fn trips(&self, used: u64) -> Option<String> {
        let LastCall { shown, times, .. } = &self.last_call;
        if *times >= self.same_calls {
            return Some(format!("the same call {times} times in a row: {shown}"));
        }
        let limit = self.tokens.filter(|limit| used > *limit)?;
        Some(format!("it has used {used} tokens, more than its limit of {limit}"))
    }

    /// Whether nothing else was new for so long that the workspace decides.
    pub(super) fn doubts(&self, now: Millis, used: u64) -> bool {
        used > self.progress.1 && now >= self.progress.0 + self.patience
    }

    /// When that will be so, if nothing new is done before.
    pub(super) fn deadline(&self, used: u64) -> Option<Millis> {
        (used > self.progress.1).then(|| self.progress.0 + self.patience)
    }

    /// The workspace was looked at: why the attempt should be interrupted, if it should.
    pub(super) fn compare(&mut self, now: Millis, used: u64, workspace: WorkspaceState) -> Option<String> {
        let changed = self.workspace.as_ref() != Some(&workspace);
        self.workspace = Some(workspace);
        self.progress = (now, used);
        (!changed).then(|| {
            let patience = Duration(self.patience);
            format!("no file has changed and nothing new was run for {patience}, while tokens flow")
        })
    }

    /// The workspace could not be looked at; the next look decides.
    pub(super) fn postpone(&mut self, now: Millis, used: u64) {
        self.progress = (now, used);
    }

    /// It was told; its calls count anew, and so do its tokens.
    pub(super) fn second_chance(&mut self, now: Millis, used: u64) {
        self.last_call = LastCall::default();
        self.progress = (now, used);
        // Only what is used up already is raised.
        self.tokens = self.tokens.map(|limit| limit.max(used + limit / 4));
    }
}
