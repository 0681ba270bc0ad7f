//! The breaker through any history, on paper: it tries a failing upstream with one request at a time
//! and with few in all, and hears of its recovery soon.

use crate::outage::thing;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::policy::breaker::Breaker;
use verifik_gateway::policy::breaker::Change;
use verifik_gateway::policy::breaker::Health;
use verifik_gateway::policy::breaker::Leave;
use verifik_gateway::policy::breaker::Pass;
use verifik_gateway::policy::breaker::Terms;

const TERMS: Terms =
    Terms { failures: 3, penalty: Duration::from_secs(1), max_penalty: Duration::from_mins(1) };

/// How many milliseconds pass, which request under way ends then, and how: none, if it is lost.
type Step = (u64, usize, Option<Health>, f64);

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let health = prop_oneof![
        6 => Just(Some(Health::Ill)),
        1 => Just(Some(Health::Well)),
        1 => Just(Some(Health::Neutral)),
        1 => Just(None),
    ];
    vec((0_u64..2_000, 0_usize..8, health, 0.0..1.0_f64), 0..200)
}

/// A request under way.
struct Sent {
    pass: Pass,
    millis: u64,
    is_trial: bool,
}

/// A breaker and what it has let through.
#[derive(Default)]
struct Play {
    breaker: Breaker,
    is_open: bool,
    sent: Vec<Sent>,
    millis: u64,
}

impl Play {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000).after(Duration::from_millis(self.millis))
    }

    fn ask(&mut self) {
        let leave = self.breaker.ask(self.now());
        let (Leave::Go(pass) | Leave::Refused { scout: Some(pass), .. }) = leave else {
            return;
        };
        // One that is silent for two minutes is given up.
        let since = self.millis.saturating_sub(119_999);
        let another = self.sent.iter().any(|sent| sent.is_trial && sent.millis >= since);
        assert!(!(self.is_open && another), "two trials at {}", self.millis);
        self.sent.push(Sent { pass, millis: self.millis, is_trial: self.is_open });
    }

    fn end(&mut self, which: usize, health: Option<Health>, fraction: f64) {
        let Sent { pass, .. } = self.sent.swap_remove(which);
        let Some(health) = health else {
            return self.breaker.lost(pass);
        };
        let change =
            self.breaker.heard(pass, health, thing(which % 4), TERMS, fraction, self.now());
        let Some(change) = change else { return };
        self.is_open = change != Change::Closed;
        // The trials of before are trials no longer.
        self.sent.iter_mut().for_each(|sent| sent.is_trial = false);
    }

    fn through(mut self, history: Vec<Step>) -> Self {
        for (passed, which, health, fraction) in history {
            self.millis += passed;
            self.ask();
            if which < self.sent.len() {
                self.end(which, health, fraction);
            }
        }
        self
    }

    /// A hundred requests a second, each of which ends at once.
    fn through_outage(&mut self, secs: u64, fraction: f64) -> usize {
        let (mut calls, until) = (0, self.millis + secs * 1_000);
        while self.millis < until {
            self.ask();
            calls += self.sent.len();
            (0..self.sent.len()).rev().for_each(|which| {
                self.end(which, Some(Health::Ill), fraction);
            });
            self.millis += 10;
        }
        calls
    }

    /// A hundred requests a second, each answered after `latency`; how long until it is closed.
    fn recovers_in(&mut self, latency: u64) -> u64 {
        let from = self.millis;
        while self.is_open {
            self.ask();
            self.millis += 10;
            let due = |sent: &Sent| sent.millis + latency <= self.millis;
            if let Some(which) = self.sent.iter().position(due) {
                self.end(which, Some(Health::Well), 0.0);
            }
            assert!(self.millis < from + 100_000, "it never closed");
        }
        self.millis - from
    }
}

proptest! {
    #[test]
    fn of_an_upstream_that_is_well_again_it_hears_after_a_penalty_and_a_request(
        history in histories(), latency in 0_u64..30_000,
    ) {
        let mut play = Play::default().through(history);
        (0..play.sent.len()).rev().for_each(|which| play.end(which, None, 0.0));
        let took = play.recovers_in(latency);
        prop_assert!(took <= 1_250 + latency + 20, "{took}");
    }

    #[test]
    fn an_outage_costs_few_requests_and_its_end_is_heard_of_soon(
        secs in 1_u64..600, fraction in 0.0..1.0_f64,
    ) {
        let mut play = Play::default();
        (0..3).for_each(|_| play.ask());
        (0..3).rev().for_each(|which| play.end(which, Some(Health::Ill), fraction));
        prop_assert!(play.is_open);
        let calls = play.through_outage(secs, fraction);
        // Probes may come between two scouts: six until the penalty is the longest, then one in each.
        prop_assert!(calls as u64 <= secs + 6 + secs / 60, "{calls}");
        let took = play.recovers_in(0);
        prop_assert!(took <= 1_250 + 20, "{took}");
    }
}
