//! Every kind of bad answer × {nothing stored, something stale, fifty who wait}: nothing of it is
//! stored, nothing that was cut looks whole, and no connection is used again where nobody can tell
//! where the next answer on it would begin.

use crate::bad_wire;
use crate::bad_words;
use crate::support::bad::Ended;
use crate::support::bad::Kind;
use crate::support::bad::Owed;
use crate::support::bad::TICKET;
use crate::support::bad::Then;
use crate::support::bad::WHOLE;
use crate::support::bad::wire;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::crowd::crowd;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::once_and_at_once;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::recall::T1;
use crate::support::upstream::Say;
use std::collections::HashSet;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use verifik_gateway::settings::model::Settings;

fn kinds() -> Vec<Kind> {
    bad_wire::kinds().into_iter().chain(bad_words::kinds()).collect()
}

/// Longer than any forward and the streaming of its answer may take: `total_timeout`, and a
/// `body_timeout`.
const BOUND: Duration = Duration::from_secs(91);

const WAITERS: usize = 50;

#[test]
fn there_are_so_many_kinds_and_no_two_alike() {
    let kinds = kinds();
    let distinct: HashSet<_> = kinds.iter().map(|kind| format!("{:?}", kind.say)).collect();
    assert_eq!((kinds.len(), distinct.len()), (268, 268));
}

#[tokio::test(start_paused = true)]
async fn no_kind_of_bad_answer_is_stored_or_looks_whole_if_it_is_not() {
    each(|kind| async move {
        let house = House::with(at_once);
        house.upstream.always(kind.say.clone());
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        check(&kind, &reply);
        assert!(took < BOUND && house.upstream.count() == 1, "{}: {took:?}", kind.name);
        next_is_asked_for(&house, &kind).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_kind_of_bad_answer_replaces_what_is_stale_but_by_what_design_says() {
    each(|kind| async move {
        let house = House::with(without_leases);
        house.upstream.always(Say::ticket("t1", "stale", &[("cache-control", "max-age=20")]));
        house.ticket("t1", ANN).await;
        pass(30).await;
        house.upstream.always(kind.say.clone());
        let reply = house.ticket("t1", ANN).await;
        match &kind.owed {
            Owed::Failure(_) | Owed::Delivered(_, _, _, Then::StandsIn) => stands_in(&kind, &reply),
            _ => check(&kind, &reply),
        }
        assert_eq!(house.upstream.count(), 2, "{}", kind.name);
        let reply = next(&house, &kind, Say::json(503, "{}", &[])).await;
        if matches!(kind.owed, Owed::Delivered(_, _, _, Then::Goes)) {
            assert_eq!((reply.status, reply.text().as_str()), (503, "{}"), "{}", kind.name);
        } else {
            stands_in(&kind, &reply);
        }
    })
    .await;
}

/// Tries every kind, each as a task of its own, so that all that fail are named.
async fn each<F: Future<Output = ()> + Send + 'static>(case: impl Fn(Kind) -> F) {
    let mut wrong = Vec::new();
    for kind in kinds() {
        let name = kind.name.clone();
        if tokio::spawn(case(kind)).await.is_err() {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn reading_little(settings: &mut Settings) {
    settings.cache.max_stored_body = WHOLE;
}

fn at_once(settings: &mut Settings) {
    reading_little(settings);
    once_and_at_once(settings);
}

fn without_leases(settings: &mut Settings) {
    at_once(settings);
    settings.lifetimes.lease = Duration::ZERO;
    settings.lifetimes.stale_while_revalidate = Duration::ZERO;
}

#[tokio::test(start_paused = true)]
async fn fifty_who_wait_for_a_bad_answer_all_get_their_outcome() {
    each(|kind| async move {
        let house = House::with(reading_little);
        house.upstream.always(kind.say.clone().after(1));
        let (took, replies) = timed(crowd(&house, WAITERS, T1, &[("authorization", ANN)])).await;
        assert_eq!(replies.len(), WAITERS);
        for reply in &replies {
            check(&kind, reply);
        }
        let most = kind.most_requests(WAITERS);
        let asked = house.upstream.count();
        assert!(took < 2 * BOUND && asked <= most, "{}: {asked} requests, {took:?}", kind.name);
        next_is_asked_for(&house, &kind).await;
    })
    .await;
}

/// Whether the reply is what is owed to who asked, where nothing stands in.
fn check(kind: &Kind, reply: &Reply) {
    let what = format!("{}: {:?} {}", kind.name, reply.message.start, reply.cache());
    assert!(!reply.cache().contains("stored") && !reply.is_hit(), "{what}");
    match &kind.owed {
        Owed::Failure(code) => {
            let status = if code.ends_with("TIMEOUT") { 504 } else { 502 };
            let told: serde_json::Value = serde_json::from_str(&reply.text()).unwrap_or_default();
            let told = (reply.status, told["code"].as_str(), reply.message.whole);
            assert_eq!(told, (status, Some(*code), true), "{what}");
        }
        Owed::Delivered(status, body, why, _) => {
            assert_eq!((reply.status, reply.message.whole), (*status, true), "{what}");
            assert!(reply.message.body == *body, "{what} {}", reply.text());
            assert!(reply.cache().ends_with(&format!("; detail={why}")), "{what}");
        }
        Owed::Streamed(body, ended) => {
            let (got, whole) = (&reply.message.body, reply.message.whole);
            assert_eq!((reply.status, whole), (200, *ended == Ended::Whole), "{what}");
            assert!(got == body || (!whole && body.starts_with(got)), "{what}");
            assert!(reply.cache().ends_with("; detail=too-long"), "{what}");
        }
    }
}

fn stands_in(kind: &Kind, reply: &Reply) {
    let is_old = reply.status == 200 && reply.text().contains("\"stale\"") && reply.message.whole;
    assert!(is_old, "{}: {:?} {}", kind.name, reply.message.start, reply.text());
    assert!(reply.cache().ends_with("; detail=stale-if-error"), "{}: {}", kind.name, reply.cache());
}

/// Whether the upstream, in order again, is asked anew.
async fn next_is_asked_for(house: &House, kind: &Kind) {
    let asked = house.upstream.count();
    let reply = next(house, kind, Say::json(200, TICKET, &[])).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, TICKET), "{}", kind.name);
    assert!(!reply.is_hit() && house.upstream.count() == asked + 1, "{}", kind.name);
}

/// The reply to the request that follows a bad answer: it goes out on the same connection only where
/// that is known to be at its beginning.
async fn next(house: &House, kind: &Kind, say: Say) -> Reply {
    // Time for what follows an answer to be seen.
    pass(1).await;
    let connections = house.upstream.connections();
    house.upstream.always(say);
    let reply = house.ticket("t1", ANN).await;
    let again = house.upstream.connections() == connections;
    assert_eq!(again, kind.keeps, "{}: the connection was used again: {again}", kind.name);
    reply
}

#[tokio::test(start_paused = true)]
async fn an_endless_answer_is_read_as_fast_as_its_client_reads_and_ends_when_that_leaves() {
    for fields in ["transfer-encoding: chunked\r\n", ""] {
        let house = House::with(at_once);
        let mut connections = house.upstream.by_hand();
        let mut client = house.client();
        client.write(request("GET", T1, &[("authorization", ANN)], "")).await;
        let mut upstream = connections.recv().await.unwrap();
        upstream.head().await.unwrap();
        upstream.io.write_all(&wire("200 OK", fields, "")).await.unwrap();
        let part = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        let mut parts = 0;
        while let Ok(written) = timeout(SOON, upstream.io.write_all(part.as_bytes())).await {
            written.unwrap();
            parts += 1;
            assert!(parts * part.len() < 2 * WHOLE, "{fields:?}: gathered without end");
        }
        assert!(parts * part.len() > WHOLE, "{fields:?}: not even read whole");
        let begun = client.reader.head().await.unwrap();
        assert_eq!(begun.start, "HTTP/1.1 200 OK");
        drop(client);
        let ended = timeout(SOON, async { while upstream.more().await {} }).await;
        assert!(ended.is_ok(), "{fields:?}: goes on for nobody");
    }
}

const SOON: Duration = Duration::from_secs(1);
