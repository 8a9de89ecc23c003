//! `ganger mcp`: the board as tools for a session that Ganger did not start.

use super::board::{self, Board};
use crate::failure::{Exit, Failure};
use crate::mcp::{Answering, Called, serve_program};
use crate::text;
use crate::tools::{self, Answer, Desk};
use ganger_engine::{DecisionId, Input, Outcome, Speaker, TicketId};
use serde_json::{Map, Value};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ticket that the session is about: remarks go there
    #[arg(long)]
    ticket: Option<String>,
    /// The name under which it writes; otherwise yours, as your helper
    #[arg(long = "as", value_name = "NAME", value_parser = name)]
    name: Option<String>,
}

fn name(word: &str) -> Result<String, String> {
    let name = text::line(word, 60);
    if name.is_empty() { Err("a name must not be empty".to_owned()) } else { Ok(name) }
}

/// One call.
struct Call {
    board: Arc<Board>,
    name: String,
    id: DecisionId,
    arguments: Map<String, Value>,
}

impl Desk for Call {
    fn arguments(&self) -> &Map<String, Value> {
        &self.arguments
    }

    fn speaker(&self) -> Speaker {
        Speaker::Program { name: self.name.clone() }
    }

    async fn decide(&self, cause: &str, input: Input) -> Result<Outcome, String> {
        Box::pin(self.board.decide_as(self.id.clone(), cause, input)).await.map_err(in_words)
    }

    /// Each is a decision of its own: the same question may have another answer later.
    async fn look(&self, what: &str, input: Input) -> Result<Outcome, String> {
        Box::pin(self.board.decide(what, input)).await.map_err(in_words)
    }
}

fn in_words(failure: Failure) -> String {
    match failure.hint {
        Some(hint) => format!("{}; {hint}", failure.message),
        None => failure.message,
    }
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("mcp").await?;
    let ticket = match &args.ticket {
        Some(word) => Some(board.named_one(word).await?),
        None => None,
    };
    let name = args.name.unwrap_or_else(|| format!("{} (helper)", board.person()));
    let shown = if ticket.is_some() { with_remarks } else { without };
    let (board, ticket) = (Arc::new(board), Arc::new(ticket));
    let session = uuid::Uuid::now_v7().to_string();
    let call = move |Called { tool, arguments, id }| {
        let id = DecisionId::of_program(&session, &id);
        let call = Call { board: Arc::clone(&board), name: name.clone(), id, arguments };
        let ticket = Arc::clone(&ticket);
        Box::pin(answer(tool, call, ticket)) as Answering
    };
    serve_program(shown, call).await?;
    Ok(Exit::Done)
}

async fn answer(tool: String, mut call: Call, ticket: Arc<Option<TicketId>>) -> Answer {
    call.arguments.values_mut().for_each(text::clean_json);
    tools::call_of_program(&tool, &call, ticket.as_ref().as_ref()).await
}

fn with_remarks() -> Vec<tools::Tool> {
    tools::for_programs(true)
}

fn without() -> Vec<tools::Tool> {
    tools::for_programs(false)
}
