//! The rate that an upstream without published limits accepts, learnt from its refusals (design
//! §3.7).
//!
//! An upstream that limits lets its rate through and refuses the rest with 429. So after a refusal
//! the share that was accepted, times the pace at which we asked, is its rate: that is where the
//! pace is cut to, less 5 %, and never by more than half at once. From there it grows slowly while
//! answers succeed, until the next refusal. Only the time in which the pace was what held requests
//! back counts: an idle night says nothing.

use crate::base::time::Timestamp;
use std::time::Duration;

/// How much of what was accepted is asked for after a refusal.
const CAUTION: f64 = 0.95;
/// The slowest pace: a request a minute still finds out when more is accepted.
const SLOWEST: f64 = 1.0 / 60.0;
/// Requests in which the pace would double after the first cut, when little is known.
const FIRST_STEPS: f64 = 200.0;
/// Requests in which the pace regains what a cut took.
const STEPS: f64 = 1_000.0;
/// After so many requests without a refusal the step doubles: the limit may have been raised.
const PATIENCE: u32 = 500;

/// A learnt rate.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Requests a second.
    rate: f64,
    /// What is never exceeded.
    ceiling: f64,
    /// What each success adds to the rate.
    step: f64,
    /// Successes since the step last changed.
    unharmed: u32,
    /// Requests accepted since the last cut, of those sent since.
    accepted: f64,
    /// The seconds that all requests answered since the last cut took at the pace at which they went.
    seconds: f64,
    /// Whether it was ever cut.
    cut: bool,
}

impl Pace {
    /// A rate that the settings name: it is believed in until it is refused.
    pub fn given(rate: f64) -> Self {
        Self::new(rate, rate, 0.0)
    }

    /// After the first refusal ever, when `accepted` requests a second went through until then.
    pub fn found(accepted: f64) -> Self {
        let rate = (CAUTION * accepted).max(1.0);
        Self { cut: true, ..Self::new(rate, f64::INFINITY, rate / FIRST_STEPS) }
    }

    fn new(rate: f64, ceiling: f64, step: f64) -> Self {
        Self { rate, ceiling, step, unharmed: 0, accepted: 0.0, seconds: 0.0, cut: false }
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the upstream has ever refused this pace.
    pub fn is_learnt(&self) -> bool {
        self.cut
    }

    /// A request was accepted that was sent after the last cut, when the pace was `sent_at`.
    /// `waited`: for the pace; only then do more of them mean that a faster pace would do.
    pub fn accept(&mut self, sent_at: f64, waited: bool) {
        self.accepted += 1.0;
        self.seconds += sent_at.recip();
        if !waited || !self.cut {
            return;
        }
        self.rate = (self.rate + self.step).min(self.ceiling);
        self.unharmed += 1;
        if self.unharmed >= PATIENCE {
            self.unharmed = 0;
            self.step *= 2.0;
        }
    }

    /// A request was refused that was sent after the last cut, when the pace was `sent_at`.
    pub fn refuse(&mut self, sent_at: f64) {
        self.seconds += sent_at.recip();
        let accepted = CAUTION * self.accepted / self.seconds;
        let rate = accepted.max(self.rate / 2.0).max(SLOWEST).min(self.rate);
        let step = (self.rate - rate) / STEPS;
        *self = Self { cut: true, ..Self::new(rate, self.ceiling, step) };
    }
}

/// How long what was accepted is remembered, in slots of a second.
const SLOTS: usize = 5;

/// How many requests were accepted in the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    /// The number accepted in each of the last seconds, the newest first.
    slots: [u32; SLOTS],
    /// The second that the first slot counts, since the clock's origin.
    second: u64,
    /// When the first of them was accepted.
    since: Timestamp,
}

impl Lately {
    /// One was accepted.
    pub fn count(&mut self, now: Timestamp) {
        self.turn(now);
        if self.slots.iter().all(|slot| *slot == 0) {
            self.since = now;
        }
        if let Some(newest) = self.slots.first_mut() {
            *newest = newest.saturating_add(1);
        }
    }

    /// Accepted a second, over the last seconds or since the first if that is less long ago; a
    /// second at least.
    pub fn rate(&mut self, now: Timestamp) -> f64 {
        self.turn(now);
        let accepted: f64 = self.slots.iter().copied().map(f64::from).sum();
        let window = Duration::from_secs(5);
        let span = now.since(self.since).min(window);
        accepted / span.as_secs_f64().max(1.0)
    }

    /// Moves the slots on to the present second.
    fn turn(&mut self, now: Timestamp) {
        let second = now.since(Timestamp::default()).as_secs();
        let passed = second.saturating_sub(self.second);
        let passed = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
        self.slots.rotate_right(passed);
        self.slots.iter_mut().take(passed).for_each(|slot| *slot = 0);
        self.second = self.second.max(second);
    }
}
