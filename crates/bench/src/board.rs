//! The board: replay of a long journal, and commands on a large one.

use crate::report::{Report, median, ms};
use crate::work::{Shop, ganger};
use ganger_engine::{Envelope, Input, Ledger, NewTicket, Policy, Record, State, TicketSpec};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A journal of notes and edits: the cheapest facts, and the most frequent ones.
fn journal(facts: usize) -> Vec<Record> {
    let mut ledger = Ledger::new(State::default());
    let decide = |ledger: &mut Ledger, i: usize, input: Input| {
        ledger.decide(i as u64, &Envelope::new(format!("d{i}"), "bench", input)).unwrap();
    };
    decide(&mut ledger, 0, Input::Elect { foreman: "bench".into() });
    decide(&mut ledger, 1, Input::SetPolicy { policy: Policy::default() });
    for i in 2..facts {
        let input = if i % 2 == 0 {
            let spec =
                TicketSpec { title: format!("ticket {i}"), files: vec![format!("f{i}")], ..TicketSpec::default() };
            Input::AddTickets { tickets: vec![NewTicket { id: None, spec }] }
        } else {
            Input::NoteTicket {
                ticket: format!("T-{}", i / 2).as_str().into(),
                text: "a remark".into(),
                by: "p".into(),
            }
        };
        decide(&mut ledger, i, input);
    }
    ledger.committed()
}

pub(crate) fn replay(report: &mut Report) {
    let stored: Vec<Vec<u8>> = journal(100_000).chunks(64).map(|batch| Record::encode_batch(batch).unwrap()).collect();
    let begun = Instant::now();
    let mut state = State::default();
    for batch in &stored {
        for record in Record::decode_batch(batch, 0).unwrap() {
            state.apply_record(&record).unwrap();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    report.add(
        "replay of 100,000 facts, seconds",
        &format!("{} tickets", state.tickets.len()),
        seconds,
        "1",
        seconds <= 1.0,
    );
}

pub(crate) fn status(report: &mut Report) {
    let shop = Shop::new("true", "true");
    let lines: String = (0..10_000)
        .map(|i| format!("{{\"id\":\"REQ-{i}\",\"title\":\"requirement number {i}\",\"files\":[\"src/f{i}.rs\"],\"acceptanceCriteria\":[\"it works\"]}}\n"))
        .collect();
    let file = shop.path("board.jsonl");
    std::fs::write(&file, lines).unwrap();
    ganger(&shop, &["ticket", "import", &file.display().to_string()]);
    // The tail after the snapshot is as long as it can be.
    for _ in 0..300 {
        ganger(&shop, &["ticket", "edit", "REQ-1", "--title", &format!("{:?}", Instant::now())]);
    }
    for args in [&["status"][..], &["ticket", "list", "--ready"]] {
        let mut taken: Vec<Duration> = (0..20)
            .map(|_| {
                let begun = Instant::now();
                ganger(&shop, args);
                begun.elapsed()
            })
            .collect();
        let middle = median(&mut taken);
        let millis = middle.as_secs_f64() * 1e3;
        let what = format!("`ganger {}` with 10,000 tickets, ms", args.join(" "));
        report.add(&what, &format!("whole process, median {}", ms(middle)), millis, "50", millis <= 50.0);
    }
}

/// Commands beside each other take turns: the slowest of many waits for the others, and for nothing else.
pub(crate) fn at_once(report: &mut Report) {
    const COMMANDS: usize = 16;
    const AT_ONCE: usize = 8;
    let shop = Shop::new("true", "true");
    let next = AtomicUsize::new(0);
    let one = || {
        let mut taken = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::SeqCst);
            if n >= COMMANDS {
                return taken;
            }
            let begun = Instant::now();
            ganger(&shop, &["ticket", "add", &format!("ticket {n}")]);
            taken.push(begun.elapsed());
        }
    };
    let mut taken: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(one)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let middle = median(&mut taken);
    let worst = taken.iter().max().copied().unwrap_or_default();
    let ratio = worst.as_secs_f64() / middle.as_secs_f64();
    let detail = format!("worst {}, median {}", ms(worst), ms(middle));
    report.add("16 `ganger ticket add`, 8 at once, worst by median", &detail, ratio, "10", ratio <= 10.0);
}
