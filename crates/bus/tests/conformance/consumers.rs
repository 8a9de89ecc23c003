//! Consumers: what they hand out, and what an acknowledgement does.

use crate::backend::{HOUR, NOW, SOON, Store, consumer, declare, fetch, fetched, handles, publish};
use crate::conformance;
use ganger_bus::{AckHandle, AckKind, Bus, BusError, ConsumerConfig};
use std::sync::Arc;
use std::time::Duration;

conformance!(
    a_consumer_gets_its_filter_in_order_and_once_when_acknowledged,
    a_delivery_that_is_not_acknowledged_comes_again_with_a_count,
    nak_delays_and_term_ends,
    max_deliver_gives_up,
    progress_keeps_a_delivery_away,
    two_pullers_share_one_consumer,
    two_consumers_do_not_share,
    fetch_wakes_up_for_a_publish,
    fetch_wakes_up_for_a_nak,
    fetch_wakes_up_when_the_ack_wait_is_over,
    a_consumer_that_is_not_declared_is_refused,
    a_handle_that_is_none_is_refused,
);

async fn a_consumer_gets_its_filter_in_order_and_once_when_acknowledged(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    for (subject, text) in [("s.a", "1"), ("s.b", "2"), ("s.a", "3")] {
        publish(&bus, subject, text).await;
    }
    bus.consumer(consumer("c", "s.a", NOW)).await.unwrap();
    let got = fetch(&bus, "c", 10).await;
    assert_eq!(got.iter().map(|d| d.message.sequence).collect::<Vec<_>>(), [1, 3]);
    bus.ack(&handles(&got), AckKind::Ack).await.unwrap();
    assert!(fetch(&bus, "c", 10).await.is_empty());
}

async fn a_delivery_that_is_not_acknowledged_comes_again_with_a_count(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", NOW)).await.unwrap();
    publish(&bus, "s.a", "1").await;
    assert_eq!(fetched(&bus, "c", 1).await, [(1, 1)]);
    assert_eq!(bus.fetch("S", "c", 1, SOON).await.unwrap()[0].count, 2);
}

async fn nak_delays_and_term_ends(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    publish(&bus, "s.a", "1").await;
    let got = handles(&fetch(&bus, "c", 1).await);
    bus.ack(&got, AckKind::Nak(HOUR)).await.unwrap();
    assert!(fetch(&bus, "c", 1).await.is_empty(), "a delayed delivery waits");
    bus.ack(&got, AckKind::Nak(NOW)).await.unwrap();
    assert_eq!(fetched(&bus, "c", 1).await, [(1, 2)]);
    bus.ack(&got, AckKind::Term).await.unwrap();
    bus.ack(&got, AckKind::Nak(NOW)).await.unwrap();
    assert!(fetch(&bus, "c", 1).await.is_empty(), "a terminated delivery never comes again");
}

async fn max_deliver_gives_up(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(ConsumerConfig { max_deliver: Some(2), ..consumer("c", "s.>", NOW) }).await.unwrap();
    publish(&bus, "s.a", "1").await;
    assert_eq!(fetched(&bus, "c", 1).await, [(1, 1)]);
    assert_eq!(bus.fetch("S", "c", 1, SOON).await.unwrap()[0].count, 2);
    publish(&bus, "s.a", "2").await;
    assert_eq!(fetched(&bus, "c", 1).await, [(2, 1)], "1 was given up");
}

async fn progress_keeps_a_delivery_away(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    publish(&bus, "s.a", "1").await;
    let got = handles(&fetch(&bus, "c", 1).await);
    bus.ack(&got, AckKind::Nak(NOW)).await.unwrap();
    bus.ack(&got, AckKind::InProgress).await.unwrap();
    assert!(fetch(&bus, "c", 1).await.is_empty());
}

async fn two_pullers_share_one_consumer(store: Store) {
    let bus = &store.bus;
    declare(bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    for n in 0..40 {
        publish(bus, "s.a", &n.to_string()).await;
    }
    let pull = |bus: Arc<dyn Bus>| async move {
        let mut got = Vec::new();
        loop {
            let page = fetch(&bus, "c", 3).await;
            if page.is_empty() {
                return got;
            }
            got.extend(page.into_iter().map(|d| d.message.sequence));
        }
    };
    let (a, b) = (store.open_again().await, store.open_again().await);
    let (a, b) = tokio::join!(tokio::spawn(pull(a)), tokio::spawn(pull(b)));
    let mut all: Vec<u64> = a.unwrap().into_iter().chain(b.unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (1..=40).collect::<Vec<_>>(), "each message once, none forgotten");
}

async fn two_consumers_do_not_share(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    for name in ["c", "d"] {
        bus.consumer(consumer(name, "s.>", HOUR)).await.unwrap();
    }
    publish(&bus, "s.a", "1").await;
    let got = fetch(&bus, "c", 1).await;
    bus.ack(&handles(&got), AckKind::Ack).await.unwrap();
    assert_eq!(fetched(&bus, "d", 1).await, [(1, 1)]);
}

async fn fetch_wakes_up_for_a_publish(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    let mut waiting = std::pin::pin!(bus.fetch("S", "c", 10, HOUR));
    assert!(is_pending(&mut waiting).await);
    publish(&bus, "s.a", "1").await;
    assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().len(), 1);
}

async fn fetch_wakes_up_for_a_nak(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    publish(&bus, "s.a", "1").await;
    let got = handles(&fetch(&bus, "c", 10).await);
    let mut waiting = std::pin::pin!(bus.fetch("S", "c", 10, HOUR));
    assert!(is_pending(&mut waiting).await);
    bus.ack(&got, AckKind::Nak(NOW)).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap()[0].count, 2);
}

async fn fetch_wakes_up_when_the_ack_wait_is_over(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", Duration::from_millis(300))).await.unwrap();
    publish(&bus, "s.a", "1").await;
    assert_eq!(fetched(&bus, "c", 10).await, [(1, 1)]);
    let waiting = bus.fetch("S", "c", 10, HOUR);
    assert_eq!(tokio::time::timeout(SOON, waiting).await.unwrap().unwrap()[0].count, 2);
}

async fn a_consumer_that_is_not_declared_is_refused(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let refused = bus.fetch("S", "nobody", 1, NOW).await;
    assert!(matches!(refused, Err(BusError::NoConsumer { .. })), "{refused:?}");
    let refused = bus.consumer(consumer("a.b", ">", HOUR)).await;
    assert!(matches!(refused, Err(BusError::BadName(_))), "{refused:?}");
}

async fn a_handle_that_is_none_is_refused(store: Store) {
    let bus = store.bus;
    declare(&bus).await;
    let refused = bus.ack(&[AckHandle::from("nonsense".to_owned())], AckKind::Ack).await;
    assert!(matches!(refused, Err(BusError::BadHandle(_))), "{refused:?}");
}

/// Whether a future waits, after it had the chance to look.
pub(crate) async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::time::timeout(Duration::from_millis(50), future).await.is_err()
}
