//! One suite for every store: what `Bus` promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ganger_bus::{
    Bus, BusError, ConsumerConfig, Durability, MemoryBus, Publish, Settle, SqliteBus, SqliteOptions, StreamConfig,
};
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(5);

struct Opened {
    bus: Arc<dyn Bus>,
    _folder: Option<tempfile::TempDir>,
}

fn memory() -> Opened {
    Opened { bus: Arc::new(MemoryBus::default()), _folder: None }
}

fn sqlite() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let bus = SqliteBus::open(&SqliteOptions::new(folder.path())).unwrap();
    Opened { bus: Arc::new(bus), _folder: Some(folder) }
}

fn stream(name: &str, subject: &str, durability: Durability) -> StreamConfig {
    StreamConfig { name: name.into(), subjects: vec![subject.into()], max_age: None, max_messages: None, durability }
}

fn consumer(name: &str, filter: &str, ack_wait: Duration) -> ConsumerConfig {
    ConsumerConfig { stream: "S".into(), name: name.into(), filter: filter.into(), ack_wait, max_deliver: None }
}

async fn publish(bus: &Arc<dyn Bus>, subject: &str, text: &str) -> u64 {
    bus.publish(Publish::new(subject, text)).await.unwrap().sequence
}

async fn texts(bus: &Arc<dyn Bus>, consumer: &str, wait: Duration) -> Vec<String> {
    let deliveries = bus.fetch("S", consumer, 10, wait).await.unwrap();
    deliveries.into_iter().map(|d| String::from_utf8(d.message.payload).unwrap()).collect()
}

macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod on_memory { $( #[tokio::test] async fn $test() { super::$test(super::memory()).await } )* }
        mod on_sqlite { $( #[tokio::test] async fn $test() { super::$test(super::sqlite()).await } )* }
    };
}

conformance!(
    sequences_grow_by_one_per_stream,
    a_repeated_message_id_is_stored_once,
    a_wrong_expectation_stores_nothing,
    a_subject_without_stream_is_refused,
    replay_is_ordered_and_filtered,
    a_consumer_gets_its_filter_in_order_and_once_when_acknowledged,
    an_unsettled_delivery_comes_again_with_a_count,
    nak_delays_and_term_ends,
    max_deliver_gives_up,
    progress_keeps_a_delivery_away,
    two_pullers_share_one_consumer,
    fetch_wakes_up_for_a_publish,
    retention_drops_the_oldest_but_never_the_last,
);

async fn sequences_grow_by_one_per_stream(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.declare(stream("T", "t.>", Durability::Process)).await.unwrap();
    assert_eq!([publish(&o.bus, "s.a", "1").await, publish(&o.bus, "s.b", "2").await], [1, 2]);
    assert_eq!(publish(&o.bus, "t.a", "1").await, 1);
    let info = o.bus.info("S").await.unwrap();
    assert_eq!((info.messages, info.first_sequence, info.last_sequence), (2, 1, 2));
}

async fn a_repeated_message_id_is_stored_once(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    let first = o.bus.publish(Publish::new("s.a", "x").message_id("k")).await.unwrap();
    let again = o.bus.publish(Publish::new("s.a", "y").message_id("k")).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(first.sequence, again.sequence);
    assert_eq!(o.bus.info("S").await.unwrap().messages, 1);
}

async fn a_wrong_expectation_stores_nothing(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.publish(Publish::new("s.a", "x").expected_last(0)).await.unwrap();
    let refused = o.bus.publish(Publish::new("s.a", "y").expected_last(0)).await;
    assert!(matches!(refused, Err(BusError::WrongLast { expected: 0, last: 1 })), "{refused:?}");
    assert_eq!(o.bus.info("S").await.unwrap().last_sequence, 1);
}

async fn a_subject_without_stream_is_refused(o: Opened) {
    let refused = o.bus.publish(Publish::new("nowhere.a", "x")).await;
    assert!(matches!(refused, Err(BusError::NoStream(_))), "{refused:?}");
}

async fn replay_is_ordered_and_filtered(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    for n in 1..=600 {
        publish(&o.bus, if n % 100 == 0 { "s.rare" } else { "s.often" }, &n.to_string()).await;
    }
    let rare = o.bus.read("S", 150, "s.rare", 10).await.unwrap();
    assert_eq!(rare.iter().map(|m| m.sequence).collect::<Vec<_>>(), [200, 300, 400, 500, 600]);
    let all = o.bus.read("S", 599, ">", 10).await.unwrap();
    assert_eq!(all.iter().map(|m| m.sequence).collect::<Vec<_>>(), [599, 600]);
}

async fn a_consumer_gets_its_filter_in_order_and_once_when_acknowledged(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    for (subject, text) in [("s.a", "1"), ("s.b", "2"), ("s.a", "3")] {
        publish(&o.bus, subject, text).await;
    }
    o.bus.consumer(consumer("c", "s.a", NOW)).await.unwrap();
    let got = o.bus.fetch("S", "c", 10, NOW).await.unwrap();
    let sequences: Vec<u64> = got.iter().map(|d| d.message.sequence).collect();
    assert_eq!(sequences, [1, 3]);
    o.bus.settle("S", "c", &sequences, Settle::Ack).await.unwrap();
    assert!(texts(&o.bus, "c", NOW).await.is_empty());
}

async fn an_unsettled_delivery_comes_again_with_a_count(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(consumer("c", "s.>", NOW)).await.unwrap();
    publish(&o.bus, "s.a", "1").await;
    let counts =
        [o.bus.fetch("S", "c", 1, NOW).await.unwrap()[0].count, o.bus.fetch("S", "c", 1, SOON).await.unwrap()[0].count];
    assert_eq!(counts, [1, 2]);
}

async fn nak_delays_and_term_ends(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(consumer("c", "s.>", NOW)).await.unwrap();
    publish(&o.bus, "s.a", "1").await;
    o.bus.fetch("S", "c", 1, NOW).await.unwrap();
    o.bus.settle("S", "c", &[1], Settle::Nak(Duration::from_secs(3600))).await.unwrap();
    assert!(texts(&o.bus, "c", NOW).await.is_empty(), "a delayed delivery waits");
    o.bus.settle("S", "c", &[1], Settle::Nak(NOW)).await.unwrap();
    assert_eq!(texts(&o.bus, "c", SOON).await, ["1"]);
    o.bus.settle("S", "c", &[1], Settle::Term).await.unwrap();
    assert!(texts(&o.bus, "c", NOW).await.is_empty(), "a terminated delivery never comes again");
}

async fn max_deliver_gives_up(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(ConsumerConfig { max_deliver: Some(2), ..consumer("c", "s.>", NOW) }).await.unwrap();
    publish(&o.bus, "s.a", "1").await;
    assert_eq!(texts(&o.bus, "c", NOW).await, ["1"]);
    assert_eq!(texts(&o.bus, "c", SOON).await, ["1"]);
    assert!(texts(&o.bus, "c", NOW).await.is_empty());
}

async fn progress_keeps_a_delivery_away(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(consumer("c", "s.>", Duration::from_secs(3600))).await.unwrap();
    publish(&o.bus, "s.a", "1").await;
    assert_eq!(texts(&o.bus, "c", NOW).await, ["1"]);
    o.bus.settle("S", "c", &[1], Settle::Nak(NOW)).await.unwrap();
    o.bus.settle("S", "c", &[1], Settle::InProgress).await.unwrap();
    assert!(texts(&o.bus, "c", NOW).await.is_empty());
}

async fn two_pullers_share_one_consumer(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(consumer("c", "s.>", Duration::from_secs(3600))).await.unwrap();
    for n in 0..40 {
        publish(&o.bus, "s.a", &n.to_string()).await;
    }
    let pull = |bus: Arc<dyn Bus>| async move {
        let mut got = Vec::new();
        loop {
            let page = bus.fetch("S", "c", 3, NOW).await.unwrap();
            if page.is_empty() {
                return got;
            }
            got.extend(page.into_iter().map(|d| d.message.sequence));
        }
    };
    let (a, b) = tokio::join!(tokio::spawn(pull(o.bus.clone())), tokio::spawn(pull(o.bus.clone())));
    let mut all: Vec<u64> = a.unwrap().into_iter().chain(b.unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=40).collect::<Vec<_>>(), "each message once, none forgotten");
}

async fn fetch_wakes_up_for_a_publish(o: Opened) {
    o.bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    o.bus.consumer(consumer("c", "s.>", SOON)).await.unwrap();
    let bus = o.bus.clone();
    let waiting = tokio::spawn(async move { texts(&bus, "c", Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    publish(&o.bus, "s.a", "1").await;
    assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap(), ["1"]);
}

async fn retention_drops_the_oldest_but_never_the_last(o: Opened) {
    let config = StreamConfig { max_messages: Some(3), ..stream("S", "s.>", Durability::Power) };
    o.bus.declare(config).await.unwrap();
    for n in 0..10 {
        publish(&o.bus, "s.a", &n.to_string()).await;
    }
    let info = o.bus.info("S").await.unwrap();
    assert_eq!((info.messages, info.first_sequence, info.last_sequence), (3, 8, 10));
}

#[tokio::test]
async fn sqlite_keeps_streams_and_cursors_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path());
    let open = || async {
        let bus: Arc<dyn Bus> = Arc::new(SqliteBus::open(&options).unwrap());
        bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
        bus.consumer(consumer("c", "s.>", Duration::from_secs(3600))).await.unwrap();
        bus
    };
    let bus = open().await;
    publish(&bus, "s.a", "1").await;
    publish(&bus, "s.a", "2").await;
    assert_eq!(bus.fetch("S", "c", 1, NOW).await.unwrap().len(), 1);
    bus.settle("S", "c", &[1], Settle::Ack).await.unwrap();
    drop(bus);
    assert_eq!(texts(&open().await, "c", NOW).await, ["2"]);
}

#[tokio::test]
async fn sqlite_wakes_waiters_in_other_processes_by_the_bell() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path());
    let here = SqliteBus::open(&options).unwrap();
    let there = SqliteBus::open(&options).unwrap();
    for bus in [&here, &there] {
        bus.declare(stream("S", "s.>", Durability::Power)).await.unwrap();
    }
    let waiting = tokio::spawn(async move { there.wait("S", 0, Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    here.publish(Publish::new("s.a", "1")).await.unwrap();
    tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap();
}

#[test]
fn sqlite_leaves_foreign_and_damaged_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ganger.db");
    for content in [b"not a database at all, but long enough to look at".repeat(4), vec![0_u8; 4096]] {
        std::fs::write(&file, &content).unwrap();
        let refused = SqliteBus::open(&SqliteOptions::new(folder.path()));
        assert!(matches!(refused.err(), Some(BusError::Foreign { .. })));
        assert_eq!(std::fs::read(&file).unwrap(), content, "the file is as it was");
    }
}
