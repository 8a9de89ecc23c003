//! Plans: what a planner hands in, and what must hold before tickets are made of it.

use crate::text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The most tickets of one plan.
const MOST_TICKETS: usize = 60;

/// A plan, as `output.plan` of a planner. Spec 4's `{phases, files, dependencies}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkPlan {
    /// In order.
    pub phases: Vec<PlanPhase>,
    /// Besides those that tickets name themselves.
    #[serde(default)]
    pub dependencies: Vec<PlanDependency>,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPhase {
    /// For people.
    pub name: String,
    /// Its tickets.
    pub tickets: Vec<PlanTicket>,
}

/// A ticket as it is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTicket {
    /// Unique in its plan.
    pub id: String,
    /// One line.
    pub title: String,
    /// Why it matters.
    #[serde(default)]
    pub why: String,
    /// The definition of done.
    #[serde(default)]
    pub done: Vec<String>,
    /// Files expected to change.
    #[serde(default)]
    pub files: Vec<String>,
    /// Ids of tickets of the plan that come first.
    #[serde(default)]
    pub after: Vec<String>,
    /// The agent by name; empty: the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// `S`, `M`, `L` or `XL`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub size: String,
    /// Expected tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_tokens: Option<u64>,
    /// `low`, `medium` or `high`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub risk: String,
    /// Why it may change the files of another ticket without waiting for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub overlap: String,
}

/// One ticket of a plan needs another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDependency {
    /// Which waits.
    pub ticket: String,
    /// For which.
    pub needs: String,
}

impl WorkPlan {
    /// Reads a planner's output, with the dependencies of the plan in its tickets.
    ///
    /// # Errors
    /// In words for the planner.
    pub fn read(output: &serde_json::Value) -> Result<Self, String> {
        let plan = output.get("plan").ok_or("`output.plan` is missing")?;
        let mut read: Self = serde_json::from_value(plan.clone()).map_err(|e| format!("`output.plan`: {e}"))?;
        for PlanDependency { ticket, needs } in std::mem::take(&mut read.dependencies) {
            let mut tickets = read.phases.iter_mut().flat_map(|phase| &mut phase.tickets);
            let Some(found) = tickets.find(|t| t.id == ticket) else {
                return Err(format!("`dependencies` names ticket `{ticket}`, which is not in the plan"));
            };
            if !found.after.contains(&needs) {
                found.after.push(needs);
            }
        }
        Ok(read)
    }

    /// Its tickets, phase by phase.
    pub fn tickets(&self) -> impl Iterator<Item = &PlanTicket> {
        self.phases.iter().flat_map(|phase| &phase.tickets)
    }

    /// Everything that is wrong with it, each in words for the planner.
    #[must_use]
    pub fn faults(&self, knows_agent: impl Fn(&str) -> bool) -> Vec<String> {
        let tickets: BTreeMap<&str, &PlanTicket> = self.tickets().map(|t| (t.id.as_str(), t)).collect();
        let count = self.tickets().count();
        let mut faults = Vec::new();
        if count == 0 {
            faults.push("the plan has no ticket".to_owned());
        }
        if count > MOST_TICKETS {
            faults.push(format!("the plan has {count} tickets; {MOST_TICKETS} is the most"));
        }
        if tickets.len() < count {
            faults.push("two tickets have the same id".to_owned());
        }
        for ticket in self.tickets() {
            let id = text::line(&ticket.id, 40);
            let mut fault = |what: String| faults.push(format!("{id}: {what}"));
            if ticket.title.trim().is_empty() || ticket.title.contains('\n') {
                fault("the title must be one line".to_owned());
            }
            if ticket.done.iter().all(|item| item.trim().is_empty()) {
                fault("the definition of done is empty".to_owned());
            }
            if ticket.done.iter().any(|item| item.contains('\n')) {
                fault("each item of `done` must be one line".to_owned());
            }
            if !ticket.agent.is_empty() && !knows_agent(&ticket.agent) {
                fault(format!("there is no agent `{}`", text::name(&ticket.agent)));
            }
            for needed in ticket.after.iter().filter(|needed| !tickets.contains_key(needed.as_str())) {
                fault(format!("it comes after `{}`, which is not in the plan", text::name(needed)));
            }
            crate::decide::file_faults(&ticket.files).for_each(fault);
        }
        if !faults.is_empty() {
            return faults;
        }
        let Some(before) = self.before() else {
            return vec!["the dependencies form a cycle".to_owned()];
        };
        self.collisions(&before)
    }

    /// Tickets that may run at once and change the same file, where neither says why.
    fn collisions(&self, before: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
        let all: Vec<&PlanTicket> = self.tickets().collect();
        let pairs = all.iter().enumerate().flat_map(|(i, a)| all[i + 1..].iter().map(move |b| (*a, *b)));
        let ordered = |a: &PlanTicket, b: &PlanTicket| before[a.id.as_str()].contains(b.id.as_str());
        let found =
            pairs.filter(|(a, b)| a.overlap.is_empty() && b.overlap.is_empty() && !ordered(a, b) && !ordered(b, a));
        let shared = found.filter_map(|(a, b)| Some((a, b, a.files.iter().find(|file| b.files.contains(file))?)));
        let said = shared.map(|(a, b, file)| {
            format!(
                "{} and {} both change {}, and neither comes after the other: order them, or say in `overlap` why they may \
                 run at once",
                a.id,
                b.id,
                text::name(file)
            )
        });
        said.collect()
    }

    /// For each ticket all that come before it, directly or not; nothing where there is a cycle.
    pub(crate) fn before(&self) -> Option<BTreeMap<&str, BTreeSet<&str>>> {
        let tickets: BTreeMap<&str, &PlanTicket> = self.tickets().map(|t| (t.id.as_str(), t)).collect();
        let mut before: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        while before.len() < tickets.len() {
            let is_next = |t: &PlanTicket| t.after.iter().all(|needed| before.contains_key(needed.as_str()));
            let next = tickets.iter().find(|(id, ticket)| !before.contains_key(**id) && is_next(ticket));
            let (id, ticket) = next?;
            let direct = ticket.after.iter().map(String::as_str);
            let all = direct.flat_map(|needed| before[needed].iter().copied().chain([needed])).collect();
            before.insert(id, all);
        }
        Some(before)
    }

    /// The plan as a person reads it, phase by phase.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut lines = Vec::new();
        for phase in &self.phases {
            lines.push(format!("{}:", text::line(&phase.name, 80)));
            for ticket in &phase.tickets {
                let size =
                    if ticket.size.is_empty() { String::new() } else { format!(" [{}]", text::name(&ticket.size)) };
                let after: Vec<String> = ticket.after.iter().map(|id| text::name(id)).collect();
                let after = if after.is_empty() { String::new() } else { format!(", after {}", after.join(", ")) };
                let agent =
                    if ticket.agent.is_empty() { String::new() } else { format!(", by {}", text::name(&ticket.agent)) };
                let title = text::line(&ticket.title, 100);
                lines.push(format!("  {} {title}{size}{after}{agent}", text::name(&ticket.id)));
                lines.extend(ticket.done.iter().map(|item| format!("      - {}", text::line(item, 120))));
            }
        }
        lines.join("\n")
    }
}
