//! Every step of a forward goes wrong, once and for good × {nothing stored, something fresh, something
//! stale, something to be validated} × {one who asks, a hundred}: nobody hangs, nobody gets what is not
//! his own or not whole, the next request succeeds, and all is given back.

use crate::support::client::Reply;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::torture::Framing;
use crate::support::torture::all_is_given_back;
use crate::support::torture::code;
use crate::support::torture::get;
use crate::support::torture::next_is_answered;
use crate::support::torture::number;
use crate::support::torture::sends;
use crate::support::torture::tells;
use crate::support::trap::Step;
use crate::support::trap::Trap;
use crate::support::trap::Wrong;
use crate::support::trap::trapped_house;
use std::time::Duration;
use tokio::time::timeout;
use verifik_gateway::settings::model::Settings;

/// What goes wrong, what that comes to where nothing stands in for it, whether once is forgiven, and
/// how many seconds it may take.
pub struct Point {
    pub step: Step,
    pub wrong: Wrong,
    pub failure: &'static str,
    pub forgiven: bool,
    pub secs: u64,
}

const fn point(
    step: Step,
    wrong: Wrong,
    failure: &'static str,
    forgiven: bool,
    secs: u64,
) -> Point {
    Point { step, wrong, failure, forgiven, secs }
}

const INTERNAL: &str = "500 GATEWAY_INTERNAL";
const RESET: &str = "502 GATEWAY_UPSTREAM_RESET";
const TRUNCATED: &str = "502 GATEWAY_UPSTREAM_TRUNCATED";
const LATE: &str = "504 GATEWAY_ANSWER_TIMEOUT";

/// Every fallible step of a forward between its turn and its landing. What is decided in between, and
/// on the askers' side, is reached by way of the clock (`torture_clock`).
pub const POINTS: [Point; 26] = [
    point(Step::Send, Wrong::Panics, INTERNAL, true, 1),
    point(Step::Ask, Wrong::Panics, INTERNAL, true, 1),
    point(Step::Ask, Wrong::Reset, RESET, true, 1),
    point(Step::Ask, Wrong::Stalls, LATE, false, 31),
    point(Step::Connect, Wrong::Panics, INTERNAL, true, 1),
    point(Step::Connect, Wrong::Refused, "502 GATEWAY_CONNECT_FAILED", true, 1),
    point(Step::Connect, Wrong::Name, "502 GATEWAY_NAME_FAILED", true, 1),
    point(Step::Connect, Wrong::Tls, "502 GATEWAY_TLS_FAILED", true, 1),
    point(Step::Connect, Wrong::Certificate, "502 GATEWAY_CERTIFICATE_REFUSED", false, 1),
    point(Step::Connect, Wrong::Stalls, "504 GATEWAY_CONNECT_TIMEOUT", true, 5),
    point(Step::Write, Wrong::Panics, RESET, true, 1),
    point(Step::Write, Wrong::Reset, RESET, true, 1),
    point(Step::Write, Wrong::Ends, RESET, true, 1),
    point(Step::Write, Wrong::Stalls, LATE, false, 31),
    point(Step::Head, Wrong::Panics, RESET, true, 1),
    point(Step::Head, Wrong::Reset, RESET, true, 1),
    point(Step::Head, Wrong::Ends, RESET, true, 1),
    point(Step::Head, Wrong::Garbage, "502 GATEWAY_UPSTREAM_MALFORMED", false, 1),
    point(Step::Head, Wrong::Stalls, LATE, false, 31),
    point(Step::Heard, Wrong::Panics, INTERNAL, true, 1),
    point(Step::Heard, Wrong::Reset, RESET, true, 1),
    point(Step::Heard, Wrong::Stalls, LATE, false, 31),
    point(Step::Body, Wrong::Panics, TRUNCATED, false, 1),
    point(Step::Body, Wrong::Reset, TRUNCATED, false, 1),
    point(Step::Body, Wrong::Ends, TRUNCATED, false, 1),
    point(Step::Body, Wrong::Stalls, "504 GATEWAY_BODY_TIMEOUT", false, 31),
];

/// What is stored when it goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stored {
    Nothing,
    /// Something fresh; those who ask want it anew.
    Fresh,
    Stale,
    /// Something stale that the upstream will confirm.
    Tagged,
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_everyone_is_answered_and_the_next_request_succeeds() {
    let stored = [Stored::Nothing, Stored::Fresh, Stored::Stale, Stored::Tagged];
    assert_eq!(every_cell(1, &stored).await, 26 * 4 * 2 - 4 * 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_for_good_everyone_is_told_and_the_next_request_succeeds() {
    let stored = [Stored::Nothing, Stored::Stale];
    assert_eq!(every_cell(usize::MAX, &stored).await, 26 * 2 * 2);
}

/// Tries every cell, each as a task of its own, so that all that go wrong are named; how many there
/// were.
async fn every_cell(times: usize, stored: &[Stored]) -> usize {
    let (mut cells, mut wrong) = (0, Vec::new());
    for point in &POINTS {
        for &stored in stored {
            if stored == Stored::Tagged && point.step == Step::Body {
                continue; // A 304 has none.
            }
            for askers in [1, 100] {
                cells += 1;
                let case = format!("{:?} {:?} {stored:?} {askers}", point.step, point.wrong);
                let cell = cell(point, stored, askers, times, case.clone());
                if tokio::spawn(cell).await.is_err() {
                    wrong.push(case);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    cells
}

async fn cell(point: &Point, stored: Stored, askers: usize, times: usize, case: String) {
    let (house, trap) = trapped_house(without_leases);
    let first = store(&house, stored).await;
    trap.set(point.step, point.wrong, times);
    let anew = [("cache-control", "no-cache")];
    let fields = if stored == Stored::Fresh { &anew[..] } else { &[] };
    let crowd: Vec<_> = (0..askers).map(|_| sends(&house, get("t1", ANN, fields))).collect();
    let neighbour = sends(&house, get("t1", BEN, &[]));
    let bound = Duration::from_secs(point.secs);
    let (took, ()) = timed(async {
        for asker in crowd {
            let reply = timeout(bound, asker).await.unwrap_or_else(|_| panic!("{case}: hangs"));
            let reply = reply.unwrap().unwrap_or_else(|| panic!("{case}: no reply"));
            assert_owed(point, stored, times, first, &reply, &case);
        }
    })
    .await;
    assert!(took <= bound, "{case}: {took:?}");
    let neighbour = neighbour.await.unwrap().expect("a reply");
    assert!(neighbour.is_hit() && number(&neighbour, "t1", BEN) > 0, "{case}: {neighbour:?}");
    let most = if askers == 1 { 1 } else { 4 };
    assert!((1..=most * 2).contains(&trap.struck()), "{case}: {} times", trap.struck());
    after(&house, &trap, &case).await;
}

/// The world is in order again.
async fn after(house: &House, trap: &Trap, case: &str) {
    trap.repair();
    next_is_answered(house, "t1", ANN, case).await;
    next_is_answered(house, "t9", BEN, case).await;
    let hit = sends(house, get("t1", ANN, &[])).await.unwrap().expect("a reply");
    assert!(hit.is_hit(), "{case}: {}", hit.cache());
    all_is_given_back(house, case).await;
}

/// Fills the house; which answer of the upstream's Ann has stored, if any.
async fn store(house: &House, stored: Stored) -> u64 {
    let fields = match stored {
        Stored::Tagged => "cache-control: max-age=30\r\netag: \"v1\"\r\n",
        _ => "cache-control: max-age=30\r\n",
    };
    tells(house, Framing::Length, fields);
    let first = match stored {
        Stored::Nothing => 0,
        _ => number(&house.ticket("t1", ANN).await, "t1", ANN),
    };
    if matches!(stored, Stored::Stale | Stored::Tagged) {
        pass(35).await;
    }
    number(&house.ticket("t1", BEN).await, "t1", BEN);
    // No connection is left over from that.
    pass(16).await;
    first
}

fn assert_owed(point: &Point, stored: Stored, times: usize, first: u64, reply: &Reply, case: &str) {
    let panicked = point.failure == INTERNAL;
    // A panic is no outcome: it is begun again, whatever is stored.
    let succeeds = times == 1 && point.forgiven;
    match stored {
        Stored::Stale | Stored::Tagged if !(succeeds && panicked) => {
            assert_eq!(number(reply, "t1", ANN), first, "{case}");
            assert!(reply.cache().ends_with("; detail=stale-if-error"), "{case} {}", reply.cache());
        }
        Stored::Tagged => {
            assert_eq!(number(reply, "t1", ANN), first, "{case}");
            assert!(reply.cache().contains("; fwd-status=304; stored"), "{case} {}", reply.cache());
        }
        _ if succeeds => {
            assert!(number(reply, "t1", ANN) > first, "{case}");
            assert!(reply.cache().contains("; stored"), "{case} {}", reply.cache());
        }
        _ if times == 1 && reply.status == 200 => {
            // Whoever came too late for the forward that failed has had one of its own.
            assert_eq!(stored, Stored::Fresh, "{case}");
            assert!(number(reply, "t1", ANN) > first, "{case}");
        }
        _ => assert_eq!(code(reply), point.failure, "{case}"),
    }
}

pub fn without_leases(settings: &mut Settings) {
    settings.lifetimes.lease = Duration::ZERO;
    settings.lifetimes.stale_while_revalidate = Duration::ZERO;
}
