//! `./dev bench --scale [SIZE…]`: what a large board costs. Boards of two mixes (95 % merged; all open) and two shapes
//! (wide: nothing depends on anything; deep: one chain) are written as journals, and every reading command, one added
//! ticket and one dispatch are measured on each: time and memory of the whole process.

use crate::report::{Report, median, ms};
use crate::work::{Shop, ganger, run_with};
use ganger_bus::{Bus, LargePayloads, Publish, SqliteBus, SqliteOptions};
use ganger_engine::{
    Commit, DecisionId, Event, Evidence, EvidenceKey, HostId, Outcome, RECORD_VERSION, Record, State, TicketId,
    TicketSpec,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sizes without an argument.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Tickets of one record.
const PER_RECORD: usize = 100;
/// Runs of one command.
const RUNS: usize = 5;
/// The limits of one command.
const LIMIT_MS: f64 = 20.0;
const LIMIT_MIB: f64 = 40.0;
/// What the largest board may cost more than the smallest.
const FLAT: f64 = 1.5;

#[derive(Clone, Copy, PartialEq)]
enum Mix {
    /// 95 of 100 are merged.
    Closed,
    Open,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Wide,
    Deep,
}

pub(crate) fn all(report: &mut Report, sizes: &[usize]) {
    let sizes = if sizes.is_empty() { &SIZES[..] } else { sizes };
    for mix in [Mix::Closed, Mix::Open] {
        for shape in [Shape::Wide, Shape::Deep] {
            // The smallest board's times, to hold the others against.
            let mut smallest: Option<Vec<f64>> = None;
            for size in sizes {
                let taken = board(report, *size, mix, shape, smallest.as_deref());
                smallest.get_or_insert(taken);
            }
        }
    }
    for size in sizes {
        import(report, *size);
    }
}

/// One board: every command on it.
fn board(report: &mut Report, size: usize, mix: Mix, shape: Shape, smallest: Option<&[f64]>) -> Vec<f64> {
    let shop = Shop::with_slots("true", "true", 1);
    write_journal(&shop, size, mix, shape);
    // Whatever is kept beside the journal is made by the first command.
    ganger(&shop, &["ticket", "add", "the first"]);
    let name = format!(
        "{size} tickets, {}, {}",
        if mix == Mix::Closed { "95 % merged" } else { "open" },
        if shape == Shape::Wide { "wide" } else { "deep" }
    );
    let (closed, open) = (format!("S-{}", size / 2), format!("S-{}", size - 1));
    let commands: [(&[&str], bool); 8] = [
        (&["ticket", "show", &closed], true),
        (&["ticket", "show", &open], true),
        (&["ticket", "add", "one more"], true),
        (&["inbox"], true),
        (&["status"], true),
        (&["ticket", "list", "--ready"], true),
        (&["ticket", "list"], false),
        (&["export"], false),
    ];
    let mut taken = Vec::new();
    for (at, (args, limited)) in commands.into_iter().enumerate() {
        let mut samples: Vec<Duration> = (0..RUNS).map(|_| time(|| drop(ganger(&shop, args)))).collect();
        let millis = median(&mut samples).as_secs_f64() * 1e3;
        let mib = peak_mib(&shop, args);
        let ratio = smallest.and_then(|s| s.get(at)).map(|small| millis / small);
        let what = format!("`ganger {}`, {name}, ms", args.join(" "));
        let detail = format!("{mib:.1} MiB (limit {LIMIT_MIB}); {:.2} × the smallest board", ratio.unwrap_or(1.0));
        if limited && mix == Mix::Closed {
            let holds = millis <= LIMIT_MS && mib <= LIMIT_MIB && ratio.is_none_or(|r| r <= FLAT);
            report.add(&what, &detail, millis, "20", holds);
        } else {
            report.add(&what, &detail, millis, "none", true);
        }
        taken.push(millis);
    }
    // One ticket from the start of a run to its end, and nothing else: the others are not in its scope.
    let wanted = format!("R-{size}");
    ganger(&shop, &["ticket", "add", "to be run", "--id", &wanted]);
    let run = time(|| drop(run_with(&shop, &["run", "--json", &wanted])));
    report.add(&format!("one dispatch, {name}, ms"), "a whole run", run.as_secs_f64() * 1e3, "none", true);
    taken
}

/// A chain comes in at once.
fn import(report: &mut Report, size: usize) {
    let shop = Shop::with_slots("true", "true", 1);
    let line = |i: usize| match i {
        0 => "{\"id\":\"C-0\",\"title\":\"link 0\"}\n".to_owned(),
        _ => format!("{{\"id\":\"C-{i}\",\"title\":\"link {i}\",\"dependencies\":[\"C-{}\"]}}\n", i - 1),
    };
    let file = shop.path("chain.jsonl");
    std::fs::write(&file, (0..size).map(line).collect::<String>()).unwrap();
    let taken = time(|| drop(ganger(&shop, &["ticket", "import", &file.display().to_string()]))).as_secs_f64();
    report.add(&format!("import of a chain of {size}, seconds"), "whole process", taken, "3", taken <= 3.0);
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The most memory that a command had, as GNU time tells.
fn peak_mib(shop: &Shop, args: &[&str]) -> f64 {
    let report = shop.path("peak");
    let time = ["-f", "%M", "-o", &report.display().to_string()].map(str::to_owned);
    assert!(crate::work::command(shop, Some(("/usr/bin/time", &time)), args).output().unwrap().status.success());
    std::fs::read_to_string(report).unwrap().trim().parse::<f64>().unwrap() / 1024.0
}

/// Writes the board behind what `init` and `trust` wrote.
fn write_journal(shop: &Shop, size: usize, mix: Mix, shape: Shape) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = LargePayloads::new(Arc::new(SqliteBus::open(&SqliteOptions::new(state_folder(shop))).unwrap()));
        bus.declare(ganger_bus::StreamConfig {
            name: "JOURNAL".to_owned(),
            subjects: vec!["journal.record".to_owned()],
            max_age: None,
            max_messages: None,
            durability: ganger_bus::Durability::Power,
        })
        .await
        .unwrap();
        let mut state = State::default();
        let mut sequence = 0;
        for message in bus.read("JOURNAL", 1, ">", usize::MAX).await.unwrap() {
            sequence = message.sequence;
            for record in Record::decode_batch(&message.payload, 0).unwrap() {
                state.apply_record(&record).unwrap();
            }
        }
        let merged = if mix == Mix::Closed { size * 95 / 100 } else { 0 };
        for from in (0..size).step_by(PER_RECORD) {
            let events = (from..size.min(from + PER_RECORD)).flat_map(|i| ticket(i, i < merged, shape)).collect();
            let record = next(&state, events);
            state.apply_record(&record).unwrap();
            let batch = Record::encode_batch(&[record]).unwrap();
            let message = Publish::new("journal.record", batch).expected_last(sequence);
            sequence = bus.publish(message).await.unwrap().sequence;
        }
    });
}

fn state_folder(shop: &Shop) -> PathBuf {
    let all = shop.path("home/.local/state/ganger");
    let mut folders = std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir());
    folders.find(|folder| folder.join("ganger.db").exists()).unwrap()
}

fn next(state: &State, events: Vec<Event>) -> Record {
    Record {
        v: RECORD_VERSION,
        n: state.n + 1,
        prev: state.head.clone(),
        decision_id: DecisionId::unkeyed("scale"),
        cause: "a large board".to_owned(),
        epoch: state.epoch,
        now: 1_700_000_000_000 + state.n,
        outcome: Outcome::Done,
        events,
    }
}

/// The facts of one ticket: added, and where it is merged, with the evidence and the approval that belong to it.
fn ticket(i: usize, merged: bool, shape: Shape) -> Vec<Event> {
    let ticket = TicketId::new(format!("S-{i}"));
    let spec = TicketSpec {
        title: format!("Make part {i} of the shop work as it should"),
        description: "The page shows the wrong total when a voucher is used twice. ".repeat(4),
        done: vec!["the total is right".to_owned()],
        files: vec![format!("src/part{i}.rs")],
        after: if shape == Shape::Deep && i > 0 { vec![TicketId::new(format!("S-{}", i - 1))] } else { Vec::new() },
        ..TicketSpec::default()
    };
    let added = Event::TicketAdded { ticket: ticket.clone(), number: i as u64 + 1, spec };
    if !merged {
        return vec![added];
    }
    let commit = Commit::new(format!("{i:040x}"));
    let evidence = Evidence {
        key: EvidenceKey { commit: commit.clone(), gate: "g".into(), toolchain: "t".into() },
        ticket: ticket.clone(),
        revision: 1,
        name: "test".into(),
        command: "cargo test".into(),
        exit_code: Some(0),
        timed_out: false,
        duration_ms: 1_000,
        tests: None,
        log: "logs/gates/x.log".into(),
        tail: "test result: ok. 12 passed; 0 failed\n".repeat(10),
        host: HostId::new("local"),
        at: 1,
    };
    let (why, by) = ("bench".to_owned(), "p".to_owned());
    vec![
        added,
        Event::TicketHeld { ticket: ticket.clone(), card: None },
        Event::VerificationNeeded { ticket: ticket.clone(), head: commit.clone(), why },
        Event::EvidenceRecorded { evidence },
        Event::TicketAccepted { ticket: ticket.clone(), commit: commit.clone() },
        Event::MergeApproved { ticket: ticket.clone(), commit: commit.clone(), by },
        Event::Merged { ticket, commit },
    ]
}

/// Many trivial tickets in one run: the last ones must go as quickly as the first ones.
pub(crate) fn throughput(report: &mut Report, tickets: usize) {
    const PART: usize = 200;
    let shop = Shop::with_slots("echo x > f-$GANGER_TICKET", "true", 8);
    let lines: String = (0..tickets).map(|i| format!("{{\"id\":\"M-{i}\",\"title\":\"t\"}}\n")).collect();
    std::fs::write(shop.path("b.jsonl"), lines).unwrap();
    ganger(&shop, &["ticket", "import", &shop.path("b.jsonl").display().to_string()]);
    let log = ganger(&shop, &["run", "--json"]);
    let accepted: Vec<u64> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|entry| entry["fact"]["name"] == "ticket-accepted")
        .filter_map(|entry| entry["at_ms"].as_u64())
        .collect();
    assert_eq!(accepted.len(), tickets, "every ticket is accepted");
    let span = |part: &[u64]| Duration::from_millis(part[part.len() - 1] - part[0]);
    let (first, last) = (span(&accepted[..PART]), span(&accepted[tickets - PART..]));
    let slower = last.as_secs_f64() / first.as_secs_f64();
    let detail = format!("first {PART} in {}, last {PART} in {}", ms(first), ms(last));
    report.add(
        &format!("a run over {tickets} trivial tickets, last by first"),
        &detail,
        slower,
        "1.11",
        slower <= 1.11,
    );
}
