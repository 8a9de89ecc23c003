//! The command line: a file for each command. stdout is data, stderr is talk.

mod agent;
mod agent_choice;
mod alert;
mod assumptions;
mod attach;
mod backup;
mod board;
mod clean;
mod config_command;
mod confine;
mod cost;
mod decisions;
mod demo;
mod describe;
mod diff;
mod direction;
mod doctor;
mod dry_run;
mod export;
mod forecast;
mod gates;
mod goal;
mod guard;
mod host;
mod import;
mod inbox;
mod init;
mod input;
mod interrupts;
mod keys;
mod live;
mod log_command;
mod login;
mod man;
mod mcp_command;
mod merge;
mod message;
mod narrator;
mod out;
mod peek;
mod permit;
mod plan;
mod prove;
mod rescue;
mod review;
mod run;
mod sandbox;
mod skill;
mod status;
mod stop;
mod tell;
mod ticket;
mod ticket_close;
mod ticket_edit;
mod ticket_fields;
mod ticket_judged;
mod ticket_list;
mod ticket_show;
mod tips;
mod trust;
mod undo;
mod view;
mod waits;

use crate::failure::{Exit, Failure};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The foreman for gangs of coding agents.
///
/// Ganger works through a board of tickets for a git repository with real agent CLIs, in parallel, each in its own
/// workspace. It verifies what they claim with your gates, and merges nothing without your approval.
#[derive(Debug, Parser)]
#[command(name = "ganger", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a process")]
enum Command {
    /// Make this repository a project: find gates and runtimes, write ganger.toml
    Init(init::Args),
    /// Work through the board until nothing can move
    ///
    /// On a terminal the view takes keys: a answers the first card, t tells an agent something, l shows a log, s stops a
    /// ticket, ? lists them. Ctrl-C once lets agents finish their turns, twice stops them; both keep everything.
    Run(run::Args),
    /// Plan what you want, and ask you before anything is built
    ///
    /// The pipeline asks you what is unclear, writes a specification and a plan, and checks them. `ganger answer` accepts the plan
    /// or says what to change; then `ganger run` works on its tickets. `ganger plan T-1` shows how far a goal is, and its plan.
    Plan(plan::Args),
    /// Show the board at a glance
    Status(status::Args),
    /// Add, show and change tickets
    #[command(subcommand, visible_alias = "t")]
    Ticket(ticket::Command),
    /// List and show agents: those of ganger.toml, of files, and built in
    #[command(subcommand)]
    Agent(agent::Command),
    /// List, show, check and begin skills
    #[command(subcommand)]
    Skill(skill::Command),
    /// List what is waiting for your answer
    Inbox(inbox::InboxArgs),
    /// List the channels through which you are told while you are elsewhere, and try them
    #[command(subcommand)]
    Alert(alert::Command),
    /// Answer a card
    Answer(inbox::AnswerArgs),
    /// List or revoke permissions you have granted
    #[command(subcommand)]
    Permit(permit::Command),
    /// Show and change what holds for all agents: goals, constraints, priorities
    Direction(direction::Args),
    /// List what agents assume, confirm it, or correct it
    Assumptions(assumptions::Args),
    /// Send a message to the session of a ticket
    Tell(tell::TellArgs),
    /// Read what agents write to each other and to you, and write to them
    #[command(subcommand)]
    Message(message::Command),
    /// Serve the board as tools on stdin and stdout, for a session that Ganger did not start
    ///
    /// Speaks the Model Context Protocol: list and show tickets, file new ones (you let them in), read and write mail. For
    /// `claude mcp add ganger -- ganger mcp` and the like.
    Mcp(mcp_command::Args),
    /// Interrupt the current turn of a ticket's session, and send a message
    Interrupt(tell::InterruptArgs),
    /// Send one of the usual review comments to the session of a ticket
    Nudge(tell::NudgeArgs),
    /// Stop tickets until you resume them; nothing is lost
    Stop(stop::StopArgs),
    /// Resume stopped tickets
    Resume(stop::ResumeArgs),
    /// Open the session of a ticket with the runtime's own program
    ///
    /// A turn in progress is interrupted first. The ticket is held while you are in the session: no agent works on it,
    /// it is not merged, and its workspace stays. When you leave the program, the ticket is resumed; what you
    /// changed in accepted work is reported and verified again.
    Attach(attach::Args),
    /// Watch the session of a ticket; it stops nothing
    ///
    /// Shows the last entries and then what the agent says and does, a line for each, until its attempt ends. `ganger log
    /// T-1 --follow` shows all attempts from the beginning, whole texts, and what the board decided in between.
    Peek(peek::Args),
    /// Run the gates on the main branch, or on a ticket's last commit
    Gates(gates::Args),
    /// Show what a ticket changes
    Diff(diff::Args),
    /// Comment on what a ticket changes, and accept it or send it back
    ///
    /// Opens $VISUAL or $EDITOR on the diff. Comments are lines that begin with "# ", below the line that they are about.
    /// They go to the session of the ticket as one message, by file and line; without a comment Ganger asks whether to
    /// accept the work.
    Review(review::Args),
    /// Show tokens and money by ticket, agent, runtime, day or attempt
    Cost(cost::Args),
    /// Say when the board will be done, what it will cost, and what holds it up
    ///
    /// Plays what is left to do many times over, with what finished tickets took. No model is asked.
    Forecast(forecast::Args),
    /// Show what was decided and why: who works on a ticket, what started, what waits; and what came of it
    Decisions(decisions::Args),
    /// Merge accepted work into the main branch
    Merge(merge::Args),
    /// Show what agents said and did
    Log(log_command::Args),
    /// List and restore what was kept before a workspace was removed
    #[command(subcommand)]
    Rescue(rescue::Command),
    /// Remove what merged and closed tickets left: workspaces, branches, caches, old logs
    ///
    /// Lists it with its size and asks once. What a workspace holds is kept as a rescue first, branches go when main has
    /// them, and rescues stay.
    Clean(clean::Args),
    /// Confirm what this project runs on your machine
    Trust(trust::Args),
    /// Run agents on this machine for a run in another process
    Host(host::Args),
    /// Run a command in the sandbox of this project's agents, or show what it holds
    Confine(confine::Args),
    /// Say what the guard would stop of a shell line, without running it
    Guard(guard::Args),
    /// Show every setting and where it comes from
    Config(config_command::Args),
    /// Check the installation, the project and the board
    Doctor(doctor::Args),
    /// Watch scripted agents work on a small repository
    Demo(demo::Args),
    /// Write a copy of the board into a file, also while a run works
    Backup(backup::BackupArgs),
    /// Put a copy of the board in the place of a damaged or lost one
    Restore(backup::RestoreArgs),
    /// Write the whole board as JSON
    Export(export::Args),
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command into a folder (used to make packages)
    #[command(hide = true)]
    ManPages(man::Args),
    /// Play a script instead of a model: an agent for demos and rehearsals
    ///
    /// FILE is JSON: ticket id (or "*") → list of attempts → list of steps. A step is one of
    /// {"write": PATH, "text": T}, {"append": PATH, "text": T}, {"remove": PATH}, {"run": COMMAND},
    /// {"say": T}, {"sleep_ms": N}, {"commit": MESSAGE}, {"tool": NAME, "args": {…}}, {"spawn": COMMAND},
    /// {"report": {…}}, {"exit": N}, {"hang": true}.
    #[command(verbatim_doc_comment)]
    ScriptAgent {
        /// The script
        file: PathBuf,
    },
    /// Serve Ganger's tools on stdin and stdout (started by an agent's runtime)
    #[command(hide = true)]
    McpStdio {
        #[arg(long)]
        url: String,
        #[arg(long)]
        token_file: PathBuf,
    },
    /// Decide about a tool call before it is made (started by an agent's runtime)
    #[command(hide = true)]
    Hook {
        #[arg(long)]
        url: String,
        #[arg(long)]
        token_file: PathBuf,
        /// Seconds
        #[arg(long)]
        limit: u64,
    },
    /// Become the program of a session (started by `attach`)
    #[command(hide = true)]
    OpenSession {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<std::ffi::OsString>,
    },
    /// Kill what a host left behind (started by the host itself)
    #[command(hide = true)]
    GuardHost {
        #[arg(long)]
        marker: String,
        #[arg(long)]
        stamp: PathBuf,
        #[arg(long)]
        lease_ms: u64,
    },
}

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return misused(&tips::improve(e, &Cli::command())),
    };
    let as_json = cli.command.wants_json();
    match dispatch(cli.command).and_then(|exit| out::check().map(|()| exit)) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            out::failure(&failure, as_json);
            ExitCode::from(failure.code.exit() as u8)
        }
    }
}

/// A wrong command line: whoever wants JSON gets this error as JSON, too. Help and the version are no errors.
fn misused(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|arg| arg == "--json");
    if error.use_stderr() && wants_json {
        let failure = tips::as_failure(error);
        out::failure(&failure, true);
        return ExitCode::from(failure.code.exit() as u8);
    }
    error.exit()
}

impl Command {
    /// Whether errors are for a program, too.
    fn wants_json(&self) -> bool {
        match self {
            Self::Run(args) => args.json,
            Self::Plan(args) => args.json,
            Self::Host(args) => args.json,
            Self::Status(args) => args.json,
            Self::Ticket(command) => command.wants_json(),
            Self::Agent(command) => command.wants_json(),
            Self::Skill(command) => command.wants_json(),
            Self::Inbox(args) => args.json,
            Self::Permit(permit::Command::List { json }) | Self::Rescue(rescue::Command::List { json }) => *json,
            Self::Direction(args) => args.json,
            Self::Assumptions(args) => args.json,
            Self::Tell(args) => args.json,
            Self::Message(command) => command.wants_json(),
            Self::Gates(args) => args.json,
            Self::Alert(alert::Command::List { json }) => *json,
            Self::Cost(args) => args.json,
            Self::Forecast(args) => args.json,
            Self::Decisions(args) => args.json,
            Self::Peek(args) => args.json,
            Self::Review(args) => args.json,
            Self::Clean(args) => args.json,
            Self::Log(args) => args.json,
            Self::Config(args) => args.json,
            Self::Confine(args) => args.json,
            Self::Guard(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Export(args) => args.json,
            _ => false,
        }
    }
}

/// Threads for what waits for git and the file system: more would only wait for the disk, and each takes memory.
const BLOCKING_THREADS: usize = 16;

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::GuardHost { marker, stamp, lease_ms } => {
            crate::host::run_guard(&marker, &stamp, Duration::from_millis(lease_ms));
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ganger", &mut script);
            out::data!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
        Command::ManPages(args) => man::run(&args, &Cli::command()),
        Command::OpenSession { argv } => Err(attach::open_session(&argv)),
        Command::Confine(args) => confine::run(args),
        Command::Config(args) => config_command::run(&args),
        Command::Guard(args) => guard::run(&args),
        Command::Agent(command) => agent::run(&command),
        Command::Skill(command) => skill::run(&command),
        other => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
            let done = runtime.block_on(dispatch_async(other));
            // A reader of stdin or a slow file system must not hold up the end.
            runtime.shutdown_timeout(Duration::from_millis(200));
            done
        }
    }
}

async fn dispatch_async(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(&args).await,
        Command::Run(args) => run::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Host(args) => host::run(args).await,
        Command::Status(args) => status::run(&args).await,
        Command::Ticket(command) => ticket::run(command).await,
        Command::Inbox(args) => inbox::inbox(&args).await,
        Command::Answer(args) => inbox::answer(args).await,
        Command::Permit(command) => permit::run(command).await,
        Command::Direction(args) => direction::run(args).await,
        Command::Assumptions(args) => assumptions::run(args).await,
        Command::Tell(args) => tell::tell(args).await,
        Command::Message(command) => message::run(command).await,
        Command::Mcp(args) => mcp_command::run(args).await,
        Command::Interrupt(args) => tell::interrupt(args).await,
        Command::Nudge(args) => tell::nudge(args).await,
        Command::Stop(args) => stop::stop(args).await,
        Command::Resume(args) => stop::resume(args).await,
        Command::Attach(args) => attach::attach(args).await,
        Command::Peek(args) => peek::run(&args).await,
        Command::Gates(args) => gates::run(&args).await,
        Command::Alert(command) => alert::run(command).await,
        Command::Cost(args) => cost::run(&args).await,
        Command::Forecast(args) => forecast::run(&args).await,
        Command::Decisions(args) => decisions::run(&args).await,
        Command::Merge(args) => merge::run(args).await,
        Command::Log(args) => log_command::run(&args).await,
        Command::Diff(args) => diff::run(&args).await,
        Command::Review(args) => review::run(&args).await,
        Command::Rescue(command) => rescue::run(command).await,
        Command::Clean(args) => clean::run(&args).await,
        Command::Trust(args) => trust::run(&args).await,
        Command::Doctor(args) => Box::pin(doctor::run(&args)).await,
        Command::Demo(args) => demo::run(&args).await,
        Command::Export(args) => export::run(&args).await,
        Command::Backup(args) => backup::backup(&args).await,
        Command::Restore(args) => backup::restore(&args).await,
        Command::McpStdio { url, token_file } => {
            crate::mcp::serve_stdio(&url, &token_file).await?;
            Ok(Exit::Done)
        }
        Command::Hook { url, token_file, limit } => {
            crate::mcp::call_hook(&url, &token_file, Duration::from_secs(limit)).await?;
            Ok(Exit::Done)
        }
        Command::ScriptAgent { file } => {
            let code = crate::agents::script::play(&file).await?;
            std::process::exit(code)
        }
        _ => Ok(Exit::Done),
    }
}
