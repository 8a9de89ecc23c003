//! What only SQLite has: files, and other processes.

use crate::backend::{HOUR, SOON, consumer, stream};
use crate::consumers::is_pending;
use ganger_bus::{Blob, Bus, BusError, Durability, Parts, Publish, SqliteBus, SqliteOptions, StreamConfig};
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
    for make in ["mkfifo", "mkdir"] {
        std::fs::remove_file(&file).unwrap();
        assert!(Command::new(make).arg(&file).status().unwrap().success());
        let refused = SqliteBus::open(&SqliteOptions::new(folder.path()));
        assert!(matches!(refused.err(), Some(BusError::Foreign { .. })), "{make}");
        let refused = must_be_there(folder.path());
        assert!(matches!(refused.err(), Some(BusError::Missing { .. })), "{make}");
    }
}

fn must_be_there(folder: &Path) -> Result<SqliteBus, BusError> {
    SqliteBus::open(&SqliteOptions { create: false, ..SqliteOptions::new(folder) })
}

fn durable() -> StreamConfig {
    StreamConfig { durability: Durability::Power, ..stream("S", "s.>") }
}

async fn with_messages(folder: &Path, number: usize) -> SqliteBus {
    let bus = SqliteBus::open(&SqliteOptions::new(folder)).unwrap();
    bus.declare(durable()).await.unwrap();
    for n in 0..number {
        bus.publish(Publish::new("s.a", n.to_string())).await.unwrap();
    }
    bus
}

#[tokio::test]
async fn a_store_that_must_be_there_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    assert!(matches!(must_be_there(&state).err(), Some(BusError::Missing { .. })));
    assert!(!state.exists(), "not even its folder");
    let bus = with_messages(&state, 3).await;
    let id = bus.id().to_owned();
    bus.settle().unwrap();
    drop(bus);
    assert_eq!(must_be_there(&state).unwrap().id(), id, "the same store");
    let file = state.join("ganger.db");
    let whole = std::fs::read(&file).unwrap();
    let bare = || ["ganger.db-wal", "ganger.db-shm"].map(|name| std::fs::remove_file(state.join(name)).ok());
    bare();
    std::fs::write(&file, "").unwrap();
    assert!(matches!(must_be_there(&state).err(), Some(BusError::Missing { .. })), "emptied");
    assert_eq!(std::fs::read(&file).unwrap(), b"");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(must_be_there(&state).err(), Some(BusError::Missing { .. })), "deleted");
    Connection::open(&file).unwrap().execute_batch("PRAGMA journal_mode=WAL; VACUUM").unwrap();
    assert!(matches!(must_be_there(&state).err(), Some(BusError::Missing { .. })), "a database of nothing");
    bare();
    std::fs::write(&file, whole).unwrap();
    let bus = must_be_there(&state).unwrap();
    bus.declare(durable()).await.unwrap();
    assert_eq!(bus.info("S").await.unwrap().last_sequence, 3, "settled: the one file was the whole store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_lost_while_it_is_open_says_so() {
    for what in ["ganger.db", "ganger.db-wal", "activity.db", "", "replaced"] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let bus = with_messages(&state, 3).await;
        let mut tail = bus.tail("S", 4, ">").await.unwrap();
        match what {
            "" => std::fs::remove_dir_all(&state).unwrap(),
            "replaced" => {
                std::fs::copy(state.join("ganger.db"), state.join("copy")).unwrap();
                std::fs::rename(state.join("copy"), state.join("ganger.db")).unwrap();
            }
            file => std::fs::remove_file(state.join(file)).unwrap(),
        }
        let published = bus.publish(Publish::new("s.a", "lost")).await;
        let expects_failure = what != "activity.db";
        assert_eq!(matches!(published, Err(BusError::Lost(_))), expects_failure, "{what}: {published:?}");
        let lost = tokio::time::timeout(SOON, bus.lost()).await.unwrap();
        assert!(matches!(lost, BusError::Lost(_)), "{what}");
        if expects_failure {
            let followed = tokio::time::timeout(SOON, tail.next()).await.expect("it is woken");
            assert!(matches!(followed, Err(BusError::Lost(_))), "{what}: {followed:?}");
            let copy = folder.path().join("saved.db");
            bus.back_up(&copy).unwrap();
            let saved: i64 = Connection::open(copy)
                .unwrap()
                .query_row("SELECT count(*) FROM stream_S", [], |row| row.get(0))
                .unwrap();
            assert!(saved >= 3, "{what}: what was open can still be saved");
        }
    }
}

#[tokio::test]
async fn a_copy_is_written_beside_a_writer_and_put_in_the_place_of_a_lost_store() {
    let folder = tempfile::tempdir().unwrap();
    let (state, copy) = (folder.path().join("state"), folder.path().join("copy.db"));
    let bus = with_messages(&state, 3).await;
    bus.back_up(&copy).unwrap();
    assert!(bus.back_up(&copy).is_err(), "it never overwrites");
    bus.consumer(consumer("c", ">", HOUR)).await.unwrap();
    bus.publish(Publish::new("s.a", "later")).await.unwrap();
    assert_eq!(bus.fetch("S", "c", 10, SOON).await.unwrap().len(), 4);
    let id = bus.id().to_owned();
    drop(bus);
    assert!(SqliteBus::put_in_place(&copy, &state).is_err(), "a store is there");
    let aside = folder.path().join("aside");
    SqliteBus::set_aside(&state, &aside, Parts::All).unwrap();
    assert!(aside.join("ganger.db").exists());
    for name in ["activity.db", "activity.db-wal"] {
        std::fs::rename(aside.join(name), state.join(name)).unwrap();
    }
    SqliteBus::put_in_place(&copy, &state).unwrap();
    let bus = with_messages(&state, 0).await;
    assert_eq!((bus.id(), bus.info("S").await.unwrap().last_sequence), (id.as_str(), 3));
    assert!(!bus.cursors_fit().unwrap(), "the cursor is behind the end");
    drop(bus);
    SqliteBus::set_aside(&state, &aside, Parts::Volatile).unwrap();
    assert!(with_messages(&state, 0).await.cursors_fit().unwrap());
}
