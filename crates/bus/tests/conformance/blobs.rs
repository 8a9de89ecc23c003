//! Blobs, and payloads that are stored as such.

use crate::backend::{HOUR, NOW, Store, consumer, declare, stream};
use crate::conformance;
use ganger_bus::{Blob, Bus, BusError, LargePayloads, Publish, StreamConfig};
use std::sync::Arc;

conformance!(
    a_blob_comes_back_as_it_was,
    a_blob_is_replaced_as_a_whole,
    a_blob_that_is_not_there_is_said_so,
    a_blob_goes_when_it_is_too_old,
    a_payload_of_any_size_is_published_and_read,
    a_content_that_looks_like_a_pointer_comes_back_as_it_was,
    a_payload_that_is_lost_stops_readers_but_no_consumer,
);

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
}

async fn a_blob_comes_back_as_it_was(store: Store) {
    for size in [0, 1, 128 * 1024, 3 * 1024 * 1024 + 7] {
        store.bus.put_blob(Blob::new(format!("b/{size}"), content(size))).await.unwrap();
    }
    let other = store.open_again().await;
    for size in [0, 1, 128 * 1024, 3 * 1024 * 1024 + 7] {
        assert!(other.get_blob(&format!("b/{size}")).await.unwrap() == content(size), "{size} bytes");
    }
}

/// A reader beside a writer sees one of the two, never a mixture.
async fn a_blob_is_replaced_as_a_whole(store: Store) {
    const SIZE: usize = 700 * 1024;
    let of = |byte: u8| Blob::new("b", vec![byte; SIZE]);
    store.bus.put_blob(of(0)).await.unwrap();
    let (writer, reader) = (store.open_again().await, Arc::clone(&store.bus));
    let writing = tokio::spawn(async move {
        for n in 1..=20 {
            writer.put_blob(of(n)).await.unwrap();
        }
    });
    let mut last = 0;
    while last < 20 {
        let found = reader.get_blob("b").await.unwrap();
        assert!(found.len() == SIZE && found.iter().all(|byte| *byte == found[0]) && found[0] >= last);
        last = found[0];
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

async fn a_blob_that_is_not_there_is_said_so(store: Store) {
    let bus = store.bus;
    let missing = bus.get_blob("b").await;
    assert!(matches!(missing, Err(BusError::NoBlob(_))), "{missing:?}");
    bus.put_blob(Blob::new("b", "x")).await.unwrap();
    bus.delete_blob("b").await.unwrap();
    bus.delete_blob("b").await.unwrap();
    let missing = bus.get_blob("b").await;
    assert!(matches!(missing, Err(BusError::NoBlob(_))), "{missing:?}");
}

/// Stores drop when it suits them: others are stored until it is seen.
async fn a_blob_goes_when_it_is_too_old(store: Store) {
    let bus = store.bus;
    bus.put_blob(Blob { max_age: Some(NOW), ..Blob::new("old", "x") }).await.unwrap();
    bus.put_blob(Blob { max_age: Some(HOUR), ..Blob::new("young", "x") }).await.unwrap();
    let begun = std::time::Instant::now();
    while bus.get_blob("old").await.is_ok() {
        assert!(begun.elapsed() < crate::backend::SOON);
        bus.put_blob(Blob::new("other", "x")).await.unwrap();
    }
    assert_eq!(bus.get_blob("young").await.unwrap(), b"x");
}

async fn large(store: &Store) -> Arc<dyn Bus> {
    let bus: Arc<dyn Bus> = Arc::new(LargePayloads::new(Arc::clone(&store.bus)));
    declare(&bus).await;
    bus.consumer(consumer("c", "s.>", HOUR)).await.unwrap();
    bus
}

/// All ways to read give the same.
async fn read_back(bus: &Arc<dyn Bus>) -> [Vec<u8>; 3] {
    let read = bus.read("S", 1, ">", 1).await.unwrap().pop().unwrap().payload;
    let followed = bus.tail("S", 1, ">").await.unwrap().next().await.unwrap().payload;
    let delivered = bus.fetch("S", "c", 1, NOW).await.unwrap().pop().unwrap().message.payload;
    [read, followed, delivered]
}

async fn a_payload_of_any_size_is_published_and_read(store: Store) {
    let bus = large(&store).await;
    let payload = content(store.bus.max_payload() + 1);
    bus.publish(Publish::new("s.a", payload.clone())).await.unwrap();
    assert!(read_back(&bus).await.iter().all(|found| *found == payload));
    let stored = store.bus.read("S", 1, ">", 1).await.unwrap().pop().unwrap();
    assert!(stored.payload.len() < 200, "the message itself is small");
}

async fn a_content_that_looks_like_a_pointer_comes_back_as_it_was(store: Store) {
    let bus = large(&store).await;
    bus.publish(Publish::new("s.a", content(store.bus.max_payload() + 1))).await.unwrap();
    let pointer = store.bus.read("S", 1, ">", 1).await.unwrap().pop().unwrap().payload;
    bus.publish(Publish::new("s.a", pointer.clone())).await.unwrap();
    assert_eq!(bus.read("S", 2, ">", 1).await.unwrap().pop().unwrap().payload, pointer);
}

async fn a_payload_that_is_lost_stops_readers_but_no_consumer(store: Store) {
    let bus = large(&store).await;
    bus.declare(StreamConfig { max_age: Some(HOUR), ..stream("S", "s.>") }).await.unwrap();
    bus.publish(Publish::new("s.a", content(store.bus.max_payload() + 1))).await.unwrap();
    bus.publish(Publish::new("s.a", "small")).await.unwrap();
    let pointer = store.bus.read("S", 1, ">", 1).await.unwrap().pop().unwrap().payload;
    let text = String::from_utf8(pointer.clone()).unwrap();
    bus.delete_blob(text.split_once(':').unwrap().1).await.unwrap();
    let refused = bus.read("S", 1, ">", 2).await;
    assert!(matches!(refused, Err(BusError::NoBlob(_))), "{refused:?}");
    let mut tail = bus.tail("S", 1, ">").await.unwrap();
    for _ in 0..2 {
        let refused = tail.next().await;
        assert!(matches!(refused, Err(BusError::NoBlob(_))), "it is not left out: {refused:?}");
    }
    let delivered = bus.fetch("S", "c", 2, NOW).await.unwrap();
    assert_eq!(delivered[0].message.payload, pointer);
    assert_eq!(delivered[1].message.payload, b"small");
}
