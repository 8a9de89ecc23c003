//! What evidence says of the work on a ticket: of each gate of the policy, and of each check of the ticket itself.

use crate::mutant::mutant;
use crate::{Check, Commit, Evidence, Expects, GatePolicy, Policy, RedBase, State, Ticket, TicketId};

/// Something that must hold on the head before a ticket is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// A gate of the policy.
    Gate(GatePolicy),
    /// A check of the ticket.
    Check(Check),
}

/// What is known of a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Something has to run first.
    Unknown,
    /// It holds.
    Holds,
    /// Green at the head, and nobody saw it red without the work: that shows nothing.
    ProvesNothing,
    /// Red at the head.
    Fails(&'a Evidence),
    /// Red at the head, and red without the work, too.
    RedBase { at_head: &'a Evidence, before: &'a Evidence },
    /// Red at the head and at the base, but green on today's main branch.
    FixedSince { at_head: &'a Evidence, main: &'a Evidence },
}

impl Requirement {
    /// Those of a ticket, in the order in which they run.
    pub(crate) fn all(policy: &Policy, ticket: &Ticket) -> Vec<Self> {
        let gates = policy.gates.iter().cloned().map(Self::Gate);
        gates.chain(ticket.spec.checks.iter().cloned().map(Self::Check)).collect()
    }

    /// What stands for its definition in the key of evidence.
    pub(crate) fn digest(&self) -> String {
        match self {
            Self::Gate(gate) => gate.digest.clone(),
            Self::Check(check) => check.digest(),
        }
    }
}

/// What is asked of evidence.
#[derive(Clone, Copy)]
pub(crate) struct Inquiry<'a> {
    pub(crate) state: &'a State,
    pub(crate) id: &'a TicketId,
    pub(crate) ticket: &'a Ticket,
    pub(crate) head: &'a Commit,
    /// Only evidence from this toolchain counts, where it is given.
    pub(crate) toolchain: Option<&'a str>,
    /// Evidence that is not in the state yet.
    pub(crate) latest: &'a [&'a Evidence],
}

impl<'a> Inquiry<'a> {
    pub(crate) fn verdict(&self, requirement: &Requirement) -> Verdict<'a> {
        let digest = requirement.digest();
        let Some(at_head) = self.at_head(&digest) else { return Verdict::Unknown };
        if !mutant!(RedAccepted, at_head.is_green(), true) {
            return self.blame(requirement, at_head);
        }
        match requirement {
            Requirement::Check(Check { expects: Expects::RedThenGreen, .. }) => self.difference(&digest),
            Requirement::Check(_) | Requirement::Gate(_) => Verdict::Holds,
        }
    }

    /// Whether every requirement holds, at least on a person's approval.
    pub(crate) fn all_green(&self, requirements: &[Requirement]) -> bool {
        requirements.iter().all(|r| matches!(self.verdict(r), Verdict::Holds | Verdict::ProvesNothing))
    }

    fn at_head(&self, digest: &str) -> Option<&'a Evidence> {
        let latest = self.latest.iter().copied().find(|e| &e.key.commit == self.head && e.key.gate == digest);
        latest.or_else(|| self.state.evidence_for(self.id, self.head, digest, self.toolchain))
    }

    /// Of a check that is green at the head: what it said at the base.
    fn difference(&self, digest: &str) -> Verdict<'a> {
        // A person who accepts this very commit has seen what the check is worth.
        if self.ticket.approved_by_person.as_ref() == Some(self.head) {
            return Verdict::Holds;
        }
        let Some(base) = self.ticket.base.as_ref().filter(|base| *base != self.head) else {
            return Verdict::ProvesNothing;
        };
        match self.at_base(base, digest) {
            None => Verdict::Unknown,
            Some(evidence) if mutant!(NeverRedAccepted, evidence.is_green(), false) => Verdict::ProvesNothing,
            Some(_) => Verdict::Holds,
        }
    }

    /// What is red at the head: whose fault is it?
    fn blame(&self, requirement: &Requirement, at_head: &'a Evidence) -> Verdict<'a> {
        let policy = &self.state.policy;
        let differs = matches!(requirement, Requirement::Check(Check { expects: Expects::RedThenGreen, .. }));
        let base = self.ticket.base.as_ref().filter(|base| *base != self.head);
        let Some(base) = base.filter(|_| !differs && policy.red_base == RedBase::Card) else {
            return Verdict::Fails(at_head);
        };
        let gate = &at_head.key.gate;
        // That it could be started for another ticket says nothing of this machine today.
        let shared = !at_head.could_not_start();
        let before = self.at_base(base, gate).or_else(|| self.green_of_others(base, gate).filter(|_| shared));
        match before {
            None => Verdict::Unknown,
            Some(before) if before.is_green() => Verdict::Fails(at_head),
            Some(_) if self.is_known_red(requirement) => Verdict::Holds,
            Some(before) => match self.on_main(base, gate) {
                Some(main) if main.is_green() => Verdict::FixedSince { at_head, main },
                // Main has moved, and is red there as well.
                main => Verdict::RedBase { at_head, before: main.unwrap_or(before) },
            },
        }
    }

    fn is_known_red(&self, requirement: &Requirement) -> bool {
        let said = matches!(requirement, Requirement::Gate(gate) if gate.known_red);
        said || self.state.known_red.contains(&requirement.digest())
    }

    /// What the ticket's own evidence says without the work.
    fn at_base(&self, base: &Commit, digest: &str) -> Option<&'a Evidence> {
        let fits = |e: &&Evidence| &e.key.commit == base && e.key.gate == digest;
        let latest = self.latest.iter().copied().find(fits);
        latest.or_else(|| self.state.evidence_for(self.id, base, digest, self.toolchain))
    }

    /// Whichever ticket it was that came to this commit.
    fn green_of_others(&self, base: &Commit, digest: &str) -> Option<&'a Evidence> {
        let mut all = self.state.evidence.values().flatten();
        all.find(|e| {
            let same = &e.key.commit == base && e.key.gate == digest;
            same && e.is_green() && self.toolchain.is_none_or(|t| t == e.key.toolchain)
        })
    }

    /// What came with the result on the head, from neither head nor base: today's main branch.
    fn on_main(&self, base: &Commit, digest: &str) -> Option<&'a Evidence> {
        let elsewhere = |e: &&Evidence| &e.key.commit != base && &e.key.commit != self.head;
        self.latest.iter().copied().filter(elsewhere).find(|e| e.key.gate == digest)
    }

    /// Digests of which it is known what they say at the base. What is red there says nothing of today's main branch: a
    /// gate that is to stay green is asked again, of the base and then of main.
    pub(crate) fn known_before(&self, requirements: &[Requirement]) -> Vec<String> {
        let Some(base) = &self.ticket.base else { return Vec::new() };
        let known = requirements.iter().filter(|requirement| {
            let digest = requirement.digest();
            let differs = matches!(requirement, Requirement::Check(Check { expects: Expects::RedThenGreen, .. }));
            let own = self.at_base(base, &digest).is_some_and(|before| differs || before.is_green());
            own || matches!(requirement, Requirement::Gate(_)) && self.green_of_others(base, &digest).is_some()
        });
        known.map(Requirement::digest).collect()
    }
}

/// What the evidence says of a check of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// It did not run yet, or not where it must.
    Unknown,
    /// Red at the head.
    Red,
    /// Green at the head, as it must stay.
    Green,
    /// Red at the base and green at the head.
    Proven,
    /// Green at the head, and never red.
    ProvesNothing,
}

impl CheckResult {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Red => "red",
            Self::Green => "green",
            Self::Proven => "proven",
            Self::ProvesNothing => "proves-nothing",
        }
    }
}

impl State {
    /// What is known of each check of a ticket, by the ticket's own evidence on its head.
    #[must_use]
    pub fn check_results<'a>(&'a self, id: &TicketId, ticket: &'a Ticket) -> Vec<(&'a Check, CheckResult)> {
        let result = |check: &Check| {
            let Some(head) = &ticket.head else { return CheckResult::Unknown };
            // What a person accepted is no different for it.
            let ticket = &Ticket { approved_by_person: None, ..ticket.clone() };
            let inquiry = Inquiry { state: self, id, ticket, head, toolchain: None, latest: &[] };
            match (inquiry.verdict(&Requirement::Check(check.clone())), check.expects) {
                (Verdict::Unknown, _) => CheckResult::Unknown,
                (Verdict::Fails(_) | Verdict::RedBase { .. } | Verdict::FixedSince { .. }, _) => CheckResult::Red,
                (Verdict::Holds, Expects::StaysGreen) => CheckResult::Green,
                (Verdict::Holds, Expects::RedThenGreen) => CheckResult::Proven,
                (Verdict::ProvesNothing, _) => CheckResult::ProvesNothing,
            }
        };
        ticket.spec.checks.iter().map(|check| (check, result(check))).collect()
    }
}
