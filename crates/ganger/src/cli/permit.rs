//! `ganger permit`: permissions that agents have by answers to cards.

use super::board;
use super::describe::{request, whom};
use super::out::{json, table, talk};
use crate::board::shapes;
use crate::digest;
use crate::failure::{Code, Exit, Failure};
use ganger_engine::{Input, Permit, Scope};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the permissions you have granted
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a permission: the agent has to ask again
    Revoke {
        /// The permission, as `list` shows it
        permit: String,
    },
}

pub(super) async fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { json } => list(json).await,
        Command::Revoke { permit } => revoke(&permit).await,
    }
}

async fn list(as_json: bool) -> Result<Exit, Failure> {
    let state = board::open().await?.state().await?;
    if as_json {
        json(shapes::Permissions { permits: state.permits.iter().map(shape).collect() })?;
        return Ok(Exit::Done);
    }
    if state.permits.is_empty() {
        talk!("No extra permissions granted.");
    }
    let row = |p: &Permit| vec![id(p), whom(&p.scope), request(&p.request)];
    table(&state.permits.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

async fn revoke(wanted: &str) -> Result<Exit, Failure> {
    let board = board::open_for_person("permit revoke").await?;
    let state = board.state().await?;
    let Some(permit) = state.permits.iter().find(|p| id(p) == wanted) else {
        return Err(Failure::of(Code::UnknownPermit, format!("there is no permission {wanted}"))
            .hint("`ganger permit list` shows all of them"));
    };
    let input = Input::Revoke { permit: permit.clone(), by: board.person() };
    board.decide("you revoked a permission", input).await?;
    talk!("Revoked. {} must ask again before `{}`.", whom(&permit.scope), permit.request.subject);
    Ok(Exit::Done)
}

fn shape(permit: &Permit) -> shapes::Permission {
    let (scope, holder) = match &permit.scope {
        Scope::Once { ticket } => ("once", Some(ticket.to_string())),
        Scope::Ticket { ticket } => ("ticket", Some(ticket.to_string())),
        Scope::Agent { agent } => ("agent", Some(agent.clone())),
        Scope::Project => ("project", None),
    };
    let (tool, subject) = (permit.request.tool.clone(), permit.request.subject.clone());
    shapes::Permission { id: id(permit), scope, holder, tool, subject }
}

/// A name by what it says: permits have no numbers.
fn id(permit: &Permit) -> String {
    let parts = [whom(&permit.scope), permit.request.tool.clone(), permit.request.subject.clone()];
    let digest = digest::short(&parts.each_ref().map(String::as_str));
    format!("P-{}", &digest[..6])
}
