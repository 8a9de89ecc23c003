//! Tickets: the unit of work.

use super::is_default;
use crate::{
    Acceptance, Assumption, AttemptId, Author, Blocker, CallSpec, Calls, CardId, Check, Commit, ContestProgress,
    DeliveryId, Finding, FindingAnswer, GoalProgress, Hazard, HostId, Kind, Lines, Millis, Phase, Reviews, Routing,
    Session, TicketId, Usage,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How urgent a ticket is. The order is the order of dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Production is down, data is at risk.
    Critical,
    /// Blocks other work or hurts users.
    High,
    /// Everything else.
    #[default]
    Medium,
    /// Nice to have.
    Low,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word on the command line and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// One step more urgent.
    #[must_use]
    pub fn raised(self) -> Self {
        match self {
            Self::Critical | Self::High => Self::Critical,
            Self::Medium => Self::High,
            Self::Low => Self::Medium,
        }
    }

    /// Reads the word, or `P0` to `P4`, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let by_level = match word.strip_prefix(['P', 'p']) {
            Some("0") => Some(Self::Critical),
            Some("1") => Some(Self::High),
            Some("2") => Some(Self::Medium),
            Some("3" | "4") => Some(Self::Low),
            _ => None,
        };
        by_level.or_else(|| Self::ALL.into_iter().find(|p| p.as_str().eq_ignore_ascii_case(word)))
    }
}

/// What a ticket asks for. Everything a person may edit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TicketSpec {
    /// One line.
    pub title: String,
    /// Free text, Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The kind of work.
    pub kind: Kind,
    /// The ticket that this one is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<TicketId>,
    /// What makes it a call of one agent by another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallSpec>,
    /// The definition of done, item by item. Each must be answered by the agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// The part of the definition of done that Ganger runs itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Urgency.
    pub priority: Priority,
    /// Tickets that must be accepted first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TicketId>,
    /// Files expected to change, relative to the repository root; a trailing `/` means a folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The agent by name; the default agent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The agents that compete, if it is a contest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contest: Vec<String>,
    /// Labels, free words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Links, free text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// The agent that filed it, where none of the people did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_by: Option<Author>,
    /// Expected tokens, for the reservation of budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_tokens: Option<u64>,
    /// Facts of the format a ticket was imported from, kept for the way back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Whether an expected file is this path, or a folder (trailing `/`) that holds it.
pub(crate) fn covers(expected: &str, path: &str) -> bool {
    expected == path || (expected.ends_with('/') && path.starts_with(expected))
}

/// A person's label for work that needs no test.
const NO_TESTS: &str = "no-tests";

impl TicketSpec {
    /// Whether a person says that its work needs no test.
    #[must_use]
    pub fn needs_no_tests(&self) -> bool {
        self.labels.iter().any(|label| label == NO_TESTS)
    }

    /// The ticket and the commit that a review judges.
    #[must_use]
    pub fn judged(&self) -> Option<(&TicketId, &Commit)> {
        let call = self.call.as_ref().filter(|_| self.kind == Kind::Review)?;
        self.parent.as_ref().zip(call.snapshot.as_ref())
    }
}

/// The agent's word on one item of the definition of done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneAnswer {
    /// The item, verbatim or by its number from 1.
    pub item: String,
    /// How it was met.
    pub how: String,
}

/// What an agent says it did: a claim, to be verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// In the agent's words.
    pub summary: String,
    /// Answers to the definition of done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<DoneAnswer>,
    /// Answers to the findings of the last review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingAnswer>,
    /// Why it cannot be done, by this agent: another one, or a person, takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Structured output, for kinds of work whose result it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<serde_json::Value>,
}

impl Report {
    /// What it says of an item of the definition of done, named verbatim or by its number from 1.
    #[must_use]
    pub fn said_of(&self, number: usize, item: &str) -> Option<&DoneAnswer> {
        let is_of_it = |a: &&DoneAnswer| a.item.trim() == item.trim() || a.item.trim() == number.to_string();
        self.done.iter().filter(is_of_it).find(|a| !a.how.trim().is_empty())
    }
}

/// A remark on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The remark.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Millis,
}

/// A ticket with everything that happened to it. Serialised in snapshots only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ticket {
    /// What is asked for.
    pub spec: TicketSpec,
    /// The agent that it got, where it names none and the project has routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routing>,
    /// The agents that cannot do it, and why; reset as `rejections` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<Blocker>,
    /// Counts edits, from 1. Evidence names the revision it was made for.
    pub revision: u32,
    /// Order of creation; ties in priority are broken by it.
    pub order: u64,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "is_default")]
    pub phase: Phase,
    /// When it was added.
    pub added: Millis,
    /// When its phase last changed.
    pub since: Millis,
    /// The current session of each agent that worked on it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, Session>,
    /// The one live attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<AttemptId>,
    /// How many attempts there were.
    #[serde(default, skip_serializing_if = "is_default")]
    pub attempts: u32,
    /// Failures in a row; reset by a claim.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failures: u32,
    /// Transient failures in a row; reset by a claim.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transients: u32,
    /// Verifications in a row that could not be run; reset by evidence.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unverifiable: u32,
    /// How often its work was sent back, ever.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sent_back: u32,
    /// How long its attempts were at work.
    #[serde(default, skip_serializing_if = "is_default")]
    pub worked: Millis,
    /// Rejected claims in a row; reset by acceptance and by a person.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rejections: u32,
    /// What its agent was told to settle by itself; the next time a person is asked. Reset as `rejections` is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_back_for: Vec<Hazard>,
    /// The accepted commit that came back, because it cannot land or a person wants changes. Claimed again, it is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<Commit>,
    /// Not to be dispatched before this time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_before: Millis,
    /// Head of the branch at the last end of an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Commit>,
    /// What the branch was based on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Commit>,
    /// The agent's last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Files that the branch really changes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub observed: BTreeSet<String>,
    /// How many lines of them, where its host counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
    /// Those with code that changed without a test, as far as its host looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<String>,
    /// Texts that the session has not been given yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<DeliveryId>,
    /// The last texts that were delivered: a runtime without sessions is told them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered_texts: Vec<String>,
    /// The host that verifies, with the token of this verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifying: Option<(HostId, u64)>,
    /// The commit a person accepted by word, gates or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by_person: Option<Commit>,
    /// The accepted commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Commit>,
    /// Approval to merge this commit, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_approval: Option<(Commit, String)>,
    /// The commit that brought it to the main branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Commit>,
    /// The commit on the main branch that took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Commit>,
    /// The host that still holds a workspace for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_on: Option<HostId>,
    /// What was measured of its attempts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub usage: Usage,
    /// The calls that its agents made, and how it ended, if it is a call.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calls: Calls,
    /// How far it is, if it is a goal.
    #[serde(default, skip_serializing_if = "is_default")]
    pub goal: GoalProgress,
    /// How far it is, if it is a contest, and how it ended, if it is an entry of one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub contest: ContestProgress,
    /// What reviewers found in its work.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reviews: Reviews,
    /// The card that it waits for, where that belongs to another ticket as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<CardId>,
    /// Who stopped it, until it may go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<(String, String)>,
    /// What people told its session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<crate::Message>,
    /// Remarks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What its agents took for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<Assumption>,
}

impl Ticket {
    /// Whether others do its work: a goal has tickets, a contest has entries until one of them is taken.
    #[must_use]
    pub fn is_delegated(&self) -> bool {
        match self.spec.kind {
            Kind::Goal => true,
            Kind::Contest => self.contest.taken.is_none(),
            _ => false,
        }
    }

    /// The agent that it names, or that a route says; without either it is the default agent's.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        let routed = || self.routed.as_ref().filter(|routed| routed.route().is_some());
        self.spec.agent.as_deref().or_else(|| routed().map(|routed| routed.agent.as_str()))
    }

    /// The tickets that do its work: those that a goal became, or the entries of a contest that nobody took one of.
    #[must_use]
    pub fn parts(&self) -> &[TicketId] {
        match self.spec.kind {
            Kind::Goal => &self.goal.tickets,
            Kind::Contest if self.contest.taken.is_none() => &self.contest.entries,
            _ => &[],
        }
    }

    /// Whether it can be merged: an accepted entry waits for its contest.
    #[must_use]
    pub fn awaits_merge(&self) -> bool {
        self.phase == Phase::Accepted && self.spec.kind.work().acceptance == Acceptance::AwaitsMerge
    }

    /// Whether it waits for its contest to take it or another.
    #[must_use]
    pub fn competes(&self) -> bool {
        self.phase == Phase::Accepted && self.spec.kind.work().acceptance == Acceptance::Competes
    }

    /// The contest that it is an entry of.
    #[must_use]
    pub fn contest(&self) -> Option<&TicketId> {
        self.spec.parent.as_ref().filter(|_| self.spec.kind == Kind::Entry)
    }

    /// Expected and observed files together.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.spec.files.iter().chain(&self.observed).map(String::as_str)
    }

    /// The items of the definition of done that the last report leaves open.
    #[must_use]
    pub fn unanswered(&self) -> Vec<&str> {
        let answered = |number: usize, item: &str| {
            self.report.as_ref().is_some_and(|report| report.said_of(number, item).is_some())
        };
        let items = self.spec.done.iter().enumerate();
        items.filter(|(i, item)| !answered(i + 1, item)).map(|(_, item)| item.as_str()).collect()
    }

    /// The findings of the last review that the last report leaves open.
    #[must_use]
    pub fn unanswered_findings(&self) -> Vec<&Finding> {
        self.reviews.findings.iter().filter(|finding| self.answer_to(finding).is_none()).collect()
    }

    /// What the last report says to a finding.
    #[must_use]
    pub fn answer_to(&self, finding: &Finding) -> Option<&FindingAnswer> {
        let answers = self.report.iter().flat_map(|r| &r.findings);
        let mut of_it = answers.filter(|a| a.finding.trim().eq_ignore_ascii_case(&finding.id));
        of_it.find(|a| !a.how.trim().is_empty())
    }
}
