//! An upstream that has a limit and does not tell it, clients that want more than that, and the budget
//! between them: without a network, on a clock that jumps from one event to the next. Timers are late
//! by up to a millisecond.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::policy::budget::Budget;
use verifik_gateway::policy::budget::Hearing;
use verifik_gateway::policy::budget::Spent;
use verifik_gateway::policy::budget::Terms;
use verifik_gateway::policy::budget::Told;

/// What the upstream lets in.
pub enum Limit {
    /// A token bucket.
    Bucket { rate: f64, burst: f64, tokens: f64, at: Timestamp },
    /// So many in each span.
    Quota { most: f64, span: Duration, used: f64, ends_at: Timestamp },
}

impl Limit {
    pub fn bucket(rate: f64, burst: f64) -> Self {
        Self::Bucket { rate, burst, tokens: burst, at: Timestamp::default() }
    }

    pub fn quota(most: f64, secs: f64) -> Self {
        let span = Duration::from_secs_f64(secs);
        Self::Quota { most, span, used: 0.0, ends_at: Timestamp::default() }
    }

    fn lets_in(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Bucket { rate, burst, tokens, at } => {
                *tokens = rate.mul_add(now.since(*at).as_secs_f64(), *tokens).min(*burst);
                *at = now;
                let lets_in = *tokens >= 1.0 - 1e-9;
                *tokens -= if lets_in { 1.0 } else { 0.0 };
                lets_in
            }
            Self::Quota { most, span, used, ends_at } => {
                if now >= *ends_at {
                    (*used, *ends_at) = (0.0, now.after(*span));
                }
                *used += 1.0;
                used <= most
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Event {
    Arrival(Spent),
    Answer(Spent, bool),
    Timer,
}

/// Clients who want more than they get, a budget, and an upstream.
pub struct World {
    pub now: Timestamp,
    pub budget: Budget,
    pub limit: Limit,
    /// There and back, in microseconds; drawn for each request.
    latency: Range<u64>,
    events: BTreeMap<(Timestamp, u64), Event>,
    scheduled: u64,
    timer: Option<Timestamp>,
    /// How many still want to go. What is refused wants to go again.
    pub wanting: u32,
    under_way: u32,
    /// How many may be under way.
    places: u32,
    waited: bool,
    chance: Rng,
    pub accepted: u32,
    pub refused: u32,
    pub sent: u32,
}

impl World {
    /// `latency`: in milliseconds, and by how many it may be more.
    pub fn new(terms: Terms, limit: Limit, latency: (u64, u64)) -> Self {
        let now = Timestamp::from_secs(1_000).after(Duration::from_nanos(123_456));
        Self {
            now,
            budget: Budget::new(terms, now),
            limit,
            latency: latency.0 * 1_000..(latency.0 + latency.1) * 1_000 + 1,
            events: BTreeMap::new(),
            scheduled: 0,
            timer: None,
            wanting: u32::MAX,
            under_way: 0,
            places: 256,
            waited: false,
            chance: Rng::with_seed(7),
            accepted: 0,
            refused: 0,
            sent: 0,
        }
    }

    /// Goes on for so many seconds. How many were accepted, and how many refused.
    pub fn run(&mut self, secs: f64) -> (f64, f64) {
        let before = (self.accepted, self.refused);
        let end = self.now.after(Duration::from_secs_f64(secs));
        self.send();
        while let Some(next) = self.events.first_entry().filter(|next| next.key().0 <= end) {
            self.now = next.key().0;
            let event = next.remove();
            self.happens(event);
        }
        self.now = end;
        (f64::from(self.accepted - before.0), f64::from(self.refused - before.1))
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrival(spent) => {
                let lets_in = self.limit.lets_in(self.now);
                self.travel(Event::Answer(spent, lets_in));
            }
            Event::Answer(spent, accepted) => {
                self.under_way -= 1;
                let told = if accepted { Told::Accepted } else { Told::Limited };
                let hearing = Hearing { told, retry_after: None, quota: None };
                self.budget.heard(spent, &hearing, self.now);
                self.accepted += u32::from(accepted);
                self.refused += u32::from(!accepted);
                self.wanting = self.wanting.saturating_add(u32::from(!accepted));
                self.send();
            }
            Event::Timer if self.timer == Some(self.now) => {
                self.timer = None;
                self.send();
            }
            Event::Timer => {}
        }
    }

    fn send(&mut self) {
        while self.under_way < self.places && self.wanting > 0 {
            let ready_at = self.budget.ready_at(0, self.now);
            if ready_at > self.now {
                self.waited = true;
                return self.sleep_until(ready_at);
            }
            let spent = self.budget.spend(self.waited, self.now);
            self.waited = false;
            self.under_way += 1;
            self.sent += 1;
            self.wanting -= u32::from(self.wanting < u32::MAX);
            self.travel(Event::Arrival(spent));
        }
    }

    /// Timers ring at the next whole millisecond.
    fn sleep_until(&mut self, moment: Timestamp) {
        let millis = moment.since(Timestamp::default()).as_nanos().div_ceil(1_000_000);
        let moment = Timestamp::default().after(Duration::from_millis(millis.try_into().unwrap()));
        if self.timer.is_none_or(|timer| timer <= self.now || moment < timer) {
            self.timer = Some(moment);
            self.schedule(moment, Event::Timer);
        }
    }

    fn travel(&mut self, event: Event) {
        let micros = self.chance.u64(self.latency.clone()) / 2;
        self.schedule(self.now.after(Duration::from_micros(micros)), event);
    }

    fn schedule(&mut self, moment: Timestamp, event: Event) {
        self.scheduled += 1;
        self.events.insert((moment, self.scheduled), event);
    }

    pub fn limit_to(&mut self, new: f64) {
        if let Limit::Bucket { rate, .. } = &mut self.limit {
            *rate = new;
        }
    }
}
