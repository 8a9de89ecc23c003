//! `ganger review`: comments on a ticket's diff, sent to its session as one message; then it is accepted or goes back.

mod comments;

use super::board::{self, Board, say_if_no_run};
use super::out::{counted, json, talk};
use super::{diff, input};
use crate::board::{Part, View, shapes};
use crate::failure::{Code, Exit, Failure};
use crate::{os, text};
use comments::{Comment, Place};
use ganger_engine::{Answer, CardAnswer, CardKind, CardOption, Input, Phase, State, TicketId, Urgency, status_of};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket, such as T-3 or 3
    ticket: String,
    /// A comment on a line, or on a file, instead of an editor; may be repeated
    #[arg(long, num_args = 2, value_names = ["FILE[:LINE]", "TEXT"])]
    comment: Vec<String>,
    /// Accept the work; asks without it, when there is no comment
    #[arg(long, conflicts_with = "comment")]
    accept: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("review").await?;
    let id = board.named_one(&args.ticket).await?;
    board.project.require_not_held(&id)?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    if args.accept {
        return accept(&board, &state, &id, args).await;
    }
    refuse_final(&state, &id)?;
    let changes = diff::of(&board, &state, &id, false)?;
    diff::say_where(&board, &state, &id)?;
    let comments = match args.comment.as_slice() {
        [] => written(&state, &id, &changes)?,
        given => {
            let lines = |file: &str| diff::lines_of(&board, &state, &id, file);
            given_on_the_command_line(&id, &changes, given, lines)?
        }
    };
    if !comments.is_empty() {
        send_back(&board, &id, &comments).await.map_err(|failure| kept(&board, &id, &comments, failure))?;
        talk!("Sent {} to the session of {id}.", counted(comments.len(), "comment"));
        say_if_no_run(&board)?;
        return outcome(args, &id, &comments, "sent-back");
    }
    if input::confirm(&format!("No comments. Accept {id}?"), "use `--accept`")? {
        let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
        board.project.require_not_held(&id)?;
        return accept(&board, &state, &id, args).await;
    }
    talk!("Nothing was sent, and {id} is as it was.");
    outcome(args, &id, &[], "none")
}

/// Opens the editor on the diff.
fn written(state: &State, id: &TicketId, changes: &str) -> Result<Vec<Comment>, Failure> {
    let title = state.tickets.get(id).map_or("", |t| t.spec.title.as_str());
    let head = format!(
        "# Review of {id}: {}\n#\n\
         # Write comments on lines of their own that begin with \"# \", below the line of the diff that they are about;\n\
         # here at the top, what is about all of it. They are sent to the session of {id} as one message.\n\
         # Without a comment nothing is sent.\n\n",
        text::line(title, 90)
    );
    let edited = input::edit(&format!("{head}{changes}\n"), ".diff", "use `--comment FILE:LINE TEXT`")?;
    Ok(comments::parse(&head, changes, &edited))
}

/// `lines` counts those of a file as it is with the work.
fn given_on_the_command_line(
    id: &TicketId,
    changes: &str,
    given: &[String],
    lines: impl Fn(&str) -> Result<u32, Failure>,
) -> Result<Vec<Comment>, Failure> {
    let files = comments::files(changes);
    let parse = |pair: &[String]| {
        let [place, words] = pair else { return Err(Failure::usage("`--comment` takes a place and a text")) };
        if words.trim().is_empty() {
            return Err(Failure::usage(format!("the comment on {place} is empty")));
        }
        let is_changed = |file: &str| files.iter().any(|known| known == file);
        let number = place.rsplit_once(':').and_then(|(file, line)| Some((file, Some(line.parse::<u32>().ok()?))));
        let (file, line) = number.filter(|_| !is_changed(place)).unwrap_or((place, None));
        if !is_changed(file) {
            let hint = match text::closest(file, files.iter().map(String::as_str)) {
                Some(close) => format!("did you mean {}?", text::name(close)),
                None if files.is_empty() => format!("{id} changes nothing"),
                None => format!("it changes {}", names(&files)),
            };
            return Err(Failure::usage(format!("{id} does not change {}", text::name(file))).hint(hint));
        }
        if let Some(line) = line.filter(|line| !comments::shows(changes, file, *line)) {
            let last = lines(file)?;
            if line == 0 || line > last {
                let (file, has) = (text::name(file), counted(last as usize, "line"));
                return Err(Failure::usage(format!("{file} has no line {line}"))
                    .hint(format!("with {id} it has {has}; without a line the comment is about the file")));
            }
        }
        let place = Some(Place { file: file.to_owned(), line, quote: None });
        Ok(Comment { place, text: words.trim().to_owned() })
    };
    given.chunks(2).map(parse).collect()
}

/// More files are counted, not named.
const MOST_FILES: usize = 10;

fn names(files: &[String]) -> String {
    text::first_of(files.iter().map(|file| text::name(file)), MOST_FILES)
}

/// One message, as the agent reads it.
fn message(comments: &[Comment]) -> String {
    let mut words = "Your work was reviewed. Address each of these comments, then report again.\n".to_owned();
    for comment in comments {
        let said = comment.text.replace('\n', "\n    ");
        match &comment.place {
            None => words.push_str(&format!("\n- {said}\n")),
            Some(Place { file, line, quote }) => {
                let line = line.map_or_else(String::new, |line| format!(":{line}"));
                words.push_str(&format!("\n- {}{line}: {said}\n", text::name(file)));
                words.extend(quote.iter().map(|quote| format!("    > {quote}\n")));
            }
        }
    }
    words
}

fn refuse_final(state: &State, id: &TicketId) -> Result<(), Failure> {
    let Some(ticket) = state.tickets.get(id).filter(|t| t.phase.is_final()) else { return Ok(()) };
    let why = format!("{id} is {}: no session will read a review", ticket.phase.as_str());
    Err(Failure::of(Code::Refused, why).hint(match ticket.phase {
        Phase::Merged => format!("`ganger diff {id}` shows it; `ganger ticket add` asks for what is missing"),
        _ => format!("`ganger ticket reopen {id}` first"),
    }))
}

/// Work that is accepted, or asks to be, goes back with the message; a session at work gets it at the end of its turn.
/// The ticket may have moved on while the editor was open.
async fn send_back(board: &Board, id: &TicketId, comments: &[Comment]) -> Result<(), Failure> {
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(id))).await?;
    board.project.require_not_held(id)?;
    refuse_final(&state, id)?;
    let (ticket, by, words) = (id.clone(), board.person(), message(comments));
    let phase = state.tickets.get(id).map(|t| t.phase);
    let input = match phase {
        Some(Phase::Accepted | Phase::Reviewing | Phase::NeedsYou) => Input::ReopenTicket { ticket, reason: words, by },
        _ => Input::Tell { ticket, text: words, urgency: Urgency::Idle, by },
    };
    board.decide("you reviewed a ticket", input).await.map(|_| ())
}

/// Comments that could not be sent are written to a file, which the hint names.
fn kept(board: &Board, id: &TicketId, comments: &[Comment], failure: Failure) -> Failure {
    let folder = board.project.state.join("reviews");
    let file = folder.join(format!("{id}-{}.txt", os::now_ms()));
    let written =
        os::make_private_folder(&folder).and_then(|()| os::write_private(&file, message(comments).as_bytes()));
    let before = failure.hint.as_ref().map_or_else(String::new, |hint| format!("{hint}; "));
    let hint = match written {
        Ok(()) => format!("{before}your comments are in {}", file.display()),
        Err(e) => format!("{before}your comments could not be written to {}: {e}", file.display()),
    };
    failure.hint(hint)
}

/// Answers the card that asks for it.
async fn accept(board: &Board, state: &State, id: &TicketId, args: &Args) -> Result<Exit, Failure> {
    let asks = state.open_cards_of(id).find(|card| matches!(card.kind, CardKind::Approval { .. }));
    let phase = state.tickets.get(id).map_or("unknown", |t| status_of(state, id, t).as_str());
    let is_accepted = state.tickets.get(id).is_some_and(|t| t.phase.is_accepted());
    match asks {
        Some(card) => {
            let answer = CardAnswer::Option(CardOption::Accept);
            let answer = Answer { card: card.id.clone(), answer, by: board.person() };
            board.decide("you accepted work", Input::Answer(answer)).await?;
            talk!("Accepted {id}. Land it with `ganger merge {id}`.");
        }
        None if is_accepted && state.tickets.get(id).is_some_and(|t| t.contest().is_some()) => {
            talk!("{id} is {phase} already, as an entry of a contest. `ganger ticket show {id}` shows more.");
        }
        None if is_accepted => talk!("{id} is {phase} already. `ganger merge {id}` lands accepted work."),
        None => {
            return Err(Failure::of(Code::Refused, format!("{id} is {phase}: it does not ask to be accepted"))
                .hint(format!("`ganger ticket why {id}` shows what it waits for")));
        }
    }
    outcome(args, id, &[], "accepted")
}

fn outcome(args: &Args, id: &TicketId, comments: &[Comment], outcome: &'static str) -> Result<Exit, Failure> {
    if args.json {
        let shape = |c: &Comment| shapes::ReviewComment {
            file: c.place.as_ref().map(|place| place.file.clone()),
            line: c.place.as_ref().and_then(|place| place.line),
            text: c.text.clone(),
        };
        json(shapes::Review { ticket: id.to_string(), outcome, comments: comments.iter().map(shape).collect() })?;
    }
    Ok(Exit::Done)
}
