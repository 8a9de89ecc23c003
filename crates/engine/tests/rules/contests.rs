//! Contests: an entry for each agent, the comparison, what is taken, and what becomes of the rest.

use crate::support::{NOW, add, after, answer, check, claim, ended, evidence, given, host, policy, report, tick};
use expect_test::expect;
use ganger_engine::{
    AgentPolicy, Budget, CardKind, Commit, Envelope, Hazard, Input, Kind, Ledger, Lines, Offer, Phase, Policy, Review,
    Take, TicketChange, TicketId, Urgency, Usage, comparison_of, why,
};

fn rules(change: impl FnOnce(&mut Policy)) -> Policy {
    let builder = policy().agents["builder"].clone();
    let agents = ["builder", "claude", "codex"].map(|name| (name.to_owned(), builder.clone()));
    let mut policy = Policy { agents: agents.into(), max_parallel: 4, ..policy() };
    change(&mut policy);
    policy
}

fn contest_under(change: impl FnOnce(&mut Policy)) -> Vec<Input> {
    let agents = || vec!["claude".to_owned(), "codex".to_owned()];
    let asked = add("one", |spec| {
        (spec.kind, spec.contest) = (Kind::Contest, agents());
        (spec.done, spec.files) = (vec!["it works".into()], vec!["a".into()]);
    });
    vec![Input::Elect { foreman: "f".into() }, Input::SetPolicy { policy: rules(change) }, host("i-1"), asked, tick()]
}

/// Both entries are at work.
fn both_at_work(change: impl FnOnce(&mut Policy)) -> Vec<Input> {
    let claims = [tick(), tick(), claim("T-1-claude-a1", 1), claim("T-1-codex-a1", 2)];
    after(contest_under(change), claims)
}

/// An agent claims to be done, and the gates say so: `token` is that of its attempt, `verification` that of its gates.
fn passes(entry: &str, token: u64, verification: u64, lines: u64) -> Vec<Input> {
    let head = format!("head-{entry}");
    let end = ended(&format!("{entry}-a1"), token, |end| {
        end.head = Some(Commit::from(head.as_str()));
        end.report = Some(report(&["it works"]));
        end.lines = Some(Lines { added: lines, removed: 1 });
    });
    vec![end, tick(), evidence(entry, verification, &head, 0)]
}

fn both_passed(change: impl FnOnce(&mut Policy)) -> Vec<Input> {
    let first = after(both_at_work(change), passes("T-1-claude", 1, 3, 40));
    after(after(first, passes("T-1-codex", 2, 4, 4)), [tick()])
}

fn phase(ledger: &Ledger, id: &str) -> Phase {
    ledger.state().tickets[&TicketId::from(id)].phase
}

fn reasons(ledger: &Ledger, id: &str) -> Vec<String> {
    why(ledger.state(), NOW, &id.into()).iter().map(ToString::to_string).collect()
}

fn refused(inputs: &[Input], input: Input) -> String {
    let envelope = Envelope::new("refused", "refused", input);
    given(inputs).decide(NOW + 1_000, &envelope).unwrap_err().to_string()
}

fn tell(ticket: &str) -> Input {
    Input::Tell { ticket: ticket.into(), text: "mind the tests".into(), urgency: Urgency::Idle, by: "p".into() }
}

#[test]
fn each_agent_has_an_entry_with_the_same_mission_and_they_work_at_once_on_the_same_files() {
    let ledger = given(&both_at_work(|_| {}));
    let state = ledger.state();
    let contest = &state.tickets[&"T-1".into()];
    for (entry, agent) in contest.parts().iter().zip(["claude", "codex"]) {
        let found = &state.tickets[entry];
        assert_eq!((found.phase, found.spec.kind, found.contest()), (Phase::Running, Kind::Entry, Some(&"T-1".into())));
        assert_eq!(found.spec.agent.as_deref(), Some(agent));
        let same = (&found.spec.title, &found.spec.done, &found.spec.files);
        assert_eq!(same, (&contest.spec.title, &contest.spec.done, &contest.spec.files));
    }
    assert_eq!((contest.phase, contest.attempts), (Phase::Suspended, 0), "nobody works on the contest itself");
    assert_eq!(reasons(&ledger, "T-1"), ["its entries are not over: T-1-claude, T-1-codex"]);
}

#[test]
fn a_contest_begins_when_what_it_depends_on_is_accepted() {
    let depends = add("two", |spec| {
        (spec.kind, spec.contest) = (Kind::Contest, vec!["claude".into(), "codex".into()]);
        spec.after = vec!["T-1".into()];
    });
    let ledger = given(&after(both_at_work(|_| {}), [depends, tick(), tick()]));
    assert!(ledger.state().tickets[&"T-2".into()].parts().is_empty());
    assert_eq!(reasons(&ledger, "T-2"), ["it waits for T-1, which is suspended"]);
}

#[test]
fn a_contest_is_refused_that_could_not_be_one() {
    let contest = |agents: &'static [&'static str]| {
        add("c", |spec| (spec.kind, spec.contest) = (Kind::Contest, agents.iter().map(|a| (*a).to_owned()).collect()))
    };
    for (input, fault) in [
        (contest(&["claude"]), "a contest needs two agents or more"),
        (contest(&["claude", "claude"]), "agent `claude` is in the contest twice"),
        (contest(&["claude", "nobody"]), "there is no agent `nobody` (known: builder, claude, codex)"),
        (add("g", |spec| spec.contest = vec!["claude".into()]), "only a contest has agents that compete"),
        (add("e", |spec| spec.kind = Kind::Entry), "nobody adds a ticket of kind `entry` by hand"),
        (add("d", |spec| spec.after = vec!["T-1-codex".into()]), "an entry of T-1: name T-1"),
    ] {
        let said = refused(&both_at_work(|_| {}), input);
        assert!(said.contains(fault), "{fault} in {said}");
    }
}

#[test]
fn a_card_compares_the_entries_when_all_are_over() {
    let ledger = given(&both_passed(|_| {}));
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(card.question, "Which entry of T-1 do you take: claude or codex?");
    assert_eq!(card.choices(), ["claude", "codex", "cancel"]);
    expect![[r#"
        claude (T-1-claude): accepted at head-T-1-c
          gates    test green in 0.0 s
          change   1 file, +40 -1 lines
          work     1 attempt, never sent back, 0.0 s at work
        codex (T-1-codex): accepted at head-T-1-c
          gates    test green in 0.0 s
          change   1 file, +4 -1 lines
          work     1 attempt, never sent back, 0.0 s at work
        `claude`: T-1 becomes that work, accepted, and you can merge it; the other entries are closed, and their work is kept as a rescue.
        `cancel`: close T-1 with all its entries."#]]
    .assert_eq(&card.brief);
    assert_eq!(reasons(&ledger, "T-1"), ["it is waiting for your answer to C-1: `ganger inbox`"]);
}

#[test]
fn the_entry_that_is_taken_is_the_work_of_the_contest_and_the_others_are_closed() {
    check(
        &both_passed(|_| {}),
        answer("C-1", "codex"),
        &expect![[r#"
            card-answered answer=codex by=p card=C-1
            approved-by-person by=p commit=head-T-1-codex ticket=T-1
            ticket-edited ticket=T-1
            entry-taken by=p entry=T-1-codex ticket=T-1 why=chosen on C-1
            ticket-closed by=p reason=T-1 took the entry of codex ticket=T-1-claude
            then retire/T-1-claude/h
            then retire/T-1-codex/h
        "#]],
    );
    let depends = add("two", |spec| spec.after = vec!["T-1".into()]);
    let ledger = given(&after(both_passed(|_| {}), [depends, answer("C-1", "codex"), tick()]));
    let state = ledger.state();
    let contest = &state.tickets[&"T-1".into()];
    assert_eq!((contest.phase, contest.accepted.as_ref()), (Phase::Accepted, Some(&Commit::from("head-T-1-codex"))));
    assert_eq!((phase(&ledger, "T-1-codex"), phase(&ledger, "T-1-claude")), (Phase::Done, Phase::Cancelled));
    let offer = Offer::of(state, &"T-2-a1".into()).unwrap();
    assert_eq!(offer.bases, [("T-1".into(), Commit::from("head-T-1-codex"))], "what depends on it starts from there");
}

#[test]
fn the_contest_is_merged_and_no_entry_is() {
    let taken = after(both_passed(|_| {}), [answer("C-1", "T-1-claude")]);
    let merge = |id: &str| Input::ApproveMerge { tickets: vec![id.into()], by: "p".into() };
    check(
        &taken,
        merge("T-1"),
        &expect![[r#"
            merge-approved by=p commit=head-T-1-claude ticket=T-1
            then merge/T-1/head-T-1-claude
            then retire/T-1-claude/h
            then retire/T-1-codex/h
        "#]],
    );
    let said = refused(&both_passed(|_| {}), merge("T-1-codex"));
    assert!(said.contains("T-1-codex is an entry of T-1: once it is taken, merge T-1"), "{said}");
}

#[test]
fn work_that_comes_back_is_done_on_by_the_agent_whose_entry_was_taken() {
    let back = Input::ReopenTicket { ticket: "T-1".into(), reason: "shorter".into(), by: "p".into() };
    let ledger = given(&after(both_passed(|_| {}), [answer("C-1", "codex"), back, tick()]));
    let offer = Offer::of(ledger.state(), &"T-1-a2".into()).unwrap();
    assert_eq!((offer.agent.as_str(), offer.begins_at), ("codex", Some(Commit::from("head-T-1-codex"))));
    let said = refused(
        &after(both_passed(|_| {}), [answer("C-1", "codex")]),
        Input::ReopenTicket { ticket: "T-1-claude".into(), reason: String::new(), by: "p".into() },
    );
    assert!(said.contains("its contest took an entry"), "{said}");
}

#[test]
fn the_policy_takes_the_first_that_is_accepted_and_stops_the_others() {
    let passed = after(both_at_work(|p| p.take = Take::FirstAccepted), passes("T-1-codex", 2, 3, 4));
    check(
        &passed,
        tick(),
        &expect![[r#"
            ticket-edited ticket=T-1
            entry-taken by=ganger entry=T-1-codex ticket=T-1 why=it was accepted first
            ticket-closed by=ganger reason=T-1 took the entry of codex ticket=T-1-claude
            attempt-cancelled attempt=T-1-claude-a1 why=the ticket was closed
            then cancel/T-1-claude-a1/1
            then retire/T-1-codex/h
        "#]],
    );
}

#[test]
fn the_policy_takes_the_smallest_when_all_are_over() {
    let one = given(&after(after(both_at_work(|p| p.take = Take::Smallest), passes("T-1-claude", 1, 3, 40)), [tick()]));
    assert_eq!(phase(&one, "T-1"), Phase::Suspended, "the other may be smaller");
    let ledger = given(&both_passed(|p| p.take = Take::Smallest));
    let taken = ledger.state().tickets[&"T-1".into()].contest.taken.clone().unwrap();
    assert_eq!(
        (taken.entry.as_str(), taken.why.as_str()),
        ("T-1-codex", "it is the smallest change: 1 file, +4 -1 lines")
    );
    assert_eq!(ledger.state().open_cards().count(), 0);
}

#[test]
fn where_a_person_reviews_taking_an_entry_is_the_review() {
    let ledger = given(&both_passed(|p| (p.review, p.take) = (Review::Person, Take::FirstAccepted)));
    let cards: Vec<&CardKind> = ledger.state().open_cards().map(|card| &card.kind).collect();
    assert!(matches!(cards.as_slice(), [CardKind::Contest { .. }]), "{cards:?}");
}

/// A claim without a change, as often as the rules allow.
fn fails(entry: &str, tokens: [u64; 3]) -> Vec<Input> {
    let nothing = |(number, token): (usize, u64)| {
        let attempt = format!("{entry}-a{number}");
        let mut inputs = if number == 1 { Vec::new() } else { vec![tick(), claim(&attempt, token)] };
        inputs.push(ended(&attempt, token, |end| end.head = Some(Commit::from("base"))));
        inputs
    };
    (1..).zip(tokens).flat_map(nothing).collect()
}

#[test]
fn an_entry_that_gives_up_asks_nobody() {
    let failed = after(both_at_work(|_| {}), fails("T-1-claude", [1, 3, 4]));
    let ledger = given(&failed);
    assert_eq!((phase(&ledger, "T-1-claude"), ledger.state().open_cards().count()), (Phase::Cancelled, 0));
    let ledger = given(&after(after(failed, passes("T-1-codex", 2, 5, 4)), [tick()]));
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(card.question, "Take the entry of codex for T-1? No other was accepted");
    let lost = &comparison_of(ledger.state(), &"T-1".into()).entries[0];
    assert_eq!(lost.standing(), "gave up: rejected 3 times in a row, last: nothing was changed");
    assert_eq!((lost.attempts, lost.sent_back), (3, 3));
}

#[test]
fn where_every_entry_gives_up_a_person_decides_whether_all_try_again() {
    let failed = after(both_at_work(|_| {}), fails("T-1-claude", [1, 3, 4]));
    let failed = after(after(failed, fails("T-1-codex", [2, 5, 6])), [tick()]);
    let ledger = given(&failed);
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(
        (card.question.as_str(), card.choices()),
        ("No entry of T-1 was accepted. Try again?", vec!["retry".into(), "cancel".into()])
    );
    check(
        &failed,
        answer("C-1", "retry"),
        &expect![[r#"
            card-answered answer=retry by=p card=C-1
            ticket-reopened by=p reason= ticket=T-1-claude
            ticket-reopened by=p reason= ticket=T-1-codex
        "#]],
    );
}

#[test]
fn the_entries_share_the_budget_of_their_contest() {
    let used = |attempt: &str, token: u64, input: u64| {
        let usage = Usage { input, ..Usage::default() };
        Input::Usage { attempt: attempt.into(), token, usage }
    };
    let limited = |p: &mut Policy| {
        p.budget = Budget { ticket: Some(1_000), ..Budget::default() };
        p.default_estimate = 100;
    };
    let spent = after(both_at_work(limited), [used("T-1-claude-a1", 1, 600)]);
    check(
        &spent,
        used("T-1-codex-a1", 2, 500),
        &expect![[r#"
            usage-reported attempt=T-1-codex-a1
            attempt-cancelled attempt=T-1-codex-a1 why=T-1 has used 1100 of 1000 tokens
            then cancel/T-1-codex-a1/2
        "#]],
    );
    let interrupted = ended("T-1-codex-a1", 2, |end| {
        (end.outcome, end.usage.input) = (ganger_engine::AttemptOutcome::Interrupted, 500);
    });
    let ledger = given(&after(spent, [used("T-1-codex-a1", 2, 500), interrupted]));
    let contest = &ledger.state().tickets[&"T-1".into()];
    assert_eq!((contest.usage.tokens(), contest.calls.usage.tokens()), (0, 1_100));
    assert_eq!(phase(&ledger, "T-1-codex"), Phase::Cancelled, "it gave up, and no card asks for it alone");
}

#[test]
fn the_fallback_of_an_agent_works_on_its_entry_unless_it_competes() {
    let paused = |fallback: &str| {
        let fallback = fallback.to_owned();
        let inputs = contest_under(|p| {
            let claude = p.agents["claude"].clone();
            let (runtime, fallback) = ("other".to_owned(), Some(fallback));
            p.agents.insert("claude".into(), AgentPolicy { runtime, fallback, ..claude });
        });
        let mut state = given(&inputs).state().clone();
        let pause = ganger_engine::Pause { model: None, until: u64::MAX, why: "busy".into() };
        state.paused.insert("other".into(), vec![pause]);
        let entry = state.tickets[&"T-1-claude".into()].clone();
        state.agent_now(NOW, &entry).to_owned()
    };
    assert_eq!((paused("builder").as_str(), paused("codex").as_str()), ("builder", "claude"));
}

#[test]
fn what_a_person_says_to_a_contest_reaches_its_entries() {
    let work = both_at_work(|_| {});
    let stop = Input::StopTicket { ticket: "T-1".into(), why: String::new(), by: "p".into() };
    let stopped = given(&after(work.clone(), [stop.clone()]));
    assert_eq!(stopped.state().tickets.values().filter(|t| t.stopped.is_some()).count(), 3);
    let resume = Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() };
    assert!(given(&after(work.clone(), [stop, resume])).state().tickets.values().all(|t| t.stopped.is_none()));

    let told = given(&after(work.clone(), [tell("T-1")]));
    let readers: Vec<&str> = told.state().deliveries.values().map(|d| d.ticket.as_str()).collect();
    assert_eq!(readers, ["T-1-claude", "T-1-codex"]);

    let change = TicketChange { done: Some(vec!["it works".into(), "and well".into()]), ..TicketChange::default() };
    let edit = |ticket: &str| Input::EditTicket { ticket: ticket.into(), change: Box::new(change.clone()) };
    let edited = given(&after(work.clone(), [edit("T-1")]));
    assert!(edited.state().tickets.values().all(|t| t.spec.done.len() == 2));
    assert_eq!(edited.state().deliveries.len(), 2, "both agents hear of it");
    let said = refused(&work, edit("T-1-codex"));
    assert!(said.contains("T-1-codex is an entry of T-1"), "{said}");
    let agent = TicketChange { agent: Some("builder".into()), ..TicketChange::default() };
    let said = refused(&work, Input::EditTicket { ticket: "T-1".into(), change: Box::new(agent) });
    assert!(said.contains("each of its entries has an agent of its own"), "{said}");
}

#[test]
fn what_is_told_to_a_contest_before_it_begins_is_for_its_entries() {
    let new = || contest_under(|_| {}).into_iter().take(4).collect::<Vec<Input>>();
    let told = after(new(), [tell("T-1")]);
    let ledger = given(&told);
    assert_eq!(ledger.state().tickets[&"T-1".into()].messages.len(), 1);
    let begun = given(&after(told.clone(), [tick()]));
    let texts: Vec<(&str, &str, &str)> =
        begun.state().deliveries.values().map(|d| (d.ticket.as_str(), d.text.as_str(), d.by.as_str())).collect();
    assert_eq!(texts, [("T-1-claude", "mind the tests", "p"), ("T-1-codex", "mind the tests", "p")]);
    let kept = &begun.state().tickets[&"T-1".into()].messages[0];
    assert_eq!(kept.returned.as_deref(), Some("handed on to T-1-claude, T-1-codex"));
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let closed = given(&after(told, [close]));
    let returned = &closed.state().tickets[&"T-1".into()].messages[0].returned;
    assert_eq!(returned.as_deref(), Some("the ticket was closed"));
}

#[test]
fn the_entries_of_a_closed_contest_are_not_ready_in_between() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let ledger = given(&after(contest_under(|_| {}), [close.clone()]));
    assert_eq!(ledger.state().ready().count(), 0);
    assert_eq!(reasons(&ledger, "T-1-claude"), ["T-1 was closed, and so is this with the next run"]);
    let ledger = given(&after(both_passed(|_| {}), [close]));
    assert_eq!(reasons(&ledger, "T-1-claude"), ["T-1 was closed, and so is this with the next run"]);
}

#[test]
fn the_comparison_names_code_that_an_entry_changes_without_a_test() {
    let untested = |token: u64, verification: u64| {
        let mut inputs = passes("T-1-claude", token, verification, 40);
        if let Some(Input::AttemptEnded { end, .. }) = inputs.first_mut() {
            end.hazards = vec![Hazard::Untested { files: vec!["src/a.rs".into()] }];
        }
        inputs
    };
    // Its agent was asked once, and says again that it is done.
    let mut again = untested(3, 4);
    if let Some(Input::AttemptEnded { attempt, .. }) = again.first_mut() {
        *attempt = "T-1-claude-a2".into();
    }
    let first = untested(1, 0).into_iter().take(1);
    let asked = after(both_at_work(|p| p.review = Review::Person), first.chain([tick(), claim("T-1-claude-a2", 3)]));
    let ledger = given(&after(asked, again));
    let entry = comparison_of(ledger.state(), &"T-1".into()).entries[0].clone();
    assert_eq!((entry.phase, entry.untested.as_slice()), (Phase::Accepted, &["src/a.rs".to_owned()][..]));
    assert!(entry.lines_of_text().contains(&"tests    none for the code in src/a.rs".to_owned()), "{entry:?}");
}

#[test]
fn an_edit_takes_acceptance_from_the_entries_and_the_card_goes() {
    let change = TicketChange { description: Some("in German".into()), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) };
    let ledger = given(&after(both_passed(|_| {}), [edit, tick()]));
    assert_eq!((phase(&ledger, "T-1-claude"), phase(&ledger, "T-1-codex")), (Phase::Open, Phase::Open));
    assert_eq!(ledger.state().open_cards().count(), 0);
}

#[test]
fn an_entry_that_is_reopened_by_itself_is_asked_for_what_its_contest_asks_for_now() {
    let close = Input::CloseTicket { ticket: "T-1-codex".into(), reason: "no".into(), by: "p".into() };
    let gone = ended("T-1-codex-a1", 2, |_| {});
    let done = Some(vec!["it works".to_owned(), "and well".to_owned()]);
    let change = Box::new(TicketChange { done, ..TicketChange::default() });
    let edit = Input::EditTicket { ticket: "T-1".into(), change };
    let reopen = Input::ReopenTicket { ticket: "T-1-codex".into(), reason: String::new(), by: "p".into() };
    let ledger = given(&after(both_at_work(|_| {}), [close, gone, edit, reopen]));
    let state = ledger.state();
    assert_eq!(state.tickets[&"T-1-codex".into()].spec.done, state.tickets[&"T-1".into()].spec.done);
}

#[test]
fn a_contest_is_closed_and_reopened_with_its_entries() {
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let closed = after(both_passed(|_| {}), [close, tick(), tick()]);
    let ledger = given(&closed);
    assert!(ledger.state().tickets.values().all(|t| t.phase == Phase::Cancelled));
    assert_eq!(ledger.state().open_cards().count(), 0);
    let reopen = Input::ReopenTicket { ticket: "T-1".into(), reason: String::new(), by: "p".into() };
    let ledger = given(&after(closed, [reopen]));
    let phases = ["T-1", "T-1-claude", "T-1-codex"].map(|id| phase(&ledger, id));
    assert_eq!(phases, [Phase::Suspended, Phase::Open, Phase::Open]);
}

#[test]
fn an_entry_that_changed_since_cannot_be_taken() {
    let reopen = Input::ReopenTicket { ticket: "T-1-codex".into(), reason: String::new(), by: "p".into() };
    let reopened = after(both_passed(|_| {}), [reopen]);
    let said = refused(&reopened, answer("C-1", "codex"));
    assert!(said.contains("the entry `codex` of T-1 has changed since"), "{said}");
    check(
        &reopened,
        tick(),
        &expect![[r#"
            card-withdrawn card=C-1 why=its entries have changed
            then retire/T-1-claude/h
        "#]],
    );
}

#[test]
fn a_person_is_asked_once_when_what_a_contest_depends_on_is_closed() {
    let contest = add("two", |spec| {
        (spec.kind, spec.contest) = (Kind::Contest, vec!["claude".into(), "codex".into()]);
        spec.after = vec!["T-1".into()];
    });
    let begun = after(both_passed(|_| {}), [contest, answer("C-1", "codex"), tick()]);
    let close = Input::CloseTicket { ticket: "T-1".into(), reason: "no".into(), by: "p".into() };
    let closed = after(begun, [close]);
    let ledger = given(&closed);
    let asked: Vec<&str> = ledger.state().open_cards().map(|card| card.ticket.as_str()).collect();
    assert_eq!(asked, ["T-2"]);
    let ledger = given(&after(closed, [answer("C-2", "continue")]));
    assert!(
        ledger
            .state()
            .tickets
            .iter()
            .filter(|(id, _)| id.as_str().starts_with("T-2"))
            .all(|(_, t)| t.spec.after.is_empty())
    );
}
