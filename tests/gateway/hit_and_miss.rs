//! What is stored, what answers from the store, and for how long.

use crate::support::house::House;
use crate::support::house::pass;
use crate::support::upstream::Say;

const ANN: &str = "Bearer ann";
const BEN: &str = "Bearer ben";

#[tokio::test(start_paused = true)]
async fn the_second_read_of_a_ticket_is_answered_from_memory() {
    let house = House::new();
    let miss = house.ticket("t1", ANN).await;
    assert_eq!(
        (miss.status, miss.cache().as_str()),
        (200, "verifik-gateway; fwd=uri-miss; fwd-status=200; stored")
    );
    assert_eq!(miss.field("age"), None);
    pass(3).await;
    let hit = house.ticket("t1", ANN).await;
    assert_eq!((hit.status, hit.text()), (200, miss.text()));
    assert!(hit.cache().starts_with("verifik-gateway; hit; ttl=1"), "{}", hit.cache());
    assert_eq!(hit.field("age"), Some("3"));
    assert_eq!(house.upstream.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_credentials_never_share_a_stored_response() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    assert!(!house.ticket("t1", BEN).await.is_hit());
    assert!(!house.ticket("t1", "bearer ann").await.is_hit());
    assert_eq!(house.upstream.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_open_ticket_is_asked_for_again_after_fifteen_seconds() {
    let house = House::new();
    house.ticket("t1", ANN).await;
    pass(15).await;
    let again = house.ticket("t1", ANN).await;
    assert!(again.cache().contains("fwd=stale"), "{}", again.cache());
    assert_eq!(house.upstream.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_not_found_is_remembered_for_a_short_while() {
    let house = House::new();
    house.upstream.always(Say::not_found());
    house.ticket("t1", ANN).await;
    let hit = house.ticket("t1", ANN).await;
    assert_eq!(hit.status, 404);
    assert!(hit.is_hit() && hit.cache().ends_with("; detail=not-found"), "{}", hit.cache());
    pass(10).await;
    assert!(!house.ticket("t1", ANN).await.is_hit());
    assert_eq!(house.upstream.count(), 2);
}
