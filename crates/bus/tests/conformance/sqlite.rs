//! What only SQLite has: files, and other processes.

use crate::backend::{HOUR, SOON, consumer, stream};
use crate::consumers::is_pending;
use ganger_bus::{Blob, Bus, BusError, Publish, SqliteBus, SqliteOptions};
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::pin;
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "GANGER_BUS_TEST_FOLDER";

/// With nothing but the bell to wake up whoever waits.
async fn open_without_polling(folder: &Path) -> SqliteBus {
    let bus = SqliteBus::open(&SqliteOptions { poll: false, ..SqliteOptions::new(folder) }).unwrap();
    bus.declare(stream("S", "s.>")).await.unwrap();
    bus
}

/// The other process: publishes once for each line that it is given.
#[tokio::test]
#[ignore = "it is started by the_bell_alone_wakes_waiters_of_another_process"]
async fn other_process() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let bus = open_without_polling(Path::new(&folder)).await;
    eprintln!("ready");
    for line in std::io::stdin().lines() {
        bus.publish(Publish::new("s.a", line.unwrap())).await.unwrap();
    }
}

/// Started, and waiting for its first line.
fn start_other_process(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "sqlite::other_process", "--ignored", "--nocapture"]).env(FOLDER, folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "ready"), "the other process did not start");
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bell_alone_wakes_waiters_of_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open_without_polling(folder.path()).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    let mut tail = bus.tail("S", 1, ">").await.unwrap();
    let mut other = start_other_process(folder.path());
    let mut publish = |text: &str| writeln!(other.stdin.as_mut().unwrap(), "{text}").unwrap();

    let mut following = pin!(tail.next());
    assert!(is_pending(&mut following).await);
    publish("for the tail");
    let message = tokio::time::timeout(SOON, following).await.unwrap().unwrap();
    assert_eq!(message.payload, b"for the tail");

    assert_eq!(bus.fetch("S", "c", 1, SOON).await.unwrap().len(), 1);
    let mut fetching = pin!(bus.fetch("S", "c", 1, HOUR));
    assert!(is_pending(&mut fetching).await);
    publish("for the consumer");
    let delivered = tokio::time::timeout(SOON, fetching).await.unwrap().unwrap();
    assert_eq!(delivered[0].message.payload, b"for the consumer");

    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
}

#[tokio::test]
async fn a_blob_that_was_changed_on_disk_is_refused() {
    for (what, damage) in [
        ("a changed byte", "UPDATE blob_chunks SET data = zeroblob(length(data)) WHERE n = 1"),
        ("a chunk too few", "DELETE FROM blob_chunks WHERE n = 2"),
        ("a chunk that is shorter", "UPDATE blob_chunks SET data = x'00' WHERE n = 0"),
        ("no chunks", "DELETE FROM blob_chunks"),
        ("chunks in another order", "UPDATE blob_chunks SET n = 99 WHERE n = 0"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let bus = SqliteBus::open(&SqliteOptions::new(folder.path())).unwrap();
        let content: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        bus.put_blob(Blob::new("b", content)).await.unwrap();
        let changed = Connection::open(folder.path().join("ganger.db")).unwrap().execute(damage, []).unwrap();
        assert!(changed > 0);
        let refused = bus.get_blob("b").await;
        assert!(matches!(refused, Err(BusError::DamagedBlob { .. })), "{what}");
    }
}

#[test]
fn foreign_and_damaged_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ganger.db");
    for content in [b"not a database at all, but long enough to look at".repeat(4), vec![0_u8; 4096]] {
        std::fs::write(&file, &content).unwrap();
        let refused = SqliteBus::open(&SqliteOptions::new(folder.path()));
        assert!(matches!(refused.err(), Some(BusError::Foreign { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), content, "the file is as it was");
    }
}
