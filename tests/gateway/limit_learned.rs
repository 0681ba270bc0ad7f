//! An upstream limits how fast it may be asked, and tells nobody how fast that is (design §3.7). Its
//! own count says how near to the limit it was asked, and how often beyond.

use crate::support::crowd::asker;
use crate::support::crowd::path;
use crate::support::crowd::replies;
use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::limited::LATENCY;
use crate::support::limited::Limited;
use crate::support::limited::job;
use crate::support::limited::lasting;
use crate::support::limited::reader;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Two who want more than the limit allows, for as long as a test takes.
const JOB: fn(&House) -> JoinSet<()> = |house| lasting([job(house, ANN, "job", 10_000)]);
const CLIENTS: fn(&House) -> JoinSet<()> =
    |house| lasting((0..64).map(|n| reader(house, ANN, &format!("c{n}"))));

/// In how many seconds the limit is found: a minute, or three hundred answers if that is longer.
fn found_after(rate: u32) -> u64 {
    60.max(300 / u64::from(rate))
}

/// Whether a hidden limit is used for nine tenths at least, and less than one answer of a hundred is
/// a refusal: from when it should be found on, until a good many more were answered.
async fn keeps_to_the_limit(rate: u32, burst: u32, demand: fn(&House) -> JoinSet<()>) {
    let house = House::new();
    let limited = Limited::before(&house, f64::from(rate), burst);
    let _demand = demand(&house);
    let (found, measured) = (found_after(rate), (400 / rate).max(20));
    let until = found + u64::from(measured);
    pass(until).await;
    let counts = limited.counts(found..until);
    let what = format!("{rate}/s, burst {burst}: {counts:?}");
    assert!(10 * counts.accepted >= 9 * rate * measured, "{what}");
    assert!(100 * counts.refused < counts.all(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_job_finds_a_hidden_limit_of_two_a_second_and_keeps_to_it() {
    for burst in [5, 20, 100] {
        keeps_to_the_limit(2, burst, JOB).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_finds_a_hidden_limit_of_ten_a_second_and_keeps_to_it() {
    for burst in [5, 20, 100] {
        keeps_to_the_limit(10, burst, JOB).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_finds_a_hidden_limit_of_fifty_a_second_and_keeps_to_it() {
    keeps_to_the_limit(50, 20, JOB).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_lets_through_little_at_first_is_found_as_soon() {
    keeps_to_the_limit(50, 5, JOB).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_lets_through_much_at_first_is_found_as_soon() {
    keeps_to_the_limit(50, 100, JOB).await;
}

#[tokio::test(start_paused = true)]
async fn sixty_four_clients_find_a_hidden_limit_and_keep_to_it() {
    for (rate, burst) in [(2, 20), (10, 5), (10, 20)] {
        keeps_to_the_limit(rate, burst, CLIENTS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_halved_is_kept_to_within_ten_seconds_of_the_first_refusal() {
    for (rate, burst, demand) in [(2, 20, JOB), (10, 5, CLIENTS), (10, 20, JOB), (20, 5, JOB)] {
        let house = House::new();
        let limited = Limited::before(&house, f64::from(rate), burst);
        let _demand = demand(&house);
        let halved = found_after(rate);
        pass(halved).await;
        limited.allows(f64::from(rate) / 2.0);
        let mut refused = halved;
        // What was saved up is let through first.
        while limited.counts(halved..refused).refused == 0 {
            pass(1).await;
            refused += 1;
        }
        pass(70).await;
        let counts = limited.counts(refused + 9..refused + 69);
        let what = format!("{rate}/s, burst {burst}: {counts:?}");
        assert!(100 * counts.refused <= 2 * counts.all(), "{what}");
        assert!(100 * counts.accepted >= 85 * rate * 30, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_raised_is_found_too() {
    let house = House::new();
    let limited = Limited::before(&house, 5.0, 5);
    let _job = JOB(&house);
    pass(60).await;
    limited.allows(10.0);
    pass(460).await;
    let counts = limited.counts(460..520);
    // It was found to be higher than before, and too high at least once.
    assert!(100 * counts.accepted >= 85 * 600 && 50 * counts.refused < counts.all(), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_paced_before_the_first_refusal() {
    let house = House::new();
    let limited = Limited::before(&house, 1.0, 200);
    let askers =
        (0..200).map(|n| asker(&house, &path(&format!("t{n}")), &[("authorization", ANN)]));
    let (took, replies) = timed(replies(askers)).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!((took, limited.counts(0..1).accepted), (LATENCY, 200));
}

#[tokio::test(start_paused = true)]
async fn what_was_learnt_is_forgotten_after_ten_idle_minutes_and_not_before() {
    // how long nothing is asked; how many of ten then go at once
    for (idle, at_once) in [(590, 1), (601, 10)] {
        let house = House::new();
        let limited = Limited::before(&house, 1.0, 1);
        job(&house, ANN, "job", 20).await;
        limited.allows(1_000.0);
        pass(idle).await;
        let before = house.upstream.count();
        let _job = lasting([job(&house, ANN, "next", 10)]);
        sleep(LATENCY / 2).await;
        assert_eq!(house.upstream.count() - before, at_once, "after {idle} s");
    }
}
