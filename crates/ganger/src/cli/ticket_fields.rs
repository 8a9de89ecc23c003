//! What a ticket is made of, as options of `ganger ticket add` and `edit`.

use super::board::Board;
use super::input;
use super::out::talk;
use crate::failure::Failure;
use crate::text;
use clap::ValueEnum;
use ganger_engine::{Check, Expects, Priority, TicketSpec};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PriorityWord {
    Critical,
    High,
    Medium,
    Low,
}

impl From<PriorityWord> for Priority {
    fn from(word: PriorityWord) -> Self {
        match word {
            PriorityWord::Critical => Self::Critical,
            PriorityWord::High => Self::High,
            PriorityWord::Medium => Self::Medium,
            PriorityWord::Low => Self::Low,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Fields {
    /// What to do, in Markdown
    #[arg(long, conflicts_with = "description_file")]
    pub(super) description: Option<String>,
    /// A file with the description, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) description_file: Option<PathBuf>,
    /// An item of the definition of done; repeatable
    #[arg(long, value_name = "ITEM", num_args = 1.., value_parser = filled)]
    pub(super) done: Vec<String>,
    /// A command that Ganger runs itself: it must fail without the work and pass with it; repeatable
    #[arg(long, value_name = "COMMAND", value_parser = filled)]
    pub(super) check: Vec<String>,
    /// A command that must pass after the work as before; repeatable
    #[arg(long, value_name = "COMMAND", value_parser = filled)]
    pub(super) regression: Vec<String>,
    /// How urgent it is
    #[arg(long)]
    pub(super) priority: Option<PriorityWord>,
    /// A ticket that must be accepted first; repeatable; `edit` replaces the whole list
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = filled, visible_alias = "depends-on", alias = "deps")]
    pub(super) after: Vec<String>,
    /// A file that will change; a trailing / means a folder; repeatable; `edit` replaces the whole list
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = filled)]
    pub(super) file: Vec<String>,
    /// The name of the agent
    #[arg(long, value_parser = filled)]
    pub(super) agent: Option<String>,
    /// Use the first agent with this runtime; where there is none, the default agent's role and rules on it
    #[arg(long, conflicts_with = "agent")]
    pub(super) runtime: Option<String>,
    /// A label; repeatable; `edit` replaces the whole list
    #[arg(long, num_args = 1.., value_parser = filled)]
    pub(super) label: Vec<String>,
    /// A link; repeatable
    #[arg(long, num_args = 1.., value_parser = filled)]
    pub(super) link: Vec<String>,
}

impl Fields {
    pub(super) fn checks(&self) -> Vec<Check> {
        let of = |commands: &[String], expects| {
            commands
                .iter()
                .map(move |command| Check { command: command.trim().to_owned(), expects })
                .collect::<Vec<_>>()
        };
        [of(&self.check, Expects::RedThenGreen), of(&self.regression, Expects::StaysGreen)].concat()
    }

    /// These fields, and what is not given here as another ticket has it.
    pub(super) async fn over(self, board: &Board, like: TicketSpec) -> Result<TicketSpec, Failure> {
        let or = |given: Vec<String>, known: Vec<String>| if given.is_empty() { known } else { given };
        let (agent, description, checks) = (self.agent_of(board)?, self.description()?, self.checks());
        let after = if self.after.is_empty() { like.after } else { board.named(&self.after).await? };
        Ok(TicketSpec {
            description: description.unwrap_or(like.description),
            checks: if checks.is_empty() { like.checks } else { checks },
            done: or(self.done, like.done),
            priority: self.priority.map_or(like.priority, Priority::from),
            after,
            files: or(self.file, like.files),
            agent: agent.or(like.agent),
            labels: or(self.label, like.labels),
            links: or(self.link, like.links),
            ..like
        })
    }

    pub(super) fn agent_of(&self, board: &Board) -> Result<Option<String>, Failure> {
        super::agent_choice::of(board.project.config(), self.agent.as_deref(), self.runtime.as_deref())
    }

    pub(super) fn description(&self) -> Result<Option<String>, Failure> {
        match (&self.description, &self.description_file) {
            (Some(text), _) => Ok(Some(text.clone())),
            (None, Some(file)) => input::read(file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// A value that says something, without the white space around it.
pub(super) fn filled(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value.to_owned()) }
}

/// A path that is not there may be one that the work creates, or a slip.
pub(super) fn warn_about_files(board: &Board, files: &[String]) {
    let Ok(main) = board.project.main_branch() else { return };
    let git = board.project.repository.git();
    for file in files {
        // The rules refuse paths that git cannot look up.
        let found = git.run(&["ls-tree", "--name-only", &main, "--", file]);
        if found.is_ok_and(|names| names.is_empty()) {
            talk!("warning: `{}` matches no file on {main}; that is fine if the work creates it", text::name(file));
        }
    }
}
