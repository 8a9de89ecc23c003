//! From a claim to acceptance: evidence, review, and the ways back.

use super::{NewCard, done, escalation, nothing, open_card, red, reviews, routing, tampering_card, ticket};
use crate::mutant::mutant;
use crate::verdict::{Inquiry, Requirement, Verdict};
use crate::{
    ApprovalReason, CardKind, Commit, Decision, EscalationReason, Event, Evidence, Millis, Phase, Policy, RejectCode,
    Rejected, State, Ticket, TicketId, Verification, text,
};
use std::collections::BTreeSet;

pub(super) fn set_policy(state: &State, policy: &Policy) -> Decision {
    if &state.policy == policy {
        return nothing();
    }
    let mut events = vec![Event::PolicySet { policy: policy.clone() }];
    events.extend(red::settled(state, policy));
    events.extend(routing::by_other_routes(state, policy));
    if state.policy.gates != policy.gates {
        let again = state.tickets.iter().filter_map(|(id, t)| Some((id, t, reverification(state, policy, id, t)?)));
        let again: Vec<(&TicketId, &Ticket, Event)> = again.collect();
        let mut unapproved: BTreeSet<TicketId> = again.iter().map(|(id, ..)| (*id).clone()).collect();
        for (id, ticket, reverification) in again {
            if ticket.phase == Phase::Reviewing {
                events.extend(super::withdraw_cards(state, id, "the gates changed"));
            }
            let dependents = super::merge::unapprove_dependents(state, id, "the gates changed");
            let mut once = |e: &Event| state.ticket_of(e).is_some_and(|ticket| unapproved.insert(ticket));
            events.extend(dependents.into_iter().filter(|e| once(e)));
            events.push(reverification);
        }
    }
    done(events)
}

/// Evidence counts only under the gates of today.
fn reverification(state: &State, policy: &Policy, id: &TicketId, ticket: &Ticket) -> Option<Event> {
    let why = "the gates changed".to_owned();
    match (ticket.phase, &ticket.head) {
        (Phase::Verifying, _) => {
            Some(Event::VerificationLost { ticket: id.clone(), why, counts: false, not_before: 0 })
        }
        (Phase::Accepted | Phase::Reviewing, Some(head)) => {
            let all = Requirement::all(policy, ticket);
            let inquiry = Inquiry { state, id, ticket, head, toolchain: None, latest: &[] };
            let verified = match all.as_slice() {
                [] => ticket.approved_by_person.as_ref() == Some(head),
                all => inquiry.all_green(all),
            };
            (!verified).then(|| Event::VerificationNeeded { ticket: id.clone(), head: head.clone(), why })
        }
        _ => None,
    }
}

pub(super) fn head_moved(state: &State, id: &TicketId, head: &Commit) -> Decision {
    let moved = state.tickets.get(id).is_some_and(|t| {
        let checked = matches!(t.phase, Phase::Accepted | Phase::Reviewing | Phase::Verifying);
        checked && t.spec.kind.work().lands && t.head.as_ref() != Some(head)
    });
    if !moved {
        return nothing();
    }
    let why = "the branch has a new head".to_owned();
    let mut events = super::withdraw_cards(state, id, &why);
    events.extend(super::merge::unapprove_dependents(state, id, &why));
    events.push(Event::VerificationNeeded { ticket: id.clone(), head: head.clone(), why });
    done(events)
}

/// `before` is what the same gate or check said without the work.
pub(super) fn evidence(
    state: &State,
    now: Millis,
    token: u64,
    evidence: &Evidence,
    before: &[Evidence],
) -> Result<Decision, Rejected> {
    let id = &evidence.ticket;
    let ticket = expect_verification(state, id, token)?;
    let all = Requirement::all(&state.policy, ticket);
    let Some(requirement) = all.iter().find(|r| r.digest() == evidence.key.gate) else {
        // Another definition than the policy's: it says nothing of the work, green or red.
        let why = format!("{} was run by another definition than the policy's", red::called(evidence));
        return Ok(done(not_run(state, now, id, ticket, &why)));
    };
    let of_it = |e: &&Evidence| e.ticket == *id && e.key.gate == evidence.key.gate;
    let latest: Vec<&Evidence> = before.iter().filter(of_it).chain([evidence]).collect();
    let known = |e: &Evidence| state.evidence.get(id).into_iter().flatten().any(|k| k.key == e.key);
    let fresh = latest.iter().filter(|e| !known(e));
    let mut events: Vec<Event> = fresh.map(|e| Event::EvidenceRecorded { evidence: (*e).clone() }).collect();
    if events.is_empty() {
        return Ok(nothing());
    }
    let head = &evidence.key.commit;
    if ticket.head.as_ref() != Some(head) {
        return Ok(done(events));
    }
    let inquiry = Inquiry { state, id, ticket, head, toolchain: None, latest: &latest };
    if let Some(consequences) = red::consequences(state, now, &inquiry, requirement, "") {
        events.extend(consequences);
    } else if inquiry.all_green(&all) {
        events.extend(after_green(state, now, &inquiry, Some(evidence)));
    }
    Ok(done(events))
}

/// What follows when every gate is green: a person's look where fewer tests ran, review where the policy asks for one,
/// else acceptance. The latest evidence is not in the state yet.
fn after_green(state: &State, now: Millis, inquiry: &Inquiry<'_>, latest: Option<&Evidence>) -> Vec<Event> {
    let (id, commit) = (inquiry.id, inquiry.head);
    let signs = fewer_tests(state, id, commit, latest);
    if !signs.is_empty() {
        let asks = "runs fewer tests than before. Accept it anyway?";
        let card = tampering_card(state, (now, 0), id, commit, signs, asks);
        return vec![Event::TicketHeld { ticket: id.clone(), card: None }, card];
    }
    if let Some(card) = proves_nothing(state, now, inquiry) {
        return vec![Event::TicketHeld { ticket: id.clone(), card: None }, card];
    }
    reviews::next(state, now, id, commit, latest)
}

/// The card about checks that were green without the work.
fn proves_nothing(state: &State, now: Millis, inquiry: &Inquiry<'_>) -> Option<Event> {
    let (id, head) = (inquiry.id, inquiry.head);
    let all = Requirement::all(&state.policy, inquiry.ticket);
    let hollow = all.iter().filter(|r| inquiry.verdict(r) == Verdict::ProvesNothing);
    let checks: Vec<String> = hollow
        .filter_map(|r| match r {
            Requirement::Check(check) => Some(check.command.clone()),
            Requirement::Gate(_) => None,
        })
        .collect();
    let (first, base) = (checks.first()?, inquiry.ticket.base.as_ref());
    let before = base.map_or_else(|| "before the work".to_owned(), |base| format!("at the base {}", base.short()));
    let commands: String = checks.iter().map(|c| format!("\n  {}", text::name(c))).collect();
    let card = NewCard {
        ticket: id,
        attempt: None,
        question: format!(
            "Check `{}` of {id} proves nothing: it was never red. Accept it anyway?",
            text::line(first, 60)
        ),
        brief: format!(
            "All gates and checks are green at {}. But a check proves work only if it is red {before}, and of these \
             nobody saw that:{commands}\nAnother check: `ganger ticket edit {id} --check '…'`, which sends the work \
             back.",
            head.short()
        ),
        kind: CardKind::Approval { commit: head.clone(), why: ApprovalReason::ProvesNothing { checks } },
        default: None,
        consequence: "it keeps waiting",
    };
    Some(open_card(state, now, card))
}

/// Gates that ran fewer tests than at the base, where the journal knows how many ran there. A person's approval of the
/// commit settles it.
fn fewer_tests(state: &State, id: &TicketId, head: &Commit, latest: Option<&Evidence>) -> Vec<String> {
    let Some(ticket) = state.tickets.get(id) else { return Vec::new() };
    let approved = ticket.approved_by_person.as_ref() == Some(head);
    let Some(base) = ticket.base.as_ref().filter(|base| *base != head && !approved) else { return Vec::new() };
    let signs = state.policy.gates.iter().filter_map(|gate| {
        let latest = latest.filter(|e| e.key.gate == gate.digest);
        let now = latest.or_else(|| state.evidence_for(id, head, &gate.digest, None))?;
        // Whichever ticket it was that came to this commit.
        let mut all = state.evidence.values().flatten();
        let before = all.find(|e| {
            let same = &e.key.commit == base && e.key.gate == gate.digest && e.key.toolchain == now.key.toolchain;
            same && e.is_green() && e.tests.is_some()
        });
        let ran = before?.tests?;
        let runs = match now.tests {
            Some(runs) if runs >= ran => return None,
            Some(runs) => runs.to_string(),
            None => "an unknown number of".to_owned(),
        };
        Some(format!("gate `{}` ran {runs} tests; {ran} at the base {}", gate.name, base.short()))
    });
    signs.collect()
}

/// Phase `verifying` with evidence for everything from the toolchain of today, or with no gate at all: what `tick`
/// decides.
pub(super) fn conclude(
    state: &State,
    now: Millis,
    id: &TicketId,
    ticket: &Ticket,
    toolchain: Option<&str>,
) -> Option<Vec<Event>> {
    if ticket.spec.kind.work().verification != Verification::Commit {
        return None;
    }
    let head = ticket.head.as_ref()?;
    let all = Requirement::all(&state.policy, ticket);
    let approved = mutant!(NoGateAccepted, ticket.approved_by_person.as_ref() == Some(head), true);
    if approved && all.is_empty() {
        return Some(vec![Event::TicketAccepted { ticket: id.clone(), commit: head.clone() }]);
    }
    if all.is_empty() {
        let card = open_card(
            state,
            now,
            NewCard {
                ticket: id,
                attempt: None,
                kind: CardKind::Approval { commit: head.clone(), why: ApprovalReason::NoGate },
                question: format!("No gate is configured to verify {id}. Accept it?"),
                brief: format!("Commit {}. Add [[gate]] to ganger.toml to have this checked.", head.short()),
                default: None,
                consequence: "it keeps waiting",
            },
        );
        return Some(vec![Event::TicketHeld { ticket: id.clone(), card: None }, card]);
    }
    let toolchain = Some(toolchain?);
    let inquiry = Inquiry { state, id, ticket, head, toolchain, latest: &[] };
    if inquiry.all_green(&all) {
        return Some(after_green(state, now, &inquiry, None));
    }
    let still = "Nothing was committed since, so this still holds.\n\n";
    all.iter().find_map(|r| red::consequences(state, now, &inquiry, r, still))
}

/// First wait after gates could not be run; it doubles.
const BACKOFF_MS: Millis = 1_000;

/// The gates could not be run at all: that says nothing of the work.
pub(super) fn failed(state: &State, now: Millis, id: &TicketId, token: u64, why: &str) -> Result<Decision, Rejected> {
    let ticket = expect_verification(state, id, token)?;
    Ok(done(not_run(state, now, id, ticket, why)))
}

fn not_run(state: &State, now: Millis, id: &TicketId, ticket: &Ticket, why: &str) -> Vec<Event> {
    let times = ticket.unverifiable + 1;
    let not_before = now + (BACKOFF_MS << ticket.unverifiable.min(8));
    let mut events =
        vec![Event::VerificationLost { ticket: id.clone(), why: why.to_owned(), counts: true, not_before }];
    if times >= state.policy.max_attempts {
        events.push(Event::TicketHeld { ticket: id.clone(), card: None });
        events.push(escalation(state, now, id, EscalationReason::Unverifiable { times }, why.to_owned()));
    }
    events
}

fn expect_verification<'a>(state: &'a State, id: &TicketId, token: u64) -> Result<&'a Ticket, Rejected> {
    let ticket = ticket(state, id)?;
    match &ticket.verifying {
        Some((_, expected)) if *expected == token && ticket.phase == Phase::Verifying => Ok(ticket),
        _ => Err(Rejected::new(RejectCode::Stale, format!("verification {token} of {id} is not the current one"))),
    }
}
