//! Appends: ours against plain rusqlite with the same pragmas and the same bytes.

use crate::report::{Report, median, ms, percentile};
use ganger_bus::{Bus, Durability, Publish, SqliteBus, SqliteOptions, StreamConfig};
use rusqlite::Connection;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A record of usual size.
const BYTES: usize = 400;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn open(folder: &Path) -> SqliteBus {
    let bus = SqliteBus::open(&SqliteOptions::new(folder)).unwrap();
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        max_age: None,
        max_messages: None,
        durability: Durability::Power,
    };
    bus.declare(config).await.unwrap();
    bus
}

fn raw(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let table = "CREATE TABLE s (seq INTEGER PRIMARY KEY, subject TEXT NOT NULL, message_id TEXT, time_ms INTEGER NOT NULL, payload BLOB NOT NULL)";
    connection.execute_batch(table).unwrap();
    connection
}

fn insert(connection: &Connection, payload: &[u8]) {
    let sql = "INSERT INTO s (subject, time_ms, payload) VALUES ('s.a', 1, ?1)";
    connection.prepare_cached(sql).unwrap().execute([payload]).unwrap();
}

pub(crate) fn one_writer(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    let payload = vec![b'x'; BYTES];
    let plain = raw(&folder.path().join("raw.db"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    runtime().block_on(async {
        let bus = open(folder.path()).await;
        for _ in 0..1_500 {
            let begun = Instant::now();
            bus.publish(Publish::new("s.a", payload.clone())).await.unwrap();
            ours.push(begun.elapsed());
            let begun = Instant::now();
            insert(&plain, &payload);
            theirs.push(begun.elapsed());
        }
    });
    let (a, b) = (median(&mut ours), median(&mut theirs));
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    report.add("append, one writer", &format!("ours {} raw {} (median)", ms(a), ms(b)), ratio, "1.1", ratio <= 1.1);
}

pub(crate) fn many_threads(report: &mut Report) {
    /// Short rounds in turn: what else the machine does falls on both sides.
    const ROUNDS: usize = 31;
    const EACH: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let payload = vec![b'x'; BYTES];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let runtime = runtime();
    let bus = Arc::new(runtime.block_on(open(folder.path())));
    let plain = raw(&folder.path().join("raw.db"));
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..64)
                .map(|_| {
                    let (bus, payload) = (Arc::clone(&bus), payload.clone());
                    tokio::spawn(async move {
                        for _ in 0..EACH {
                            bus.publish(Publish::new("s.a", payload.clone())).await.unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        ours.push(begun.elapsed());
        let begun = Instant::now();
        for _ in 0..EACH {
            plain.execute_batch("BEGIN IMMEDIATE").unwrap();
            (0..64).for_each(|_| insert(&plain, &payload));
            plain.execute_batch("COMMIT").unwrap();
        }
        theirs.push(begun.elapsed());
    }
    let rate = |d: Duration| 64.0 * EACH as f64 / d.as_secs_f64();
    let (ours, theirs) = (rate(median(&mut ours)), rate(median(&mut theirs)));
    let ratio = ours / theirs;
    let detail = format!("ours {ours:.0}/s raw batches of 64 {theirs:.0}/s (medians of {ROUNDS} rounds)");
    report.add("append, 64 at once", &detail, ratio, "at least 0.85", ratio >= 0.85);
}

pub(crate) fn four_processes(report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(open(folder.path()));
    let start = |_| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["append-from-another-process", &folder.path().display().to_string(), "400"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(start).collect();
    let mut all: Vec<Duration> = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        all.extend(text.lines().map(|l| Duration::from_nanos(l.parse().unwrap())));
    }
    assert_eq!(all.len(), 1_600);
    let (middle, worst) = (median(&mut all), percentile(&mut all, 100));
    let ratio = worst.as_secs_f64() / middle.as_secs_f64();
    report.add(
        "append, 4 processes: worst against median",
        &format!("median {} worst {}", ms(middle), ms(worst)),
        ratio,
        "20",
        ratio <= 20.0,
    );
}

/// Prints how long each append took, in nanoseconds.
pub(crate) fn other_process(folder: &str, count: usize) -> ExitCode {
    let mut taken = Vec::new();
    runtime().block_on(async {
        let bus = open(Path::new(folder)).await;
        for _ in 0..count {
            let begun = Instant::now();
            bus.publish(Publish::new("s.a", vec![b'x'; BYTES])).await.unwrap();
            taken.push(begun.elapsed());
        }
    });
    taken.iter().for_each(|t| println!("{}", t.as_nanos()));
    ExitCode::SUCCESS
}
