//! `ganger ticket`: adding, listing, changing and closing tickets.

use super::board::{self, Board, require_person};
use super::import;
use super::input;
use super::out::{data, json, table, talk};
use super::ticket_show::{self, shape};
use crate::board::{Part, ReadyTicket, View, shapes};
use crate::failure::{Code, Exit, Failure};
use crate::os::now_ms;
use crate::text;
use clap::ValueEnum;
use ganger_engine::{
    Check, Expects, Input, NewTicket, Outcome, Phase, Priority, State, Ticket, TicketChange, TicketId, TicketSpec,
};
use std::mem::ManuallyDrop;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a ticket
    Add(AddArgs),
    /// List tickets
    List(ListArgs),
    /// Show one ticket with its evidence, cards and assumptions
    Show {
        /// The ticket, such as T-3
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain why a ticket does not start
    Why {
        /// The ticket, such as T-3
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a ticket; an agent that works on it hears of it at its next pause
    Edit(EditArgs),
    /// Close a ticket without merging it; its work is kept
    Close {
        /// The ticket, such as T-3
        id: String,
        /// Why, for the record
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
    /// Reopen a ticket that is closed, accepted or waiting for you
    Reopen {
        /// The ticket, such as T-3
        id: String,
        /// What the agent should know
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Add tickets from a file: requirement JSON or JSONL, or a Markdown roadmap
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// Show what each ticket would have, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Change tickets whose id is on the board already; what the file does not say stays
        #[arg(long)]
        update: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PriorityWord {
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
struct Fields {
    /// What to do, in Markdown
    #[arg(long, conflicts_with = "description_file")]
    description: Option<String>,
    /// A file with the description, or - for standard input
    #[arg(long, value_name = "FILE")]
    description_file: Option<PathBuf>,
    /// An item of the definition of done; repeatable
    #[arg(long, value_name = "ITEM", num_args = 1..)]
    done: Vec<String>,
    /// A command that Ganger runs itself: it must fail without the work and pass with it; repeatable
    #[arg(long, value_name = "COMMAND")]
    check: Vec<String>,
    /// A command that must pass after the work as before; repeatable
    #[arg(long, value_name = "COMMAND")]
    regression: Vec<String>,
    /// How urgent it is
    #[arg(long)]
    priority: Option<PriorityWord>,
    /// A ticket that must be accepted first; repeatable
    #[arg(long, value_name = "ID", num_args = 1.., aliases = ["depends-on", "deps"])]
    after: Vec<String>,
    /// A file that will change; a trailing / means a folder; repeatable
    #[arg(long, value_name = "PATH", num_args = 1..)]
    file: Vec<String>,
    /// The name of the agent
    #[arg(long)]
    agent: Option<String>,
    /// Use the first agent with this runtime; where there is none, the default agent's role and rules on it
    #[arg(long, conflicts_with = "agent")]
    runtime: Option<String>,
    /// A label; repeatable
    #[arg(long, num_args = 1..)]
    label: Vec<String>,
    /// A link; repeatable
    #[arg(long, num_args = 1..)]
    link: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// The title, in one line
    title: String,
    /// An id of your choice; otherwise T-1, T-2, …
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Write the description in $EDITOR
    #[arg(long, short)]
    edit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct EditArgs {
    /// The ticket, such as T-3
    id: String,
    /// The new title
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Remove all checks
    #[arg(long, conflicts_with_all = ["check", "regression"])]
    no_checks: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only tickets that could start now, in the order of dispatch
    #[arg(long)]
    ready: bool,
    /// Only tickets with this status
    #[arg(long)]
    status: Option<String>,
    /// Only tickets with this label
    #[arg(long)]
    label: Option<String>,
    /// Include merged and closed tickets
    #[arg(long, short)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Fields {
    fn checks(&self) -> Vec<Check> {
        let of = |commands: &[String], expects| {
            commands
                .iter()
                .map(move |command| Check { command: command.trim().to_owned(), expects })
                .collect::<Vec<_>>()
        };
        [of(&self.check, Expects::RedThenGreen), of(&self.regression, Expects::StaysGreen)].concat()
    }
}

impl Command {
    /// Whether it prints JSON.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Add(args) => args.json,
            Self::List(args) => args.json,
            Self::Edit(args) => args.json,
            Self::Show { json, .. } | Self::Why { json, .. } | Self::Import { json, .. } => *json,
            Self::Close { .. } | Self::Reopen { .. } => false,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    // What is asked of an agent, and whether it is done, is not for agents to say.
    let for_people = match &command {
        Command::Edit(_) => Some("ticket edit"),
        Command::Close { .. } => Some("ticket close"),
        Command::Reopen { .. } => Some("ticket reopen"),
        Command::Import { .. } => Some("ticket import"),
        // What Ganger executes is not, either.
        Command::Add(args) if !args.fields.checks().is_empty() => Some("ticket add --check"),
        Command::Add(_) | Command::List(_) | Command::Show { .. } | Command::Why { .. } => None,
    };
    for_people.map_or(Ok(()), require_person)?;
    let board = board::open().await?;
    match command {
        Command::Add(args) => add(&board, args).await,
        Command::List(args) => list(&board, &args).await,
        Command::Show { id, json } => ticket_show::show(&board, &id, json).await,
        Command::Why { id, json } => ticket_show::explain(&board, &id, json).await,
        Command::Edit(args) => edit(&board, args).await,
        Command::Close { id, reason } => {
            let input = Input::CloseTicket { ticket: parse(&id)?, reason, by: board.person() };
            board.decide("you closed a ticket", input).await?;
            talk!("Closed {id}. Its branch is kept.");
            Ok(Exit::Done)
        }
        Command::Reopen { id, reason } => {
            let input = Input::ReopenTicket { ticket: parse(&id)?, reason, by: board.person() };
            board.decide("you reopened a ticket", input).await?;
            talk!("Reopened {id}.");
            Ok(Exit::Done)
        }
        Command::Import { file, dry_run, update, json } => {
            import::run(&board, &file, &import::Options { dry_run, update, as_json: json }).await
        }
    }
}

pub(super) fn parse(id: &str) -> Result<TicketId, Failure> {
    TicketId::parse(id).map_err(|e| Failure::usage(e.to_string()))
}

fn parse_all(ids: &[String]) -> Result<Vec<TicketId>, Failure> {
    ids.iter().flat_map(|i| i.split(',')).map(|i| parse(i.trim())).collect()
}

async fn add(board: &Board, args: AddArgs) -> Result<Exit, Failure> {
    let fields = args.fields;
    let agent = agent_of(board, &fields)?;
    let mut description = description_of(&fields)?.unwrap_or_default();
    if args.edit {
        description = input::edit(&description)?;
    }
    let spec = TicketSpec {
        title: args.title.trim().to_owned(),
        description,
        checks: fields.checks(),
        done: fields.done,
        priority: fields.priority.map(Priority::from).unwrap_or_default(),
        after: parse_all(&fields.after)?,
        files: fields.file,
        agent,
        labels: fields.label,
        links: fields.link,
        ..TicketSpec::default()
    };
    let id = args.id.as_deref().map(parse).transpose()?;
    let input = Input::AddTickets { tickets: vec![NewTicket { id, spec }] };
    let Outcome::Tickets { ids } = board.decide("you added a ticket", input).await? else {
        return Err(Failure::failed("the ticket was not added"));
    };
    if !args.json {
        ids.iter().for_each(|id| data!("{id}"));
        return Ok(Exit::Done);
    }
    let View { state, .. } = board.view(Part::Tickets(&ids)).await?;
    for (id, ticket) in ids.iter().filter_map(|id| Some((id, state.tickets.get(id)?))) {
        json(shape(&state, id, ticket))?;
    }
    Ok(Exit::Done)
}

fn agent_of(board: &Board, fields: &Fields) -> Result<Option<String>, Failure> {
    super::agent_choice::of(board.project.config(), fields.agent.as_deref(), fields.runtime.as_deref())
}

fn description_of(fields: &Fields) -> Result<Option<String>, Failure> {
    match (&fields.description, &fields.description_file) {
        (Some(text), _) => Ok(Some(text.clone())),
        (None, Some(file)) => input::read(file).map(Some),
        (None, None) => Ok(None),
    }
}

async fn edit(board: &Board, args: EditArgs) -> Result<Exit, Failure> {
    let fields = args.fields;
    let id = parse(&args.id)?;
    let agent = agent_of(board, &fields)?;
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let after = parse_all(&fields.after)?;
    let checks = changed_checks(board, &id, &fields, args.no_checks).await?;
    let change = TicketChange {
        title: args.title,
        description: description_of(&fields)?,
        checks,
        done: some(fields.done),
        priority: fields.priority.map(Priority::from),
        after: (!after.is_empty()).then_some(after),
        files: some(fields.file),
        agent,
        labels: some(fields.label),
        links: some(fields.link),
        ..TicketChange::default()
    };
    if change == TicketChange::default() {
        return Err(Failure::usage("nothing to change").hint("see `ganger ticket edit --help`"));
    }
    let input = Input::EditTicket { ticket: id.clone(), change: Box::new(change) };
    let outcome = board.decide("you edited a ticket", input).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let Some(ticket) = state.tickets.get(&id) else {
        return Err(Failure::failed(format!("{id} is gone")));
    };
    if args.json {
        json(shape(&state, &id, ticket))?;
    } else if outcome == Outcome::Nothing {
        talk!("{id} already looks like that.");
    } else {
        talk!("{id} is now revision {}.", ticket.revision);
    }
    Ok(Exit::Done)
}

/// New checks of one sort replace the old ones of that sort.
async fn changed_checks(
    board: &Board,
    id: &TicketId,
    fields: &Fields,
    none: bool,
) -> Result<Option<Vec<Check>>, Failure> {
    let new = fields.checks();
    if new.is_empty() {
        return Ok(none.then(Vec::new));
    }
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(id))).await?;
    let old = state.tickets.get(id).map(|t| t.spec.checks.clone()).unwrap_or_default();
    let stays = old.into_iter().filter(|check| new.iter().all(|n| n.expects != check.expects));
    Ok(Some(stays.chain(new.iter().cloned()).collect()))
}

async fn list(board: &Board, args: &ListArgs) -> Result<Exit, Failure> {
    let known =
        ["open", "running", "suspended", "verifying", "reviewing", "accepted", "merged", "needs-you", "cancelled"];
    if let Some(wanted) = &args.status
        && !known.contains(&wanted.as_str())
    {
        return Err(
            Failure::usage(format!("there is no status `{wanted}`")).hint(format!("one of: {}", known.join(", ")))
        );
    }
    if args.ready && !args.json && args.label.is_none() && args.status.as_deref().is_none_or(|s| s == "open") {
        return list_ready(board).await;
    }
    let finished = args.all || matches!(args.status.as_deref(), Some("merged" | "cancelled"));
    let state = match (args.ready, finished) {
        (true, _) => ManuallyDrop::new(board.view(Part::Ready).await?.state),
        (false, false) => ManuallyDrop::new(board.view(Part::Open).await?.state),
        (false, true) => board.last_state().await?,
    };
    let wanted = |ticket: &Ticket| {
        let by_status = args.status.as_deref().is_none_or(|s| s == ticket.phase.as_str());
        let by_label = args.label.as_ref().is_none_or(|l| ticket.spec.labels.contains(l));
        by_status && by_label && (args.all || args.status.is_some() || !ticket.phase.is_final())
    };
    let mut found: Vec<(&TicketId, &Ticket)> = if args.ready {
        let now = now_ms();
        state.ready().filter(|(_, t)| t.not_before <= now && wanted(t)).collect()
    } else {
        state.tickets.iter().filter(|(_, t)| wanted(t)).collect()
    };
    if !args.ready {
        found.sort_by_key(|(_, t)| t.order);
    }
    if args.json {
        json(shapes::Tickets { tickets: found.iter().map(|(id, t)| shape(&state, id, t)).collect() })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        let narrowed = args.status.is_some() || args.label.is_some();
        talk!(
            "{}",
            match (args.ready, narrowed, args.all) {
                (true, ..) => "No ticket is ready.",
                (_, true, _) => "No ticket fits.",
                (.., true) => "No tickets. Add one with `ganger ticket add \"…\"`.",
                _ => "No open tickets. Add one with `ganger ticket add \"…\"`; `--all` shows merged and closed ones.",
            }
        );
    }
    table(&found.iter().map(|(id, t)| row(&state, id, t)).collect::<Vec<_>>());
    Ok(Exit::Done)
}

async fn list_ready(board: &Board) -> Result<Exit, Failure> {
    let (found, now) = (board.ready().await?, now_ms());
    let row = |t: &ReadyTicket| {
        let (status, priority) = (Phase::Open.as_str().to_owned(), t.priority.as_str().to_owned());
        vec![t.id.to_string(), status, priority, text::line(&t.title, 80)]
    };
    let rows: Vec<_> = found.iter().filter(|t| t.not_before <= now).map(row).collect();
    if rows.is_empty() {
        talk!("No ticket is ready.");
    }
    table(&rows);
    Ok(Exit::Done)
}

fn row(state: &State, id: &TicketId, ticket: &Ticket) -> Vec<String> {
    let waits: Vec<String> = ticket
        .spec
        .after
        .iter()
        .filter(|d| ticket.phase == Phase::Open && !state.tickets.get(d).is_some_and(|t| t.phase.is_accepted()))
        .map(ToString::to_string)
        .collect();
    let waits = if waits.is_empty() { String::new() } else { format!("  (waits for {})", waits.join(", ")) };
    vec![
        id.to_string(),
        ticket.phase.as_str().to_owned(),
        ticket.spec.priority.as_str().to_owned(),
        format!("{}{waits}", text::line(&ticket.spec.title, 80)),
    ]
}

pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<(TicketId, &'a Ticket), Failure> {
    let id = parse(id)?;
    let missing = || {
        Failure::of(Code::UnknownTicket, format!("there is no ticket {id}"))
            .hint("`ganger ticket list --all` shows all tickets")
    };
    let ticket = state.tickets.get(&id).ok_or_else(missing)?;
    Ok((id, ticket))
}
