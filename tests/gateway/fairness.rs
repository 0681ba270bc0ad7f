//! A job that wants all there is beside people, and beside another job.

use crate::support::client::Reply;
use crate::support::crowd::path;
use crate::support::house::ANN;
use crate::support::house::BEN;
use crate::support::house::House;
use crate::support::house::pass;
use crate::support::house::timed;
use crate::support::limited::Counting;
use crate::support::limited::Limited;
use crate::support::limited::job;
use crate::support::limited::lasting;
use crate::support::search::unmarked;
use crate::support::upstream::Say;
use crate::support::upstream::id_of;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;
use verifik_gateway::settings::model::Rate;

/// How long someone waits who asks for a ticket every second: 99 of 100 times no longer.
async fn waits_mostly(house: &House, times: usize) -> Duration {
    let mut client = house.client();
    let mut waits = Vec::new();
    for number in 0..times {
        let target = path(&format!("person-{number}"));
        let asked = client.ask("GET", &target, &[("authorization", ANN)]);
        let (took, reply) = timed(asked).await;
        assert_eq!(reply.status, 200, "{number}: {reply:?}");
        waits.push(took);
        sleep(Duration::from_secs(1).saturating_sub(took)).await;
    }
    waits.sort_unstable();
    waits[times * 99 / 100 - 1]
}

#[tokio::test(start_paused = true)]
async fn beside_a_job_of_ten_thousand_a_person_waits_for_one_slot() {
    // what the settings say; what the upstream allows
    let rows = [
        (Rate::PerSecond(2.0), 2.0),
        (Rate::PerSecond(10.0), 10.0),
        (Rate::Learn, 4.0),
        (Rate::Learn, 12.0),
    ];
    for (rate, limit) in rows {
        let set_up = || {
            let house = House::with(|settings| settings.limit.rate = rate);
            let limited = Limited::before(&house, limit, 20);
            (house, limited)
        };
        let idle = waits_mostly(&set_up().0, 100).await;
        let (house, limited) = set_up();
        let _job = lasting([job(&house, ANN, "job", 10_000)]);
        pass(60).await;
        let beside = waits_mostly(&house, 100).await;
        // A learnt rate is a little below the limit.
        let slot = Duration::from_secs_f64(if rate == Rate::Learn { 1.1 } else { 1.0 } / limit);
        assert!(
            beside <= idle.mul_f64(1.1) + slot,
            "{rate:?}, {limit}/s: {beside:?}, idle {idle:?}"
        );
        let counts = limited.counts(60..160);
        assert!(f64::from(counts.accepted) >= 90.0 * limit, "the job goes on: {counts:?}");
    }
}

/// A house whose upstream takes a second for each ticket, four of which may be under way.
fn slow_house() -> House {
    let house = House::with(|settings| settings.upstream.max_in_flight = 4);
    house.upstream.says(|request| Say::ticket(id_of(request), "open", &[]).after(1));
    house
}

/// How many requests the upstream has heard of each of the two.
fn shares(house: &House) -> [usize; 2] {
    let heard = house.upstream.heard();
    let of = |token| heard.iter().filter(|r| r.field("authorization") == Some(token)).count();
    [of(ANN), of(BEN)]
}

/// One job of Ben's beside as many of Ann's.
fn jobs(house: &House, anns: usize) -> JoinSet<()> {
    let anns = (0..anns).map(|n| job(house, ANN, &format!("ann{n}"), 5_000));
    let bens = job(house, BEN, "ben", 5_000);
    let mut jobs = lasting(anns);
    jobs.spawn(async { drop(bens.await) });
    jobs
}

fn are_equal([ann, ben]: [usize; 2]) -> bool {
    ann.abs_diff(ben) * 20 <= ann.max(ben)
}

#[tokio::test(start_paused = true)]
async fn two_jobs_of_two_credentials_have_equal_shares_however_many_calls_each_makes() {
    for anns in [1, 3] {
        let total = House::with(|settings| settings.limit.total_rate = Some(10.0));
        let each = House::with(|settings| settings.limit.rate = Rate::PerSecond(5.0));
        // of what; how many go in a hundred seconds
        for (what, house, all) in
            [("rate", total, 1_000), ("rates", each, 1_000), ("places", slow_house(), 300)]
        {
            let _jobs = jobs(&house, anns);
            pass(100).await;
            let shares = shares(&house);
            assert!(are_equal(shares), "{what}, {anns} to one: {shares:?}");
            assert!(shares[0] + shares[1] >= all * 95 / 100, "{what}, {anns} to one: {shares:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_has_an_equal_share_from_then_on_and_nothing_to_catch_up() {
    let house = House::with(|settings| settings.limit.total_rate = Some(10.0));
    let _first = lasting([job(&house, ANN, "ann", 5_000)]);
    pass(100).await;
    let [before, _] = shares(&house);
    let _second = lasting([job(&house, BEN, "ben", 5_000)]);
    pass(100).await;
    let [ann, ben] = shares(&house);
    assert!(are_equal([ann - before, ben]), "{before}, then {} and {ben}", ann - before);
}

#[tokio::test(start_paused = true)]
async fn a_hidden_limit_on_all_starves_neither_of_two_jobs() {
    // what goes at once; how much later the second begins; the least share, in percent of the limit
    for (burst, later, least) in [(5, 0, 30), (20, 40, 30), (20, 0, 3)] {
        let house = House::new();
        let limited = Limited::counting(Counting::All, &house, 10.0, burst);
        let _first = lasting([job(&house, ANN, "ann", 5_000)]);
        pass(later).await;
        let _second = lasting([job(&house, BEN, "ben", 5_000)]);
        pass(120).await;
        let of = |who| limited.counts_of(who, later + 60..later + 120).accepted;
        let (ann, ben) = (of(ANN), of(BEN));
        let what = format!("burst {burst}, {later} s later: {ann} and {ben}");
        assert!(ann + ben >= 540 && ann.min(ben) * 100 >= 600 * least, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn people_who_want_all_there_is_leave_a_job_every_fifth_turn() {
    let house = House::with(|settings| {
        settings.limit.rate = Rate::PerSecond(5.0);
        settings.limit.max_wait = Duration::from_mins(10);
    });
    let people = (0..20).map(|person| {
        let mut client = house.client();
        async move {
            for number in 0.. {
                let target = path(&format!("person{person}-{number}"));
                let reply: Reply = client.ask("GET", &target, &[("authorization", ANN)]).await;
                assert_eq!(reply.status, 200);
            }
        }
    });
    let (_people, _job) = (lasting(people), lasting([job(&house, ANN, "job", 10_000)]));
    pass(100).await;
    let heard = house.upstream.heard();
    let of_job = heard.iter().filter(|request| id_of(request).starts_with("job")).count();
    assert!(
        (heard.len() / 5 - 10..=heard.len() / 5 + 10).contains(&of_job),
        "{of_job} of {}",
        heard.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_finds_a_place_beside_a_job_whose_answers_are_slow() {
    let house = slow_house();
    let _job = lasting([job(&house, ANN, "job", 5_000)]);
    pass(10).await;
    for token in [ANN, BEN] {
        let (took, reply) =
            timed(house.ticket(&format!("of-{}", &unmarked(token)[7..]), token)).await;
        assert_eq!((took, reply.status), (Duration::from_secs(1), 200), "{token}");
    }
}
