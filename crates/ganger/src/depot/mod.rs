//! The depot: the one repository in which Ganger's git works, and what lives around it. It is bare, lies in the state
//! folder, and nobody but Ganger writes its configuration. Each ticket has a workspace, a clone that borrows the
//! depot's objects; whatever an agent does to the git in there, no git of Ganger's reads it. Results come from a
//! workspace into the depot as a checked pack, and go to the person's repository as a branch. Depots of other clones get
//! them through a remote, the exchange.

mod agents_git;
mod aside;
mod collect;
mod commit;
mod exchange;
mod git_dir;
mod hazards;
mod land;
mod large;
mod left;
mod loose_ends;
mod main_branch;
mod own_files;
mod patch;
mod person;
mod publish;
mod rescue;
mod revert;
mod settings;
mod snapshot;
mod store;
mod take;
mod tampering;
mod transfer;
mod workspace;

pub(crate) use aside::SetAside;
pub(crate) use collect::{Collected, Order, collect};
pub(crate) use commit::OWN_FILES;
pub(crate) use exchange::{Exchange, NotBrought, Traveller};
pub(crate) use git_dir::{files_of, make_tree};
pub(crate) use hazards::Guard;
pub(crate) use land::{Base, Landing, build_base, land, merge_commit, repair_half_landing};
pub(crate) use person::{Differences, PersonState};
pub(crate) use publish::stands_in_the_way;
pub(crate) use rescue::Rescue;
pub(crate) use revert::{Revert, revert};
pub(crate) use store::Depot;
pub(crate) use take::Applied;
pub(crate) use workspace::{Retired, Seen, Workspace};

use std::path::PathBuf;

/// What the depot keeps of a ticket apart from git's own.
fn note(depot: &Depot, kind: &str, name: &str) -> PathBuf {
    depot.path().join("ganger").join(kind).join(name)
}

#[cfg(test)]
mod model;
