//! Reviews: other agents judge a commit, finding by finding, and its author answers each.

use super::is_default;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who must look at green work before it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    /// Nobody: green gates suffice; a person still merges.
    #[default]
    Off,
    /// A person, on a card.
    Person,
    /// The reviewers of the policy. Where none of them can, a person.
    Agent,
    /// The reviewers, and then a person.
    #[serde(rename = "agent+person")]
    AgentAndPerson,
}

impl Review {
    /// Whether agents judge first.
    #[must_use]
    pub fn asks_agents(self) -> bool {
        matches!(self, Self::Agent | Self::AgentAndPerson)
    }
}

/// How agents review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReviewRules {
    /// The agents that review, by name: all of them must pass the work. An author does not review its own.
    pub reviewers: Vec<String>,
    /// Failed reviews in a row before a person is asked.
    pub rounds: u32,
}

impl Default for ReviewRules {
    fn default() -> Self {
        Self { reviewers: Vec::new(), rounds: 3 }
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It must not be merged like this.
    Blocker,
    /// It should be fixed first.
    Major,
    /// A remark.
    Minor,
}

impl Severity {
    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::Major => "major",
            Self::Minor => "minor",
        }
    }
}

/// What a reviewer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `F1`, by which its author answers it; empty in what a reviewer hands in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The reviewer by name; empty in what a reviewer hands in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Relative to the repository root; empty where it is about no file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// From 1; 0 where it is about no line.
    #[serde(default, skip_serializing_if = "is_default")]
    pub line: u32,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub problem: String,
    /// What would settle it.
    #[serde(default)]
    pub settles: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match (self.file.as_str(), self.line) {
            ("", _) => String::new(),
            (file, 0) => format!("{file}: "),
            (file, line) => format!("{file}:{line}: "),
        };
        write!(f, "{} ({}) {at}{}", self.id, self.severity.as_str(), self.problem)?;
        if self.settles.is_empty() { Ok(()) } else { write!(f, " Settled by: {}", self.settles) }
    }
}

/// What a reviewer says of one item of the definition of done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemVerdict {
    /// The item.
    pub item: String,
    /// Whether it is met.
    pub met: bool,
    /// By what.
    #[serde(default)]
    pub by: String,
}

/// What a reviewer hands in. Spec 4's `verdict` with findings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReviewVerdict {
    verdict: PassOrFail,
    /// What it found, remarks on work that passes included.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The definition of done, item by item.
    #[serde(default)]
    pub done: Vec<ItemVerdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum PassOrFail {
    Pass,
    Fail,
}

impl ReviewVerdict {
    /// Reads what a reviewer handed in.
    ///
    /// # Errors
    /// In words for the reviewer: the form is another one, or its parts contradict each other.
    pub fn read(output: &serde_json::Value) -> Result<Self, String> {
        let read: Self = serde_json::from_value(output.clone()).map_err(|e| format!("`output` is no verdict: {e}"))?;
        let blocks = read.reasons().next().is_some();
        match read.verdict {
            PassOrFail::Pass if blocks => {
                Err("`verdict` is PASS, but there is a blocker, a major finding, or an item that is not met. \
                                               Say FAIL, or take those back."
                    .to_owned())
            }
            PassOrFail::Fail if !blocks && read.findings.is_empty() => {
                Err("`verdict` is FAIL, but there is no finding and every item is met: the author could not know what \
                     to change. Add a finding, or say PASS."
                    .to_owned())
            }
            PassOrFail::Pass | PassOrFail::Fail => Ok(read),
        }
    }

    /// Whether the work may be accepted.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.verdict == PassOrFail::Pass
    }

    /// What alone is reason enough to send the work back.
    fn reasons(&self) -> impl Iterator<Item = String> {
        let blockers = self.findings.iter().filter(|f| f.severity != Severity::Minor).map(|f| f.problem.clone());
        blockers.chain(self.done.iter().filter(|item| !item.met).map(|item| item.item.clone()))
    }

    /// Everything that its author must answer: findings, and what is not met.
    #[must_use]
    pub fn to_answer(&self) -> Vec<Finding> {
        let unmet = self.done.iter().filter(|item| !item.met).map(|item| Finding {
            id: String::new(),
            by: String::new(),
            file: String::new(),
            line: 0,
            severity: Severity::Blocker,
            problem: format!("not met: {}", item.item),
            settles: item.by.clone(),
        });
        self.findings.iter().cloned().chain(unmet).collect()
    }
}

/// What an author did about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingStatus {
    /// It is fixed in the commit that is handed in.
    Fixed,
    /// The author thinks that it is wrong.
    Disputed,
}

impl FindingStatus {
    /// The word on screens and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Disputed => "disputed",
        }
    }
}

/// An author's answer to a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingAnswer {
    /// Its id.
    pub finding: String,
    /// What was done.
    pub status: FindingStatus,
    /// How it was fixed, or why it is wrong.
    pub how: String,
}

/// What a ticket remembers of the reviews of its work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reviews {
    /// Reviews in a row that failed; reset by acceptance and by a person.
    #[serde(skip_serializing_if = "is_default")]
    pub failed: u32,
    /// The commit that passed the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<crate::Commit>,
    /// What the last one found, to be answered with the next claim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
