//! Routing of a board as it comes in, against taking its texts apart alone.

use crate::report::{Report, median, ms};
use ganger_engine::rules::routing::Router;
use ganger_engine::{Policy, Route, TicketSpec};
use std::hint::black_box;
use std::time::{Duration, Instant};

const TICKETS: usize = 10_000;
const LIMIT: Duration = Duration::from_millis(50);
/// Runs of each side, one after the other.
const RUNS: usize = 9;

/// As many routes, words and paths as the crew has.
const ROUTES: [(&str, &str, &str); 4] = [
    (
        "backend",
        "API,endpoint,GraphQL,database query,PostgreSQL,business logic,service,NATS,Kafka,event",
        "src/api/,src/services/,src/db/",
    ),
    (
        "frontend",
        "UI,component,page,React,Material-UI,dashboard,form,view,user experience,responsive",
        "src/components/,src/pages/",
    ),
    ("database", "migration,schema change,table,column,index,ALTER TABLE,CREATE TABLE", "src/db/migrations/"),
    (
        "documentation",
        "documentation,README,API docs,user guide,CHANGELOG,release notes",
        "docs/,README.md,CHANGELOG.md",
    ),
];

fn policy() -> Policy {
    let list = |texts: &str| texts.split(',').map(str::to_owned).collect();
    let route = |(name, words, paths): (&str, &str, &str)| Route {
        name: name.to_owned(),
        words: list(words),
        paths: list(paths),
        agent: name.to_owned(),
        subject: String::new(),
    };
    Policy { routes: ROUTES.map(route).into(), default_agent: "builder".to_owned(), ..Policy::default() }
}

fn ticket(i: usize) -> TicketSpec {
    let about =
        ["the service of orders", "the dashboard of sales", "a new column", "the user guide", "everything else"];
    TicketSpec {
        title: format!("Make {} number {i} work as it should", about[i % about.len()]),
        description: "The page shows the wrong total when a voucher is used twice. ".repeat(4),
        files: vec![format!("src/api/part{i}.rs"), format!("tests/part{i}.rs")],
        ..TicketSpec::default()
    }
}

pub(crate) fn time(report: &mut Report) {
    let policy = policy();
    let tickets: Vec<TicketSpec> = (0..TICKETS).map(ticket).collect();
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        let router = Router::of(&policy);
        tickets.iter().for_each(|ticket| drop(black_box(router.route(ticket))));
        ours.push(begun.elapsed());
        let begun = Instant::now();
        for ticket in &tickets {
            let texts = [&ticket.title, &ticket.description];
            let words = texts.into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
            black_box(words.collect::<Vec<&str>>());
        }
        plain.push(begun.elapsed());
    }
    let (a, b) = (median(&mut ours), median(&mut plain));
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    let detail = format!("their words alone {}, {ratio:.1} times", ms(b));
    let figure = a.as_secs_f64() * 1e3;
    report.add("routing of 10,000 tickets, ms", &detail, figure, "50", a <= LIMIT);
}
