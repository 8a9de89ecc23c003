//! The public shapes: what `--json` prints. They are types of their own, apart from what the journal and the engine
//! hold, so that these can change while scripts of users keep working. docs/schemas has a JSON Schema for each; a test
//! compares them. A change that could break a reader gets a new version.

mod alerts;
mod chief;
mod clean;
mod contest;
mod cost;
mod decisions;
mod forecast;
mod gates;
mod goal;
mod guard;
mod inbox;
mod judged;
mod log;
mod mail;
mod plan;
mod project;
mod review;
mod routing;
mod skills;
mod status;
mod ticket;

pub(crate) use alerts::{AlertChannel, AlertTold, AlertWaiting, Alerts};
pub(crate) use chief::{Assumption, Assumptions, Direction};
pub(crate) use clean::{Leftover, Leftovers};
pub(crate) use cost::{Cost, CostLine};
pub(crate) use decisions::{Decision, Decisions, Outcome};
pub(crate) use forecast::Forecast;
pub(crate) use gates::{Checked, GateRun, Gates};
pub(crate) use goal::Planned;
pub(crate) use guard::{Danger, GuardedLine};
pub(crate) use inbox::{Card, Inbox};
pub(crate) use log::Entry;
pub(crate) use mail::{Mail, Mails};
pub(crate) use plan::{Plan, Start, Waiting};
pub(crate) use project::{Config, Doctor, Finding, Permission, Permissions, Rescued, Rescues, Sandbox, Setting};
pub(crate) use review::{Review, ReviewComment};
pub(crate) use routing::Routing;
pub(crate) use skills::{
    AgentLine, AgentShown, Agents, HonouredBy, LintResult, ShownRules, SkillLine, SkillShown, Skills,
};
pub(crate) use status::{Attempt, Glance, Host, Run, Status};
pub(crate) use ticket::{Imported, ImportedTicket, Queued, Reason, Ticket, Tickets, Why};

use crate::failure::Failure;
use schemars::JsonSchema;
use serde::Serialize;

/// The version of every shape.
const VERSION: u32 = 1;

/// A shape with its version.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Versioned<T> {
    /// The version of the shape.
    schema: u32,
    #[serde(flatten)]
    body: T,
}

/// Adds the version to a shape.
pub(crate) fn versioned<T>(body: T) -> Versioned<T> {
    Versioned { schema: VERSION, body }
}

/// An error.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failed {
    error: FailedBody,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FailedBody {
    /// A stable code of docs/errors.md.
    code: &'static str,
    /// What failed, on what, and why.
    message: String,
    /// What to do about it.
    hint: Option<String>,
    /// The exit code of the program.
    exit: u8,
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        let Failure { code, message, hint } = failure;
        let error =
            FailedBody { code: code.as_str(), message: message.clone(), hint: hint.clone(), exit: code.exit() as u8 };
        Self { error }
    }
}

/// The whole board.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Export<T = Vec<Ticket>> {
    /// The number of the last record that is in it.
    pub(crate) record: u64,
    /// The id of the project.
    pub(crate) project: String,
    pub(crate) tickets: T,
    /// Cards that wait for an answer.
    pub(crate) cards: Vec<Card>,
}

/// A time in UTC, as RFC 3339 has it.
pub(crate) fn time(at: u64) -> String {
    let ms = i64::try_from(at).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    ms.map_or_else(String::new, |t| t.to_string())
}

/// What was used, where anybody said so: a runtime that reports nothing has not used nothing.
pub(crate) fn reported(usage: &ganger_engine::Usage) -> Option<&ganger_engine::Usage> {
    (*usage != ganger_engine::Usage::default()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn the_schemas_are_those_of_the_documentation() {
        macro_rules! schemas {
            ($($name:literal $shape:ty,)*) => {$(
                let mut schema = schemars::schema_for!(Versioned<$shape>);
                schema.insert("title".to_owned(), $name.into());
                schema.insert("description".to_owned(), schemars::schema_for!($shape).remove("description").unwrap_or_default());
                let text = serde_json::to_string_pretty(&schema).expect("a schema") + "\n";
                expect_file![concat!("../../../../../docs/schemas/", $name, ".json")].assert_eq(&text);
            )*};
        }
        schemas! {
            "alerts" Alerts, "assumptions" Assumptions, "direction" Direction,
            "config" Config, "cost" Cost, "decisions" Decisions, "doctor" Doctor, "error" Failed, "export" Export, "forecast" Forecast, "gates" Gates, "goal" Planned, "guard" GuardedLine, "import" Imported,
            "inbox" Inbox, "log" Entry, "mail" Mail, "mails" Mails, "message" Queued, "permits" Permissions, "plan" Plan, "rescues" Rescues,
            "leftovers" Leftovers, "review" Review, "agent" AgentShown, "agents" Agents, "skill" SkillShown,
            "skills" Skills, "lint" LintResult,
            "sandbox" Sandbox, "status" Status, "ticket" Ticket, "tickets" Tickets, "why" Why,
        }
    }
}
