//! Running the setup command in a tree.

use super::{Ended, Setup};
use crate::os::{self, Spawn};
use crate::sandbox::Sandboxed;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(3);

/// For whom it runs, and where what it prints goes.
pub(crate) struct SetupRun<'a> {
    /// The incarnation of the host, for the guard.
    pub(crate) host: &'a str,
    /// The mark of everything that it starts.
    pub(crate) mark: &'a str,
    pub(crate) env: BTreeMap<OsString, OsString>,
    pub(crate) sandbox: Option<Sandboxed>,
    pub(crate) output: PipeWriter,
}

impl SetupRun<'_> {
    pub(super) async fn run(self, setup: &Setup, tree: &Path) -> io::Result<Ended> {
        let limit = Duration::from_secs(setup.timeout_s);
        let spawn = Spawn {
            argv: ["sh", "-c", &setup.command].map(OsString::from).to_vec(),
            dir: tree,
            env: self.env,
            host: self.host,
            attempt: Some(self.mark),
            confinement: self.sandbox.as_deref(),
            stdin: Stdio::null(),
            stdout: Stdio::from(self.output.try_clone()?),
            stderr: Stdio::from(self.output),
        };
        let _at_work = os::AtWork::begin();
        let mut child = spawn.start()?;
        let failed = |why, exit_code, timed_out| Ended::Failed { why, exit_code, timed_out };
        Ok(match tokio::time::timeout(limit, child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ended::Ready,
                status => failed(format!("failed ({status})"), status.code(), false),
            },
            Err(_) => {
                os::terminate_group(&mut child, GRACE).await;
                failed(format!("took longer than {limit:?}"), None, true)
            }
        })
    }
}
