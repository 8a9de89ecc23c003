//! Work that is judged by what happened: deleted files, `.env` files, secrets, weakened tests. One card for all of it, for
//! an answer lets the commit pass as a whole.

use super::refusal::Refusal;
use super::{NewCard, open_nth_card, texts};
use crate::model::hazard::list;
use crate::{
    ApprovalReason, AttemptEnd, CardKind, CardOption, Commit, Event, Hazard, Kind, Millis, Review, State, Ticket,
    TicketId, TicketSpec, text,
};

/// What the agent should settle by itself: secrets, or code without a test, each once.
pub(super) fn to_send_back<'a>(ticket: &Ticket, end: &'a AttemptEnd) -> Option<&'a Hazard> {
    let is_new = |hazard: &&Hazard| !ticket.sent_back_for.iter().any(|known| known.is_like(hazard));
    let found = concerning(ticket, end).filter(|hazard| hazard.goes_back());
    found.filter(is_new).find(|_| !is_approved(ticket, end))
}

/// The hazards that matter for a ticket.
fn concerning<'a>(ticket: &Ticket, end: &'a AttemptEnd) -> impl Iterator<Item = &'a Hazard> {
    // What a join brings together was judged before.
    let needs_tests = !ticket.spec.needs_no_tests() && ticket.spec.kind != Kind::Join;
    end.hazards.iter().filter(move |hazard| needs_tests || !hazard.is_untested())
}

/// The files with code that changed without a test, where that matters.
pub(super) fn untested(ticket: &Ticket, end: &AttemptEnd) -> Vec<String> {
    let files = concerning(ticket, end).filter_map(|hazard| match hazard {
        Hazard::Untested { files } => Some(files.clone()),
        _ => None,
    });
    files.flatten().collect()
}

/// Why work goes back, in a few words, what its agent is told, and what a person is told when that did not help.
pub(super) fn refusal(end: &AttemptEnd, hazard: &Hazard) -> Refusal {
    let (text, brief) = match hazard {
        Hazard::Secrets { found, .. } => (
            about_secrets(end, found),
            format!("Its commits hold what looks like secrets, and nothing was published or verified:{}", list(found)),
        ),
        Hazard::Untested { files } => (
            about_tests(files),
            format!("Its commits change code and no test, and nothing was verified:{}", list(files)),
        ),
        Hazard::Deletions { .. } | Hazard::EnvFiles { .. } => (hazard.detail(), hazard.detail()),
    };
    Refusal { why: format!("it {hazard}"), text, brief, retry_gates: false }
}

fn about_tests(files: &[String]) -> String {
    format!(
        "Your work changes code, and no test changes with it:{}\n\nAdd tests that fail without your change and pass with \
         it, run them, and commit. If no test can show what you changed, say why with `log_assumption`, then end your \
         turn again; others decide then. Nothing was verified.",
        list(files)
    )
}

fn about_secrets(end: &AttemptEnd, found: &[String]) -> String {
    let reset = end.base.as_ref().map(|base| format!(" (`git reset --soft {}`, then commit again)", base.short()));
    format!(
        "Your work holds what looks like secrets:{}\n\nTake each of them out: read the value from an environment \
         variable, and put a placeholder for it into `.env.example`, never the value. Where nothing works without the \
         real value, ask with `ask_user` to have the variable set. A later commit that removes a secret still publishes it: rewrite the branch so that no commit holds it{}. If a value is no secret, say so \
         with `log_assumption`; a person decides then. Nothing was published or verified.",
        list(found),
        reset.unwrap_or_default()
    )
}

/// What an agent is told whose work a person rejected for what it does.
pub(super) fn rejected_text(id: &TicketId, base: Option<&Commit>, hazards: &[Hazard], signs: &[String]) -> String {
    let mut does: Vec<String> = hazards.iter().map(ToString::to_string).collect();
    does.extend((!signs.is_empty()).then(|| "seems to weaken tests".to_owned()));
    let mut said = vec![format!("Your work on {id} was rejected by a person: it {}.", in_words(&does))];
    said.extend(hazards.iter().map(|hazard| match (hazard, base) {
        (Hazard::Untested { files }, _) => format!(
            "No test changes with this code:{}\nAdd tests that fail without your change and pass with it, run them, and \
             commit.",
            list(files)
        ),
        (Hazard::Deletions { .. }, Some(base)) => {
            format!("{}\n`git restore --source {} -- <path>` brings a file back.", hazard.detail(), base.short())
        }
        _ => hazard.detail(),
    }));
    said.extend((!signs.is_empty()).then(|| format!("Restore these tests:{}", list(signs))));
    text::visible(&said.join("\n\n"))
}

/// A person says that the work needs no test. What was asked about that alone goes on to its gates; about the rest a person
/// is asked anew. The `nth` card of one decision, from 0.
pub(super) fn without_tests(
    state: &State,
    now: Millis,
    nth: u64,
    (id, ticket): (&TicketId, &Ticket),
    wanted: &TicketSpec,
) -> Vec<Event> {
    let fresh = wanted.needs_no_tests() && !ticket.spec.needs_no_tests();
    let cards = state.open_cards_of(id).filter(|_| fresh);
    let mut asked = cards.filter_map(|card| match &card.kind {
        CardKind::Approval { commit, why: ApprovalReason::Hazards { hazards, signs } } => {
            hazards.iter().any(Hazard::is_untested).then_some((card, commit, hazards, signs))
        }
        _ => None,
    });
    let Some((card, commit, hazards, signs)) = asked.next() else { return Vec::new() };
    let why = "it needs no test";
    let rest: Vec<Hazard> = hazards.iter().filter(|hazard| !hazard.is_untested()).cloned().collect();
    let next = if rest.is_empty() && signs.is_empty() {
        Event::VerificationNeeded { ticket: id.clone(), head: commit.clone(), why: why.to_owned() }
    } else if rest.is_empty() {
        let asks = "seems to weaken tests. Verify it anyway?";
        super::tampering_card(state, (now, nth), id, commit, signs.clone(), asks)
    } else {
        hazard_card(state, (now, nth), id, (commit, ticket.base.as_ref()), &rest, signs)
    };
    vec![super::withdrawn(card, why), next]
}

/// The card about hazards and weakened tests, where there are any that nobody approved yet.
pub(super) fn card(state: &State, now: Millis, id: &TicketId, ticket: &Ticket, end: &AttemptEnd) -> Option<Event> {
    let head = end.head.as_ref()?;
    if is_approved(ticket, end) {
        return None;
    }
    // They name files, and a file may be called anything.
    let signs: Vec<String> = end.tampering.iter().map(|sign| text::name(sign)).collect();
    // Whether missing tests matter is what a review is about.
    let is_left = |hazard: &&Hazard| state.policy.review == Review::Off || !hazard.is_untested();
    let hazards: Vec<Hazard> = concerning(ticket, end).filter(is_left).cloned().collect();
    match (hazards.is_empty(), signs.is_empty()) {
        (true, true) => None,
        (true, false) => {
            Some(super::tampering_card(state, (now, 0), id, head, signs, "seems to weaken tests. Verify it anyway?"))
        }
        (false, _) => Some(hazard_card(state, (now, 0), id, (head, end.base.as_ref()), &hazards, &signs)),
    }
}

fn is_approved(ticket: &Ticket, end: &AttemptEnd) -> bool {
    end.head.is_some() && ticket.approved_by_person == end.head
}

/// The `nth` card of one decision, from 0.
fn hazard_card(
    state: &State,
    (now, nth): (Millis, u64),
    id: &TicketId,
    (head, base): (&Commit, Option<&Commit>),
    hazards: &[Hazard],
    signs: &[String],
) -> Event {
    let mut does: Vec<String> = hazards.iter().map(|hazard| text::name(&hazard.to_string())).collect();
    let mut details: Vec<String> = hazards.iter().map(|hazard| text::visible(&hazard.detail())).collect();
    if !signs.is_empty() {
        does.push("seems to weaken tests".to_owned());
        let lines: Vec<String> = signs.iter().map(|sign| format!("- {sign}")).collect();
        details.push(format!("Tests:\n{}", texts::in_short(id, &lines)));
    }
    if hazards.iter().all(Hazard::is_untested) && signs.is_empty() {
        details.push(format!(
            "`accept`: its gates run without a test for it. `reject`: its agent is asked for one again. With the label \
             `no-tests` (`ganger ticket edit {id} --add-label no-tests`) a ticket is never asked."
        ));
    } else if let Some(base) = base {
        details.push(format!(
            "Nothing was verified or merged. The work is commit {}, begun at {}; `reject` sends it back to its agent, and \
             `git restore --source {} -- <path>` in its workspace brings a file back.",
            head.short(),
            base.short(),
            base.short()
        ));
    }
    let card = NewCard {
        ticket: id,
        attempt: None,
        kind: CardKind::Approval {
            commit: head.clone(),
            why: ApprovalReason::Hazards { hazards: hazards.to_vec(), signs: signs.to_vec() },
        },
        question: format!("{id} {}. Verify it anyway?", in_words(&does)),
        brief: details.join("\n\n"),
        default: Some(CardOption::Reject),
        consequence: "it goes back to its agent",
    };
    open_nth_card(state, now, nth, card)
}

/// `a`, `a and b`, `a, b and c`.
fn in_words(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
