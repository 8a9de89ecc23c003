//! The board as its readers and senders of commands see it: the room between the front ends and everything below.
//!
//! [`Board`] opens it and reads its state, or the [`Part`] of it that a command needs, [`Follow`] tells what happens from then on, [`Board::decide`] has a command
//! decided, by the run that is active or alone, [`History`] is what the state no longer holds, and [`shapes`] is what
//! all of it looks like outside. Nothing here
//! prints or knows of a command line: what a person should hear meanwhile goes to [`Notify`].

mod cause;
mod command;
mod decisions;
mod follow;
mod forecast;
mod history;
mod names;
mod open;
mod part;
mod reader;
pub(crate) mod restore;
mod session;
pub(crate) mod shapes;
mod store;

pub(crate) use crate::foreman::{Part, ReadyTicket};
pub(crate) use cause::{Cause, answer, no_agent, no_agent_in_a_line};
pub(crate) use decisions::Made;
pub(crate) use follow::{Follow, Happening, Waited};
pub(crate) use forecast::Forecast;
pub(crate) use history::{FailedAttempt, History, PastCard, ticket_of_attempt};
pub(crate) use names::{card_named, named_in, ticket_named};
pub(crate) use open::{Board, Notice};
pub(crate) use part::{Page, Pages, View};
pub(crate) use reader::Reader;
pub(crate) use session::{Around, IN_SESSION, is_touched, was_in_session};
pub(crate) use store::check as check_store;
