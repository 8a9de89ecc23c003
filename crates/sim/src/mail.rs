//! Mail in the simulated world: who writes what to whom, and what must hold of it. Every mail ends delivered or
//! returned, or its ticket is still open.

use crate::world::World;
use ganger_engine::{Event, Importance, Input, Mail, MailId, MailQuery, MailStatus, NewMail, Speaker, State, TicketId};

/// A mail to a ticket, to an agent, to everybody, to the person, to nobody who is known, or an answer.
pub(crate) fn sent(world: &mut World, by: Speaker, own: Option<&TicketId>) -> Input {
    let tickets: Vec<&TicketId> = world.journal.tickets.keys().collect();
    let some = tickets.get(world.rng.below(tickets.len() as u64) as usize).map(ToString::to_string);
    let got: Vec<MailId> =
        world.journal.mail.values().filter(|mail| mail.concerns(own)).map(|mail| mail.id.clone()).collect();
    let answered = got.get(world.rng.below(got.len() as u64) as usize).cloned();
    let mut mail = NewMail { subject: "so".to_owned(), body: "it is".to_owned(), ..NewMail::default() };
    mail.importance = Importance::ALL[world.rng.below(4) as usize];
    match world.rng.below(8) {
        0 => mail.to = vec!["builder".to_owned()],
        1 => mail.to = vec!["all".to_owned()],
        2 | 3 => mail.to = vec!["you".to_owned()],
        4 => mail.in_reply_to = answered,
        5 if world.rng.one_in(3) => mail.to = vec!["nobody".to_owned()],
        _ => mail.to = some.into_iter().collect(),
    }
    Input::SendMail { by, mail }
}

/// A look at what there is, or an acknowledgement of one of them.
pub(crate) fn read(world: &mut World, by: Speaker, own: Option<&TicketId>) -> Input {
    let unread = world.journal.mail.values().filter(|mail| mail.copy_for(own).is_some_and(|copy| copy.is_unread()));
    let unread: Vec<MailId> = unread.map(|mail| mail.id.clone()).collect();
    match unread.get(world.rng.below(unread.len() as u64 + 1) as usize) {
        Some(mail) => Input::ReadMail { by, mail: mail.clone() },
        None => Input::LookAtMail { by, query: MailQuery { limit: 2, ..MailQuery::default() } },
    }
}

/// A mail that was read or came back is not settled a second time, and none goes beyond a limit.
///
/// # Errors
/// With what is.
pub(crate) fn fact(before: &State, event: &Event) -> Result<(), String> {
    let (mail, reader) = match event {
        Event::MailRead { mail, ticket, .. } => (mail, ticket.as_ref()),
        Event::MailReturned { mail, ticket, .. } => (mail, Some(ticket)),
        Event::MailSent { mail, .. } => return within_limits(before, mail),
        _ => return Ok(()),
    };
    let copy = before.mail_of(mail).and_then(|mail| mail.copy_for(reader));
    match copy.map(|copy| copy.status()) {
        Some(MailStatus::Queued) => Ok(()),
        Some(MailStatus::Delivered) if matches!(event, Event::MailRead { .. }) => Ok(()),
        status => Err(format!("invariant 10: {mail} is settled for {reader:?} although it is {status:?}")),
    }
}

/// Counted anew: agents that write to each other come to an end.
fn within_limits(before: &State, mail: &Mail) -> Result<(), String> {
    let count = |fits: &dyn Fn(&Mail) -> bool| before.mail.values().filter(|mail| fits(mail)).count() as u64;
    let limits = &before.policy.mail;
    let of_attempt = mail.from.attempt.as_ref().map_or(0, |_| count(&|other| other.from.attempt == mail.from.attempt));
    if of_attempt >= u64::from(limits.attempt)
        || count(&|other| other.thread == mail.thread) >= u64::from(limits.thread)
    {
        return Err(format!("{} is sent beyond the limits", mail.id));
    }
    Ok(())
}

/// At rest every ticket is over, so nothing is on its way.
pub(crate) fn unsettled(state: &State) -> Option<String> {
    state.mail.values().find_map(|mail| {
        let copy = mail.copies.iter().find(|copy| copy.status() == MailStatus::Queued)?;
        Some(format!("invariant 10: {} never reached {:?}, and did not come back", mail.id, copy.to))
    })
}
