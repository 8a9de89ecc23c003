//! What is dropped, and what must not be.

use crate::backend::{SOON, Store, consumer, declare, fetched, publish, stream};
use crate::conformance;
use ganger_bus::{Publish, StreamConfig};
use std::time::{Duration, Instant};

conformance!(
    the_oldest_are_dropped_but_never_the_last,
    what_is_too_old_is_dropped_and_what_is_young_is_kept,
    an_id_is_remembered_although_its_message_was_dropped,
    a_consumer_goes_on_behind_what_was_dropped,
);

async fn the_oldest_are_dropped_but_never_the_last(store: Store) {
    let bus = store.bus;
    bus.declare(StreamConfig { max_messages: Some(3), ..stream("S", "s.>") }).await.unwrap();
    for n in 0..10 {
        publish(&bus, "s.a", &n.to_string()).await;
    }
    let info = bus.info("S").await.unwrap();
    assert_eq!((info.messages, info.first_sequence, info.last_sequence), (3, 8, 10));
}

/// Stores drop when it suits them: publishing goes on until it is seen.
async fn what_is_too_old_is_dropped_and_what_is_young_is_kept(store: Store) {
    let bus = store.bus;
    bus.declare(StreamConfig { max_age: Some(Duration::from_millis(50)), ..stream("S", "s.>") }).await.unwrap();
    bus.declare(StreamConfig { max_age: Some(SOON * 100), ..stream("T", "t.>") }).await.unwrap();
    let begun = Instant::now();
    while bus.info("S").await.unwrap().first_sequence == 1 {
        assert!(begun.elapsed() < SOON, "the first message is older than 50 ms and still there");
        publish(&bus, "s.a", "x").await;
        publish(&bus, "t.a", "x").await;
    }
    let (old, young) = (bus.info("S").await.unwrap(), bus.info("T").await.unwrap());
    assert!(begun.elapsed() > Duration::from_millis(50), "nothing was old enough to be dropped");
    assert!(old.messages >= 1 && old.last_sequence == young.last_sequence);
    let kept = bus.read("S", 1, ">", usize::MAX).await.unwrap();
    let sequences: Vec<u64> = kept.iter().map(|m| m.sequence).collect();
    assert_eq!(sequences, (old.first_sequence..=old.last_sequence).collect::<Vec<_>>(), "no holes");
    assert_eq!((young.first_sequence, young.messages), (1, young.last_sequence), "nothing young was dropped");
}

async fn an_id_is_remembered_although_its_message_was_dropped(store: Store) {
    let bus = store.bus;
    bus.declare(StreamConfig { max_messages: Some(2), ..stream("S", "s.>") }).await.unwrap();
    let first = bus.publish(Publish::new("s.a", "x").message_id("k")).await.unwrap();
    for n in 0..10 {
        bus.publish(Publish::new("s.a", "x").message_id(n.to_string())).await.unwrap();
    }
    assert!(bus.info("S").await.unwrap().first_sequence > first.sequence, "its message was dropped");
    let again = bus.publish(Publish::new("s.a", "x").message_id("k")).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.sequence, first.sequence);
    assert_eq!(bus.info("S").await.unwrap().last_sequence, 11);
}

async fn a_consumer_goes_on_behind_what_was_dropped(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", Duration::ZERO)).await.unwrap();
    publish(&bus, "s.a", "1").await;
    assert_eq!(fetched(&bus, "c", 10).await, [(1, 1)]);
    bus.declare(StreamConfig { max_messages: Some(2), ..stream("S", "s.>") }).await.unwrap();
    for n in 2..=6 {
        publish(&bus, "s.a", &n.to_string()).await;
    }
    assert_eq!(fetched(&bus, "c", 10).await, [(5, 1), (6, 1)], "1 was handed out and is gone, 2 to 4 never were");
}
