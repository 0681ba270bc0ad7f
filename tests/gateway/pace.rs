//! A budget gets on with an upstream that has a limit and does not tell it.

use crate::hidden_limit::Limit;
use crate::hidden_limit::World;
use verifik_gateway::policy::budget::Rate;
use verifik_gateway::policy::budget::Terms;

const LEARN: Terms = Terms { rate: Rate::Learn, burst: 20 };

/// Rates, bursts, and latencies with what they may be more. With more than a handful under way that
/// overtake one another, no pace can please an upstream that has no burst.
fn limits() -> Vec<(f64, f64, (u64, u64))> {
    let mut limits = Vec::new();
    for rate in [0.5, 2.0, 5.0, 10.0, 50.0, 200.0] {
        for burst in [1.0, 5.0, 20.0, 100.0] {
            limits.extend([0, 50, 500].map(|latency| (rate, burst, (latency, 0))));
            if burst > 1.0_f64.max(0.3 * rate) {
                limits.push((rate, burst, (50, 10)));
            }
            if burst > 1.0_f64.max(rate) {
                limits.push((rate, burst, (500, 100)));
            }
        }
    }
    limits
}

/// From a cold start it takes a minute or 300 requests. A stampede that meets a limit nobody knew of
/// is refused at once, but for what it lets in.
#[test]
fn a_hidden_limit_is_found_and_held() {
    for case @ (rate, burst, latency) in limits() {
        let mut world = World::new(LEARN, Limit::bucket(rate, burst), latency);
        let _ = world.run((300.0 / rate).max(60.0));
        let secs = (3_000.0 / rate).max(60.0);
        let (accepted, refused) = world.run(secs);
        assert!(accepted >= 0.9 * rate * secs, "{case:?}: {accepted} in {secs} s");
        assert!(refused < 0.01 * (accepted + refused), "{case:?}: {refused} of {accepted}");
    }
}

/// Counted from when it shows: until then the upstream's burst hides it.
#[test]
fn when_the_limit_is_halved_it_is_obeyed_within_ten_seconds() {
    for case @ (rate, burst, latency) in limits() {
        if rate < 2.0 {
            continue;
        }
        let mut world = World::new(LEARN, Limit::bucket(rate, burst), latency);
        let _ = world.run((1_000.0 / rate).max(60.0));
        world.limit_to(rate / 2.0);
        while world.run(0.1).1 == 0.0 {}
        let _ = world.run(10.0);
        let (accepted, refused) = world.run(120.0);
        assert!(refused <= 0.01f64.mul_add(accepted, 2.0), "{case:?}: {refused} of {accepted}");
        assert!(accepted >= 0.7 * rate / 2.0 * 120.0, "{case:?}: {accepted}");
    }
}

/// To be too slow costs nothing but time, so this may take some thousand requests.
#[test]
fn when_the_limit_is_doubled_that_is_found() {
    for case @ (rate, burst, latency) in limits() {
        let mut world = World::new(LEARN, Limit::bucket(rate, burst), latency);
        if rate > 100.0 && burst < 2.0 {
            continue; // Timers of a millisecond cannot space 400 a second evenly.
        }
        let _ = world.run((1_000.0 / rate).max(60.0));
        world.limit_to(2.0 * rate);
        let before = world.accepted;
        while world.run(20.0 / rate).0 < 0.9 * 40.0 {
            assert!(world.accepted - before < 5_000, "{case:?}");
        }
    }
}

/// Where requests overtake one another on their way the upstream has to allow a larger burst than we
/// make use of.
#[test]
fn a_rate_that_is_known_is_never_exceeded() {
    let mut cases = vec![(50.0, 10, 20.0, (50, 100)), (200.0, 20, 20.0, (500, 0))];
    for rate in [0.5, 2.0, 3.0, 10.0, 50.0] {
        cases.extend([(rate, 1, 1.0, (0, 0)), (rate, 20, 20.0, (50, 0))]);
    }
    for case @ (rate, burst, allowed, latency) in cases {
        let terms = Terms { rate: Rate::PerSecond(rate), burst };
        let mut world = World::new(terms, Limit::bucket(rate, allowed), latency);
        let (accepted, refused) = world.run(3_600.0);
        assert!(refused == 0.0, "{case:?}: {refused}");
        assert!(accepted >= 0.9 * rate * 3_600.0, "{case:?}: {accepted}");
    }
}

#[test]
fn a_known_rate_that_is_too_high_gives_way() {
    let terms = Terms { rate: Rate::PerSecond(20.0), burst: 20 };
    let mut world = World::new(terms, Limit::bucket(10.0, 5.0), (50, 0));
    let _ = world.run(60.0);
    let (accepted, refused) = world.run(600.0);
    assert!(accepted >= 0.9 * 6_000.0 && refused < 60.0, "{accepted}, {refused}");
    world.limit_to(30.0);
    let _ = world.run(600.0);
    assert_eq!(world.budget.rate(), Some(20.0), "back, and no further");
}

/// A rate that few asked for says little about what is accepted.
#[test]
fn a_stampede_after_a_quiet_hour_does_not_ruin_the_rate() {
    let mut world = World::new(LEARN, Limit::bucket(10.0, 20.0), (50, 0));
    for _ in 0..3_600 {
        world.wanting = 1;
        let _ = world.run(1.0);
    }
    assert_eq!(world.refused, 0);
    world.wanting = 100;
    let (accepted, _) = world.run(15.0);
    assert!(accepted >= 90.0, "{accepted}, at {:?}", world.budget.rate());
    world.wanting = u32::MAX;
    let _ = world.run(60.0);
    for _ in 0..300 {
        world.wanting = 1;
        let _ = world.run(1.0);
    }
    assert!(world.budget.rate().is_some_and(|rate| rate > 9.0), "{:?}", world.budget.rate());
}

/// No pace is right for a quota. But there is one at which nobody waits for all of its time.
#[test]
fn a_quota_that_only_refusals_tell_of_is_used_and_spread_over_its_time() {
    for case @ (most, secs) in [(10.0, 1.0), (20.0, 60.0), (100.0, 60.0), (1_000.0, 3_600.0)] {
        let mut world = World::new(LEARN, Limit::quota(most, secs), (50, 0));
        let _ = world.run(f64::max(600.0, 2.0 * secs));
        let (accepted, refused) = world.run(8.0 * 3_600.0);
        assert!(accepted >= 0.8 * most * 8.0 * 3_600.0 / secs, "{case:?}: {accepted}");
        assert!(refused < 0.1 * accepted, "{case:?}: {refused} of {accepted}");
    }
}

#[test]
fn after_ten_minutes_of_nothing_but_refusals_the_rate_is_found_again() {
    for early in [0.0, 60.0] {
        let mut world = World::new(LEARN, Limit::bucket(10.0, 20.0), (50, 0));
        let _ = world.run(early);
        let lets_in = std::mem::replace(&mut world.limit, Limit::quota(0.0, 60.0));
        let (_, refused) = world.run(600.0);
        assert!(refused < 300.0, "{refused}");
        world.limit = lets_in;
        let _ = world.run(1_500.0);
        let (accepted, _) = world.run(60.0);
        assert!(accepted >= 0.9 * 600.0, "after {early} s: {accepted}");
    }
}

#[test]
fn the_wait_that_is_foretold_is_right_within_a_tenth() {
    for (rate, burst, latency) in limits() {
        let mut world = World::new(LEARN, Limit::bucket(rate, burst), latency);
        let _ = world.run((1_000.0 / rate).max(60.0));
        let foretold = world.budget.ready_at(50, world.now).since(world.now).as_secs_f64();
        let (sent, refused) = (world.sent, world.refused);
        let began = world.now;
        while world.sent <= sent + 50 {
            let _ = world.run(0.001);
        }
        if world.refused > refused {
            continue; // It was not steady.
        }
        let took = world.now.since(began).as_secs_f64();
        assert!(
            (took / foretold - 1.0).abs() < 0.1,
            "{rate} {burst} {latency:?}: {took} {foretold}"
        );
    }
}
