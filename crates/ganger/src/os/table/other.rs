//! Systems without a port: no process is ever found, and [`Process::SUPPORTED`] keeps agents from being run.

use std::path::PathBuf;

/// Never made but for ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Process(pub(in super::super) i32);

impl Process {
    pub(super) const SUPPORTED: bool = false;

    pub(in super::super) fn all() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }

    pub(in super::super) fn environment_has(self, _fits: impl Fn(&[u8]) -> bool) -> bool {
        false
    }

    pub(in super::super) fn variable(self, _name: &str) -> Option<String> {
        None
    }

    pub(in super::super) fn with_connection(_from: u16, _to: u16) -> Vec<Self> {
        Vec::new()
    }

    pub(in super::super) fn folder(self) -> Option<PathBuf> {
        None
    }

    pub(in super::super) fn is_zombie(self) -> bool {
        false
    }

    pub(in super::super) fn parent(self) -> Option<Self> {
        None
    }

    pub(in super::super) fn exists(self) -> bool {
        false
    }

    pub(in super::super) fn group(self) -> Option<Self> {
        None
    }

    pub(in super::super) fn writes_to_pipe(self) -> bool {
        false
    }

    pub(in super::super) fn command_line(self) -> String {
        String::new()
    }

    pub(in super::super) fn has_terminal(self) -> bool {
        false
    }

    pub(in super::super) fn cpu_ticks(self) -> u64 {
        0
    }

    pub(in super::super) fn began(self) -> Option<u64> {
        None
    }

    pub(in super::super) fn children(self) -> Vec<Self> {
        Vec::new()
    }

    pub(in super::super) fn is_child_of_ours(self) -> bool {
        false
    }

    pub(in super::super) fn runs_our_program(self) -> bool {
        false
    }

    pub(in super::super) fn wait(self) {}
}

pub(in super::super) fn ticks_since_boot() -> u64 {
    0
}

pub(in super::super) fn adopt_orphans() {}
