//! Following a stream.

use crate::backend::{SOON, Store, declare, publish};
use crate::conformance;
use crate::consumers::is_pending;
use ganger_bus::{Bus, BusError, Message, Tail};
use std::pin::pin;
use std::sync::Arc;

conformance!(
    a_tail_sees_everything_once_and_in_order_while_others_publish,
    a_tail_sees_what_matches_from_where_it_begins,
    a_tail_wakes_up_for_each_publish,
    a_tail_that_is_dropped_while_it_waits_loses_nothing,
    a_tail_of_what_is_stored_does_not_wait,
    a_tail_goes_on_behind_what_was_dropped,
    a_tail_needs_a_stream,
);

async fn next(tail: &mut Tail) -> Message {
    tokio::time::timeout(SOON, tail.next()).await.unwrap().unwrap()
}

async fn a_tail_sees_everything_once_and_in_order_while_others_publish(store: Store) {
    const EACH: u64 = 300;
    declare(&store.bus).await;
    let mut tails =
        [store.bus.tail("S", 1, ">").await.unwrap(), store.open_again().await.tail("S", 1, "s.a").await.unwrap()];
    let write = |bus: Arc<dyn Bus>, subject: &'static str| async move {
        for n in 0..EACH {
            publish(&bus, subject, &n.to_string()).await;
        }
    };
    let writers =
        [tokio::spawn(write(store.open_again().await, "s.a")), tokio::spawn(write(store.open_again().await, "s.b"))];
    let mut all = Vec::new();
    for _ in 0..2 * EACH {
        all.push(next(&mut tails[0]).await.sequence);
    }
    assert_eq!(all, (1..=2 * EACH).collect::<Vec<_>>());
    for n in 0..EACH {
        let message = next(&mut tails[1]).await;
        assert_eq!((message.subject.as_str(), message.payload), ("s.a", n.to_string().into_bytes()));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for tail in &mut tails {
        assert_eq!(tail.next_stored().await.unwrap(), None);
    }
}

async fn a_tail_sees_what_matches_from_where_it_begins(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    for n in 1..=600 {
        publish(&bus, if n % 100 == 0 { "s.rare" } else { "s.often" }, &n.to_string()).await;
    }
    let mut tail = bus.tail("S", 400, "s.rare").await.unwrap();
    let seen = [next(&mut tail).await.sequence, next(&mut tail).await.sequence, next(&mut tail).await.sequence];
    assert_eq!(seen, [400, 500, 600]);
    assert!(is_pending(&mut pin!(tail.next())).await);
}

async fn a_tail_wakes_up_for_each_publish(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let mut tail = bus.tail("S", 1, "s.a").await.unwrap();
    for n in 1..=3 {
        let mut waiting = pin!(tail.next());
        assert!(is_pending(&mut waiting).await);
        publish(&bus, "s.b", "not this").await;
        publish(&bus, "s.a", "this").await;
        let message = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
        assert_eq!(message.sequence, 2 * n);
    }
}

async fn a_tail_that_is_dropped_while_it_waits_loses_nothing(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let mut tail = bus.tail("S", 1, ">").await.unwrap();
    let mut seen = Vec::new();
    for n in 1..=200_u64 {
        let poll_once = std::future::poll_fn(|cx| std::task::Poll::Ready(pin!(tail.next()).poll(cx).is_pending()));
        assert!(poll_once.await, "nothing is there");
        publish(&bus, "s.a", &n.to_string()).await;
        publish(&bus, "s.a", &n.to_string()).await;
        seen.push(next(&mut tail).await.sequence);
        seen.push(next(&mut tail).await.sequence);
    }
    assert_eq!(seen, (1..=400).collect::<Vec<_>>());
}

async fn a_tail_of_what_is_stored_does_not_wait(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let mut tail = bus.tail("S", 0, ">").await.unwrap();
    assert_eq!(tail.next_stored().await.unwrap(), None);
    publish(&bus, "s.a", "1").await;
    assert_eq!(tail.next_stored().await.unwrap().unwrap().sequence, 1);
    assert_eq!(tail.next_stored().await.unwrap(), None);
}

async fn a_tail_goes_on_behind_what_was_dropped(store: Store) {
    let bus = store.bus;
    let few = ganger_bus::StreamConfig { max_messages: Some(2), ..crate::backend::stream("S", "s.>") };
    bus.declare(few).await.unwrap();
    let mut tail = bus.tail("S", 1, ">").await.unwrap();
    for n in 1..=5 {
        publish(&bus, "s.a", &n.to_string()).await;
    }
    assert_eq!([next(&mut tail).await.sequence, next(&mut tail).await.sequence], [4, 5]);
}

async fn a_tail_needs_a_stream(store: Store) {
    let refused = store.bus.tail("S", 1, ">").await;
    assert!(matches!(refused, Err(BusError::NoStream(_))), "{refused:?}");
}
