//! Which agent a ticket gets that names none: by its words, its files and its type, with a reason that is kept.

use crate::live::stops;
use crate::support::{add, after, answer, at_work, claim, ended, given, host, policy, report, tick};
use ganger_engine::{
    AgentPolicy, Event, Input, Kind, NewTicket, Outcome, Policy, Report, Route, RoutingReason, Speaker, State,
    TicketChange, TicketId, TicketSpec,
};

fn route(name: &str, agent: &str, words: &[&str], paths: &[&str]) -> Route {
    let all = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let subject = format!("requirements.{name}");
    Route { name: name.into(), agent: agent.into(), words: all(words), paths: all(paths), subject }
}

fn routes() -> Vec<Route> {
    vec![
        route("backend", "roy", &["API", "database query", "event"], &["src/api/", "src/db/"]),
        route("frontend", "jen", &["UI", "form", "Material-UI"], &["src/pages/", "web/*.tsx"]),
        route("database", "dba", &["table", "migration"], &["src/db/migrations/"]),
        route("docs", "writer", &["API docs", "README"], &["docs/", "README.md"]),
    ]
}

fn with_routes(routes: Vec<Route>) -> Policy {
    let mut policy = Policy { routes, ..policy() };
    let builder: AgentPolicy = policy.agents["builder"].clone();
    policy.agents.extend(["roy", "jen", "dba", "writer"].map(|name| (name.to_owned(), builder.clone())));
    policy
}

fn board() -> Vec<Input> {
    vec![Input::Elect { foreman: "f".into() }, Input::SetPolicy { policy: with_routes(routes()) }, host("i-1")]
}

/// Who gets a ticket, and why.
fn said(state: &State, id: &str) -> String {
    let ticket = &state.tickets[&id.into()];
    let why = ticket.routed.as_ref().map_or("-".to_owned(), |routed| routed.why.to_string());
    format!("{}: {why}", state.agent_of(ticket))
}

fn said_of(title: &str, change: impl FnOnce(&mut TicketSpec)) -> String {
    said(given(&after(board(), [add(title, change)])).state(), "T-1")
}

fn edit(change: TicketChange) -> Input {
    Input::EditTicket { ticket: "T-1".into(), change: Box::new(change) }
}

fn files(files: &[&str]) -> Vec<String> {
    files.iter().map(ToString::to_string).collect()
}

#[test]
fn whole_words_count_in_any_case_in_the_title_and_in_the_description() {
    for (title, said) in [
        ("Add an API for users", "roy: route backend matches `API`"),
        ("add an api for users", "roy: route backend matches `API`"),
        ("Two APIs for users", "roy: route backend matches `API`"),
        ("A slow DATABASE\tquery", "roy: route backend matches `database query`"),
        ("Upgrade material-ui", "jen: route frontend matches `Material-UI`"),
        ("A rapid build guide", "builder: no route matches, so it is for the default agent"),
        ("Eventually reformat the stable platform", "builder: no route matches, so it is for the default agent"),
        ("api_client", "builder: no route matches, so it is for the default agent"),
        ("the query of a database", "builder: no route matches, so it is for the default agent"),
    ] {
        assert_eq!(said_of(title, |_| {}), said, "{title}");
    }
    let said = said_of("Speed up", |spec| spec.description = "The form is slow,\nand so is its UI.".into());
    assert_eq!(said, "jen: route frontend matches `form`, `UI`");
}

#[test]
fn files_go_before_words_more_before_fewer_and_the_more_exact_before_both() {
    let of_files = |title: &str, list: &[&str]| said_of(title, |spec| spec.files = files(list));
    assert_eq!(of_files("API event", &["src/pages/a.tsx"]), "jen: route frontend matches path src/pages/");
    assert_eq!(
        of_files("one", &["src/api/a.ts", "src/pages/a.tsx", "src/pages/b.tsx"]),
        "jen: route frontend matches path src/pages/ (2 files)"
    );
    assert_eq!(of_files("one", &["SRC/DB/pool.ts"]), "roy: route backend matches path src/db/");
    assert_eq!(of_files("one", &["src/db/migrations/1.sql"]), "dba: route database matches path src/db/migrations/");
    assert_eq!(of_files("one", &["web/app/a.tsx"]), "jen: route frontend matches path web/*.tsx");
    assert_eq!(of_files("one", &["src/dbx"]), "builder: no route matches, so it is for the default agent");
    assert_eq!(said_of("Write API docs", |_| {}), "writer: route docs matches `API docs`");
    assert_eq!(said_of("A form on the UI of an API", |_| {}), "jen: route frontend matches `form`, `UI`");
}

#[test]
fn a_tie_goes_to_the_route_that_comes_first_and_says_so() {
    assert_eq!(
        said_of("An API and a form", |_| {}),
        "roy: route backend matches `API`; frontend matches as well and comes later"
    );
    assert_eq!(
        said_of("An API, a form, a table", |_| {}),
        "roy: route backend matches `API`; frontend, database match as well and come later"
    );
}

#[test]
fn the_type_of_a_ticket_counts_like_a_word() {
    let typed = |title: &str, kind: &str| said_of(title, |spec| drop(spec.metadata.insert("type".into(), kind.into())));
    assert_eq!(typed("one", "Frontend"), "jen: route frontend matches type Frontend");
    assert_eq!(typed("API event", "frontend"), "roy: route backend matches `API`, `event`");
    assert_eq!(typed("one", "mobile"), "builder: no route matches, so it is for the default agent");
}

#[test]
fn who_names_an_agent_gets_that_one_and_so_does_a_project_without_routes() {
    assert_eq!(said_of("An API", |spec| spec.agent = Some("jen".into())), "jen: -");
    let plain = given(&after(crate::support::board(), [add("An API", |_| {})]));
    assert_eq!(said(plain.state(), "T-2"), "builder: -");
}

#[test]
fn an_edit_routes_again_until_an_agent_has_worked_on_it_or_a_person_names_one() {
    let title = |title: &str| TicketChange { title: Some(title.into()), ..TicketChange::default() };
    let begun = || after(board(), [add("An API", |_| {})]);
    let after_edits =
        |edits: Vec<TicketChange>| said(given(&after(begun(), edits.into_iter().map(edit))).state(), "T-1");
    assert_eq!(after_edits(vec![title("A form")]), "jen: route frontend matches `form`");
    let list = TicketChange { files: Some(files(&["docs/a.md"])), ..TicketChange::default() };
    assert_eq!(after_edits(vec![list]), "writer: route docs matches path docs/");
    let named = TicketChange { agent: Some("dba".into()), ..TicketChange::default() };
    assert_eq!(after_edits(vec![named, title("A form")]), "dba: -");
    let worked_on = after(begun(), [tick(), claim("T-1-a1", 1), edit(title("A form"))]);
    assert_eq!(said(given(&worked_on).state(), "T-1"), "roy: route backend matches `API`");
}

#[test]
fn other_routes_hold_for_what_nobody_has_worked_on() {
    let set = |routes| Input::SetPolicy { policy: with_routes(routes) };
    let two = after(board(), [add("An API", |_| {}), add("A form", |_| {}), tick(), claim("T-1-a1", 1)]);
    let swapped = vec![route("all", "writer", &["API", "form"], &[])];
    let ledger = given(&after(two.clone(), [set(swapped)]));
    assert_eq!(said(ledger.state(), "T-1"), "roy: route backend matches `API`");
    assert_eq!(said(ledger.state(), "T-2"), "writer: route all matches `form`");
    let none = given(&after(two, [set(Vec::new())]));
    assert_eq!(said(none.state(), "T-2"), "builder: no route matches, so it is for the default agent");
    let first = given(&after(crate::support::board(), [set(routes())]));
    assert_eq!(said(first.state(), "T-1"), "builder: no route matches, so it is for the default agent");
}

#[test]
fn the_decision_is_a_fact_and_what_is_decided_later_does_not_change_it() {
    let mut ledger = given(&after(board(), [add("An API", |_| {})]));
    let elsewhere = Input::SetPolicy { policy: Policy { default_agent: "jen".into(), ..with_routes(routes()) } };
    let envelope = ganger_engine::Envelope::new("other", "other", elsewhere);
    ledger.decide(2_000_000, &envelope).unwrap();
    let facts = ledger.committed();
    assert!(facts.iter().flat_map(|r| &r.events).all(|e| !matches!(e, Event::TicketRouted { .. })));
    assert_eq!(said(ledger.state(), "T-1"), "roy: route backend matches `API`");
    let restored = State::from_snapshot(&ledger.state().to_snapshot().unwrap()).unwrap();
    assert_eq!(said(&restored, "T-1"), "roy: route backend matches `API`");
}

#[test]
fn work_for_backend_and_frontend_becomes_two_tickets_one_after_the_other() {
    let spec = TicketSpec {
        title: "Show the stock".into(),
        files: files(&["src/api/stock.ts", "src/pages/stock.tsx", "shared.ts"]),
        done: vec!["it shows".into()],
        after: vec!["T-1".into()],
        metadata: [("type".to_owned(), "both".to_owned())].into(),
        ..TicketSpec::default()
    };
    let both = |id: Option<&str>| Input::AddTickets {
        tickets: vec![NewTicket { id: id.map(Into::into), spec: spec.clone() }],
    };
    let mut ledger = given(&after(board(), [add("one", |_| {})]));
    let outcome = ledger.decide(2_000_000, &ganger_engine::Envelope::new("both", "", both(Some("REQ-7")))).unwrap();
    assert_eq!(outcome, Outcome::Tickets { ids: vec!["REQ-7".into(), "REQ-7-backend".into()] });
    let state = ledger.state();
    assert_eq!(said(state, "REQ-7-backend"), "roy: it is the backend part of work of which REQ-7 is the other");
    assert_eq!(said(state, "REQ-7"), "jen: it is the frontend part of work of which REQ-7-backend is the other");
    let (first, second) = (&state.tickets[&"REQ-7-backend".into()].spec, &state.tickets[&"REQ-7".into()].spec);
    assert_eq!((&first.title[..], &second.title[..]), ("Show the stock (backend)", "Show the stock"));
    assert_eq!(first.after, [TicketId::from("T-1")]);
    assert_eq!(second.after, ["T-1", "REQ-7-backend"].map(TicketId::from));
    assert_eq!(first.files, files(&["src/api/stock.ts", "shared.ts"]));
    assert_eq!(second.files, files(&["src/pages/stock.tsx", "shared.ts"]));
    assert_eq!((first.done.len(), second.done.len()), (0, 1));
    // The next ticket has the next number.
    ledger.decide(2_000_001, &ganger_engine::Envelope::new("next", "", add("next", |_| {}))).unwrap();
    assert!(ledger.state().tickets.contains_key(&"T-3".into()));
    // An edit leaves the parts where they are.
    let change = TicketChange { title: Some("An API".into()), ..TicketChange::default() };
    let edit = Input::EditTicket { ticket: "REQ-7".into(), change: Box::new(change) };
    ledger.decide(2_000_002, &ganger_engine::Envelope::new("edit", "", edit)).unwrap();
    assert_eq!(ledger.state().agent_of(&ledger.state().tickets[&"REQ-7".into()]), "jen");

    let one_route = Input::SetPolicy { policy: with_routes(vec![route("frontend", "jen", &[], &[])]) };
    let ledger = given(&after(board(), [one_route, add("one", |_| {}), both(None)]));
    assert_eq!(said(ledger.state(), "T-2"), "jen: route frontend matches type both");
    assert_eq!(ledger.state().tickets.len(), 2);
}

#[test]
fn what_an_agent_files_is_routed_and_again_when_a_person_adds_to_it() {
    let mut inputs = at_work();
    inputs[1] = Input::SetPolicy { policy: with_routes(routes()) };
    let by = Speaker::Agent { attempt: "T-1-a1".into(), token: 1 };
    let ticket = TicketSpec { title: "A slow form".into(), ..TicketSpec::default() };
    inputs.push(Input::FileTicket { by, ticket: Box::new(ticket) });
    let ledger = given(&inputs);
    assert_eq!(said(ledger.state(), "T-2"), "jen: route frontend matches `form`");
    let card = ledger.state().cards.values().next().unwrap();
    assert!(card.brief.contains("Its agent would be jen"), "{}", card.brief);
    inputs.push(answer("C-1", "It is the API, and the event of that."));
    assert_eq!(said(given(&inputs).state(), "T-2"), "roy: route backend matches `API`, `event`");
}

#[test]
fn goals_and_contests_are_not_routed() {
    let contest = |spec: &mut TicketSpec| {
        spec.kind = Kind::Contest;
        spec.contest = vec!["roy".into(), "jen".into()];
    };
    let ledger = given(&after(board(), [add("An API", contest)]));
    assert!(ledger.state().tickets[&"T-1".into()].routed.is_none());
}

#[test]
fn a_route_is_named_by_what_it_matched_alone() {
    let ledger = given(&after(board(), [add("An API", |_| {})]));
    let routed = ledger.state().tickets[&"T-1".into()].routed.clone().unwrap();
    assert_eq!((routed.route(), &routed.agent[..]), (Some("backend"), "roy"));
    assert!(matches!(routed.why, RoutingReason::Match { tied, .. } if tied.is_empty()));
}

/// Its agent says that it cannot do it.
fn blocked(attempt: &str, token: u64, why: &str) -> Input {
    ended(attempt, token, |end| {
        end.head = end.base.clone();
        end.report = Some(Report { blocked: Some(why.into()), ..report(&[]) });
    })
}

#[test]
fn what_its_agent_cannot_do_goes_to_the_next_whose_route_matches_once_each_and_then_to_a_person() {
    let begun = || after(board(), [add("An API, an event, a form", |_| {}), tick(), claim("T-1-a1", 1)]);
    let first = || after(begun(), [blocked("T-1-a1", 1, "no access to the API")]);
    let ledger = given(&first());
    assert_eq!(said(ledger.state(), "T-1"), "jen: route frontend matches `form`");
    let told = ledger.state().deliveries.values().next().unwrap();
    assert!(told.text.contains("roy had this ticket before") && told.text.contains("no access"), "{}", told.text);
    let second = || after(first(), [tick(), claim("T-1-a2", 2), blocked("T-1-a2", 2, "no design")]);
    let ledger = given(&second());
    let card = ledger.state().open_cards().next().unwrap();
    assert_eq!(card.question, "roy and jen cannot do T-1. Try again?");
    assert!(card.brief.starts_with("roy: no access to the API\njen: no design\n"), "{}", card.brief);
    assert_eq!(ledger.state().tickets[&"T-1".into()].attempts, 2, "nobody is asked a second time");
    // A person knows better.
    let again = given(&after(second(), [answer("C-1", "retry"), tick()]));
    assert_eq!(said(again.state(), "T-1"), "jen: route frontend matches `form`");
    assert_eq!(again.state().tickets[&"T-1".into()].attempts, 3);
}

#[test]
fn who_is_named_and_cannot_do_it_is_not_replaced_without_a_person() {
    let named = |spec: &mut TicketSpec| spec.agent = Some("roy".into());
    let inputs =
        after(board(), [add("An API and a form", named), tick(), claim("T-1-a1", 1), blocked("T-1-a1", 1, "no")]);
    let ledger = given(&inputs);
    assert_eq!(ledger.state().open_cards().next().unwrap().question, "roy cannot do T-1. Try again?");
    assert_eq!(said(ledger.state(), "T-1"), "roy: -");
}

#[test]
fn the_next_agent_claims_for_itself() {
    let blocked = after(
        board(),
        [add("An API, an event, a form", |_| {}), tick(), claim("T-1-a1", 1), blocked("T-1-a1", 1, "no")],
    );
    // It says nothing, and did nothing.
    let silent = ended("T-1-a2", 2, |end| end.head = end.base.clone());
    let ledger = given(&after(blocked, [tick(), claim("T-1-a2", 2), silent]));
    assert_eq!(said(ledger.state(), "T-1"), "jen: route frontend matches `form`");
    assert_eq!(ledger.state().open_cards().count(), 0, "it goes back as any work without a change");
}

/// What it could not do before you wrote to it, it did then.
#[test]
fn an_old_blocker_counts_for_nothing() {
    let begun = after(board(), [add("An API", |_| {}), tick(), claim("T-1-a1", 1)]);
    let first = after(begun, [stops(), blocked("T-1-a1", 1, "no access")]);
    let resumed = [Input::ResumeTicket { ticket: "T-1".into(), by: "p".into() }, tick(), claim("T-1-a2", 2)];
    let ledger = given(&after(first, resumed));
    let report = ledger.state().tickets[&"T-1".into()].report.clone().unwrap();
    assert_eq!(report.blocked, None);
}

/// Two spellings of one file are one file.
#[test]
fn a_path_has_one_spelling() {
    let files =
        |spec: &mut TicketSpec| spec.files = ["./a//b.rs", "src/x/../y/", "docs/./c"].map(String::from).to_vec();
    let ledger = given(&after(board(), [add("t", files)]));
    assert_eq!(ledger.state().tickets[&"T-1".into()].spec.files, ["a/b.rs", "src/y/", "docs/c"]);
}
