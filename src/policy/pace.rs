//! The rate that an upstream accepts, learnt from what it refuses (design §3.7).
//!
//! An upstream with a limit lets its rate through and answers the rest 429. So the share accepted,
//! times the pace at which we asked, is its rate: after a refusal the pace is cut to 0.95 × that,
//! but never by more than half at once. From there it grows by a small step with each success until
//! the next refusal. Requests are counted in *pace time*, each as the second's fraction it takes at
//! the pace at which it went: an idle night says nothing, neither for a rate nor against it.
//!
//! Four things keep that from going wrong:
//! - Answers to requests sent before a cut took hold never cut again; they only count as measure.
//! - A refusal with nothing accepted since the last one measures nothing. The pace is halved until
//!   something is accepted again, as when a quota for a minute is used up in ten seconds. What was
//!   accepted before the silence, over all the time until its end, is then the rate to return to.
//! - What was measured at a slower pace counts half each time the pace has grown by a tenth, so
//!   that a climb from far below is not taken for the upstream's rate.
//! - The step doubles when nothing is refused for long: the limit may have been raised.

use crate::base::time::Timestamp;

/// How much of what was accepted is asked for after a refusal.
const CAUTION: f64 = 0.95;
/// The slowest pace: a request a minute still finds out when more is accepted.
const SLOWEST: f64 = 1.0 / 60.0;
/// Accepted requests from which on their share is a measure, and not chance.
const ENOUGH: f64 = 20.0;
/// The step where the rate was measured, as a part of it. Larger ones find the limit too often,
/// and each time it costs what is under way; smaller ones do not use it up.
const FINE_STEP: f64 = 1.0 / 10_000.0;
/// The step where it was not.
const COARSE_STEP: f64 = 1.0 / 500.0;
/// Successes after which the step doubles.
const PATIENCE: u32 = 1_000;
/// Successes after which it doubles again, and again.
const IMPATIENCE: u32 = 250;
/// Fast growth doubles the pace in so many seconds ...
const DOUBLES_IN: f64 = 5.0;
/// ... but with one success by no less than this factor, and at most by 2.
const LEAST_FACTOR: f64 = 1.03;
/// In fast growth no success of a request sent at one pace is taken as proof of another that is
/// more than this factor faster: when answers take long, very many are under way.
const REACH: f64 = 1.25;
/// What was counted counts half when the pace has grown by this factor.
const FORGETTING: f64 = 1.1;

/// A rate, and what is known about it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Requests a second.
    rate: f64,
    /// What the rate never exceeds.
    ceiling: f64,
    growth: Growth,
    /// Answers since the last cut, those counting less that were sent at a slower pace.
    recent: Tally,
    /// The rate when `recent` was begun or last halved.
    recent_from: f64,
    /// Answers since the last silence ended, and those of one that has not ended.
    cycle: Tally,
    /// Whether nothing sent since the last cut was accepted, nor anything before it that was heard
    /// of later.
    silent: bool,
    /// The pace time without a refusal after which what was learnt from a silence is dropped.
    doubted_after: f64,
    /// Whether it was ever refused.
    learnt: bool,
}

/// What a success does.
#[derive(Clone, Copy, Debug)]
enum Growth {
    /// Multiplies the rate, until it reaches what is believed to be accepted.
    Fast { up_to: f64 },
    /// Adds a step.
    Steady {
        step: f64,
        /// Successes until it doubles.
        patience: u32,
    },
}

/// Answers to requests.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    accepted: f64,
    /// Pace time of the accepted and the refused.
    seconds: f64,
}

impl Pace {
    /// A rate that the settings name: it is believed in until it is refused, and never exceeded.
    pub fn given(rate: f64) -> Self {
        let growth = Growth::steady(0.0);
        Self {
            rate,
            ceiling: rate,
            growth,
            recent: Tally::default(),
            recent_from: rate,
            cycle: Tally::default(),
            silent: false,
            doubted_after: f64::INFINITY,
            learnt: false,
        }
    }

    /// After the first refusal ever; until then `accepted` requests a second went through, without
    /// any pace. That is a guess, so it grows fast until the next refusal.
    pub fn found(accepted: f64) -> Self {
        let rate = (CAUTION * accepted).max(1.0);
        Self {
            ceiling: f64::INFINITY,
            growth: Growth::Fast { up_to: f64::INFINITY },
            cycle: Tally { accepted, seconds: 1.0 },
            learnt: true,
            ..Self::given(rate)
        }
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether the upstream has refused it.
    pub fn is_learnt(&self) -> bool {
        self.learnt
    }

    /// A request that was sent at the pace `sent_at`, since the last cut, was accepted. `waited`:
    /// for the pace; only then does its success speak for a faster one.
    pub fn accept(&mut self, sent_at: f64, waited: bool) {
        if self.silent {
            self.end_silence();
        }
        self.count(sent_at, true);
        if waited {
            self.grow(sent_at);
        }
    }

    /// A request that was sent at the pace `sent_at`, since the last cut, was refused.
    pub fn refuse(&mut self, sent_at: f64) {
        self.count(sent_at, false);
        let measured = self.recent.measure().max(self.rate / 2.0);
        let rate = measured.max(SLOWEST).min(self.rate);
        self.silent = self.recent.accepted == 0.0;
        if !self.silent {
            let part = if self.recent.accepted < ENOUGH { COARSE_STEP } else { FINE_STEP };
            self.growth = Growth::steady(part * rate);
            self.doubted_after = f64::INFINITY;
        }
        self.rate = rate;
        self.recent = Tally::default();
        self.recent_from = rate;
        self.learnt = true;
    }

    /// What was heard of a request that was sent at the pace `sent_at`, before the last cut.
    pub fn overhear(&mut self, sent_at: f64, accepted: bool) {
        self.count(sent_at, accepted);
    }

    fn count(&mut self, sent_at: f64, accepted: bool) {
        self.recent.count(sent_at, accepted);
        self.cycle.count(sent_at, accepted);
    }

    /// Back to what was accepted on average, over the time before the silence and in it.
    fn end_silence(&mut self) {
        let is_measured = self.cycle.accepted >= ENOUGH;
        let up_to = if is_measured { self.cycle.measure() } else { f64::INFINITY };
        self.growth = Growth::Fast { up_to };
        self.doubted_after = 2.0 * self.cycle.seconds;
        self.cycle = Tally::default();
        self.silent = false;
    }

    fn grow(&mut self, sent_at: f64) {
        if self.cycle.seconds > self.doubted_after {
            self.growth = Growth::Fast { up_to: f64::INFINITY };
            self.doubted_after = f64::INFINITY;
        }
        let grown = match &mut self.growth {
            Growth::Fast { up_to } if self.rate < *up_to => {
                let factor = (1.0 / (DOUBLES_IN * self.rate)).exp2().clamp(LEAST_FACTOR, 2.0);
                let reach = sent_at * factor.max(REACH);
                (self.rate * factor).min(reach).min(*up_to)
            }
            Growth::Fast { .. } => {
                self.growth = Growth::steady(COARSE_STEP * self.rate);
                self.rate
            }
            Growth::Steady { step, patience } => {
                *patience = patience.saturating_sub(1);
                if *patience == 0 {
                    (*step, *patience) = (*step * 2.0, IMPATIENCE);
                }
                self.rate + *step
            }
        };
        self.rate = grown.min(self.ceiling).max(self.rate);
        if self.rate > FORGETTING * self.recent_from {
            self.recent = self.recent.halved();
            self.recent_from = self.rate;
        }
    }
}

impl Growth {
    const fn steady(step: f64) -> Self {
        Self::Steady { step, patience: PATIENCE }
    }
}

impl Tally {
    fn count(&mut self, sent_at: f64, accepted: bool) {
        self.seconds += sent_at.recip();
        self.accepted += if accepted { 1.0 } else { 0.0 };
    }

    /// A little less than the upstream's rate.
    fn measure(self) -> f64 {
        CAUTION * self.accepted / self.seconds
    }

    fn halved(self) -> Self {
        Self { accepted: self.accepted / 2.0, seconds: self.seconds / 2.0 }
    }
}

/// How many seconds back what was accepted is counted.
const SLOTS: u8 = 5;

/// How many requests were accepted in the last seconds, before there is a pace.
#[derive(Clone, Debug, Default)]
pub struct Lately {
    /// The number accepted in each of the last seconds, the newest first.
    slots: [u32; SLOTS as usize],
    /// The second of the first slot, since the clock's origin.
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

    /// Accepted a second: over the last seconds or, if that is less, over the time since the first
    /// was; over a second at least.
    pub fn rate(&mut self, now: Timestamp) -> f64 {
        self.turn(now);
        let accepted: f64 = self.slots.iter().copied().map(f64::from).sum();
        let oldest = self.second.saturating_sub(u64::from(SLOTS) - 1);
        let since = self.since.max(Timestamp::from_secs(oldest));
        accepted / now.since(since).as_secs_f64().max(1.0)
    }

    /// Whether none was.
    pub fn is_empty(&self, now: Timestamp) -> bool {
        let passed = whole_seconds(now).saturating_sub(self.second);
        passed >= u64::from(SLOTS) || self.slots.iter().all(|slot| *slot == 0)
    }

    /// Moves on to the present second.
    fn turn(&mut self, now: Timestamp) {
        let second = whole_seconds(now);
        let passed = second.saturating_sub(self.second).min(u64::from(SLOTS));
        for _ in 0..passed {
            self.slots.rotate_right(1);
            if let Some(newest) = self.slots.first_mut() {
                *newest = 0;
            }
        }
        self.second = self.second.max(second);
    }
}

fn whole_seconds(now: Timestamp) -> u64 {
    now.since(Timestamp::default()).as_secs()
}
