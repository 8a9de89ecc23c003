//! What kinds of danger there are, and how much of them is stopped.

use std::str::FromStr;

/// How much is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Guard {
    /// Nothing.
    Off,
    /// What cannot be got back, and what leaves the workspace.
    #[default]
    Standard,
    /// Also what cannot be understood, every push, and every recursive delete outside of build folders.
    Strict,
}

impl Guard {
    /// As the configuration names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}

impl FromStr for Guard {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Off, Self::Standard, Self::Strict]
            .into_iter()
            .find(|guard| guard.name() == name)
            .ok_or_else(|| format!("`{name}` is none of strict, standard and off"))
    }
}

/// A kind of danger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A push that replaces commits of others.
    ForcePush,
    /// Branches, tags or whole repositories of a remote are removed.
    RewriteRemote,
    /// Files are removed that nothing can give back, or very many.
    MassDelete,
    /// Work in git is lost: changes, stashes, branches, history.
    LossOfWork,
    /// A `.env` file is changed.
    EnvFile,
    /// Keys, tokens or passwords are shown.
    SecretRead,
    /// Keys, tokens or files are sent away.
    SecretLeak,
    /// A package, an image or a release is published.
    Publish,
    /// What is deployed is changed or removed.
    Deploy,
    /// A database loses data.
    Database,
    /// The machine itself, or processes of others.
    System,
    /// Code that came over the network is run.
    RemoteCode,
    /// A command that is hidden on purpose.
    Hidden,
    /// Strict only: what cannot be understood.
    Unclear,
    /// Strict only: a command that runs as another user.
    Privilege,
    /// Strict only: a push.
    Push,
    /// Strict only: a folder is removed.
    Delete,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ForcePush,
        Self::RewriteRemote,
        Self::MassDelete,
        Self::LossOfWork,
        Self::EnvFile,
        Self::SecretRead,
        Self::SecretLeak,
        Self::Publish,
        Self::Deploy,
        Self::Database,
        Self::System,
        Self::RemoteCode,
        Self::Hidden,
        Self::Unclear,
        Self::Privilege,
        Self::Push,
        Self::Delete,
    ];

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ForcePush => "force-push",
            Self::RewriteRemote => "rewrite-remote",
            Self::MassDelete => "mass-delete",
            Self::LossOfWork => "loss-of-work",
            Self::EnvFile => "env-file",
            Self::SecretRead => "secret-read",
            Self::SecretLeak => "secret-leak",
            Self::Publish => "publish",
            Self::Deploy => "deploy",
            Self::Database => "database",
            Self::System => "system",
            Self::RemoteCode => "remote-code",
            Self::Hidden => "hidden",
            Self::Unclear => "unclear",
            Self::Privilege => "privilege",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// Whether only the strict guard stops it.
    #[must_use]
    pub const fn is_strict_only(self) -> bool {
        matches!(self, Self::Unclear | Self::Privilege | Self::Push | Self::Delete)
    }
}
