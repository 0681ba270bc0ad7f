//! One budget for the bytes of bodies: stored, on their way, and waiting to be read.

use crate::support::client::Client;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;

const MIB: usize = 1024 * 1024;

/// With 8 MiB for all, 6 of them for storing, and tickets of nearly 1 MiB.
fn crowded() -> House {
    let house = House::with(|settings| {
        once_and_at_once(settings);
        settings.cache.memory = 8 * 1024 * 1024;
    });
    house.upstream.says(|asked| {
        let text = "a".repeat(MIB - 1_000);
        let id = id_of(asked);
        Say::json(200, &format!(r#"{{"data":{{"_id":"{id}","text":"{text}"}}}}"#), &[])
    });
    house
}

fn used(house: &House) -> usize {
    house.door.gateway.cache.room.used()
}

/// Asks for a ticket and reads nothing of it.
async fn slow(house: &House, id: &str) -> Client {
    let mut client = house.client();
    let target = format!("/v2/support-tickets/{id}");
    client.write(request("GET", &target, &[("authorization", ANN)], "")).await;
    pass(1).await;
    client
}

#[tokio::test(start_paused = true)]
async fn what_is_read_by_many_is_held_once() {
    let house = crowded();
    assert_eq!(used(&house), 0);
    house.ticket("1", ANN).await;
    let stored = used(&house);
    assert!((MIB - 1_000..MIB + 1_000).contains(&stored), "{stored}");
    let mut readers = Vec::new();
    for _ in 0..10 {
        readers.push(slow(&house, "1").await);
    }
    assert_eq!((used(&house), house.upstream.count()), (stored, 1));
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_is_streamed_to_its_reader_and_not_stored() {
    let house = crowded();
    let mut readers = Vec::new();
    for id in 0..30 {
        readers.push(slow(&house, &id.to_string()).await);
        assert!(used(&house) <= 8 * MIB, "{} after {id}", used(&house));
    }
    assert!(used(&house) > 7 * MIB, "{}", used(&house));

    let reply = house.ticket("more", ANN).await;
    assert_eq!((reply.status, reply.message.body.len() > MIB - 1_000), (200, true));
    assert_eq!(reply.cache(), "verifik-gateway; fwd=uri-miss; fwd-status=200; detail=no-room");
    let (one, other) = tokio::join!(house.ticket("both", ANN), house.ticket("both", ANN));
    assert_eq!((one.status, other.status), (200, 200), "each has its own");

    drop(readers);
    pass(1).await;
    let store = &house.door.gateway.cache.store;
    let (_, stored) = store.size();
    assert_eq!(u64::try_from(used(&house)).unwrap(), stored, "only what is stored is held");
    house.ticket("more", ANN).await;
    assert!(house.ticket("more", ANN).await.is_hit(), "stored as soon as there is room");
}

#[tokio::test(start_paused = true)]
async fn a_batch_or_a_bulk_write_that_there_is_no_room_for_is_refused_or_marks_everything() {
    let house = crowded();
    house.ticket("1", ANN).await;
    let filled = house.door.gateway.cache.room.take(7 * MIB - 10_000).unwrap();
    let body = "1\n".repeat(5_000);
    let reply = house.write("POST", "/_gateway/tickets", ANN, &body).await;
    assert_eq!((reply.status, reply.field("connection")), (503, Some("close")));
    assert_eq!(house.write("POST", "/_gateway/tickets", ANN, "1\n").await.status, 200);

    let hit = house.ticket("1", ANN).await;
    assert!(hit.cache().contains("hit"), "{}", hit.cache());
    house.write("POST", "/v2/support-tickets/bulk", ANN, r#"{"ids":["2"]}"#).await;
    let asked = house.ticket("1", ANN).await;
    assert!(!asked.is_hit(), "it might have been named: {}", asked.cache());
    drop(filled);
}

/// In a store for about a thousand, which begins to count once it is half full.
#[tokio::test(start_paused = true)]
async fn a_flood_of_ids_leaves_what_another_asks_for_again_and_again() {
    let house = House::with(|settings| settings.cache.memory = MIB as u64);
    house.upstream.says(|asked| Say::ticket(id_of(asked), "closed", &[]));
    let mut asked_anew = Vec::new();
    for round in 0..6 {
        let before = house.upstream.count();
        for n in 0..100 {
            house.ticket(&format!("often{n}"), ANN).await;
        }
        asked_anew.push(house.upstream.count() - before);
        for n in 0..1_000 {
            house.ticket(&format!("once{round}-{n}"), BEN).await;
        }
    }
    assert!(asked_anew[4..].iter().all(|asked| *asked <= 10), "{asked_anew:?} of 100");
}
