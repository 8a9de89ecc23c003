//! `ganger message list`, `show` and `send --json`: mail with its status.

use super::time;
use ganger_engine as engine;
use schemars::JsonSchema;
use serde::Serialize;

/// Mail, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Mails {
    pub(crate) mails: Vec<Mail>,
}

/// What an agent or a person wrote to others.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Mail {
    id: String,
    /// The first mail of its thread.
    thread: String,
    in_reply_to: Option<String>,
    from: Sender,
    subject: String,
    body: String,
    /// `low`, `normal`, `high` or `urgent`.
    importance: &'static str,
    sent: String,
    to: Vec<Copy>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Sender {
    name: String,
    /// The ticket on which the agent worked; `null`: a person.
    ticket: Option<String>,
    attempt: Option<String>,
}

/// Its status for one reader.
#[derive(Debug, Serialize, JsonSchema)]
struct Copy {
    /// The ticket; `null`: you.
    ticket: Option<String>,
    /// `queued`, `delivered`, `read` or `returned`.
    status: &'static str,
    delivered: Option<String>,
    read: Option<String>,
    /// Why nobody will read it.
    returned: Option<String>,
    /// The notice in your inbox.
    card: Option<String>,
}

impl Mail {
    pub(crate) fn of(mail: &engine::Mail) -> Self {
        let from = &mail.from;
        Self {
            id: mail.id.to_string(),
            thread: mail.thread.to_string(),
            in_reply_to: mail.in_reply_to.as_ref().map(ToString::to_string),
            from: Sender {
                name: from.name.clone(),
                ticket: from.ticket.as_ref().map(ToString::to_string),
                attempt: from.attempt.as_ref().map(ToString::to_string),
            },
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            importance: mail.importance.as_str(),
            sent: time(mail.sent),
            to: mail.copies.iter().map(copy).collect(),
        }
    }
}

fn copy(copy: &engine::MailCopy) -> Copy {
    Copy {
        ticket: copy.to.as_ref().map(ToString::to_string),
        status: copy.status().as_str(),
        delivered: copy.delivered.map(time),
        read: copy.read.map(time),
        returned: copy.returned.clone(),
        card: copy.card.as_ref().map(ToString::to_string),
    }
}

/// A mail of a ticket, in short.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MailLine {
    id: String,
    thread: String,
    /// The ticket on which its sender worked; `null`: a person.
    from: Option<String>,
    subject: String,
    importance: &'static str,
    /// For this ticket, or, of what it wrote, for the first reader: `queued`, `delivered`, `read` or `returned`.
    status: &'static str,
}

impl MailLine {
    pub(super) fn of(mail: &engine::Mail, ticket: &engine::TicketId) -> Self {
        let copy = mail.copy_for(Some(ticket)).or(mail.copies.first());
        Self {
            id: mail.id.to_string(),
            thread: mail.thread.to_string(),
            from: mail.from.ticket.as_ref().map(ToString::to_string),
            subject: mail.subject.clone(),
            importance: mail.importance.as_str(),
            status: copy.map_or("queued", |copy| copy.status().as_str()),
        }
    }
}
