//! `ganger ticket`: adding, listing, changing and closing tickets.

use super::agent_choice;
use super::board::{self, Board};
use super::import;
use super::input;
use super::out::{data, json};
use super::ticket_fields::{Fields, filled, warn_about_files};
use super::ticket_show;
use super::{ticket_close, ticket_edit, ticket_list};
use crate::board::{Part, View, shapes, ticket_named};
use crate::failure::{Code, Exit, Failure};
use ganger_engine::{Input, Kind, NewTicket, Outcome, State, Ticket, TicketId, TicketSpec};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a ticket
    Add(AddArgs),
    /// List tickets
    List(ticket_list::Args),
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
    Edit(ticket_edit::Args),
    /// Close tickets without merging them; their work is kept
    Close {
        /// The tickets, such as T-3 or 3
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why, for the record
        #[arg(long, default_value = "no reason given")]
        reason: String,
    },
    /// Reopen tickets that are closed, accepted or waiting for you
    Reopen {
        /// The tickets, such as T-3 or 3
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
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

#[derive(Debug, clap::Args)]
pub(super) struct AddArgs {
    /// The title, in one line
    #[arg(value_parser = filled, required_unless_present = "like")]
    title: Option<String>,
    /// Take from this ticket what is not given here: title, description, definition of done, dependencies, agent, …
    #[arg(long, value_name = "ID", value_parser = filled)]
    like: Option<String>,
    /// An id of your choice; otherwise T-1, T-2, …
    #[arg(long)]
    id: Option<String>,
    /// Have several agents do it, each on its own, and take one of the results: names with commas between them
    #[arg(long, value_name = "AGENT,AGENT", value_delimiter = ',', value_parser = filled, conflicts_with_all = ["agent", "runtime"])]
    contest: Vec<String>,
    #[command(flatten)]
    fields: Fields,
    /// Write the description in $EDITOR
    #[arg(long, short)]
    edit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        // It may have checks.
        Command::Add(args) if args.like.is_some() => Some("ticket add --like"),
        Command::Add(_) | Command::List(_) | Command::Show { .. } | Command::Why { .. } => None,
    };
    let board = match for_people {
        Some(command) => board::open_for_person(command).await?,
        None => board::open().await?,
    };
    match command {
        Command::Add(args) => add(&board, args).await,
        Command::List(args) => ticket_list::run(&board, &args).await,
        Command::Show { id, json } => ticket_show::show(&board, &id, json).await,
        Command::Why { id, json } => ticket_show::explain(&board, &id, json).await,
        Command::Edit(args) => ticket_edit::run(&board, args).await,
        Command::Close { ids, reason } => ticket_close::close(&board, &ids, &reason).await,
        Command::Reopen { ids, reason } => ticket_close::reopen(&board, &ids, &reason).await,
        Command::Import { file, dry_run, update, json } => {
            import::run(&board, &file, &import::Options { dry_run, update, as_json: json }).await
        }
    }
}

/// An id that no ticket has yet.
fn parse(id: &str) -> Result<TicketId, Failure> {
    TicketId::parse(id).map_err(|e| Failure::usage(e.to_string()))
}

async fn add(board: &Board, args: AddArgs) -> Result<Exit, Failure> {
    let like = match &args.like {
        Some(word) => like(board, word).await?,
        None => TicketSpec::default(),
    };
    let files = args.fields.file.clone();
    let was_contest = like.kind == Kind::Contest;
    let mut spec = args.fields.over(board, like).await?;
    // Who names an agent wants that one alone.
    if was_contest && spec.agent.is_some() && args.contest.is_empty() {
        (spec.kind, spec.contest) = (Kind::Change, Vec::new());
    }
    spec.title = args.title.map_or(spec.title, |title| title.trim().to_owned());
    if !args.contest.is_empty() {
        spec = of_contest(board, spec, &args.contest)?;
    }
    if args.edit {
        spec.description = input::edit(&spec.description, ".md", "use --description or --description-file")?;
    }
    let id = args.id.as_deref().map(parse).transpose()?;
    let input = Input::AddTickets { tickets: vec![NewTicket { id, spec }] };
    warn_about_files(board, &files);
    let Outcome::Tickets { ids } = board.decide("you added a ticket", input).await? else {
        return Err(Failure::failed("the ticket was not added"));
    };
    if !args.json {
        ids.iter().for_each(|id| data!("{id}"));
        return Ok(Exit::Done);
    }
    let View { state, .. } = board.view(Part::Tickets(&ids)).await?;
    let around = board.around()?;
    for (id, ticket) in ids.iter().filter_map(|id| Some((id, state.tickets.get(id)?))) {
        json(shapes::Ticket::of(&state, id, ticket, &around))?;
    }
    Ok(Exit::Done)
}

/// The ticket as one that these agents compete for.
fn of_contest(board: &Board, spec: TicketSpec, words: &[String]) -> Result<TicketSpec, Failure> {
    let mut agents: Vec<String> = Vec::new();
    for word in words {
        let agent = agent_choice::by_name(board.project.config(), word).map_err(|failure| {
            let names: Vec<&str> = word.split([' ', ';', '+']).filter(|name| !name.is_empty()).collect();
            let are_agents = names.iter().all(|name| board.project.config().agent_called(name).is_some());
            match names.len() > 1 && are_agents {
                true => failure.hint(format!("agents have commas between them: --contest {}", names.join(","))),
                false => failure,
            }
        })?;
        if agents.contains(&agent) {
            return Err(Failure::usage(format!("the contest names the agent `{agent}` twice"))
                .hint("each agent has one entry: name different agents"));
        }
        agents.push(agent);
    }
    if let [only] = agents.as_slice() {
        return Err(Failure::usage(format!("a contest needs two agents or more, and this names `{only}` alone"))
            .hint(format!("`--agent {only}` gives it to one agent")));
    }
    Ok(TicketSpec { kind: Kind::Contest, contest: agents, agent: None, ..spec })
}

/// What a person may ask for again. Facts of a file that it came from are those of that ticket alone.
async fn like(board: &Board, word: &str) -> Result<TicketSpec, Failure> {
    let id = board.named_one(word).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let (_, ticket) = find(&state, id.as_str())?;
    let TicketSpec { kind, call, parent, .. } = &ticket.spec;
    if !matches!(kind, Kind::Change | Kind::Contest) || call.is_some() || parent.is_some() {
        let words = format!("{id} is a {}, and not yours to ask for again", kind.as_str());
        return Err(Failure::usage(words).hint("name a ticket that was added by a person or an import"));
    }
    // A contest that took an entry has its agent.
    let agent = ticket.spec.agent.clone().filter(|_| *kind == Kind::Change);
    Ok(TicketSpec { metadata: BTreeMap::new(), agent, ..ticket.spec.clone() })
}

pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<(TicketId, &'a Ticket), Failure> {
    let id = ticket_named(state, id)?;
    let missing = || Failure::of(Code::UnknownTicket, format!("there is no ticket {id}"));
    let ticket = state.tickets.get(&id).ok_or_else(missing)?;
    Ok((id, ticket))
}
