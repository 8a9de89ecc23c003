//! Redelivery: with acknowledgements in between, with two pullers, after a restart, with handles of older deliveries.

use crate::backend::{HOUR, NOW, SOON, Store, consumer, declare, fetch, fetched, handles, publish};
use crate::conformance;
use ganger_bus::{AckKind, Bus};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

conformance!(
    what_was_acknowledged_in_between_does_not_come_again,
    a_redelivery_beside_two_pullers_loses_nothing,
    what_was_not_acknowledged_survives_a_restart,
    an_ack_of_an_older_delivery_ends_the_message,
    a_nak_of_an_older_delivery_moves_the_newer_one,
    progress_of_an_older_delivery_moves_the_newer_one,
);

async fn what_was_acknowledged_in_between_does_not_come_again(store: Store) {
    let (bus, other) = (&store.bus, store.open_again().await);
    declare(bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    for n in 1..=3 {
        publish(bus, "s.a", &n.to_string()).await;
    }
    let first = handles(&fetch(bus, "c", 10).await);
    bus.ack(&first, AckKind::Nak(NOW)).await.unwrap();
    bus.ack(&first[1..2], AckKind::Ack).await.unwrap();
    publish(bus, "s.a", "4").await;
    assert_eq!(fetched(&other, "c", 2).await, [(1, 2), (3, 2)], "what comes again comes first");
    assert_eq!(fetched(bus, "c", 2).await, [(4, 1)]);
    assert_eq!(fetched(&other, "c", 2).await, []);
}

/// Every third message is refused at its first delivery, while others are published and taken.
async fn a_redelivery_beside_two_pullers_loses_nothing(store: Store) {
    const COUNT: u64 = 400;
    declare(&store.bus).await;
    store.bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    let done = Arc::new(Mutex::new(BTreeSet::new()));
    let pull = |bus: Arc<dyn Bus>, done: Arc<Mutex<BTreeSet<u64>>>| async move {
        let begun = Instant::now();
        while (done.lock().unwrap().len() as u64) < COUNT {
            assert!(begun.elapsed() < SOON * 3, "lost: {:?}", missing(&done.lock().unwrap(), COUNT));
            for delivery in fetch(&bus, "c", 4).await {
                let sequence = delivery.message.sequence;
                let kind = if sequence % 3 == 0 && delivery.count == 1 { AckKind::Nak(NOW) } else { AckKind::Ack };
                bus.ack(&[delivery.handle], kind).await.unwrap();
                if kind == AckKind::Ack {
                    done.lock().unwrap().insert(sequence);
                }
            }
        }
    };
    let (a, b) = (store.open_again().await, store.open_again().await);
    let pullers = [tokio::spawn(pull(a, Arc::clone(&done))), tokio::spawn(pull(b, Arc::clone(&done)))];
    for n in 1..=COUNT {
        publish(&store.bus, "s.a", &n.to_string()).await;
    }
    for puller in pullers {
        puller.await.unwrap();
    }
    assert_eq!(fetched(&store.bus, "c", 10).await, []);
}

fn missing(done: &BTreeSet<u64>, count: u64) -> Vec<u64> {
    (1..=count).filter(|n| !done.contains(n)).collect()
}

async fn what_was_not_acknowledged_survives_a_restart(mut store: Store) {
    let bus = &store.bus;
    declare(bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    for n in 1..=3 {
        publish(bus, "s.a", &n.to_string()).await;
    }
    let got = handles(&fetch(bus, "c", 2).await);
    bus.ack(&got[..1], AckKind::Ack).await.unwrap();
    store.restart().await;
    let bus = &store.bus;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    assert_eq!(fetched(bus, "c", 10).await, [(3, 1)], "2 is still under way");
    bus.ack(&got[1..], AckKind::Nak(NOW)).await.unwrap();
    assert_eq!(fetched(bus, "c", 10).await, [(2, 2)], "its handle is good for another process");
}

async fn an_ack_of_an_older_delivery_ends_the_message(store: Store) {
    let bus = store.bus;
    let (older, newer) = delivered_twice(&bus).await;
    bus.ack(&older, AckKind::Ack).await.unwrap();
    bus.ack(&newer, AckKind::Nak(NOW)).await.unwrap();
    assert_eq!(fetched(&bus, "c", 10).await, [], "it was acknowledged");
}

async fn a_nak_of_an_older_delivery_moves_the_newer_one(store: Store) {
    let bus = store.bus;
    let (older, _) = delivered_twice(&bus).await;
    assert_eq!(fetched(&bus, "c", 10).await, []);
    bus.ack(&older, AckKind::Nak(NOW)).await.unwrap();
    assert_eq!(fetched(&bus, "c", 10).await, [(1, 3)]);
}

async fn progress_of_an_older_delivery_moves_the_newer_one(store: Store) {
    let bus = store.bus;
    let (older, newer) = delivered_twice(&bus).await;
    bus.ack(&newer, AckKind::Nak(NOW)).await.unwrap();
    bus.ack(&older, AckKind::InProgress).await.unwrap();
    assert_eq!(fetched(&bus, "c", 10).await, []);
}

type Handles = Vec<ganger_bus::AckHandle>;

async fn delivered_twice(bus: &Arc<dyn Bus>) -> (Handles, Handles) {
    declare(bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    publish(bus, "s.a", "1").await;
    let older = handles(&fetch(bus, "c", 1).await);
    bus.ack(&older, AckKind::Nak(NOW)).await.unwrap();
    let newer = handles(&fetch(bus, "c", 1).await);
    assert_ne!(older, newer);
    (older, newer)
}
