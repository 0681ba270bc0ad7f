//! A minute of trouble: what it costs the upstream and those whose tickets are stored, and how soon
//! it is over for the others.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::timed;
use crate::support::trouble::Sends;
use crate::support::trouble::counted_house;
use crate::support::trouble::nothing;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use crate::support::wire::Message;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;

/// When it is bad, and how long each test goes on, in milliseconds.
const TROUBLE: Range<u64> = 5_000..65_000;
const END: u64 = 70_000;

/// Somebody asks for a ticket nobody asked for before, and every so often for one that is stored.
const BETWEEN_MISSES: u64 = 80;
const BETWEEN_HITS: u64 = 400;

/// What is wrong at a moment, if anything.
type Trouble = fn(millis: u64) -> Option<Say>;

fn within(millis: u64, say: Say) -> Option<Say> {
    TROUBLE.contains(&millis).then_some(say)
}

fn unwell() -> Say {
    Say::json(503, "{}", &[])
}

/// Every other second, beginning with a bad one.
const fn is_down(millis: u64) -> bool {
    ((millis - TROUBLE.start) / 1_000).is_multiple_of(2)
}

/// What came of it.
struct Aftermath {
    misses: usize,
    /// When those who missed were answered well.
    served: Vec<u64>,
    /// The longest that what is stored took, and how often it was not given out.
    slowest_hit: Duration,
    lost_hits: usize,
    sent: usize,
}

/// Has an upstream answer as `trouble` says, and asks it for as long as it takes.
async fn weather(house: &House, sends: &Sends, trouble: Trouble) -> Aftermath {
    let began = Instant::now();
    let now = move || u64::try_from(began.elapsed().as_millis()).unwrap();
    house.upstream.says(move |request| trouble(now()).unwrap_or_else(|| well(request)));
    house.ticket("stored", ANN).await;
    let (mut misses, mut hits) = (JoinSet::new(), JoinSet::new());
    for millis in (0..END).step_by(usize::try_from(BETWEEN_MISSES).unwrap()) {
        sleep_until(began + Duration::from_millis(millis)).await;
        let (mut client, target) = (house.client(), format!("/v2/support-tickets/{millis}"));
        misses.spawn(async move {
            let reply = client.ask("GET", &target, &[("authorization", ANN)]).await;
            (reply.status == 200).then(now)
        });
        if millis.is_multiple_of(BETWEEN_HITS) {
            let mut client = house.client();
            hits.spawn(async move {
                let fields = [("authorization", ANN)];
                timed(client.ask("GET", "/v2/support-tickets/stored", &fields)).await
            });
        }
    }
    let (misses, hits) = (misses.join_all().await, hits.join_all().await);
    let mut served: Vec<_> = misses.iter().copied().flatten().collect();
    served.sort_unstable();
    Aftermath {
        misses: misses.len(),
        served,
        slowest_hit: hits.iter().map(|(took, _)| *took).max().unwrap(),
        lost_hits: hits.iter().filter(|(_, reply)| reply.status != 200).count(),
        sent: sends.count(),
    }
}

/// Everybody has to make a new connection: those that are kept would not notice a closed port.
fn well(request: &Message) -> Say {
    let status = if id_of(request) == "stored" { "closed" } else { "open" };
    Say::ticket(id_of(request), status, &[("connection", "close")])
}

fn judge(what: &str, aftermath: &Aftermath) {
    let Aftermath { misses, served, slowest_hit, lost_hits, sent } = aftermath;
    assert!(sent * 10 <= misses * 11, "{what}: {sent} were sent for {misses}");
    let first = served.iter().find(|millis| **millis >= TROUBLE.end).unwrap();
    assert!(first - TROUBLE.end <= 2_000, "{what}: served again after {}", first - TROUBLE.end);
    assert_eq!((*slowest_hit, *lost_hits), (Duration::ZERO, 0), "{what}");
}

/// With a breaker and without, and with as many tries as the settings allow.
async fn survive(what: &str, trouble: Trouble) {
    for (failures, retries) in [(7, 1), (0, 10)] {
        let (house, sends) = counted_house(|settings| {
            settings.breaker.failures = failures;
            settings.upstream.retries = retries;
        });
        let aftermath = weather(&house, &sends, trouble).await;
        judge(&format!("{what}, {failures}, {retries}"), &aftermath);
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_503s_is_survived() {
    survive("503s", |millis| within(millis, unwell())).await;
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_resets_is_survived() {
    survive("resets", |millis| within(millis, nothing())).await;
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_503s_every_other_second_is_survived() {
    survive("flapping", |millis| within(millis, unwell()).filter(|_| is_down(millis))).await;
}

/// Closes the port while it is `down`.
async fn survive_closed_port(what: &str, down: fn(u64) -> bool) {
    for (failures, retries) in [(7, 1), (0, 10)] {
        let (house, sends) = counted_house(|settings| {
            settings.breaker.failures = failures;
            settings.upstream.retries = retries;
        });
        let reachable = Arc::clone(&house.reachable);
        let port = tokio::spawn(async move {
            for second in 0.. {
                let millis = second * 1_000;
                let is_down = TROUBLE.contains(&millis) && down(millis);
                reachable.store(!is_down, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
            }
        });
        let aftermath = weather(&house, &sends, |_| None).await;
        port.abort();
        judge(&format!("{what}, {failures}, {retries}"), &aftermath);
    }
}

#[tokio::test(start_paused = true)]
async fn a_minute_with_a_closed_port_is_survived() {
    survive_closed_port("refused", |_| true).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_closed_every_other_second_for_a_minute_is_survived() {
    survive_closed_port("flapping port", is_down).await;
}
