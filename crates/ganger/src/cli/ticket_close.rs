//! `ganger ticket close` and `reopen`.

use super::board::Board;
use super::out::{self, talk};
use crate::board::{Part, View, answer};
use crate::failure::{Exit, Failure};
use crate::os;
use ganger_engine::{Card, CardKind, Input, Ticket, TicketId};

pub(super) async fn close(board: &Board, words: &[String], reason: &str) -> Result<Exit, Failure> {
    each(board, words, async |id: &TicketId| {
        board.project.require_not_held(id)?;
        let input = Input::CloseTicket { ticket: id.clone(), reason: reason.to_owned(), by: board.person() };
        board.decide("you closed a ticket", input).await?;
        let closed = board.view(Part::Tickets(std::slice::from_ref(id))).await?.state;
        talk!("Closed {id}.{}", closed.tickets.get(id).map_or("", |ticket| what_is_kept(board, id, ticket)));
        name_dependents(board, id).await
    })
    .await
}

/// Of the work on a closed ticket.
fn what_is_kept(board: &Board, id: &TicketId, ticket: &Ticket) -> &'static str {
    let workspace = board.project.workspace(id);
    os::block_in_place(|| {
        if board.project.repository.branch(&workspace.branch).is_some() {
            return " Its branch is kept.";
        }
        // What was held back is on no branch of yours, and so is the branch that you removed.
        let has_work = ticket.head.is_some() && ticket.head != ticket.base;
        let depot = board.project.depot_if_made().ok().flatten();
        let is_there = depot.is_some_and(|depot| has_work && workspace.head(depot).is_some());
        if is_there { " Its commits are kept in the depot; you have no branch of it." } else { "" }
    })
}

pub(super) async fn reopen(board: &Board, words: &[String], reason: &str) -> Result<Exit, Failure> {
    each(board, words, async |id: &TicketId| {
        board.project.require_not_held(id)?;
        let input = Input::ReopenTicket { ticket: id.clone(), reason: reason.to_owned(), by: board.person() };
        board.decide("you reopened a ticket", input).await?;
        talk!("Reopened {id}.");
        Ok(())
    })
    .await
}

/// What depends on the closed ticket asks: nothing else would say so here.
async fn name_dependents(board: &Board, closed: &TicketId) -> Result<(), Failure> {
    let View { state, .. } = board.view(Part::Summary).await?;
    let asks = |card: &&Card| matches!(&card.kind, CardKind::Orphaned { closed: c } if c == closed);
    for card in state.open_cards().filter(asks) {
        talk!(
            "{} depends on it and waits for your answer to {}: `{}`.",
            card.ticket,
            card.id,
            answer(&state, &card.id)
        );
    }
    Ok(())
}

/// Does something to each of the tickets that a person named: to none when one of them is not known. What the rules
/// refuse for one does not keep the others from it.
pub(super) async fn each(
    board: &Board,
    words: &[String],
    act: impl AsyncFn(&TicketId) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let ids = board.named(words).await?;
    if let [one] = ids.as_slice() {
        return act(one).await.map(|()| Exit::Done);
    }
    let mut exit = Exit::Done;
    for id in &ids {
        if let Err(failure) = act(id).await {
            exit = failure.code.exit();
            out::failure(&failure, false);
        }
    }
    Ok(exit)
}
