//! Publishing and reading.

use crate::backend::{Store, declare, publish, stream};
use crate::conformance;
use ganger_bus::{Bus, BusError, Publish};
use std::sync::Arc;

conformance!(
    sequences_grow_by_one_per_stream,
    a_repeated_message_id_is_stored_once,
    a_wrong_expectation_stores_nothing,
    of_two_publishers_that_expect_the_same_one_is_refused,
    a_subject_without_stream_is_refused,
    a_name_that_is_none_is_refused,
    a_payload_over_the_limit_is_refused,
    replay_is_ordered_and_filtered,
);

async fn sequences_grow_by_one_per_stream(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.declare(stream("T", "t.>")).await.unwrap();
    assert_eq!([publish(&bus, "s.a", "1").await, publish(&bus, "s.b", "2").await], [1, 2]);
    assert_eq!(publish(&bus, "t.a", "1").await, 1);
    let info = bus.info("S").await.unwrap();
    assert_eq!((info.messages, info.first_sequence, info.last_sequence), (2, 1, 2));
}

async fn a_repeated_message_id_is_stored_once(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let first = bus.publish(Publish::new("s.a", "x").message_id("k")).await.unwrap();
    let again = bus.publish(Publish::new("s.a", "y").message_id("k")).await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(first.sequence, again.sequence);
    assert_eq!(bus.info("S").await.unwrap().messages, 1);
}

async fn a_wrong_expectation_stores_nothing(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.publish(Publish::new("s.a", "x").expected_last(0)).await.unwrap();
    let refused = bus.publish(Publish::new("s.a", "y").expected_last(0)).await;
    assert!(matches!(refused, Err(BusError::WrongLast { expected: 0, last: 1 })), "{refused:?}");
    assert_eq!(bus.info("S").await.unwrap().last_sequence, 1);
}

/// Each appends only to what it has seen, as two foremen would.
async fn of_two_publishers_that_expect_the_same_one_is_refused(store: Store) {
    const EACH: usize = 50;
    declare(&store.bus).await;
    let append = |bus: Arc<dyn Bus>, name: &'static str| async move {
        let mut appended = Vec::new();
        while appended.len() < EACH {
            let last = bus.info("S").await.unwrap().last_sequence;
            match bus.publish(Publish::new("s.a", name).expected_last(last)).await {
                Ok(ack) => {
                    assert_eq!(ack.sequence, last + 1, "nobody came in between");
                    appended.push(ack.sequence);
                }
                Err(BusError::WrongLast { expected, last: found }) => assert!(expected == last && found > last),
                Err(e) => panic!("{e}"),
            }
        }
        appended
    };
    let (a, b) = (store.open_again().await, store.open_again().await);
    let (a, b) = tokio::join!(tokio::spawn(append(a, "a")), tokio::spawn(append(b, "b")));
    let (a, b) = (a.unwrap(), b.unwrap());
    let all = store.bus.read("S", 1, ">", 1_000).await.unwrap();
    assert_eq!(all.len(), 2 * EACH);
    for message in all {
        let by = if message.payload == b"a" { &a } else { &b };
        assert!(by.contains(&message.sequence), "{} is of whom it was acknowledged to", message.sequence);
    }
}

async fn a_subject_without_stream_is_refused(store: Store) {
    let refused = store.bus.publish(Publish::new("nowhere.a", "x")).await;
    assert!(matches!(refused, Err(BusError::NoStream(_))), "{refused:?}");
}

async fn a_name_that_is_none_is_refused(store: Store) {
    for name in ["", "a.b", "a b", "ä", "a\"b"] {
        let refused = store.bus.declare(stream(name, "x.>")).await;
        assert!(matches!(refused, Err(BusError::BadName(_))), "{name:?}: {refused:?}");
    }
}

async fn a_payload_over_the_limit_is_refused(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let most = bus.max_payload();
    bus.publish(Publish::new("s.a", vec![b'x'; most])).await.unwrap();
    let refused = bus.publish(Publish::new("s.a", vec![b'x'; most + 1])).await;
    let Err(BusError::PayloadTooLarge { limit, size }) = refused else { panic!("{refused:?}") };
    assert_eq!((limit, size), (most, most + 1));
    assert_eq!(bus.info("S").await.unwrap().last_sequence, 1);
}

async fn replay_is_ordered_and_filtered(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    for n in 1..=600 {
        publish(&bus, if n % 100 == 0 { "s.rare" } else { "s.often" }, &n.to_string()).await;
    }
    let rare = bus.read("S", 150, "s.rare", 10).await.unwrap();
    assert_eq!(rare.iter().map(|m| m.sequence).collect::<Vec<_>>(), [200, 300, 400, 500, 600]);
    let all = bus.read("S", 599, ">", 10).await.unwrap();
    assert_eq!(all.iter().map(|m| m.sequence).collect::<Vec<_>>(), [599, 600]);
}
