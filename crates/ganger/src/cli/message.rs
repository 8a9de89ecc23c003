//! `ganger message`: mail between agents, tickets and you.

use super::board::{self, Board, say_if_no_run};
use super::input;
use super::out::{clock, data, json, table, talk};
use crate::board::{Part, shapes};
use crate::failure::{Code, Exit, Failure};
use crate::text;
use clap::ValueEnum;
use ganger_engine::{Importance, Input, Mail, MailCopy, MailId, NewMail, Outcome, Receipt, Speaker, State, TicketId};
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what agents and you have written, oldest first
    List {
        /// Only what this ticket sent or got
        #[arg(long)]
        ticket: Option<String>,
        /// Only this thread, by any of its messages
        #[arg(long, value_name = "ID")]
        thread: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a message and its status for each reader
    Show {
        /// The message, such as M-3
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write to the agent of a ticket, to an agent wherever it works, or to all at work
    ///
    /// A ticket that works gets it at its next pause, one that has not begun with its first prompt. `ganger tell` says
    /// something at once, and outside of threads.
    Send(SendArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    /// Who should read it: tickets (T-3), agents, or all; several with commas
    to: String,
    /// What it says, or - for standard input
    #[arg(required = true, num_args = 1..)]
    body: Vec<String>,
    /// What it is about, in one line
    #[arg(long, required_unless_present = "reply_to")]
    subject: Option<String>,
    /// The message that it answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// How soon it should be read
    #[arg(long)]
    importance: Option<ImportanceWord>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ImportanceWord {
    Low,
    Normal,
    High,
    Urgent,
}

impl From<ImportanceWord> for Importance {
    fn from(word: ImportanceWord) -> Self {
        match word {
            ImportanceWord::Low => Self::Low,
            ImportanceWord::Normal => Self::Normal,
            ImportanceWord::High => Self::High,
            ImportanceWord::Urgent => Self::Urgent,
        }
    }
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::List { json, .. } | Self::Show { json, .. } => *json,
            Self::Send(args) => args.json,
        }
    }
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { ticket, thread, json } => list(ticket.as_deref(), thread.as_deref(), json).await,
        Command::Show { id, json } => show(&id, json).await,
        Command::Send(args) => send(args).await,
    }
}

async fn list(ticket: Option<&str>, thread: Option<&str>, as_json: bool) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let ticket = match ticket {
        Some(word) => Some(board.named_one(word).await?),
        None => None,
    };
    let state = board.view(Part::Mail).await?.state;
    let thread = thread.map(|word| named(&state, word)).transpose()?.map(|mail| mail.thread.clone());
    let is_shown = |mail: &&Mail| {
        ticket.as_ref().is_none_or(|ticket| mail.concerns(Some(ticket)))
            && thread.as_ref().is_none_or(|thread| &mail.thread == thread)
    };
    let found: Vec<&Mail> = state.mail.values().filter(is_shown).collect();
    if as_json {
        json(shapes::Mails { mails: found.into_iter().map(shapes::Mail::of).collect() })?;
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        talk!("{}", if ticket.is_some() { "No messages of this ticket." } else { "No messages." });
    }
    table(&found.into_iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

fn row(mail: &Mail) -> Vec<String> {
    let importance = match mail.importance {
        Importance::Low | Importance::Normal => String::new(),
        other => format!(" ({})", other.as_str()),
    };
    let route = format!("{} → {}", sender(mail), mail.copies.iter().map(reader).collect::<Vec<_>>().join(", "));
    let status = |copy: &MailCopy| copy.status().as_str();
    let first = mail.copies.first().map_or("", status);
    let mixed = mail.copies.iter().any(|copy| status(copy) != first);
    let status = if mixed { "mixed" } else { first };
    vec![
        mail.id.to_string(),
        clock(mail.sent),
        text::line(&route, 60),
        status.to_owned(),
        format!("{}{importance}", text::line(&mail.subject, 80)),
    ]
}

/// The ticket with its agent, or the person.
fn sender(mail: &Mail) -> String {
    let name = text::line(&mail.from.name, 40);
    mail.from.ticket.as_ref().map_or_else(|| name.clone(), |ticket| format!("{ticket} ({name})"))
}

fn reader(copy: &MailCopy) -> String {
    copy.to.as_ref().map_or_else(|| "you".to_owned(), ToString::to_string)
}

async fn show(id: &str, as_json: bool) -> Result<Exit, Failure> {
    let board = board::open().await?;
    let state = board.view(Part::Mail).await?.state;
    let mail = named(&state, id)?;
    if as_json {
        json(shapes::Mail::of(mail))?;
        return Ok(Exit::Done);
    }
    data!("{}  {}", mail.id, mail.subject);
    data!("from       {}, {}", sender(mail), clock(mail.sent));
    for copy in &mail.copies {
        data!("to         {}: {}", reader(copy), became(copy));
    }
    if mail.thread != mail.id {
        data!("thread     {}", mail.thread);
    }
    if let Some(answered) = &mail.in_reply_to {
        data!("answers    {answered}");
    }
    if mail.importance != Importance::Normal {
        data!("importance {}", mail.importance.as_str());
    }
    data!("\n{}", mail.body);
    Ok(Exit::Done)
}

fn became(copy: &MailCopy) -> String {
    match (copy.read, copy.delivered, &copy.returned) {
        (Some(at), ..) => format!("read {}", clock(at)),
        (_, Some(at), _) => match &copy.card {
            Some(card) => format!("in your inbox since {} (`ganger answer {card} ok`)", clock(at)),
            None => format!("delivered {}", clock(at)),
        },
        (.., Some(why)) => format!("came back: {why}"),
        _ => "queued".to_owned(),
    }
}

async fn send(args: SendArgs) -> Result<Exit, Failure> {
    let board = board::open_for_person("message send").await?;
    let reply_to = args.reply_to.as_deref().map(id_of).transpose()?;
    let body = match args.body.as_slice() {
        [dash] if dash == "-" => input::read(Path::new("-"))?,
        words => words.join(" "),
    };
    let mail = NewMail {
        to: args.to.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect(),
        subject: args.subject.unwrap_or_default(),
        body,
        importance: args.importance.map(Importance::from).unwrap_or_default(),
        thread: None,
        in_reply_to: reply_to,
    };
    let by = Speaker::Person { name: board.person() };
    let outcome = board.decide("you wrote to agents", Input::SendMail { by, mail }).await?;
    let Outcome::Sent { receipt } = outcome else { return Ok(Exit::Done) };
    if args.json {
        let state = board.view(Part::Mail).await?.state;
        let sent = receipt.mail.as_ref().and_then(|id| state.mail_of(id));
        let sent = sent.ok_or_else(|| Failure::failed("the message was sent, and is not on the board"))?;
        json(shapes::Mail::of(sent))?;
        return Ok(Exit::Done);
    }
    say(&board, &receipt)?;
    Ok(Exit::Done)
}

fn say(board: &Board, receipt: &Receipt) -> Result<(), Failure> {
    let id = receipt.mail.as_ref().map(ToString::to_string).unwrap_or_default();
    let named = |to: &Option<TicketId>| to.as_ref().map(ToString::to_string).unwrap_or_default();
    let taken = receipt.to.iter().filter(|line| line.returned.is_none());
    let taken: Vec<String> = taken.map(|line| format!("{} ({})", named(&line.to), line.agent)).collect();
    if !taken.is_empty() {
        talk!("Queued {id} for {}. Check on it with `ganger message show {id}`.", taken.join(", "));
    }
    for why in receipt.to.iter().filter_map(|line| line.returned.as_ref()) {
        talk!("{id} came back: {why}");
    }
    if taken.is_empty() { Ok(()) } else { say_if_no_run(board) }
}

/// `M-3`, `m-3` or `3`.
fn id_of(word: &str) -> Result<MailId, Failure> {
    let unknown =
        || Failure::usage(format!("`{}` is no message", text::line(word, 40))).hint("messages are called M-1, M-2, …");
    MailId::parse(word).ok_or_else(unknown)
}

/// The message that a word names.
fn named<'a>(state: &'a State, word: &str) -> Result<&'a Mail, Failure> {
    let id = id_of(word)?;
    state.mail_of(&id).ok_or_else(|| {
        Failure::of(Code::UnknownMail, format!("there is no message {id}"))
            .hint("`ganger message list` shows all of them")
    })
}
