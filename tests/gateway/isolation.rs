//! No tenant sees a byte of another's (threats.md L1-L30): every answer of the upstream carries the
//! credential it was asked with, and every client looks for its own in all that it receives.

use crate::support::chance::seeds;
use crate::support::client::Client;
use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::timed;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use fastrand::Rng;
use std::time::Duration;
use tokio::time::sleep;
use tokio::time::timeout;

/// The tenants' credentials. Some differ in nothing but what a careless reader drops.
const TENANTS: [&str; 6] =
    ["Bearer ann", "bearer ann", "Bearer Ann", "Bearer ann ben", "Bearer annben", "Basic ann"];

/// An upstream that says, in one of many ways and after a while, who asked.
fn echo(house: &House, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    house.upstream.says(move |asked| {
        let pause = Duration::from_millis(rng.u64(..6));
        Say::After(pause, Box::new(echoed(asked, &mut rng)))
    });
}

fn echoed(asked: &Message, rng: &mut Rng) -> Say {
    let (id, canary) = (id_of(asked), canary(asked.field("authorization")));
    let filling = "x".repeat(if rng.u8(..8) == 0 { 400 } else { 0 });
    let ticket = format!(r#"{{"data":{{"_id":"{id}","seen":"{canary}","filling":"{filling}"}}}}"#);
    let problem = format!(r#"{{"code":"NotFound","message":"{canary}"}}"#);
    let field = [("x-seen", canary.as_str())];
    match rng.u8(..10) {
        0 => Say::json(404, &problem, &field),
        1 => Say::json(401, &problem, &field),
        2 => Say::json(200, &ticket, &[field[0], ("vary", "user-agent")]),
        3 => Say::json(200, &ticket, &[field[0], ("cache-control", "no-store")]),
        4 => Say::json(503, &problem, &field),
        _ => Say::json(200, &ticket, &field),
    }
}

fn canary(authorization: Option<&str>) -> String {
    format!("<{}>", authorization.unwrap_or("nobody"))
}

fn assert_own(reply: &Reply, token: Option<&str>, row: &str) {
    let own = canary(token);
    assert_eq!(reply.field("x-seen"), Some(own.as_str()), "{row}: {reply:?}");
    assert_eq!(reply.text().matches('<').count(), 1, "{row}: {reply:?}");
    assert!(reply.text().contains(&own) && reply.message.whole, "{row}: {reply:?}");
}

/// A tenant asks once or twice on one connection, and may lose patience.
async fn visit(mut client: Client, token: &'static str, id: u64, mut rng: Rng) {
    sleep(Duration::from_millis(rng.u64(..6))).await;
    let target = format!("/v2/support-tickets/t{id}{}", rng.choice(["", "", "?a", "?b"]).unwrap());
    let control = rng.choice(["max-age=60", "max-age=60", "no-cache"]).unwrap();
    for _ in 0..2 {
        let fields = [("authorization", token), ("cache-control", control)];
        let patience = Duration::from_millis(rng.u64(..40));
        let Ok(reply) = timeout(patience, client.ask("GET", &target, &fields)).await else {
            return;
        };
        assert_own(&reply, Some(token), &format!("SEED={id}"));
    }
}

#[tokio::test(start_paused = true)]
async fn tenants_who_ask_for_one_ticket_at_once_see_their_own_answers_in_a_thousand_orders() {
    let house = House::with(|settings| settings.cache.max_stored_body = 300);
    for seed in seeds(0..1_000) {
        echo(&house, seed);
        let mut rng = Rng::with_seed(seed);
        let two = rng.choose_multiple(TENANTS, 2);
        let visits: Vec<_> = (0..6)
            .map(|n| tokio::spawn(visit(house.client(), two[n % 2], seed, rng.fork())))
            .collect();
        for visit in visits {
            visit.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_answer_is_for_the_credential_that_asked_for_it_byte_for_byte() {
    let house = House::new();
    house.upstream.says(|asked| {
        let own = canary(asked.field("authorization"));
        let body = format!(r#"{{"data":{{"_id":"t1","seen":"{own}"}}}}"#);
        Say::json(200, &body, &[("x-seen", &own)])
    });
    for round in 0..2 {
        for token in TENANTS {
            let reply = house.ticket("t1", token).await;
            assert_own(&reply, Some(token), token);
            assert_eq!(reply.is_hit(), round == 1, "{token}");
        }
    }
    assert_eq!(house.upstream.count(), TENANTS.len());
}

#[tokio::test(start_paused = true)]
async fn tenants_who_share_a_connection_get_their_own_answers_in_order() {
    let house = House::new();
    echo(&house, 1);
    let asks: Vec<_> =
        (0..50).map(|n| (TENANTS[n % 2], format!("/support-tickets/t{}", n % 3))).collect();
    let mut client = house.client();
    for (token, target) in &asks {
        client.write(request("GET", target, &[("authorization", token)], "")).await;
    }
    for (n, (token, _)) in asks.iter().enumerate() {
        let reply = client.reply_to("GET").await.unwrap();
        assert_own(&reply, Some(token), &format!("request {n}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_does_not_stay_with_its_connection() {
    let house = House::new();
    house.upstream.says(|asked| {
        let own = canary(asked.field("authorization"));
        Say::json(404, &format!(r#"{{"message":"{own}"}}"#), &[("x-seen", &own)])
    });
    let mut client = house.client();
    for token in [Some("Bearer ann"), None, Some("Bearer ben"), None, Some("Bearer ann")] {
        let fields = token.map(|token| ("authorization", token));
        let reply = client.ask("GET", "/v2/support-tickets/t1", fields.as_slice()).await;
        assert_own(&reply, token, &format!("{token:?}"));
    }
    assert_eq!(house.upstream.count(), 4, "nothing is stored without a credential");
}

#[tokio::test(start_paused = true)]
async fn octets_that_are_no_text_make_another_credential() {
    let house = House::new();
    let all: [&[u8]; 6] = [
        b"Bearer an",
        b"Bearer an\xa0",
        b"Bearer an\xff",
        b"Bearer\tan",
        b"Bearer \xc3\xa1n",
        b"\xfe",
    ];
    for (round, row) in (0..2).flat_map(|round| (0..all.len()).map(move |row| (round, row))) {
        let mut client = house.client();
        let head = b"GET /v2/support-tickets/t1 HTTP/1.1\r\nhost: a\r\nauthorization: ";
        client.write([head, all[row], b"\r\n\r\n"].concat()).await;
        let hit = client.reply_to("GET").await.unwrap().is_hit();
        let count = if round == 0 { row + 1 } else { all.len() };
        let seen = (hit, house.upstream.count());
        assert_eq!(seen, (round == 1, count), "{}", all[row].escape_ascii());
    }
}

/// Not the time in nanoseconds, but all that it could come from: the same steps are taken.
#[tokio::test(start_paused = true)]
async fn what_another_tenant_has_stored_is_to_be_told_by_nothing() {
    let house = House::new();
    house.upstream.says(|asked| Say::ticket(id_of(asked), "open", &[]).after(1));
    for (token, id) in [(ANN, "t1"), (ANN, "t1"), (BEN, "other")] {
        house.ticket(id, token).await;
    }
    let mut told = Vec::new();
    for id in ["t1", "t2"] {
        let (before, (took, reply)) = (house.upstream.count(), timed(house.ticket(id, BEN)).await);
        let own = ["date", "etag"];
        let mut fields = reply.message.fields;
        fields.retain(|(name, _)| !own.contains(&&**name));
        let heard = house.upstream.last().fields;
        told.push((took, reply.status, fields, house.upstream.count() - before, heard));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].3, 1);
}
