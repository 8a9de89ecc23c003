//! The newest main: the person's own, or that of their remote.

use super::Depot;
use crate::git::{Git, GitResult};
use ganger_engine::Commit;
use std::time::Duration;

/// A remote that takes longer is not waited for.
const FETCH_LIMIT: Duration = Duration::from_secs(20);

impl Depot {
    /// The newest main: the remote's where there is one, fetched now; the local branch otherwise. `None` when there is
    /// no such branch. A remote that cannot be reached is not an error: its last known state serves, with a warning.
    pub(crate) fn fresh_main(&self, main: &str, fetch: bool) -> GitResult<Option<(Commit, Option<String>)>> {
        let local = self.person.branch(main);
        let tracked = self.person.resolve(&format!("refs/remotes/origin/{main}"));
        for commit in local.iter().chain(&tracked) {
            self.bring_from_person(commit)?;
        }
        let origin = self.settings().origin;
        let mut warning = None;
        if let (Some(origin), true, true) = (&origin, fetch, tracked.is_some()) {
            let refspec = format!("+refs/heads/{main}:{}", of_origin(main));
            let quiet = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
            let fetched = self.patient().run_within(&[&quiet[..], &[origin, &refspec]].concat(), FETCH_LIMIT);
            warning = fetched
                .err()
                .map(|e| format!("origin could not be fetched, its last known {main} is used: {}", e.message));
        }
        let fetched = origin.and_then(|_| self.repository.resolve(&of_origin(main)));
        let remote = match (tracked, fetched) {
            // The person has fetched since.
            (Some(tracked), Some(fetched)) if self.repository.is_ancestor(&fetched, &tracked) => Some(tracked),
            (tracked, fetched) => tracked.and_then(|tracked| fetched.or(Some(tracked))),
        };
        let newest = match (remote, local) {
            // The local main may hold merges that were not pushed yet.
            (Some(r), Some(l)) if self.repository.is_ancestor(&r, &l) => Some(l),
            (Some(r), _) => Some(r),
            (None, local) => local,
        };
        Ok(newest.map(|commit| (commit, warning)))
    }

    /// What a workspace is given to compare with: main, here and at the remote.
    pub(crate) fn refs_to_compare_with(&self, main: &str) -> Vec<(String, Commit)> {
        let local = self.person.branch(main).filter(|commit| self.repository.resolve(commit.as_str()).is_some());
        let remote = self.repository.resolve(&of_origin(main)).or_else(|| {
            let tracked = self.person.resolve(&format!("refs/remotes/origin/{main}"))?;
            self.repository.resolve(tracked.as_str())
        });
        let named = |name: String| move |commit| (name, commit);
        let local = local.map(named(format!("refs/heads/{main}")));
        local.into_iter().chain(remote.map(named(format!("refs/remotes/origin/{main}")))).collect()
    }

    /// For what goes over a network: it gives up on a remote that is silent, and never asks on the terminal.
    pub(super) fn patient(&self) -> Git {
        self.patient_with(self.git())
    }

    /// As [`Depot::patient`], for another repository of Ganger's.
    pub(super) fn patient_with(&self, git: Git) -> Git {
        let own = std::env::var_os("GIT_SSH_COMMAND").is_some()
            || std::env::var_os("GIT_SSH").is_some()
            || self.settings().names().contains(&"core.sshcommand");
        // A relative address begins at the person's folder.
        let git = git.on(&self.person.root).with_persons_settings();
        let git = git.env("GIT_HTTP_LOW_SPEED_LIMIT", "100").env("GIT_HTTP_LOW_SPEED_TIME", "20");
        let git = git.env("GIT_ASKPASS", "true").env("SSH_ASKPASS", "true");
        let ssh = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3";
        if own { git } else { git.env("GIT_SSH_COMMAND", ssh) }
    }
}

/// Where the depot keeps the main of the remote.
fn of_origin(main: &str) -> String {
    format!("refs/ganger/origin/{main}")
}
