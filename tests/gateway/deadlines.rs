//! How long the upstream is waited for: each deadline to the millisecond, and each by its name.

use crate::support::client::Reply;
use crate::support::client::request;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::things::THING;
use crate::support::things::thing;
use crate::support::trouble::Fault;
use crate::support::trouble::HALF;
use crate::support::trouble::in_turn;
use crate::support::trouble::nothing;
use crate::support::upstream::Say;
use std::time::Duration;
use verifik_gateway::settings::model::Rate;
use verifik_gateway::settings::model::Settings;

const T1: &str = "/v2/support-tickets/t1";

/// Milliseconds that are the sum of no two others.
const CONNECT: u64 = 1_234;
const QUEUE: u64 = 777;
const ANSWER: u64 = 2_345;
const BODY: u64 = 1_111;
const TOTAL: u64 = 5_003;
const PASS_THROUGH: u64 = 7_019;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn deadlines(settings: &mut Settings) {
    settings.resources.push(thing("/things/{id}"));
    settings.limit.max_wait = millis(QUEUE);
    settings.breaker.failures = 0;
    let upstream = &mut settings.upstream;
    upstream.retries = 0;
    upstream.connect_timeout = millis(CONNECT);
    upstream.answer_timeout = millis(ANSWER);
    upstream.body_timeout = millis(BODY);
    upstream.total_timeout = millis(TOTAL);
    upstream.pass_through_answer_timeout = millis(PASS_THROUGH);
}

/// What the client is told: status, our code without its beginning, and RFC 9209's words.
#[derive(Clone, Copy, Debug)]
struct Told(u16, &'static str, &'static str);

const NO_CONNECTION: Told = Told(504, "CONNECT_TIMEOUT", "connection_timeout");
const NO_PLACE: Told = Told(503, "FULL", "connection_limit_reached");
const NO_BUDGET: Told = Told(429, "RATE_LIMITED", "http_request_denied");
const NO_ANSWER: Told = Told(504, "ANSWER_TIMEOUT", "http_response_timeout");
const STOOD_STILL: Told = Told(504, "BODY_TIMEOUT", "connection_read_timeout");
const TOOK_TOO_LONG: Told =
    Told(504, "TOTAL_TIMEOUT", "http_response_timeout; details=\"total-timeout\"");

#[track_caller]
fn expect(what: &str, reply: &Reply, Told(status, code, error): Told) {
    let body = reply.text();
    assert_eq!(reply.status, status, "{what}: {body}");
    assert!(body.contains(&format!(r#""code":"GATEWAY_{code}""#)), "{what}: {body}");
    assert_eq!(reply.message.all("proxy-status"), [format!("verifik-gateway; error={error}")]);
}

fn after(pause: u64, say: Say) -> Say {
    Say::After(millis(pause), Box::new(say))
}

/// The beginning of an answer and then an octet of its body in each of these pauses.
fn dripping(every: u64) -> Say {
    let rest = std::iter::repeat_n((b" ".to_vec(), millis(every)), 100);
    Say::Parts([(HALF.to_vec(), millis(every))].into_iter().chain(rest).collect())
}

#[tokio::test(start_paused = true)]
async fn each_deadline_of_a_read_ends_it_at_its_millisecond_and_says_which_it_was() {
    let half = || Say::Raw(HALF.to_vec());
    let rows = [
        (Fault::Silent, CONNECT, NO_CONNECTION),
        (Fault::Says(Say::Never), ANSWER, NO_ANSWER),
        (Fault::Says(Say::Raw(HALF[..30].to_vec())), ANSWER, NO_ANSWER),
        (Fault::Says(half()), BODY, STOOD_STILL),
        (Fault::Says(after(ANSWER - 1, half())), ANSWER - 1 + BODY, STOOD_STILL),
        (Fault::Says(dripping(BODY - 1)), TOTAL, TOOK_TOO_LONG),
        (Fault::Says(after(ANSWER - 1, dripping(BODY - 1))), TOTAL, TOOK_TOO_LONG),
    ];
    for (fault, takes, told) in rows {
        for target in [T1, THING] {
            let house = House::with(deadlines);
            fault.befall(&house);
            let (took, reply) = timed(house.get(target, ANN)).await;
            expect(&format!("{fault:?}"), &reply, told);
            assert_eq!(took, millis(takes), "{target} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_millisecond_before_its_deadline_an_answer_is_an_answer() {
    let rest = br#""data":{"_id":"t1","status":"open"}}"#;
    let parts = |first: u64, second: u64| {
        let halves = [(HALF.to_vec(), first), (rest[..9].to_vec(), second)];
        let last = (rest[9..].to_vec(), 0);
        let all = halves.into_iter().chain([last]);
        Say::Parts(all.map(|(part, pause)| (part, millis(pause))).collect())
    };
    for (say, takes) in [
        (after(ANSWER - 1, Say::ticket("t1", "open", &[])), ANSWER - 1),
        (parts(BODY - 1, BODY - 1), 2 * BODY - 2),
        (after(ANSWER - 1, parts(BODY - 1, BODY - 1)), ANSWER + 2 * BODY - 3),
    ] {
        let house = House::with(deadlines);
        house.upstream.always(say.clone());
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        assert_eq!((took, reply.status), (millis(takes), 200), "{say:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_is_waited_for_as_long_as_the_settings_or_the_client_say() {
    // The one place is taken for `ANSWER`; what the client says, how long it takes, what comes of it.
    let rows = [
        ("", QUEUE, NO_PLACE),
        ("wait=0", 0, NO_PLACE),
        ("wait=1", 1_000, NO_PLACE),
        ("wait=2", 2_000, NO_PLACE),
        ("wait=3", 2 * ANSWER, NO_ANSWER),
    ];
    for (prefer, takes, told) in rows {
        let house = House::with(|settings| {
            deadlines(settings);
            settings.upstream.max_in_flight = 1;
        });
        house.upstream.always(Say::Never);
        let mut first = house.client();
        first.write(request("GET", T1, &[("authorization", ANN)], "")).await;
        tokio::task::yield_now().await;
        let fields = [("authorization", BEN), ("prefer", prefer)];
        let fields = if prefer.is_empty() { &fields[..1] } else { &fields };
        let (took, reply) = timed(house.client().ask("GET", T1, fields)).await;
        expect(prefer, &reply, told);
        assert_eq!(took, millis(takes), "{prefer}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_for_the_budget_is_told_at_once() {
    // What the client says, how long it takes, what comes of it.
    let rows = [("wait=0", 0, 429), ("wait=1", 0, 429), ("wait=2", 2_000, 200)];
    for (prefer, takes, status) in rows {
        let house = House::with(|settings| {
            deadlines(settings);
            settings.limit.rate = Rate::PerSecond(0.5);
            settings.limit.burst = 1;
        });
        house.ticket("t0", ANN).await;
        let fields = [("authorization", ANN), ("prefer", prefer)];
        let (took, reply) = timed(house.client().ask("GET", T1, &fields)).await;
        assert_eq!((took, reply.status), (millis(takes), status), "{prefer}");
        if status == 429 {
            expect(prefer, &reply, NO_BUDGET);
            assert_eq!(reply.field("retry-after"), Some("2"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_on_another_connection_has_its_deadlines_anew_but_for_the_whole() {
    for (broken_after, takes, told) in
        [(2_000, 2_000 + ANSWER, NO_ANSWER), (ANSWER - 1, 2 * ANSWER - 1, NO_ANSWER)]
    {
        let house = House::with(deadlines);
        house.ticket("t0", ANN).await;
        house.upstream.says(in_turn(&[after(broken_after, nothing()), Say::Never]));
        let (took, reply) = timed(house.ticket("t1", ANN)).await;
        expect("sent again", &reply, told);
        assert_eq!(took, millis(takes));
    }
    let house = House::with(|settings| {
        deadlines(settings);
        settings.upstream.total_timeout = millis(2_500);
    });
    house.ticket("t0", ANN).await;
    house.upstream.says(in_turn(&[after(2_000, nothing()), Say::Never]));
    let (took, reply) = timed(house.ticket("t1", ANN)).await;
    expect("sent again", &reply, TOOK_TOO_LONG);
    assert_eq!(took, millis(2_500));
}

#[tokio::test(start_paused = true)]
async fn a_validation_and_what_is_asked_after_it_share_the_whole_time() {
    let house = House::with(|settings| {
        deadlines(settings);
        settings.upstream.total_timeout = millis(3_000);
        settings.lifetimes.stale_if_error = Duration::ZERO;
        settings.lifetimes.stale_while_revalidate = Duration::ZERO;
    });
    house.upstream.always(Say::ticket("t1", "open", &[("etag", "\"a\"")]));
    house.ticket("t1", ANN).await;
    pass(20).await;
    // A 304 that makes something else of it than a ticket.
    let changed = b"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-type: text/html\r\n\r\n";
    house.upstream.says(in_turn(&[after(2_000, Say::Raw(changed.to_vec())), Say::Never]));
    let (took, reply) = timed(house.ticket("t1", ANN)).await;
    expect("asked after a validation", &reply, TOOK_TOO_LONG);
    assert_eq!((took, house.upstream.count()), (millis(3_000), 3));
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_long_to_be_stored_is_cut_off_where_it_stands_still() {
    let house = House::with(|settings| {
        deadlines(settings);
        settings.cache.max_stored_body = 10;
    });
    let pauses = [BODY - 1, BODY - 1, BODY - 1, 100_000];
    let parts = pauses.into_iter().map(|pause| (b"abc".to_vec(), millis(pause)));
    let head = (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n".to_vec(), Duration::ZERO);
    house.upstream.always(Say::Parts([head].into_iter().chain(parts).collect()));
    let (took, reply) = timed(house.ticket("t1", ANN)).await;
    assert_eq!((took, reply.status), (millis(3 * (BODY - 1) + BODY), 200));
    assert_eq!((reply.message.whole, reply.text().as_str()), (false, "abcabcabcabc"));
}

#[tokio::test(start_paused = true)]
async fn other_traffic_has_deadlines_of_its_own() {
    let rows = [
        (Fault::Silent, CONNECT, NO_CONNECTION),
        (Fault::Says(Say::Never), PASS_THROUGH, NO_ANSWER),
        (Fault::Says(Say::Raw(HALF[..30].to_vec())), PASS_THROUGH, NO_ANSWER),
    ];
    for (fault, takes, told) in rows {
        for (method, target) in [("GET", "/v2/clients"), ("PUT", T1)] {
            let house = House::with(deadlines);
            fault.befall(&house);
            let (took, reply) = timed(house.write(method, target, ANN, "{}")).await;
            expect(&format!("{method} {fault:?}"), &reply, told);
            assert_eq!(took, millis(takes), "{method} {fault:?}");
        }
    }
}
