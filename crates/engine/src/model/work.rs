//! Work: what a ticket of each kind is. One table says what its claim needs, what verifies it, what follows from
//! accepting it, whether it lands, and which directory it gets. Rules ask the table, never the kind.

use serde::{Deserialize, Serialize};

/// What kind of work a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A change of the repository.
    #[default]
    Change,
    /// Joins accepted branches that conflict, so that what depends on them has a base.
    Join,
    /// A goal: its work is a plan.
    Goal,
    /// A call of one agent by another.
    Call,
    /// A stage of a pipeline.
    Stage,
    /// A review of another ticket's work.
    Review,
    /// A change that several agents make, each in an entry; once one of these is taken, a change as any other.
    Contest,
    /// What one agent makes of a contest.
    Entry,
}

/// What an agent must have when it says that it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A change on its branch, and every item of the definition of done addressed.
    Change,
    /// Structured output in its report.
    Output,
}

/// What verifies a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The gates, on the head commit.
    Commit,
    /// A schema, on the output.
    Output,
    /// A person.
    Approval,
}

/// What accepting means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It waits for a person to merge it.
    AwaitsMerge,
    /// Its plan becomes child tickets.
    Expands,
    /// Its output goes to the ticket that asked.
    ReturnsOutput,
    /// The next stage begins.
    Advances,
    /// It is compared with the other entries of its contest, and may be taken.
    Competes,
}

/// The directory of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// A workspace on the ticket's branch.
    Workspace,
    /// A detached, read-only snapshot of its parent's tree.
    Snapshot,
    /// None.
    None,
}

/// How branches of dependencies meet in the base of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bases {
    /// All of them are merged before the agent starts.
    Merged,
    /// Merging them is the work: the branch starts at the first.
    First,
}

/// The row of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// What a claim needs.
    pub claim: Claim,
    /// What verifies it.
    pub verification: Verification,
    /// What accepting means.
    pub acceptance: Acceptance,
    /// Whether it is work for the main branch.
    pub lands: bool,
    /// Which directory its attempts get.
    pub directory: Directory,
    /// How it stands on what it depends on.
    pub bases: Bases,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Change, Self::Join, Self::Goal, Self::Call, Self::Stage, Self::Review, Self::Contest, Self::Entry];

    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Join => "join",
            Self::Goal => "goal",
            Self::Call => "call",
            Self::Stage => "stage",
            Self::Review => "review",
            Self::Contest => "contest",
            Self::Entry => "entry",
        }
    }

    /// The table.
    #[must_use]
    pub fn work(self) -> Work {
        let change = Work {
            claim: Claim::Change,
            verification: Verification::Commit,
            acceptance: Acceptance::AwaitsMerge,
            lands: true,
            directory: Directory::Workspace,
            bases: Bases::Merged,
        };
        let output = Work {
            claim: Claim::Output,
            verification: Verification::Output,
            acceptance: Acceptance::ReturnsOutput,
            lands: false,
            directory: Directory::Snapshot,
            bases: Bases::Merged,
        };
        match self {
            Self::Change | Self::Contest => change,
            Self::Entry => Work { acceptance: Acceptance::Competes, ..change },
            Self::Join => Work { bases: Bases::First, ..change },
            Self::Goal => Work { acceptance: Acceptance::Expands, directory: Directory::None, ..output },
            Self::Call | Self::Review => output,
            Self::Stage => Work { acceptance: Acceptance::Advances, ..output },
        }
    }
}
