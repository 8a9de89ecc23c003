//! Tickets that agents file: a person lets them in, or the policy does.

use crate::support::{NOW, add, after, answer, at_work, check, given, policy, tick};
use expect_test::expect;
use ganger_engine::{
    Check, Envelope, Expects, Input, Outcome, Phase, Refusal, Speaker, State, TicketId, TicketQuery, TicketSpec,
    tickets_seen, why,
};

fn by() -> Speaker {
    Speaker::Agent { attempt: "T-1-a1".into(), token: 1 }
}

fn file(title: &str, change: impl FnOnce(&mut TicketSpec)) -> Input {
    let mut spec = TicketSpec { title: title.into(), ..TicketSpec::default() };
    change(&mut spec);
    Input::FileTicket { by: by(), ticket: Box::new(spec) }
}

fn phase(state: &State, id: &str) -> Phase {
    state.tickets[&TicketId::from(id)].phase
}

#[test]
fn a_ticket_of_an_agent_waits_for_a_person_and_says_where_it_was_found() {
    check(
        &at_work(),
        file("A flaky test", |_| {}),
        &expect![[r#"
            ticket-added ticket=T-2
            card-opened [C-1] builder on T-1 filed T-2: A flaky test. Is it wanted?
            ticket-held ticket=T-2
        "#]],
    );
    let check = Check { command: "curl evil".into(), expects: Expects::StaysGreen };
    let filed = given(&after(at_work(), [file("A flaky test", |spec| spec.checks = vec![check])]));
    let ticket = &filed.state().tickets[&"T-2".into()];
    assert_eq!(ticket.spec.links, ["discovered-from: T-1"]);
    assert!(ticket.spec.checks.is_empty(), "a command that Ganger runs is a person's to give");
    assert_eq!(ticket.spec.filed_by.as_ref().unwrap().attempt, Some("T-1-a1".into()));
    let reasons = why(filed.state(), NOW, &"T-2".into());
    assert_eq!(reasons[0].to_string(), "it is waiting for your answer to C-1: `ganger inbox`");
    crate::support::check(&after(at_work(), [file("A flaky test", |_| {})]), tick(), &expect![[""]]);
}

#[test]
fn yes_lets_it_in_no_closes_it_and_any_other_answer_is_added_to_its_text() {
    let filed = || after(at_work(), [file("A flaky test", |spec| spec.description = "It fails on Mondays.".into())]);
    let answered = |typed: &str| given(&after(filed(), [answer("C-1", typed)]));
    assert_eq!(phase(answered("yes").state(), "T-2"), Phase::Open);
    assert_eq!(phase(answered("no").state(), "T-2"), Phase::Cancelled);
    let edited = answered("Only on Linux.");
    assert_eq!(phase(edited.state(), "T-2"), Phase::Open);
    assert_eq!(edited.state().tickets[&"T-2".into()].spec.description, "It fails on Mondays.\n\nOnly on Linux.");
    assert!([answered("yes"), answered("no"), edited].iter().all(|ledger| ledger.state().open_cards().count() == 0));
}

#[test]
fn an_agent_that_is_trusted_adds_its_tickets_itself() {
    let mut policy = policy();
    policy.agents.get_mut("builder").unwrap().may_add_tickets = true;
    let inputs = after(at_work(), [Input::SetPolicy { policy }]);
    check(
        &inputs,
        file("A flaky test", |_| {}),
        &expect![[r#"
        ticket-added ticket=T-2
    "#]],
    );
}

#[test]
fn one_attempt_files_a_few_tickets_and_none_that_have_faults() {
    let refusal = |inputs: Vec<Input>, when: Input| match given(&inputs).decide(NOW, &Envelope::new("w", "w", when)) {
        Err(Refusal::Rejected(rejected)) => format!("{}: {}", rejected.code, rejected.message),
        other => panic!("{other:?}"),
    };
    let mut policy = policy();
    policy.filed_per_attempt = 1;
    let full = after(at_work(), [Input::SetPolicy { policy }, file("a", |_| {})]);
    assert!(refusal(full, file("b", |_| {})).starts_with("too-many-filed: you have filed 1 tickets"));
    assert!(refusal(at_work(), file("", |_| {})).starts_with("invalid-tickets: T-2: the title is empty"));
    let unknown = file("a", |spec| spec.after = vec!["T-9".into()]);
    assert_eq!(refusal(at_work(), unknown), "invalid-tickets: T-2: depends on T-9, which does not exist");
    let stale = Input::FileTicket { by: Speaker::Agent { attempt: "T-1-a1".into(), token: 9 }, ticket: Box::default() };
    assert!(refusal(at_work(), stale).starts_with("stale"));
}

#[test]
fn the_same_call_again_files_nothing_more() {
    let mut ledger = given(&at_work());
    let mut once = || ledger.decide(NOW, &Envelope::new("call/1", "w", file("a", |_| {}))).unwrap();
    let filed = Outcome::Filed { ticket: "T-2".into(), card: Some("C-1".into()) };
    assert_eq!((once(), once()), (filed.clone(), filed));
    assert_eq!(ledger.state().tickets.len(), 2);
}

#[test]
fn what_was_filed_from_a_ticket_is_not_filed_from_it_again() {
    let filed = after(at_work(), [file("a", |_| {})]);
    check(&filed, file("a", |spec| spec.description = "again".into()), &expect![[""]]);
    let mut closed = given(&after(filed, [answer("C-1", "no")]));
    let refused = closed.decide(NOW, &Envelope::new("w", "w", file("a", |_| {})));
    let Err(Refusal::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.message, "T-2 with this title was filed from here before, and closed: it is not wanted");
}

#[test]
fn a_program_files_a_title_once_while_it_is_not_over_and_ten_at_a_time() {
    let file_as = |name: &str, title: &str| {
        let spec = TicketSpec { title: title.into(), ..TicketSpec::default() };
        Input::FileTicket { by: Speaker::Program { name: name.into() }, ticket: Box::new(spec) }
    };
    let filed = after(at_work(), [file_as("desk", "a")]);
    check(&filed, file_as("desk", "a"), &expect![[""]]);
    let others = after(filed.clone(), [file_as("another desk", "a"), answer("C-1", "no"), file_as("desk", "a")]);
    assert_eq!(given(&others).state().tickets.len(), 4, "of another program, and what is over, are not the same");
    let full = after(filed, (0..9).map(|n| file_as("desk", &format!("more {n}"))));
    let mut full = given(&full);
    let refused = full.decide(NOW, &Envelope::new("w", "w", file_as("desk", "too many")));
    let Err(Refusal::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert!(refused.message.starts_with("10 tickets that you filed wait for a person"), "{}", refused.message);
    full.decide(NOW, &Envelope::new("w2", "w", file_as("another desk", "b"))).unwrap();
}

#[test]
fn the_board_is_seen_page_by_page_and_one_ticket_whole() {
    let more = (0..3).map(|n| add(&format!("more {n}"), |spec| spec.labels = vec!["ui".into()]));
    let board = given(&after(at_work(), more));
    let seen = |query: TicketQuery| {
        let page = tickets_seen(board.state(), &query).unwrap();
        let ids: Vec<String> = page.tickets.iter().map(|ticket| ticket.id.to_string()).collect();
        (ids.join(" "), page.next.map(|id| id.to_string()))
    };
    let all = TicketQuery { limit: 2, ..TicketQuery::default() };
    assert_eq!(seen(all.clone()), ("T-1 T-2".to_owned(), Some("T-2".to_owned())));
    assert_eq!(seen(TicketQuery { after: Some("T-2".into()), ..all.clone() }), ("T-3 T-4".to_owned(), None));
    assert_eq!(seen(TicketQuery { phase: Some(Phase::Running), ..all.clone() }).0, "T-1");
    assert_eq!(seen(TicketQuery { label: Some("ui".into()), limit: 9, ..all }).0, "T-2 T-3 T-4");
    let whole = TicketQuery { id: Some("T-1".into()), ..TicketQuery::default() };
    assert_eq!(tickets_seen(board.state(), &whole).unwrap().tickets[0].files, Vec::<String>::new());
    let unknown = TicketQuery { id: Some("T-9".into()), ..TicketQuery::default() };
    assert_eq!(tickets_seen(board.state(), &unknown).unwrap_err().code.as_str(), "unknown-ticket");
}
