//! `ganger ticket edit`: what a ticket asks for is replaced, or added to and taken from.

use super::board::Board;
use super::out::{json, talk};
use super::ticket_fields::{Fields, filled, warn_about_files};
use crate::board::{Part, View, shapes};
use crate::failure::{Exit, Failure};
use ganger_engine::{Check, Input, Outcome, Priority, TicketChange, TicketId, TicketSpec};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket, such as T-3
    id: String,
    /// The new title
    #[arg(long, value_parser = filled)]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Add a ticket that must be accepted first; repeatable
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = filled, conflicts_with = "after")]
    add_after: Vec<String>,
    /// Remove a ticket that must be accepted first; repeatable
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = filled, conflicts_with = "after")]
    remove_after: Vec<String>,
    /// Add a label; repeatable
    #[arg(long, value_name = "LABEL", num_args = 1.., value_parser = filled, conflicts_with = "label")]
    add_label: Vec<String>,
    /// Remove a label; repeatable
    #[arg(long, value_name = "LABEL", num_args = 1.., conflicts_with = "label")]
    remove_label: Vec<String>,
    /// Add a file that will change; repeatable
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = filled, conflicts_with = "file")]
    add_file: Vec<String>,
    /// Remove a file that will change; repeatable
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "file")]
    remove_file: Vec<String>,
    /// Remove all checks
    #[arg(long, conflicts_with_all = ["check", "regression"])]
    no_checks: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(board: &Board, args: Args) -> Result<Exit, Failure> {
    let fields = &args.fields;
    let id = board.named_one(&args.id).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let old = state.tickets.get(&id).map(|t| t.spec.clone()).unwrap_or_default();
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let change = TicketChange {
        title: args.title.clone(),
        description: fields.description()?,
        checks: changed_checks(old.checks.clone(), fields, args.no_checks),
        done: some(&fields.done),
        priority: fields.priority.map(Priority::from),
        after: changed_after(board, &id, &old, &args).await?,
        files: changed_files(&id, &old, &args)?,
        agent: fields.agent_of(board)?,
        labels: changed_labels(&id, &old, &args)?,
        links: some(&fields.link),
        ..TicketChange::default()
    };
    if change == TicketChange::default() {
        return Err(Failure::usage("nothing to change").hint("see `ganger ticket edit --help`"));
    }
    warn_about_files(board, &[fields.file.as_slice(), &args.add_file].concat());
    let input = Input::EditTicket { ticket: id.clone(), change: Box::new(change) };
    let outcome = board.decide("you edited a ticket", input).await?;
    let View { state, .. } = board.view(Part::Tickets(std::slice::from_ref(&id))).await?;
    let Some(ticket) = state.tickets.get(&id) else {
        return Err(Failure::failed(format!("{id} is gone")));
    };
    if args.json {
        json(shapes::Ticket::of(&state, &id, ticket, &board.around()?))?;
    } else if outcome == Outcome::Nothing {
        talk!("{id} already looks like that.");
    } else {
        talk!("{id} is now revision {}.", ticket.revision);
    }
    Ok(Exit::Done)
}

/// New checks of one sort replace the old ones of that sort.
fn changed_checks(old: Vec<Check>, fields: &Fields, none: bool) -> Option<Vec<Check>> {
    let new = fields.checks();
    if new.is_empty() {
        return none.then(Vec::new);
    }
    let stays = old.into_iter().filter(|check| new.iter().all(|n| n.expects != check.expects));
    Some(stays.chain(new.iter().cloned()).collect())
}

async fn changed_after(
    board: &Board,
    id: &TicketId,
    old: &TicketSpec,
    args: &Args,
) -> Result<Option<Vec<TicketId>>, Failure> {
    let (set, add) = (board.named(&args.fields.after).await?, board.named(&args.add_after).await?);
    let remove = board.named(&args.remove_after).await?;
    changed(&old.after, &set, &add, &remove, |missing| {
        Failure::usage(format!("{id} does not depend on {missing}")).hint(listed("its dependencies:", &old.after))
    })
}

fn changed_labels(id: &TicketId, old: &TicketSpec, args: &Args) -> Result<Option<Vec<String>>, Failure> {
    changed(&old.labels, &args.fields.label, &args.add_label, &args.remove_label, |missing| {
        Failure::usage(format!("{id} has no label `{missing}`")).hint(listed("its labels:", &old.labels))
    })
}

fn changed_files(id: &TicketId, old: &TicketSpec, args: &Args) -> Result<Option<Vec<String>>, Failure> {
    changed(&old.files, &args.fields.file, &args.add_file, &args.remove_file, |missing| {
        Failure::usage(format!("{id} does not list the file `{missing}`")).hint(listed("its files:", &old.files))
    })
}

/// The list as it should be, when anything was said about it: replaced, or with something added and taken away.
fn changed<T: Clone + PartialEq>(
    old: &[T],
    set: &[T],
    add: &[T],
    remove: &[T],
    missing: impl Fn(&T) -> Failure,
) -> Result<Option<Vec<T>>, Failure> {
    if !set.is_empty() {
        return Ok(Some(set.to_vec()));
    }
    if add.is_empty() && remove.is_empty() {
        return Ok(None);
    }
    if let Some(unknown) = remove.iter().find(|item| !old.contains(item)) {
        return Err(missing(unknown));
    }
    let mut new: Vec<T> = old.iter().filter(|item| !remove.contains(item)).cloned().collect();
    let fresh: Vec<T> = add.iter().filter(|item| !new.contains(item)).cloned().collect();
    new.extend(fresh);
    Ok(Some(new))
}

fn listed<T: ToString>(what: &str, items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("{what} {}", if items.is_empty() { "none".to_owned() } else { items.join(", ") })
}
